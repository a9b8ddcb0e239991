package sqlitestore

import (
	"context"
	"crypto/rand"
	"fmt"
)

// schema makes the tables of version 1; changes follow it.
const schema = `
CREATE TABLE secret (value BLOB NOT NULL) STRICT;
CREATE TABLE room (
	id      INTEGER PRIMARY KEY,
	jid     TEXT    NOT NULL UNIQUE,
	seq     INTEGER NOT NULL, -- of its last event
	name    TEXT    NOT NULL,
	public  INTEGER NOT NULL, -- 1: in the list of rooms
	lasting INTEGER NOT NULL, -- 1: there after a restart
	due     INTEGER NOT NULL  -- when it wants to be woken, in ms since 1970; 0: never
) STRICT;
CREATE TABLE snapshot (
	room INTEGER PRIMARY KEY REFERENCES room (id),
	seq  INTEGER NOT NULL, -- of the last event in it
	body TEXT    NOT NULL  -- JSON
) STRICT;
CREATE TABLE event (
	room INTEGER NOT NULL REFERENCES room (id),
	seq  INTEGER NOT NULL,
	body TEXT    NOT NULL, -- JSON
	PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE archive ( -- what was said (XEP-0313)
	id        INTEGER PRIMARY KEY,
	room      INTEGER NOT NULL REFERENCES room (id),
	seq       INTEGER NOT NULL,
	stanza_id TEXT    NOT NULL,
	at        INTEGER NOT NULL, -- ms since 1970
	nick      TEXT    NOT NULL,
	jid       TEXT    NOT NULL,
	bare      TEXT    NOT NULL,
	body      TEXT    NOT NULL, -- the event, JSON
	UNIQUE (room, seq),
	UNIQUE (room, stanza_id)
) STRICT;
CREATE INDEX archive_at ON archive (at);
`

// changes brings the tables of version 1 to version 2: each filter of the archive
// gets an index by which its messages are read in order, and a room knows how many
// bytes it keeps, and who made it. In one room a message is never earlier than the one before it, so
// that a span of time is a span of numbers.
const changes = `
UPDATE archive SET at = latest FROM (
	SELECT id AS message, max(at) OVER (PARTITION BY room ORDER BY seq) AS latest FROM archive
) WHERE id = message AND at < latest;
CREATE INDEX archive_time ON archive (room, at, seq);
CREATE INDEX archive_nick ON archive (room, nick, seq);
CREATE INDEX archive_jid  ON archive (room, jid, seq);
CREATE INDEX archive_bare ON archive (room, bare, seq);
ALTER TABLE room ADD COLUMN archived INTEGER NOT NULL DEFAULT 0; -- bytes of its messages
UPDATE room SET archived = (SELECT coalesce(sum(` + weight + `), 0) FROM archive WHERE archive.room = room.id);
ALTER TABLE room ADD COLUMN creator TEXT NOT NULL DEFAULT ''; -- a bare address
UPDATE room SET creator = coalesce(
	(SELECT CASE WHEN json_valid(body) THEN coalesce(body ->> '$.events[0].data.creator', body ->> '$.creator') END FROM snapshot WHERE snapshot.room = room.id),
	(SELECT CASE WHEN json_valid(body) THEN body ->> '$.data.creator' END FROM event WHERE event.room = room.id AND seq = 1), '');
`

// aboutRooms brings version 2 to version 3: a room has what a search tells of it. Of the rooms
// that are there already it is stored when something happens in them.
const aboutRooms = `
ALTER TABLE room ADD COLUMN about TEXT NOT NULL DEFAULT ''; -- JSON
`

// liveRooms brings version 3 to version 4: a room may be there with everybody inside.
const liveRooms = `
ALTER TABLE room ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0; -- when, in ms since 1970; 0: it is not
CREATE TABLE live (
	room INTEGER PRIMARY KEY REFERENCES room (id),
	body TEXT    NOT NULL -- JSON
) STRICT;
`

// outlivingRooms brings version 4 to version 5: rooms may be kept with everybody inside, by steps.
// Of rooms that are gone it is kept for a while where their inputs came from.
const outlivingRooms = `
ALTER TABLE room ADD COLUMN sub       INTEGER NOT NULL DEFAULT 0; -- of its last event, beside seq
ALTER TABLE room ADD COLUMN inhabited INTEGER NOT NULL DEFAULT 0; -- 1: somebody is inside
ALTER TABLE room ADD COLUMN sent_seq  INTEGER NOT NULL DEFAULT 0; -- up to where it was delivered
ALTER TABLE room ADD COLUMN sent_sub  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN sources   TEXT    NOT NULL DEFAULT ''; -- JSON
CREATE TABLE step (
	room INTEGER NOT NULL REFERENCES room (id),
	seq  INTEGER NOT NULL, -- of its last event
	sub  INTEGER NOT NULL,
	body TEXT    NOT NULL, -- JSON: inputs and events
	PRIMARY KEY (room, seq, sub)
) STRICT, WITHOUT ROWID;
CREATE TABLE gone (
	id      INTEGER PRIMARY KEY,
	jid     TEXT    NOT NULL UNIQUE,
	sources TEXT    NOT NULL -- JSON
) STRICT;
`

// versions are what makes each version of the one before, from version 2 on.
var versions = [...]string{changes, aboutRooms, liveRooms, outlivingRooms}

// weight is what a message in the archive costs: itself, and about that much for its
// columns and indexes.
const weight = `octet_length(body) + 600`

func weigh(body []byte) int64 { return int64(len(body)) + 600 }

// inspect tells a store from an empty file, which is of version 0, and both from
// anything else, which it leaves as it is.
func inspect(ctx context.Context, path string) (version int, err error) {
	db, err := connect(path, 1)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var id, tables int
	for query, into := range map[string]*int{
		`PRAGMA application_id`:              &id,
		`PRAGMA user_version`:                &version,
		`SELECT count(*) FROM sqlite_schema`: &tables,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(into); err != nil {
			return 0, err
		}
	}
	switch {
	case id == 0 && tables == 0:
		return 0, nil
	case id != applicationID:
		return 0, ErrForeign
	case version < 1 || version > schemaVersion:
		return 0, fmt.Errorf("it is of version %d, and this program knows version %d: %w", version, schemaVersion, ErrNewer)
	}
	return version, nil
}

// populate makes the tables and the secret, all or nothing.
func (s *Store) populate(ctx context.Context) error {
	secret := make([]byte, secretBytes)
	rand.Read(secret)
	return s.write(ctx, func(w *writing) {
		w.run(schema)
		w.upgrade(1)
		w.run(`INSERT INTO secret VALUES (?)`, secret)
		w.run(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, schemaVersion))
	})
}

// migrate brings a store of an earlier version to the present one, all or nothing.
func (s *Store) migrate(ctx context.Context, version int) error {
	return s.write(ctx, func(w *writing) {
		w.upgrade(version)
		w.run(fmt.Sprintf("PRAGMA user_version=%d", schemaVersion))
	})
}

// upgrade changes the tables from a version to the present one.
func (w *writing) upgrade(version int) {
	for _, change := range versions[version-1:] {
		w.run(change)
	}
}

// write does something in one transaction of the writer.
func (s *Store) write(ctx context.Context, what func(w *writing)) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	w := writing{ctx: ctx, tx: newTransaction(tx)}
	if what(&w); w.err != nil {
		return w.err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.log.shorten(ctx, s.writer)
	return nil
}
