package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// Archive is a store that keeps what was said in its rooms, and answers queries of it
// (XEP-0313).
type Archive interface {
	service.Store
	Archive(ctx context.Context, room muc.JID, q muc.ArchiveQuery) (muc.ArchivePage, error)
}

// RunArchive tests the archives of stores: each answers as [muc.ArchiveQuery.Page] does, what
// was taken back is a tombstone (XEP-0424, XEP-0425), a snapshot leaves the archive as it is,
// and a room that was destroyed leaves nothing. A page must not be cut at fewer than 20
// short messages, and messages need not be counted but for a page of none. The function makes
// an empty store for each test; what has to be closed it leaves to t.Cleanup.
func RunArchive(t *testing.T, open func(t *testing.T) Archive) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s Archive)
	}{
		{"queries are answered", testQueries},
		{"a destroyed room leaves no messages", testDestroyed},
		{"the archive of a room is its own", testOtherArchive},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// talk is a room in which two people talk, and what was stored of it.
type talk struct {
	*log
	s      Archive
	now    time.Time
	events []event.Event
}

func newTalk(t *testing.T, s Archive, local string) *talk {
	t.Helper()
	room := roomNamed(local)
	live, err := muc.New(muc.Config{Room: room, Secret: secret, Instant: true, Archive: true, Limits: muc.Limits{History: 5}})
	must(t, err)
	k := &talk{log: &log{t: t, live: live, room: room}, s: s, now: evening}
	k.host(muc.Create{Owner: owner, Config: muc.RoomConfig{Persistent: true}})
	for i := range talkers {
		k.sends(i, "presence", "/"+talkers[i].nick, "", "<x xmlns='http://jabber.org/protocol/muc'/>")
	}
	return k
}

var talkers = [...]struct{ jid, nick string }{{"romeo@example.org/pda", "Romeo"}, {"juliet@example.org/balcony", "Juliet"}, {"romeo@example.org/phone", "Montague"}}

func (k *talk) host(cmd muc.Command) {
	k.t.Helper()
	fx, err := k.live.Do(k.now, cmd)
	must(k.t, err)
	k.keep(fx)
}

func (k *talk) sends(who int, kind, to, id, kids string) {
	k.t.Helper()
	doc := etree.NewDocument()
	must(k.t, doc.ReadFromString(fmt.Sprintf("<%s id='%s' from='%s' to='%s%s'>%s</%[1]s>", kind, id, talkers[who].jid, k.room, to, kids)))
	if kind == "message" {
		doc.Root().CreateAttr("type", "groupchat")
	}
	fx, err := k.live.Handle(k.now, doc.Root())
	must(k.t, err)
	k.keep(fx)
}

// keep stores a step of the room, now and then with a snapshot.
func (k *talk) keep(fx muc.Effects) {
	k.t.Helper()
	k.now = k.now.Add(500 * time.Millisecond)
	if len(fx.Durable) == 0 {
		return
	}
	b := k.store(fx.Durable)
	k.events = append(k.events, fx.Durable...)
	if len(k.events)%7 == 0 {
		b.Snapshot = k.live.Snapshot(muc.Durable)
	}
	must(k.t, k.s.Append(k.t.Context(), []service.Batch{b}))
}

// archived are all messages as they should be.
func (k *talk) archived() []event.Event {
	page, refused := muc.ArchiveQuery{Max: 1 << 20}.Page(k.events)
	if refused != nil {
		k.t.Fatal(refused)
	}
	return page.Messages
}

// talks has n things said, some of which are subjects, some taken back by their author, under
// an id of the room's or of the author's own, some by the host.
func (k *talk) talks(chance *rand.Rand, n int) {
	k.t.Helper()
	for i := range n {
		who, own := chance.IntN(len(talkers)), fmt.Sprint("own", i%30)
		said := k.archived()
		switch what := chance.IntN(9); {
		case what == 0:
			k.host(muc.SetSubject{Subject: fmt.Sprint("subject ", i)})
		case what == 1 && len(said) > 0:
			named := []string{said[chance.IntN(len(said))].Archived().StanzaID, fmt.Sprint("own", chance.IntN(30)), fmt.Sprint("origin", chance.IntN(n))}[chance.IntN(3)]
			k.sends(who, "message", "", own, "<retract xmlns='urn:xmpp:message-retract:1' id='"+named+"'/>")
		case what == 2 && len(said) > 0:
			if b, ok := said[chance.IntN(len(said))].Body.(*event.MessageArchived); ok && !b.IsTombstone() {
				k.host(muc.Moderate{ID: b.StanzaID, Reason: "spam", Archived: b})
			}
		default:
			k.sends(who, "message", "", own, fmt.Sprintf("<body>message %d</body><origin-id xmlns='urn:xmpp:sid:0' id='origin%[1]d'/>", i))
		}
	}
}

// anyQuery is one whose ids are mostly there.
func (k *talk) anyQuery(chance *rand.Rand, said []event.Event) muc.ArchiveQuery {
	id := func() string {
		if chance.IntN(20) == 0 {
			return "nothing"
		}
		return said[chance.IntN(len(said))].Archived().StanzaID
	}
	perhaps := func() string {
		if chance.IntN(4) > 0 {
			return ""
		}
		return id()
	}
	moment := func() (at time.Time) {
		if chance.IntN(4) == 0 {
			// At a message or between two, within a millisecond of one too.
			at = evening.Add(time.Duration(chance.Int64N(int64(k.now.Sub(evening)))).Truncate(250*time.Millisecond) + time.Duration(chance.IntN(3))*300*time.Microsecond)
		}
		return at
	}
	q := muc.ArchiveQuery{Max: chance.IntN(12), AfterID: perhaps(), BeforeID: perhaps(), Start: moment(), End: moment(), Metadata: chance.IntN(20) == 0}
	switch chance.IntN(3) {
	case 0:
		q.After = perhaps()
	case 1:
		q.Backward, q.Before = true, perhaps()
	}
	if chance.IntN(5) == 0 {
		q.IDs = []string{id(), id(), id()}
	}
	if chance.IntN(4) == 0 {
		q.Nick = talkers[chance.IntN(len(talkers))].nick
	}
	if chance.IntN(4) == 0 {
		if q.JID = muc.MustParseJID(talkers[chance.IntN(len(talkers))].jid); chance.IntN(2) == 0 {
			q.JID = q.JID.Bare()
		}
	}
	return q
}

func testQueries(t *testing.T, s Archive) {
	k, chance := newTalk(t, s, "cellar"), rand.New(rand.NewPCG(1, 2))
	k.ask(muc.ArchiveQuery{Metadata: true}) // of nothing
	k.talks(chance, 120)
	said := k.archived()
	for range 500 {
		k.ask(k.anyQuery(chance, said))
	}
}

// ask compares the store's answer with the library's own.
func (k *talk) ask(q muc.ArchiveQuery) {
	k.t.Helper()
	want, refused := q.Page(k.events)
	got, err := k.s.Archive(k.t.Context(), k.room, q)
	if refused != nil {
		// Where a page of none begins is no matter.
		if !errors.Is(err, refused) && (q.Max > 0 || q.After == "" && q.Before == "") {
			k.t.Fatalf("%+v: %v, want %v", q, err, refused)
		}
		return
	}
	must(k.t, err)
	if q.Max == 0 && !q.Metadata {
		if !got.Counted || got.Count != want.Count || len(got.Messages) > 0 {
			k.t.Fatalf("%+v: %+v, want %d counted", q, got, want.Count)
		}
		return
	}
	if got.Complete != want.Complete || got.Counted && (got.Count != want.Count || got.Index != want.Index) {
		k.t.Fatalf("%+v: complete %v, %d of %d; want %v, %d of %d", q, got.Complete, got.Index, got.Count, want.Complete, want.Index, want.Count)
	}
	checkEvents(k.t, got.Messages, want.Messages)
}

func testDestroyed(t *testing.T, s Archive) {
	k, chance := newTalk(t, s, "cellar"), rand.New(rand.NewPCG(3, 4))
	k.talks(chance, 20)
	k.host(muc.Destroy{})
	k.ask(muc.ArchiveQuery{Max: 10})
	must(t, s.Append(t.Context(), []service.Batch{{Room: k.room, After: k.after, Gone: true}}))
	k.ask(muc.ArchiveQuery{Max: 10})
	k.ask(muc.ArchiveQuery{Metadata: true})
}

func testOtherArchive(t *testing.T, s Archive) {
	one, other, chance := newTalk(t, s, "cellar"), newTalk(t, s, "attic"), rand.New(rand.NewPCG(5, 6))
	for range 5 {
		one.talks(chance, 3)
		other.talks(chance, 3)
	}
	all := muc.ArchiveQuery{Max: 20}
	one.ask(all)
	other.ask(all)
	one.ask(muc.ArchiveQuery{Max: 10, IDs: []string{other.archived()[0].Archived().StanzaID}})
	other.host(muc.Destroy{})
	one.ask(all)
}
