package scansion

import (
	"encoding/xml"
	"slices"
	"strings"

	"github.com/gomuc/muc"
)

// extensions are the specifications of what others than XEP-0045 put into stanzas, by
// namespace. It is wanted only in scripts with a mark that names one of them.
var extensions = map[string][]string{
	"urn:xmpp:occupant-id:0":                                {"XEP-0421"},
	"urn:xmpp:sid:0":                                        {"XEP-0359", "XEP-0313", "XEP-0424", "XEP-0425"},
	"urn:xmpp:hats:0":                                       {"XEP-0317"},
	"vcard-temp":                                            {"XEP-0486"},
	"vcard-temp:x:update":                                   {"XEP-0486"},
	"urn:xmpp:muc:affiliations:1":                           {"XEP-0463"},
	"urn:xmpp:message-retract:1":                            {"XEP-0424", "XEP-0425"},
	"urn:xmpp:message-retract:1#tombstone":                  {"XEP-0424"},
	"urn:xmpp:message-moderate:1":                           {"XEP-0425"},
	"urn:xmpp:mam:2":                                        {"XEP-0313"},
	"urn:xmpp:mam:2#extended":                               {"XEP-0313"},
	"urn:xmpp:forward:0":                                    {"XEP-0313", "XEP-0452"},
	"urn:xmpp:mmn:0":                                        {"XEP-0452"},
	"http://jabber.org/protocol/rsm":                        {"XEP-0059", "XEP-0313"},
	"jabber:x:conference":                                   {"XEP-0249"},
	"jabber:x:delay":                                        {"XEP-0091"},
	"http://jabber.org/protocol/commands":                   {"XEP-0050", "XEP-0317"},
	"http://jabber.org/protocol/muc#self-ping-optimization": {"XEP-0410"},
}

// conditions are those that sections of XEP-0045 name. Where it names none, an error is as
// good as another.
var conditions = map[string][]string{
	"6.6":    {"bad-request"},
	"7.2.1":  {"jid-malformed"},
	"7.2.5":  {"not-authorized"},
	"7.2.6":  {"registration-required"},
	"7.2.7":  {"forbidden"},
	"7.2.8":  {"conflict"},
	"7.2.9":  {"service-unavailable"},
	"7.2.10": {"item-not-found"},
	"7.2.17": {"not-authorized", "forbidden", "item-not-found", "not-allowed", "not-acceptable", "registration-required", "conflict", "service-unavailable"},
	"7.4":    {"forbidden", "not-acceptable"},
	"7.5":    {"bad-request", "item-not-found", "not-acceptable"},
	"7.6":    {"conflict", "not-acceptable"},
	"7.8.2":  {"forbidden", "item-not-found"},
	"7.10":   {"bad-request", "conflict", "item-not-found", "not-allowed", "service-unavailable"},
	"7.12":   {"conflict", "feature-not-implemented", "not-acceptable"},
	"8":      {"forbidden"},
	"8.1":    {"forbidden"},
	"8.2":    {"conflict", "not-allowed"},
	"8.4":    {"not-allowed"},
	"8.5":    {"not-allowed"},
	"9":      {"forbidden"},
	"9.1":    {"conflict", "not-allowed"},
	"9.5":    {"forbidden"},
	"9.7":    {"not-allowed"},
	"9.8":    {"not-allowed"},
	"10.1.1": {"not-allowed"},
	"10.1.3": {"not-acceptable"},
	"10.2":   {"conflict", "forbidden"},
	"10.3":   {"forbidden"},
	"10.4":   {"conflict", "forbidden"},
	"10.5":   {"conflict", "forbidden"},
	"10.6":   {"forbidden"},
	"10.7":   {"forbidden"},
	"10.8":   {"forbidden"},
	"10.9":   {"forbidden"},
	"17.2":   {"bad-request", "forbidden", "item-not-found"},
	"17.4":   {"bad-request"},
	"18.1.1": {"feature-not-implemented", "service-unavailable"},
}

// names reports whether a section that is asked for there, or the chapter it stands in, or another
// specification, names the condition.
func (r *reading) names(condition string) bool {
	for _, m := range r.here {
		chapter, _, _ := strings.Cut(m.Section, ".")
		if m.Level != Choice && (m.Document != baseDocument ||
			slices.Contains(conditions[m.Section], condition) || slices.Contains(conditions[chapter], condition)) {
			return true
		}
	}
	return false
}

