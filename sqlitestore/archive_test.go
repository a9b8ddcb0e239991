package sqlitestore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/service/storetest"
	"github.com/gomuc/muc/stanza"
)

// archived is a room in a store that keeps messages, and all its events.
type archived struct {
	t     *testing.T
	store *Store
	room  *muc.Room
	jid   muc.JID
	now   time.Time
	log   []event.Event
}

func newArchived(t *testing.T) *archived {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), Options{Archive: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	jid := muc.MustParseJID("cellar@chat.example")
	room, err := muc.New(muc.Config{Room: jid, Secret: s.Secret(), Instant: true, Archive: true,
		Limits: muc.Limits{History: 5}}) // what is taken back is mostly forgotten by the room
	require.NoError(t, err)
	a := &archived{t: t, store: s, room: room, jid: jid, now: time.Unix(2e9, 0)}
	a.do(muc.Create{Owner: muc.MustParseJID("host@example.org"), Config: muc.RoomConfig{Persistent: true}})
	for _, who := range []string{"Romeo", "Juliet"} {
		a.sends(who, "<presence to='cellar@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who)
	}
	return a
}

// keep stores what a step of the room says is durable.
func (a *archived) keep(fx muc.Effects, err error) {
	a.t.Helper()
	require.NoError(a.t, err)
	a.now = a.now.Add(500 * time.Millisecond)
	b := service.Batch{Room: a.jid, Entry: service.Entry{Room: a.jid, Lasting: true}}
	if len(a.log) > 0 {
		b.After.Seq = a.log[len(a.log)-1].Seq
	}
	for ev := range fx.Events() {
		if ev.Durable() {
			b.Events = append(b.Events, ev)
		}
	}
	if len(b.Events) == 0 {
		return
	}
	if len(a.log)%5 == 4 { // the archive stays when a snapshot takes the place of events
		b.Snapshot = a.room.Snapshot(muc.Durable)
	}
	require.NoError(a.t, a.store.Append(a.t.Context(), []service.Batch{b}))
	a.log = append(a.log, b.Events...)
}

func (a *archived) do(cmd muc.Command) { a.keep(a.room.Do(a.now, cmd)) }

func (a *archived) sends(who, format string, args ...any) {
	doc := etree.NewDocument()
	require.NoError(a.t, doc.ReadFromString(fmt.Sprintf(format, args...)))
	doc.Root().CreateAttr("from", map[string]string{"Romeo": "romeo@example.org/o", "Juliet": "juliet@example.org/b"}[who])
	a.keep(a.room.Handle(a.now, doc.Root()))
}

// says sends messages of both, some of which are subjects, or take back what was said.
func (a *archived) says(chance *rand.Rand, n int) {
	for i := range n {
		who := []string{"Romeo", "Juliet"}[chance.IntN(2)]
		switch chance.IntN(8) {
		case 0:
			a.do(muc.SetSubject{Subject: fmt.Sprint("subject ", i)})
		case 1:
			// By the id that the room gave, or by one of the author's, which may be in use twice.
			id := fmt.Sprint("own", chance.IntN(i+1)%50)
			switch chance.IntN(3) {
			case 0:
				id = a.ids()[chance.IntN(len(a.ids()))]
			case 1:
				id = fmt.Sprint("origin", chance.IntN(i+1))
			}
			a.sends(who, "<message type='groupchat' id='own%d' to='cellar@chat.example'><retract id='%s' xmlns='urn:xmpp:message-retract:1'/></message>", i%50, id)
		default:
			a.sends(who, "<message type='groupchat' id='own%d' to='cellar@chat.example'><body>message %d</body><origin-id xmlns='urn:xmpp:sid:0' id='origin%d'/></message>", i%50, i, i)
		}
	}
}

// ids are those of all messages, and one that there is not.
func (a *archived) ids() []string {
	ids := []string{"nobody"}
	page, refused := muc.ArchiveQuery{Max: 1e6}.Page(a.log)
	require.Nil(a.t, refused)
	for _, ev := range page.Messages {
		switch b := ev.Body.(type) {
		case *event.MessageArchived:
			ids = append(ids, b.StanzaID)
		case *event.SubjectChanged:
			ids = append(ids, b.StanzaID)
		}
	}
	return ids
}

// The archive answers as the library's own does.
func TestArchive(t *testing.T) {
	storetest.RunArchive(t, func(t *testing.T) storetest.Archive {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), Options{Archive: true})
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}

// What is old is forgotten; a room that is destroyed leaves no messages.
func TestArchiveForgets(t *testing.T) {
	a := newArchived(t)
	chance := rand.New(rand.NewPCG(3, 4))
	a.says(chance, 30)
	all := muc.ArchiveQuery{Max: 1000}
	before, err := a.store.Archive(t.Context(), a.jid, all)
	require.NoError(t, err)
	cut := before.Messages[10].Time
	require.NoError(t, a.store.Forget(t.Context(), cut))
	after, err := a.store.Archive(t.Context(), a.jid, all)
	require.NoError(t, err)
	assert.Equal(t, before.Messages[10:], after.Messages)
	a.do(muc.Destroy{Reason: "closing time"})
	after, err = a.store.Archive(t.Context(), a.jid, all)
	require.NoError(t, err)
	assert.Empty(t, after.Messages)
	last := service.Position{Seq: a.log[len(a.log)-1].Seq}
	require.NoError(t, a.store.Append(t.Context(), []service.Batch{{Room: a.jid, After: last, Gone: true}}))
	nothing, err := a.store.Archive(t.Context(), a.jid, all)
	require.NoError(t, err)
	assert.Empty(t, nothing.Messages)
}

// A store that keeps no messages has none, and an unknown room has none.
func TestNoArchive(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	page, err := s.Archive(t.Context(), b.Room, muc.ArchiveQuery{Max: 10})
	require.NoError(t, err)
	assert.Empty(t, page.Messages)
	assert.True(t, page.Complete)
	_, err = s.Archive(t.Context(), b.Room, muc.ArchiveQuery{Max: 10, After: "1"})
	assert.True(t, errors.Is(err, &muc.StanzaError{Condition: stanza.ItemNotFound}), err)
}

// A message that its author names by an id of its own is found among what was said
// lately, and nothing else is taken back: nobody else's, and no retraction.
func TestArchiveRetractsByOwnID(t *testing.T) {
	a := newArchived(t)
	said := func(who, id, payload string) {
		a.sends(who, "<message type='groupchat' id='%s' to='cellar@chat.example'>%s</message>", id, payload)
	}
	retract := func(id string) string { return "<retract id='" + id + "' xmlns='urn:xmpp:message-retract:1'/>" }
	said("Romeo", "m1", "<body>one</body>")
	said("Romeo", "m2", "<body>two</body><origin-id xmlns='urn:xmpp:sid:0' id='o2'/>")
	said("Juliet", "m1", "<body>hers</body>")
	said("Romeo", "m1", "<body>three</body>")
	for i := range 10 { // until the room remembers none of them
		said("Juliet", fmt.Sprint("j", i), "<body>tick</body>")
	}
	said("Romeo", "r1", retract("m1"))
	said("Romeo", "r2", retract("o2"))
	said("Romeo", "r3", retract("r1"))
	said("Romeo", "r4", retract("j9"))
	page, err := a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: 100})
	require.NoError(t, err)
	var got []string
	for _, ev := range page.Messages {
		b := ev.Body.(*event.MessageArchived)
		if text, _, _ := strings.Cut(b.Payload, " stamp="); b.Payload != "<body>tick</body>" {
			got = append(got, b.ID+" "+text)
		}
	}
	retraction := func(id string) string { return "<retract xmlns='urn:xmpp:message-retract:1' id='" + id + "'/>" }
	assert.Equal(t, []string{"m1 <body>one</body>", "m2 <retracted xmlns='urn:xmpp:message-retract:1' id='r2'", "m1 <body>hers</body>",
		"m1 <retracted xmlns='urn:xmpp:message-retract:1' id='r1'",
		"r1 " + retraction("m1"), "r2 " + retraction("o2"), "r3 " + retraction("r1"), "r4 " + retraction("j9")}, got)
}
