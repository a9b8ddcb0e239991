package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Admin and moderator use cases (XEP-0045 §8.2–§8.5, §9.1–§9.8, §10.3–§10.8): the requests of
// muc#admin.

// adminItem is one <item/> of a muc#admin query, checked for its form.
type adminItem struct {
	byRole      bool
	role        Role
	affiliation Affiliation
	jid         JID
	nick        string
	hasNick     bool
	reason      string
	asked       string // as it came, canonical; "" from the host
}

// adminItems reads the items of a query into a list that is empty. Whatever else is
// in it means nothing.
func (t *step) adminItems(items []adminItem, query, section string) ([]adminItem, *StanzaError) {
	r := xmlwire.Reader{Text: query}
	_, _, empty := r.ReadTag()
	for !empty && !r.AtClose() {
		if !r.AtTag() {
			r.ReadText()
			continue
		}
		start := r.At
		n := r.ReadNode(ns.Admin)
		if n.NS != ns.Admin || n.Name != "item" {
			continue
		}
		if len(items) == t.r.cfg.Limits.ItemsPerSet {
			return nil, refuse(stanza.PolicyViolation, "14.6", "there are too many items at once")
		}
		it, refused := t.adminItem(&n, section)
		if it.asked = query[start:r.At]; refused != nil {
			t.offending = append(t.offending, it.asked)
			return nil, refused
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		return nil, refuse(stanza.BadRequest, section, "an item is missing")
	}
	return items, nil
}

func (t *step) adminItem(n *xmlwire.Node, section string) (adminItem, *StanzaError) {
	var it adminItem
	var role, aff, jid string
	hasAff, hasJID := false, false
	for a := n.Attrs; a != ""; {
		name, escaped, _ := a.Next()
		switch value := xmlwire.Unescape(escaped); name {
		case "role":
			role, it.byRole = value, true
		case "affiliation":
			aff, hasAff = value, true
		case "jid":
			jid, hasJID = value, true
		case "nick":
			it.nick, it.hasNick = value, true
		}
	}
	if it.byRole == hasAff {
		return it, refuse(stanza.BadRequest, "17.4", "an item has either a role or an affiliation")
	}
	ok := false
	if it.byRole {
		it.role, ok = event.ParseRole(role)
	} else {
		it.affiliation, ok = event.ParseAffiliation(aff)
	}
	if !ok {
		return it, refuse(stanza.BadRequest, section, "there is no such role or affiliation")
	}
	if hasJID {
		j, err := t.r.named(jid)
		if err != nil {
			return it, refuse(stanza.JIDMalformed, section, "an item has a malformed address")
		}
		it.jid = j
	}
	if c := n.Child(ns.Admin, "reason"); c != nil {
		it.reason = c.Text
	}
	if len(it.reason) > t.r.cfg.Limits.ReasonBytes {
		return it, refuse(stanza.PolicyViolation, "14.6", "the reason is too long")
	}
	return it, nil
}

// adminGet answers a request for a list of people by affiliation or occupants by
// role (XEP-0045 §8.5, §9.2, §9.5, §9.8, §10.5, §10.8).
func (t *step) adminGet() *StanzaError {
	a := &t.sender
	if refused := closedTo(&t.r.st, a); refused != nil {
		return refused
	}
	items, refused := t.adminItems(nil, t.request(), "9")
	if refused != nil {
		return refused
	}
	page, refused := readPage(t.query(), t.r.cfg.Limits.ListItems)
	if refused != nil {
		return refused
	}
	if len(items) > 1 {
		return t.listSeveral(a, items, page)
	}
	it := items[0]
	if it.byRole {
		return t.listRole(a, it.role, page)
	}
	return t.listAffiliation(a, it.affiliation, page)
}

// mayList judges who reads which list of affiliations. The lists hold real JIDs:
// people who do not see those get no list, and a semi-anonymous room guards its
// admins and owners even from one another's helpers (§9.5, §10.5, §10.8).
func mayList(s *state.Room, a *sender, aff Affiliation) *StanzaError {
	anyone := s.Config().Whois == WhoisAnyone
	open := anyone && s.Config().MembersOnly && affiliationMay(a.aff, toReadMembers)
	allowed, section := false, lists[aff-Outcast].off
	switch aff {
	case AffiliationNone:
		return refuse(stanza.BadRequest, "9", "there is no list of people without affiliation")
	case Outcast:
		allowed = affiliationMay(a.aff, toBan)
	case Member:
		section = "9.5"
		allowed = open || affiliationMay(a.aff, toEditMembers) ||
			a.role != RoleNone && s.Config().MemberList.Has(a.role) && seesJIDs(s, a.role, AffiliationNone)
	case Admin:
		section = "10.8"
		allowed = open || affiliationMay(a.aff, toEditAdmins) || anyone && affiliationMay(a.aff, toEditMembers)
	case Owner:
		section = "10.5"
		allowed = open || affiliationMay(a.aff, toEditOwners) || anyone && affiliationMay(a.aff, toEditMembers)
	}
	if !allowed {
		return refuse(stanza.Forbidden, section, "this list is not for you")
	}
	return nil
}

// mayListRole judges who reads which list of occupants. Those of roles are for
// moderators, that of moderators for admins.
func mayListRole(a *sender, role Role) *StanzaError {
	switch {
	case role == RoleNone:
		return refuse(stanza.BadRequest, "8.5", "there is no list of people without a role")
	case !roleMay(a.role, toGrantVoice):
		return refuse(stanza.Forbidden, "8.5", "this list is for moderators")
	case role == Moderator && !affiliationMay(a.aff, toAssignModerators):
		return refuse(stanza.Forbidden, "9.8", "this list is for admins")
	}
	return nil
}

// listRole lists occupants, or a page of them.
func (t *step) listRole(a *sender, role Role, part rsm.Request) *StanzaError {
	s := &t.r.st
	if refused := mayListRole(a, role); refused != nil {
		return refused
	}
	list := s.InRole(role)
	is, refused := t.r.occupantPage(&part, list, func(o *state.Occupant) int { return occupantSize(o) })
	if refused != nil {
		return refused
	}
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, o := range list[is.From:is.To] {
			listedOccupant(w, s, o, a)
		}
		part.Write(w, is, func(i int) string { return list[i].UID() })
		w.End()
	})
	return nil
}

