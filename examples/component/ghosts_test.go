package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// haunted is ghosts with all that they do.
type haunted struct {
	*ghosts
	sent []*etree.Element
	gone []string
	at   time.Time
}

func newHaunted(t *testing.T) *haunted {
	h := &haunted{at: time.Unix(2e9, 0)}
	h.ghosts = &ghosts{
		send:     func(b []byte) { h.sent = append(h.sent, element(t, string(b))) },
		vanished: func(who muc.JID) { h.gone = append(h.gone, who.String()) },
		now:      func() time.Time { return h.at },
	}
	return h
}

func element(t *testing.T, text string) *etree.Element {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(text))
	return doc.Root()
}

func failure(name string) string {
	return "<error type='cancel'><" + name + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
}

func bounce(t *testing.T, from, name string) *etree.Element {
	return element(t, "<message type='error' from='"+from+"' to='cellar@rooms.example/Romeo'>"+failure(name)+"</message>")
}

// A client that a message did not reach is asked; the answer says whether it is there.
func TestGhosts(t *testing.T) {
	for answer, gone := range map[string]bool{
		"type='result' from='juliet@example.org/pda'>":                                     false,
		"type='error' from='juliet@example.org/pda'>" + failure("feature-not-implemented"): false,
		"type='error' from='juliet@example.org/pda'>" + failure("service-unavailable"):     true,
		"type='error' from='juliet@example.org/pda'>" + failure("remote-server-timeout"):   true,
		"type='result' from='juliet@example.org/pda'>" + failure("service-unavailable"):    false,
		"type='error' from='juliet@example.org/pda'><error><text/><cat/></error>":          false,
	} {
		h := newHaunted(t)
		assert.False(t, h.take(bounce(t, "juliet@example.org/pda", "service-unavailable")), "the room sees the error too")
		require.Len(t, h.sent, 1)
		ping := h.sent[0]
		assert.Equal(t, "cellar@rooms.example", ping.SelectAttrValue("from", ""))
		assert.Equal(t, "juliet@example.org/pda", ping.SelectAttrValue("to", ""))
		assert.Equal(t, "urn:xmpp:ping", ping.SelectElement("ping").SelectAttrValue("xmlns", ""))
		id := ping.SelectAttrValue("id", "")
		iq := fmt.Sprintf("<iq id='%s' %s</iq>", id, answer)
		assert.False(t, h.take(element(t, strings.ReplaceAll(iq, "juliet", "tybalt"))), "another one's answer")
		assert.True(t, h.take(element(t, iq)))
		assert.False(t, h.take(element(t, iq)), "only one answer")
		assert.Equal(t, gone, len(h.gone) == 1, answer)
	}
}

// Other errors and answers are the rooms' business.
func TestGhostsLeaveAlone(t *testing.T) {
	h := newHaunted(t)
	for _, text := range []string{
		"<message type='error' from='juliet@example.org/pda' to='cellar@rooms.example'>" + failure("not-acceptable") + "</message>",
		"<message type='error' from='juliet@example.org' to='cellar@rooms.example'>" + failure("service-unavailable") + "</message>",
		"<message type='error' from='juliet@@' to='cellar@rooms.example'>" + failure("service-unavailable") + "</message>",
		"<message type='error' from='juliet@example.org/pda' to='cellar@rooms.example'/>",
		"<message type='groupchat' from='juliet@example.org/pda' to='cellar@rooms.example'>" + failure("service-unavailable") + "</message>",
		"<iq type='result' id='1' from='juliet@example.org/pda' to='cellar@rooms.example'/>",
	} {
		assert.False(t, h.take(element(t, text)), text)
	}
	assert.Empty(t, h.sent)
}

// A session is asked once at a time, and not too many are.
func TestGhostsAreBounded(t *testing.T) {
	h := newHaunted(t)
	for range 2 {
		for i := range maxDoubts + 10 {
			h.take(bounce(t, fmt.Sprintf("juliet%d@example.org/pda", i), "service-unavailable"))
		}
	}
	assert.Len(t, h.sent, maxDoubts)
	h.at = h.at.Add(doubtsTime + time.Second)
	h.take(bounce(t, "juliet1@example.org/pda", "service-unavailable"))
	assert.Len(t, h.sent, maxDoubts+1, "who did not answer is asked again")
	assert.Len(t, h.doubts, 1)
}
