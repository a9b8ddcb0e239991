package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// ErrConfig: a Config that cannot make a service.
var ErrConfig = errors.New("service: bad config")

// Config is what a host decides about a service. Functions in it, and in Room, are called by
// several goroutines at once: those that a room calls, one after the other for that room and at
// the same time for others. One that panics is logged and harms nobody but who asked: a
// request of that person is answered with internal-server-error, and a room that
// called it is made again from what is stored.
type Config struct {
	// Domain is the domain of all rooms, as conference.example.org. Required.
	Domain string
	// Name is what people may call the service; empty means "Chat rooms".
	Name string
	// Software is the answer to version requests (XEP-0092); nil refuses them.
	Software *Software
	// Contacts are whom people can write to about the service (XEP-0157).
	Contacts []Contact
	// Room is what all rooms have in common, without an address. Its Secret is
	// required and must never change. What it leaves to the host with AnswersIQ,
	// Archive or AsksJoin comes to Question.
	Room muc.Config
	// Store keeps the rooms. Required; for rooms that end with the process it is
	// new(Memory).
	Store Store
	// Deliver sends a stanza to each address of its To. Required.
	//
	// What a room says comes in order, one call after the other; different rooms call
	// it at the same time. A Deliver that blocks holds up its own room: that takes no
	// more stanzas than its queue holds, and the others go on. Answers of the domain
	// itself, refusals of what finds no place in a queue, and pings of who may be gone
	// come from within [Service.Handle] and with its context: by that a Deliver knows
	// them, which must not block then if Handle is called by who reads from the wire.
	//
	// What it cannot send is lost; if that is because a session is gone, tell
	// [Service.Vanished]. It must not call the service for the same room and wait for
	// it. The context of what rooms say ends when [Service.Shutdown] is over.
	Deliver func(ctx context.Context, s Stanza)
	// DeliverBatch, unless nil, is called in the place of Deliver for what a room says: in one
	// call all that came of the stanzas which it had waiting, in order. It is for a host that
	// puts together what goes to one connection, and writes it at once. It must not keep the
	// slice. Events is told of all these stanzas before it, and Question after it. What the
	// domain itself answers still comes to Deliver.
	DeliverBatch func(ctx context.Context, d Delivery)
	// Question is given what rooms ask of the host, and is called like Deliver. The answer
	// is given later, by Do(ctx, room, muc.Answer{…}), from another goroutine.
	// Required if Room.Archive, Room.AsksJoin or Room.AnswersIQ is set.
	Question func(ctx context.Context, room muc.JID, ask muc.Question)
	// Events is told what happened in a room, durable and volatile events in order, one call
	// for each step in which something did: for bots, bridges and metrics. By then
	// the durable ones are stored, and nobody has been told yet; what could not be stored
	// never happened. Nil hears nothing.
	//
	// It is called like Deliver: one call after the other for one room, at the same time for
	// different rooms. If it blocks, its own room waits, and so do those inside. A command for
	// the same room is given from another goroutine, which [Service.Do] may wait in.
	//
	// When a room is made again after its store failed, everybody in it is put out without
	// an event, as when the process ends: see [Service.Where] for who is inside. The events
	// and what they point to must not be changed.
	Events func(ctx context.Context, room muc.JID, events []event.Event)

	// RoomName judges the localparts of new rooms (XEP-0045 §17.1); it is normal
	// already. XEP-0045 wants not-allowed. Nil admits all. Who may create a room is for
	// Room.Policy.Create to say, which is asked after it.
	RoomName func(local string) *muc.StanzaError
	// Admin tells who administers the service, by ad-hoc commands (XEP-0050): who may list
	// all rooms, hidden ones too, look into them, enter and destroy them, choose their owners,
	// and speak to all of them (XEP-0133 §4.23). Nil means nobody. Who shall own all rooms is
	// for Room.IsOwner to say.
	Admin func(muc.JID) bool

	// Activity tells who may be told that something was said in a room which they are not in
	// (XEP-0437): those on the room's lists as member, admin or owner who ask the service for it.
	// It is asked with a zero room when somebody asks, and of each room before somebody is told;
	// a host that knows which rooms people care for, as from their bookmarks, says no to the
	// others. It should say no to whom Room.Policy.Join refuses everywhere. Nil tells nobody.
	Activity func(who, room muc.JID) bool
	// SearchRate is how often one person may search for rooms (XEP-0433), page by page. More
	// is refused with resource-constraint, which says when to try again. Zero means 60 at once
	// and one a second; a zero Every alone bounds nothing.
	SearchRate muc.Rate

	// Live has the store keep rooms with everybody inside, so that a process that dies, or the
	// machine that it runs on, puts nobody out: the Store must be a [LiveStore]. All events are
	// stored, volatile ones too, and with them what the room was given. A start ends no room and
	// puts nobody out. What was stored but may not have been delivered is done again and
	// delivered again, byte for byte: so functions of Room must give the same answers then, and
	// Room.NewID must be nil. Everybody inside is asked whether they are still there, as after
	// [Service.Suspend]. A room whose store fails goes on with everybody inside as it is stored.
	Live bool
	// Owns tells which rooms are this service's, where several services share a domain; nil
	// means all. Others refuse what they are given with [ErrNotOwner]. With it, New does not
	// read the list of rooms: they come by [Service.Adopt]. It is called with a lock held, and
	// must return at once without calling the service.
	Owns func(room muc.JID) bool
	// Announced is told what an administrator has announced by a command, in the rooms of this service: for the other
	// services of the domain ([Service.Announce]). Nil is not told.
	Announced func(text string)
	// Lost is told that the store answered [ErrNotOwner] for a room. Nobody in the room was told
	// anything; what it had to do ends with that error. It is called for several rooms at the same
	// time. Nil is not told.
	Lost func(room muc.JID)

	// Limits bound what the service holds and does at once. Zero fields get defaults.
	Limits Limits
	// IdleAfter is how long a room in which nobody is stays in memory: 0 means five
	// minutes.
	IdleAfter time.Duration
	// TombstoneTime is how long the address of a destroyed room answers "gone", if it does at all
	// (Room.Tombstones): after that a new room can be made there. 0 means for ever. A tombstone
	// that was stored while it was 0 goes when somebody asks for the room after that time.
	TombstoneTime time.Duration
	// SuspendedFor is how long after [Service.Suspend] rooms go on with everybody inside: 0
	// means ten minutes. After that it was a restart, and everybody is told to be out (332).
	SuspendedFor time.Duration
	// CompactAfter is how many events of a room are stored, at the least, before they are
	// replaced by a snapshot: 0 means 500. They must also weigh as much as the snapshot
	// before, beyond 16 KiB: so what is written of a large room is at most twice what became
	// of it, and loading it reads at most twice as much. 4 MiB more than that snapshot are
	// replaced, however few events they are.
	CompactAfter int

	// Now is the clock of all rooms; nil means time.Now. It must not stand still: rooms that wait for a
	// time are woken by what it says is left until then.
	Now func() time.Time
	// Log is told what an operator should know; nil means slog.Default().
	Log *slog.Logger
	// Observer counts; nil functions in it are not called.
	Observer Observer
}

