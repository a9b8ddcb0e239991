package service

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/stanza"
)

// No room puts anybody out for an error that leaves it in doubt whether a client is gone
// (see stanzaerror.Doubtful): the client is asked, by a ping that comes from the room,
// which nobody blocks who wants to be in it (XEP-0045 §18.1.2).

// doubtTime is how long a session is not asked again.
const doubtTime = time.Minute

// doubt is a question whether a session is still there.
type doubt struct {
	id    string // of the ping; empty when it is answered
	since time.Time
}

// askIfThere pings somebody in a room whom a message did not reach. What is remembered of it
// goes with the session, so that there are no more doubts than sessions.
func (s *Service) askIfThere(ctx context.Context, in *incoming, room muc.JID) {
	if in.el.Tag != "message" || in.typ != "error" || stanzaerror.ReachOf(in.condition()) != stanzaerror.Doubtful {
		return
	}
	s.pingSession(ctx, membership{in.from, room})
}

// membership is a session in a room.
type membership struct{ who, room muc.JID }

// pingSession asks a session whether it is still there, if it is still inside and has not been
// asked just now.
func (s *Service) pingSession(ctx context.Context, m membership) {
	now, id := time.Now(), rand.Text()
	s.mu.Lock()
	d, doubted := s.doubts[m.who]
	asks := s.sessions[m.who].of(s.rooms[m.room]) > 0 && !(doubted && now.Sub(d.since) < doubtTime)
	if asks {
		s.doubts[m.who] = doubt{id, now}
	}
	s.mu.Unlock()
	if !asks {
		return
	}
	ping := etree.NewElement("iq")
	ping.CreateAttr("from", m.room.String())
	ping.CreateAttr("id", id)
	ping.CreateAttr("type", "get")
	child(ping, ns.Ping, "ping")
	s.send(ctx, &reply{[]muc.JID{m.who}, ping})
}

// AskAll has all who are inside asked whether they are still there, each client once, fifty in
// a second; who is not is put out of all rooms, as by [Service.Vanished]. It is for a host that
// was cut off from clients, as a component is while the server in front of it is down, and does
// not know who left meanwhile. It returns at once; while an earlier call is still at it, it
// begins anew. A client that was asked in the last minute is not asked again.
func (s *Service) AskAll() {
	s.mu.Lock()
	s.toAsk = nil
	for who, rooms := range s.sessions {
		for r := range rooms.rooms() {
			s.toAsk = append(s.toAsk, membership{who, r.jid})
			break
		}
	}
	s.mu.Unlock()
	s.askThem()
}

// asksPerSecond is how many clients are asked in a second.
const asksPerSecond = 50

// askThem asks those who are to be asked.
func (s *Service) askThem() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking || len(s.toAsk) == 0 {
		return
	}
	s.asking = true
	go func() {
		pace := time.NewTicker(time.Second / asksPerSecond)
		defer pace.Stop()
		for m, more := s.nextToAsk(); more; m, more = s.nextToAsk() {
			select {
			case <-pace.C:
				s.pingSession(s.ctx, m)
			case <-s.ctx.Done():
				return
			}
		}
	}()
}

// nextToAsk is the next who is to be asked.
func (s *Service) nextToAsk() (next membership, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking = len(s.toAsk) > 0; s.asking {
		next, s.toAsk = s.toAsk[0], s.toAsk[1:]
	}
	return next, s.asking
}

// isPong reports whether a stanza is the answer to a ping of the service. It is one
// only once.
func (s *Service) isPong(in *incoming) bool {
	if in.el.Tag != "iq" || !in.isAnswer() || in.id == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, doubted := s.doubts[in.from]
	if !doubted || d.id != in.id {
		return false
	}
	s.doubts[in.from] = doubt{since: d.since}
	return true
}

// condition is that of the error which a stanza reports; empty for none.
func (in *incoming) condition() stanza.Condition {
	for _, e := range in.el.SelectElements("error") {
		for _, c := range e.ChildElements() {
			if c.Tag != "text" && c.NamespaceURI() == ns.Stanzas {
				return stanza.Condition(c.Tag)
			}
		}
	}
	return ""
}

// Undelivered tells a room that one of its stanzas could not be delivered, because the
// session that it is for is not there: it is put out of the room, and who sent it a request
// is answered, as servers do (RFC 6121 §8.5.3.2). Errors, results and goodbyes are dropped,
// and what is for a bare JID is the host's to keep. It may be called from within
// Config.Deliver. Errors are those of [Service.Handle].
func (s *Service) Undelivered(ctx context.Context, st Stanza, to muc.JID) error {
	if to.IsBare() {
		return nil
	}
	el := st.Stanza()
	el.CreateAttr("to", to.String())
	back := (&stanza.Error{Condition: stanza.RecipientUnavailable}).Reply(el)
	if back == nil {
		return nil
	}
	if err := s.Handle(ctx, to, back); err != nil || st.Name() != "iq" {
		return err
	}
	return s.Vanished(ctx, to) // which the answer to a request does not say
}
