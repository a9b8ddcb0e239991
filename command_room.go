package muc

import (
	"fmt"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/roomconfig"
	"github.com/gomuc/muc/stanza"
)

// Commands about the room: creating, configuring and destroying it.

// Create brings an unborn room to life without anybody inside: a conflict where
// there is or was one. A room that is not Persistent ends at the next Tick unless
// somebody has joined.
type Create struct {
	Owner  JID
	Config RoomConfig
}

func (c Create) do(t *step) error {
	r := t.r
	if r.st.Life() != Unborn {
		return refuse(stanza.Conflict, "10.1", "there is or was such a room")
	}
	if c.Owner.IsZero() {
		return refuse(stanza.JIDMalformed, "10.1", "a room must have an owner")
	}
	owner, e := r.normal(c.Owner)
	if e != nil {
		return e
	}
	conf, e := r.cfg.Limits.checkConfig(&c.Config, &r.cfg.Defaults)
	if e != nil {
		return e
	}
	t.proposeBirth(owner.Bare(), conf, false)
	return nil
}

// Configure changes the configuration, and unlocks a room that waits for one (XEP-0045
// §10.2). What Change leaves alone stays as it is.
type Configure struct {
	// Change is called once, with a copy of the configuration.
	Change func(*RoomConfig)
}

func (c Configure) do(t *step) error {
	if c.Change == nil {
		return fmt.Errorf("%w: Configure.Change", ErrMissing)
	}
	conf := *t.r.st.Config()
	c.Change(&conf)
	return Reset{conf}.do(t)
}

// Reset replaces the whole configuration, also what Config leaves at zero, such as the
// password, and unlocks a room that waits for one (XEP-0045 §10.2).
type Reset struct {
	Config RoomConfig
}

func (c Reset) do(t *step) error {
	a := &t.sender
	if !affiliationMay(a.aff, toConfigure) {
		return refuse(stanza.Forbidden, "10.2", "only owners configure the room")
	}
	conf, e := t.r.cfg.Limits.checkConfig(&c.Config, t.r.st.Config())
	if e != nil {
		return e
	}
	if e := t.configure(&conf, t.newAdminSet(a, a.event())); e != nil {
		return e
	}
	return nil
}

// checkConfig judges a configuration of the host's by the table, and brings it to
// the one form in which events and snapshots have it. What it has in common with
// another one is not judged by its size again.
func (lim *Limits) checkConfig(c, was *RoomConfig) (RoomConfig, *StanzaError) {
	var conf RoomConfig
	for _, f := range roomconfig.Fields {
		if f == roomconfig.PasswordFlag {
			continue // it follows from the secret
		}
		values := f.Get(c)
		for _, v := range values {
			if e := checkText(v, max(lim.FieldBytes, len(v))); e != nil {
				return conf, e
			}
		}
		if !f.MayHold(lim.FieldBytes, lim.NameBytes, f.Get(was), values) {
			return conf, refuseField(stanza.PolicyViolation, "14.6", f.Label, "is too long")
		}
		if err := f.Set(&conf, values); err != nil {
			return conf, refuseField(stanza.BadRequest, "10.1.3", f.Label, err.Error())
		}
	}
	return conf, nil
}

// Destroy ends the room (XEP-0045 §10.9). With Tombstone, its address answers
// "gone" from now on instead of "not found".
type Destroy struct {
	Reason string
	// Alternate is where to go instead, and Password what is needed there.
	Alternate JID
	Password  string
	Tombstone bool
}

func (c Destroy) do(t *step) error {
	r := t.r
	a := &t.sender
	if !affiliationMay(a.aff, toDestroy) {
		return refuse(stanza.Forbidden, "10.9", "only owners destroy the room")
	}
	for _, s := range [...]string{c.Reason, c.Password} {
		if e := checkText(s, r.cfg.Limits.ReasonBytes); e != nil {
			return e
		}
	}
	b := &event.RoomDestroyed{Reason: c.Reason, Password: c.Password, Tombstone: c.Tombstone, Actor: a.event()}
	if !c.Alternate.IsZero() {
		alternate, e := r.normal(c.Alternate)
		if e != nil {
			return e
		}
		b.Alternate = alternate
	}
	t.destroy(b)
	return nil
}

// Shutdown puts everybody out because the service stops (XEP-0045 §11.2), and
// refuses what waits for the host to answer it. The room itself stays as it is, even
// if it is temporary.
type Shutdown struct{ Reason string }

func (c Shutdown) do(t *step) error {
	s := &t.r.st
	if e := checkText(c.Reason, t.r.cfg.Limits.ReasonBytes); e != nil {
		return e
	}
	for _, o := range s.Occupants() {
		t.remove(o, event.CauseShutdown, s.OccupantAffiliation(o), c.Reason, event.Actor{})
	}
	t.answerAsks(refuse(stanza.RecipientUnavailable, "11.2", "the service stops"), func(event.Asked) bool { return true })
	return nil
}
