package main

import (
	"encoding"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// settings is what an operator decides.
type settings struct {
	domain   string
	connect  string
	secret   string
	store    string
	name     string
	metrics  string
	admins   map[muc.JID]bool
	bridges  map[muc.JID]bool
	rtbl     []blockNode
	blocked  map[string]muc.JID // people and domains, by address
	contacts []service.Contact
	create   creators
	activity bool
	// rooms is what all rooms have in common, as far as it is a setting: defaults, limits,
	// rates. limits are those of the service, searches its rate.
	rooms      muc.Config
	limits     service.Limits
	searches   muc.Rate
	inviteBody bool
	level      slog.Level
	json       bool
	// logAddresses lets the log name people above debug.
	logAddresses bool
	adminSocket  string
	drain        time.Duration
	idle         time.Duration
	farewell     bool          // a stop puts everybody out
	tombstones   time.Duration // 0 keeps none
	suspended    time.Duration
	archive      time.Duration // 0 keeps nothing
	// archiveSize is in bytes, of a room; traffic bounds what one person sends to all rooms,
	// in bytes.
	archiveSize int
	compact     int
	traffic     muc.Rate
	sendQueue   int // bytes
	maxStanza   int // bytes
	// backoff and held are the link's own if they are 0. No option sets them.
	backoff, held time.Duration

	check    bool // do nothing but check the store
	succeeds bool // to the component that runs
	getenv   func(string) string
	texts    map[string]given // what each option was set by
	// again reads all settings again, as they were read at the start.
	again func() (settings, error)
}

// creators is who may create rooms: anyone, or those of some domains; the
// administrators always.
type creators struct {
	anyone  bool
	domains map[string]bool
}

// option is one setting: a flag, a variable and a line of the configuration file.
type option struct {
	name     string
	value    string // what stands for the value in the help
	standard string
	when     change
	help     string
	set      func(*settings, string) error
}

// change is when a setting can change: fixed ones need a restart, live ones SIGHUP.
type change bool

const (
	fixed change = false
	live  change = true
)

// variable is the environment variable of the option.
func (o *option) variable() string {
	return "MUC_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

// group is options about one thing.
type group struct {
	title   string
	options []option
}

// groups are all settings. A value that is not given is the standard one.
var groups = []group{
	{"The server and the service", serviceOptions},
	{"Who may what", peopleOptions},
	{"New rooms, until their owners configure them otherwise", defaultOptions},
	{"What is stored", storeOptions},
	{"Rates", rateOptions},
	{"Limits", limitOptions},
	{"Running it", runOptions},
}

// options are the settings of all groups.
var options = func() (all []option) {
	for _, g := range groups {
		all = append(all, g.options...)
	}
	return all
}()

var serviceOptions = []option{
	{"domain", "DOMAIN", "", fixed, "the domain of the rooms, as the server knows the component (required)",
		func(s *settings, v string) (err error) { s.domain, err = domain(v); return err }},
	{"secret", "TEXT", "", fixed, "the secret that the server expects of the component (required); others on this machine can see a flag, so better say it by variable or file",
		func(s *settings, v string) error {
			if s.secret = v; v == "" {
				return errors.New("must not be empty: give what the server has as the secret of the component, or a file with it as -secret-file")
			}
			return nil
		}},
	{"secret-file", "FILE", "", fixed, "a file that holds the secret and nothing else, in place of secret",
		func(*settings, string) error { return nil }}, // it is the secret by then
	{"connect", "HOST:PORT", "127.0.0.1:5347", fixed, "where the server listens for components",
		func(s *settings, v string) error { s.connect = v; return address(v) }},
	{"name", "TEXT", "Chat rooms", fixed, "what clients call the service",
		func(s *settings, v string) error { s.name = v; return required(v) }},
	{"contacts", "KIND=URI,KIND=URI", "", fixed, "whom people can write to about the service (XEP-0157), as abuse=mailto:abuse@example.org; kinds are abuse, admin, feedback, sales, security, status and support",
		func(s *settings, v string) (err error) { s.contacts, err = contacts(v); return err }},
	{"max-stanza", "BYTES", "262144", fixed, "how large a stanza the server takes, in either direction: a larger one is not sent, because the server would end the stream",
		bytesOption(1<<16, func(s *settings) *int { return &s.maxStanza })},
	{"send-queue", "BYTES", "4194304", fixed, "how many bytes may wait to be sent before rooms wait",
		bytesOption(1<<16, func(s *settings) *int { return &s.sendQueue })},
}

var peopleOptions = []option{
	{"admins", "JID,JID", "", live, "who administers the service: they own every room, and may create rooms and speak to all of them",
		func(s *settings, v string) (err error) { s.admins, err = people(v); return err }},
	{"create", "WHO", "anyone", live, "who may create rooms: anyone, admins, or domains such as example.org,example.net",
		func(s *settings, v string) (err error) { s.create, err = whoCreates(v); return err }},
	{"block", "JID,DOMAIN", "", live, "who may use no room at all: people, as tybalt@example.org, or whole domains, as spam.example; who is inside is put out",
		func(s *settings, v string) (err error) { s.blocked, err = peopleOrDomains(v); return err }},
	{"rtbl", "SERVICE/NODE,SERVICE/NODE", "", fixed, "block lists that are followed in real time, as rtbl.example.org/muc_bans_sha256: PubSub nodes with the SHA-256 hashes of people and domains as the ids of items; who is on one and has no affiliation in a room is kept out of it, and put out",
		func(s *settings, v string) (err error) { s.rtbl, err = blockNodes(v); return err }},
	{"bridges", "JID,JID", "", live, "whom limit-nicks does not bound: bridges that bring in many people under one address",
		func(s *settings, v string) (err error) { s.bridges, err = people(v); return err }},
	{"registration", "WHO", "members", fixed, "who may register with a room: members, approved (an admin of the room decides), open (anyone, who then is a member) or none",
		choiceOption(func(s *settings) *muc.Registration { return &s.rooms.Registration }, map[string]muc.Registration{
			"members": muc.RegistrationMembers, "approved": muc.RegistrationApproved, "open": muc.RegistrationOpen, "none": muc.RegistrationNone},
			"must be members, approved, open or none")},
	{"nick-lockdown", "HOW", "off", fixed, "what becomes of people with a reserved nick who come with another one: off (they have it), refuse, or assign (they get their own)",
		choiceOption(func(s *settings) *muc.Lockdown { return &s.rooms.NickLockdown }, map[string]muc.Lockdown{
			"off": muc.LockdownOff, "refuse": muc.LockdownRefuse, "assign": muc.LockdownAssign}, "must be off, refuse or assign")},
	{"visitors-invite", "BOOL", "false", fixed, "whether visitors, who have no voice, may invite others",
		boolOption(func(s *settings) *bool { return &s.rooms.VisitorsInvite }, true)},
	{"invite-body", "BOOL", "true", live, "whether an invitation is also put into words, for clients that show nothing else of it",
		boolOption(func(s *settings) *bool { return &s.inviteBody }, true)},
	{"mentions", "BOOL", "false", fixed, "whether owners may have a room forward messages to people who are mentioned in them, have reserved a nick there and are not inside (XEP-0452)",
		boolOption(func(s *settings) *bool { return &s.rooms.ForwardMentions }, true)},
	{"activity", "BOOL", "true", live, "whether members, admins and owners who ask for it are told that something was said in a room that they are not in (XEP-0437)",
		boolOption(func(s *settings) *bool { return &s.activity }, true)},
}

var defaultOptions = []option{
	{"default-public", "BOOL", "true", fixed, "whether it is in the list of rooms",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.Hidden }, false)},
	{"default-persistent", "BOOL", "false", fixed, "whether it stays when nobody is inside",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.Persistent }, true)},
	{"default-members-only", "BOOL", "false", fixed, "whether only members may enter",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.MembersOnly }, true)},
	{"default-members-invite", "BOOL", "false", fixed, "whether members of such a room may invite others",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.AllowInvites }, true)},
	{"default-moderated", "BOOL", "false", fixed, "whether only people with voice may speak",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.Moderated }, true)},
	{"default-open-subject", "BOOL", "false", fixed, "whether participants may change the subject",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.OpenSubject }, true)},
	{"default-archive", "BOOL", "true", fixed, "whether messages go to the archive",
		boolOption(func(s *settings) *bool { return &s.rooms.Defaults.NoArchive }, false)},
	{"default-whois", "WHO", "moderators", fixed, "who sees real addresses: moderators or anyone",
		textOption(func(s *settings) encoding.TextUnmarshaler { return &s.rooms.Defaults.Whois }, "must be moderators or anyone")},
	{"default-private-messages", "WHO", "anyone", fixed, "who may send private messages: anyone, participants, moderators, affiliated (members, admins and owners) or none",
		textOption(func(s *settings) encoding.TextUnmarshaler { return &s.rooms.Defaults.AllowPM }, "must be anyone, participants, moderators, affiliated or none")},
	{"default-history", "NUMBER", "20", fixed, "how many of the last messages people see who enter; 0 shows none",
		func(s *settings, v string) error {
			err := numberOption(0, 1000, func(s *settings) *int { return &s.rooms.Defaults.History })(s, v)
			if s.rooms.Defaults.History == 0 {
				s.rooms.Defaults.History = -1
			}
			return err
		}},
	{"default-language", "TAG", "", fixed, "the language that is spoken in it, as en",
		func(s *settings, v string) error { s.rooms.Defaults.Lang = v; return languageTag(v) }},
	{"instant", "BOOL", "false", fixed, "whether it is open to others at once, and not only when its owner has configured it",
		boolOption(func(s *settings) *bool { return &s.rooms.Instant }, true)},
	{"lock-time", "TIME", "1h", fixed, "how long it waits for that, before it opens as it is",
		durationOption(func(s *settings) *time.Duration { return &s.rooms.LockTimeout })},
}

