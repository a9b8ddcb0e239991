package muc

import "slices"

// The rows of the configuration table that are more than a value.

// passwordFlag has no flag behind it: a room is protected when its secret is not
// empty. Off clears the secret; on without a secret is refused by the form.
var passwordFlag = &configField{
	name: "muc#roomconfig_passwordprotectedroom", typ: "boolean", label: "A password is needed to enter",
	get: func(c *RoomConfig) []string { return []string{formBool(c.Password != "")} },
	set: func(c *RoomConfig, v []string) error {
		on, ok := parseFormBool(first(v))
		if !ok {
			return fieldError("must be 1 or 0")
		}
		if !on {
			c.Password = ""
		}
		return nil
	},
}

var secret = &configField{
	name: "muc#roomconfig_roomsecret", typ: "text-private", label: "The password",
	get: func(c *RoomConfig) []string { return []string{c.Password} },
	set: func(c *RoomConfig, v []string) error {
		c.Password = first(v)
		return nil
	},
}

var pmNames = []string{"anyone", "participants", "moderators", "none", "affiliated"}

// pmAliases are other servers' words for the same.
var pmAliases = map[string]string{"everyone": "anyone", "visitor": "anyone", "participant": "participants",
	"moderator": "moderators", "nobody": "none", "members": "affiliated",
	// A server whose field is a boolean; it comes under the alias.
	"1": "anyone", "true": "anyone", "0": "none", "false": "none"}

var allowPM = &configField{
	name: "muc#roomconfig_allowpm", aliases: []string{"allow_private_messages"}, typ: "list-single", label: "Who may send private messages", options: pmNames,
	get: func(c *RoomConfig) []string { return []string{option(pmNames, int(c.AllowPM))} },
	set: func(c *RoomConfig, v []string) error {
		name := first(v)
		if standard, ok := pmAliases[name]; ok {
			name = standard
		}
		i := slices.Index(pmNames, name)
		if i < 0 {
			return fieldError("must be one of its options")
		}
		c.AllowPM = AllowPM(i)
		return nil
	},
}

// presenceBroadcast lists the roles that everybody sees; "none" stands for the
// affiliated who are not inside.
var presenceBroadcast = &configField{
	name: "muc#roomconfig_presencebroadcast", typ: "list-multi", label: "Whose presence everybody sees",
	options: []string{"moderator", "participant", "visitor", "none"},
	get: func(c *RoomConfig) []string {
		list := make([]string, 0, 4)
		for _, r := range presenceRoles {
			if c.broadcasts(r) {
				list = append(list, r.String())
			}
		}
		if c.ShowAbsent {
			list = append(list, NoRole.String())
		}
		return list
	},
	set: func(c *RoomConfig, v []string) error {
		shown, e := parseRoles(v)
		if e != nil {
			return e
		}
		c.ShowAbsent = shown.Has(NoRole)
		c.HiddenRoles = Roles(presenceRoles...) &^ shown
		return nil
	},
	codes: func(old, new *RoomConfig) []int {
		var list []int
		if old.ShowAbsent != new.ShowAbsent {
			list = append(list, statusHidesAbsent)
			if new.ShowAbsent {
				list[0] = statusShowsAbsent
			}
		}
		if old.HiddenRoles != new.HiddenRoles {
			list = append(list, statusConfigured)
		}
		return list
	},
}

var memberList = &configField{
	name: "muc#roomconfig_getmemberlist", typ: "list-multi", label: "Which roles may read the list of members",
	options: []string{"moderator", "participant", "visitor"},
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
		roles, e := parseRoles(v)
		if e != nil {
			return e
		}
		if roles.Has(NoRole) {
			return fieldError("must be one of its options")
		}
		c.MemberList = roles
		return nil
	},
}

func parseRoles(names []string) (RoleSet, error) {
	var set RoleSet
	for _, name := range names {
		r, ok := parseRole(name)
		if !ok {
			return 0, fieldError("must be one of its options")
		}
		set |= Roles(r)
	}
	return set, nil
}