// Software is what a service says of itself (XEP-0092).
type Software struct{ Name, Version, OS string }

// Contact is an address for people to write to, such as mailto:abuse@example.org or
// xmpp:help@example.org.
type Contact struct {
	For ContactKind
	URI string
}

// ContactKind is what an address is for (XEP-0157).
type ContactKind string

// The kinds of a [Contact].
const (
	AbuseContact    ContactKind = "abuse"
	AdminContact    ContactKind = "admin"
	FeedbackContact ContactKind = "feedback"
	SalesContact    ContactKind = "sales"
	SecurityContact ContactKind = "security"
	StatusContact   ContactKind = "status"
	SupportContact  ContactKind = "support"
)

// contactKinds are all kinds, in the order in which they are told.
var contactKinds = []ContactKind{AbuseContact, AdminContact, FeedbackContact, SalesContact, SecurityContact,
	StatusContact, SupportContact}

func checkContacts(contacts []Contact) error {
	for _, c := range contacts {
		if !slices.Contains(contactKinds, c.For) {
			return fmt.Errorf("%w: Contacts: there is no kind %q", ErrConfig, c.For)
		}
		if u, err := url.Parse(c.URI); err != nil || u.Scheme == "" {
			return fmt.Errorf("%w: Contacts: %q is no URI, such as mailto:abuse@example.org", ErrConfig, c.URI)
		}
	}
	return nil
}

// Delivery is what a room says at once.
type Delivery struct {
	Room muc.JID
	// At is the position of the last event of the step that brought it, and Time when that was;
	// both are zero if there was none. With [Config].Live all deliveries of a room with the same
	// At and Time have the same stanzas in the same order. A position alone may be that of an
	// earlier room at this address.
	At   Position
	Time time.Time
	// Again says that it may have been delivered before, by a service that failed.
	Again   bool
	Stanzas []Stanza
}

