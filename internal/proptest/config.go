package proptest

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// anyConfig is what a host may decide about its rooms. The limits are small, so that
// histories meet them.
func anyConfig(t *rapid.T) muc.Config {
	yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
	cfg := muc.Config{Room: roomJID, Secret: []byte(secret), Limits: smallLimits}
	if rapid.IntRange(0, 3).Draw(t, "crowded") == 3 {
		cfg.Limits.Occupants = crowded
	}
	if yes("narrow") {
		cfg.Limits.OutboundBytes, cfg.Limits.PageBytes = 28000, rapid.SampledFrom([]int{1, 400, 1400}).Draw(t, "page")
	}
	if rapid.IntRange(0, 7).Draw(t, "roomy") == 7 {
		cfg.Limits = roomyLimits
	}
	cfg.Instant = rapid.IntRange(0, 3).Draw(t, "instant") < 3
	cfg.Registration = muc.Registration(rapid.IntRange(0, 3).Draw(t, "registration"))
	cfg.NickLockdown = muc.Lockdown(rapid.IntRange(0, 2).Draw(t, "lockdown"))
	cfg.SelfKick, cfg.TellAbsent, cfg.LegacyInvites = yes("selfKick"), yes("tellAbsent"), yes("legacyInvites")
	cfg.EndUnconfigured, cfg.CreateByForm, cfg.Tombstones = yes("endUnconfigured"), yes("createByForm"), yes("tombstones")
	cfg.VisitorsInvite, cfg.SpeakFromOutside = yes("visitorsInvite"), yes("speakFromOutside")
	cfg.ForwardMentions = yes("forwardMentions")
	cfg.Archive, cfg.ShowActivity, cfg.AvatarPresence = yes("archive"), yes("showActivity"), yes("avatarPresence")
	cfg.Defaults = anyRoomConfig(t)
	if yes("asksJoin") {
		cfg.AsksJoin = func(q policy.Join) bool { return q.JID.Bare().String() == users[4] }
	}
	if yes("isOwner") {
		cfg.IsOwner = func(j muc.JID) bool { return j.Bare().String() == users[3] }
	}
	if yes("isBlocked") {
		cfg.IsBlocked = func(j muc.JID) bool { return j.Bare().String() == users[2] || j.Domain() == crowd[1:] }
	}
	if yes("rates") {
		cfg.Rates.Messages = muc.Rate{Burst: 2, Every: 20 * time.Second}
		cfg.Rates.Presence = muc.Rate{Burst: 3, Every: 10 * time.Second}
	}
	if yes("strict") {
		cfg.Nick = muc.StrictNick
	}
	if yes("patient") {
		cfg.LockTimeout, cfg.RegistrationTimeout, cfg.InviteTimeout, cfg.QuestionTimeout = -1, -1, 100*time.Hour, time.Hour
	}
	if yes("talkative") {
		cfg.Info = []muc.InfoField{{Var: "muc#roominfo_contactjid", Label: "Contact", Values: []string{"help@rooms.example"}}}
		cfg.Label = func(lang, field, label string) string { return lang + label }
		cfg.RegistrationFields = []muc.RegistrationField{{Var: "muc#register_first", Label: "First name", Type: muc.TextSingle}}
	}
	if yes("policies") {
		policies(&cfg)
	}
	cfg.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
	return cfg
}

// crowded is how many occupants a big room takes: more than a room keeps in the
// simple lists of small ones.
const crowded = 16

var smallLimits = muc.Limits{ListChanges: 4, History: 5, HistoryBytes: 1500, SessionsPerNick: 3, NicksPerPerson: 4, Occupants: 8, AdminReserve: 1,
	Affiliations: 12, Questions: 3, PersonQuestions: 2, Privates: 4, Relays: 4, PersonRelays: 2, RateShares: 6, Invites: 5, PersonInvites: 2, Registrations: 2, VoiceRequests: 2,
	StanzaBytes: 3000, PresenceBytes: 300, StatusBytes: 150, SubjectBytes: 200, BodyBytes: 600, ReasonBytes: 100,
	FieldBytes: 200, NameBytes: 40, ItemsPerSet: 4, ListItems: 5, ArchivePage: 3, VCardBytes: 600, Hats: 3, HatBytes: 90, PersonHats: 2, HatWearers: 3}

