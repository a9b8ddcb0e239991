package scansion

import (
	"slices"
	"strings"

	"github.com/gomuc/muc"
)

// extra is a permission to send what nobody asked for. It is what `receives: nothing` means in
// mode [Spec]: nothing but that.
type extra struct {
	what string
	// where is the section that permits it.
	where string
	// permits judges a stanza that came to a client.
	permits func(r *reading, n *node) bool
}

var extras = []extra{
	{"presence of the room itself", "XEP-0486 §5.2", func(_ *reading, n *node) bool {
		return n.name.Local == "presence" && fromRoom(n) && n.value("type") != "error" && n.child(nsUser, "x") == nil
	}},
	{"words of the room or the service", "XEP-0045 §13, §18.1", func(_ *reading, n *node) bool {
		return n.name.Local == "message" && fromRoom(n) && n.value("type") != "error" &&
			n.child(nsClient, "body") != nil && !isAbout(n, "invite", "decline") && n.child(nsData, "x") == nil
	}},
	{"that the room is configured in another way", "XEP-0045 §10.2.1", func(_ *reading, n *node) bool {
		codes := n.codes()
		return n.name.Local == "message" && fromRoom(n) && n.value("type") != "error" && len(codes) > 0 &&
			!slices.ContainsFunc(codes, func(c string) bool { return !slices.Contains([]string{"101", "102", "103", "104"}, c) })
	}},
	{"that somebody who is not inside has another affiliation", "XEP-0045 §10.3, §10.6, §10.7, §18.1", func(_ *reading, n *node) bool {
		return n.name.Local == "message" && fromRoom(n) && n.value("type") != "error" && len(n.codes()) == 0 && isAbout(n, "item")
	}},
	{"what a client knows of an occupant already", "XEP-0045 §7.2.1, §17.3", func(r *reading, n *node) bool {
		jid := itemOf(n).value("jid")
		who, err := muc.ParseJID(jid)
		own := err == nil && who.Bare() == r.who
		return r.isKnown(n) && (jid == "" || own || jid == itemOf(r.known[n.value("from")]).value("jid") || r.moderates())
	}},
	{"that somebody has gone, once for each client", "XEP-0045 §7.2.8", func(r *reading, n *node) bool {
		last := r.known[n.value("from")]
		return n.name.Local == "presence" && n.value("type") == "unavailable" && last != nil && last.value("type") == "unavailable" &&
			itemOf(n).value("role") == "none" && slices.Equal(standing(n), standing(last)) && slices.Equal(happened(n), happened(last))
	}},
	{"an error where a presence says what is not understood", "RFC 6120 §8.3.1", func(r *reading, n *node) bool {
		return n.name.Local == "presence" && n.value("type") == "error" && r.own && r.sent.name.Local == "presence" &&
			r.sent.has("type") && r.sent.value("type") != "unavailable" && r.sent.value("type") != "error"
	}},
	{"questions of the service to a client", "XEP-0045 §18.1.2", func(_ *reading, n *node) bool {
		return n.name.Local == "iq" && (n.value("type") == "get" || n.value("type") == "set") && fromRoom(n)
	}},
}

// fromRoom reports whether a stanza comes from the room or the service, not from an occupant.
func fromRoom(n *node) bool { return !strings.Contains(n.value("from"), "/") }

// isAbout reports whether <x/> has such a child.
func isAbout(n *node, locals ...string) bool {
	x := n.child(nsUser, "x")
	return x != nil && slices.ContainsFunc(x.kids, func(kid *node) bool { return slices.Contains(locals, kid.name.Local) })
}

// itemOf is what <x/> says of an occupant, an empty element if nothing.
func itemOf(n *node) *node {
	if x := n.child(nsUser, "x"); x != nil {
		if item := x.child(nsUser, "item"); item != nil {
			return item
		}
	}
	return &node{}
}

// standing is what a presence says of an occupant's role, affiliation and availability.
func standing(n *node) []string {
	s := []string{itemOf(n).value("affiliation"), itemOf(n).value("role")}
	for _, kid := range n.kids {
		if kid.name.Space == nsClient {
			s = append(s, kid.name.Local, kid.text())
		}
	}
	return s
}

// happened are the status codes of a presence but for 110.
func happened(n *node) []string {
	return slices.DeleteFunc(n.codes(), func(code string) bool { return code == "110" })
}

// order is that some stanzas of a round have to come before others.
type order struct {
	what string
	mark Mark
	// before reports it, and entering is that the client of the two enters in this round.
	before func(first, then *node, entering bool) bool
}

var orders = []order{
	{
		"others, oneself, the past, the subject, what is said from now on",
		Mark{Must, baseDocument, "7.1", "the MUC service MUST send it events in the following order"},
		func(first, then *node, entering bool) bool {
			a, b := stageOfEntering(first), stageOfEntering(then)
			return entering && a > 0 && b > 0 && a < b
		},
	},
	{
		"the old nick goes, then the new one comes",
		Mark{Must, baseDocument, "7.6", "The service then sends two presence stanzas to the full JID of each occupant"},
		func(first, then *node, _ bool) bool {
			return first.hasCode("303") && then.name.Local == "presence" && then.value("type") == ""
		},
	},
}

// ordered is the order that two stanzas have, as a script expects them; nil if they have none.
func ordered(first, then *node, entering bool) *order {
	for i := range orders {
		if orders[i].before(first, then, entering) {
			return &orders[i]
		}
	}
	return nil
}

// stageOfEntering is at which of the five stages of §7.1 a stanza comes, 0 for none.
func stageOfEntering(n *node) int {
	switch {
	case n.name.Local == "presence" && n.value("type") == "" && !fromRoom(n):
		if n.hasCode("110") {
			return 2
		}
		return 1
	case isSubject(n):
		return 4
	case n.name.Local == "message" && n.value("type") == "groupchat" && n.child(nsDelay, "delay") != nil:
		return 3
	case n.name.Local == "message" && n.value("type") == "groupchat":
		return 5
	}
	return 0
}
