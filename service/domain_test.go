package service_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

const (
	info  = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
	items = "<query xmlns='http://jabber.org/protocol/disco#items'>%s</query>"
)

// rows: B1, B2, B8, J25
func TestServiceInfo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Name = "Chat & more"
			h.config.Software = &service.Software{Name: "verona", Version: "1"}
		})
		got := h.ask(romeo, "chat.example", info)
		assert.Equal(t, "result", got.SelectAttrValue("type", ""))
		assert.Equal(t, "chat.example", got.SelectAttrValue("from", ""))
		assert.Equal(t, "q1", got.SelectAttrValue("id", ""))
		identity := got.FindElement("query/identity")
		require.NotNil(t, identity)
		assert.Equal(t, "conference text Chat & more", identity.SelectAttrValue("category", "")+" "+
			identity.SelectAttrValue("type", "")+" "+identity.SelectAttrValue("name", ""))
		var features []string
		for _, f := range got.FindElements("query/feature") {
			features = append(features, f.SelectAttrValue("var", ""))
		}
		assert.Equal(t, []string{"http://jabber.org/protocol/muc", "http://jabber.org/protocol/muc#stable_id",
			"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/rsm",
			"http://jabber.org/protocol/muc#unique", "urn:xmpp:ping", "jabber:iq:version", "vcard-temp", "urn:xmpp:channel-search:0:search",
			"http://jabber.org/protocol/caps", "urn:xmpp:caps"}, features)
	})
}

// What the service tells of itself it does: nothing else is in its features.
//
// rows: B2, J25
func TestServiceAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Software = &service.Software{Name: "verona", Version: "1", OS: "plan 9"}
		})
		for payload, want := range map[string]string{
			"<ping xmlns='urn:xmpp:ping'/>":         "",
			"<query xmlns='jabber:iq:version'/>":    `<query xmlns="jabber:iq:version"><name>verona</name><version>1</version><os>plan 9</os></query>`,
			"<vCard xmlns='vcard-temp'/>":           `<vCard xmlns="vcard-temp"><FN>Chat rooms</FN></vCard>`,
			"<pre:ping xmlns:pre='urn:xmpp:ping'/>": "",
			fmt.Sprintf(items, ""):                  `<query xmlns="http://jabber.org/protocol/disco#items"/>`,
		} {
			got := h.ask(romeo, "chat.example", payload)
			assert.Equal(t, "result", got.SelectAttrValue("type", ""), payload)
			var inner string
			for _, kid := range got.ChildElements() {
				inner += text(kid)
			}
			assert.Equal(t, want, inner)
		}
	})
}

func TestServiceRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for payload, condition := range map[string]string{
			"<query xmlns='jabber:iq:version'/>": "service-unavailable", // nothing to tell
			"<query xmlns='urn:example:no'/>":    "service-unavailable",
			"<other xmlns='urn:xmpp:ping'/>":     "service-unavailable",
			"":                                   "bad-request",
			"<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>":                          "bad-request",
			"<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>":                     "item-not-found",
			"<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>":                    "item-not-found",
			fmt.Sprintf(items, "<set xmlns='http://jabber.org/protocol/rsm'><max>-1</max></set>"): "bad-request",
		} {
			got := h.ask(romeo, "chat.example", payload)
			e := got.SelectElement("error")
			require.NotNil(t, e, payload)
			assert.NotNil(t, e.SelectElement(condition), "%s: %s", payload, text(got))
		}
		h.send(`<iq type='set' id='s' from='%s' to='chat.example'><ping xmlns='urn:xmpp:ping'/></iq>`, romeo)
		refused(t, h.only(romeo), "service-unavailable", "cancel")
		h.send(`<iq type='get' from='%s' to='chat.example'><ping xmlns='urn:xmpp:ping'/></iq>`, romeo)
		refused(t, h.only(romeo), "bad-request", "modify")
		h.send(`<message from='%s' to='chat.example'><body>hello?</body></message>`, romeo)
		refused(t, h.only(romeo), "service-unavailable", "cancel")
	})
}

// What must not be answered is not, and what cannot be is not either.
func TestServiceIsSilent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for _, stanza := range []string{
			"<iq type='result' id='1' from='%s' to='chat.example'/>",
			"<iq type='error' id='1' from='%s' to='chat.example'/>",
			"<message type='error' from='%s' to='chat.example'/>",
			"<presence from='%s' to='chat.example'/>",
			"<presence type='unavailable' from='%s' to='nobody@chat.example/x'/>",
			"<presence type='error' from='%s' to='nobody@chat.example'/>",
			"<iq type='result' id='1' from='%s' to='&quot;@chat.example'/>",
		} {
			h.send(stanza, romeo)
			assert.Empty(t, h.got(romeo), stanza)
		}
		assert.Zero(t, h.service.Stats().Rooms)
	})
}

