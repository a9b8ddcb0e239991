package service

import (
	"context"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// reply is a stanza of the service itself. It never changes.
type reply struct {
	to []muc.JID
	el *etree.Element
}

// To is the one address it goes to.
func (r *reply) To() []muc.JID { return r.to }

// Name is the element's.
func (r *reply) Name() string { return r.el.Tag }

// Type is the attribute.
func (r *reply) Type() string { return r.el.SelectAttrValue("type", "") }

// ID is the attribute.
func (r *reply) ID() string { return r.el.SelectAttrValue("id", "") }

// Stanza is a copy, without `to`.
func (r *reply) Stanza() *etree.Element { return r.el.Copy() }

// AppendXML writes it.
func (r *reply) AppendXML(dst []byte, to muc.JID, space string) []byte {
	el := r.el.Copy()
	el.CreateAttr("to", to.String())
	if space != "" {
		el.CreateAttr("xmlns", space)
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

// resultOf answers a request with what is written.
func (in *incoming) resultOf(payload func(w *xmlwire.Writer)) *reply {
	var w xmlwire.Writer
	payload(&w)
	r := in.result()
	r.el.AddChild(xmlwire.Element(string(w.Bytes)))
	return r
}

// queryBounds bound the payload of a request to the domain itself that is read as a whole.
var queryBounds = xmlwire.Bounds{Bytes: 64 << 10, Depth: 16, Elements: 1000, Attrs: 32}

// query is the payload of a request, which has one.
func (in *incoming) query() (*xmlwire.Node, *muc.StanzaError) {
	payload, err := new(xmlwire.Encoder).Encode(in.el, queryBounds)
	switch {
	case err == xmlwire.ErrMalformed, err == nil && len(payload.Kids) != 1:
		return nil, &muc.StanzaError{Condition: stanza.BadRequest, Text: "The request is not well-formed XML.", Section: "RFC 6120 §4.9.3.13"}
	case err != nil:
		return nil, &muc.StanzaError{Condition: stanza.PolicyViolation, Text: "The request is too large.", Section: "XEP-0045 §14.6"}
	}
	n := xmlwire.ParseNode(payload.XML(&payload.Kids[0]))
	return &n, nil
}

// refusal answers a stanza with an error of the service's own. Those of hooks may hold
// more, and are written by rooms.
func (in *incoming) refusal(e *muc.StanzaError) *reply {
	r := in.reply(in.el.Tag, "error")
	if in.el.Tag == "presence" {
		// As rooms do, without what it held: that may be a password.
		if childNamed(in.el, ns.RoomActivity, "rai") != nil {
			child(r.el, ns.RoomActivity, "rai")
		} else {
			child(r.el, ns.MUC, "x")
		}
	}
	r.el.AddChild(xmlwire.Element(string(e.AppendXML(nil, in.to.Bare().String()))))
	return r
}

// child adds an element in another namespace.
func child(parent *etree.Element, space, tag string) *etree.Element {
	el := parent.CreateElement(tag)
	el.CreateAttr("xmlns", space)
	return el
}

// childNamed finds a child, nil for none.
func childNamed(parent *etree.Element, space, tag string) *etree.Element {
	for _, el := range parent.ChildElements() {
		if el.Tag == tag && el.NamespaceURI() == space {
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
