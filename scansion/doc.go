// Package scansion plays .scs scripts against rooms of package muc, in process:
// no network, no server, no waiting; or against any XMPP server, over the network.
// A script says what clients send and what they receive. It is the shortest way to
// test the rules of a room, one line of Go for a directory of scripts:
//
//	func TestRules(t *testing.T) { scansion.Run(t, muc.Config{}, "testdata") }
//
// # A script
//
//	# title: A room greets its creator
//	# match: ordered
//
//	[Client] Romeo
//		jid: romeo@example.org
//
//	-----
//
//	# Who comes first owns the room.
//	Romeo connects
//
//	Romeo sends:
//		<presence to='cellar@chat.example.org/Romeo'>
//			<x xmlns='http://jabber.org/protocol/muc'/>
//		</presence>
//
//	Romeo receives:
//		<presence from='cellar@chat.example.org/Romeo'>
//			<x xmlns='http://jabber.org/protocol/muc#user'>
//				<item jid="${Romeo's full JID}" affiliation='owner' role='moderator'/>
//				<status code='110'/>
//				<status code='201'/>
//			</x>
//		</presence>
//
//	Romeo receives:
//		<message type='groupchat'>
//			<subject/>
//		</message>
//
// Lines that begin with # are comments, blank lines mean nothing. Before the
// line of dashes stand the clients, each a block with `jid:` and, if you like,
// `password:`; other settings are ignored. A jid without a resource gets the
// client's name in lower case as its resource. After the dashes stand the
// actions:
//
//	X connects                   X can send and be reached from here on
//	X disconnects                X's session vanished, without a word from X
//	X sends:                     and the stanza below it, indented
//	X receives:                  and the stanza below it, indented
//	X receives: nothing          X got nothing that was not asked for yet
//	time passes: 5m              a duration as Go writes it: 90s, 24h
//	host: COMMAND …              the host's own act, in every room
//	host at ROOM: COMMAND …      the same in one room, which may not exist yet
//
// An action has one stanza. Its indentation is taken off, and where an element
// has no text but blanks that lay it out (beside elements, or with a line
// break), they are not part of it. A stanza without xmlns is in jabber:client; other
// prefixes and defaults mean what XML namespaces say.
//
// # The host
//
// Commands are written like the inside of a tag, and are those of package muc,
// by the names of their types and fields:
//
//	host: kick nick='Tybalt' reason='duel'
//	host: kick-blocked reason='spam'
//	host: set-role nick='Tybalt' role='visitor' as="${Romeo's JID}"
//	host: set-affiliation jid="${Juliet's JID}" affiliation='member' nick='Juliet'
//	host: invite to="${Juliet's JID}" reason='feast' as="${Romeo's full JID}"
//	host: join jid='nurse@irc.example' nick='Nurse' show='away' status='on IRC'
//	host: say nick='Nurse' body='Madam!'
//	host: say nick='Nurse' to='Juliet' body='Anon!'
//	host: rename nick='Nurse' to='Angelica'
//	host: leave nick='Angelica' status='gone to bed'
//	host: say body='Closing time'
//	host: set-subject subject='Feud' as="${Romeo's full JID}"
//	host: moderate id='${said}' reason='spam'
//	host: create-hat uri='urn:example:prince' title='Prince' hue='40'
//	host: assign-hat jid="${Romeo's JID}" uri='urn:example:prince'
//	host: vanished jid="${Romeo's full JID}"
//	host: configure max_users='5'
//	host: reset persistent='true' max_users='5'
//	host: set-vcard photo='iVBORw0KGgo='
//	host: destroy reason='plague' alternate='mantua@chat.example.org' tombstone='true'
//	host: shutdown reason='maintenance'
//	host at cellar@chat.example.org: create owner="${Romeo's JID}" persistent='true'
//
// create and configure take the fields of a room configuration as events write
// them in JSON. [Options.Commands] adds others. What a room asks the host (see
// the settings answers-iq and asks-join) the host answers, the oldest question
// first, or lets it expire:
//
//	host answers:                and the payload of the result below it
//	host answers: nothing        an empty result
//	host answers: archive        what the room's events have of the messages asked for
//	host refuses: CONDITION      an error, such as forbidden
//
// # References and wildcards
//
// In attribute values and in text, of what is sent as well as received:
//
//	${X's JID}                   the bare JID of client X
//	${X's full JID}              the full JID of client X
//	${NAME}                      what was captured as NAME
//
// In what is received only:
//
//	{scansion:any}               any characters, also none
//	{scansion:capture:NAME}      the same, and later ${NAME} stands for them
//
// They may be a part of a value, as in from='cellar@chat/{scansion:any}'; each
// then takes as little as it can. A capture holds from the next action on, once
// its stanza has been received; in what is received, ${NAME} must be equal to
// it. Capturing a name again replaces its value; twice in one stanza is an
// error. A reference to what is not known is an error of syntax.
//
// # Matching
//
// There are five modes. A file chooses its own with a header line, `# match:
// ordered`; all others are played in the mode of [Options]. Ordered is the one for
// new scripts: it asks for nothing about a stanza that the script does not name, so
// that a new attribute breaks no test, and yet nothing comes unseen.
//
// Ordered: each client gets exactly the stanzas that the script expects, in that
// order, and no other until the end of the script. Each is matched as in subset.
//
// Subset: what the script names must be there (element, attribute, text, each
// named child with a partner of its own, in any order); other things may be.
//
// Scansion: an element in the namespace of the stream, jabber:client, matches
// as in subset; any other strictly: no attribute, text or child beyond those
// named, the children in any order.
//
// In subset and scansion, `receives` looks through what came for the first stanza
// that matches, and discards what stands before it.
//
// Exact: the stanzas are those of ordered, and each is exactly as written,
// children in their order and text to the character, save what is marked with a
// wildcard. The order of attributes and the choice of prefixes are no part of
// what is written.
//
// Spec is for services of others, and stands above the mode that a file chooses: each script
// is matched as the specification allows, and asks only for what its marks say. [Judge] says
// how, and what it found. What may be different, what may come although nobody asks for it,
// and what may not come though nobody forbids it stands in tables, each with its section
// (permissions.go, extras.go).
//
// In any mode the attribute `to` of a stanza may be left out: that the client
// gets it says as much. If it is written, it has to match.
//
// scansion:strict='true' on an element makes it and all below it match
// strictly, in exact mode exactly; 'false' makes them match as a subset. It
// holds in every mode, until an element below has its own. The prefix scansion:
// needs no declaration.
//
// A wildcard may match nothing, but an attribute has to be there for it. When an
// expectation fails, the report names the wildcards that matched nothing, what is
// different in the nearest stanza that was there to match, and, in ordered and
// exact, one that came later and is nearer.
//
// # Preludes
//
// Scripts that begin alike share files:
//
//	# title: A participant is kicked
//	# include: ../prelude/cellar-of-romeo.scs
//
// The line stands at the top, where the file's clients come before the script's own
// and its actions before all others, or between two actions, where the file's
// actions take its place. Its name is relative to the folder of the file that has the
// line, with slashes, and ends in .scs.
//
// What is included is written like a script: clients, the line of dashes, actions.
// Either may be missing, the dashes too when there are no actions, and a comment
// `# title: …` may say what it brings. Who is known where the line stands is known in
// the file, clients and captures, and what it captures is known after it. A client
// that several files have, with the same name, JID and password, is one. Between
// actions no new client can be brought. The mode and the settings are the script's:
// header lines match and config are errors in an included file.
//
// An included file may include others, and these none; none includes itself; a
// script includes at most 100 files of 1 MiB. Errors and failures name the file and
// the line where they are, and the line of the script that includes it.
//
// In directories, scripts are not looked for in folders called prelude.
//
// # The world of a script
//
// Each script starts from nothing. Domains on which clients have their JIDs are
// user domains; on every other there are rooms, which come to life when they
// are joined. A client's stanza gets the client's full JID as `from`; only an iq
// of type result or error may be from the bare JID, when the account answers. Mail
// to a bare JID goes to all connected clients with that bare JID, mail to a full JID
// to the one connected client; stanzas from client to client are delivered just
// so. A stanza without `to`, such as initial presence, is for the sender's
// server, which is not played: nothing comes of it.
//
// The clock starts at [Epoch]. Each action takes a second, but for `receives`,
// so that a further expectation does not change any time stamp. Whenever a
// room's deadline comes, the room is called.
//
// The runner also holds the library to its word: all copies of a stanza must be
// well-formed and alike in every framing, and, with [Options.CheckReplay], at
// each step each room must be restorable from its events.
//
// # Over the network
//
// With [Options.Dial] scripts are played by real clients against any XMPP server, by the command
// in cmd/scansion or by its package remote in tests of a server in Go. What they say holds as it is
// written, but for this:
//
// Every client is logged in when the script begins, and becomes available when it connects. The
// people of a script have accounts on one domain, and its rooms get names that nobody else has.
// In stanzas both ways, addresses that the script gives and those that the server really has are
// put for each other, in attributes and texts, alone or in a longer text, so that the script
// reads as in process. Rooms are destroyed in the end.
//
// After each action the client pings the room that it wrote to, and then all clients ping all rooms:
// when that is answered, what came of the action has come, as stanzas between two addresses keep
// their order (RFC 6120 §10.1). Only then the next action begins. So `X receives: nothing` means
// as much as in process, and `receives` waits for what a server does later than that, at the
// longest [Network].Late. A client answers the pings of rooms by itself. What comes neither from a
// room of the script nor from one of its clients is no part of it.
//
// `X disconnects` breaks the connection, and a second later the server has to have noticed. Time
// passes if it is no more than two seconds; time stamps of 2030 in what is expected stand for any.
//
// For the host an owner of the room stands in, as far as XEP-0045 has stanzas for what it does:
// create (a persistent room), configure, reset, set-affiliation, set-role, kick, destroy; and in the name
// of a client invite, set-subject and moderate. With vanished, a client's connection breaks and the client
// comes back. The owner's name is taken off what comes of it. Archives are the server's, so
// `host answers: archive` says nothing. instant=true has the creator open each new room.
//
// A script is skipped ([Skipped], with the reason) if it asks for anything else of the host or for
// a setting that the server is not known to have ([Network].Settings); if all people of a domain are
// meant, since the others are on it too; or if a client answers for its account, as servers do.
//
// # Header lines
//
// Comments `# name: value` before the first [Client] are header lines. These
// mean something to the runner:
//
//	# match: ordered             the file's matching mode
//	# include: FILE              what stands in FILE, see above
//	# config: name=value         a setting of the rooms, as often as needed
//	# title: …                   what the script shows
//	# asks: …                    what it asks of a service, see below
//
// Each field of muc.Config that is a truth value or a duration is a setting, by its
// name in lower case: instant=true, lock-timeout=5m. So is each limit, as in
// limit-nick-bytes=16, and each rate, as in rate-messages=5/10s, a burst and an
// interval. There are also those of [Options.Settings], and
//
//	nick=strict                  no kindness to emoji
//	nick-lockdown=…              off, refuse or assign
//	may-create=JID               the only one who may
//	is-owner=JID                 who owns all rooms without being on their lists
//	is-blocked=JID               whom the host keeps out: a person or a domain
//	asks-join=true               who joins waits for the host's answer
//	answers-iq=NAMESPACE         of requests that the host can answer
//	registration=…               members, open, approved or none
//	registration-field=…         name, type, an asterisk if required, options, label:
//	                             x-house list-single* [Capulet, Montague] Your house
//	may-register=DOMAIN          of all who may
//	no-such-user=JID             of somebody who cannot be invited
//	no-archive-for=JID           of somebody who may not read the archive
//	invite-body=TEXT             with {from} and {room} put in
//
// Without a title it is the first line, if that is a comment. Other header
// lines are for those who read scripts with [Script.Header].
//
// # Marks
//
// What a script asks of a service stands in header lines, the main thing first: a sentence of
// a specification with its section and how strongly it asks, or, for those who are not
// bound by it, what the library has chosen where the specification leaves the choice:
//
//	# asks: MUST §7.2.2 "MUST include a status code of 110"
//	# asks: SHOULD XEP-0424 §5 "SHOULD prevent further distribution"
//	# asks: choice: nicks that differ in their spelling alone are the same
//	# asks: choice XEP-0425: the host moderates
//
// Sections without a document are those of XEP-0045. A sentence that says without any of the
// words MUST, SHOULD and MAY how the protocol goes counts as a MUST. The same line as a comment
// above an action says what that action asks, or, above one that is not `receives`,
// it and all that is received because of it.
package scansion
