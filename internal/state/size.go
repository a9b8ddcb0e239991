package state

// The memory of the parts of a room in bytes, without their texts, on 64-bit machines:
// with their places in slices and maps, and with their cached stanzas.
const (
	roomSize     = 560
	personSize   = 120
	noteSize     = 96
	occupantSize = 260
	sessionSize  = 90
	entrySize    = 480
	sparseSize   = 220
	changeSize   = 40
	followerSize = 16
)

// Memory estimates how much memory the state holds, in bytes.
func (s *Room) Memory() int {
	size := roomSize + s.persons.len()*personSize + int(s.peopleBytes)
	c := s.conf
	size += len(c.Name) + len(c.Description) + len(c.Lang) + len(c.Password)
	for _, o := range s.occupants {
		size += occupantSize + len(o.nick) + len(o.key) + len(o.id)
		for ses := range o.Sessions() {
			size += sessionSize + len(ses.real.String()) + len(ses.lang) + len(ses.payload)
		}
		if o.presence != nil {
			size += cap(o.presence.Bytes)
		}
	}
	if e := s.subject; e != nil {
		size += entrySize + 2*len(e.Message().Payload)
	}
	size += (len(s.archived.entries)+len(s.unarchived.entries))*entrySize + 2*(s.archived.bytes+s.unarchived.bytes)
	if l := s.lists; l != nil {
		size += 8 * cap(l.people)
		for _, d := range l.Written {
			if d != nil {
				size += cap(d.Bytes)
			}
		}
	}
	if s.sparse != nil {
		size += s.sparse.size()
	}
	return size
}

// size estimates the memory of the sparse part.
func (m *Sparse) size() int {
	size := sparseSize * (1 + m.reserved.len() + len(m.requests) + len(m.voiceAsked) + len(m.invites) + len(m.asks) + len(m.privates) +
		len(m.relays) + m.spent.len() + m.wearers.len() + len(m.hats))
	if b := m.vCard; b != nil {
		size += len(b.Payload) + len(b.Photos)*(16+len("da39a3ee5e6b4b0d3255bfef95601890afd80709"))
	}
	if v := m.versions; v != nil {
		size += sparseSize + followerSize*cap(v.followers) + changeSize*cap(v.changes)
		for i := range v.changes {
			size += len(v.changes[i].JID.String())
		}
	}
	for _, h := range m.hats {
		size += len(h.URI) + len(h.Title) + len(h.Hue) + len(h.Lang)
	}
	for _, who := range m.Wearers("") {
		size += len(who.String())
	}
	for _, b := range m.requests {
		size += len(b.Nick) + len(b.Key)
		for _, a := range b.Answers {
			size += sparseSize + len(a.Var)
			for _, v := range a.Values {
				size += 16 + len(v)
			}
		}
	}
	for _, b := range m.asks {
		size += len(b.IQ) + len(b.Archive)
		if b.Join != nil {
			size += len(b.Join.Payload)
		}
	}
	for _, p := range m.privates {
		size += len(p.ID)
	}
	for _, x := range m.relays {
		size += len(x.Way) + len(x.JID.String())
	}
	return size
}
