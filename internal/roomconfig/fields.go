package roomconfig

import (
	"errors"
	"slices"
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
)

// The fields that are more than one value of RoomConfig.

// PasswordFlag is the field that says whether a password is needed. It sets nothing: a room
// is protected if its password is not empty. What it says is judged together with the
// password, in muc/owner.go.
var PasswordFlag = boolean("muc#roomconfig_passwordprotectedroom", "Protect the room with the password below", false,
	func(c *event.RoomConfig) *bool {
		protected := c.Password != ""
		return &protected
	})

// Password is the field of the password.
var Password = &Field{
	Name: "muc#roomconfig_roomsecret", Type: "text-private", Label: "Password",
	Get: func(c *event.RoomConfig) []string { return []string{c.Password} },
	Set: func(c *event.RoomConfig, v []string) error {
		c.Password = form.First(v)
		return nil
	},
}

// ForwardMentions is a field that is in the form only where the host lets rooms forward
// mentions.
var ForwardMentions = boolean("muc#roomconfig_forwardmentions", "Forward messages to people who are mentioned in them, have reserved a nick and are not inside", false,
	func(c *event.RoomConfig) *bool { return &c.ForwardMentions })

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
			return errors.New("must be “none” or a number up to " + strconv.Itoa(maxUsers))
		}
		c.MaxUsers = n
		return nil
	},
}

const noMaximum = "none"

// pmAliases are the names of other servers for these options.
var pmAliases = map[string]string{"everyone": "anyone", "visitor": "anyone", "participant": "participants",
	"moderator": "moderators", "nobody": "none", "members": "affiliated",
	// A server whose field is a boolean; it comes under the alias.
	"1": "anyone", "true": "anyone", "0": "none", "false": "none"}

var allowPM = choice("muc#roomconfig_allowpm", "Who may send private messages", func(c *event.RoomConfig) *event.AllowPM { return &c.AllowPM },
	"Everybody", "Participants and moderators", "Moderators", "Nobody", "Members, admins and owners").
	also("allow_private_messages").naming(pmAliases)

// presenceBroadcast lists the roles that everybody sees; "none" stands for the
// affiliated who are not inside.
var presenceBroadcast = roles("muc#roomconfig_presencebroadcast", "Whose presence everybody sees",
	func(c *event.RoomConfig) event.RoleSet {
		shown := present &^ c.HiddenRoles
		if c.ShowAbsent {
			shown |= absent
		}
		return shown
	},
	func(c *event.RoomConfig, shown event.RoleSet) {
		c.ShowAbsent, c.HiddenRoles = shown.Has(event.RoleNone), present&^shown
	}, append(slices.Clone(roleOptions), form.Option{Value: event.RoleNone.String(), Label: "Members, admins and owners who are not inside"}))

var (
	present = event.Roles(event.Moderator, event.Participant, event.Visitor)
	absent  = event.Roles(event.RoleNone)
)

var memberList = roles("muc#roomconfig_getmemberlist", "Who may read the list of members, besides admins and owners",
	func(c *event.RoomConfig) event.RoleSet { return c.MemberList },
	func(c *event.RoomConfig, readers event.RoleSet) { c.MemberList = readers }, roleOptions)

var roleOptions = []form.Option{{Value: event.Moderator.String(), Label: "Moderators"},
	{Value: event.Participant.String(), Label: "Participants"}, {Value: event.Visitor.String(), Label: "Visitors"}}
