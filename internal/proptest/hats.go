package proptest

import (
	"fmt"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

const (
	nsHats     = "urn:xmpp:hats:0"
	nsCommands = "http://jabber.org/protocol/commands"
)

var hatURIs = []string{"urn:hat:a", "urn:hat:b", "http://hats.example/?a=1&b='2'", "urn:hat:d", "no hat"}

// hats is what admins, the host and others do with hats (XEP-0317).
func (w *world) hats() {
	uri, title, who := pick(w, "hat", hatURIs), pick(w, "title", append([]string{"Hat", "Helmet"}, texts...)), muc.MustParseJID(w.someone())
	hue := pick(w, "hue", []string{"", "", "10", "359.5", "red"})
	var known []string
	for h := range w.room.Hats() {
		known = append(known, h.URI)
	}
	switch {
	case len(known) == 0:
		w.command(muc.CreateHat{URI: uri, Title: title})
		w.command(muc.AssignHat{JID: who, URI: uri})
		return
	case !w.oneIn(3, "any"):
		uri = pick(w, "known", known)
	}
	if !w.oneIn(3, "person") {
		w.commandAs(w.as(), pick(w, "command", []muc.Command{muc.AssignHat{JID: who, URI: uri},
			muc.CreateHat{URI: uri, Title: title, Hue: hue, Lang: "de"}, muc.AssignHat{JID: who, URI: uri}, muc.UnassignHat{JID: who, URI: uri}, muc.DestroyHat{URI: uri}}))
		return
	}
	field := func(name, value string) string {
		return "<field var='hats#" + name + "'><value>" + esc(value) + "</value></field>"
	}
	command := pick(w, "command", []string{"assign", "create", "assign", "unassign", "list-assigned", "destroy", "list"})
	form := ""
	if !w.oneIn(6, "form") {
		form = "<x xmlns='jabber:x:data' type='submit'>" + field("uri", uri)
		switch command {
		case "create":
			form += field("title", title) + field("hue", hue)
		case "assign", "unassign":
			form += field("jid", who.String())
		}
		form += "</x>"
	}
	w.iq(w.ruler(), "set", "", "<command xmlns='"+nsCommands+"' node='urn:xmpp:hats:commands:"+command+"'>"+form+"</command>")
}

// hatsOf is all hats of people, by bare JID, as presences show them.
func hatsOf(room *muc.Room) map[string]string {
	all := map[string]string{}
	for who, hats := range room.AssignedHats() {
		for _, h := range hats {
			all[who.String()] += fmt.Sprintf("%q %q %q %q;", h.URI, h.Title, h.Hue, h.Lang)
		}
	}
	return all
}

// hatsIn is the same in one presence.
func hatsIn(el *element) string {
	var b strings.Builder
	for _, x := range el.kids {
		if x.ns != nsHats {
			continue
		}
		for _, h := range x.kids {
			fmt.Fprintf(&b, "%q %q %q %q;", h.attr("uri"), h.attr("title"), h.attr("hue"), h.attr("xml:lang"))
		}
	}
	return b.String()
}

// checkHats: hats are the affair of the host and of admins.
func (w *world) checkHats(s *step) {
	for ev := range s.fx.Events() {
		var by event.Actor
		switch b := ev.Body.(type) {
		case *event.HatCreated:
			by = b.Actor
		case *event.HatDestroyed:
			by = b.Actor
		case *event.HatAssigned:
			by = b.Actor
		case *event.HatUnassigned:
			by = b.Actor
		default:
			continue
		}
		if s.in.stanza != nil && by.JID.String() != s.sender || s.in.as != by.JID && s.in.stanza == nil {
			w.fail("whose act is it? %v %+v", ev, ev.Body)
		}
		if !by.JID.IsZero() && s.before.affiliation(by.JID.Bare()) < muc.Admin {
			w.fail("%s changes hats", by.JID)
		}
	}
}