// loosenings are what a service may do in another way than the library does.
var loosenings = []loosening{
	{"the type of an error is advice, and it need not say who it is by", "RFC 6120 §8.3.2", func(_ *reading, at place) {
		if at.name.Local == "error" && len(at.up) == 1 {
			at.forget("type", "by", "code")
		}
	}},
	{"an error need not bring back what was refused", "RFC 6120 §8.3.1", func(r *reading, at place) {
		at.left = at.left || len(at.up) == 1 && at.parent().value("type") == "error" && at.name.Local != "error" && !r.asked(Must, "8.4")
	}},
	{"an error comes from the room or from the address that was used", "RFC 6120 §8.3.1", func(_ *reading, at place) {
		if len(at.up) == 0 && at.value("type") == "error" {
			room, _, _ := strings.Cut(at.value("from"), "/")
			at.set("from", room+"{scansion:any}")
		}
	}},
	{"where no condition is named any will do, and words are for people", "RFC 6120 §8.3.2, §8.3.3", func(r *reading, at place) {
		at.left = at.left || at.name.Space == nsStanzas && at.parent().name.Local == "error" && !r.names(at.name.Local)
	}},
	{"an error need not have a condition of its application", "RFC 6120 §8.3.4", func(r *reading, at place) {
		at.left = at.left || at.name.Space != nsStanzas && at.parent().name.Local == "error" && len(at.up) == 2 && !r.knows(at.name.Space)
	}},
	{"presence and messages need not bear the id that their sender gave them", "XEP-0045 §7.2.2, §7.4", func(r *reading, at place) {
		if len(at.up) == 0 && at.name.Local != "iq" && at.value("type") != "error" && !(at.name.Local == "message" && r.askedFor(Should, "7.4", "'id'")) {
			at.forget("id")
		}
	}},
	{"words of the service's own are its own", "XEP-0045 §13", func(r *reading, at place) {
		switch at.name.Local {
		case "body", "reason", "status", "subject", "title", "instructions", "desc", "text":
			at.left = at.left || len(at.kids) == 0 && !r.written(at.text())
		}
		if !r.written(at.value("name")) {
			at.forget("name")
		}
	}},
	{"a language need not be passed on", "XEP-0045 §13", func(r *reading, at place) {
		if !r.asked(Should, "13") {
			at.attrs = slices.DeleteFunc(at.attrs, isLanguage)
		}
	}},
	{"how a form presents itself", "XEP-0004 §3", func(_ *reading, at place) {
		if at.name.Space == nsData || at.parent().name.Space == nsData {
			switch at.name.Local {
			case "x", "item", "reported", "value":
			case "field":
				at.forget("label", "type")
			default:
				at.left = true
			}
		}
	}},
	{"true and false have two spellings", "XEP-0004 §3.3", func(_ *reading, at place) {
		want := truth(at.text())
		if at.is(nsData, "value") && want != "" && len(at.kids) == 0 {
			at.texts = []string{""}
			at.never = append(at.never, func(got *node) string {
				if truth(got.text()) != want {
					return "text: expected " + want + ", got '" + got.text() + "'"
				}
				return ""
			})
		}
	}},
	{"which options and questions a form has is up to the service", "XEP-0045 §10.1.3, §7.10, §16.5", func(_ *reading, at place) {
		if at.is(nsData, "field") && at.stanza().value("type") == "result" {
			at.left = at.left || !slices.Contains([]string{"FORM_TYPE", "muc#register_roomnick"}, at.value("var"))
		}
	}},
	{"a room may say more of itself in a form", "XEP-0045 §6.4", func(r *reading, at place) {
		at.left = at.left || at.is(nsData, "x") && at.parent().name.Space == nsInfo && !r.asked(May, "6.4")
	}},
	{"a room should tell its features", "XEP-0045 §6.4", func(r *reading, at place) {
		if at.is(nsInfo, "feature") {
			feature := at.value("var")
			ours := strings.HasPrefix(feature, "muc_") && r.asked(Should, "6.4") || feature == "http://jabber.org/protocol/muc" && r.asked(Must, "6.4")
			at.left = at.left || !ours && !r.knows(feature)
		}
	}},
	{"status codes that the specification leaves to the service", "XEP-0045 §10.2.1, §11", func(r *reading, at place) {
		if at.is(nsUser, "status") {
			switch at.value("code") {
			case "102", "103", "104":
				at.left = at.left || !r.asked(Should, "10.2.1")
			case "332":
				at.left = at.left || !r.asked(Should, "11.2")
			case "333":
				at.left = at.left || !r.asked(May, "11.1") && !r.asked(Must, "7.2.18")
			case "110":
				said := at.stanza().value("type") == "unavailable" && at.parent().child(nsUser, "destroy") == nil &&
					!at.stanza().hasCode("301", "307", "321", "322", "332", "333")
				at.left = at.left || !said && !r.enters() && !r.asked(Must, "7.2.18")
			}
		}
	}},
	{"who acted, and why, may be told", "XEP-0045 §8.2, §9.1", func(_ *reading, at place) {
		at.left = at.left || (at.name.Local == "actor" || at.name.Local == "reason") && at.parent().name.Local == "item"
	}},
	{"an item may name the nick, and a person's own address", "XEP-0045 §7.2.2, §7.6", func(_ *reading, at place) {
		if at.is(nsUser, "item") && at.inExtended("presence") {
			if !at.stanza().hasCode("303") {
				at.forget("nick")
			}
			if at.stanza().hasCode("110") {
				at.forget("jid")
			}
		}
	}},
	{"the end of a room needs no affiliation", "XEP-0045 §10.9", func(_ *reading, at place) {
		if at.is(nsUser, "item") && at.parent().child(nsUser, "destroy") != nil {
			at.forget("affiliation")
		}
	}},
	{"what lists say beside the address, or beside nick and role", "XEP-0045 §8.5, §9.2, §9.5, §9.8", func(r *reading, at place) {
		if !at.is(nsAdmin, "item") || at.stanza().value("type") != "result" {
			return
		}
		if at.has("role") && at.has("nick") {
			if !r.asked(Should, "8.5") {
				at.forget("jid", "affiliation")
			}
			return
		}
		at.forget("role")
		if !r.asked(Should, "17.4") {
			at.forget("nick")
		}
	}},
	{"clocks differ", "XEP-0203 §4", func(_ *reading, at place) {
		if at.is(nsDelay, "delay") {
			at.set("stamp", "{scansion:any}")
		}
	}},
	{"a subject should tell when it was set", "XEP-0045 §7.2.15", func(r *reading, at place) {
		at.left = at.left || at.is(nsDelay, "delay") && isSubject(at.parent()) && !r.asked(Should, "7.2.15")
	}},
	{"a subject comes from the room or from an occupant", "XEP-0045 §8.1", func(_ *reading, at place) {
		if isSubject(at.node) {
			room, _, _ := strings.Cut(at.value("from"), "/")
			at.set("from", room+"{scansion:any}")
		}
	}},
	{"what other specifications add is theirs", "XEP-0045 §17.2, §17.3, §18.1", func(r *reading, at place) {
		at.left = at.left || extensions[at.name.Space] != nil && !r.knows(at.name.Space)
	}},
	{"extended information may be taken out", "XEP-0045 §17.2, §17.3, §18.1", func(r *reading, at place) {
		foreign := at.name.Space != nsClient && at.name.Space != nsUser && extensions[at.name.Space] == nil &&
			!at.is(nsDelay, "delay") && !at.is(nsData, "x")
		at.left = at.left || foreign && at.inStanza("message", "presence") && at.stanza().value("type") != "error" &&
			!r.asked(Should, "17.2", "17.3")
	}},
	{"a private message should be marked as one", "XEP-0045 §7.5", func(r *reading, at place) {
		at.left = at.left || at.is(nsUser, "x") && len(at.kids) == 0 && at.inStanza("message") && !r.asked(Should, "7.5")
	}},
	{"type normal need not be written", "RFC 6121 §5.2.2", func(_ *reading, at place) {
		if len(at.up) == 0 && at.name.Local == "message" && at.value("type") == "normal" {
			at.forget("type")
		}
	}},
	{"an invitation is from the inviter by whatever address, and should name the password", "XEP-0045 §7.8.2", func(r *reading, at place) {
		if at.is(nsUser, "invite") {
			at.set("from", "{scansion:any}")
		}
		at.left = at.left || at.is(nsUser, "password") && !r.asked(Should, "7.8.2")
	}},
	{"messages about the room or about people outside may be sent, and invitations to new members should", "XEP-0045 §9.5, §10.2.1, §10.3, §18.1", func(r *reading, at place) {
		if len(at.up) > 0 || at.name.Local != "message" {
			return
		}
		x := at.child(nsUser, "x")
		switch {
		case x == nil:
		case at.hasCode("102", "103", "104"):
			at.left = !at.hasCode("170", "171", "172", "173") && !r.asked(Should, "10.2.1")
		case x.child(nsUser, "item") != nil:
			at.left = !r.asked(May, "18.1", "10.3", "10.6", "10.7")
		case x.child(nsUser, "invite") != nil:
			at.left = !r.invites() && !r.askedFor(Should, "9.5", "added to the member list")
		}
	}},
	{"nobody need be told again what is known, unless by entering again", "XEP-0045 §7.2.1, §9.6", func(r *reading, at place) {
		at.left = at.left || len(at.up) == 0 && !r.enters() && r.isKnown(at.node) &&
			!slices.ContainsFunc(at.origin.codes(), func(code string) bool { return code != "110" })
	}},
}

