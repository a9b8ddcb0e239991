package muc

import (
	"slices"
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
)

// The rows of the configuration table that are more than a value.

var whoisOptions = []form.Option{{Value: WhoisModerators.String(), Label: "Moderators"}, {Value: WhoisAnyone.String(), Label: "Everybody"}}

// passwordFlag has no flag behind it: a room is protected when its secret is not
// empty. RoomConfig.protect
// judges what it says beside a secret.
var passwordFlag = &configField{
	name: "muc#roomconfig_passwordprotectedroom", typ: "boolean", label: "Protect the room with the password below",
	get: func(c *RoomConfig) []string { return []string{form.Bool(c.Password != "")} },
	set: func(c *RoomConfig, v []string) error {
		if _, ok := form.ParseBool(form.First(v)); !ok {
			return fieldError("must be 1 or 0")
		}
		return nil
	},
}

var secret = &configField{
	name: "muc#roomconfig_roomsecret", typ: "text-private", label: "Password",
	get: func(c *RoomConfig) []string { return []string{c.Password} },
	set: func(c *RoomConfig, v []string) error {
		c.Password = form.First(v)
		return nil
	},
}

// maxUsersField takes any number, and offers those that people mostly want.
var maxUsersField = &configField{
	name: "muc#roomconfig_maxusers", typ: "list-single", label: "How many may be inside at once", open: true,
	options: append([]form.Option{{Value: noMaximum, Label: "No limit of its own"}},
		form.PlainOptions([]string{"10", "20", "30", "50", "100", "200", "500", "1000"})...),
	get: func(c *RoomConfig) []string {
		if c.MaxUsers == 0 {
			return []string{noMaximum}
		}
		return []string{strconv.Itoa(c.MaxUsers)}
	},
	set: func(c *RoomConfig, v []string) error {
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
	{Value: PMAnyone.String(), Label: "Everybody"},
	{Value: PMParticipants.String(), Label: "Participants and moderators"},
	{Value: PMModerators.String(), Label: "Moderators"},
	{Value: PMNone.String(), Label: "Nobody"},
	{Value: PMAffiliated.String(), Label: "Members, admins and owners"},
}

// pmAliases are other servers' words for the same.
var pmAliases = map[string]string{"everyone": "anyone", "visitor": "anyone", "participant": "participants",
	"moderator": "moderators", "nobody": "none", "members": "affiliated",
	// A server whose field is a boolean; it comes under the alias.
	"1": "anyone", "true": "anyone", "0": "none", "false": "none"}

var allowPM = &configField{
	name: "muc#roomconfig_allowpm", aliases: []string{"allow_private_messages"}, typ: "list-single",
	label: "Who may send private messages", options: pmOptions,
	get: func(c *RoomConfig) []string { return []string{option(pmOptions, int(c.AllowPM))} },
	set: func(c *RoomConfig, v []string) error {
		name := form.First(v)
		if standard, ok := pmAliases[name]; ok {
			name = standard
		}
		i := indexOf(pmOptions, name)
		if i < 0 {
			return fieldError("must be one of its options")
		}
		c.AllowPM = AllowPM(i)
		return nil
	},
}

var roleOptions = []form.Option{{Value: Moderator.String(), Label: "Moderators"}, {Value: Participant.String(), Label: "Participants"}, {Value: Visitor.String(), Label: "Visitors"}}

// presenceBroadcast lists the roles that everybody sees; "none" stands for the
// affiliated who are not inside.
var presenceBroadcast = &configField{
	name: "muc#roomconfig_presencebroadcast", typ: "list-multi", label: "Whose presence everybody sees",
	options: append(slices.Clone(roleOptions), form.Option{Value: RoleNone.String(), Label: "Members, admins and owners who are not inside"}),
	get: func(c *RoomConfig) []string {
		list := make([]string, 0, 4)
		for _, r := range presenceRoles {
			if c.Broadcasts(r) {
				list = append(list, r.String())
			}
		}
		if c.ShowAbsent {
			list = append(list, RoleNone.String())
		}
		return list
	},
	set: func(c *RoomConfig, v []string) error {
		shown, ok := event.ParseRoles(v)
		if !ok {
			return fieldError("must be one of its options")
		}
		c.ShowAbsent = shown.Has(RoleNone)
		c.HiddenRoles = Roles(presenceRoles...) &^ shown
		return nil
	},
}

var memberList = &configField{
	name: "muc#roomconfig_getmemberlist", typ: "list-multi", label: "Who may read the list of members, besides admins and owners",
	options: roleOptions,
	get: func(c *RoomConfig) []string {
		list := make([]string, 0, 3)
		for _, r := range presenceRoles {
			if c.MemberList.Has(r) {
				list = append(list, r.String())
			}
		}
		return list
	},
	set: func(c *RoomConfig, v []string) error {
		roles, ok := event.ParseRoles(v)
		if !ok || roles.Has(RoleNone) {
			return fieldError("must be one of its options")
		}
		c.MemberList = roles
		return nil
	},
}