var storeOptions = []option{
	{"store", "FILE", "rooms.db", fixed, "the SQLite file that keeps the rooms; it is made if it is not there",
		func(s *settings, v string) error { s.store = v; return required(v) }},
	{"archive", "TIME", "720h", fixed, "how long messages are kept for clients that ask for them (XEP-0313); 0 keeps none",
		func(s *settings, v string) (err error) { s.archive, err = durationOrNone(v); return err }},
	{"archive-size", "BYTES", "67108864", fixed, "how much of that is kept of one room; the oldest messages go first",
		bytesOption(1<<16, func(s *settings) *int { return &s.archiveSize })},
	{"tombstones", "TIME", "720h", fixed, "how long the address of a room that was destroyed answers “gone”, and where to go instead, before a new room can be made there; 0 frees it at once",
		func(s *settings, v string) (err error) { s.tombstones, err = durationOrNone(v); return err }},
	{"idle", "TIME", "5m", fixed, "how long an empty room stays in memory",
		durationOption(func(s *settings) *time.Duration { return &s.idle })},
	{"compact", "EVENTS", "500", fixed, "how many stored events of a room are replaced by a snapshot",
		numberOption(1, 1<<30, func(s *settings) *int { return &s.compact })},
}

var rateOptions = []option{
	{"rate-messages", "N/TIME", "30/15s", fixed, "how many messages one person may send to a room in a time, at once or spread over it; 0 bounds nothing. Admins and owners of the room are exempt",
		rateOption(func(s *settings) *muc.Rate { return &s.rooms.Rates.Messages })},
	{"rate-signals", "N/TIME", "", fixed, "the same of messages without words, as chat states and reactions; without a value five times as many as messages",
		rateOption(func(s *settings) *muc.Rate { return &s.rooms.Rates.Signals })},
	{"rate-queries", "N/TIME", "", fixed, "the same of requests to the clients of others, likewise",
		rateOption(func(s *settings) *muc.Rate { return &s.rooms.Rates.Queries })},
	{"rate-presence", "N/TIME", "30/30s", fixed, "how often in a time one person may join a room, or change nick or availability there, in the same way",
		rateOption(func(s *settings) *muc.Rate { return &s.rooms.Rates.Presence })},
	{"rate-notices", "N/TIME", "30/30m", fixed, "how many invitations and other stanzas to people outside of a room one person may cause; nobody is exempt",
		rateOption(func(s *settings) *muc.Rate { return &s.rooms.Rates.Notices })},
	{"rate-room-notices", "N/TIME", "100/2000s", fixed, "the same of all people in one room together",
		rateOption(func(s *settings) *muc.Rate { return &s.rooms.Rates.RoomNotices })},
	{"rate-searches", "N/TIME", "60/60s", fixed, "how often one person may search for rooms, page by page",
		rateOption(func(s *settings) *muc.Rate { return &s.searches })},
	{"rate-bytes", "N/TIME", "1048576/32s", live, "how many bytes one person may send to all rooms together in a time; 0 bounds nothing. Nobody is exempt",
		func(s *settings, v string) (err error) { s.traffic, err = rate(v, time.Nanosecond); return err }},
}

