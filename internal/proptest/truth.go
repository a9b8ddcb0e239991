package proptest

import "github.com/gomuc/muc"

// truth is what a room knows at one moment.
type truth struct {
	state     muc.State
	conf      muc.RoomConfig
	occupants []muc.Occupant
	// inside finds the occupant of a full JID.
	inside map[string]*muc.Occupant
	affs   map[string]muc.Affiliation
	live   string
	// isOwner is the host's word on who owns the room without being on its lists.
	isOwner func(muc.JID) bool
}

func (w *world) truth() *truth {
	t := &truth{state: w.room.State(), conf: w.room.RoomConfig(), inside: map[string]*muc.Occupant{},
		affs: map[string]muc.Affiliation{}, live: string(w.room.Snapshot(muc.Live)), isOwner: w.cfg.IsOwner}
	for o := range w.room.Occupants() {
		t.occupants = append(t.occupants, o)
	}
	for i := range t.occupants {
		for _, s := range t.occupants[i].Sessions {
			t.inside[s.String()] = &t.occupants[i]
		}
	}
	for j, a := range w.room.Affiliations() {
		t.affs[j.String()] = a
	}
	return t
}

// affiliation is the one that counts for a bare JID.
func (t *truth) affiliation(bare muc.JID) muc.Affiliation {
	if t.isOwner != nil && t.isOwner(bare) {
		return muc.Owner
	}
	if a, ok := t.affs[bare.String()]; ok {
		return a
	}
	if lent := t.affs[bare.Domain()]; lent <= muc.Member {
		return lent // a domain lends no rank
	}
	return muc.None
}

// seesJIDs is the rule about real JIDs, written down a second time: as the
// documents have it, not as the library does it.
func (t *truth) seesJIDs(full muc.JID) bool {
	if t.conf.Whois == muc.WhoisAnyone || t.affiliation(full.Bare()) >= muc.Admin {
		return true
	}
	o, inside := t.inside[full.String()]
	return inside && o.Role == muc.Moderator
}

// roster is what somebody inside must believe: nick to role and affiliation.
func (t *truth) roster(full string) map[string]string {
	own, inside := t.inside[full]
	if !inside {
		return nil
	}
	r := map[string]string{}
	for i := range t.occupants {
		o := &t.occupants[i]
		if o.Nick == own.Nick || own.Role == muc.Moderator || !t.conf.HiddenRoles.Has(o.Role) {
			r[o.Nick] = o.Role.String() + " " + o.Affiliation.String()
		}
	}
	return r
}
