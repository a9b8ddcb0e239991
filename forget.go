package muc

// Forget takes somebody's account out of the room because it was deleted:
// affiliation, reserved nick, voice and request to register are gone, and so are
// his sessions, as if they had [Vanished]. Whoever gets the same address later
// inherits nothing.
//
// A room must have an owner (XEP-0045 §10.4). Where nobody else is one, the Heir
// becomes it; without an heir the command is refused with conflict and nothing
// is forgotten. So a host that always names an heir, such as its administrator,
// can forget an account in all of its rooms.
type Forget struct {
	JID  JID
	Heir JID
}

func (c Forget) do(t *turn) error {
	s, bare, heir := &t.r.st, c.JID.Bare(), c.Heir.Bare()
	if c.JID.IsZero() || bare.Local() == "" || !heir.IsZero() && heir.Local() == "" {
		return refuse(JIDMalformed, "10.4", "only accounts are forgotten and inherit")
	}
	if t.endIfEmpty(t.vanish(bare)) {
		return nil
	}
	p, known := s.persons.get(bare)
	if known && p.aff == Owner && s.owners == 1 {
		if heir.IsZero() || heir == bare {
			return refuse(Conflict, "10.4", "a room must have an owner: who inherits it?")
		}
		t.newAdminSet(hostActor, Actor{}).affiliate(heir, Owner, "")
	}
	if s.requestOf(bare) != nil {
		t.propose(&RegistrationClosed{JID: bare, How: RequestWithdrawn})
	}
	if !known {
		return nil
	}
	if p.nick != "" {
		t.propose(&Deregistered{JID: bare})
	}
	if p.voice != NoRole {
		t.propose(&VoiceStored{JID: bare})
	}
	if p.aff != None {
		t.propose(&AffiliationChanged{JID: bare, Old: p.aff, New: None})
	}
	return nil
}
