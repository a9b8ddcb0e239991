package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// plan is how SQLite does something.
func plan(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	args := strings.Count(query, "?")
	if numbers := regexp.MustCompile(`\?(\d+)`).FindAllStringSubmatch(query, -1); numbers != nil {
		args = 0
		for _, number := range numbers {
			n, err := strconv.Atoi(number[1])
			require.NoError(t, err)
			args = max(args, n)
		}
	}
	rows, err := db.Query(`EXPLAIN QUERY PLAN `+query, make([]any, args)...)
	require.NoError(t, err, query)
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	return strings.Join(steps, "; ")
}

// Whatever is asked of the archive, an index has the messages in their order: nothing
// is sorted, and none is read that is not wanted, but for a nick beside an address.
func TestEveryFilterHasAnIndex(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	for index, q := range map[string]muc.ArchiveQuery{
		`sqlite_autoindex_archive_1 \(room=\? AND seq>\? AND seq<\?\)`: {},
		`archive_nick \(room=\? AND nick=\? AND seq>\? AND seq<\?\)`:   {Nick: "Romeo"},
		`archive_bare \(room=\? AND bare=\? AND seq>\? AND seq<\?\)`:   {JID: muc.MustParseJID("romeo@example.org")},
		`archive_jid \(room=\? AND jid=\? AND seq>\? AND seq<\?\)`:     {JID: muc.MustParseJID("romeo@example.org/o"), Nick: "Romeo"},
	} {
		tx, err := s.searcher.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		r := reading{ctx: t.Context(), tx: tx, most: 1}
		_, err = r.answer(&q)
		require.NoError(t, err)
		require.NoError(t, tx.Rollback())
		count, _ := r.counting(r.all)
		forward, _ := r.ordered(false)
		backward, _ := r.ordered(true)
		for _, query := range []string{forward, backward, count} {
			assert.Regexp(t, `^(CO-ROUTINE [^;]*; )?SEARCH archive USING (COVERING )?INDEX `+index+`(; SCAN \(subquery-1\))?$`, plan(t, s.searcher, query), query)
		}
	}
	for query, want := range map[string]string{
		firstAt: `SEARCH archive USING COVERING INDEX archive_time (room=? AND at>?)`,
		lastAt:  `SEARCH archive USING COVERING INDEX archive_time (room=? AND at<?)`,
		withID:  `SEARCH archive USING INDEX sqlite_autoindex_archive_2 (room=? AND stanza_id=?)`,
		withIDs: `SCAN json_each VIRTUAL TABLE INDEX 1:; SEARCH archive USING INDEX sqlite_autoindex_archive_2 (room=? AND stanza_id=?) LEFT-JOIN`,
	} {
		assert.Equal(t, want, plan(t, s.searcher, query), query)
	}
	var stmts statements
	for _, query := range stmts.queries() {
		steps := plan(t, s.searcher, query)
		assert.NotContains(t, steps, "B-TREE", query)
		assert.NotRegexp(t, `SCAN (archive|room|event|snapshot|step)`, steps, query)
	}
}

// Beside a page messages are counted, as far as that takes a moment.
func TestCount(t *testing.T) {
	a := newArchived(t)
	a.says(rand.New(rand.NewPCG(5, 6)), 30)
	all, _ := muc.ArchiveQuery{Max: 10}.Page(a.log)
	q := muc.ArchiveQuery{Max: 3, After: idOf(all.Messages[9])}
	want, _ := q.Page(a.log)
	require.Equal(t, 10, want.Index)
	got, err := a.store.Archive(t.Context(), a.jid, q)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.True(t, got.Counted)
	_, err = a.store.writer.Exec(`WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?)
		INSERT INTO archive (room, seq, stanza_id, at, nick, jid, bare, body)
		SELECT room, seq + 1000000 + value, 'new' || value, at, nick, jid, bare, body
		FROM (SELECT * FROM archive LIMIT 1), n`, countMost)
	require.NoError(t, err)
	got, err = a.store.Archive(t.Context(), a.jid, q)
	require.NoError(t, err)
	want.Counted, want.Count, want.Index = false, 0, 0
	require.Equal(t, want, got)
	q.Max = 0
	got, err = a.store.Archive(t.Context(), a.jid, q)
	require.NoError(t, err)
	require.Greater(t, got.Count, countMost)
}