var limitOptions = []option{
	{"limit-rooms", "NUMBER", "200000", fixed, "rooms in memory",
		limitOption(func(s *settings) *int { return &s.limits.Rooms })},
	{"limit-memory", "BYTES", "1073741824", fixed, "bytes that all rooms in memory hold together",
		limitOption(func(s *settings) *int { return &s.limits.Memory })},
	{"limit-person-memory", "BYTES", "134217728", fixed, "of these, bytes of the rooms that one person has created",
		limitOption(func(s *settings) *int { return &s.limits.PersonMemory })},
	{"limit-created", "NUMBER", "100", fixed, "rooms that one person has created",
		limitOption(func(s *settings) *int { return &s.limits.PersonCreated })},
	{"limit-joined", "NUMBER", "1000", fixed, "rooms that one person is in at once",
		limitOption(func(s *settings) *int { return &s.limits.PersonRooms })},
	{"limit-occupants", "NUMBER", "20000", fixed, "people in a room; its owner can only lower it",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.Occupants })},
	{"limit-nicks", "NUMBER", "10", fixed, "nicks that one person has in a room at once",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.NicksPerPerson })},
	{"limit-sessions", "NUMBER", "20", fixed, "clients that share a nick",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.SessionsPerNick })},
	{"limit-body", "BYTES", "16384", fixed, "bytes of what is said in a message",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.BodyBytes })},
	{"limit-history", "NUMBER", "100", fixed, "messages that a room remembers for newcomers, whatever its owner chooses",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.History })},
	{"limit-affiliations", "NUMBER", "50000", fixed, "people and domains on the lists of a room",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.Affiliations })},
	{"limit-invites", "NUMBER", "1000", fixed, "invitations to a room that are open at once",
		limitOption(func(s *settings) *int { return &s.rooms.Limits.Invites })},
}

