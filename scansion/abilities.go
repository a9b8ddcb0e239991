package scansion

import (
	"encoding/xml"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// advertised are the features by which rooms tell that they have what is not in XEP-0045. A
// script about one of these documents means nothing to a server whose rooms do not.
var advertised = map[string]string{
	"XEP-0313": "urn:xmpp:mam:2",
	"XEP-0317": "urn:xmpp:hats:0",
	"XEP-0359": "urn:xmpp:sid:0",
	"XEP-0410": "http://jabber.org/protocol/muc#self-ping-optimization",
	"XEP-0421": "urn:xmpp:occupant-id:0",
	"XEP-0424": "urn:xmpp:message-retract:1",
	"XEP-0425": "urn:xmpp:message-moderate:1",
	"XEP-0463": "urn:xmpp:muc:affiliations:1",
	"XEP-0486": "vcard-temp",
}

// able skips a script that is about something that the rooms there do not have.
func (j *judge) able() error {
	if len(j.script.Asks) == 0 {
		return nil
	}
	document := j.script.Asks[0].Document
	feature := advertised[document]
	if feature == "" {
		return nil
	}
	all, err := j.stage.features()
	if err == nil && all != nil && !slices.Contains(all, feature) {
		err = skip("its rooms do not have %s", document)
	}
	return err
}

// offered skips the rest of a script in which an owner sets an option that the room does not
// have.
func (j *judge) offered(a *action) error {
	if a.verb != verbSends || a.send.Tag != "iq" || a.send.SelectAttrValue("type", "") != "set" {
		return nil
	}
	n, err := fromElement(a.send)
	if err != nil {
		return err
	}
	var wanted []string
	_ = n.walk(func(n *node) error {
		if name := n.value("var"); n.name.Space == nsData && name != "" && name != "FORM_TYPE" {
			wanted = append(wanted, name)
		}
		return nil
	})
	to, err := muc.ParseJID(n.value("to"))
	if err != nil || len(wanted) == 0 || !slices.ContainsFunc(n.kids, func(kid *node) bool { return kid.name.Space == nsOwner }) {
		return nil
	}
	all, err := j.stage.formFields(j.users[a.client], to)
	for _, option := range wanted {
		if err == nil && all != nil && !slices.Contains(all, option) {
			err = skip("its rooms have no option %s", option)
		}
	}
	return err
}

// features are those of a room that is made for the question.
func (n *network) features() ([]string, error) {
	if len(n.names.roomDomains) == 0 {
		return nil, nil
	}
	address, err := muc.ParseJID("features@" + n.names.roomDomains[0])
	if err != nil {
		return nil, err
	}
	l := n.lines[0]
	before := l.ignores
	l.ignores = true
	defer func() { l.ignores = before }()
	room := n.names.toServer(address.String())
	presence := etree.NewElement("presence")
	presence.CreateAttr("to", room+"/"+setupName)
	presence.AddChild(newElement(nsMUC, "x"))
	if err := n.write(l, presence); err != nil {
		return nil, err
	}
	if _, err := n.ask(l, address, "set", submission(nil)); err != nil {
		return nil, err
	}
	info, err := n.ask(l, address, "get", newElement(nsInfo, "query"))
	if err != nil {
		return nil, err
	}
	destroy := newElement(nsOwner, "query")
	destroy.AddChild(etree.NewElement("destroy"))
	if _, err := n.ask(l, address, "set", destroy); err != nil {
		return nil, err
	}
	return varsOf(info), nil
}

// formFields are those of a room's form, nil if it is not shown to that client.
func (n *network) formFields(u *user, room muc.JID) ([]string, error) {
	known := slices.ContainsFunc(n.rooms, func(r *knownRoom) bool { return r.address == room && len(r.owners) > 0 })
	l := n.of(u)
	if !known || l.conn == nil {
		return nil, nil
	}
	form, err := n.ask(l, room, "get", newElement(nsOwner, "query"))
	if err != nil {
		return nil, err
	}
	return varsOf(form), nil
}

// varsOf are the values of all attributes var.
func varsOf(n *node) (all []string) {
	_ = n.walk(func(n *node) error {
		if name, ok := n.attr(xml.Name{Local: "var"}); ok {
			all = append(all, name)
		}
		return nil
	})
	return all
}