// A page is bounded in bytes, and reading on gives everything once.
func TestPageBytes(t *testing.T) {
	a := newArchived(t)
	chance := rand.New(rand.NewPCG(7, 8))
	a.says(chance, 40)
	a.sends("Romeo", "<message type='groupchat' to='cellar@chat.example'><body>%s</body></message>", strings.Repeat("x", 9000))
	a.says(chance, 5)
	all, _ := muc.ArchiveQuery{Max: 1000}.Page(a.log)
	var ids []string
	for _, ev := range all.Messages {
		ids = append(ids, idOf(ev))
	}
	for _, most := range []int{1, 2000, 5000, 1 << 20} {
		a.store.options.PageBytes = most
		for _, named := range [][]string{nil, ids} {
			for _, backward := range []bool{false, true} {
				var got []event.Event
				pages := 0
				for q := (muc.ArchiveQuery{Max: 20, Backward: backward, IDs: named}); ; pages++ {
					page, err := a.store.Archive(t.Context(), a.jid, q)
					require.NoError(t, err)
					size := 0
					for _, ev := range page.Messages {
						body, err := json.Marshal(ev)
						require.NoError(t, err)
						size += len(body)
					}
					assert.True(t, size <= most || len(page.Messages) == 1, "a page of %d bytes", size)
					if backward {
						got = append(page.Messages, got...)
					} else {
						got = append(got, page.Messages...)
					}
					if page.Complete {
						break
					}
					require.NotEmpty(t, page.Messages)
					q.After, q.Before = idOf(page.Messages[len(page.Messages)-1]), idOf(page.Messages[0])
					if backward {
						q.After = ""
					} else {
						q.Before = ""
					}
				}
				require.Equal(t, all.Messages, got)
				if most == 1 {
					assert.Equal(t, len(got)-1, pages)
				}
			}
		}
	}
}

func idOf(ev event.Event) string {
	switch b := ev.Body.(type) {
	case *event.MessageArchived:
		return b.StanzaID
	case *event.SubjectChanged:
		return b.StanzaID
	}
	return ""
}

// A message that cannot be read is not there: those around it are, and who takes it
// back harms nobody.
func TestUnreadableMessage(t *testing.T) {
	a := newArchived(t)
	a.says(rand.New(rand.NewPCG(9, 10)), 20)
	all, err := a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: 100})
	require.NoError(t, err)
	bad := idOf(all.Messages[5])
	_, err = a.store.writer.Exec(`UPDATE archive SET body = 'cats' WHERE stanza_id = ?`, bad)
	require.NoError(t, err)
	_, err = a.store.writer.Exec(`UPDATE room SET archived = (SELECT sum(` + weight + `) FROM archive)`)
	require.NoError(t, err)
	want := append(all.Messages[:5:5], all.Messages[6:]...)
	got, err := a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: len(want)})
	require.NoError(t, err)
	assert.Equal(t, want, got.Messages)
	assert.True(t, got.Complete)
	author := map[string]string{"romeo@example.org": "Romeo", "juliet@example.org": "Juliet"}
	var who muc.JID
	if b, ok := all.Messages[5].Body.(*event.MessageArchived); ok {
		who = b.JID.Bare()
	}
	require.NotEmpty(t, author[who.String()])
	a.sends(author[who.String()], "<message type='groupchat' to='cellar@chat.example'><retract id='%s' xmlns='urn:xmpp:message-retract:1'/></message>", bad)
	got, err = a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: 100})
	require.NoError(t, err)
	assert.Equal(t, want, got.Messages[:len(want)])
	a.weighed()
}

