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
	asked       *xmlwire.Node // as it came; nil from the host
}

// adminItems reads the items of a query into a list that is empty. Whatever else is
// in it means nothing.
func (t *step) adminItems(items []adminItem, query *xmlwire.Node, section string) ([]adminItem, *StanzaError) {
	for i := range query.Kids {
		n := &query.Kids[i]
		if n.NS != ns.Admin || n.Name != "item" {
			continue
		}
		if len(items) == t.r.cfg.Limits.ItemsPerSet {
			return nil, refuse(stanza.PolicyViolation, "14.6", "there are too many items at once")
		}
		it, refused := t.r.adminItem(n, section)
		if refused != nil {
			t.offending = append(t.offending, n)
			return nil, refused
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		return nil, refuse(stanza.BadRequest, section, "an item is missing")
	}
	return items, nil
}

func (r *Room) adminItem(n *xmlwire.Node, section string) (adminItem, *StanzaError) {
	it := adminItem{asked: n, reason: n.ChildText(ns.Admin, "reason")}
	var jid string
	hasAffiliation, hasJID, known := false, false, false
	for name, value := range n.Attrs.All() {
		switch name {
		case "role":
			it.byRole = true
			it.role, known = event.ParseRole(value)
		case "affiliation":
			hasAffiliation = true
			it.affiliation, known = event.ParseAffiliation(value)
		case "jid":
			jid, hasJID = value, true
		case "nick":
			it.nick, it.hasNick = value, true
		}
	}
	switch {
	case it.byRole == hasAffiliation:
		return it, refuse(stanza.BadRequest, "17.4", "an item has either a role or an affiliation")
	case !known:
		return it, refuse(stanza.BadRequest, section, "there is no such role or affiliation")
	}
	if hasJID {
		var err error
		if it.jid, err = r.named(jid); err != nil {
			return it, refuse(stanza.JIDMalformed, section, "an item has a malformed address")
		}
	}
	if len(it.reason) > r.cfg.Limits.ReasonBytes {
		return it, refuse(stanza.PolicyViolation, "14.6", "the reason is too long")
	}
	return it, nil
}

// adminGet answers a request for lists of people by affiliation or of occupants by role
// (XEP-0045 §8.5, §9.2, §9.5, §9.8, §10.5, §10.8), or for a page of one. Several lists
// together are no longer than one may be. Large rooms have long ones, and clients ask for
// them often, so whole ones are cached.
func (t *step) adminGet() *StanzaError {
	a, lim, query := &t.sender, &t.r.cfg.Limits, t.query()
	if refused := closedTo(&t.r.st, a); refused != nil {
		return refused
	}
	items, refused := t.adminItems(nil, query, "9")
	if refused != nil {
		return refused
	}
	part, refused := readPage(query, lim.ListItems)
	if refused != nil {
		return refused
	}
	several := len(items) > 1
	if several && part.Asked {
		return refuse(stanza.BadRequest, "XEP-0059 §2.1", "only one list at a time comes in pages")
	}
	var cache **splice.Stanza
	if it := &items[0]; !several && !it.byRole && !part.Asked && mayList(&t.r.st, a, it) == nil {
		cache = &t.r.st.Lists().Written[it.affiliation-Outcast]
		if *cache != nil {
			t.answerWritten(*cache)
			return nil
		}
	}
	list, refused := t.readable(items)
	if refused != nil {
		return refused
	}
	is, refused := part.Cut(list.len(), list.find)
	if refused != nil {
		return refused
	}
	is = part.Within(is, lim.PageBytes, list.size)
	if several && !is.Whole() {
		return refuse(stanza.PolicyViolation, "14.6", "these lists are too long together: ask for one at a time")
	}
	write := func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for i := is.From; i < is.To; i++ {
			list.write(w, i, a)
		}
		part.Write(w, is, list.uid)
		w.End()
	}
	if cache == nil || !is.Whole() {
		t.answer(write)
		return nil
	}
	size := 256
	for i := range list.len() {
		size += list.size(i)
	}
	*cache = splice.Write("iq", size, func(w *xmlwire.Writer) {
		address(w, "from", t.r.jid)
		w.Attr("type", "result")
		write(w)
	})
	t.answerWritten(*cache)
	return nil
}

// adminList is what a request asks for: people of affiliations, and then occupants of
// roles.
type adminList struct {
	r         *Room
	byRole    bool // a list of occupants alone
	people    []*state.Person
	occupants []*state.Occupant
}

