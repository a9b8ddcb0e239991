package service

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Telling people that something was said in a room which they are not in (XEP-0437): once,
// until they have been there. Only a membership that the room has given to the person
// counts, not one that a domain lends, and all that is told is the room's address: so nobody
// reaches strangers by it.

// activity is who wants to be told, and what they were told. Service.mu may be taken while
// its own lock is held, and not the other way round.
type activity struct {
	mu      sync.Mutex
	persons map[muc.JID]*watcher
	// order has them by when something changed that may make a difference: the last change at
	// the end. Changes are counted, and a room that knows of all up to some change only looks
	// at those after it.
	order   list.List
	changes uint64
	// gone are those without a client, the longest gone in front.
	gone list.List
	// rooms is how many rooms are remembered, of all people and clients together.
	rooms int
}

// watcher is a person who wants to be told, or has wanted to.
type watcher struct {
	who     muc.JID
	changed uint64
	place   *list.Element
	gone    *list.Element       // nil while there is a client
	unread  roomSet             // rooms in which something was said since the person was there
	clients map[muc.JID]roomSet // and of which rooms they were told
	// full and fullTold are when the shares of the rates are full again.
	full, fullTold time.Time
}

type roomSet map[muc.JID]bool

// watchRate bounds how often one person is sent all active rooms: a client may ask for it again
// at any time.
var watchRate = muc.Rate{Burst: 20, Every: 5 * time.Second}

// toldRate bounds how often one person is told of a room without asking: everybody can make
// somebody a member of ever new rooms.
var toldRate = muc.Rate{Burst: 300, Every: 5 * time.Second}

// watchActivity takes in who wants to be told, and who does not any more (§3.1, §3.2).
func (s *Service) watchActivity(ctx context.Context, in *incoming) {
	switch {
	case s.cfg.Activity == nil:
	case in.el.Tag == "message":
		if stanzaerror.ReachOf(in.condition()) != stanzaerror.Present {
			s.unwatchActivity(in.from)
		}
	case in.typ == "unavailable" || in.typ == "error":
		s.unwatchActivity(in.from)
	case in.typ != "" || childNamed(in.el, ns.RoomActivity, "rai") == nil:
	case in.from.IsBare():
		s.refuse(ctx, in, &muc.StanzaError{Condition: stanza.BadRequest, Text: "Only a client is told of activity.", Section: "XEP-0437 §3.1"})
	case !s.cfg.Activity(in.from, muc.JID{}):
		s.refuse(ctx, in, &muc.StanzaError{Condition: stanza.Forbidden, Text: "You are not told of activity.", Section: "XEP-0437 §6"})
	default:
		rooms, e := s.activity.watch(&s.cfg.Limits, in.from, time.Now())
		if e != nil {
			s.refuse(ctx, in, e)
			return
		}
		s.sendActivity(ctx, in.from, slices.DeleteFunc(rooms, func(room muc.JID) bool { return !s.cfg.Activity(in.from, room) }))
	}
}

// watch takes in a client, and returns what it is told at once (§4).
func (a *activity) watch(l *Limits, client muc.JID, now time.Time) (rooms []muc.JID, e *muc.StanzaError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.persons[client.Bare()]
	if w == nil {
		if len(a.persons) >= l.Watchers && a.gone.Len() > 0 {
			a.forget(a.gone.Front().Value.(*watcher))
		}
		if len(a.persons) >= l.Watchers {
			return nil, full("Too many people are told of activity.")
		}
		w = &watcher{who: client.Bare(), unread: roomSet{}, clients: map[muc.JID]roomSet{}}
		w.place = a.order.PushBack(w)
		if a.persons == nil {
			a.persons = map[muc.JID]*watcher{}
		}
		a.persons[w.who] = w
		w.gone = a.gone.PushBack(w)
	}
	if _, again := w.clients[client]; !again && len(w.clients) >= l.PersonWatchers {
		return nil, full("Too many of your clients are told of activity.")
	}
	then, wait := spend(watchRate, w.full, now)
	if wait > 0 {
		return nil, full("You ask for active rooms too often.")
	}
	w.full = then
	if w.gone != nil {
		a.gone.Remove(w.gone)
		w.gone = nil
	}
	a.drop(w, client)
	told := roomSet{}
	w.clients[client] = told
	for room := range w.unread {
		if a.rooms < l.AllWatched {
			a.rooms++
			told[room] = true
			rooms = append(rooms, room)
		}
	}
	a.touch(w)
	slices.SortFunc(rooms, jid.Compare)
	return rooms, nil
}

// touch notes that rooms have to look at a person again.
func (a *activity) touch(w *watcher) {
	a.changes++
	w.changed = a.changes
	a.order.MoveToBack(w.place)
}

// drop takes out a client, and what it was told.
func (a *activity) drop(w *watcher, client muc.JID) {
	a.rooms -= len(w.clients[client])
	delete(w.clients, client)
}

// forget takes out a person.
func (a *activity) forget(w *watcher) {
	for client := range w.clients {
		a.drop(w, client)
	}
	a.rooms -= len(w.unread)
	a.order.Remove(w.place)
	if w.gone != nil {
		a.gone.Remove(w.gone)
	}
	delete(a.persons, w.who)
}

// unwatchActivity takes out a client, those of an account, or those of a domain. What they have
// not read is remembered, for when they come again.
func (s *Service) unwatchActivity(who muc.JID) {
	a := &s.activity
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.persons) == 0 {
		return
	}
	leave := func(w *watcher) {
		for client := range w.clients {
			if client.Within(who) {
				a.drop(w, client)
			}
		}
		if len(w.clients) == 0 && w.gone == nil {
			w.gone = a.gone.PushBack(w)
		}
	}
	if who.Local() == "" {
		for _, w := range a.persons {
			leave(w)
		}
	} else if w := a.persons[who.Bare()]; w != nil {
		leave(w)
	}
}

