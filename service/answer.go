package service

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// requests are what the domain itself answers, by the namespace of the payload. Neither
// an answer nor an error means that it is answered later.
var requests = map[string]struct {
	tag    string
	typ    string
	answer func(s *Service, in *incoming, query *etree.Element) (*reply, *muc.StanzaError)
}{
	ns.DiscoInfo:  {"query", "get", (*Service).info},
	ns.DiscoItems: {"query", "get", (*Service).items},
	ns.Ping:       {"ping", "get", (*Service).ping},
	ns.Unique:     {"unique", "get", (*Service).unique},
	ns.Version:    {"query", "get", (*Service).version},
	ns.VCard:      {"vCard", "get", (*Service).vCard},
	ns.Commands:   {"command", "set", (*Service).command},
	ns.Search:     {"search", "get", (*Service).search},
}

// features are what disco#info tells of the domain, as far as it offers them.
var features = []string{ns.MUC, ns.StableID, ns.DiscoInfo, ns.DiscoItems, ns.RSM, ns.Unique, ns.Ping, ns.Version, ns.VCard, ns.Search, ns.Commands, ns.RoomActivity, ns.Caps, ns.Caps2}

// answer answers what is addressed to the domain itself. Of presence only that is its business
// by which people ask to be told of activity, and probes; messages have nobody to read them.
func (s *Service) answer(ctx context.Context, in *incoming) {
	if in.el.Tag == "presence" && in.typ == "probe" {
		s.send(ctx, s.present(in))
		return
	}
	if in.el.Tag == "presence" || in.el.Tag == "message" && in.typ == "error" {
		s.watchActivity(ctx, in)
		return
	}
	if in.isAnswer() {
		return
	}
	unknown := &muc.StanzaError{Condition: stanza.ServiceUnavailable, Section: "RFC 6120 §8.4"}
	if in.el.Tag == "message" {
		s.refuse(ctx, in, unknown)
		return
	}
	space, query := in.payload()
	r, known := requests[space]
	switch {
	case in.id == "" || query == nil || len(in.el.ChildElements()) != 1 || in.typ != "get" && in.typ != "set":
		s.refuse(ctx, in, &muc.StanzaError{Condition: stanza.BadRequest, Section: "RFC 6120 §8.2.3"})
	case !known || query.Tag != r.tag || in.typ != r.typ || !s.offers(space):
		s.refuse(ctx, in, unknown)
	default:
		switch reply, e := r.answer(s, in, query); {
		case e != nil:
			s.refuse(ctx, in, e)
		case reply != nil: // otherwise it comes later
			s.send(ctx, reply)
		}
	}
}

// offers reports whether the service does what it can be configured not to. Names
// that nobody may use are no help.
func (s *Service) offers(space string) bool {
	switch space {
	case ns.Unique:
		return s.cfg.RoomName == nil || s.cfg.RoomName(uniqueName()) == nil
	case ns.Version:
		return s.cfg.Software != nil
	case ns.Commands:
		return s.cfg.Admin != nil
	case ns.RoomActivity:
		return s.cfg.Activity != nil
	}
	return true
}

// info tells what the service is (XEP-0045 §6.2).
func (s *Service) info(in *incoming, query *etree.Element) (*reply, *muc.StanzaError) {
	node, about := query.SelectAttrValue("node", ""), s.about()
	switch {
	case node == "":
	case capsOf(about).isNode(node):
		about.CreateAttr("node", node)
	default:
		return s.commandInfo(in, node)
	}
	r := in.result()
	r.el.AddChild(about)
	return r, nil
}

// about is what disco#info tells of the service.
func (s *Service) about() *etree.Element {
	answer := etree.NewElement("query")
	answer.CreateAttr("xmlns", ns.DiscoInfo)
	identity := answer.CreateElement("identity")
	identity.CreateAttr("category", "conference")
	identity.CreateAttr("type", "text")
	identity.CreateAttr("name", s.cfg.Name)
	for _, space := range features {
		if s.offers(space) {
			answer.CreateElement("feature").CreateAttr("var", space)
		}
	}
	writeContacts(answer, s.cfg.Contacts)
	return answer
}

