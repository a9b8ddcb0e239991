package service_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

func failure(name string) string {
	return "<error type='cancel'><" + name + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
}

// bounce says that a message to somebody did not arrive.
func (h *host) bounce(who, room, condition string) {
	h.t.Helper()
	h.send("<message type='error' from='%s' to='%s@chat.example/Romeo'>%s</message>", who, room, failure(condition))
}

// A client that a message did not reach is asked; the answer says whether it is there.
//
// rows: L11
func TestGhosts(t *testing.T) {
	for answer, gone := range map[string]bool{
		"type='result' from='juliet@example.org/balcony'>":                                     false,
		"type='error' from='juliet@example.org/balcony'>" + failure("feature-not-implemented"): false,
		"type='error' from='juliet@example.org/balcony'>" + failure("service-unavailable"):     true,
		"type='error' from='juliet@example.org/balcony'>" + failure("remote-server-timeout"):   true,
		"type='result' from='juliet@example.org/balcony'>" + failure("service-unavailable"):    false,
		"type='error' from='juliet@example.org/balcony'><error><text/><cat/></error>":          false,
	} {
		t.Run(answer, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHost(t, nil)
				h.join(juliet, "cellar", "Juliet")
				h.join(juliet, "garden", "Juliet")
				h.forget()
				h.bounce(juliet, "cellar", "service-unavailable")
				ping := h.only(juliet)
				assert.Equal(t, "cellar@chat.example", ping.SelectAttrValue("from", ""))
				assert.Equal(t, "get", ping.SelectAttrValue("type", ""))
				assert.Equal(t, "urn:xmpp:ping", ping.SelectElement("ping").SelectAttrValue("xmlns", ""))
				iq := fmt.Sprintf("<iq to='cellar@chat.example' id='%s' %s</iq>", ping.SelectAttrValue("id", ""), answer)
				h.send("%s", strings.ReplaceAll(iq, "juliet", "tybalt"))
				assert.Equal(t, 2, h.service.Stats().Occupants, "another one's answer")
				h.send("%s", iq)
				assert.Equal(t, gone, h.service.Stats().Occupants < 2)
				h.join(juliet, "cellar", "Juliet")
				left := h.service.Stats().Occupants
				h.send("%s", iq)
				assert.Equal(t, left, h.service.Stats().Occupants, "it was answered")
			})
		})
	}
}

// Who is gone is gone from all rooms.
func TestGhostOfManyRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for i := range 3 {
			h.join(juliet, fmt.Sprint("room", i), "Juliet")
			h.join(romeo, fmt.Sprint("room", i), "Romeo")
		}
		h.forget()
		h.bounce(juliet, "room1", "service-unavailable")
		h.send("<iq type='error' id='%s' from='%s' to='room1@chat.example'>%s</iq>",
			h.only(juliet).SelectAttrValue("id", ""), juliet, failure("service-unavailable"))
		assert.Len(t, h.got(romeo), 3)
		assert.Equal(t, service.Stats{Rooms: 3, Listed: 3, Occupants: 3, Sessions: 1}, h.counts())
	})
}

// Other errors and answers are the rooms' business, and who is not inside is nobody's.
func TestGhostsLeaveAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		for _, text := range []string{
			"<message type='error' from='juliet@example.org/balcony' to='cellar@chat.example'>" + failure("not-acceptable") + "</message>",
			"<message type='error' from='juliet@example.org/balcony' to='garden@chat.example'>" + failure("service-unavailable") + "</message>",
			"<message type='error' from='juliet@example.org/balcony' to='chat.example'>" + failure("service-unavailable") + "</message>",
			"<message type='error' from='juliet@example.org' to='cellar@chat.example'>" + failure("service-unavailable") + "</message>",
			"<message type='error' from='tybalt@example.org/street' to='cellar@chat.example'>" + failure("service-unavailable") + "</message>",
			"<message type='error' from='juliet@example.org/balcony' to='cellar@chat.example'/>",
			"<presence type='error' from='juliet@example.org/balcony' to='cellar@chat.example'>" + failure("service-unavailable") + "</presence>",
			"<iq type='error' id='1' from='juliet@example.org/balcony' to='cellar@chat.example'>" + failure("service-unavailable") + "</iq>",
			"<iq type='error' from='juliet@example.org/balcony' to='cellar@chat.example'>" + failure("service-unavailable") + "</iq>",
		} {
			h.send("%s", text)
			assert.Empty(t, h.order, text)
		}
		assert.Equal(t, 1, h.service.Stats().Occupants)
	})
}

