package muc

// adminItem is one <item/> of a muc#admin query, checked for its form.
type adminItem struct {
	byRole      bool
	role        Role
	affiliation Affiliation
	jid         JID
	nick        string
	hasNick     bool
	reason      string
}

// adminItems reads the items of a query.
func (t *turn) adminItems(q *node, section string) ([]adminItem, *StanzaError) {
	var items []adminItem
	for i := range q.kids {
		n := &q.kids[i]
		if n.ns != nsAdmin || n.name != "item" {
			continue
		}
		if len(items) == t.r.cfg.Limits.ItemsPerSet {
			return nil, refuse(PolicyViolation, "14.6", "too many items at once")
		}
		it, refused := t.adminItem(n, section)
		if refused != nil {
			return nil, refused
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		return nil, refuse(BadRequest, section, "an item is missing")
	}
	return items, nil
}

func (t *turn) adminItem(n *node, section string) (adminItem, *StanzaError) {
	var it adminItem
	role, hasRole := n.attr("role")
	aff, hasAff := n.attr("affiliation")
	if hasRole == hasAff {
		return it, refuse(BadRequest, "17.4", "an item has either a role or an affiliation")
	}
	ok := false
	if it.byRole = hasRole; hasRole {
		it.role, ok = parseRole(role)
	} else {
		it.affiliation, ok = parseAffiliation(aff)
	}
	if !ok {
		return it, refuse(BadRequest, section, "unknown role or affiliation")
	}
	if s, given := n.attr("jid"); given {
		j, err := parseJID(s, t.r.cfg.NormalizeDomain)
		if err != nil {
			return it, refuse(JIDMalformed, section, "an item has a malformed address")
		}
		it.jid = j
	}
	it.nick, it.hasNick = n.attr("nick")
	if c := n.child(nsAdmin, "reason"); c != nil {
		it.reason = c.text
	}
	if len(it.reason) > t.r.cfg.Limits.ReasonBytes {
		return it, refuse(PolicyViolation, "14.6", "the reason is too long")
	}
	return it, nil
}

// adminGet answers a request for a list of people by affiliation or occupants by
// role (XEP-0045 §8.5, §9.2, §9.5, §9.8, §10.5, §10.8).
func (t *turn) adminGet() *StanzaError {
	items, refused := t.adminItems(t.query(), "9")
	if refused != nil {
		return refused
	}
	if len(items) > 1 {
		return refuse(BadRequest, "9", "one list at a time")
	}
	a, it := t.actor(), items[0]
	if it.byRole {
		return t.listRole(a, it.role)
	}
	return t.listAffiliation(a, it.affiliation)
}

// mayList judges who reads which list of affiliations. The lists hold real JIDs,
// so a semi-anonymous room guards those of its owners and admins more closely
// (§10.5, §10.8).
func (s *state) mayList(a actor, aff Affiliation) *StanzaError {
	open := s.conf.MembersOnly && s.conf.Whois == WhoisAnyone && a.aff >= Member
	allowed := false
	section := "9.2"
	switch aff {
	case None:
		return refuse(BadRequest, "9", "there is no list of people without affiliation")
	case Outcast:
		allowed = a.aff >= Admin
	case Member:
		section = "9.5"
		allowed = a.aff >= Admin || open || a.role != NoRole && s.conf.MemberList.Has(a.role)
	case Admin, Owner:
		section = "10.5"
		allowed = a.aff == Owner || open || s.conf.Whois == WhoisAnyone && a.aff >= Admin
	}
	if !allowed {
		return refuse(Forbidden, section, "this list is not for you")
	}
	return nil
}

func (t *turn) listAffiliation(a actor, aff Affiliation) *StanzaError {
	s := &t.r.st
	if refused := s.mayList(a, aff); refused != nil {
		return refused
	}
	t.answer = func(w *xmlWriter) {
		w.start("query", nsAdmin)
		for _, j := range sortedKeys(&s.persons, compareJIDs) {
			if p, _ := s.persons.get(j); p.aff == aff {
				w.listedPerson(p)
			}
		}
		w.end()
	}
	return nil
}

// listRole lists occupants. Lists of roles are for moderators, that of
// moderators for admins.
func (t *turn) listRole(a actor, role Role) *StanzaError {
	s := &t.r.st
	switch {
	case role == NoRole:
		return refuse(BadRequest, "8.5", "there is no list of people without a role")
	case a.role < Moderator:
		return refuse(Forbidden, "8.5", "this list is for moderators")
	case role == Moderator && a.aff < Admin:
		return refuse(Forbidden, "9.8", "this list is for admins")
	}
	t.answer = func(w *xmlWriter) {
		w.start("query", nsAdmin)
		for _, o := range s.occupants {
			if o.role == role {
				w.listedOccupant(s, o, a)
			}
		}
		w.end()
	}
	return nil
}

// adminSet decides on changes of roles and affiliations: all of them or none
// (XEP-0045 §9.2).
func (t *turn) adminSet() *StanzaError {
	a := t.actor()
	items, refused := t.adminItems(t.query(), "9")
	if refused == nil {
		refused = t.administer(a, items)
	} else if a.role < Moderator && a.aff < Admin {
		refused = refuse(Forbidden, "9", "you may not change roles or affiliations") // whatever was asked
	}
	if refused != nil {
		t.echo = t.in.body
		return refused
	}
	t.answer = emptyResult
	return nil
}

// administer judges and proposes a list of changes in their order.
func (t *turn) administer(a actor, items []adminItem) *StanzaError {
	set := t.newAdminSet(a, a.event())
	for i := range items {
		var refused *StanzaError
		if it := &items[i]; it.byRole {
			refused = set.changeRole(it)
		} else {
			refused = set.changeAffiliation(it)
		}
		if refused != nil {
			return refused
		}
	}
	if refused := set.finish(); refused != nil {
		return refused
	}
	t.welcome(a)
	return nil
}