// outsideAgain notes that sessions are outside of a room in which they were.
func (s *Service) outsideAgain(sessions ...muc.JID) {
	a := &s.activity
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, jid := range sessions {
		if w := a.persons[jid.Bare()]; w != nil {
			a.touch(w)
		}
	}
}

// noteActivity takes in what a room did.
func (s *Service) noteActivity(r *room, done []outcome) {
	if s.cfg.Activity == nil {
		return
	}
	active := false
	var said []*event.Message
	var late []muc.JID // have left, after what was said
	for i := range done {
		for ev := range done[i].fx.Events() {
			switch b := ev.Body.(type) {
			case *event.Joined:
				s.activity.read(r.jid, b.JID)
			case *event.Left:
				late = append(late, b.JID)
			case *event.Removed:
				late = append(late, b.JIDs...)
			case *event.AffiliationChanged:
				s.activity.affiliated(r.jid, b.JID, b.New)
			case *event.RoomDestroyed:
				s.activity.destroyed(r.jid)
				return
			case *event.MessageArchived:
				said = append(said, &b.Message)
			case *event.MessageRemembered:
				said = append(said, &b.Message)
			}
			if slices.ContainsFunc(said, isActivity) {
				s.outsideAgain(late...)
				active, late = true, nil
			}
			said = said[:0]
		}
	}
	if active {
		s.spreadActivity(r, late)
	}
	s.outsideAgain(late...)
}

// isActivity reports whether a message is something new to read: it has a body and corrects no
// other message.
func isActivity(m *event.Message) bool {
	p := xmlwire.PayloadOf(m.Payload)
	return p.Find("", "body") != nil && p.Find(ns.Correct, "replace") == nil
}

// read notes that somebody is in a room.
func (a *activity) read(room, session muc.JID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.persons[session.Bare()]; w != nil {
		a.strike(w.unread, room)
		a.strike(w.clients[session], room)
	}
}

// strike takes a room out of a set.
func (a *activity) strike(rooms roomSet, room muc.JID) {
	if rooms[room] {
		delete(rooms, room)
		a.rooms--
	}
}

// affiliated notes that somebody has another affiliation in a room.
func (a *activity) affiliated(room, who muc.JID, aff muc.Affiliation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.persons[who]
	if w == nil {
		return
	}
	if aff < muc.Member {
		a.strike(w.unread, room)
	}
	a.touch(w)
}

// destroyed notes that a room is no more.
func (a *activity) destroyed(room muc.JID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.persons {
		a.strike(w.unread, room)
		for _, told := range w.clients {
			a.strike(told, room)
		}
	}
}

// spreadActivity tells who is to be told that something was said in a room. Those who have left
// it since then have seen it.
func (s *Service) spreadActivity(r *room, late []muc.JID) {
	var tell []muc.JID
	for _, who := range s.activity.since(r) {
		allowed := false
		_ = guarded(func() error { allowed = s.cfg.Activity(who, r.jid); return nil })
		if allowed {
			tell = append(tell, s.told(r, who, late)...)
		}
	}
	slices.SortFunc(tell, jid.Compare)
	for _, client := range tell {
		s.sendActivity(s.ctx, client, []muc.JID{r.jid})
	}
}

// since are the members of a room of whom something has changed since the room looked last.
func (a *activity) since(r *room) (members []muc.JID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for at := a.order.Back(); at != nil; at = at.Prev() {
		w := at.Value.(*watcher)
		if w.changed <= r.watched {
			break
		}
		if r.live.Affiliation(w.who) >= muc.Member {
			members = append(members, w.who)
		}
	}
	r.watched = a.changes
	return members
}

// told notes that a room is active for a person, and returns the clients that are to be told.
// A person who was told too often is told when a client asks again.
func (s *Service) told(r *room, who muc.JID, late []muc.JID) (clients []muc.JID) {
	a, l := &s.activity, &s.cfg.Limits
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.persons[who]
	if w == nil {
		return nil
	}
	note := func(rooms roomSet) bool {
		if rooms[r.jid] || len(rooms) >= l.Watched || a.rooms >= l.AllWatched {
			return false
		}
		rooms[r.jid] = true
		a.rooms++
		return true
	}
	full, wait := spend(toldRate, w.fullTold, time.Now())
	s.mu.Lock()
	inside := s.persons[who].of(r) > 0 || slices.ContainsFunc(late, func(jid muc.JID) bool { return jid.Bare() == who })
	for client, told := range w.clients {
		if wait == 0 && s.sessions[client].of(r) == 0 && !slices.Contains(late, client) && note(told) {
			clients = append(clients, client)
		}
	}
	s.mu.Unlock()
	if len(clients) > 0 {
		w.fullTold = full
	}
	if !inside {
		note(w.unread)
	}
	return clients
}

// sendActivity tells a client of rooms, in as few messages as they fit into.
func (s *Service) sendActivity(ctx context.Context, client muc.JID, rooms []muc.JID) {
	for len(rooms) > 0 {
		el := etree.NewElement("message")
		el.CreateAttr("from", s.domain.String())
		rai := child(el, ns.RoomActivity, "rai")
		bytes := s.cfg.Limits.PageBytes
		n := 0
		for ; n < len(rooms); n++ {
			text := rooms[n].String()
			if bytes -= xmlwire.EscapedLen(text) + len("<activity></activity>"); bytes < 0 && n > 0 {
				break
			}
			rai.CreateElement("activity").SetText(text)
		}
		child(el, ns.Hints, "no-store")
		s.send(ctx, &reply{[]muc.JID{client}, el})
		rooms = rooms[n:]
	}
}