// A client is asked once a minute, however much does not reach it and whether it
// answers or not.
func TestGhostsAreAskedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		h.bounce(juliet, "cellar", "service-unavailable")
		ping := h.only(juliet)
		h.bounce(juliet, "cellar", "service-unavailable")
		h.send("<iq type='result' id='%s' from='%s' to='cellar@chat.example'/>", ping.SelectAttrValue("id", ""), juliet)
		h.bounce(juliet, "cellar", "service-unavailable")
		assert.Empty(t, h.got(juliet))
		sleep(time.Minute)
		h.bounce(juliet, "cellar", "service-unavailable")
		assert.NotEqual(t, ping.SelectAttrValue("id", ""), h.only(juliet).SelectAttrValue("id", ""))
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet)))
		synctest.Wait()
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		h.bounce(juliet, "cellar", "service-unavailable")
		h.only(juliet) // it came anew
	})
}

// All who are inside are asked, each once and a few at a time, and those who are gone are put
// out of all rooms. Somebody who comes back in the meantime gets the nick that the ghost has.
func TestAskAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		const back = "juliet@example.org/later"
		for _, room := range []string{"cellar", "garden"} {
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
		}
		for i := range 98 {
			h.join(fmt.Sprintf("person%d@example.org/o", i), "hall", fmt.Sprint("P", i))
		}
		h.join(back, "cellar", "Juliet")
		h.forget()
		h.service.AskAll()
		asked := func() (n int) {
			for _, came := range h.inbox {
				for _, el := range came {
					if isPing(el) {
						n++
					}
				}
			}
			return n
		}
		sleep(time.Second)
		assert.Equal(t, 50, asked())
		h.service.AskAll() // begins anew
		sleep(time.Minute)
		assert.Equal(t, 101, asked(), "and nobody twice")
		ping, here := h.only(juliet), h.only(back)
		h.forget()
		h.send("<iq type='result' id='%s' from='%s' to='%s'/>", here.SelectAttrValue("id", ""), back, here.SelectAttrValue("from", ""))
		h.send("<iq type='error' id='%s' from='%s' to='%s'>%s</iq>", ping.SelectAttrValue("id", ""), juliet, ping.SelectAttrValue("from", ""), failure("service-unavailable"))
		gone := h.got(romeo)
		require.NotEmpty(t, gone)
		assert.Equal(t, "garden@chat.example/Juliet", gone[len(gone)-1].SelectAttrValue("from", ""))
		for _, el := range gone {
			if el.SelectAttrValue("from", "") == "cellar@chat.example/Juliet" {
				assert.Empty(t, el.SelectAttrValue("type", ""), "the nick is still somebody's: "+text(el))
			}
		}
		assert.Equal(t, 102-1, h.service.Stats().Occupants)

		sleep(time.Minute)
		h.service.AskAll()
		sleep(time.Minute)
		assert.Equal(t, 100, asked(), "after a minute all are asked again")
		h.service.AskAll()
		require.NoError(t, h.service.Shutdown(t.Context(), "")) // which ends it
	})
}

// What could not be delivered puts the session out that is not there, and answers who
// waits for it.
func TestUndelivered(t *testing.T) {
	for name, say := range map[string]func(h *host){
		"a message": func(h *host) { h.say(romeo, "cellar", "But soft!") },
		"a presence": func(h *host) {
			h.send("<presence from='%s' to='cellar@chat.example/Romeo'><show>away</show></presence>", romeo)
		},
		"a request": func(h *host) {
			h.send("<iq type='get' id='v' from='%s' to='cellar@chat.example/Juliet'><query xmlns='jabber:iq:version'/></iq>", romeo)
		},
	} {
		bubbles(t, name, func(t *testing.T) {
			h := newHost(t, nil)
			h.join(romeo, "cellar", "Romeo")
			h.join(juliet, "cellar", "Juliet")
			h.forget()
			h.before = func(s service.Stanza) {
				for _, to := range s.To() {
					if to.String() == juliet {
						assert.NoError(t, h.service.Undelivered(t.Context(), s, to))
					}
				}
			}
			say(h)
			assert.Equal(t, 1, h.service.Stats().Occupants)
			got := h.got(romeo)
			require.Len(t, got, 2)
			if name == "a request" {
				refused(t, got[0], "recipient-unavailable", "wait")
			}
			assert.Equal(t, "unavailable", got[1].SelectAttrValue("type", ""))
		})
	}
	bubbles(t, "to an account", func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.before = func(s service.Stanza) {
			assert.NoError(t, h.service.Undelivered(t.Context(), s, s.To()[0].Bare()))
		}
		h.say(romeo, "cellar", "But soft!")
		assert.Equal(t, 1, h.service.Stats().Occupants)
	})
}

// A puppet that goes by the address of somebody inside leaves alone.
func TestPuppetOfSomebodyInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		for _, cmd := range []muc.Command{muc.Join{JID: muc.MustParseJID(romeo), Nick: "Puppet"}, muc.Leave{Nick: "Puppet"}} {
			_, err := h.do("cellar", cmd)
			require.NoError(t, err)
		}
		assert.Equal(t, []muc.JID{at("cellar")}, h.service.Where(muc.MustParseJID(romeo)))
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(romeo)))
		synctest.Wait()
		assert.Zero(t, h.service.Stats().Occupants)
	})
}
