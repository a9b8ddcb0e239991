package roomconfig

import (
	"slices"
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
)

// The fields that are more than one value of RoomConfig.

var whoisOptions = []form.Option{{Value: event.WhoisModerators.String(), Label: "Moderators"}, {Value: event.WhoisAnyone.String(), Label: "Everybody"}}

// PasswordFlag is the field that says whether a password is needed. It sets nothing: a room
// is protected if its password is not empty. What it says is judged together with the
// password, in muc/owner.go.
var PasswordFlag = &Field{
	Name: "muc#roomconfig_passwordprotectedroom", Type: "boolean", Label: "Protect the room with the password below",
	Get: func(c *event.RoomConfig) []string { return []string{form.Bool(c.Password != "")} },
	Set: func(c *event.RoomConfig, v []string) error {
		if _, ok := form.ParseBool(form.First(v)); !ok {
			return fieldError("must be 1 or 0")
		}
		return nil
	},
}

// Password is the field of the password.
var Password = &Field{
	Name: "muc#roomconfig_roomsecret", Type: "text-private", Label: "Password",
	Get: func(c *event.RoomConfig) []string { return []string{c.Password} },
	Set: func(c *event.RoomConfig, v []string) error {
		c.Password = form.First(v)
		return nil
	},
}

// maxUsersField takes any number and offers the usual ones.
var maxUsersField = &Field{
	Name: "muc#roomconfig_maxusers", Type: "list-single", Label: "How many may be inside at once", Open: true,
	Options: append([]form.Option{{Value: noMaximum, Label: "No limit of its own"}},
		form.PlainOptions([]string{"10", "20", "30", "50", "100", "200", "500", "1000"})...),
	Get: func(c *event.RoomConfig) []string {
		if c.MaxUsers == 0 {
			return []string{noMaximum}
		}
		return []string{strconv.Itoa(c.MaxUsers)}
	},
	Set: func(c *event.RoomConfig, v []string) error {
		if form.First(v) == noMaximum {
			c.MaxUsers = 0
			return nil
		}
		n, err := strconv.Atoi(form.First(v))
		if err != nil || n < 0 || n > maxUsers {
			return fieldError("must be “none” or a number up to " + strconv.Itoa(maxUsers))
		}
		c.MaxUsers = n
		return nil
	},
}

const noMaximum = "none"

var pmOptions = []form.Option{
	{Value: event.PMAnyone.String(), Label: "Everybody"},
	{Value: event.PMParticipants.String(), Label: "Participants and moderators"},
	{Value: event.PMModerators.String(), Label: "Moderators"},
	{Value: event.PMNone.String(), Label: "Nobody"},
	{Value: event.PMAffiliated.String(), Label: "Members, admins and owners"},
}

// pmAliases are the names of other servers for these options.
var pmAliases = map[string]string{"everyone": "anyone", "visitor": "anyone", "participant": "participants",
	"moderator": "moderators", "nobody": "none", "members": "affiliated",
	// A server whose field is a boolean; it comes under the alias.
	"1": "anyone", "true": "anyone", "0": "none", "false": "none"}

var allowPM = &Field{
	Name: "muc#roomconfig_allowpm", Aliases: []string{"allow_private_messages"}, Type: "list-single",
	Label: "Who may send private messages", Options: pmOptions,
	Get: func(c *event.RoomConfig) []string { return []string{option(pmOptions, int(c.AllowPM))} },
	Set: func(c *event.RoomConfig, v []string) error {
		name := form.First(v)
		if standard, ok := pmAliases[name]; ok {
			name = standard
		}
		i := IndexOf(pmOptions, name)
		if i < 0 {
			return fieldError("must be one of its options")
		}
		c.AllowPM = event.AllowPM(i)
		return nil
	},
}

var roleOptions = []form.Option{{Value: event.Moderator.String(), Label: "Moderators"}, {Value: event.Participant.String(), Label: "Participants"}, {Value: event.Visitor.String(), Label: "Visitors"}}

// presenceBroadcast lists the roles that everybody sees; "none" stands for the
// affiliated who are not inside.
var presenceBroadcast = &Field{
	Name: "muc#roomconfig_presencebroadcast", Type: "list-multi", Label: "Whose presence everybody sees",
	Options: append(slices.Clone(roleOptions), form.Option{Value: event.RoleNone.String(), Label: "Members, admins and owners who are not inside"}),
	Get: func(c *event.RoomConfig) []string {
		list := make([]string, 0, 4)
		for _, r := range presenceRoles {
			if c.Broadcasts(r) {
				list = append(list, r.String())
			}
		}
		if c.ShowAbsent {
			list = append(list, event.RoleNone.String())
		}
		return list
	},
	Set: func(c *event.RoomConfig, v []string) error {
		shown, ok := event.ParseRoles(v)
		if !ok {
			return fieldError("must be one of its options")
		}
		c.ShowAbsent = shown.Has(event.RoleNone)
		c.HiddenRoles = event.Roles(presenceRoles...) &^ shown
		return nil
	},
}

var memberList = &Field{
	Name: "muc#roomconfig_getmemberlist", Type: "list-multi", Label: "Who may read the list of members, besides admins and owners",
	Options: roleOptions,
	Get: func(c *event.RoomConfig) []string {
		list := make([]string, 0, 3)
		for _, r := range presenceRoles {
			if c.MemberList.Has(r) {
				list = append(list, r.String())
			}
		}
		return list
	},
	Set: func(c *event.RoomConfig, v []string) error {
		roles, ok := event.ParseRoles(v)
		if !ok || roles.Has(event.RoleNone) {
			return fieldError("must be one of its options")
		}
		c.MemberList = roles
		return nil
	},
}