func TestHostFaults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for stanza, want := range map[string]error{
			"<presence from='a@b/c' to='room@elsewhere.example'/>": muc.ErrNotForRoom,
			"<presence from='a@b/c' to='room@sub.chat.example'/>":  muc.ErrNotForRoom,
			"<presence from='a@b/c'/>":                             muc.ErrNotForRoom,
			"<presence to='room@chat.example/nick'/>":              muc.ErrNoFrom,
			"<presence from='' to='room@chat.example/nick'/>":      muc.ErrNoFrom,
			"<iq type='get' id='1' to='chat.example'/>":            muc.ErrNoFrom,
			"<handshake/>": muc.ErrNotStanza,
		} {
			assert.ErrorIs(t, handle(t.Context(), h.service, parse(stanza)), want, stanza)
		}
		assert.ErrorIs(t, h.service.Handle(t.Context(), muc.JID{}, nil), muc.ErrNilStanza)
		spoofed := parse("<iq type='get' id='1' from='juliet@example.org/x' to='chat.example'><ping xmlns='urn:xmpp:ping'/></iq>")
		assert.ErrorIs(t, h.service.Handle(t.Context(), muc.JID{}, spoofed), muc.ErrNoFrom)
		assert.Empty(t, h.order)
	})
}

// An address finds its room however it is written.
func TestAddresses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("größe")
		for _, to := range []string{"größe@chat.example", "GRÖSSE@chat.example", "Größe@CHAT.Example.", "gro\u0308ße@chat.example"} {
			got := h.ask(romeo, to, info)
			if to == "GRÖSSE@chat.example" { // ß and ss are two names
				refused(t, got, "item-not-found", "cancel")
				continue
			}
			assert.Equal(t, "result", got.SelectAttrValue("type", ""), to)
		}
		refused(t, h.ask(romeo, "a b@chat.example", info), "jid-malformed", "modify")
		refused(t, h.ask(romeo, "@chat.example", info), "jid-malformed", "modify")
	})
}

// rows: P3, J25
func TestUniqueNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		strict := false
		h := newHost(t, func(h *host) {
			h.config.RoomName = func(local string) *muc.StanzaError {
				if strict && len(local) > 10 {
					return &muc.StanzaError{Condition: stanza.NotAllowed}
				}
				return nil
			}
		})
		unique := "<unique xmlns='http://jabber.org/protocol/muc#unique'/>"
		seen := map[string]bool{}
		for range 100 {
			name := h.ask(romeo, "chat.example", unique).FindElement("unique").Text()
			assert.False(t, seen[name])
			seen[name] = true
			assert.Equal(t, name, at(name).Local(), "normal already")
		}
		for name := range seen {
			h.join(romeo, name, "Romeo")
			assert.Equal(t, "110 201", statuses(h.got(romeo)[0]))
			break
		}
		strict = true // names that nobody may use are not offered
		refused(t, h.ask(romeo, "chat.example", unique), "service-unavailable", "cancel")
		assert.NotContains(t, text(h.ask(romeo, "chat.example", info)), "muc#unique")
	})
}

// page is an answer to a request for a page: the localparts, and the set.
func (h *host) page(set string) (rooms []string, rsm *etree.Element) {
	h.t.Helper()
	if set != "" {
		set = "<set xmlns='http://jabber.org/protocol/rsm'>" + set + "</set>"
	}
	got := h.ask(romeo, "chat.example", fmt.Sprintf(items, set))
	for _, item := range got.FindElements("query/item") {
		rooms = append(rooms, muc.MustParseJID(item.SelectAttrValue("jid", "")).Local())
	}
	return rooms, got.FindElement("query/set")
}

