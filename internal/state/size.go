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
)

// Memory estimates how much memory the state holds, in bytes.
func (s *Room) Memory() int {
	size := roomSize + s.persons.byText.len()*personSize + int(s.peopleBytes)
	c := s.conf
	size += len(c.Name) + len(c.Description) + len(c.Lang) + len(c.Password)
	for _, o := range s.occupants {
		size += occupantSize + len(o.nick) + len(o.key) + len(o.id)
		for ses := o.first; ses != nil; ses = ses.next {
			size += ses.size()
		}
		if o.presence.doc != nil {
			size += cap(o.presence.doc.Bytes)
		}
	}
	if e := s.subject; e != nil {
		size += entrySize + 2*len(e.msg.Payload)
	}
	size += (s.archived.Len()+s.unarchived.Len())*entrySize + 2*(s.archived.bytes+s.unarchived.bytes)
	if k := s.lists.known; k != nil {
		size += 8 * (cap(k.people) + cap(k.changed))
		for _, d := range k.Written {
			if d != nil {
				size += cap(d.Bytes)
			}
		}
	}
	return size + s.sparse.size()
}

// size estimates the memory of the sparse part.
func (m *Sparse) size() int {
	if m == nil {
		return 0
	}
	size := sparseSize * (1 + m.reserved.len() + len(m.requests) + len(m.voiceAsked) + len(m.invites) + len(m.asks) + m.privates.Len() + m.spent.len())
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
	for p := range m.privates.All() {
		size += len(p.id)
	}
	return size
}

// size estimates the memory of a session.
func (ses *Session) size() int {
	return sessionSize + len(ses.real.String()) + len(ses.lang) + len(ses.payload)
}