// roomyLimits are met by floods alone.
var roomyLimits = muc.Limits{ListChanges: 40, History: 50, HistoryBytes: 20_000, SessionsPerNick: 10, NicksPerPerson: 10, Occupants: 40, AdminReserve: 4,
	Affiliations: 100, Questions: 30, PersonQuestions: 20, Privates: 50, Relays: 30, PersonRelays: 20, RateShares: 50, Invites: 50, PersonInvites: 20,
	Registrations: 20, VoiceRequests: 20, StanzaBytes: 10_000, PresenceBytes: 2000, StatusBytes: 1000, SubjectBytes: 2000, BodyBytes: 6000,
	ReasonBytes: 1000, FieldBytes: 500, NameBytes: 100, ItemsPerSet: 20, ListItems: 30, ArchivePage: 10, VCardBytes: 2000, Hats: 4, HatBytes: 300, PersonHats: 3, HatWearers: 40}

// policies are those of a host that says no now and then.
func policies(cfg *muc.Config) {
	no := &muc.StanzaError{Condition: stanza.NotAllowed, Text: "not here", Section: "host"}
	when := func(said bool) *muc.StanzaError {
		if said {
			return no
		}
		return nil
	}
	cfg.Policy.Join = func(q policy.Join) *muc.StanzaError { return when(q.Nick == "Cyd") }
	cfg.Policy.Speak = func(q policy.Speak) *muc.StanzaError { return when(strings.Contains(q.Payload, "eins")) }
	cfg.Policy.Invite = func(q policy.Invite) *muc.StanzaError { return when(q.Invitee.Local() == "eve") }
	cfg.Policy.Register = func(q policy.Register) *muc.StanzaError { return when(q.JID.Local() == "carol") }
	cfg.Policy.Affiliate = func(q policy.Affiliate) *muc.StanzaError {
		return when(q.New == muc.Admin && q.JID.Local() == "bob")
	}
	cfg.Policy.Configure = func(q policy.Configure) *muc.StanzaError { return when(q.New.Logging) }
	cfg.InviteBody = func(inv muc.Invitation) string { return "come to " + inv.Room.String() + ": " + inv.Reason }
}

// anyRoomConfig is a configuration that a host may choose for a room.
func anyRoomConfig(t *rapid.T) muc.RoomConfig {
	yes := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 3 }
	c := muc.RoomConfig{Persistent: !yes("temporary"), Hidden: yes("hidden"), ListOccupants: yes("listOccupants"),
		MembersOnly: yes("membersOnly"), Moderated: rapid.Bool().Draw(t, "moderated"), OpenSubject: yes("openSubject"), AllowInvites: yes("allowInvites"),
		ModeratorPM: yes("moderatorPM"), ShowAbsent: yes("showAbsent"), Logging: yes("logging"), NoArchive: yes("noArchive"),
		NoVisitorNickChange: yes("noVisitorNickChange"), NoQueries: yes("noQueries"), NoVoiceRequests: yes("noVoiceRequests"),
		NoVisitorStatus: yes("noVisitorStatus")}
	if yes("nonAnonymous") {
		c.Whois = muc.WhoisAnyone
	}
	if yes("password") {
		c.Password = password
	}
	c.AllowPM = muc.AllowPM(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}).Draw(t, "allowPM"))
	c.MaxUsers = rapid.SampledFrom([]int{0, 0, 0, 3}).Draw(t, "maxUsers")
	c.History = rapid.SampledFrom([]int{0, 0, -1, 2}).Draw(t, "history")
	c.VoiceInterval = rapid.SampledFrom([]time.Duration{0, -1, time.Minute}).Draw(t, "voiceInterval")
	c.ForwardMentions = rapid.Bool().Draw(t, "forwardMentions")
	c.SlowMode = rapid.SampledFrom([]time.Duration{0, 0, -1, 1500 * time.Millisecond, time.Minute}).Draw(t, "slowMode")
	c.HiddenRoles = rapid.SampledFrom([]muc.RoleSet{0, 0, 0, muc.Roles(muc.Visitor), muc.Roles(muc.Visitor, muc.Participant)}).Draw(t, "hiddenRoles")
	return c
}
