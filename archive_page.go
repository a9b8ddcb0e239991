package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/stanza"
)

// The page of an archive that answers a query (XEP-0313 §4).

// Page answers a query from a room's events: for tests, and for hosts that have the events
// in memory; a host with a database does the same by a query of its own. An unknown id
// is refused with item-not-found, for Answer.Refuse.
func (q ArchiveQuery) Page(log []event.Event) (ArchivePage, *StanzaError) {
	all := archiveOf(log)
	if q.Metadata {
		if len(all) > 1 {
			all = []event.Event{all[0], all[len(all)-1]}
		}
		return ArchivePage{Messages: all, Complete: true}, nil
	}
	at := func(id string) int {
		return slices.IndexFunc(all, func(ev event.Event) bool { return ev.Archived().StanzaID == id })
	}
	for _, id := range append([]string{q.AfterID, q.BeforeID, q.After, q.Before}, q.IDs...) {
		if id != "" && at(id) < 0 {
			return ArchivePage{}, refuse(stanza.ItemNotFound, "XEP-0313 §4.1.3", "there is no message "+id)
		}
	}
	from, to := 0, len(all)
	if q.AfterID != "" {
		from = at(q.AfterID) + 1
	}
	if q.BeforeID != "" {
		to = at(q.BeforeID)
	}
	var found []int
	for i := from; i < to; i++ {
		if q.passes(all[i]) {
			found = append(found, i)
		}
	}
	part := rsm.Request{Max: q.Max, Start: rsm.First, UID: q.After}
	switch {
	case q.Backward && q.Before != "":
		part.Start, part.UID = rsm.Before, q.Before
	case q.Backward:
		part.Start = rsm.Last
	case q.After != "":
		part.Start = rsm.After
	}
	is, refused := part.Cut(len(found), func(id string) (int, bool) { return slices.BinarySearch(found, at(id)) })
	if refused != nil {
		return ArchivePage{}, refused
	}
	page := ArchivePage{Counted: true, Count: is.Count, Index: is.From}
	page.Complete = q.Backward && is.From == 0 || !q.Backward && is.To == is.Count
	for _, i := range found[is.From:is.To] {
		page.Messages = append(page.Messages, all[i])
	}
	return page, nil
}

// passes reports whether a message passes the filters that concern it alone.
func (q *ArchiveQuery) passes(ev event.Event) bool {
	m := ev.Archived()
	return (q.Start.IsZero() || !ev.Time.Before(q.Start)) && (q.End.IsZero() || !ev.Time.After(q.End)) &&
		(q.Nick == "" || m.Nick == q.Nick) && (q.JID.IsZero() || m.JID == q.JID || m.JID.Bare() == q.JID) &&
		(len(q.IDs) == 0 || slices.Contains(q.IDs, m.StanzaID))
}

// archiveOf lists the events of the archive, retracted messages as tombstones.
func archiveOf(log []event.Event) []event.Event {
	var all []event.Event
	for _, ev := range log {
		if m := ev.Archived(); m != nil && m.StanzaID != "" {
			all = append(all, ev)
		}
		switch b := ev.Body.(type) {
		case *event.MessageRetracted:
			for i := range slices.Backward(all) {
				if said, ok := all[i].Body.(*event.MessageArchived); ok && b.Means(said) {
					all[i].Body = &event.MessageArchived{Message: b.Tombstone(said.Message, ev.Time)}
					break
				}
			}
		case *event.RoomDestroyed:
			all = nil // a room of the same name owes nothing to the old one
		}
	}
	return all
}
