package service_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

const announce = "http://jabber.org/protocol/admin#announce"

func withAdmin(h *host) {
	h.config.Admin = func(who muc.JID) bool { return who.Bare() == muc.MustParseJID("romeo@example.org") }
}

// rows: J24
func TestAnnounce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		h.lasting("empty")
		h.join(juliet, "cellar", "Juliet")
		h.join(tybalt, "garden", "Tybalt")
		h.forget()
		n, err := h.service.Announce(t.Context(), "We close at ten.")
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		synctest.Wait()
		assert.Equal(t, "cellar@chat.example", h.inbox[juliet][0].SelectAttrValue("from", ""))
		assert.Equal(t, []string{"We close at ten."}, h.bodies(juliet))
		assert.Equal(t, []string{"We close at ten."}, h.bodies(tybalt))
		_, err = h.service.Announce(t.Context(), " \n")
		require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.BadRequest})
		h.stop()
		_, err = h.service.Announce(t.Context(), "too late")
		require.ErrorIs(t, err, service.ErrClosed)
	})
}

// rows: J24
func TestAnnounceCommand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		command := func(who, attrs, inner string) string {
			h.send("<iq type='set' id='c' from='%s' to='chat.example'><command xmlns='http://jabber.org/protocol/commands' %s>%s</command></iq>",
				who, attrs, inner)
			return text(h.only(who))
		}
		got := command(romeo, "node='"+announce+"'", "")
		assert.Contains(t, got, `status="executing"`)
		assert.Contains(t, got, `<field var="announcement" type="text-multi" label="Announcement"><required/></field>`)
		submit := "<x xmlns='jabber:x:data' type='submit'><field var='announcement'><value>We close</value><value>at ten.</value></field></x>"
		got = command(romeo, "sessionid='s' node='"+announce+"'", submit)
		assert.Contains(t, got, `sessionid="s" status="completed"`)
		assert.Equal(t, []string{"We close\nat ten."}, h.bodies(juliet))

		assert.Contains(t, command(romeo, "action='cancel' sessionid='s' node='"+announce+"'", ""), `status="canceled"`)
		assert.Contains(t, command(romeo, "action='prev' sessionid='s' node='"+announce+"'", ""), "<malformed-action xmlns=\"http://jabber.org/protocol/commands\"/>")
		assert.Contains(t, command(romeo, "action='complete' sessionid='s' node='"+announce+"'", ""), "bad-payload")
		assert.Contains(t, command(romeo, "node='"+announce+"'", strings.ReplaceAll(submit, "announcement", "other")), "bad-payload")
		assert.Contains(t, command(romeo, "node='urn:example:no'", ""), "item-not-found")
		assert.Contains(t, command(juliet, "node='"+announce+"'", submit), "forbidden")
		assert.Empty(t, h.bodies(juliet))
	})
}

// Commands are shown to those who may use them.
//
// rows: J24
func TestAnnounceDiscovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withAdmin)
		list := "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
		node := "<query xmlns='http://jabber.org/protocol/disco#info' node='%s'/>"
		assert.Contains(t, text(h.ask(romeo, "chat.example", info)), `<feature var="http://jabber.org/protocol/commands"/>`)
		assert.Contains(t, text(h.ask(romeo, "chat.example", list)), announce)
		assert.NotContains(t, text(h.ask(juliet, "chat.example", list)), announce)
		assert.Contains(t, text(h.ask(romeo, "chat.example", fmt.Sprintf(node, announce))), "command-node")
		assert.Contains(t, text(h.ask(romeo, "chat.example", fmt.Sprintf(node, "http://jabber.org/protocol/commands"))), "command-list")
		refused(t, h.ask(juliet, "chat.example", fmt.Sprintf(node, announce)), "item-not-found", "cancel")

		h.stop()
		h.config.Admin = nil
		h.start()
		assert.NotContains(t, text(h.ask(romeo, "chat.example", info)), "commands")
		refused(t, h.ask(romeo, "chat.example", list), "item-not-found", "cancel")
	})
}

// All rooms in which somebody is put out whom the host has blocked since.
//
// rows: U9
func TestKickBlocked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var blocked atomic.Bool
		h := newHost(t, func(h *host) {
			h.config.Room.IsBlocked = func(who muc.JID) bool { return blocked.Load() && who == muc.MustParseJID(tybalt).Bare() }
		})
		h.lasting("empty")
		h.join(juliet, "cellar", "Juliet")
		h.join(tybalt, "cellar", "Tybalt")
		h.join(juliet, "garden", "Juliet")
		h.join(tybalt, "garden", "Tybalt")
		blocked.Store(true)
		h.forget()
		n, err := h.service.KickBlocked(t.Context(), "spam")
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		synctest.Wait()
		assert.Empty(t, h.service.Where(muc.MustParseJID(tybalt)))
		assert.Len(t, h.service.Where(muc.MustParseJID(juliet)), 2)
		h.stop()
		_, err = h.service.KickBlocked(t.Context(), "spam")
		require.ErrorIs(t, err, service.ErrClosed)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = h.service.KickBlocked(ended, "spam")
		require.ErrorIs(t, err, context.Canceled)
	})
}
