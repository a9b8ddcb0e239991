package muc

import (
	"cmp"
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Invitations through the room (XEP-0045 §7.8.2). Each is remembered until it is used or
// declined or has expired, so that nobody can send text to strangers through the room by
// declining an invitation that was never sent.

// Invitation is what Config.InviteBody puts into words.
type Invitation struct {
	Room JID
	Name string // of the room, as configured
	// From is the inviter as the invitee sees it: the occupant JID in a semi-anonymous
	// room, the bare JID in a non-anonymous one, the room's address if it is the host.
	From                   JID
	To                     JID
	Reason, Password, Lang string
	// Continues says that the room goes on with a one-to-one chat, Thread which
	// (§7.9).
	Continues bool
	Thread    string
}

// mediated decides on a message to the room with <x xmlns='…/muc#user'/>:
// invitations, or a decline.
func (t *step) mediated() *StanzaError {
	x := xmlwire.ParseNode(t.in.XML(t.in.Find(ns.User, "x")))
	invites := slices.DeleteFunc(slices.Clone(x.Kids), func(k xmlwire.Node) bool { return k.NS != ns.User || k.Name != "invite" })
	decline := x.Child(ns.User, "decline")
	switch {
	case len(invites) > 0 && decline != nil:
		return refuse(stanza.BadRequest, "7.8.2", "one invites or declines, but not both")
	case len(invites) > 0:
		return t.invite(invites)
	case decline != nil:
		return t.decline(decline)
	}
	return t.messageToRoom()
}

// invite decides on the invitations of one message: all of them or none.
func (t *step) invite(list []xmlwire.Node) *StanzaError {
	a := &t.sender
	if e := t.mayInvite(a); e != nil {
		return e
	}
	set := t.newAdminSet(&theHost, a.event())
	for i := range list {
		inv, e := t.readInvite(&list[i])
		if e == nil {
			e = t.inviteOne(a, set, inv)
		}
		if e != nil {
			return e
		}
	}
	if e := t.spendMany(event.RateMessages, len(list)); e != nil {
		return e
	}
	if e := t.spendNotices(a.jid, len(list)); e != nil {
		return e
	}
	return set.judge()
}

// mayInvite judges who invites: occupants with a voice, and in a members-only
// room its admins, or its members where it is configured so (§5.1.1, §9.5).
func (t *step) mayInvite(a *sender) *StanzaError {
	s := &t.r.st
	if e := closedTo(s, a); e != nil {
		return e
	}
	switch {
	case a.host:
	case a.nick == "" && a.aff < Admin:
		return refuse(stanza.NotAcceptable, "7.8.2", "you are not in the room")
	case !t.r.allows(a.role, toInvite):
		return refuse(stanza.Forbidden, "5.1.1", "visitors do not invite")
	case s.Config().MembersOnly && a.aff < Admin && (!s.Config().AllowInvites || a.aff < Member):
		return refuse(stanza.Forbidden, "9.5", "only admins invite to this room")
	}
	return nil
}

// readInvite reads an <invite/>: what it may hold, and nothing else.
func (t *step) readInvite(n *xmlwire.Node) (Invitation, *StanzaError) {
	to, e := t.addressed(n, "invitee")
	if e == nil && to.IsZero() {
		e = refuse(stanza.BadRequest, "7.8.2", "the invitation does not say who is invited")
	}
	inv := Invitation{To: to, Reason: n.ChildText(ns.User, "reason"), Lang: t.in.lang}
	if c := n.Child(ns.User, "continue"); c != nil {
		inv.Continues, inv.Thread = true, c.AttrOr("thread", "")
	}
	return inv, e
}

// addressed is whom an invitation or a decline is for, zero for nobody.
func (t *step) addressed(n *xmlwire.Node, whose string) (JID, *StanzaError) {
	to, given := n.Attr("to")
	if !given {
		return JID{}, nil
	}
	j, err := jid.ParseBy(to, t.r.cfg.NormalizeDomain)
	if err != nil {
		return JID{}, refuse(stanza.JIDMalformed, "7.8.2", "the "+whose+"'s address is malformed")
	}
	return j, nil
}

// inviteOne judges and proposes one invitation. To a members-only room it makes
// the invitee a member (§7.8.2, §9.5); to an open one it never does.
func (t *step) inviteOne(a *sender, set *adminSet, inv Invitation) *StanzaError {
	r, s := t.r, &t.r.st
	lim := &r.cfg.Limits
	bare := inv.To.Bare()
	aff := set.effective(bare)
	switch {
	case inv.To.Local() == "":
		return refuse(stanza.JIDMalformed, "7.8.2", "one invites a person")
	case bare == r.jid:
		return refuse(stanza.BadRequest, "7.8.2", "a room cannot be invited to itself")
	case len(inv.Reason) > lim.ReasonBytes || len(inv.Thread) > lim.ReasonBytes || !xmlwire.ValidText(inv.Reason):
		return refuse(stanza.PolicyViolation, "14.6", "the reason is too long or no text")
	case aff == Outcast && a.aff >= Admin:
		// Others do not learn who is banned.
		return refuse(stanza.NotAllowed, "9.1", "the invitee is banned")
	}
	if _, fits := t.mayRemember(a, bare); !fits {
		return refuse(stanza.ResourceConstraint, "14.6", "too many invitations are open")
	}
	if e := r.judgeInvite(a, &inv); e != nil {
		return e
	}
	if s.Config().MembersOnly && aff == AffiliationNone {
		if e := set.changeAffiliation(&adminItem{affiliation: Member, jid: bare}); e != nil {
			return e
		}
	}
	t.sendInvite(a, inv)
	return nil
}

// welcome invites those who were just made members of a members-only room and
// had no affiliation before (§9.5). It is a courtesy: where no more invitations
// can be remembered, they are sent all the same, and where the notices are used up
// (Rates.Notices), they are left out.
func (t *step) welcome(a *sender, set *adminSet) {
	s := &t.r.st
	if !s.Config().MembersOnly || t.ends() {
		return
	}
	var invites []Invitation
	for _, body := range t.bodies {
		b, ok := body.(*event.AffiliationChanged)
		if !ok || b.Old != AffiliationNone || b.New != Member || set.own(b.JID) != Member || b.JID.Local() == "" {
			continue
		}
		inv := Invitation{To: b.JID, Reason: b.Reason}
		if s.Person(b.JID).Inside() || t.r.judgeInvite(a, &inv) != nil {
			continue
		}
		invites = append(invites, inv)
	}
	for _, inv := range invites[:t.notices(a.jid, len(invites))] {
		t.sendInvite(a, inv)
	}
}

// mayRemember reports whether one more open invitation fits, for the room and for
// the inviter, and which other one gives way to it. One of the same person by the same
// inviter takes the other's place.
func (t *step) mayRemember(a *sender, invitee JID) (givesWay *event.InviteSent, fits bool) {
	lim, inviter := &t.r.cfg.Limits, a.bare
	own := 0
	open := t.openInvites()
	for _, b := range open {
		if b.Inviter.Bare() == inviter {
			if b.Invitee.Bare() == invitee {
				return nil, true
			}
			own++
		}
	}
	switch {
	case own >= lim.PersonInvites && !a.host, lim.Invites <= 0:
		return nil, false
	case len(open) < lim.Invites:
		return nil, true
	}
	givesWay = t.leastMissed(open, a, own)
	return givesWay, givesWay != nil
}

// openInvites are the invitations that will be open after this step, those that expire
// first in front.
func (t *step) openInvites() []*event.InviteSent {
	open := slices.Clone(t.r.st.Sparse().Invites())
	for _, body := range t.bodies {
		switch b := body.(type) {
		case *event.InviteSent:
			open = append(open, b)
		case *event.InviteExpired:
			open = slices.DeleteFunc(open, func(x *event.InviteSent) bool {
				return x.Invitee.Bare() == b.Invitee.Bare() && x.Inviter.Bare() == b.Inviter.Bare()
			})
		}
	}
	return open
}

// leastMissed is the invitation that gives way to a further one when no more can be
// remembered: the oldest of the inviter who has most. Those of people without affiliation
// give way to those of people with one, never the other way, so that strangers cannot use
// up the invitations of a room.
func (t *step) leastMissed(open []*event.InviteSent, a *sender, own int) *event.InviteSent {
	count := map[JID]int{}
	affs := map[JID]Affiliation{a.bare: a.aff, {}: Owner} // the host's
	strange := func(j JID) int {                          // 1 for somebody without affiliation
		if affs[j] < Member {
			return 1
		}
		return 0
	}
	for _, b := range open {
		j := b.Inviter.Bare()
		count[j]++
		if _, known := affs[j]; !known {
			affs[j] = t.r.senderOf(j).aff
		}
	}
	most := slices.MaxFunc(open, func(x, y *event.InviteSent) int {
		i, j := x.Inviter.Bare(), y.Inviter.Bare()
		return cmp.Or(cmp.Compare(strange(i), strange(j)), cmp.Compare(count[i], count[j]))
	})
	j := most.Inviter.Bare()
	if d := strange(j) - strange(a.bare); d > 0 || d == 0 && own < count[j] {
		return most
	}
	return nil
}

// sendInvite proposes and renders an invitation that was judged.
func (t *step) sendInvite(a *sender, inv Invitation) {
	conf := t.r.st.Config()
	inv.Room, inv.Name, inv.Password, inv.From = t.r.jid, conf.Name, conf.Password, t.r.inviterSeen(a)
	givesWay, fits := t.mayRemember(a, inv.To.Bare())
	if givesWay != nil {
		t.propose(&event.InviteExpired{Invitee: givesWay.Invitee, Inviter: givesWay.Inviter})
	}
	if fits {
		t.propose(&event.InviteSent{Invitee: inv.To, Inviter: a.jid, From: inv.From, Expires: event.Stamp{Time: t.now.Add(t.r.cfg.InviteTimeout)}})
	}
	t.owe(func() { t.renderInvite(&inv) })
}

// decline decides on a decline, which must be that of an open invitation. All inviters
// whom it means are told.
func (t *step) decline(n *xmlwire.Node) *StanzaError {
	r, in := t.r, t.in
	reason := n.ChildText(ns.User, "reason")
	if len(reason) > r.cfg.Limits.ReasonBytes {
		return refuse(stanza.PolicyViolation, "14.6", "the reason is too long")
	}
	to, e := t.addressed(n, "inviter")
	if e != nil {
		return e
	}
	list := t.invitationsMeant(to)
	if len(list) == 0 {
		return refuse(stanza.Forbidden, "7.8.2", "you have no such invitation")
	}
	// Each inviter who is not inside gets a notice. Where they do not all get one, the
	// rest is not told: declined is declined.
	outside := 0
	for _, b := range list {
		t.propose(&event.InviteUsed{Invitee: b.Invitee, Inviter: b.Inviter, Declined: true})
		to := r.reach(b.Inviter.Bare())
		if len(to) > 0 && to[0].IsBare() {
			if outside++; t.noticesLeft(in.from) < outside {
				continue
			}
		}
		t.owe(func() { t.renderDecline(to, declinerSeen(b), reason) })
	}
	if t.notices(in.from, outside) == 0 && outside > 0 {
		return tooManyNotices()
	}
	return nil
}

// invitationsMeant finds the open invitations of the sender that a decline to an
// address means: the latest that names this address as the inviter's. Any other
// address, or none, means all of them. For clients say the room's own address, or
// one by which they know the inviter from elsewhere; and if a real address chose
// one invitation of several, or were refused when it is wrong, one could find out by
// declining who the inviter is.
func (t *step) invitationsMeant(to JID) []*event.InviteSent {
	all := t.invitationsOf(t.sender.bare)
	for _, b := range slices.Backward(all) {
		if to != t.r.jid && (to == b.From || to.Bare() == b.From) {
			return []*event.InviteSent{b}
		}
	}
	return all
}

// invitationsOf are the open invitations of a person.
func (t *step) invitationsOf(invitee JID) []*event.InviteSent {
	return slices.DeleteFunc(slices.Clone(t.r.st.Sparse().Invites()), func(b *event.InviteSent) bool { return b.Invitee.Bare() != invitee })
}

// reach is where a person is told something: at the sessions inside, else at the bare JID.
func (r *Room) reach(bare JID) (list []JID) {
	if bare.IsZero() {
		return nil
	}
	for o := range r.st.Person(bare).Occupants() {
		list = append(list, r.audience().sessionsOf(o)...)
	}
	if len(list) == 0 { // nobody is inside but puppets
		list = []JID{bare}
	}
	return list
}

// useInvites proposes that a newcomer has used all invitations of that person.
func (t *step) useInvites() {
	for _, b := range t.invitationsOf(t.sender.bare) {
		t.propose(&event.InviteUsed{Invitee: b.Invitee, Inviter: b.Inviter})
	}
}

// expireInvites proposes the end of invitations whose time is up.
func (t *step) expireInvites() {
	for _, b := range t.r.st.Sparse().Invites() {
		if t.r.due(b.Expires.Time, t.r.cfg.InviteTimeout, t.now) {
			t.propose(&event.InviteExpired{Invitee: b.Invitee, Inviter: b.Inviter})
		}
	}
}

func (t *step) renderDecline(to []JID, from JID, reason string) {
	t.aboutInvite(to, t.in.lang, func(w *xmlwire.Writer) {
		w.Start("x", ns.User)
		w.Start("decline", "", "from", from.String())
		w.ElementIf("reason", reason)
		w.End()
		w.End()
	})
}

// renderInvite writes an invitation from scratch: of the inviter's own it holds the reason
// and the continued chat only.
func (t *step) renderInvite(inv *Invitation) {
	cfg := t.r.cfg
	t.aboutInvite([]JID{inv.To}, inv.Lang, func(w *xmlwire.Writer) {
		if cfg.InviteBody != nil {
			if body := cfg.InviteBody(*inv); xmlwire.ValidText(body) && len(body) <= cfg.Limits.BodyBytes {
				w.ElementIf("body", body)
			}
		}
		w.Start("x", ns.User)
		w.Start("invite", "", "from", inv.From.String())
		w.ElementIf("reason", inv.Reason)
		if inv.Continues {
			w.Empty("continue", "", "thread", inv.Thread)
		}
		w.End()
		w.ElementIf("password", inv.Password)
		w.End()
		if cfg.LegacyInvites {
			directInvite(w, inv)
		}
	})
}

// aboutInvite sends a message from the room with the given content, under the id
// of the message that it answers to.
func (t *step) aboutInvite(to []JID, lang string, content func(w *xmlwire.Writer)) {
	id := ""
	if t.in != nil && t.in.kind == kindMessage {
		id = t.in.id
	}
	if id == "" {
		id = t.newID()
	}
	t.send(to, splice.Write("message", 384, func(w *xmlwire.Writer) {
		address(w, "from", t.r.jid)
		w.Attr("id", id)
		w.AttrIf("xml:lang", lang)
		content(w)
	}), splice.None, nil)
}

// directInvite writes the payload of a direct invitation for older clients (XEP-0249), the
// reason also as text (XEP-0045 §7.8.2).
func directInvite(w *xmlwire.Writer, inv *Invitation) {
	w.Start("x", ns.Conference, "jid", inv.Room.String(), "password", inv.Password, "reason", inv.Reason)
	if inv.Continues {
		w.Attr("continue", "true")
		w.AttrIf("thread", inv.Thread)
	}
	w.Text(inv.Reason)
	w.End()
}

// Invite invites somebody (XEP-0045 §7.8.2), in the room's own name or that of a person.
// To a members-only room it makes that person a member.
type Invite struct {
	To     JID
	Reason string
}

func (c Invite) do(t *step) error {
	a := &t.sender
	e := t.mayInvite(a)
	inv := Invitation{Reason: c.Reason}
	if e == nil {
		inv.To, e = t.r.normal(c.To)
	}
	if e == nil {
		e = t.spendNotices(a.jid, 1)
	}
	set := t.newAdminSet(&theHost, a.event())
	if e == nil {
		e = t.inviteOne(a, set, inv)
	}
	if e == nil {
		e = set.judge()
	}
	return failure(e)
}

// judgeInvite asks the host about an invitation by a person.
func (r *Room) judgeInvite(a *sender, inv *Invitation) *StanzaError {
	if a.host {
		return nil
	}
	return judge(r.cfg.Policy.Invite, policy.Invite{Room: r.jid, JID: a.jid, Nick: a.nick, Role: a.role, Affiliation: a.aff,
		Invitee: inv.To, Reason: inv.Reason})
}
