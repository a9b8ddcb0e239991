package proptest

import (
	"slices"

	"github.com/gomuc/muc"
)

// truth is what a room knows at one moment.
type truth struct {
	state     muc.State
	conf      muc.RoomConfig
	occupants []muc.Occupant
	// inside finds the occupant of a full JID; sessions are all of those.
	inside             map[string]*muc.Occupant
	sessions           []string
	affs               map[string]muc.Affiliation
	subject, subjectBy string
	hats               map[string]string // by bare JID
	live               []byte
	// isOwner is the host's word on who owns the room without being on its lists.
	isOwner func(muc.JID) bool
}

func truthOf(room *muc.Room, isOwner func(muc.JID) bool) *truth {
	t := &truth{state: room.State(), conf: room.RoomConfig(), inside: map[string]*muc.Occupant{},
		affs: map[string]muc.Affiliation{}, hats: hatsOf(room), live: room.Snapshot(muc.Live), isOwner: isOwner}
	for o := range room.Occupants() {
		t.occupants = append(t.occupants, o)
	}
	for i := range t.occupants {
		for _, s := range t.occupants[i].Sessions {
			t.inside[s.String()] = &t.occupants[i]
			t.sessions = append(t.sessions, s.String())
		}
	}
	for j, a := range room.Affiliations() {
		t.affs[j.String()] = a
	}
	t.subject, t.subjectBy = room.Subject()
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
	return muc.AffiliationNone
}

// seesJIDs is the rule about real JIDs, written down a second time: as the
// documents have it, not as the library does it.
func (t *truth) seesJIDs(to muc.JID) bool {
	if t.conf.Whois == muc.WhoisAnyone || t.affiliation(to.Bare()) >= muc.Admin {
		return true
	}
	for i := range t.occupants {
		// What goes to an account is for all of its occupants.
		o := &t.occupants[i]
		if o.Role == muc.Moderator && (to == o.JID.Bare() || slices.Contains(o.Sessions, to)) {
			return true
		}
	}
	return false
}

// visible reports whether somebody inside is told of an occupant.
func (t *truth) visible(o, reader *muc.Occupant) bool {
	return o.Nick == reader.Nick || reader.Role == muc.Moderator || !t.conf.HiddenRoles.Has(o.Role)
}

// hasOwner reports whether somebody owns the room: a person, or a component that is
// known by its domain.
func (t *truth) hasOwner() bool {
	for _, a := range t.affs {
		if a == muc.Owner {
			return true
		}
	}
	return false
}