// askedFor is asked for a sentence with these words: where a section asks for several things.
func (r *reading) askedFor(level Level, section, words string) bool {
	return slices.ContainsFunc(r.asks, func(m Mark) bool {
		return m.Level == level && m.Document == baseDocument && m.Section == section && strings.Contains(m.Sentence, words) && !slices.Contains(r.waived, m)
	})
}

// truth is true or false by its own name, "" for anything else.
func truth(s string) string {
	switch strings.TrimSpace(s) {
	case "1", "true":
		return "true"
	case "0", "false":
		return "false"
	}
	return ""
}

// knows reports whether the script asks for the specification of a namespace.
func (r *reading) knows(space string) bool {
	docs := extensions[space]
	return slices.ContainsFunc([]Level{Must, Should, May, Choice}, func(l Level) bool { return r.asked(l, docs...) })
}

// inExtended reports whether it is in <x/> of a stanza of that kind.
func (at place) inExtended(kind string) bool {
	return len(at.up) == 2 && at.up[0].name.Local == kind && at.up[1].name.Local == "x"
}

// isSubject reports whether a stanza is a room's subject.
func isSubject(n *node) bool {
	return n.name.Local == "message" && n.value("type") == "groupchat" && n.child(nsClient, "subject") != nil &&
		n.child(nsClient, "body") == nil && n.child(nsClient, "thread") == nil
}

