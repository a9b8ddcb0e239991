package muc

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
)

const (
	maxHistory = 1000
	maxUsers   = 1000000

	maxVoiceInterval = 7 * 24 * 3600
)

// configField is a row of the table of the room configuration: one field of the
// form that owners fill in (XEP-0045 §10.1.3, §16.5.3). The table makes the form,
// judges what is submitted, tells what changed, replays it, and feeds disco.
type configField struct {
	heading string // that stands before it in the form, if any
	name    string
	aliases []string
	long    bool   // holds up to Limits.FieldBytes, not NameBytes
	typ     string // of XEP-0004
	label   string
	options []form.Option
	open    bool // takes values beside the options
	lo, hi  int  // range of a number, if hi > lo
	get     func(c *RoomConfig) []string
	// set judges and applies values that have the right type; an error text is for
	// the owner.
	set func(c *RoomConfig, values []string) error
}

type fieldError string

func (e fieldError) Error() string { return string(e) }

var presenceRoles = []Role{Moderator, Participant, Visitor}

// configFields is the table, in the order of the form.
var configFields = []*configField{
	text("muc#roomconfig_roomname", "Name of the room", func(c *RoomConfig) *string { return &c.Name }).under("The room"),
	text("muc#roomconfig_roomdesc", "Description of the room", func(c *RoomConfig) *string { return &c.Description }).longer(),
	text("muc#roomconfig_lang", "Language that is spoken in the room, such as en or pt-BR", func(c *RoomConfig) *string { return &c.Lang }),
	boolean("muc#roomconfig_persistentroom", "Keep the room when nobody is inside", false,
		func(c *RoomConfig) *bool { return &c.Persistent }),
	boolean("muc#roomconfig_publicroom", "List the room publicly", true,
		func(c *RoomConfig) *bool { return &c.Hidden }).under("Who finds the room, and who enters"),
	boolean("public_list", "Show strangers who is inside", false,
		func(c *RoomConfig) *bool { return &c.ListOccupants }),
	boolean("muc#roomconfig_membersonly", "Only members may enter", false,
		func(c *RoomConfig) *bool { return &c.MembersOnly }),
	boolean("muc#roomconfig_allowinvites", "Members may invite others", false,
		func(c *RoomConfig) *bool { return &c.AllowInvites }).
		also("{" + ns.ProsodyMUC + "}roomconfig_allowmemberinvites"),
	passwordFlag,
	secret,
	maxUsersField,
	choice("muc#roomconfig_whois", "Who may see the real addresses of occupants", whoisOptions,
		func(c *RoomConfig) int { return int(c.Whois) }, func(c *RoomConfig, i int) { c.Whois = Whois(i) }).under("Who sees whom"),
	presenceBroadcast,
	memberList,
	boolean("muc#roomconfig_moderatedroom", "Only people with voice may speak", false,
		func(c *RoomConfig) *bool { return &c.Moderated }).under("Who says what to whom"),
	boolean("muc#roomconfig_changesubject", "Participants may change the subject", false,
		func(c *RoomConfig) *bool { return &c.OpenSubject }),
	allowPM,
	boolean("{xmpp:prosody.im}muc#allow_modpm", "Private messages to moderators are always allowed", false,
		func(c *RoomConfig) *bool { return &c.ModeratorPM }),
	boolean("allow_query_users", "Occupants may send requests to the clients of others", true,
		func(c *RoomConfig) *bool { return &c.NoQueries }).also("muc#roomconfig_allow_query_users"),
	boolean("muc#roomconfig_allowvisitornickchange", "Visitors may change their nick", true,
		func(c *RoomConfig) *bool { return &c.NoVisitorNickChange }).also("allow_visitor_nickchange").under("Visitors, who have no voice"),
	boolean("muc#roomconfig_allowvisitorstatus", "Visitors may show a status text", true,
		func(c *RoomConfig) *bool { return &c.NoVisitorStatus }).also("allow_visitor_status"),
	boolean("allow_voice_requests", "Visitors may ask for voice", true,
		func(c *RoomConfig) *bool { return &c.NoVoiceRequests }).also("muc#roomconfig_allowvoicerequests"),
	number("voice_request_min_interval", "Seconds that a visitor has to wait before asking for voice again", 0, maxVoiceInterval,
		func(c *RoomConfig) int { return int(c.VoiceWait() / time.Second) },
		func(c *RoomConfig, n int) { c.VoiceInterval = cmp.Or(n, -1) }).
		also("muc#roomconfig_voicerequestmininterval"),
	number("muc#maxhistoryfetch", "How many of the last messages people see who enter", 0, maxHistory,
		func(c *RoomConfig) int { return c.HistoryLength() },
		func(c *RoomConfig, n int) { c.History = cmp.Or(n, -1) }).
		also("muc#roomconfig_historylength", "muc#roomconfig_maxhistoryfetch").under("What is kept of the conversation"),
	boolean("muc#roomconfig_enablearchiving", "Archive: messages are kept, and who may enter the room may read them later", true,
		func(c *RoomConfig) *bool { return &c.NoArchive }).also("mam", "muc#roomconfig_mam"),
	boolean("muc#roomconfig_enablelogging", "Public log: somebody publishes what is said, where everybody may read it", false,
		func(c *RoomConfig) *bool { return &c.Logging }),
}

