package scansion

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// names puts the addresses of a script and those that a server really has for each other,
// wherever they stand in a stanza: in attributes and in texts, alone or inside of a longer one.
//
// Rooms, and people who are not among the clients, get a name that nobody else has: the
// script's own with a tag, which keeps lists in their order. People who are have their accounts.
type names struct {
	tag         string
	rooms       string              // the domain of the server's rooms
	users       string              // the domain of its accounts
	roomDomains []string            // those of the script
	userDomains []string            // likewise
	accounts    map[muc.JID]muc.JID // bare JIDs of the script's people, and what they really are
	resources   map[muc.JID]muc.JID // full JIDs of the script that really have another resource
	// written are the script's addresses by what was written for them, in the same case.
	written map[string]string

	outward, inward *regexp.Regexp
}

// localPart is what may be the part of a JID before the @ (RFC 7622 §3.3.1), without what
// more often stands beside an address.
const localPart = `[^\s"&'/:<>@,;=?()\[\]{}|!*]+`

// learn is called when people have their accounts.
func (n *names) learn() {
	quoted := func(all ...string) string {
		for i, s := range all {
			all[i] = regexp.QuoteMeta(s)
		}
		slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
		return strings.Join(all, "|")
	}
	n.outward = regexp.MustCompile(`(?i)(?:(` + localPart + `)(@|%40))?(` + quoted(append(slices.Clone(n.roomDomains), n.userDomains...)...) + `)`)
	n.inward = regexp.MustCompile(`(?i)(?:(` + localPart + `)(@|%40))?(` + quoted(n.rooms, n.users) + `)`)
}

// toServer is a value that a script writes, as the server has to read it.
func (n *names) toServer(s string) string {
	for script, server := range n.resources {
		s = replaceJID(s, script.String(), server.String())
	}
	return replace(n.outward, s, func(whole, local, at, domain string) string {
		isRoom := slices.Contains(n.roomDomains, strings.ToLower(domain))
		server := ""
		switch {
		case local != "" && isRoom:
			server = local + sameCase(local, "-"+n.tag) + at + sameCase(domain, n.rooms)
		case local != "":
			server = n.person(local, at, domain)
		case isRoom:
			server = sameCase(domain, n.rooms)
		case len(n.userDomains) == 1:
			server = sameCase(domain, n.users)
		default:
			return whole
		}
		n.written[server] = whole
		return server
	})
}

// person is the address of somebody's account, or of somebody without one. People of the same
// name on two domains are two.
func (n *names) person(local, at, domain string) string {
	who, err := muc.ParseJID(local + "@" + domain)
	if account := n.accounts[who]; err == nil && !account.IsZero() {
		return sameCase(local, account.Local()) + at + sameCase(domain, account.Domain())
	}
	for tag, i := n.tag, 2; ; tag, i = fmt.Sprint(n.tag, i), i+1 {
		server := local + sameCase(local, "-"+tag) + at + sameCase(domain, n.users)
		if whose, taken := n.written[server]; !taken || whose == local+at+domain {
			return server
		}
	}
}

// toScript is a value that came from the server, as the script has it.
func (n *names) toScript(s string) string {
	for script, server := range n.resources {
		s = replaceJID(s, server.String(), script.String())
	}
	s = replace(n.inward, s, func(whole, local, at, domain string) string {
		if script, ok := n.written[whole]; ok {
			return script
		}
		if who, err := muc.ParseJID(local + "@" + domain); err == nil {
			for script, account := range n.accounts {
				if account == who {
					return script.Local() + at + script.Domain()
				}
			}
		}
		switch isRoom := strings.EqualFold(domain, n.rooms); {
		case isRoom && len(n.roomDomains) > 0:
			return local + at + n.roomDomains[0]
		case !isRoom && len(n.userDomains) == 1:
			return local + at + n.userDomains[0]
		}
		return whole
	})
	// What is left of the tag is in a name that the server made of an address.
	return strings.ReplaceAll(s, "-"+n.tag, "")
}

// sameCase is text in capitals if like has some, as scripts write addresses that a server has
// to bring to their one form.
func sameCase(like, text string) string {
	if like != strings.ToLower(like) {
		return strings.ToUpper(text)
	}
	return text
}

// replace replaces addresses, whole ones only. The groups are the local part, what stands for
// the @, and the domain.
func replace(re *regexp.Regexp, s string, with func(whole, local, at, domain string) string) string {
	var b strings.Builder
	done := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		if !standsAlone(s, m[0], m[1]) {
			continue
		}
		local, at := "", ""
		if m[2] >= 0 {
			local, at = s[m[2]:m[3]], s[m[4]:m[5]]
		}
		b.WriteString(s[done:m[0]] + with(s[m[0]:m[1]], local, at, s[m[6]:m[7]]))
		done = m[1]
	}
	return b.String() + s[done:]
}

func replaceJID(s, address, with string) string {
	return replace(regexp.MustCompile(`()()(`+regexp.QuoteMeta(address)+`)`), s, func(_, _, _, _ string) string { return with })
}

// standsAlone reports whether an address that begins and ends there is no part of another.
func standsAlone(s string, begin, end int) bool {
	if before := s[:begin]; before != "" && (isWord(before[len(before)-1]) || strings.HasSuffix(before, ".") || strings.HasSuffix(before, "@")) {
		return false
	}
	after := s[end:]
	return after == "" || !isWord(after[0]) && (after[0] != '.' || len(after) == 1 || !isWord(after[1]))
}

func isWord(c byte) bool {
	return c == '-' || c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// sent puts the server's addresses into a stanza of the script.
func (n *names) sent(el *etree.Element) {
	for i := range el.Attr {
		if name := (xml.Name{Space: el.Attr[i].Space, Local: el.Attr[i].Key}); !isDeclaration(name) {
			el.Attr[i].Value = n.toServer(el.Attr[i].Value)
		}
	}
	for _, token := range el.Child {
		switch t := token.(type) {
		case *etree.CharData:
			t.SetData(n.toServer(t.Data))
		case *etree.Element:
			n.sent(t)
		}
	}
}

// came puts the script's addresses into a stanza of the server.
func (n *names) came(el *node) {
	for i := range el.attrs {
		el.attrs[i].Value = n.toScript(el.attrs[i].Value)
	}
	for i := range el.texts {
		el.texts[i] = n.toScript(el.texts[i])
	}
	for _, kid := range el.kids {
		n.came(kid)
	}
}
