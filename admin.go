package muc

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/splice"
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

// Lists of affiliations as admins ask for them (XEP-0045 §9.2, §9.5, §10.5, §10.8). Large
// rooms have long ones, and clients ask for them often, so they are cached.

// listAffiliation answers with a list of affiliations, or a page of one.
func (t *step) listAffiliation(a *sender, aff Affiliation, part rsm.Request) *StanzaError {
	s := &t.r.st
	if refused := mayList(s, a, aff); refused != nil {
		return refused
	}
	known := s.Lists().Of(s)
	written := &known.Written[aff-Outcast]
	if *written != nil && !part.Asked {
		t.owe(listReply{*written})
		return nil
	}
	people := known.Having(aff)
	is, refused := part.Cut(len(people), func(uid string) (int, bool) {
		return slices.BinarySearchFunc(people, uid, (*state.Person).CompareUID)
	})
	if refused != nil {
		return refused
	}
	is = part.Within(is, t.r.cfg.Limits.PageBytes, func(i int) int { return listedSize(people[i], &t.r.cfg.Limits) })
	switch {
	case !part.Asked && is.Whole():
		*written = t.r.writeList(people)
		t.owe(listReply{*written})
		return nil
	}
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, p := range people[is.From:is.To] {
			listedPerson(w, p, listedReason(p, &t.r.cfg.Limits))
		}
		part.Write(w, is, func(i int) string { return people[i].UID() })
		w.End()
	})
	return nil
}

// listSeveral answers with several lists in one: those that the asker may read. Together
// they are no longer than one may be, and have no pages.
func (t *step) listSeveral(a *sender, items []adminItem, part rsm.Request) *StanzaError {
	s := &t.r.st
	if part.Asked {
		return refuse(stanza.BadRequest, "XEP-0059 §2.1", "only one list at a time comes in pages")
	}
	var people []*state.Person
	var occupants []*state.Occupant
	var withheld *StanzaError
	readable := 0
	for i := range items {
		it := &items[i]
		if slices.ContainsFunc(items[:i], it.sameList) {
			continue
		}
		refused := mayListRole(a, it.role)
		if !it.byRole {
			refused = mayList(s, a, it.affiliation)
		}
		switch {
		case refused == nil && it.byRole:
			occupants = append(occupants, s.InRole(it.role)...)
			readable++
		case refused == nil:
			people = append(people, s.Lists().Of(s).Having(it.affiliation)...)
			readable++
		case refused.Condition != stanza.Forbidden:
			return refused
		case withheld == nil:
			withheld = refused
		}
	}
	lim, size := &t.r.cfg.Limits, 0
	for _, p := range people {
		size += listedSize(p, lim)
	}
	for _, o := range occupants {
		size += occupantSize(o)
	}
	switch {
	case readable == 0:
		return withheld
	case len(people)+len(occupants) > lim.ListItems || size > lim.PageBytes:
		return refuse(stanza.PolicyViolation, "14.6", "these lists are too long together: ask for one at a time")
	}
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, p := range people {
			listedPerson(w, p, listedReason(p, lim))
		}
		for _, o := range occupants {
			listedOccupant(w, s, o, a)
		}
		w.End()
	})
	return nil
}

// sameList reports whether two items ask for the same list.
func (it *adminItem) sameList(other adminItem) bool {
	return it.byRole == other.byRole && it.role == other.role && it.affiliation == other.affiliation
}

// itemMarkup bounds the bytes of a line of a list without its JID, nick and reason.
const itemMarkup = 80

// listedSize bounds the bytes of a person's line in a list.
func listedSize(p *state.Person, lim *Limits) int {
	return itemMarkup + len(p.UID()) + xmlwire.EscapedLen(p.Nick()) + xmlwire.EscapedLen(listedReason(p, lim))
}

// listedReason is the reason in it. One that was stored under higher limits is left out, so
// that any line fits into a page.
func listedReason(p *state.Person, lim *Limits) string {
	if reason := p.Notes().Reason(); len(reason) <= lim.ReasonBytes {
		return reason
	}
	return ""
}

