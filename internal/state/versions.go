package state

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gomuc/muc/event"
)

// Versions is how the lists of affiliations have changed since somebody first asked for
// that (XEP-0463), and who follows them. The methods take nil for a room where nobody did.
type Versions struct {
	number    uint64 // of the event that made the last version
	name      string
	changes   []event.PastAffiliation // the oldest first, bounded by Limits
	followers []Follower              // by the number of the session
}

// Follower is a session that keeps a copy of lists of affiliations, and which they are.
type Follower struct {
	Session *Session
	Lists   event.AffiliationSet
}

// Versions is how the lists of affiliations have changed.
func (m *Sparse) Versions() *Versions { return m.versions }

// Number is the number of the last version, 0 if versions are not counted.
func (v *Versions) Number() uint64 {
	if v == nil {
		return 0
	}
	return v.number
}

// Name tells the versions from those of an earlier room of the same address.
func (v *Versions) Name() string { return v.name }

// Followers are the sessions that follow the lists, in the order of joining.
func (v *Versions) Followers() []Follower {
	if v == nil {
		return nil
	}
	return v.followers
}

// Follows are the lists that a session follows.
func (v *Versions) Follows(ses *Session) event.AffiliationSet {
	if v != nil {
		if i, follows := v.place(ses); follows {
			return v.followers[i].Lists
		}
	}
	return 0
}

// Since are the changes after an earlier version than the last, the oldest first; known is
// false if the room does not remember it any more. They are valid until the next event.
func (v *Versions) Since(number uint64) (changes []event.PastAffiliation, known bool) {
	i, known := slices.BinarySearchFunc(v.changes, number, func(c event.PastAffiliation, n uint64) int { return cmp.Compare(c.Since, n) })
	return v.changes[i:], known
}

func (v *Versions) place(ses *Session) (int, bool) {
	return slices.BinarySearchFunc(v.followers, ses.num, func(f Follower, num uint32) int { return cmp.Compare(f.Session.num, num) })
}

// applyVersioned begins to count versions or, in a snapshot, goes on.
func (s *Room) applyVersioned(b *event.AffiliationsVersioned, number uint64, base *Base) error {
	last := uint64(0)
	for i, c := range b.Changes {
		if c.JID.IsZero() || !c.JID.IsBare() || i > 0 && c.Since <= last || c.Since >= number {
			return errors.New("a change of nobody, or out of order")
		}
		last = c.Since
	}
	m := s.mutableSparse()
	if m.versions != nil || number == 0 || b.Name == "" {
		return errors.New("versions are counted already, or have no name")
	}
	m.versions = &Versions{number: number, name: b.Name, changes: lastOf(slices.Clone(b.Changes), base.ListChanges)}
	return nil
}

// newVersion counts a change of the lists, if versions are counted.
func (s *Room) newVersion(b *event.AffiliationChanged, number uint64, base *Base) {
	if v := s.Sparse().versions; v != nil && b.Old != b.New {
		v.changes = lastOf(append(v.changes, event.PastAffiliation{Since: v.number, JID: b.JID, Affiliation: b.Old}), base.ListChanges)
		v.number = number
	}
}

func (s *Room) applyFollowed(b *event.AffiliationsFollowed) error {
	v, ses := s.Sparse().versions, s.Session(b.JID)
	if v == nil || ses == nil {
		return errors.New("no such session, or nothing to follow")
	}
	switch i, follows := v.place(ses); {
	case b.Lists == 0:
		s.unfollow(ses)
	case follows:
		v.followers[i].Lists = b.Lists
	default:
		v.followers = slices.Insert(v.followers, i, Follower{ses, b.Lists})
	}
	return nil
}

// unfollow ends that a session follows the lists.
func (s *Room) unfollow(ses *Session) {
	if v := s.Sparse().versions; v != nil {
		if i, follows := v.place(ses); follows {
			v.followers = slices.Delete(v.followers, i, i+1)
		}
	}
}