// prohibitions are what would be false or give somebody away, though an expectation does not
// mention it.
var prohibitions = []prohibition{
	{
		"nobody but moderators sees addresses in a semi-anonymous room",
		Mark{Must, baseDocument, "7.2.4", `only in the presence notifications it sends to occupants with a role of "moderator"`},
		func(at place) bool {
			return at.is(nsUser, "item") && at.inExtended("presence") && !at.has("jid") && !at.stanza().hasCode("110")
		},
		func(r *reading, _, got *node) string {
			if who, err := muc.ParseJID(got.value("jid")); got.has("jid") && !r.moderates() && (err != nil || who.Bare() != r.who) {
				return "attribute jid: expected none, got '" + got.value("jid") + "'"
			}
			return ""
		},
	},
	{
		"status codes say what has happened",
		Mark{Must, baseDocument, "16.6.2", "As part of this document, the following status codes are registered"},
		func(at place) bool { return at.is(nsUser, "x") && at.inStanza("presence") },
		func(_ *reading, want, got *node) string {
			for _, code := range (&node{kids: []*node{got}}).codes() {
				unsaid := !(&node{kids: []*node{want}}).hasCode(code)
				technical := code == "307" && (&node{kids: []*node{got}}).hasCode("333") // which §11.1 knows of
				if unsaid && !technical && slices.Contains([]string{"110", "201", "301", "303", "307", "321", "322", "332"}, code) {
					return "status " + code + ": came, is not so"
				}
			}
			return ""
		},
	},
	{
		"one <x/> says what the room knows",
		Mark{Must, baseDocument, "7.2.2", "MUST NOT include more than once instance of the"},
		func(at place) bool { return len(at.up) == 0 && at.name.Local == "presence" },
		func(_ *reading, _, got *node) string {
			if got.count(nsUser, "x") > 1 {
				return "element <x/>: came more than once"
			}
			return ""
		},
	},
	{
		"nobody but the room says who somebody is",
		Mark{Must, baseDocument, "17.3", "it MUST NOT reflect it to other occupants"},
		func(at place) bool { return at.is(nsUser, "x") && at.inStanza("presence") },
		func(_ *reading, want, got *node) string {
			item := want.child(nsUser, "item")
			if want.child(nsUser, "destroy") != nil { // which may come with any affiliation
				return ""
			}
			for _, kid := range got.kids { // one for each client of an occupant is as good as one
				if kid.name.Local == "item" && item != nil && (kid.value("role") != item.value("role") || kid.value("affiliation") != item.value("affiliation")) {
					return "element <item/>: came with another role or affiliation"
				}
			}
			return ""
		},
	},
	{
		"where there is no subject it is empty",
		Mark{Must, baseDocument, "7.2.15", "If there is no subject set, the room MUST return an empty"},
		func(at place) bool { return at.is(nsClient, "subject") && isSubject(at.parent()) && at.text() == "" },
		func(_ *reading, _, got *node) string {
			if got.text() != "" {
				return "text: expected '', got '" + got.text() + "'"
			}
			return ""
		},
	},
	{
		"a change of the subject has no body",
		Mark{Must, baseDocument, "8.1", "that specifies the new subject but MUST NOT contain a"},
		func(at place) bool { return len(at.up) == 0 && isSubject(at.node) },
		func(_ *reading, _, got *node) string {
			if got.child(nsClient, "body") != nil {
				return "element <body/>: came beside a subject"
			}
			return ""
		},
	},
}

func isLanguage(a xml.Attr) bool { return a.Name.Space == nsXML && a.Name.Local == "lang" }

func (n *node) count(space, local string) (count int) {
	for _, kid := range n.kids {
		if kid.name.Space == space && kid.name.Local == local {
			count++
		}
	}
	return count
}
