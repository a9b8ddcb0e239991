package storetest_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/service/storetest"
)

// TestOneArchive is what TestOneStore is, of archives.
func TestOneArchive(t *testing.T) {
	f := archiveFaults[os.Getenv(faultVar)]
	storetest.RunArchive(t, func(*testing.T) storetest.Archive {
		return &archive{Memory: new(service.Memory), fault: f, events: map[muc.JID][]event.Event{}}
	})
}

func TestArchiveFaultsAreFound(t *testing.T) { areFound(t, "TestOneArchive", archiveFaults) }

// archive is a store in memory that keeps all events, with a fault, or, without one, as it should
// be.
type archive struct {
	*service.Memory
	fault  archiveFault
	events map[muc.JID][]event.Event
}

// archiveFault is what an archive does wrong: with a query, with the events that it answers from,
// and with the answer.
type archiveFault struct {
	query  func(q *muc.ArchiveQuery)
	events func(a *archive, room muc.JID, b service.Batch) []event.Event
	page   func(p *muc.ArchivePage)
	knows  bool // any id
}

func (a *archive) Append(ctx context.Context, batches []service.Batch) error {
	if err := a.Memory.Append(ctx, batches); err != nil {
		return err
	}
	for _, b := range batches {
		if events := b.Events; a.fault.events == nil {
			a.events[b.Room] = append(a.events[b.Room], events...)
		} else {
			a.events[b.Room] = a.fault.events(a, b.Room, b)
		}
	}
	return nil
}

func (a *archive) Archive(_ context.Context, room muc.JID, q muc.ArchiveQuery) (muc.ArchivePage, error) {
	if a.fault.query != nil {
		a.fault.query(&q)
	}
	page, refused := q.Page(a.events[room])
	if refused != nil && !a.fault.knows {
		return page, refused
	}
	if a.fault.page != nil {
		a.fault.page(&page)
	}
	return page, nil
}

// without leaves out what matches.
func without(is func(event.Body) bool) func(*archive, muc.JID, service.Batch) []event.Event {
	return func(a *archive, room muc.JID, b service.Batch) []event.Event {
		return append(a.events[room], slices.DeleteFunc(slices.Clone(b.Events), func(ev event.Event) bool { return is(ev.Body) })...)
	}
}

// later is a time that is given, moved a little.
func later(at time.Time, by time.Duration) time.Time {
	if at.IsZero() {
		return at
	}
	return at.Add(by)
}

var archiveFaults = map[string]archiveFault{
	"an unknown id is no error": {knows: true},
	"nothing is taken back":     {events: without(func(b event.Body) bool { _, ok := b.(*event.MessageRetracted); return ok })},
	"nobody moderates": {events: without(func(b event.Body) bool {
		r, ok := b.(*event.MessageRetracted)
		return ok && r.Moderated != nil
	})},
	"authors name nothing themselves": {events: without(func(b event.Body) bool {
		r, ok := b.(*event.MessageRetracted)
		return ok && r.Named != ""
	})},
	"no subjects":          {events: without(func(b event.Body) bool { _, ok := b.(*event.SubjectChanged); return ok })},
	"destroyed rooms stay": {events: without(func(b event.Body) bool { _, ok := b.(*event.RoomDestroyed); return ok })},
	"a snapshot takes the place of messages": {events: func(a *archive, room muc.JID, b service.Batch) []event.Event {
		if b.Snapshot != nil {
			return nil
		}
		return append(a.events[room], b.Events...)
	}},
	"one archive for all": {events: func(a *archive, room muc.JID, b service.Batch) []event.Event {
		for other := range a.events {
			if other != room {
				a.events[other] = append(a.events[other], b.Events...)
			}
		}
		return append(a.events[room], b.Events...)
	}},
	"before an id, with it":    {query: func(q *muc.ArchiveQuery) { q.BeforeID = "" }},
	"after an id, with it":     {query: func(q *muc.ArchiveQuery) { q.AfterID = "" }},
	"pages begin anywhere":     {query: func(q *muc.ArchiveQuery) { q.After = "" }},
	"pages end anywhere":       {query: func(q *muc.ArchiveQuery) { q.Before = "" }},
	"only forward":             {query: func(q *muc.ArchiveQuery) { q.Backward = false }},
	"ids are ignored":          {query: func(q *muc.ArchiveQuery) { q.IDs = nil }},
	"any nick":                 {query: func(q *muc.ArchiveQuery) { q.Nick = "" }},
	"any address":              {query: func(q *muc.ArchiveQuery) { q.JID = muc.JID{} }},
	"all sessions of a person": {query: func(q *muc.ArchiveQuery) { q.JID = q.JID.Bare() }},
	"the start is exclusive":   {query: func(q *muc.ArchiveQuery) { q.Start = later(q.Start, 1) }},
	"the end is exclusive":     {query: func(q *muc.ArchiveQuery) { q.End = later(q.End, -1) }},
	"metadata is a page":       {query: func(q *muc.ArchiveQuery) { q.Metadata = false }},
	"the newest first":         {page: func(p *muc.ArchivePage) { slices.Reverse(p.Messages) }},
	"always complete":          {page: func(p *muc.ArchivePage) { p.Complete = true }},
	"never complete":           {page: func(p *muc.ArchivePage) { p.Complete = false }},
	"not counted":              {page: func(p *muc.ArchivePage) { p.Counted = false }},
	"the index is wrong":       {page: func(p *muc.ArchivePage) { p.Index++ }},
}
