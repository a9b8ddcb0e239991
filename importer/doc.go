// Package importer brings rooms that were on another server into a store of package service: their
// configuration, affiliations, reserved nicks, subject and archive.
//
//	source, err := importer.Prosody("/var/lib/prosody", "conference.example.org")
//	…
//	defer source.Close()
//	err = store.Together(ctx, func(in service.Store) error { // all rooms or none
//		cfg := service.Config{Domain: "rooms.example.org", Store: in, Room: rooms}
//		result, err := importer.Import(ctx, cfg, source, importer.Options{Note: tell})
//		…
//	})
//
// [Prosody] reads the files of Prosody's internal storage, which is its default, and [Ejabberd]
// what `ejabberdctl dump` writes of mnesia, which is that of ejabberd. Both were written by versions that
// Debian 12 has. For another server, write a [Source].
//
// What cannot be taken over is told in a line ([Options.Note]), and the rest is. People who are
// inside, invitations and other things of the moment are never taken over, nor are rooms that
// end when nobody is inside. Ids of messages stay, so that clients go on reading the archive where
// they were; occupant-ids (XEP-0421) are new.
//
// # What is bounded
//
// Files are not trusted. They are parsed, never run, and everything in them is judged again by
// the rules of rooms and their limits ([muc.Limits]). An archive is read message by message.
//
//	a file of Prosody's, or a record of a dump    16 MiB      the room is left out
//	an entry of an archive                        1 MiB       it is left out
//	how deep data is, in how many values          128, 200;   it cannot be read
//	                                              2,000,000
//	rooms                                         200,000     ErrTooMany
//	entries of the archive of a room of           10,000,000  ErrTooMany; each takes 24 bytes of
//	Prosody's, or of all archives of a dump                   memory
//	nicks that are registered with ejabberd       1,000,000   ErrTooMany
//	messages of one room                          100,000     Options.Messages: the oldest are left out
//	lines about one room                          100         the others are counted
package importer