// sound reports whether some room can have been configured so, under whatever
// limits.
func soundConfig(c *RoomConfig) bool {
	for _, f := range configFields {
		for _, v := range f.get(c) {
			if !xmlwire.ValidText(v) || !f.offers(v) {
				return false
			}
		}
	}
	return true
}

// offers reports whether a value is one that may be chosen.
func (f *configField) offers(value string) bool {
	return f.open || len(f.options) == 0 || indexOf(f.options, value) >= 0
}

// option is the name of a choice; empty for one that there is not.
func option(options []form.Option, i int) string {
	if i < 0 || i >= len(options) {
		return ""
	}
	return options[i].Value
}

// indexOf is the place of a choice; -1 for one that there is not.
func indexOf(options []form.Option, value string) int {
	return slices.IndexFunc(options, func(o form.Option) bool { return o.Value == value })
}

// configFieldNamed finds a row by its name or an alias.
func configFieldNamed(name string) *configField {
	for _, f := range configFields {
		if f.name == name || slices.Contains(f.aliases, name) {
			return f
		}
	}
	return nil
}

// changes lists what differs between two configurations, in the order of the
// form: how a configuration becomes an event.
func changes(old, new *RoomConfig) []event.ConfigChange {
	var list []event.ConfigChange
	for _, f := range configFields {
		if f == passwordFlag {
			continue // it follows from the secret
		}
		was, is := f.get(old), f.get(new)
		if !slices.Equal(was, is) {
			list = append(list, event.ConfigChange{Var: f.name, Old: was, New: is})
		}
	}
	return list
}

func (f *configField) also(aliases ...string) *configField {
	f.aliases = aliases
	return f
}

func (f *configField) under(heading string) *configField {
	f.heading = heading
	return f
}

// The kinds of rows.

// longer lets a field hold more than a name.
func (f *configField) longer() *configField {
	f.long = true
	return f
}

// mayHold judges the size of what is to stand in a field, by the limits for any field
// and for short ones. What stands in it already may be longer, by other limits.
func (f *configField) mayHold(field, name int, was, values []string) bool {
	most := field
	if !f.long {
		most = min(most, name)
	}
	return slices.Equal(was, values) || !slices.ContainsFunc(values, func(v string) bool { return len(v) > most })
}

func text(name, label string, at func(c *RoomConfig) *string) *configField {
	return &configField{name: name, typ: "text-single", label: label,
		get: func(c *RoomConfig) []string { return []string{*at(c)} },
		set: func(c *RoomConfig, v []string) error {
			*at(c) = form.First(v)
			return nil
		}}
}

// boolean makes a row for a flag; inverted when the field is on where the flag
// is off.
func boolean(name, label string, inverted bool, at func(c *RoomConfig) *bool) *configField {
	return &configField{name: name, typ: "boolean", label: label,
		get: func(c *RoomConfig) []string { return []string{form.Bool(*at(c) != inverted)} },
		set: func(c *RoomConfig, v []string) error {
			on, ok := form.ParseBool(form.First(v))
			if !ok {
				return fieldError("must be 1 or 0")
			}
			*at(c) = on != inverted
			return nil
		}}
}

func number(name, label string, lo, hi int, get func(c *RoomConfig) int, set func(c *RoomConfig, n int)) *configField {
	return &configField{name: name, typ: "text-single", label: label, lo: lo, hi: hi,
		get: func(c *RoomConfig) []string { return []string{strconv.Itoa(get(c))} },
		set: func(c *RoomConfig, v []string) error {
			n, err := strconv.Atoi(form.First(v))
			if err != nil || n < lo || n > hi {
				return fieldError("must be a number from " + strconv.Itoa(lo) + " to " + strconv.Itoa(hi))
			}
			set(c, n)
			return nil
		}}
}

func choice(name, label string, options []form.Option, get func(c *RoomConfig) int, set func(c *RoomConfig, i int)) *configField {
	return &configField{name: name, typ: "list-single", label: label, options: options,
		get: func(c *RoomConfig) []string { return []string{option(options, get(c))} },
		set: func(c *RoomConfig, v []string) error {
			i := indexOf(options, form.First(v))
			if i < 0 {
				return fieldError("must be one of its options")
			}
			set(c, i)
			return nil
		}}
}
