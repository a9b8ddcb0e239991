package muc

import (
	"strings"
	"time"
)

// Command is something that the host itself wants done. The set is sealed:
// [Create], [Vanished], [Kick], [SetRole], [SetAffiliation], [Configure],
// [Invite], [SetSubject], [Say], [Destroy], [Shutdown], [Forget],
// [DecideRegistration], [Answer].
//
// A command may do whatever the room's invariants allow: an owner stays, limits
// hold. Where it has a field As, a JID there makes it subject to that person's
// privileges, as if he had asked.
type Command interface {
	do(t *turn) error
}

// Do carries out a command of the host. A refusal is an error: [ErrNotOpen],
// [ErrNotFound], or a [*StanzaError] that names the broken rule; nothing has
// changed then, and nobody is told.
func (r *Room) Do(now time.Time, cmd Command) (Effects, error) {
	var fx Effects
	t := turn{r: r, now: r.clock(now), fx: &fx}
	if _, creates := cmd.(Create); !creates && !r.st.alive() {
		return Effects{}, ErrNotOpen
	}
	if err := cmd.do(&t); err != nil {
		return Effects{}, err
	}
	t.commit()
	return fx, nil
}

// Create brings an unborn room to life without anybody inside. A room that is
// not Persistent ends at the next Tick unless somebody has joined.
type Create struct {
	Owner  JID
	Config RoomConfig
}

func (c Create) do(t *turn) error {
	if t.r.st.life != Unborn {
		return refuse(Conflict, "10.1", "the room exists")
	}
	if c.Owner.IsZero() {
		return refuse(JIDMalformed, "10.1", "a room must have an owner")
	}
	t.propose(&Created{Room: t.r.cfg.Room, Creator: c.Owner.Bare(), KeyPrint: t.r.keyPrint(), Config: c.Config})
	t.propose(&AffiliationChanged{JID: c.Owner.Bare(), New: Owner})
	return nil
}

// Vanished tells that a session is no more: its connection broke, or its server
// is gone. A bare JID stands for all sessions of the account, a domain for all of
// its accounts. Who is not inside is no error.
type Vanished struct{ JID JID }

func (c Vanished) do(t *turn) error {
	t.endIfEmpty(t.vanish(c.JID))
	return nil
}

// vanish proposes that the sessions of a JID are gone, and counts the occupants
// who go with them.
func (t *turn) vanish(who JID) (going int) {
	for _, o := range t.r.st.occupants {
		left := len(o.sessions)
		for _, ses := range o.sessions {
			if j := ses.jid(); j == who || j.Bare() == who || j.domainJID() == who {
				left--
				t.proposeLeft(ses, "", DepartureVanished, left == 0)
			}
		}
		if left == 0 && len(o.sessions) > 0 {
			going++
		}
	}
	return going
}

// Kick puts an occupant out (XEP-0045 §8.2).
type Kick struct {
	Nick   string
	Reason string
	As     JID
}

func (c Kick) do(t *turn) error {
	return t.command(c.As, adminItem{byRole: true, nick: c.Nick, hasNick: true, reason: c.Reason})
}

// SetRole changes the role of an occupant (XEP-0045 §8.3, §8.4, §9.6, §9.7).
type SetRole struct {
	Nick   string
	Role   Role
	Reason string
	As     JID
}

func (c SetRole) do(t *turn) error {
	return t.command(c.As, adminItem{byRole: true, role: c.Role, nick: c.Nick, hasNick: true, reason: c.Reason})
}

// SetAffiliation changes the affiliation of a person or a whole domain
// (XEP-0045 §9, §10). A Nick is reserved for members and above.
type SetAffiliation struct {
	JID         JID
	Affiliation Affiliation
	Nick        string
	Reason      string
	As          JID
}

func (c SetAffiliation) do(t *turn) error {
	if c.JID.IsZero() || c.Affiliation < Outcast || c.Affiliation > Owner {
		return refuse(BadRequest, "9", "whose affiliation, and which?")
	}
	return t.command(c.As, adminItem{affiliation: c.Affiliation, jid: c.JID, nick: c.Nick, hasNick: c.Nick != "", reason: c.Reason})
}

// command carries out one change as the host or as somebody.
func (t *turn) command(as JID, it adminItem) error {
	if len(it.reason) > t.r.cfg.Limits.ReasonBytes || !validText(it.reason) {
		return refuse(PolicyViolation, "14.6", "the reason is too long or no text")
	}
	a := hostActor
	if !as.IsZero() {
		a = t.r.actorOf(as)
	}
	if e := t.administer(a, []adminItem{it}); e != nil {
		return e
	}
	return nil
}

