package c2s

import (
	"context"
	"errors"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Nodes are the other nodes that serve the domain. Its methods are called with a lock held: they
// neither block nor call the server.
type Nodes interface {
	// Changed is to be told to all other nodes, in order: they call [Server.Heard].
	Changed(Session)
	// Send carries a stanza to a session of another node, which calls [Server.Receive].
	Send(node string, to muc.JID, xml []byte)
}

// Session is what nodes know of somebody who is logged in.
type Session struct {
	JID       muc.JID
	Presence  string // the last, as XML with its namespace
	Available bool   // others see it
	Priority  int
	Over      bool
}

// session is one of this node or of another.
type session struct {
	Session
	node   string
	client *client // nil if it is at another node
}

// enter adds a session of this node. One that has the address already is replaced, as clients
// want that come back before their old connection has timed out.
func (s *Server) enter(c *client, full muc.JID) bool {
	s.mu.RLock()
	old := s.sessions[full]
	s.mu.RUnlock()
	if old != nil && old.client != nil {
		s.leave(old.client, false)
		old.client.out.end(streamError("conflict").xml(), old.client.stream.closing())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || s.sessions[full] != nil || len(s.people[c.account]) >= s.Bounds.Sessions {
		return false
	}
	c.JID, c.node = full, s.Node
	s.count(origin(c.stream), counts{strangers: -1})
	s.add(&c.session)
	return true
}

// add and remove keep the table of sessions. The caller holds mu.
func (s *Server) add(of *session) {
	s.sessions[of.JID] = of
	s.people[of.JID.Bare()] = append(s.people[of.JID.Bare()], of)
	s.changed(of)
}

func (s *Server) remove(of *session) {
	who := of.JID.Bare()
	delete(s.sessions, of.JID)
	s.people[who] = slices.DeleteFunc(s.people[who], func(other *session) bool { return other == of })
	if len(s.people[who]) == 0 {
		delete(s.people, who)
	}
	of.Over = true
	s.changed(of)
}

// leave ends a session: the others see it go, and services. Nothing is done in its name after
// that. It may be called again.
func (s *Server) leave(c *client, politely bool) {
	c.passing.Lock()
	defer c.passing.Unlock()
	if c.over || s.find(c.JID) != &c.session {
		return
	}
	c.over = true
	s.mu.Lock()
	s.hide(&c.session)
	s.mu.Unlock()
	if err := s.offline(c.JID, politely, nil); err != nil {
		s.Log.Error("a service does not know that somebody is gone", "jid", c.JID, "error", err)
	}
	s.mu.Lock() // last: until services know it, nobody else gets the address
	defer s.mu.Unlock()
	s.remove(&c.session)
}

// offline tells services that a session has gone, or has been lost.
func (s *Server) offline(of muc.JID, politely bool, presence *etree.Element) (err error) {
	for _, rooms := range s.services {
		if politely {
			err = errors.Join(err, unlessStopping(rooms.Offline(context.Background(), of, presence)))
		} else {
			err = errors.Join(err, unlessStopping(rooms.Vanished(context.Background(), of)))
		}
	}
	return err
}

// unlessStopping is an error of a service, which while it stops has told everybody already.
func unlessStopping(err error) error {
	if errors.Is(err, service.ErrClosed) {
		return nil
	}
	return err
}

// find finds a session, nil for none.
func (s *Server) find(jid muc.JID) *session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[jid]
}

// show shows a presence to contacts at this node, and to a session that has just come theirs; the
// other nodes do the same with theirs. The caller holds mu.
func (s *Server) show(of *session, presence string, available bool, priority int) {
	came := !of.Available
	if came && !available {
		return
	}
	of.Presence, of.Priority, of.Available = presence, priority, true // it sees itself
	for _, who := range append(s.contacts(of.JID.Bare()), of.JID.Bare()) {
		for _, other := range s.people[who] {
			switch {
			case !other.Available:
				continue
			case other.client != nil:
				other.client.out.text(presence)
			}
			if came && other != of && of.client != nil {
				of.client.out.text(other.Presence)
			}
		}
	}
	of.Available = available
	if s.changed(of); !available {
		of.Presence = ""
	}
}

// hide shows that a session has gone. The caller holds mu.
func (s *Server) hide(of *session) {
	s.show(of, gone(of.JID), false, 0)
}

func gone(who muc.JID) string {
	return "<presence xmlns='" + nsClient + "' type='unavailable' from='" + string(who.AppendEscaped(nil)) + "'/>"
}

// toAccount sends something to all sessions of an account that take messages for it (RFC 6121
// §8.5.2), or to those of this node, and reports whether there are any. The caller holds mu.
func (s *Server) toAccount(who muc.JID, xml string, here bool) (any bool) {
	for _, of := range s.people[who] {
		if of.Available && of.Priority >= 0 && (of.client != nil || !here) {
			s.send(of, xml)
			any = true
		}
	}
	return any
}

// send sends something to a session of any node. The caller holds mu.
func (s *Server) send(to *session, xml string) {
	if to.client != nil {
		to.client.out.text(xml)
	} else {
		s.Nodes.Send(to.node, to.JID, []byte(xml))
	}
}

// changed tells other nodes of a session of this one. The caller holds mu.
func (s *Server) changed(of *session) {
	if s.Nodes != nil && of.client != nil {
		s.Nodes.Changed(of.Session)
	}
}

// Announce tells Nodes of all sessions of this node again, for one that has just come.
func (s *Server) Announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.sessions {
		s.changed(of)
	}
}

// Heard takes what another node tells of a session.
func (s *Server) Heard(node string, told Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.sessions[told.JID]
	switch {
	case of == nil && told.Over:
		return
	case of == nil:
		of = &session{Session: Session{JID: told.JID}, node: node}
		s.add(of)
	case of.client != nil: // no two nodes give the same address: it is not the truth
		return
	}
	of.node = node
	s.show(of, told.Presence, told.Available, told.Priority)
	if told.Over {
		s.remove(of)
	}
}

// Lost forgets the sessions of a node, and returns them: services have to hear of it as well.
func (s *Server) Lost(node string) (gone []muc.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for jid, of := range s.sessions {
		if of.client == nil && of.node == node {
			s.hide(of)
			s.remove(of)
			gone = append(gone, jid)
		}
	}
	return gone
}

// Receive delivers what another node has sent to a session of this one.
func (s *Server) Receive(to muc.JID, xml []byte) {
	if of := s.find(to); of != nil && of.client != nil {
		of.client.out.text(string(xml))
	}
}

// Home names the nodes that have sessions of an address: for a full JID one at the most.
func (s *Server) Home(of muc.JID) (nodes []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, one := range append(slices.Clip(s.people[of]), s.sessions[of]) {
		if one != nil && !slices.Contains(nodes, one.node) {
			nodes = append(nodes, one.node)
		}
	}
	return nodes
}