// rows: B3, B4, J25
func TestListInPages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits.Page = 150 })
		none, set := h.page("<max>2</max>")
		assert.Empty(t, none)
		assert.Nil(t, set, "a list of nothing has no parts")
		var public []string
		for i := range 1000 {
			name := fmt.Sprintf("room%03d", i*7%1000)
			h.lasting(name, func(c *muc.RoomConfig) { c.Hidden = i*7%1000%4 == 3 })
		}
		for i := range 1000 {
			if i%4 != 3 {
				public = append(public, fmt.Sprintf("room%03d", i))
			}
		}
		rooms, rsm := h.page("")
		assert.Equal(t, public[:150], rooms, "not all at once, though nobody asked for pages")
		assert.Equal(t, "750", rsm.SelectElement("count").Text())

		var forwards, backwards []string
		for next := "<max>70</max>"; ; next = "<max>70</max><after>" + rsm.SelectElement("last").Text() + "</after>" {
			rooms, rsm = h.page(next)
			assert.Equal(t, "750", rsm.SelectElement("count").Text())
			if len(rooms) == 0 {
				assert.Nil(t, rsm.SelectElement("first"))
				break
			}
			assert.Equal(t, fmt.Sprint(len(forwards)), rsm.SelectElement("first").SelectAttrValue("index", ""))
			forwards = append(forwards, rooms...)
		}
		assert.Equal(t, public, forwards)
		for next := "<max>70</max><before/>"; ; next = "<max>70</max><before>" + rsm.SelectElement("first").Text() + "</before>" {
			if rooms, rsm = h.page(next); len(rooms) == 0 {
				break
			}
			backwards = append(rooms, backwards...)
		}
		assert.Equal(t, public, backwards)

		rooms, _ = h.page("<max>2</max><index>748</index>")
		assert.Equal(t, public[748:], rooms)
		rooms, _ = h.page("<max>1000</max>")
		assert.Equal(t, public[:150], rooms)
		rooms, _ = h.page("<max>2</max><index>9999</index>")
		assert.Empty(t, rooms)
		rooms, rsm = h.page("<max>0</max>")
		assert.Empty(t, rooms)
		assert.Equal(t, "750", rsm.SelectElement("count").Text())
		rooms, _ = h.page("<max>1</max><after>room003@chat.example</after>") // hidden, and yet a place
		assert.Equal(t, []string{"room004"}, rooms)
	})
}

// The list follows what becomes of rooms.
//
// rows: B3
func TestListFollows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Room.Instant = false })
		list := func() string {
			rooms, _ := h.page("")
			return strings.Join(rooms, " ")
		}
		h.lasting("open")
		h.join(romeo, "locked", "Romeo")
		assert.Equal(t, "open", list(), "nobody can enter a locked room")
		h.send(`<iq type='set' id='c' from='%s' to='locked@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'>
			<x xmlns='jabber:x:data' type='submit'/></query></iq>`, romeo)
		assert.Equal(t, "locked open", list())
		h.forget()
		item := h.ask(tybalt, "chat.example", fmt.Sprintf(items, "")).FindElement("query/item")
		assert.Equal(t, "locked", item.SelectAttrValue("name", ""), "of a room without one, its address as people read it")
		_, err := h.do("open", muc.Reset{Config: muc.RoomConfig{Persistent: true, Name: "The <open> one"}})
		require.NoError(t, err)
		item = h.ask(tybalt, "chat.example", fmt.Sprintf(items, "")).FindElements("query/item")[1]
		assert.Equal(t, "The <open> one", item.SelectAttrValue("name", ""))
		_, err = h.do("open", muc.Reset{Config: muc.RoomConfig{Persistent: true, Hidden: true}})
		require.NoError(t, err)
		assert.Equal(t, "locked", list())
		h.leave(romeo, "locked", "Romeo")
		assert.Empty(t, list(), "a temporary room ends")
		_, err = h.do("open", muc.Reset{Config: muc.RoomConfig{Persistent: true}})
		require.NoError(t, err)
		assert.Equal(t, "open", list())
		h.stop()
		h.start()
		assert.Equal(t, "open", list(), "after a restart")
		_, err = h.do("open", muc.Destroy{Tombstone: true})
		require.NoError(t, err)
		assert.Empty(t, list())
	})
}

// rows: I5
func TestRoomNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.CreateByForm = true
			h.config.RoomName = func(local string) *muc.StanzaError {
				if strings.HasPrefix(local, "admin") {
					return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "this name is taken"}
				}
				return nil
			}
		})
		h.join(romeo, "Admins", "Romeo")
		refused(t, h.only(romeo), "not-allowed", "cancel")
		form := "<query xmlns='http://jabber.org/protocol/muc#owner'/>"
		refused(t, h.ask(romeo, "admins@chat.example", form), "not-allowed", "cancel")
		refused(t, h.ask(romeo, "admins@chat.example", info), "item-not-found", "cancel")
		assert.Zero(t, h.service.Stats().Rooms)
		h.lasting("admins") // the host does as it likes
		h.join(romeo, "admins", "Romeo")
		assert.Equal(t, "110", statuses(h.got(romeo)[0]), "what is there stays")
		got := h.ask(romeo, "others@chat.example", form)
		assert.Equal(t, "result", got.SelectAttrValue("type", ""), text(got))
		h.join(romeo, strings.Repeat("x", 1024), "Romeo")
		refused(t, h.only(romeo), "jid-malformed", "modify")

		h.config.Room.CreateByForm = false
		h.start()
		refused(t, h.ask(romeo, "administrators@chat.example", form), "item-not-found", "cancel")
	})
}