// Stanza is one stanza and the addresses it goes to: a [muc.Outbound], or an
// answer of the service itself. It never changes: keep it as long as you like.
type Stanza interface {
	// To lists where the stanza goes. The caller must not change it.
	To() []muc.JID
	// AppendXML appends the complete bytes of the stanza for one of To. With ns
	// empty it inherits the namespace of the stream that it is written to.
	AppendXML(dst []byte, to muc.JID, ns string) []byte
	// Name is message, presence or iq; Type and ID are "" where the stanza has none. They
	// cost next to nothing.
	Name() string
	Type() string
	ID() string
	// Stanza is the stanza as a new element, complete but for `to`. Each call parses what
	// AppendXML writes, which costs many times as much: it is for who has to look into it.
	Stanza() *etree.Element
}

// Limits bound what a service holds and does at once. A zero field has the default
// that its comment names.
type Limits struct {
	// Rooms in memory: 200000. When so many are there, those in which nobody is make
	// place; when there are none, stanzas to further rooms are refused with
	// resource-constraint.
	Rooms int
	// Memory is how many bytes all rooms in memory may hold together, as they estimate it:
	// 1 GiB. PersonMemory is how many those may hold that one person has created: 128 MiB.
	// When all hold too much, those in which nobody is make place; when there are none,
	// nobody enters and nothing is loaded or changed, and beyond another quarter nothing is
	// said: stanzas are refused with resource-constraint. Where one person's rooms hold too
	// much, it is so in these alone.
	Memory, PersonMemory int
	// RoomQueue is how many stanzas wait for one room: 1000. Further ones are refused
	// with resource-constraint, as are those beyond SenderShare and SenderQueue.
	RoomQueue int
	// SenderShare is how many of them are of one person: 50.
	SenderShare int
	// SenderQueue is how many stanzas of one person wait in all rooms together: 1000.
	SenderQueue int
	// RoomBytes, SenderBytes and QueueBytes bound the same by what stanzas take in
	// memory, which is many times their text, until they are done: those for one room
	// 8 MiB, those of one person in all rooms 1 MiB, all together 32 MiB.
	RoomBytes, SenderBytes, QueueBytes int
	// PersonRooms is in how many rooms one person may be at once: 1000. PersonCreated is
	// how many rooms, or tombstones of rooms, there may be that one person has created:
	// 100. PersonQuestions is how many requests of one person may wait for the host, as
	// queries of the archive do, in all rooms together: 20. More is refused with
	// resource-constraint.
	PersonRooms, PersonCreated, PersonQuestions int
	// Batch is how many stanzas a room takes at once, to be stored together: 100.
	Batch int
	// Workers is how many rooms are at work at the same time, counting those that
	// wait for the store or for Deliver: 1000.
	Workers int
	// Writers is how many calls of Store.Append are under way at the same time: 1.
	// All rooms that have something to store while a call is under way go into the
	// next one.
	Writers int
	// StoreBatch is how many rooms one call of Store.Append stores at the most: 1000.
	StoreBatch int
	// Searches is how many searches for rooms wait at once, and PersonSearches how many of one
	// person: 100 and 10. They are done one after the other. More is refused as too many are.
	Searches, PersonSearches int
	// Searchers is for how many people it is remembered how often they have searched: 50000.
	Searchers int
	// Watchers is of how many people it is remembered that they want to be told of activity:
	// 20000; those who have no client any more make place for others. PersonWatchers is how many
	// clients of one person are told: 10. More is refused with resource-constraint. Watched is how
	// many rooms it is remembered of one person to have been active, and of one client to have
	// been told of: 1000, and of all together 500000. Beyond that nobody is told.
	Watchers, PersonWatchers, Watched, AllWatched int
	// Sources is of how many sources a room remembers what it has done (see [Service.Submit]):
	// 100. Beyond that, those are forgotten from which nothing came for the longest time.
	Sources int
	// Commands is how many commands of administrators are carried out at the same time: 20.
	// More is refused with resource-constraint.
	Commands int
	// Page is how many rooms one answer lists: 200, and PageBytes how many bytes their
	// lines take: 64 KiB, or a quarter of Room.Limits.OutboundBytes if that is less.
	// Longer lists come in pages (XEP-0059).
	Page, PageBytes int
}

