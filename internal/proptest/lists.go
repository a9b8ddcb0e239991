package proptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

const nsMAV = "urn:xmpp:muc:affiliations:1"

// copied is a client's copy of lists of affiliations (XEP-0463). It outlives the visit.
type copied struct {
	version string
	people  map[string]string // affiliations by bare JID
	// missed: there were changes when the client might not read one of its lists.
	missed bool
}

// asksLists is what a client that is about to enter asks of the lists: with the version that
// it has, with none, or with one that it made up.
func (w *world) asksLists(full string) string {
	since := ""
	switch pick(w, "lists", []string{"", "", "mine", "mine", "all", "wrong"}) {
	case "":
		return ""
	case "mine":
		if c := w.copies[full]; c != nil {
			since = c.version
		}
	case "wrong":
		since = "wrong"
	}
	return fmt.Sprintf("<mav xmlns='%s' since='%s'/>", nsMAV, since)
}

// checkLists: who follows lists has them as they are, from nothing but what was sent; who
// does not, or may not read them, is told no versions.
func (w *world) checkLists(s *step) {
	follows, changes := s.after.followers()
	if changes > w.cfg.Limits.ListChanges {
		w.fail("%d changes are remembered", changes)
	}
	for _, m := range s.out {
		x := m.el.child(nsUser, "x")
		if x == nil || x.child(nsMAV, "mav") == nil {
			continue
		}
		full := m.to.String()
		if own := s.after.inside[full]; own == nil || follows[full] == 0 || follows[full]&^s.after.readable(own) != 0 {
			w.fail("%s is told of lists: %s", full, m.text)
		}
		if w.copies[full] == nil {
			w.copies[full] = &copied{}
		}
		if !w.copies[full].fold(m.el.name, x) {
			w.fail("%s has version %q of the lists: %s", full, w.copies[full].version, m.text)
		}
		w.tally.listed++
	}
	for full, lists := range follows {
		c := w.copies[full]
		if c == nil || lists&^s.after.readable(s.after.inside[full]) != 0 {
			if c != nil {
				c.missed = true
			}
			continue
		}
		people := map[string]string{}
		for j, a := range s.after.affs {
			if lists.Has(a) {
				people[j] = a.String()
			}
		}
		if !c.missed && !maps.Equal(people, c.people) {
			w.fail("%s has %v of the lists %v, which are %v", full, c.people, lists, people)
		}
	}
}

// fold takes in a stanza that names versions, and reports whether it goes on where the copy
// stands.
func (c *copied) fold(name string, x *element) bool {
	mav := x.child(nsMAV, "mav")
	since, until := mav.attr("since"), mav.attr("until")
	switch {
	case until == "":
		return false
	case since == "" && name == "presence":
		c.missed = false
		return c.version == until
	case since == "":
		c.people = map[string]string{}
	case since != c.version:
		return c.missed
	}
	c.version = until
	for _, it := range x.kids {
		bare, _, _ := strings.Cut(it.attr("jid"), "/")
		switch {
		case it.name != "item":
		case bare == "":
			return false
		case it.attr("affiliation") == "none":
			delete(c.people, bare)
		default:
			c.people[bare] = it.attr("affiliation")
		}
	}
	return true
}

// followers are the lists that sessions follow, and how many changes are remembered.
func (t *truth) followers() (follows map[string]event.AffiliationSet, changes int) {
	var shot struct {
		Events []struct {
			Type string
			Data struct {
				JID     muc.JID
				Lists   event.AffiliationSet
				Changes []json.RawMessage
			}
		}
	}
	follows = map[string]event.AffiliationSet{}
	if !strings.Contains(string(t.live), `"affiliations-versioned"`) {
		return follows, 0
	}
	if err := json.Unmarshal(t.live, &shot); err != nil {
		panic(err)
	}
	for _, ev := range shot.Events {
		switch ev.Type {
		case "affiliations-versioned":
			changes = len(ev.Data.Changes)
		case "affiliations-followed":
			follows[ev.Data.JID.String()] = ev.Data.Lists
		}
	}
	return follows, changes
}

// readable are the lists that somebody inside may read, written down a second time.
func (t *truth) readable(o *muc.Occupant) event.AffiliationSet {
	open := t.conf.Whois == muc.WhoisAnyone
	switch {
	case o.Affiliation == muc.Owner, o.Affiliation == muc.Admin && open:
		return event.Affiliations(muc.Outcast, muc.Member, muc.Admin, muc.Owner)
	case o.Affiliation == muc.Admin:
		return event.Affiliations(muc.Outcast, muc.Member)
	case o.Affiliation == muc.Member && open && t.conf.MembersOnly:
		return event.Affiliations(muc.Member, muc.Admin, muc.Owner)
	case t.conf.MemberList.Has(o.Role) && (open || o.Role == muc.Moderator):
		return event.Affiliations(muc.Member)
	}
	return 0
}