// adminSet decides on changes of roles and affiliations: all of them or none
// (XEP-0045 §9.2). What is wrong with a request is told only to those who might
// have made a right one.
func (t *step) adminSet() *StanzaError {
	a := &t.sender
	if refused := closedTo(&t.r.st, a); refused != nil {
		return refused
	}
	var one [1]adminItem // mostly
	items, refused := t.adminItems(one[:0], t.request(), "9")
	if refused == nil {
		refused = t.administer(a, items)
	} else if forbidden := a.mayModerate(); forbidden != nil {
		refused = forbidden
	}
	if refused != nil {
		t.echo = t.r.repeated(t.offending)
		return refused
	}
	t.answer(nil)
	return nil
}

// repeated writes items again, for an error that names the wrong ones (§8.4).
func (r *Room) repeated(items []string) string {
	if len(items) == 0 {
		return ""
	}
	w := xmlwire.Writer{}
	w.Start("query", ns.Admin)
	for _, asked := range items {
		item := xmlwire.Reader{Text: asked}
		n := item.ReadNode(ns.Admin)
		w.Start("item", "")
		for _, name := range [...]string{"affiliation", "role", "jid", "nick"} {
			if v, given := n.Attr(name); given {
				w.Attr(name, v)
			}
		}
		if c := n.Child(ns.Admin, "reason"); c != nil && len(c.Text) <= r.cfg.Limits.ReasonBytes {
			w.Element("reason", "", c.Text)
		}
		w.End()
	}
	w.End()
	return string(w.Bytes)
}

// administer judges and proposes a list of changes in their order.
func (t *step) administer(a *sender, items []adminItem) *StanzaError {
	set := t.newAdminSet(a, a.event())
	for i := range items {
		var refused *StanzaError
		it := &items[i]
		if it.byRole {
			refused = set.changeRole(it)
		} else {
			refused = set.changeAffiliation(it)
		}
		if refused != nil {
			t.offending = append(t.offending, it.asked)
			return refused
		}
	}
	refused := set.finish()
	if refused == nil {
		t.welcome(a, set)
	} else if set.ownerless() {
		t.offending = append(t.offending, set.demotions...)
	}
	return refused
}
