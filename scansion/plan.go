package scansion

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// maxPause is how long a script may let time pass over the network, where it is waited for.
const maxPause = 2 * time.Second

// domains are those on which the clients of a script live, and those of its rooms.
func (p *player) domains() (users, rooms []string) {
	users = p.userDomains()
	add := func(list []string, domain string) []string {
		if domain == "" || slices.Contains(list, domain) {
			return list
		}
		return append(list, domain)
	}
	for i := range p.script.actions {
		a := &p.script.actions[i]
		domain := a.room.Domain()
		if a.verb == verbSends {
			bare, _, _ := strings.Cut(a.send.SelectAttrValue("to", ""), "/")
			if to, err := muc.ParseJID(bare); err == nil {
				domain = to.Domain()
			}
		}
		if !slices.Contains(users, domain) {
			rooms = add(rooms, domain)
		}
	}
	return users, rooms
}

// owners are those in whose name the host makes rooms.
func (p *player) owners() (all []muc.JID) {
	for i := range p.script.actions {
		a := &p.script.actions[i]
		for _, arg := range a.args {
			if a.verb != verbHost || a.command != "create" || arg.Name.Local != "owner" {
				continue
			}
			if who, err := muc.ParseJID(mustTemplate(arg.Value).expand(p.vars)); err == nil {
				all = append(all, who.Bare())
			}
		}
	}
	return all
}

// unplayable says why a script cannot be played over the network, as far as that is known
// before; "" if nothing is known.
func (p *player) unplayable(how Network) string {
	for _, setting := range p.script.HeaderAll("config") {
		_, value, _ := strings.Cut(setting, "=")
		isAddress := slices.ContainsFunc(p.userDomains(), func(domain string) bool { return strings.Contains(value, domain) })
		if isAddress || setting != "instant=true" && !slices.Contains(how.Settings, setting) {
			return "it needs a host's setting: " + setting
		}
	}
	for i := range p.actions {
		a := &p.actions[i]
		switch {
		case a.verb == verbTimePasses && a.pause > maxPause:
			return fmt.Sprintf("it lets %v pass", a.pause)
		case a.verb == verbAnswers && !a.archive, a.verb == verbRefuses:
			return "the host answers a question of the room"
		case a.verb == verbAnswers && (i == 0 || p.actions[i-1].verb != verbSends && p.actions[i-1].verb != verbAnswers):
			return "the host takes its time to answer from the archive"
		case a.verb == verbHost && !a.isOnWire():
			return "no stanza does what the host does: " + a.command
		case a.verb == verbSends && p.isFromAccount(a.send), a.verb == verbReceives && p.isForAccount(a.expect):
			return "a client answers for its account, as a server does by itself"
		case len(p.userDomains()) > 1 && p.namesDomain(a):
			return "it is about a whole domain, and all accounts are on one"
		}
	}
	return ""
}

func (p *player) userDomains() (all []string) {
	for _, u := range p.users {
		if domain := u.JID.Domain(); !slices.Contains(all, domain) {
			all = append(all, domain)
		}
	}
	return all
}

// isFromAccount reports whether a client answers a request from its bare JID.
func (p *player) isFromAccount(stanza *etree.Element) bool {
	return stanza.Tag == "iq" && stanza.SelectAttr("from") != nil
}

// isForAccount reports whether a request to a bare JID is expected.
func (p *player) isForAccount(want *node) bool {
	to, _ := want.attr(toName)
	who, err := muc.ParseJID(mustTemplate(to).expand(p.vars))
	return want.name.Local == "iq" && err == nil && who.IsBare()
}

// isOnWire reports whether there is a stanza for what the host does.
func (a *action) isOnWire() bool {
	return slices.Contains(onWire, a.command) ||
		slices.Contains(onWireAs, a.command) && slices.ContainsFunc(a.args, func(arg xml.Attr) bool { return arg.Name.Local == "as" })
}

// namesDomain reports whether an action is about the affiliation of all who are on a domain of the
// script's clients.
func (p *player) namesDomain(a *action) bool {
	if a.verb == verbHost {
		return a.command == "set-affiliation" && slices.ContainsFunc(a.args, func(arg xml.Attr) bool {
			return slices.Contains(p.userDomains(), arg.Value)
		})
	}
	return a.verb == verbSends && slices.ContainsFunc(a.send.FindElements(".//item"), func(item *etree.Element) bool {
		return slices.Contains(p.userDomains(), item.SelectAttrValue("jid", ""))
	})
}

// onNetwork are the actions as they can be played over the network: that nothing comes before the
// host answers from the archive, or at what time by the clock of this process something came, is not
// to be seen there.
func onNetwork(actions []action) (all []action) {
	for _, a := range actions {
		if a.verb == verbAnswers && a.archive {
			for len(all) > 0 && all[len(all)-1].verb == verbReceivesNothing {
				all = all[:len(all)-1]
			}
			a.byItself = true
		}
		if a.expect != nil {
			a.expect = a.expect.anyTime()
		}
		all = append(all, a)
	}
	return all
}

// scriptTime is a time on the clock that a script begins with, see [Epoch].
var scriptTime = regexp.MustCompile(`^2030-01-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

// anyTime is what is expected without the times that only the clock of this process shows.
func (n *node) anyTime() *node {
	other := *n
	other.attrs = slices.Clone(n.attrs)
	for i, a := range other.attrs {
		if scriptTime.MatchString(a.Value) {
			other.attrs[i] = xml.Attr{Name: a.Name, Value: openWildcard + "any}"}
		}
	}
	other.texts = slices.Clone(n.texts)
	for i, text := range other.texts {
		if scriptTime.MatchString(text) {
			other.texts[i] = openWildcard + "any}"
		}
	}
	other.kids = nil
	for _, kid := range n.kids {
		other.kids = append(other.kids, kid.anyTime())
	}
	return &other
}
