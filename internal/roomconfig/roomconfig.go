// Package roomconfig has the table of the fields of a room's configuration (XEP-0045 §10.2,
// §16.5.3), from which the form is made, submissions are checked, changes are listed and
// applied.
package roomconfig

import (
	"cmp"
	"errors"
	"math"
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

	maxInterval = 7 * 24 * 3600 // in seconds
)

// Field is a row of the table: one field of the form that owners fill in (XEP-0045
// §10.1.3, §16.5.3).
type Field struct {
	Heading string // before it in the form, empty for none
	Name    string
	Aliases []string
	long    bool   // holds up to Limits.FieldBytes, not NameBytes
	Type    string // of XEP-0004
	Label   string
	Options []form.Option
	Open    bool // takes values beside the options
	Lo, Hi  int  // range of a number, if Hi > Lo
	// Get reads the field's values out of a configuration.
	Get func(c *event.RoomConfig) []string
	// Set checks values and stores them in a configuration; the text of its error is for
	// the owner.
	Set func(c *event.RoomConfig, values []string) error
}

var errOption = errors.New("must be one of its options")

// Fields is the table, in the order of the form.
var Fields = []*Field{
	text("muc#roomconfig_roomname", "Name of the room", func(c *event.RoomConfig) *string { return &c.Name }).under("The room"),
	text("muc#roomconfig_roomdesc", "Description of the room", func(c *event.RoomConfig) *string { return &c.Description }).longer(),
	text("muc#roomconfig_lang", "Language that is spoken in the room, such as en or pt-BR", func(c *event.RoomConfig) *string { return &c.Lang }),
	boolean("muc#roomconfig_persistentroom", "Keep the room when nobody is inside", false,
		func(c *event.RoomConfig) *bool { return &c.Persistent }),
	boolean("muc#roomconfig_publicroom", "List the room publicly", true,
		func(c *event.RoomConfig) *bool { return &c.Hidden }).under("Who finds the room, and who enters"),
	boolean("public_list", "Show strangers who is inside", false,
		func(c *event.RoomConfig) *bool { return &c.ListOccupants }),
	boolean("muc#roomconfig_membersonly", "Only members may enter", false,
		func(c *event.RoomConfig) *bool { return &c.MembersOnly }),
	boolean("muc#roomconfig_allowinvites", "Members may invite others", false,
		func(c *event.RoomConfig) *bool { return &c.AllowInvites }).
		also("{" + ns.ProsodyMUC + "}roomconfig_allowmemberinvites"),
	PasswordFlag,
	Password,
	maxUsersField,
	choice("muc#roomconfig_whois", "Who may see the real addresses of occupants",
		func(c *event.RoomConfig) *event.Whois { return &c.Whois }, "Moderators", "Everybody").under("Who sees whom"),
	presenceBroadcast,
	memberList,
	boolean("muc#roomconfig_moderatedroom", "Only people with voice may speak", false,
		func(c *event.RoomConfig) *bool { return &c.Moderated }).under("Who says what to whom"),
	boolean("muc#roomconfig_changesubject", "Participants may change the subject", false,
		func(c *event.RoomConfig) *bool { return &c.OpenSubject }),
	number("muc#roomconfig_slow_mode_duration", "Slow mode: seconds between two messages of the same person, 0 for none", 0, maxInterval,
		func(c *event.RoomConfig) int { return int(c.SlowWait() / time.Second) },
		func(c *event.RoomConfig, n int) { c.SlowMode = time.Duration(n) * time.Second }),
	ForwardMentions,
	allowPM,
	boolean("{xmpp:prosody.im}muc#allow_modpm", "Private messages to moderators are always allowed", false,
		func(c *event.RoomConfig) *bool { return &c.ModeratorPM }),
	boolean("allow_query_users", "Occupants may send requests to the clients of others", true,
		func(c *event.RoomConfig) *bool { return &c.NoQueries }).also("muc#roomconfig_allow_query_users"),
	boolean("muc#roomconfig_allowvisitornickchange", "Visitors may change their nick", true,
		func(c *event.RoomConfig) *bool { return &c.NoVisitorNickChange }).also("allow_visitor_nickchange").under("Visitors, who have no voice"),
	boolean("muc#roomconfig_allowvisitorstatus", "Visitors may show a status text", true,
		func(c *event.RoomConfig) *bool { return &c.NoVisitorStatus }).also("allow_visitor_status"),
	boolean("allow_voice_requests", "Visitors may ask for voice", true,
		func(c *event.RoomConfig) *bool { return &c.NoVoiceRequests }).also("muc#roomconfig_allowvoicerequests"),
	number("voice_request_min_interval", "Seconds that a visitor has to wait before asking for voice again", 0, maxInterval,
		func(c *event.RoomConfig) int { return int(math.Ceil(c.VoiceWait().Seconds())) },
		func(c *event.RoomConfig, n int) { c.VoiceInterval = cmp.Or(time.Duration(n)*time.Second, -1) }).
		also("muc#roomconfig_voicerequestmininterval"),
	number("muc#maxhistoryfetch", "How many of the last messages people see who enter", 0, maxHistory,
		func(c *event.RoomConfig) int { return c.HistoryLength() },
		func(c *event.RoomConfig, n int) { c.History = cmp.Or(n, -1) }).
		also("muc#roomconfig_historylength", "muc#roomconfig_maxhistoryfetch").under("What is kept of the conversation"),
	boolean("muc#roomconfig_enablearchiving", "Archive: messages are kept, and who may enter the room may read them later", true,
		func(c *event.RoomConfig) *bool { return &c.NoArchive }).also("mam", "muc#roomconfig_mam"),
	boolean("muc#roomconfig_enablelogging", "Public log: somebody publishes what is said, where everybody may read it", false,
		func(c *event.RoomConfig) *bool { return &c.Logging }),
}

