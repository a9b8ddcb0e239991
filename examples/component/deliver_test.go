package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/xmppcomp"
)

// saying is a stanza of a room.
type saying struct {
	el *etree.Element
	to []muc.JID
}

func (s saying) To() []muc.JID          { return s.to }
func (s saying) Name() string           { return s.el.Tag }
func (s saying) Type() string           { return s.el.SelectAttrValue("type", "") }
func (s saying) ID() string             { return s.el.SelectAttrValue("id", "") }
func (s saying) Stanza() *etree.Element { return s.el.Copy() }

func (s saying) AppendXML(dst []byte, to muc.JID, _ string) []byte {
	el := s.el.Copy()
	el.CreateAttr("to", to.String())
	doc := etree.NewDocument()
	doc.SetRoot(el)
	b, _ := doc.WriteToBytes()
	return append(dst, b...)
}

// What is too large is the last line of defence: rooms keep their own bound. A result
// becomes an error, all else is left out, and everybody gets what is not too large.
func TestDeliverTooLarge(t *testing.T) {
	for _, reader := range []bool{false, true} {
		c := &component{metrics: newMetrics(), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		c.link = xmppcomp.NewLink(xmppcomp.Config{Queue: xmppcomp.Bounds{Stanza: 1000}})
		ctx := t.Context()
		if reader {
			ctx = context.WithValue(ctx, fromReader{}, true)
		}
		deliver := func(tag, typ, text string, to ...string) {
			el := etree.NewElement(tag)
			el.CreateAttr("from", "cellar@rooms.example")
			el.CreateAttr("id", "q'1")
			el.CreateAttr("type", typ)
			el.CreateElement("body").SetText(text)
			s := saying{el: el}
			for _, jid := range to {
				s.to = append(s.to, muc.MustParseJID(jid))
			}
			c.deliver(ctx, s)
		}
		large := strings.Repeat("x", 1000)
		deliver("message", "groupchat", large, "romeo@example.org/o", "juliet@example.org/b")
		deliver("iq", "get", large, "romeo@example.org/o")
		deliver("iq", "error", large, "romeo@example.org/o")
		bytes, stanzas := c.link.Queue().Len()
		assert.Equal(t, []int{0, 0}, []int{bytes, stanzas})
		deliver("iq", "result", large, "romeo@example.org/o")
		const answer = "<iq type='error' from='cellar@rooms.example' to='romeo@example.org/o' id='q&#39;1'><error type='cancel'>" +
			"<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>" +
			"The answer is too large to be sent.</text></error></iq>"
		bytes, stanzas = c.link.Queue().Len()
		assert.Equal(t, []int{len(answer), 1}, []int{bytes, stanzas})
		// The address is a part of it: the longer one makes it too large.
		deliver("message", "groupchat", strings.Repeat("x", 850), "a@b", strings.Repeat("a", 100)+"@b", "c@d")
		_, stanzas = c.link.Queue().Len()
		assert.Equal(t, 3, stanzas)
	}
}
