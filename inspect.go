package muc

import (
	"iter"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Occupant is somebody inside, as the host may see him.
type Occupant struct {
	Nick        string
	Role        Role
	Affiliation Affiliation
	// ID is the occupant's stable id (XEP-0421).
	ID string
	// JID is the person, Sessions his clients in the order of joining.
	JID      JID
	Sessions []JID
}

// Occupants yields everybody inside, in the order of joining.
func (r *Room) Occupants() iter.Seq[Occupant] {
	return func(yield func(Occupant) bool) {
		for _, o := range r.st.Occupants() {
			x := Occupant{Nick: o.Nick(), Role: o.Role(), ID: o.ID(), JID: o.Person().JID(),
				Affiliation: r.st.OccupantAffiliation(o)}
			for ses := o.First(); ses != nil; ses = ses.Next() {
				x.Sessions = append(x.Sessions, ses.JID())
			}
			if !yield(x) {
				return
			}
		}
	}
}

// Affiliations yields everybody, people and domains, who has an affiliation,
// sorted by JID.
func (r *Room) Affiliations() iter.Seq2[JID, Affiliation] {
	return func(yield func(JID, Affiliation) bool) {
		for _, p := range r.st.Persons().Sorted() {
			if p.Affiliation() != AffiliationNone && !yield(p.JID(), p.Affiliation()) {
				return
			}
		}
	}
}

// Registrations yields the reserved nicks and whose they are, sorted by JID.
func (r *Room) Registrations() iter.Seq2[JID, string] {
	return func(yield func(JID, string) bool) {
		for _, p := range r.st.Persons().Sorted() {
			if p.Nick() != "" && !yield(p.JID(), p.Nick()) {
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

// Subject is the subject and the nick of whoever set it; both are empty where
// there is none. Of a subject in several languages it is the first.
func (r *Room) Subject() (subject, nick string) {
	e := r.st.Subject()
	if e == nil {
		return "", ""
	}
	for x := (xmlwire.Reader{Text: e.Message().Payload}); !x.Done(); {
		if n := x.ReadNode(""); n.NS == "" && n.Name == "subject" {
			return n.Text, e.Message().Nick
		}
	}
	return "", e.Message().Nick
}

// Creator is who made the room, or for whom the host made it: a bare JID, zero of a room
// that nobody has made.
func (r *Room) Creator() JID { return r.st.Creator() }

// RoomConfig is the configuration that the owners chose.
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

// Size estimates how much memory the room holds, in bytes. It takes as long as it takes
// to count who is inside: ask for it now and then, not at every step.
func (r *Room) Size() int { return r.st.Memory() }