// Valid reports whether some room can have this configuration, under any limits.
func Valid(c *event.RoomConfig) bool {
	for _, f := range Fields {
		for _, v := range f.Get(c) {
			if !xmlwire.ValidText(v) || !f.offers(v) {
				return false
			}
		}
	}
	return true
}

// offers reports whether a value may be chosen.
func (f *Field) offers(value string) bool {
	return f.Open || len(f.Options) == 0 || IndexOf(f.Options, value) >= 0
}

// IndexOf is the index of the option with a value, -1 if there is none.
func IndexOf(options []form.Option, value string) int {
	return slices.IndexFunc(options, func(o form.Option) bool { return o.Value == value })
}

// Named finds a field by its name or an alias, or nil.
func Named(name string) *Field {
	for _, f := range Fields {
		if f.Name == name || slices.Contains(f.Aliases, name) {
			return f
		}
	}
	return nil
}

// Changes lists the fields in which two configurations differ, in the order of the form.
func Changes(old, new *event.RoomConfig) []event.ConfigChange {
	var list []event.ConfigChange
	for _, f := range Fields {
		if f == PasswordFlag {
			continue // it follows from the password
		}
		was, is := f.Get(old), f.Get(new)
		if !slices.Equal(was, is) {
			list = append(list, event.ConfigChange{Var: f.Name, Old: was, New: is})
		}
	}
	return list
}

func (f *Field) also(aliases ...string) *Field {
	f.Aliases = aliases
	return f
}

func (f *Field) under(heading string) *Field {
	f.Heading = heading
	return f
}

// longer lets a field hold more than a name.
func (f *Field) longer() *Field {
	f.long = true
	return f
}

// MayHold reports whether no value is too long for the field: for long fields and for
// others there are limits in bytes. Unchanged values may be longer, from earlier limits.
func (f *Field) MayHold(field, name int, was, values []string) bool {
	most := field
	if !f.long {
		most = min(most, name)
	}
	return slices.Equal(was, values) || !slices.ContainsFunc(values, func(v string) bool { return len(v) > most })
}

func text(name, label string, at func(c *event.RoomConfig) *string) *Field {
	return &Field{Name: name, Type: "text-single", Label: label,
		Get: func(c *event.RoomConfig) []string { return []string{*at(c)} },
		Set: func(c *event.RoomConfig, v []string) error {
			*at(c) = form.First(v)
			return nil
		}}
}

// boolean makes a row for a flag; inverted when the field is on where the flag
// is off.
func boolean(name, label string, inverted bool, at func(c *event.RoomConfig) *bool) *Field {
	return &Field{Name: name, Type: "boolean", Label: label,
		Get: func(c *event.RoomConfig) []string { return []string{form.Bool(*at(c) != inverted)} },
		Set: func(c *event.RoomConfig, v []string) error {
			on, ok := form.ParseBool(form.First(v))
			if !ok {
				return errors.New("must be 1 or 0")
			}
			*at(c) = on != inverted
			return nil
		}}
}

func number(name, label string, lo, hi int, get func(c *event.RoomConfig) int, set func(c *event.RoomConfig, n int)) *Field {
	return &Field{Name: name, Type: "text-single", Label: label, Lo: lo, Hi: hi,
		Get: func(c *event.RoomConfig) []string { return []string{strconv.Itoa(get(c))} },
		Set: func(c *event.RoomConfig, v []string) error {
			n, err := strconv.Atoi(form.First(v))
			if err != nil || n < lo || n > hi {
				return errors.New("must be a number from " + strconv.Itoa(lo) + " to " + strconv.Itoa(hi))
			}
			set(c, n)
			return nil
		}}
}

// choice makes a row for a value that is one of several, all of which have labels.
func choice[T interface {
	~uint8
	String() string
}](name, label string, at func(c *event.RoomConfig) *T, labels ...string) *Field {
	f := &Field{Name: name, Type: "list-single", Label: label,
		Get: func(c *event.RoomConfig) []string { return []string{(*at(c)).String()} }}
	for i, label := range labels {
		f.Options = append(f.Options, form.Option{Value: T(i).String(), Label: label})
	}
	f.Set = func(c *event.RoomConfig, v []string) error {
		i := IndexOf(f.Options, form.First(v))
		if i < 0 {
			return errOption
		}
		*at(c) = T(i)
		return nil
	}
	return f
}

// naming lets a field take other names for its options.
func (f *Field) naming(others map[string]string) *Field {
	set := f.Set
	f.Set = func(c *event.RoomConfig, v []string) error {
		if standard, ok := others[form.First(v)]; ok {
			v = []string{standard}
		}
		return set(c, v)
	}
	return f
}

// roles makes a row for a set of roles.
func roles(name, label string, get func(c *event.RoomConfig) event.RoleSet, set func(c *event.RoomConfig, is event.RoleSet),
	options []form.Option) *Field {
	return &Field{Name: name, Type: "list-multi", Label: label, Options: options,
		Get: func(c *event.RoomConfig) []string {
			list := make([]string, 0, len(options))
			for _, o := range options {
				if r, _ := event.ParseRole(o.Value); get(c).Has(r) {
					list = append(list, o.Value)
				}
			}
			return list
		},
		Set: func(c *event.RoomConfig, v []string) error {
			is, ok := event.ParseRoles(v)
			if !ok || slices.ContainsFunc(v, func(role string) bool { return IndexOf(options, role) < 0 }) {
				return errOption
			}
			set(c, is)
			return nil
		}}
}