// writeList writes a whole list, as the answer to any request for it.
func (r *Room) writeList(people []*state.Person) *splice.Stanza {
	size := 256
	for _, p := range people {
		size += listedSize(p, &r.cfg.Limits)
	}
	w := xmlwire.Writer{Bytes: make([]byte, 0, size)}
	d := splice.Start(&w, "iq")
	address(&w, "from", r.jid)
	w.Attr("type", "result")
	w.Start("query", ns.Admin)
	for _, p := range people {
		listedPerson(&w, p, listedReason(p, &r.cfg.Limits))
	}
	w.End()
	w.End()
	d.Bytes = w.Bytes
	return d
}

// Kick puts an occupant out (XEP-0045 §8.2).
type Kick struct {
	Nick   string
	Reason string
}

func (c Kick) do(t *step) error {
	return t.command(adminItem{byRole: true, nick: c.Nick, hasNick: true, reason: c.Reason})
}

// SetRole changes the role of an occupant (XEP-0045 §8.3, §8.4, §9.6, §9.7) to another
// than none: to put somebody out there is [Kick].
type SetRole struct {
	Nick   string
	Role   Role
	Reason string
}

func (c SetRole) do(t *step) error {
	if c.Role == RoleNone {
		return fmt.Errorf("%w: SetRole.Role", ErrMissing)
	}
	if c.Role > Moderator {
		return refuse(stanza.BadRequest, "8", "there is no such role")
	}
	return t.command(adminItem{byRole: true, role: c.Role, nick: c.Nick, hasNick: true, reason: c.Reason})
}

// SetAffiliation changes the affiliation of a person or a whole domain
// (XEP-0045 §9, §10) to another than none, which [RemoveAffiliation] does. A Nick is
// reserved for members and above.
type SetAffiliation struct {
	JID         JID
	Affiliation Affiliation
	Nick        string
	Reason      string
}

func (c SetAffiliation) do(t *step) error {
	if c.Affiliation == AffiliationNone {
		return fmt.Errorf("%w: SetAffiliation.Affiliation", ErrMissing)
	}
	if c.Affiliation < Outcast || c.Affiliation > Owner {
		return refuse(stanza.BadRequest, "9", "there is no such affiliation")
	}
	whose, e := t.r.normal(c.JID)
	if e != nil {
		return e
	}
	return t.command(adminItem{affiliation: c.Affiliation, jid: whose, nick: c.Nick, hasNick: c.Nick != "", reason: c.Reason})
}

// RemoveAffiliation takes a person or a whole domain off the lists of the room: a member
// is one no more (XEP-0045 §9.4), who was banned may enter again (§9.2).
type RemoveAffiliation struct {
	JID    JID
	Reason string
}

func (c RemoveAffiliation) do(t *step) error {
	whose, e := t.r.normal(c.JID)
	if e != nil {
		return e
	}
	return t.command(adminItem{affiliation: AffiliationNone, jid: whose, reason: c.Reason})
}

// command carries out one change as the host or as somebody.
func (t *step) command(it adminItem) error {
	if e := checkText(it.reason, t.r.cfg.Limits.ReasonBytes); e != nil {
		return e
	}
	a := &t.sender
	if it.byRole && a.host && t.r.occupantNamed(it.nick) == nil {
		return ErrNotFound
	}
	if e := t.administer(a, []adminItem{it}); e != nil {
		return e
	}
	return nil
}

// readPage reads what page of its answer a query asks for (XEP-0059).
func readPage(q *xmlwire.Node, most int) (rsm.Request, *StanzaError) {
	set := q.Child(ns.RSM, "set")
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

// occupantPage finds a page in a list of occupants. They stand in the order of their
// numbers, which are never used again.
func (r *Room) occupantPage(p *rsm.Request, list []*state.Occupant, size func(o *state.Occupant) int) (rsm.Page, *StanzaError) {
	is, refused := p.Cut(len(list), func(uid string) (int, bool) {
		num, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return rsm.Nowhere, false
		}
		return slices.BinarySearchFunc(list, uint32(num), func(o *state.Occupant, n uint32) int { return cmp.Compare(o.Number(), n) })
	})
	return p.Within(is, r.cfg.Limits.PageBytes, func(i int) int { return size(list[i]) }), refused
}