// hostActor ranks above everybody and is nobody in the room.
var hostActor = actor{role: Moderator, aff: Owner, host: true}

// Configure sets the whole configuration, and unlocks a room that waits for one
// (XEP-0045 §10.2).
type Configure struct {
	Config RoomConfig
	As     JID
}

func (c Configure) do(t *turn) error {
	a := hostActor
	if !c.As.IsZero() {
		a = t.r.actorOf(c.As)
	}
	if a.aff < Owner {
		return refuse(Forbidden, "10.2", "only owners configure the room")
	}
	for _, f := range configFields {
		probe := RoomConfig{}
		for _, v := range f.get(&c.Config) {
			if !validText(v) || len(v) > t.r.cfg.Limits.FieldBytes {
				return refuse(PolicyViolation, "14.6", "the field "+f.name+" is too long or no text")
			}
		}
		if err := f.set(&probe, f.get(&c.Config)); err != nil {
			return refuse(BadRequest, "10.1.3", "the field "+f.name+" "+err.Error())
		}
	}
	if e := t.configure(&c.Config, t.newAdminSet(a, a.event())); e != nil {
		return e
	}
	return nil
}

// Invite invites somebody (XEP-0045 §7.8.2), in the room's own name or in
// somebody's. To a members-only room it makes him a member.
type Invite struct {
	To     JID
	Reason string
	As     JID
}

func (c Invite) do(t *turn) error {
	a := hostActor
	if !c.As.IsZero() {
		a = t.r.actorOf(c.As)
	}
	e := t.mayInvite(a)
	if e == nil {
		e = t.inviteOne(a, t.newAdminSet(hostActor, a.event()), Invitation{To: c.To, Reason: c.Reason})
	}
	if e != nil {
		return e
	}
	return nil
}

// SetSubject changes the subject, in the room's own name.
type SetSubject struct{ Subject string }

func (c SetSubject) do(t *turn) error {
	if !validText(c.Subject) || len(c.Subject) > t.r.cfg.Limits.SubjectBytes {
		return refuse(PolicyViolation, "14.6", "the subject is too long or no text")
	}
	w := xmlWriter{}
	w.element("subject", "", c.Subject)
	t.propose(&SubjectChanged{Message{ID: t.newID(), StanzaID: t.newID(), Payload: string(w.b)}})
	return nil
}

// Say speaks to everybody in the room's own name.
type Say struct{ Body string }

func (c Say) do(t *turn) error {
	if !validText(c.Body) || len(c.Body) > t.r.cfg.Limits.StanzaBytes || strings.TrimSpace(c.Body) == "" {
		return refuse(PolicyViolation, "14.6", "the text is too long or no text")
	}
	w := xmlWriter{}
	w.element("body", "", c.Body)
	said := &stanza{kind: kindMessage, kids: []child{{name: "body", to: len(w.b)}}, body: string(w.b)}
	t.speak(Message{Payload: said.body}, said)
	return nil
}

// Destroy ends the room (XEP-0045 §10.9). With Tombstone, its address answers
// "gone" from now on instead of "not found".
type Destroy struct {
	Reason    string
	Alternate JID
	Password  string
	Tombstone bool
}

func (c Destroy) do(t *turn) error {
	if !validText(c.Reason) || !validText(c.Password) || len(c.Reason)+len(c.Password) > t.r.cfg.Limits.ReasonBytes {
		return refuse(PolicyViolation, "14.6", "the reason is too long or no text")
	}
	t.destroy(&RoomDestroyed{Reason: c.Reason, Alternate: c.Alternate, Password: c.Password, Tombstone: c.Tombstone})
	return nil
}

// Shutdown puts everybody out because the service stops (XEP-0045 §11.2). The
// room itself stays as it is, even if it is temporary.
type Shutdown struct{ Reason string }

func (c Shutdown) do(t *turn) error {
	if !validText(c.Reason) || len(c.Reason) > t.r.cfg.Limits.ReasonBytes {
		return refuse(PolicyViolation, "14.6", "the reason is too long or no text")
	}
	for _, o := range t.r.st.occupants {
		t.remove(o, CauseShutdown, t.r.st.affiliationOf(o.person.jid()), c.Reason, Actor{})
	}
	return nil
}
