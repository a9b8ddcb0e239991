package service_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// Each command of the host is done again as it was. There is none that rooms know and this test
// does not.
func TestRedoOfCommands(t *testing.T) {
	var mu sync.Mutex
	redone := map[string]bool{}
	for _, as := range []muc.JID{{}, muc.MustParseJID(romeo)} {
		for i := range commandsFor(muc.JID{}, "", "", "") {
			bubbles(t, fmt.Sprint(i, as), func(t *testing.T) {
				steady, _ := newFullRoom(t)
				mortal, again := newFullRoom(t)
				cmd := commandsFor(muc.MustParseJID(juliet), "J", steady.asks[0].ID, steady.said())[i]
				mortal.process.mute.Store(true)
				steady.orders(as, cmd)
				events := mortal.orders(as, cmd)
				sleep(time.Second)
				mortal.kill()
				if assert.Equal(t, len(events) > 0, *again > 0, "%T", cmd); *again > 0 {
					mu.Lock()
					redone[reflect.Indirect(reflect.ValueOf(cmd)).Type().Name()] = true
					mu.Unlock()
				}
				for _, who := range peopleOfKills {
					want, got := steady.heard(who), mortal.heard(who)
					if *again == 0 {
						got = want // of what failed nobody hears, and nobody submits it again
					}
					assert.Equal(t, want, got, "%T", cmd)
				}
			})
		}
	}
	t.Cleanup(func() {
		for _, name := range commandsOfCore(t) {
			assert.True(t, redone[name] || slices.Contains([]string{"Create", "ImportMessage", "DecideRegistration"}, name), "%s did nothing here", name)
		}
	})
}

// So are those that are for other rooms than that of TestRedoOfCommands.
func TestRedoOfOtherCommands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		again := 0
		h := newLiveHost(t, func(h *host) {
			h.config.Room.Registration = muc.RegistrationApproved
			h.config.Observer.Redone = func(same bool) {
				assert.True(t, same)
				again++
			}
		})
		for i, cmd := range []muc.Command{
			muc.Create{Owner: muc.MustParseJID(romeo), Config: muc.RoomConfig{Persistent: true}},
			muc.ImportMessage{Message: parse("<message><body>before</body></message>"), Nick: "N", JID: muc.MustParseJID(juliet), StanzaID: "x"},
			muc.DecideRegistration{JID: muc.MustParseJID(juliet), Allow: true},
		} {
			h.send("<iq type='set' id='r' from='%s' to='cellar@chat.example'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"+
				"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>"+
				"<field var='muc#register_roomnick'><value>Juliet</value></field></x></query></iq>", juliet)
			h.process.mute.Store(true)
			require.NotEmpty(t, h.orders(muc.JID{}, cmd), "%T", cmd)
			h.kill()
			assert.Equal(t, i+1, again)
		}
	})
}

// orders has the room do a command, whatever comes of it.
func (h *host) orders(as muc.JID, cmd muc.Command) (events []event.Event) {
	if as.IsZero() {
		events, _ = h.service.Do(h.t.Context(), at("cellar"), cmd)
	} else {
		events, _ = h.service.DoAs(h.t.Context(), at("cellar"), as, cmd)
	}
	synctest.Wait()
	return events
}

// newFullRoom is a room in which nearly every command has something to do, and counts the steps
// that are done again.
func newFullRoom(t *testing.T) (h *host, again *int) {
	again, blocks := new(int), false
	h = newLiveHost(t, func(h *host) {
		h.config.Observer.Redone = func(same bool) {
			assert.True(t, same)
			*again++
		}
		h.config.Room.IsBlocked = func(who muc.JID) bool { return blocks && who.Local() == "tybalt" }
		h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
		h.config.Question = func(_ context.Context, _ muc.JID, ask muc.Question) { h.asks = append(h.asks, ask) }
	})
	h.join(romeo, "cellar", "R")
	h.join(juliet, "cellar", "J")
	h.join(tybalt, "cellar", "T")
	h.say(juliet, "cellar", "said")
	h.send("<iq type='get' id='a' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", juliet)
	for _, cmd := range []muc.Command{muc.Join{JID: muc.MustParseJID("bot@example.org"), Nick: "Puppet"}, muc.CreateHat{URI: "urn:h", Title: "Hat"},
		muc.AssignHat{JID: muc.MustParseJID(juliet), URI: "urn:h"}, muc.SetAffiliation{JID: muc.MustParseJID(juliet), Affiliation: muc.Member}} {
		require.NotEmpty(t, h.orders(muc.JID{}, cmd))
	}
	h.forget()
	blocks = true
	return h, again
}

// said is the id of what was said first.
func (h *host) said() string {
	saved, err := h.store.Load(h.t.Context(), at("cellar"))
	require.NoError(h.t, err)
	for _, step := range saved.Steps {
		for _, ev := range step.Events {
			if m := ev.Archived(); m != nil {
				return m.StanzaID
			}
		}
	}
	h.t.Fatal("nothing was said")
	return ""
}

var commandMethod = regexp.MustCompile(`func \(c (\w+)\) do\(t \*step\) error`)

// commandsOfCore are the names of all commands of rooms.
func commandsOfCore(t *testing.T) (names []string) {
	files, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range commandMethod.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	require.NotEmpty(t, names)
	return names
}

// What a limit of the service refused is refused again, and what it let pass passes, whatever is
// so when it is done again.
func TestRedoOfQuotas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var said []string
		for _, dies := range []bool{false, true} {
			var again atomic.Int64
			h := newLiveHost(t, func(h *host) {
				h.config.Limits.PersonCreated, h.config.Limits.PersonQuestions = 1, 1
				h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
				h.config.Question = func(context.Context, muc.JID, muc.Question) {}
				h.config.Observer.Redone = func(same bool) {
					assert.True(t, same)
					again.Add(1)
				}
			})
			h.process.mute.Store(dies)
			release := h.store.gate()
			for _, room := range []string{"cellar", "garden"} { // one of which is one too many
				h.join(romeo, room, "Romeo")
			}
			for i := range 2 {
				h.send("<iq type='get' id='a%d' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", i, romeo)
				h.send("<message type='groupchat' from='%s' to='cellar@chat.example'><body>%d</body></message>", romeo, i)
			}
			release()
			synctest.Wait()
			if dies {
				h.kill()
				assert.NotZero(t, again.Load())
			}
			got := h.heard(romeo)
			if !dies {
				said = got
				refused(t, parse(got[len(got)-1]), "resource-constraint", "wait")
			} else {
				assert.Equal(t, said[:len(said)-1], got, "but for what was refused alone, of which nothing is stored")
			}
			// Both count as before.
			h.join(romeo, "attic", "Romeo")
			refused(t, h.only(romeo), "resource-constraint", "wait")
			h.send("<iq type='get' id='a' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", romeo)
			refused(t, h.only(romeo), "resource-constraint", "wait")
			_, err := h.do("cellar", muc.Destroy{})
			require.NoError(t, err)
			h.forget()
			h.join(romeo, "attic", "Romeo")
			assert.True(t, entered(h.got(romeo)))
			h.send("<iq type='get' id='a' from='%s' to='attic@chat.example'><x xmlns='urn:example:asked'/></iq>", romeo)
			assert.Empty(t, h.got(romeo))
		}
	})
}
