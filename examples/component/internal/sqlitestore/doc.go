// Package sqlitestore keeps the rooms of a service in one SQLite file.
//
// One process works on a file at a time; others may read it meanwhile, to look at
// it or to copy it. Each Append is one transaction, and is on the disk when it
// returns (WAL, synchronous=FULL). Events and snapshots are JSON, as
// docs/events.md describes them: the sqlite3 command can look into them, and what
// a commit costs is the disk's doing, not the encoder's.
//
// The file also holds the secret that all ids of its rooms are made with. It is
// made once, together with the tables. The file holds all that the rooms know,
// passwords and real JIDs too, so only its owner can read it.
package sqlitestore
