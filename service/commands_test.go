package service_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
)

// command is a step of a command of somebody, with a form if there are fields and values.
func (h *host) command(who, node, attrs string, fields ...string) *etree.Element {
	h.t.Helper()
	inner := ""
	if len(fields) > 0 {
		inner = "<x xmlns='jabber:x:data' type='submit'>"
		for i := 0; i < len(fields); i += 2 {
			inner += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
		}
		inner += "</x>"
	}
	h.send("<iq type='set' id='c' from='%s' to='chat.example'><command xmlns='http://jabber.org/protocol/commands' node='%s' %s>%s</command></iq>",
		who, node, attrs, inner)
	answers := slices.DeleteFunc(h.got(who), func(el *etree.Element) bool { return el.Tag != "iq" })
	require.Len(h.t, answers, 1)
	return answers[0]
}

// fieldsOf are the values in a form, by field.
func fieldsOf(t *testing.T, el *etree.Element) map[string]string {
	t.Helper()
	require.Equal(t, "result", el.SelectAttrValue("type", ""), text(el))
	got := map[string]string{}
	for _, f := range el.FindElements("command/x/field") {
		var values []string
		for _, v := range f.SelectElements("value") {
			values = append(values, v.Text())
		}
		got[f.SelectAttrValue("var", "")] = strings.Join(values, ", ")
	}
	return got
}

// rowsOf are the rows of a table: the values that stand beside each other.
func rowsOf(t *testing.T, el *etree.Element) []string {
	t.Helper()
	require.Equal(t, "completed", el.SelectElement("command").SelectAttrValue("status", ""), text(el))
	rows := []string{}
	for _, item := range el.FindElements("command/x/item") {
		var values []string
		for _, v := range item.FindElements("field/value") {
			values = append(values, v.Text())
		}
		rows = append(rows, strings.Join(values, ", "))
	}
	return rows
}

func noteOf(el *etree.Element) string {
	if note := el.FindElement("command/note"); note != nil {
		return note.Text()
	}
	return ""
}

// Administrators see all rooms, page by page, and nobody else does.
//
// rows: J26
func TestListRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		playhouse(h)
		assert.Equal(t, map[string]string{"FORM_TYPE": "http://jabber.org/protocol/admin", "search": "", "after": "", "max_items": "50"},
			fieldsOf(t, h.command(romeo, "list-rooms", "")))
		all := h.command(romeo, "list-rooms", "", "search", "")
		assert.Equal(t, []string{
			"balcony@chat.example, The balcony, 0, 1, 1, romeo@example.org",
			"cellar@chat.example, Wine & more, 0, 1, 1, romeo@example.org",
			"crypt@chat.example, , 2, 1, 1, romeo@example.org",
			"forest@chat.example, Arden, 1, 1, 1, romeo@example.org",
			"plot@chat.example, The moon is hidden, 1, 0, 1, romeo@example.org"}, rowsOf(t, all))
		assert.Empty(t, noteOf(all))
		some := h.command(romeo, "list-rooms", "", "max_items", "2", "after", "balcony@chat.example")
		assert.Len(t, rowsOf(t, some), 2)
		assert.Equal(t, "There are more rooms after crypt@chat.example.", noteOf(some))
		assert.Equal(t, []string{"plot@chat.example, The moon is hidden, 1, 0, 1, romeo@example.org"}, rowsOf(t, h.command(romeo, "list-rooms", "", "search", "MOON")))
		assert.Empty(t, rowsOf(t, h.command(romeo, "list-rooms", "", "search", "nothing")))
		for _, fields := range [][]string{{"max_items", "0"}, {"max_items", "201"}, {"after", "@"}} {
			refused(t, h.command(romeo, "list-rooms", "", fields...), "bad-request", "modify")
		}
		for _, node := range []string{"list-rooms", "show-room", "enter-room", "create-room", "change-owner", "destroy-room", "free-room", announce} {
			refused(t, h.command(juliet, node, "", "room", "plot@chat.example", "sure", "1", "owner", "juliet@example.org", "announcement", "ha"), "forbidden", "cancel")
		}
		list := "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
		assert.Len(t, h.ask(romeo, "chat.example", list).FindElements("query/item"), 8)
		assert.Empty(t, h.ask(juliet, "chat.example", list).FindElements("query/item"))
	})
}