// weighed holds what a room knows of its archive to what is there.
func (a *archived) weighed() (bytes int64) {
	a.t.Helper()
	var is int64
	require.NoError(a.t, a.store.writer.QueryRow(`SELECT archived, (SELECT coalesce(sum(`+weight+`), 0) FROM archive WHERE room = room.id) FROM room WHERE jid = ?`,
		a.jid.String()).Scan(&bytes, &is))
	require.Equal(a.t, is, bytes)
	return bytes
}

// What a room keeps is bounded in bytes; the oldest messages go first, a few at a time.
func TestRoomBytes(t *testing.T) {
	a := newArchived(t)
	chance := rand.New(rand.NewPCG(11, 12))
	a.says(chance, 100)
	before := a.weighed()
	a.store.options.RoomBytes = before + 10000
	for range 50 {
		a.says(chance, 5)
		a.sends("Romeo", "<message type='groupchat' to='cellar@chat.example'><body>%s</body></message>", strings.Repeat("x", chance.IntN(8000)))
		assert.LessOrEqual(t, a.weighed(), before+10000)
	}
	all, _ := muc.ArchiveQuery{Max: 1e6}.Page(a.log)
	a.store.options.PageBytes = 1 << 30
	got, err := a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: 1e6})
	require.NoError(t, err)
	assert.Equal(t, all.Messages[len(all.Messages)-len(got.Messages):], got.Messages, "the oldest are gone, and no others")
	assert.Greater(t, a.weighed(), before, "and no more than have to")

	_, err = a.store.writer.Exec(`WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 2 * ?)
		INSERT INTO archive (room, seq, stanza_id, at, nick, jid, bare, body)
		SELECT room, seq - 1000000 + value, 'old' || value, 0, nick, jid, bare, body
		FROM (SELECT * FROM archive LIMIT 1), n`, atOnce)
	require.NoError(t, err)
	_, err = a.store.writer.Exec(`UPDATE room SET archived = (SELECT sum(` + weight + `) FROM archive)`)
	require.NoError(t, err)
	var n, left int
	count := `SELECT count(*) FROM archive`
	require.NoError(t, a.store.writer.QueryRow(count).Scan(&n))
	a.do(muc.SetSubject{Subject: "many"})
	require.NoError(t, a.store.writer.QueryRow(count).Scan(&left))
	assert.Equal(t, n+1-atOnce, left, "nobody waits until all are gone")
	require.NoError(t, a.store.Forget(t.Context(), time.Time{}))
	assert.LessOrEqual(t, a.weighed(), before+10000)
	a.do(muc.Destroy{})
	assert.Zero(t, a.weighed())
}

// What is forgotten weighs nothing.
func TestForgottenWeight(t *testing.T) {
	a := newArchived(t)
	a.says(rand.New(rand.NewPCG(13, 14)), 50)
	all, _ := muc.ArchiveQuery{Max: 1e6}.Page(a.log)
	was := a.weighed()
	require.NoError(t, a.store.Forget(t.Context(), all.Messages[20].Time))
	assert.Less(t, a.weighed(), was)
	require.NoError(t, a.store.Forget(t.Context(), a.now.Add(time.Hour)))
	assert.Zero(t, a.weighed())
}

// A store of an earlier version becomes one of the present when it is opened, with all that is in
// it.
func TestMigration(t *testing.T) {
	for version := 1; version < schemaVersion; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) { migrates(t, version) })
	}
}

