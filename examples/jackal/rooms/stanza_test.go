package rooms

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/jackal-xmpp/stravaganza"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// counted counts how often a stanza is parsed.
type counted struct {
	muc.Outbound
	parsed int
}

var _ service.Stanza = (*counted)(nil)

func (c *counted) Stanza() *etree.Element {
	c.parsed++
	return c.Outbound.Stanza()
}

// message is what a room says to so many people.
func message(tb testing.TB, people int) muc.Outbound {
	tb.Helper()
	room, err := muc.New(muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: make([]byte, 32), Instant: true})
	require.NoError(tb, err)
	evening := time.Unix(2e9, 0)
	for i := range people {
		el := etree.NewElement("presence")
		el.CreateAttr("from", fmt.Sprintf("person%d@example.org/o", i))
		el.CreateAttr("to", fmt.Sprintf("cellar@chat.example/o'hara %d", i))
		el.CreateElement("x").CreateAttr("xmlns", "http://jabber.org/protocol/muc")
		_, err := room.Handle(evening, el)
		require.NoError(tb, err)
	}
	el := etree.NewElement("message")
	el.CreateAttr("type", "groupchat")
	el.CreateAttr("id", "m1")
	el.CreateAttr("from", "person0@example.org/o")
	el.CreateAttr("to", "cellar@chat.example")
	el.CreateElement("body").SetText("But soft! <What> light & through yonder window breaks?")
	fx, err := room.Handle(evening, el)
	require.NoError(tb, err)
	return fx.Outbound[len(fx.Outbound)-1]
}

// A copy that is sent is the room's bytes, without a tree; who looks into it sees what
// jackal would have read of them.
func TestOutgoing(t *testing.T) {
	said := &counted{Outbound: message(t, 1)}
	to := said.To()[0]
	out := newOutgoing(said, to)
	var text bytes.Buffer
	for range 2 {
		text.Reset()
		require.NoError(t, out.ToXML(&text, true))
		assert.Equal(t, string(said.AppendXML(nil, to, "")), text.String())
	}
	assert.Equal(t, "message", out.Name())
	assert.Equal(t, "groupchat", out.Type())
	assert.Equal(t, "groupchat", out.Attribute("type"))
	assert.Equal(t, "m1", out.ID())
	assert.Equal(t, "m1", out.Attribute("id"))
	assert.Equal(t, to.String(), out.Attribute("to"))
	assert.False(t, out.IsError())
	assert.Zero(t, said.parsed, "jackal asks no more of what it sends")

	read := parseStanza(t, text.String())
	assert.Equal(t, read.Attribute("from"), out.Attribute("from"))
	assert.ElementsMatch(t, read.AllAttributes(), out.AllAttributes())
	assert.Equal(t, read.AttributeCount(), out.AttributeCount())
	assert.Equal(t, fmt.Sprint(read.AllChildren()), fmt.Sprint(out.AllChildren()))
	assert.Equal(t, read.ChildrenCount(), out.ChildrenCount())
	assert.Equal(t, read.Child("body").Text(), out.Child("body").Text())
	assert.Len(t, out.Children("body"), 1)
	assert.NotNil(t, out.ChildNamespace("stanza-id", "urn:xmpp:sid:0"))
	assert.Len(t, out.ChildrenNamespace("stanza-id", "urn:xmpp:sid:0"), 1)
	assert.Equal(t, read.ToJID(), out.ToJID())
	assert.Equal(t, read.FromJID().String(), out.FromJID().String())
	assert.Equal(t, read.Namespace(), out.Namespace())
	assert.Equal(t, read.Text(), out.Text())
	assert.Nil(t, out.Error())
	assert.Contains(t, out.String(), "yonder window")
	assert.Contains(t, out.GoString(), "yonder window")
	wire, err := out.MarshalBinary() // for another node of a cluster
	require.NoError(t, err)
	built, err := stravaganza.NewBuilderFromBinary(wire)
	require.NoError(t, err)
	there, err := built.BuildMessage()
	require.NoError(t, err)
	assert.Equal(t, out.Proto().String(), there.Proto().String())
	assert.Equal(t, 1, said.parsed, "one tree serves all")
}

// A tree is of the kind by which jackal's router decides, also if jackal takes it for
// wrong.
func TestKinds(t *testing.T) {
	for text, kind := range map[string]stravaganza.Stanza{
		"<message from='a@b' to='c@d' type='groupchat'/>":                 new(stravaganza.Message),
		"<presence from='a@b/c' to='c@d'><show>away</show></presence>":    new(stravaganza.Presence),
		"<iq from='a@b' to='c@d' id='1' type='get'><q xmlns='u:q'/></iq>": new(stravaganza.IQ),
	} {
		assert.IsType(t, kind, build(stravaganza.NewBuilderFromElement(parse(t, text))))
	}
	odd := build(stravaganza.NewBuilderFromElement(parse(t, "<presence from='a@b/c' to='c@d'><show>sleepy</show></presence>")))
	assert.Equal(t, "presence", odd.Name())
	assert.Equal(t, "c@d", odd.ToJID().String())
}

// What a copy costs beside its bytes: as a tree, as a component of jackal would send
// it, and as the room's own bytes.
func BenchmarkCopies(b *testing.B) {
	const people = 1000
	said := message(b, people)
	for name, send := range map[string]func(to muc.JID) stravaganza.Stanza{
		"tree": func(to muc.JID) stravaganza.Stanza { return newOutgoing(said, to).tree() },
		"lazy": func(to muc.JID) stravaganza.Stanza { return newOutgoing(said, to) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, to := range said.To() {
					s := send(to)
					_ = s.Name() + s.Attribute("type") // for the metrics
					if err := s.ToXML(io.Discard, true); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkFromJackal(b *testing.B) {
	said := newOutgoing(message(b, 1), muc.MustParseJID("person0@example.org/o")).tree()
	for b.Loop() {
		fromJackal(said)
	}
}
