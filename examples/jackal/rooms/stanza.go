package rooms

import (
	"io"
	"sync"

	"github.com/beevik/etree"
	"github.com/jackal-xmpp/stravaganza"
	"github.com/jackal-xmpp/stravaganza/jid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// fromJackal is one of jackal's elements as one of etree's.
func fromJackal(e stravaganza.Element) *etree.Element {
	el := etree.NewElement(e.Name())
	for _, a := range e.AllAttributes() {
		el.CreateAttr(a.Label, a.Value)
	}
	if text := e.Text(); text != "" {
		el.CreateText(text)
	}
	for _, kid := range e.AllChildren() {
		el.AddChild(fromJackal(kid))
	}
	return el
}

// toJackal is one of etree's elements as the beginning of one of jackal's.
func toJackal(el *etree.Element) *stravaganza.Builder {
	b := stravaganza.NewBuilder(el.FullTag()).WithText(el.Text())
	for _, a := range el.Attr {
		b.WithAttribute(a.FullKey(), a.Value)
	}
	for _, kid := range el.ChildElements() {
		b.WithChild(toJackal(kid).Build())
	}
	return b
}

// outgoing is one copy of what a room says, on its way through jackal: a
// [stravaganza.Stanza] that writes the room's own bytes when its turn on the stream has
// come. Until then it is a few pointers, and the bytes are shared by all copies. What jackal
// asks of every stanza it sends is answered without a tree; the tree is made when
// somebody asks for more, as a module does, or another node of a cluster.
type outgoing struct {
	said service.Stanza
	to   muc.JID
	tree func() stravaganza.Stanza
}

func newOutgoing(said service.Stanza, to muc.JID) *outgoing {
	return &outgoing{said: said, to: to, tree: sync.OnceValue(func() stravaganza.Stanza {
		el := said.Stanza()
		el.CreateAttr("to", to.String())
		return build(toJackal(el).WithValidateJIDs(false))
	})}
}

// build makes a stanza of the kind that it is: jackal's router looks at that.
func build(b *stravaganza.Builder) stravaganza.Stanza {
	// A wrong name, or no addresses, is an error; what a room writes has neither fault.
	plain, _ := b.BuildStanza()
	switch plain.Name() {
	case stravaganza.MessageName:
		if m, err := b.BuildMessage(); err == nil {
			return m
		}
	case stravaganza.PresenceName:
		if p, err := b.BuildPresence(); err == nil {
			return p
		}
	case stravaganza.IQName:
		if iq, err := b.BuildIQ(); err == nil {
			return iq
		}
	}
	return plain // jackal wants more of it than XMPP does, as of what stands in <show/>
}

// buffers are used again: a copy is written into one, and from there to the connection.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// largestBuffer is how large a buffer may be that is kept.
const largestBuffer = 64 << 10

// ToXML writes the bytes of the room. A stanza is always written whole, whatever closing
// says.
func (o *outgoing) ToXML(w io.Writer, _ bool) error {
	buf := buffers.Get().(*[]byte)
	*buf = o.said.AppendXML((*buf)[:0], o.to, "")
	_, err := w.Write(*buf)
	if cap(*buf) <= largestBuffer {
		buffers.Put(buf)
	}
	return err
}

func (o *outgoing) Name() string  { return o.said.Name() }
func (o *outgoing) Type() string  { return o.said.Type() }
func (o *outgoing) ID() string    { return o.said.ID() }
func (o *outgoing) IsError() bool { return o.said.Type() == "error" }

// Attribute is asked for the type of each stanza that is sent.
func (o *outgoing) Attribute(label string) string {
	switch label {
	case "type":
		return o.said.Type()
	case "id":
		return o.said.ID()
	case "to":
		return o.to.String()
	}
	return o.tree().Attribute(label)
}

// What follows needs the tree.

func (o *outgoing) AllAttributes() []stravaganza.Attribute { return o.tree().AllAttributes() }
func (o *outgoing) AttributeCount() int                    { return o.tree().AttributeCount() }
func (o *outgoing) AllChildren() []stravaganza.Element     { return o.tree().AllChildren() }
func (o *outgoing) ChildrenCount() int                     { return o.tree().ChildrenCount() }
func (o *outgoing) Text() string                           { return o.tree().Text() }
func (o *outgoing) ToJID() *jid.JID                        { return o.tree().ToJID() }
func (o *outgoing) FromJID() *jid.JID                      { return o.tree().FromJID() }
func (o *outgoing) Namespace() string                      { return o.tree().Namespace() }
func (o *outgoing) Error() stravaganza.Element             { return o.tree().Error() }
func (o *outgoing) String() string                         { return o.tree().String() }
func (o *outgoing) GoString() string                       { return o.tree().GoString() }
func (o *outgoing) MarshalBinary() ([]byte, error)         { return o.tree().MarshalBinary() }
func (o *outgoing) UnmarshalBinary(data []byte) error      { return o.tree().UnmarshalBinary(data) }
func (o *outgoing) Proto() *stravaganza.PBElement          { return o.tree().Proto() }

func (o *outgoing) Child(name string) stravaganza.Element { return o.tree().Child(name) }

func (o *outgoing) Children(name string) []stravaganza.Element { return o.tree().Children(name) }

func (o *outgoing) ChildNamespace(name, ns string) stravaganza.Element {
	return o.tree().ChildNamespace(name, ns)
}

func (o *outgoing) ChildrenNamespace(name, ns string) []stravaganza.Element {
	return o.tree().ChildrenNamespace(name, ns)
}
