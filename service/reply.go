package service

import (
	"context"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// internalServerError is what a sender is told whose stanza came to nothing by no
// fault of his (RFC 6120 §8.3.3.7).
const internalServerError stanza.Condition = "internal-server-error"

// reply is a stanza of the service itself. It never changes.
type reply struct {
	to []muc.JID
	el *etree.Element
}

// To is the one address it goes to.
func (r *reply) To() []muc.JID { return r.to }

// Stanza is a copy, without `to`.
func (r *reply) Stanza() *etree.Element { return r.el.Copy() }

// AppendXML writes it.
func (r *reply) AppendXML(dst []byte, to muc.JID, ns string) []byte {
	el := r.el.Copy()
	el.CreateAttr("to", to.String())
	if ns != "" {
		el.CreateAttr("xmlns", ns)
	}
	doc := etree.NewDocument()
	doc.SetRoot(el)
	text, err := doc.WriteToBytes()
	if err != nil {
		panic(err) // memory takes all that is written
	}
	return append(dst, text...)
}

// reply begins an answer to a stanza.
func (in *incoming) reply(tag, typ string) *reply {
	el := etree.NewElement(tag)
	el.CreateAttr("from", in.to.String())
	if in.id != "" {
		el.CreateAttr("id", in.id)
	}
	if typ != "" {
		el.CreateAttr("type", typ)
	}
	return &reply{[]muc.JID{in.from}, el}
}

// result answers a request, with nothing in it as yet.
func (in *incoming) result() *reply { return in.reply("iq", "result") }

// refusal answers a stanza with an error of the service's own. Those of hooks may hold
// more, and are written by rooms.
func (in *incoming) refusal(e *muc.StanzaError) *reply {
	r := in.reply(in.el.Tag, "error")
	if in.el.Tag == "presence" {
		// As rooms do, without what it held: that may be a password.
		child(r.el, nsMUC, "x")
	}
	el := r.el.CreateElement("error")
	typ := e.Type
	if typ == "" {
		typ = e.Condition.Type()
	}
	el.CreateAttr("type", string(typ))
	el.CreateAttr("by", in.to.Bare().String())
	child(el, nsStanzas, string(e.Condition))
	if e.Text != "" {
		child(el, nsStanzas, "text").SetText(e.Text)
	}
	if e.App.Local != "" {
		child(el, e.App.Space, e.App.Local)
	}
	return r
}

// child adds an element in another namespace.
func child(parent *etree.Element, ns, tag string) *etree.Element {
	el := parent.CreateElement(tag)
	el.CreateAttr("xmlns", ns)
	return el
}

// childNamed finds a child, nil for none.
func childNamed(parent *etree.Element, ns, tag string) *etree.Element {
	for _, el := range parent.ChildElements() {
		if el.Tag == tag && el.NamespaceURI() == ns {
			return el
		}
	}
	return nil
}

// refuse tells the sender of a stanza that it is refused, unless it is one that
// must not be answered.
func (s *Service) refuse(ctx context.Context, in *incoming, e *muc.StanzaError) {
	s.cfg.Observer.Refused(e)
	if !in.isAnswer() {
		s.send(ctx, in.refusal(e))
	}
}
