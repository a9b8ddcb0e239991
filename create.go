package muc

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
)

// Creating a room (XEP-0045 §10.1).

// proposeBirth proposes a new room, owned by its creator (XEP-0045 §10.1.1).
func (t *step) proposeBirth(creator JID, conf RoomConfig, locked bool) {
	b := &event.Created{Room: t.r.jid, Creator: creator, KeyPrint: t.r.keyPrint(), Config: conf}
	if locked {
		b.LockedUntil = event.Stamp{Time: t.lockEnd()}
	}
	t.propose(b)
	t.propose(&event.AffiliationChanged{JID: creator, New: Owner})
}

// createByForm decides on a room that is configured before anybody is inside
// (XEP-0045 §10.1.3): asking for the form makes nothing, submitting it does.
func (t *step) createByForm() *StanzaError {
	r, in := t.r, t.in
	creator := t.sender.bare
	if e := judge(r.cfg.Policy.Create, policy.Create{Room: r.jid, Creator: in.from}); e != nil {
		return e
	}
	if in.typ == "get" {
		return t.answerForm(&r.cfg.Defaults)
	}
	sub, refused := form.Read(t.query(), ns.Config, "10.1.3", r.cfg.Limits.FieldBytes)
	if refused != nil {
		return refused
	}
	t.answer(nil)
	if sub.Cancelled {
		return nil
	}
	conf, refused := r.configured(r.cfg.Defaults, sub)
	if refused != nil {
		return refused
	}
	if e := judge(r.cfg.Policy.Configure, policy.Configure{Room: r.jid, JID: in.from, Old: r.cfg.Defaults, New: conf}); e != nil {
		return e
	}
	t.proposeBirth(creator, conf, false)
	return nil
}

// birthConfig is the configuration of a new room: the host's defaults, and the password
// that its creator joined with.
func (r *Room) birthConfig(x *xmlwire.Node) RoomConfig {
	conf := r.cfg.Defaults
	if p := x.Child(ns.MUC, "password"); p != nil {
		conf.Password = p.Text
	}
	return conf
}

// lockEnd is until when a room that is created now waits to be configured, the zero time
// if for no time.
func (t *step) lockEnd() time.Time {
	if t.r.cfg.LockTimeout < 0 {
		return never
	}
	return t.now.Add(t.r.cfg.LockTimeout)
}

// never stands for a lock without end in an event: a locked room has a time.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
