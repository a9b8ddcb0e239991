package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

var (
	secret  = []byte("storetest has no secrets at all")
	evening = time.Date(2030, time.March, 14, 20, 15, 0, 123e6, time.UTC)
	owner   = muc.MustParseJID("romeo@example.org/pda")
)

func roomNamed(local string) muc.JID { return muc.MustParseJID(local + "@chat.example") }

// log is one room, and what a store should have of it.
type log struct {
	t      *testing.T
	live   *muc.Room
	room   muc.JID
	said   int
	stored service.Saved
	entry  service.Entry
	after  service.Position
}

func newLog(t *testing.T, local string) *log {
	t.Helper()
	room := roomNamed(local)
	live, err := muc.New(muc.Config{Room: room, Secret: secret, Instant: true})
	must(t, err)
	return &log{t: t, live: live, room: room}
}

// do has the room do something, and returns what is to be stored of it.
func (l *log) do(cmd muc.Command) []event.Event {
	l.t.Helper()
	fx, err := l.live.Do(evening.Add(time.Duration(l.live.Seq())*time.Second), cmd)
	must(l.t, err)
	return fx.Durable
}

// batch is n more events, of which the first one creates the room.
func (l *log) batch(n int) service.Batch {
	l.t.Helper()
	var events []event.Event
	for len(events) < n {
		if l.live.State() == muc.Unborn {
			events = append(events, l.do(muc.Create{Owner: owner,
				Config: muc.RoomConfig{Name: "Room of " + l.room.Local(), Persistent: true}})...)
			continue
		}
		l.said++
		events = append(events, l.do(muc.Say{Body: fmt.Sprintf("%s, message %d", l.room.Local(), l.said)})...)
	}
	return l.store(events)
}

// store takes events for stored.
func (l *log) store(events []event.Event) service.Batch {
	b := service.Batch{Room: l.room, After: l.after, Events: events, Entry: service.Entry{
		Room: l.room, Name: l.live.RoomConfig().Name, Public: true, Lasting: true,
		Due: evening.Add(time.Duration(l.live.Seq()) * time.Hour)}}
	l.after, l.entry, l.stored.Live = b.At(), b.Entry, nil
	l.stored.Events = append(l.stored.Events[:len(l.stored.Events):len(l.stored.Events)], events...)
	return b
}

// take puts back the events of a batch, or takes them out again, where a test
// looks at the store before it is stored.
func (l *log) take(b service.Batch, stored bool) {
	n := len(l.stored.Events)
	if stored {
		l.stored.Events = append(l.stored.Events[:n:n], b.Events...)
		l.entry = b.Entry
		return
	}
	l.stored.Events = l.stored.Events[:n-len(b.Events)]
	l.entry.Due = evening.Add(time.Duration(b.After.Seq) * time.Hour)
}

// snapshot is a batch that brings a snapshot alone.
func (l *log) snapshot() service.Batch {
	l.entry.Suspended = time.Time{}
	b := service.Batch{Room: l.room, After: l.after, Snapshot: l.live.Snapshot(muc.Durable), Entry: l.entry}
	l.stored = service.Saved{Snapshot: slices.Clone(b.Snapshot)}
	return b
}

// suspend is a batch that brings the room with everybody inside.
func (l *log) suspend() service.Batch {
	b := service.Batch{Room: l.room, After: l.after, Live: l.live.Snapshot(muc.Live), Entry: l.entry}
	b.Entry.Suspended = evening.Add(time.Duration(l.live.Seq()) * time.Minute)
	l.stored.Live, l.entry = slices.Clone(b.Live), b.Entry
	return b
}

// check compares what a store has of the room with what it should have.
func (l *log) check(t *testing.T, s service.Store) {
	t.Helper()
	got, err := s.Load(t.Context(), l.room)
	must(t, err)
	if !bytes.Equal(got.Snapshot, l.stored.Snapshot) {
		t.Fatalf("%s: the snapshot is %s\nwant %s", l.room, got.Snapshot, l.stored.Snapshot)
	}
	if !bytes.Equal(got.Live, l.stored.Live) || got.Live != nil && len(got.Live) == 0 {
		t.Fatalf("%s: those inside are %q\nwant %q", l.room, got.Live, l.stored.Live)
	}
	if got.Snapshot != nil && len(got.Snapshot) == 0 {
		t.Errorf("%s: an empty snapshot, where nil stands for none", l.room)
	}
	checkEvents(t, got.Events, l.stored.Events)
	again, err := muc.Restore(muc.Config{Room: l.room, Secret: secret, Instant: true}, got.Snapshot, got.Events)
	must(t, err)
	list, err := s.List(t.Context(), muc.JID{}, 1000)
	must(t, err)
	for _, e := range list {
		if e.Room == l.room {
			checkEntry(t, e, l.entry)
			if again.RoomConfig().Name != e.Name {
				t.Errorf("%s: the room is named %q, its entry %q", l.room, again.RoomConfig().Name, e.Name)
			}
			return
		}
	}
	t.Errorf("%s is not listed", l.room)
}

func checkEvents(t *testing.T, got, want []event.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i := range got {
		if g, w := text(t, got[i]), text(t, want[i]); g != w {
			t.Fatalf("event %d is\n%s\nwant\n%s", i, g, w)
		}
	}
}

func text(t *testing.T, ev event.Event) string {
	t.Helper()
	b, err := json.Marshal(ev)
	must(t, err)
	return string(b)
}

func checkEntry(t *testing.T, got, want service.Entry) {
	t.Helper()
	if !got.Due.Equal(want.Due) || got.Due.IsZero() != want.Due.IsZero() {
		t.Errorf("%s is due %s, want %s", got.Room, got.Due, want.Due)
	}
	if !got.Suspended.Equal(want.Suspended) || got.Suspended.IsZero() != want.Suspended.IsZero() {
		t.Errorf("%s is suspended %s, want %s", got.Room, got.Suspended, want.Suspended)
	}
	got.Due, got.Suspended = want.Due, want.Suspended
	if got != want {
		t.Errorf("the entry is %+v, want %+v", got, want)
	}
}

func checkNothing(t *testing.T, s service.Store, room muc.JID) {
	t.Helper()
	got, err := s.Load(t.Context(), room)
	must(t, err)
	if got.Snapshot != nil || len(got.Events) > 0 || got.Live != nil {
		t.Errorf("%s: something is stored: %d bytes of snapshot, %d events", room, len(got.Snapshot), len(got.Events))
	}
	list, err := s.List(t.Context(), muc.JID{}, 1000)
	must(t, err)
	for _, e := range list {
		if e.Room == room {
			t.Errorf("%s is listed", room)
		}
	}
}

// checkList compares one page.
func checkList(t *testing.T, s service.Store, after muc.JID, limit int, want ...service.Entry) {
	t.Helper()
	got, err := s.List(t.Context(), after, limit)
	must(t, err)
	if len(got) != len(want) {
		t.Fatalf("after %q: %d entries, want %d", after, len(got), len(want))
	}
	for i := range got {
		checkEntry(t, got[i], want[i])
	}
}
