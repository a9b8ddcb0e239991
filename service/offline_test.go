package service_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// offline ends a session in good order, and waits until nothing moves any more.
func (h *host) offline(who string, presence *etree.Element) {
	h.t.Helper()
	require.NoError(h.t, h.service.Offline(h.t.Context(), muc.MustParseJID(who), presence))
	synctest.Wait()
}

// A session that logs out leaves all of its rooms, and no other session does.
func TestOffline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		const other = "juliet@example.org/phone"
		for _, room := range []string{"cellar", "garden"} {
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
		}
		h.join(other, "orchard", "Juliet")
		h.forget()
		presence := parse("<presence from='tybalt@example.org/street' to='example.org' type='away' xml:lang='en'><status>Good night</status></presence>")
		before := text(presence)
		h.offline(juliet, presence)
		assert.Equal(t, before, text(presence), "it is the host's")
		seen := map[string]bool{}
		for _, el := range h.got(romeo) {
			seen[el.SelectAttrValue("from", "")] = true
			assert.Equal(t, "unavailable", el.SelectAttrValue("type", ""))
			assert.Equal(t, "Good night", el.SelectElement("status").Text())
			assert.Empty(t, statuses(el), "it is not lost")
		}
		assert.Equal(t, map[string]bool{"cellar@chat.example/Juliet": true, "garden@chat.example/Juliet": true}, seen)
		assert.Empty(t, h.got(other))
		assert.Empty(t, h.service.Where(muc.MustParseJID(juliet)))
		assert.Equal(t, []muc.JID{at("orchard")}, h.service.Where(muc.MustParseJID(other)))
		h.forget()
		h.offline(juliet, nil)
		assert.Empty(t, h.got(romeo))
		assert.Empty(t, h.got(juliet))
	})
}

// A presence is no reason to stay inside.
func TestOfflineLeaves(t *testing.T) {
	for name, presence := range map[string]*etree.Element{
		"none":      nil,
		"too long":  parse("<presence><status>" + strings.Repeat("x", 1<<20) + "</status></presence>"),
		"bad id":    parse("<presence id='" + strings.Repeat("x", 5000) + "'/>"),
		"no prefix": {Tag: "presence", Child: []etree.Token{&etree.Element{Space: "a", Tag: "b"}}},
	} {
		bubbles(t, name, func(t *testing.T) {
			h := newHost(t, nil)
			h.join(romeo, "cellar", "Romeo")
			h.join(juliet, "cellar", "Juliet")
			h.forget()
			h.offline(juliet, presence)
			got := h.only(romeo)
			assert.Equal(t, "unavailable", got.SelectAttrValue("type", ""))
			assert.Empty(t, statuses(got))
			for _, el := range h.got(juliet) {
				assert.NotEqual(t, "error", el.SelectAttrValue("type", ""))
			}
			assert.Equal(t, 1, h.service.Stats().Sessions)
		})
	}
}

// What a session sent before it logged out is done before.
func TestOfflineAfterWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		enter := "<presence from='%s' to='cellar@chat.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
		require.NoError(t, handle(t.Context(), h.service, parse(strings.ReplaceAll(enter, "%s", juliet))))
		h.offline(juliet, nil)
		assert.True(t, entered(h.got(juliet)))
		assert.Zero(t, h.service.Stats().Sessions)
	})
}

func TestOfflineErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		offline := func(who muc.JID, presence *etree.Element) error {
			return h.service.Offline(t.Context(), who, presence)
		}
		full := muc.MustParseJID(juliet)
		require.ErrorIs(t, offline(muc.JID{}, nil), muc.ErrNoFrom)
		require.ErrorIs(t, offline(full.Bare(), nil), muc.ErrNoFrom)
		require.ErrorIs(t, offline(full, parse("<message/>")), muc.ErrNotStanza)
		require.ErrorIs(t, offline(full, parse("<presence xmlns='urn:example:no'/>")), muc.ErrNotStanza)
		h.stop()
		require.ErrorIs(t, offline(full, nil), service.ErrClosed)
	})
}