func noNode() *muc.StanzaError {
	return &muc.StanzaError{Condition: stanza.ItemNotFound, Text: "There is no such node.", Section: "XEP-0030 §3.2"}
}

// readPage reads what page a query asks for (XEP-0059).
func readPage(query *xmlwire.Node, most int) (rsm.Request, *muc.StanzaError) {
	set := query.Child(ns.RSM, "set")
	if set == nil {
		return rsm.Request{Max: most}, nil
	}
	return rsm.Read(most, func(name string) (string, bool) {
		if c := set.Child(ns.RSM, name); c != nil {
			return c.Text, true
		}
		return "", false
	})
}

// items lists the public rooms (XEP-0045 §6.3), in pages (XEP-0059).
func (s *Service) items(in *incoming, query *etree.Element) (*reply, *muc.StanzaError) {
	if node := query.SelectAttrValue("node", ""); node != "" {
		return s.commandItems(in, node)
	}
	read, e := in.query()
	if e != nil {
		return nil, e
	}
	ask, e := readPage(read, s.cfg.Limits.Page)
	if e != nil {
		return nil, e
	}
	is, rooms, e := s.dir.cut(&ask, s.cfg.Limits.PageBytes)
	if e != nil {
		return nil, e
	}
	r := in.result()
	answer := child(r.el, ns.DiscoItems, "query")
	for _, l := range rooms {
		item := answer.CreateElement("item")
		item.CreateAttr("jid", l.room.String())
		item.CreateAttr("name", l.shown())
	}
	var w xmlwire.Writer
	ask.Write(&w, is, func(i int) string { return rooms[i-is.From].room.String() })
	if len(w.Bytes) > 0 {
		answer.AddChild(xmlwire.Element(string(w.Bytes)))
	}
	return r, nil
}

func (s *Service) ping(in *incoming, _ *etree.Element) (*reply, *muc.StanzaError) {
	return in.result(), nil
}

// unique gives a name that no room has and that nobody can guess (XEP-0307).
func (s *Service) unique(in *incoming, _ *etree.Element) (*reply, *muc.StanzaError) {
	r := in.result()
	child(r.el, ns.Unique, "unique").SetText(uniqueName())
	return r, nil
}

// uniqueName is a localpart of 128 random bits.
func uniqueName() string { return strings.ToLower(rand.Text()) }

// version tells what software this is (XEP-0092).
func (s *Service) version(in *incoming, _ *etree.Element) (*reply, *muc.StanzaError) {
	r := in.result()
	answer := child(r.el, ns.Version, "query")
	for _, f := range [...]struct{ tag, text string }{
		{"name", s.cfg.Software.Name}, {"version", s.cfg.Software.Version}, {"os", s.cfg.Software.OS},
	} {
		if f.text != "" || f.tag != "os" {
			answer.CreateElement(f.tag).SetText(f.text)
		}
	}
	return r, nil
}

// vCard is who the service is, for clients that show it as a contact (XEP-0054).
func (s *Service) vCard(in *incoming, _ *etree.Element) (*reply, *muc.StanzaError) {
	r := in.result()
	child(r.el, ns.VCard, "vCard").CreateElement("FN").SetText(s.cfg.Name)
	return r, nil
}

// writeContacts tells whom people can write to about the service (XEP-0157).
func writeContacts(answer *etree.Element, contacts []Contact) {
	if len(contacts) == 0 {
		return
	}
	form := child(answer, ns.Data, "x")
	form.CreateAttr("type", "result")
	field := form.CreateElement("field")
	field.CreateAttr("var", "FORM_TYPE")
	field.CreateAttr("type", "hidden")
	field.CreateElement("value").SetText(ns.ServerInfo)
	for _, kind := range contactKinds {
		var addresses []string
		for _, c := range contacts {
			if c.For == kind {
				addresses = append(addresses, c.URI)
			}
		}
		if len(addresses) == 0 {
			continue
		}
		field := form.CreateElement("field")
		field.CreateAttr("var", string(kind)+"-addresses")
		field.CreateAttr("type", "list-multi")
		for _, a := range addresses {
			field.CreateElement("value").SetText(a)
		}
	}
}
