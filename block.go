package muc

import "github.com/gomuc/muc/event"

// People whom the host keeps out of its rooms, as those on a block list that services share
// (Config.IsBlocked).

// isBlocked reports whether somebody of an affiliation is blocked: an affiliation, to which a
// room has consented, goes before what others say of that person.
func (r *Room) isBlocked(bare JID, aff Affiliation) bool {
	return aff == AffiliationNone && r.cfg.IsBlocked != nil && r.cfg.IsBlocked(bare)
}

// KickBlocked puts out all who are inside and whom Config.IsBlocked names now, as [Kick] does,
// but for those with an affiliation. What the room stored of their voice is forgotten. The host
// gives it when its list has changed.
type KickBlocked struct {
	Reason string // for all of them, may be empty
}

func (c KickBlocked) do(t *step) error {
	if e := checkText(c.Reason, t.r.cfg.Limits.ReasonBytes); e != nil {
		return e
	}
	set := t.newAdminSet(&theHost, event.Actor{})
	for _, o := range t.r.st.Occupants() {
		bare := o.Person().JID()
		if t.r.isBlocked(bare, set.effective(bare)) {
			set.remove(o, event.CauseKicked, AffiliationNone, c.Reason)
			set.storeVoice(bare, RoleNone)
		}
	}
	return failure(set.finish())
}