// A list is no longer than an answer may be.
func TestListOfRoomsIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { withAdmin(h); h.config.Limits.PageBytes = 2000 })
		for i := range 20 {
			h.lasting(fmt.Sprintf("room%02d", i), func(c *muc.RoomConfig) { c.Name = strings.Repeat("&", 10) })
		}
		var rooms []string
		for after := ""; ; {
			el := h.command(romeo, "list-rooms", "", "after", after)
			assert.Less(t, len(text(el.FindElement("command/x"))), 3000)
			rooms = append(rooms, rowsOf(t, el)...)
			if noteOf(el) == "" {
				break
			}
			after = strings.TrimSuffix(strings.TrimPrefix(noteOf(el), "There are more rooms after "), ".")
		}
		assert.Len(t, rooms, 20)
	})
}

// rows: J26
func TestShowRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		playhouse(h)
		for _, who := range []string{"juliet@example.org", "tybalt@example.org"} {
			_, err := h.do("crypt", muc.SetAffiliation{JID: muc.MustParseJID(who), Affiliation: muc.Member})
			require.NoError(t, err)
		}
		got := fieldsOf(t, h.command(romeo, "show-room", "", "room", "crypt@chat.example"))
		assert.NotEmpty(t, got["bytes"])
		delete(got, "bytes")
		assert.Equal(t, map[string]string{"FORM_TYPE": "http://jabber.org/protocol/admin", "state": "open", "name": "", "description": "DIE GRÖSSE der Stille",
			"subject": "", "creator": "romeo@example.org", "public": "1", "lasting": "1", "membersonly": "0", "password": "0", "moderated": "0",
			"nonanonymous": "0", "owners": "romeo@example.org", "admins": "0", "members": "2", "outcasts": "0", "occupants": "2",
			"inside": "Juliet (juliet@example.org), Tybalt (tybalt@example.org)"}, got)
		assert.Equal(t, "0", fieldsOf(t, h.command(romeo, "show-room", "", "room", "plot"))["public"], "the local part is enough")
		assert.Equal(t, "1", fieldsOf(t, h.command(romeo, "show-room", "", "room", "forest"))["password"])
		refused(t, h.command(romeo, "show-room", "", "room", "nowhere"), "item-not-found", "cancel")
		assert.Equal(t, 5, h.counts().Rooms, "nothing is made of a room that is not there")
		for _, room := range []string{"plot@other.example", "plot@chat.example/Romeo", "@", "a b"} {
			refused(t, h.command(romeo, "show-room", "", "room", room), "bad-request", "modify")
		}
		refused(t, h.command(romeo, "show-room", "action='complete'"), "bad-request", "modify")
	})
}

// rows: J26
func TestEnterRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		h.lasting("cellar", func(c *muc.RoomConfig) { c.Hidden, c.MembersOnly, c.Password = true, true, "wine" })
		_, err := h.do("cellar", muc.SetAffiliation{JID: muc.MustParseJID("tybalt@example.org"), Affiliation: muc.Owner})
		require.NoError(t, err)
		_, err = h.do("cellar", muc.RemoveAffiliation{JID: muc.MustParseJID("romeo@example.org")})
		require.NoError(t, err)
		h.forget()
		assert.Equal(t, "The room has invited you.", noteOf(h.command(romeo, "enter-room", "", "room", "cellar")))
		invitation := h.only("romeo@example.org")
		assert.Equal(t, "cellar@chat.example", invitation.SelectAttrValue("from", ""))
		assert.Equal(t, "wine", invitation.FindElement("x/password").Text())
		assert.Equal(t, "1", fieldsOf(t, h.command(romeo, "show-room", "", "room", "cellar"))["members"])
		h.send(`<presence from='%s' to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'><password>wine</password></x></presence>`, romeo)
		assert.True(t, entered(h.got(romeo)))
		h.command(romeo, "enter-room", "", "room", "cellar", "as", "owner")
		assert.Equal(t, "romeo@example.org, tybalt@example.org", fieldsOf(t, h.command(romeo, "show-room", "", "room", "cellar"))["owners"])
		refused(t, h.command(romeo, "enter-room", "", "room", "nowhere"), "item-not-found", "cancel")
		refused(t, h.command(romeo, "enter-room", "", "room", "cellar", "as", "king"), "bad-request", "modify")
	})
}

