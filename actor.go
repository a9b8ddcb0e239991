package muc

// actor is who asks for something to be done, as far as the rules care.
type actor struct {
	jid  JID // full where he is known by a session
	nick string
	role Role
	aff  Affiliation
	host bool // no rule of privilege binds him
}

// actor is the sender of the turn's stanza.
func (t *turn) actor() actor { return t.r.actorOf(t.in.from) }

// actorOf looks somebody up by his JID. An admin or owner who is not inside may
// do what a moderator may.
func (r *Room) actorOf(j JID) actor {
	a := actor{jid: j, aff: r.st.affiliationOf(j.Bare())}
	if ses, inside := r.st.sessions.get(j); inside {
		a.nick, a.role = ses.occ.nick, ses.occ.role
	}
	if a.aff >= Admin {
		a.role = Moderator
	}
	return a
}

// event is how an actor is written down.
func (a actor) event() Actor { return Actor{JID: a.jid, Nick: a.nick} }

// query is the payload of the turn's iq.
func (t *turn) query() *node {
	n := readNode(t.in.xml(&t.in.kids[0]))
	return &n
}