var runOptions = []option{
	{"stop", "HOW", "suspend", live, "what becomes of those inside when it stops: suspend (nobody is told, and the next start goes on with them), or farewell (they are put out, with status 332)",
		choiceOption(func(s *settings) *bool { return &s.farewell }, map[string]bool{"suspend": false, "farewell": true}, "must be suspend or farewell")},
	{"suspended", "TIME", "10m", fixed, "how long after the stop the next start goes on with them; later they are put out",
		durationOption(func(s *settings) *time.Duration { return &s.suspended })},
	{"drain", "TIME", "10s", live, "how long a stop may take until all is stored and sent",
		durationOption(func(s *settings) *time.Duration { return &s.drain })},
	{"metrics", "HOST:PORT", "", fixed, "where to serve Prometheus metrics, at /metrics; nowhere if empty",
		func(s *settings, v string) error {
			if s.metrics = v; v == "" {
				return nil
			}
			return address(v)
		}},
	{"admin-socket", "FILE", "", fixed, "the socket at which it takes commands of this machine, as list and show; the store's name with .sock if empty, or none",
		func(s *settings, v string) error { s.adminSocket = v; return nil }},
	{"log-level", "LEVEL", "info", live, "how much to log: debug, info, warn or error",
		func(s *settings, v string) error {
			if s.level.UnmarshalText([]byte(v)) != nil {
				return errors.New("must be debug, info, warn or error")
			}
			return nil
		}},
	{"log-format", "FORMAT", "text", fixed, "how to log, to standard error: text or json",
		choiceOption(func(s *settings) *bool { return &s.json }, map[string]bool{"text": false, "json": true}, "must be text or json")},
	{"log-addresses", "BOOL", "false", fixed, "whether the log names people by their address; if not, it has that of their server, but at level debug",
		boolOption(func(s *settings) *bool { return &s.logAddresses }, true)},
}