// rows: J26
func TestChangeOwner(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		owners := func(former, want, admins string) {
			t.Helper()
			h.lasting("cellar")
			fields := []string{"room", "cellar", "owner", "juliet@example.org/balcony"}
			if former != "" {
				fields = append(fields, "former", former)
			}
			assert.Equal(t, "The room has another owner.", noteOf(h.command(romeo, "change-owner", "", fields...)))
			got := fieldsOf(t, h.command(romeo, "show-room", "", "room", "cellar"))
			assert.Equal(t, want, got["owners"])
			assert.Equal(t, admins, got["admins"])
			_, err := h.do("cellar", muc.Destroy{})
			require.NoError(t, err)
		}
		owners("", "juliet@example.org, romeo@example.org", "0")
		owners("stay", "juliet@example.org, romeo@example.org", "0")
		owners("admins", "juliet@example.org", "1")
		owners("go", "juliet@example.org", "0")
		refused(t, h.command(romeo, "change-owner", "", "room", "cellar", "owner", "juliet@example.org"), "item-not-found", "cancel")
		refused(t, h.command(romeo, "change-owner", "", "room", "cellar", "owner", "example.org"), "bad-request", "modify")
		refused(t, h.command(romeo, "change-owner", "", "room", "cellar"), "bad-request", "modify")
	})
}

// rows: J26
func TestDestroyRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log strings.Builder
		h := newHost(t, func(h *host) {
			withAdmin(h)
			h.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		})
		playhouse(h)
		refused(t, h.command(romeo, "destroy-room", "", "room", "crypt"), "bad-request", "modify")
		refused(t, h.command(romeo, "destroy-room", "", "room", "crypt", "sure", "0"), "bad-request", "modify")
		refused(t, h.command(romeo, "destroy-room", "", "room", "crypt", "sure", "1", "alternate", "@"), "bad-request", "modify")
		assert.Equal(t, 4, h.counts().Listed)
		h.forget()
		assert.Equal(t, "The room is destroyed.", noteOf(h.command(romeo, "destroy-room", "", "room", "crypt", "sure", "1",
			"reason", "too dark", "alternate", "balcony@chat.example")))
		end := last(h.got(juliet)).FindElement("x/destroy")
		require.NotNil(t, end)
		assert.Equal(t, "balcony@chat.example", end.SelectAttrValue("jid", ""))
		assert.Equal(t, "too dark", end.SelectElement("reason").Text())
		assert.Equal(t, 3, h.counts().Listed)
		assert.Contains(t, log.String(), "room=crypt@chat.example admin=romeo@example.org")
		refused(t, h.command(romeo, "destroy-room", "", "room", "crypt", "sure", "1"), "item-not-found", "cancel")
		refused(t, h.command(romeo, "free-room", "", "room", "crypt"), "item-not-found", "cancel")
		refused(t, h.command(romeo, "free-room", "", "room", "balcony"), "unexpected-request", "wait")
		refused(t, h.command(tybalt, "free-room", "", "room", "balcony"), "forbidden", "cancel")
	})
}

// So many commands are carried out at once and no more, and one that waits for a room keeps
// nobody else waiting.
func TestCommandsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		goOn := make(chan struct{})
		h := newHost(t, func(h *host) {
			withAdmin(h)
			h.config.Limits.Commands = 2
			h.config.Room.Policy.Create = func(q policy.Create) *muc.StanzaError {
				if q.Room == at("slow") {
					<-goOn
				}
				return nil
			}
		})
		h.lasting("cellar")
		h.join(juliet, "slow", "Juliet") // and stays there
		for range 2 {
			h.send("<iq type='set' id='c' from='%s' to='chat.example'><command xmlns='http://jabber.org/protocol/commands' node='show-room'>"+
				"<x xmlns='jabber:x:data' type='submit'><field var='room'><value>slow</value></field></x></command></iq>", romeo)
			assert.Empty(t, h.got(romeo))
		}
		refused(t, h.command(romeo, "show-room", ""), "resource-constraint", "wait")
		refused(t, h.command(tybalt, "show-room", ""), "forbidden", "cancel")
		h.ask(romeo, "chat.example", "<ping xmlns='urn:xmpp:ping'/>")
		close(goOn)
		sleep(0)
		assert.Len(t, h.got(romeo), 2)
		fieldsOf(t, h.command(romeo, "show-room", "", "room", "cellar"))
	})
}

// A fault of the host in a command is that command's alone.
func TestCommandThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Admin = func(who muc.JID) bool {
				if who == muc.MustParseJID(tybalt) {
					panic("who is that?")
				}
				return who == muc.MustParseJID(romeo)
			}
		})
		refused(t, h.command(tybalt, "list-rooms", ""), "internal-server-error", "wait")
		assert.Empty(t, rowsOf(t, h.command(romeo, "list-rooms", "", "search", "")))
	})
}
