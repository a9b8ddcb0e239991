package muc

import (
	"iter"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
)

// What the host may read of a room.

// Occupant is an occupant as the host sees it.
type Occupant struct {
	Nick        string
	Role        Role
	Affiliation Affiliation
	// ID is the occupant's stable id (XEP-0421).
	ID string
	// JID is the person's bare JID, Sessions the full JIDs of the clients in the order of
	// joining; a puppet has none.
	JID      JID
	Sessions []JID
}

// Occupants yields all occupants, in the order of joining.
func (r *Room) Occupants() iter.Seq[Occupant] {
	return func(yield func(Occupant) bool) {
		for _, o := range r.st.Occupants() {
			x := Occupant{Nick: o.Nick(), Role: o.Role(), ID: o.ID(), JID: o.Person().JID(),
				Affiliation: r.st.OccupantAffiliation(o)}
			for ses := range o.Sessions() {
				x.Sessions = append(x.Sessions, ses.JID())
			}
			if !yield(x) {
				return
			}
		}
	}
}

// Affiliations yields the people and domains that have an affiliation, by JID.
func (r *Room) Affiliations() iter.Seq2[JID, Affiliation] {
	return people(r, (*state.Person).Affiliation)
}

// Affiliation is what stands on the room's lists of one person, in constant time: not what
// the person's domain lends, nor what Config.IsOwner says.
func (r *Room) Affiliation(who JID) Affiliation {
	if p := r.st.Person(who.Bare()); p != nil {
		return p.Affiliation()
	}
	return AffiliationNone
}

// Registrations yields the people with a reserved nick and that nick, by JID.
func (r *Room) Registrations() iter.Seq2[JID, string] { return people(r, (*state.Person).Nick) }

// people yields what the room remembers of those of whom it is not the zero value, by JID.
func people[V comparable](r *Room, of func(*state.Person) V) iter.Seq2[JID, V] {
	return func(yield func(JID, V) bool) {
		var nothing V
		for _, p := range r.st.People() {
			if v := of(p); v != nothing && !yield(p.JID(), v) {
				return
			}
		}
	}
}

// Waiting yields what the room has asked its host, and not been answered yet, in the order of
// asking.
func (r *Room) Waiting() iter.Seq[event.Asked] {
	return func(yield func(event.Asked) bool) {
		for _, b := range r.st.Sparse().Asks() {
			if !yield(*b) {
				return
			}
		}
	}
}

// RegistrationRequests yields the requests to register that wait for an admin, in
// the order of asking; [DecideRegistration] decides on them.
func (r *Room) RegistrationRequests() iter.Seq[event.RegistrationRequested] {
	return func(yield func(event.RegistrationRequested) bool) {
		for _, b := range r.st.Sparse().Requests() {
			if !yield(*b) {
				return
			}
		}
	}
}

// Hats yields the hats that the room has (XEP-0317), in the order of their creation.
func (r *Room) Hats() iter.Seq[event.Hat] {
	return func(yield func(event.Hat) bool) {
		for _, h := range r.st.Sparse().Hats() {
			if !yield(h) {
				return
			}
		}
	}
}

// AssignedHats yields the people who have hats, inside or not, by JID, and their hats in the
// order in which presences show them.
func (r *Room) AssignedHats() iter.Seq2[JID, []event.Hat] {
	return func(yield func(JID, []event.Hat) bool) {
		for _, who := range r.st.Sparse().Wearers("") {
			if !yield(who, r.st.Sparse().HatsOf(who)) {
				return
			}
		}
	}
}

// Creator is the bare JID that created the room, or for which the host did; zero if the
// room is unborn.
func (r *Room) Creator() JID { return r.st.Creator() }

// DestroyedAt is when the room was destroyed; the zero time if it was not. It is for a host that
// keeps tombstones (Config.Tombstones) for a time only.
func (r *Room) DestroyedAt() time.Time {
	if r.st.Life() != Destroyed {
		return time.Time{}
	}
	return r.st.At().Time()
}

// RoomConfig is the room's configuration.
func (r *Room) RoomConfig() RoomConfig { return *r.st.Config() }

// Summary is what a list of rooms shows of one.
type Summary struct {
	Name        string
	Public      bool
	MembersOnly bool
	Occupants   int
}

// Summary describes the room in constant time.
func (r *Room) Summary() Summary {
	c := r.st.Config()
	return Summary{Name: c.Name, Public: !c.Hidden, MembersOnly: c.MembersOnly, Occupants: len(r.st.Occupants())}
}

// Size estimates the memory of the room in bytes. It takes time in proportion to the number
// of occupants: call it now and then, not after every step.
func (r *Room) Size() int { return r.st.Memory() }