// migrates makes a store of a version, and opens it.
func migrates(t *testing.T, version int) {
	a := newArchived(t)
	chance := rand.New(rand.NewPCG(15, 16))
	a.says(chance, 60)
	path := filepath.Join(t.TempDir(), "old.db")
	file, err := create(path)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	db, err := connect(path, 1)
	require.NoError(t, err)
	for _, query := range []string{schema, `ATTACH '` + a.store.path + `' AS new`,
		`INSERT INTO secret SELECT value FROM new.secret`,
		`INSERT INTO room SELECT id, jid, seq, name, public, lasting, due FROM new.room`,
		`INSERT INTO snapshot SELECT room, seq, body FROM new.snapshot`,
		`INSERT INTO event SELECT room, seq, body FROM new.event`,
		`INSERT INTO archive SELECT id, room, seq, stanza_id, at, nick, jid, bare, body FROM new.archive`,
		// Somebody's clock was wrong, and version 1 did not mind.
		`UPDATE archive SET at = at + 7777 WHERE id % 10 = 3 OR id = (SELECT max(id) FROM archive)`,
		strings.Join(versions[:version-1], ""),
		fmt.Sprintf(`PRAGMA application_id=%d; PRAGMA user_version=%d`, applicationID, version)} {
		_, err := db.Exec(query)
		require.NoError(t, err, query)
	}
	require.NoError(t, db.Close())

	was := a.store
	a.store, err = Open(t.Context(), path, Options{Archive: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.store.Close() })
	assert.Equal(t, was.Secret(), a.store.Secret())
	rooms, err := a.store.List(t.Context(), muc.JID{}, 10)
	require.NoError(t, err)
	require.Len(t, rooms, 1)
	assert.Equal(t, a.log[0].Body.(*event.Created).Creator, rooms[0].Creator)
	a.weighed()
	for _, query := range []string{`SELECT group_concat(sql) FROM (SELECT sql FROM sqlite_schema ORDER BY name)`, `PRAGMA user_version`} {
		var old, fresh string
		require.NoError(t, a.store.reader.QueryRow(query).Scan(&old))
		require.NoError(t, was.reader.QueryRow(query).Scan(&fresh))
		assert.Equal(t, fresh, old)
	}
	forward := func() {
		var wrong int
		require.NoError(t, a.store.reader.QueryRow(`SELECT count(*) FROM archive a JOIN archive b ON a.room = b.room AND a.seq < b.seq AND a.at > b.at`).Scan(&wrong))
		assert.Zero(t, wrong, "times go forward")
	}
	forward()
	for _, q := range []muc.ArchiveQuery{{Max: 1000}, {Max: 10, Nick: "Romeo"}, {Max: 0}} {
		want, err := was.Archive(t.Context(), a.jid, q)
		require.NoError(t, err)
		got, err := a.store.Archive(t.Context(), a.jid, q)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	a.says(chance, 20)
	forward()
	all, _ := muc.ArchiveQuery{Max: 1000}.Page(a.log)
	got, err := a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: 1000})
	require.NoError(t, err)
	assert.Equal(t, all.Messages, got.Messages)
}

// Who looks into the archive keeps nobody from loading rooms, and when its time is
// over, it ends.
func TestLoadingDoesNotWait(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	const endless = `WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n`
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	began := make(chan bool)
	for range searchers {
		go func() {
			tx, err := s.searcher.BeginTx(ctx, nil)
			if err != nil {
				ended <- err
				return
			}
			began <- true
			var n int
			ended <- tx.QueryRowContext(ctx, endless).Scan(&n)
		}()
	}
	for range searchers {
		<-began
	}
	soon, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err := s.Archive(soon, b.Room, muc.ArchiveQuery{Max: 1})
	require.ErrorIs(t, err, context.DeadlineExceeded, "all of them are busy")
	saved, err := s.Load(t.Context(), b.Room)
	require.NoError(t, err)
	assert.Len(t, saved.Events, len(b.Events))
	list, err := s.List(t.Context(), muc.JID{}, 10)
	require.NoError(t, err)
	assert.Len(t, list, 1)
	cancel()
	for range searchers {
		assert.Error(t, <-ended)
	}
}
