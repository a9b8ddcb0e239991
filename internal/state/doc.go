// Package state is what a room remembers. It changes by events alone, through
// [Room.Apply], which live calls and restoring use alike: a room that was rebuilt is the
// live room by construction. Everybody else reads it by methods.
//
// A person is a bare JID with what the room knows of it, a whole domain too. An occupant
// is a nick with a role and belongs to a person; a session is a full JID and belongs to an
// occupant. A puppet, an occupant of the host, has no session.
//
// Most rooms are small and quiet. What few rooms have anything of stands behind one
// pointer, and what few people have behind another; lists that are short need no map.
package state
