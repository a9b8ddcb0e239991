// Package sqlitestore keeps the rooms of a service, and what was said in them, in one
// SQLite file. It is a [service.Store], and answers the queries of the archive
// (XEP-0313). It needs no C compiler.
//
// # What is promised
//
// What [Store.Append] has returned nil for survives a crash of the machine: each call is one
// transaction, and is on the disk when it returns (write-ahead log, synchronous=FULL). There
// is no option to loosen that. What was not stored leaves nothing behind.
//
// The service makes of that a group commit: while a call of Append is under way, all rooms that
// have something to store wait for the next one, which stores it in one transaction. So the
// more rooms are busy, the fewer commits a message costs. Leave [service.Limits.Writers] at
// 1: SQLite has one writer at a time.
//
// Messages enter the archive in the transaction that stores the events they are part of; a
// message that its author or a moderator takes back (XEP-0424, XEP-0425) leaves a tombstone, a destroyed room leaves
// nothing. What a snapshot replaces stays in the archive.
//
// # Rooms that outlive the process
//
// It is a [service.LiveStore]: with [service.Config.Live] rooms are there with everybody inside
// after the process has died. What was delivered is noted in the file with the next batch, or after
// a second: so much may be delivered twice then.
//
// # The file
//
// Beside the file SQLite keeps two more (-wal and -shm), and the store one that is locked
// (.lock). One process works on a file at a time, by whatever name or symbolic link;
// others may read it meanwhile, to look at it or to copy it:
//
//	sqlite3 rooms.db "SELECT jid, name, seq FROM room"
//	sqlite3 rooms.db ".backup rooms-copy.db"
//
// Events and snapshots are JSON, as docs/events.md describes them. The file holds all that
// the rooms know, passwords and real JIDs too, and the secret that all ids of its rooms are
// made with ([Store.Secret]), so it is made readable for its owner alone.
//
// # What is bounded
//
//	the archive of one room          64 MiB   Options.RoomBytes: the oldest messages go
//	how long messages are kept       no end   Options.Keep: older ones go
//	what one query returns           128 KiB  Options.PageBytes: the page is not complete
//	rooms that are gone of which     1,000    the oldest are forgotten
//	inputs are known
//	the write-ahead log              32 MiB   Options.LogBytes: it is written into the file
//	one search                       5 s      refused with resource-constraint
//	searches at the same time        half of the processors: others wait
//	pages in memory                  32, 4 of one room: other questions wait
//	questions that wait              500, 50 of one room: refused with resource-constraint
//	messages that go at once         500, so that nobody waits long to write
//	a retraction by an id of the     the last 10,000 events of the room, and 4 MiB of the
//	author's own looks through       author's messages in them
//
// How large a room, a message and a snapshot are, and how many rooms there are, is bounded
// by [muc.Limits] and [service.Limits].
package sqlitestore