// What a hook leaves out is filled in, and what it says goes where it belongs.
func TestRefusalsOfHooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Policy.Create = func(c policy.Create) *muc.StanzaError {
				if c.Room == at("old") {
					return &muc.StanzaError{Condition: stanza.Gone, URI: "xmpp:new@chat.example"}
				}
				return &muc.StanzaError{App: stanza.AppCondition{Space: "urn:example:x", Local: "full-moon"}, Text: "a & b"}
			}
		})
		h.join(romeo, "old", "Romeo")
		got := h.only(romeo)
		refused(t, got, "gone", "cancel")
		assert.Equal(t, "xmpp:new@chat.example", got.FindElement("error/gone").Text())
		h.join(romeo, "cellar", "Romeo")
		got = h.only(romeo)
		refused(t, got, "undefined-condition", "cancel")
		assert.Equal(t, "a & b", got.FindElement("error/text").Text())
		assert.NotNil(t, got.FindElement("error/full-moon"))
	})
}

func TestCreationPolicy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []policy.Create
		h := newHost(t, func(h *host) {
			h.config.Room.Policy.Create = func(c policy.Create) *muc.StanzaError {
				asked = append(asked, c)
				if c.Creator.Local() != c.Room.Local() {
					return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "a room of one's own"}
				}
				return nil
			}
		})
		h.join(romeo, "cellar", "Romeo")
		refused(t, h.only(romeo), "not-allowed", "cancel")
		h.join(romeo, "romeo", "Romeo")
		assert.Equal(t, "110 201", statuses(h.got(romeo)[0]))
		h.join(juliet, "romeo", "Juliet")
		assert.Equal(t, []policy.Create{
			{Room: at("cellar"), Creator: muc.MustParseJID(romeo)},
			{Room: at("romeo"), Creator: muc.MustParseJID(romeo)},
		}, asked, "who enters a room that is there creates nothing")
	})
}

// Whom people can write to is told where the host gives addresses (XEP-0157), by
// what they are for.
//
// rows: B2
func TestContacts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Contacts = []service.Contact{
				{For: service.SupportContact, URI: "xmpp:help@muc.example?join"},
				{For: service.AbuseContact, URI: "mailto:abuse@chat.example"},
				{For: service.AbuseContact, URI: "https://chat.example/abuse?a=1&b=2"},
			}
		})
		form := h.ask(romeo, "chat.example", info).FindElement("query/x")
		require.NotNil(t, form)
		assert.Equal(t, "jabber:x:data", form.NamespaceURI())
		assert.Equal(t, "result", form.SelectAttrValue("type", ""))
		var told []string
		for _, f := range form.SelectElements("field") {
			told = append(told, f.SelectAttrValue("var", "")+" "+f.SelectAttrValue("type", ""))
			for _, v := range f.SelectElements("value") {
				told = append(told, v.Text())
			}
		}
		assert.Equal(t, []string{"FORM_TYPE hidden", "http://jabber.org/network/serverinfo",
			"abuse-addresses list-multi", "mailto:abuse@chat.example", "https://chat.example/abuse?a=1&b=2",
			"support-addresses list-multi", "xmpp:help@muc.example?join"}, told)
	})
}

func TestNoContacts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		assert.Nil(t, newHost(t, nil).ask(romeo, "chat.example", info).FindElement("query/x"))
	})
}

func TestBadContacts(t *testing.T) {
	for _, c := range []service.Contact{{For: "cook", URI: "mailto:cook@chat.example"}, {For: service.AbuseContact, URI: "abuse"}} {
		cfg := service.Config{Domain: "chat.example", Store: new(service.Memory), Contacts: []service.Contact{c},
			Deliver: func(context.Context, service.Stanza) {}, Room: muc.Config{Secret: []byte("a secret of sixteen bytes or more")}}
		_, err := service.New(t.Context(), cfg)
		assert.ErrorIs(t, err, service.ErrConfig)
	}
}

// A room without a name is listed by its address as people read it (XEP-0106).
//
// rows: B3
func TestListedNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting(`artagnan\40court`)
		items := h.ask(romeo, "chat.example", "<query xmlns='http://jabber.org/protocol/disco#items'/>").FindElements("query/item")
		require.Len(t, items, 1)
		assert.Equal(t, `artagnan\40court@chat.example`, items[0].SelectAttrValue("jid", ""))
		assert.Equal(t, "artagnan@court", items[0].SelectAttrValue("name", ""))
	})
}