// readable are those of the lists asked for that the sender may read, or the refusal of
// the first.
func (t *step) readable(items []adminItem) (*adminList, *StanzaError) {
	s := &t.r.st
	list := &adminList{r: t.r, byRole: items[0].byRole}
	var withheld *StanzaError
	some := false
	for i := range items {
		it := &items[i]
		if slices.ContainsFunc(items[:i], it.sameList) {
			continue
		}
		switch refused := mayList(s, &t.sender, it); {
		case refused == nil && it.byRole:
			list.occupants = append(list.occupants, s.InRole(it.role)...)
			some = true
		case refused == nil:
			list.people = append(list.people, s.Lists().Having(it.affiliation)...)
			some = true
		case refused.Condition != stanza.Forbidden:
			return nil, refused
		case withheld == nil:
			withheld = refused
		}
	}
	if !some {
		return nil, withheld
	}
	return list, nil
}

// sameList reports whether two items ask for the same list.
func (it *adminItem) sameList(other adminItem) bool {
	return it.byRole == other.byRole && it.role == other.role && it.affiliation == other.affiliation
}

func (l *adminList) len() int { return len(l.people) + len(l.occupants) }

// find finds the place of a line by its id, in a list that has pages.
func (l *adminList) find(uid string) (int, bool) {
	if l.byRole {
		return placeOf(l.occupants, uid)
	}
	return slices.BinarySearchFunc(l.people, uid, (*state.Person).CompareUID)
}

// placeOf finds an occupant by its number. Occupants are listed in the order of their
// numbers, which are never used again.
func placeOf(list []*state.Occupant, uid string) (int, bool) {
	num, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return rsm.Nowhere, false
	}
	return slices.BinarySearchFunc(list, uint32(num), func(o *state.Occupant, n uint32) int { return cmp.Compare(o.Number(), n) })
}

func (l *adminList) uid(i int) string {
	if i < len(l.people) {
		return l.people[i].UID()
	}
	return l.occupants[i-len(l.people)].UID()
}

// itemMarkup bounds the bytes of a line of a list without its JID, nick and reason.
const itemMarkup = 80

// size bounds the bytes of a line.
func (l *adminList) size(i int) int {
	if i >= len(l.people) {
		return occupantSize(l.occupants[i-len(l.people)])
	}
	p := l.people[i]
	return itemMarkup + len(p.UID()) + xmlwire.EscapedLen(p.Nick()) + xmlwire.EscapedLen(l.reason(p))
}

// reason is that of a person in a list. One that was stored under higher limits is left
// out, so that any line fits into a page.
func (l *adminList) reason(p *state.Person) string {
	if reason := p.Reason(); len(reason) <= l.r.cfg.Limits.ReasonBytes {
		return reason
	}
	return ""
}

func (l *adminList) write(w *xmlwire.Writer, i int, reader *sender) {
	if i < len(l.people) {
		listedPerson(w, l.people[i], l.reason(l.people[i]))
	} else {
		listedOccupant(w, &l.r.st, l.occupants[i-len(l.people)], reader)
	}
}

// mayList judges who reads which list of affiliations. The lists hold real JIDs:
// people who do not see those get no list, and a semi-anonymous room guards its
// admins and owners even from one another's helpers (§9.5, §10.5, §10.8).
func mayList(s *state.Room, a *sender, it *adminItem) *StanzaError {
	if it.byRole {
		return mayListRole(a, it.role)
	}
	switch {
	case it.affiliation == AffiliationNone:
		return refuse(stanza.BadRequest, "9", "there is no list of people without affiliation")
	case !mayRead(s, a, it.affiliation):
		return refuse(stanza.Forbidden, lists[it.affiliation-Outcast].read, "this list is not for you")
	}
	return nil
}

// mayRead is the same for a list of which people there are.
func mayRead(s *state.Room, a *sender, aff Affiliation) bool {
	c := s.Config()
	anyone := c.Whois == WhoisAnyone
	return affiliationMay(a.aff, lists[aff-Outcast].edit) ||
		aff >= Member && anyone && c.MembersOnly && affiliationMay(a.aff, toReadMembers) ||
		aff >= Admin && anyone && affiliationMay(a.aff, toEditMembers) ||
		aff == Member && a.role != RoleNone && c.MemberList.Has(a.role) && seesJIDs(s, a.role, AffiliationNone)
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

// adminSet decides on changes of roles and affiliations: all of them or none
// (XEP-0045 §9.2). What is wrong with a request is told only to those who might
// have made a right one.
func (t *step) adminSet() *StanzaError {
	a := &t.sender
	if refused := closedTo(&t.r.st, a); refused != nil {
		return refused
	}
	var one [1]adminItem // mostly
	items, refused := t.adminItems(one[:0], t.query(), "9")
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
func (r *Room) repeated(items []*xmlwire.Node) string {
	if len(items) == 0 {
		return ""
	}
	w := xmlwire.Writer{}
	w.Start("query", ns.Admin)
	for _, n := range items {
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
	return failure(t.administer(a, []adminItem{it}))
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