// Observer is told what happens, to be counted. The functions must return at once,
// and are called by several goroutines at once.
type Observer struct {
	// Received: a stanza came in.
	Received func()
	// Delivered: so many copies of a stanza went out.
	Delivered func(copies int)
	// Refused: somebody's stanza was refused, by a room or by the service itself.
	Refused func(*muc.StanzaError)
	// Stored: one call of Store.Append.
	Stored func(rooms, events int, took time.Duration, err error)
	// Loaded: one call of Store.Load, and making the room of it.
	Loaded func(took time.Duration, err error)
	// Redone: a step that was stored, but may not have been delivered, was done again
	// ([Config].Live). If it was not the same, its events hold and nothing of it was delivered.
	Redone func(same bool)
}

const (
	defaultName         = "Chat rooms"
	defaultIdleAfter    = 5 * time.Minute
	defaultSuspendedFor = 10 * time.Minute
	defaultCompactAfter = 500
)

// complete checks a configuration and fills in its defaults.
func (c Config) complete() (Config, error) {
	normalize := c.Room.NormalizeDomain
	if normalize == nil {
		normalize = muc.NormalizeDomain
	}
	domain, err := normalize(c.Domain)
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: Domain %q: %v", ErrConfig, c.Domain, err)
	case c.Store == nil:
		return c, fmt.Errorf("%w: no Store", ErrConfig)
	case c.Deliver == nil:
		return c, fmt.Errorf("%w: no Deliver", ErrConfig)
	case c.Question == nil && (c.Room.Archive || c.Room.AsksJoin != nil || c.Room.AnswersIQ != nil):
		return c, fmt.Errorf("%w: Room.Archive, Room.AsksJoin or Room.AnswersIQ without Question, by which to answer", ErrConfig)
	}
	if err := checkContacts(c.Contacts); err != nil {
		return c, err
	}
	if c.Live {
		switch _, keeps := c.Store.(LiveStore); {
		case !keeps:
			return c, fmt.Errorf("%w: Live: the Store is no LiveStore", ErrConfig)
		case c.Room.NewID != nil:
			return c, fmt.Errorf("%w: Live with Room.NewID, which makes other ids when something is done again", ErrConfig)
		}
	}
	switch {
	case c.SearchRate == muc.Rate{}:
		c.SearchRate = muc.Rate{Burst: 60, Every: time.Second}
	case c.SearchRate.Burst < 0 || c.SearchRate.Every < 0 || c.SearchRate.Every > 24*time.Hour:
		return c, fmt.Errorf("%w: SearchRate is negative, or longer than a day", ErrConfig)
	}
	c.SearchRate.Burst = max(c.SearchRate.Burst, 1)
	c.Domain, c.Room.NormalizeDomain = domain, normalize
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.IdleAfter <= 0 {
		c.IdleAfter = defaultIdleAfter
	}
	if c.SuspendedFor <= 0 {
		c.SuspendedFor = defaultSuspendedFor
	}
	if c.CompactAfter <= 0 {
		c.CompactAfter = defaultCompactAfter
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if most := c.Room.Limits.OutboundBytes; c.Limits.PageBytes <= 0 && most > 0 {
		c.Limits.PageBytes = min(64<<10, most/4)
	}
	c.Limits = c.Limits.withDefaults()
	c.guardHooks()
	return c, nil
}

// withDefaults fills in the limits that are not set.
func (l Limits) withDefaults() Limits {
	for _, f := range [...]struct {
		limit     *int
		otherwise int
	}{
		{&l.Rooms, 200000},
		{&l.Memory, 1 << 30},
		{&l.PersonMemory, 128 << 20},
		{&l.RoomQueue, 1000},
		{&l.SenderShare, 50},
		{&l.SenderQueue, 1000},
		{&l.RoomBytes, 8 << 20},
		{&l.SenderBytes, 1 << 20},
		{&l.QueueBytes, 32 << 20},
		{&l.PersonRooms, 1000},
		{&l.PersonCreated, 100},
		{&l.PersonQuestions, 20},
		{&l.Batch, 100},
		{&l.Workers, 1000},
		{&l.Writers, 1},
		{&l.StoreBatch, 1000},
		{&l.Searches, 100},
		{&l.PersonSearches, 10},
		{&l.Searchers, 50000},
		{&l.Watchers, 20000},
		{&l.PersonWatchers, 10},
		{&l.Watched, 1000},
		{&l.AllWatched, 500000},
		{&l.Sources, 100},
		{&l.Commands, 20},
		{&l.Page, 200},
		{&l.PageBytes, 64 << 10},
	} {
		if *f.limit <= 0 {
			*f.limit = f.otherwise
		}
	}
	return l
}
