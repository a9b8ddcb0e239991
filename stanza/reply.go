package stanza

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
)

// AppendXML appends the error as an element of a stanza (RFC 6120 §8.3.2), with the
// address of who found it unless by is empty.
func (e *Error) AppendXML(dst []byte, by string) []byte {
	e = e.Settled()
	w := xmlwire.Writer{Bytes: dst}
	w.Start("error", "")
	w.Attr("type", string(e.Type))
	w.AttrIf("by", by)
	w.Start(string(e.Condition), ns.Stanzas)
	if e.Condition == Gone && e.URI != "" {
		w.Text(e.URI)
	}
	w.End()
	if e.Text != "" {
		w.Element("text", ns.Stanzas, e.Text)
	}
	if e.App.Local != "" {
		w.Element(e.App.Local, e.App.Space, "")
	}
	w.End()
	return w.Bytes
}

// Reply is the stanza that tells the sender of el about the error, as a server does for
// what it cannot deliver (RFC 6120 §8.3.1): of the same kind, with the same id, back from
// where it was sent to. It is nil for what must not be answered so: an error, the result of
// a request, and a presence that says that somebody is gone.
func (e *Error) Reply(el *etree.Element) *etree.Element {
	switch el.SelectAttrValue("type", "") {
	case "error", "result", "unavailable":
		return nil
	}
	reply := etree.NewElement(el.Tag)
	for _, a := range [...]struct{ name, of string }{{"from", "to"}, {"to", "from"}, {"id", "id"}} {
		if value := el.SelectAttrValue(a.of, ""); value != "" {
			reply.CreateAttr(a.name, value)
		}
	}
	reply.CreateAttr("type", "error")
	reply.AddChild(xmlwire.Element(string(e.AppendXML(nil, ""))))
	return reply
}
