package importer

import (
	"fmt"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/importer/internal/erlterm"
)

// room reads a room.
func (d *dump) room(at Entry) (*Room, error) {
	record, err := d.term(at)
	if err != nil {
		return nil, err // it could be read before
	}
	name, _, _ := pair(record[1])
	room := &Room{Name: name}
	options, ok := record[2].(erlterm.List)
	if !ok {
		room.Unfit = "nothing says how it is configured"
		return room, nil
	}
	c := &ejabberdRoom{room: room, host: d.host, options: map[string]any{}}
	for _, o := range options {
		if o, ok := o.(erlterm.Tuple); ok && len(o) == 2 {
			if name, ok := o[0].(erlterm.Atom); ok {
				c.names = append(c.names, string(name))
				c.options[string(name)] = o[1]
				continue
			}
		}
		room.left("an option that cannot be read")
	}
	c.read()
	if n := d.host.unread[name]; n > 0 {
		room.left(fmt.Sprintf("%d entries of its archive, which cannot be read", n))
	}
	room.Archive = Archive{Entries: d.host.archive[name], Read: d.message}
	return room, nil
}

// ejabberdRoom reads what ejabberd stores of a room.
type ejabberdRoom struct {
	room    *Room
	host    *dumpedHost
	names   []string // of options, in their order
	options map[string]any
}

func (c *ejabberdRoom) read() {
	// What ejabberd takes for an option that is not there.
	c.room.Config = muc.RoomConfig{OpenSubject: true, ListOccupants: true, NoArchive: true}
	for _, name := range c.names {
		set, known := ejabberdOptions[name]
		switch {
		case !known:
			c.room.left(fmt.Sprintf("the option %q, which is not known here", name))
		case set != nil && !set(&c.room.Config, c.options[name]):
			c.room.left(fmt.Sprintf("the option %q, whose value is not known here", name))
		}
	}
	c.combined()
	c.affiliations()
	c.subject()
	c.vCard()
	for _, lost := range [...]struct{ option, what string }{{"hats_users", "hats of people"}, {"hats_defs", "hats"},
		{"subscribers", "subscribers (MucSub)"}, {"captcha_whitelist", "people whom the room asks for no CAPTCHA"}} {
		if list, ok := c.options[lost.option].(erlterm.List); ok && len(list) > 0 {
			c.room.left(fmt.Sprintf("%s: %d", lost.what, len(list)))
		}
	}
	if c.options["captcha_protected"] == erlterm.Atom("true") {
		c.room.left("that people solve a CAPTCHA before they enter")
	}
}

// combined reads what several options say together.
func (c *ejabberdRoom) combined() {
	conf := &c.room.Config
	is := func(name string, otherwise bool) bool {
		on, ok := boolean(c.options[name])
		return ok && on || !ok && otherwise
	}
	// In a moderated room, people without affiliation enter with voice by default.
	conf.Moderated = is("moderated", true) && !is("members_by_default", true)
	password, text := c.options["password"].(string)
	if is("password_protected", c.options["password_protected"] != nil) {
		if conf.Password = password; !text || password == "" {
			c.room.Unfit = "it has a password, which cannot be read"
		}
	}
	if _, newer := c.options["allowpm"]; newer {
		return
	}
	visitors, _ := c.options["allow_private_messages_from_visitors"].(erlterm.Atom)
	switch {
	case !is("allow_private_messages", true):
		conf.AllowPM = muc.PMNone
	case visitors == "moderators":
		conf.AllowPM, conf.ModeratorPM = muc.PMParticipants, true
	case visitors == "nobody":
		conf.AllowPM = muc.PMParticipants
	}
}

// ejabberdOptions are the options of ejabberd's rooms; nil for those that are read elsewhere, or
// mean nothing here.
var ejabberdOptions = map[string]func(conf *muc.RoomConfig, v any) bool{
	"title":                    texts(func(c *muc.RoomConfig) *string { return &c.Name }),
	"description":              texts(func(c *muc.RoomConfig) *string { return &c.Description }),
	"lang":                     texts(func(c *muc.RoomConfig) *string { return &c.Lang }),
	"persistent":               atoms(true, func(c *muc.RoomConfig) *bool { return &c.Persistent }),
	"public":                   closing(false, func(c *muc.RoomConfig) *bool { return &c.Hidden }),
	"public_list":              atoms(true, func(c *muc.RoomConfig) *bool { return &c.ListOccupants }),
	"members_only":             closing(true, func(c *muc.RoomConfig) *bool { return &c.MembersOnly }),
	"allow_change_subj":        atoms(true, func(c *muc.RoomConfig) *bool { return &c.OpenSubject }),
	"allow_user_invites":       atoms(true, func(c *muc.RoomConfig) *bool { return &c.AllowInvites }),
	"allow_query_users":        atoms(false, func(c *muc.RoomConfig) *bool { return &c.NoQueries }),
	"allow_visitor_status":     atoms(false, func(c *muc.RoomConfig) *bool { return &c.NoVisitorStatus }),
	"allow_visitor_nickchange": atoms(false, func(c *muc.RoomConfig) *bool { return &c.NoVisitorNickChange }),
	"allow_voice_requests":     atoms(false, func(c *muc.RoomConfig) *bool { return &c.NoVoiceRequests }),
	"logging":                  atoms(true, func(c *muc.RoomConfig) *bool { return &c.Logging }),
	"mam":                      atoms(false, func(c *muc.RoomConfig) *bool { return &c.NoArchive }),
	"anonymous": func(c *muc.RoomConfig, v any) bool {
		on, ok := boolean(v)
		if ok && !on {
			c.Whois = muc.WhoisAnyone
		}
		return ok
	},
	"max_users": func(c *muc.RoomConfig, v any) bool {
		n, ok := v.(int64)
		if v == erlterm.Atom("none") {
			return true
		}
		c.MaxUsers = int(min(max(n, 0), 1_000_000))
		return ok && n == int64(c.MaxUsers)
	},
	"voice_request_min_interval": func(c *muc.RoomConfig, v any) bool {
		n, ok := v.(int64)
		const week = 7 * 24 * 3600
		if c.VoiceInterval = time.Duration(min(max(n, 0), week)) * time.Second; c.VoiceInterval == 0 {
			c.VoiceInterval = -1
		}
		return ok && n >= 0 && n <= week
	},
	"allowpm": func(c *muc.RoomConfig, v any) bool {
		name, _ := v.(erlterm.Atom)
		return c.AllowPM.UnmarshalText([]byte(name)) == nil
	},
	"presence_broadcast": func(c *muc.RoomConfig, v any) bool {
		list, ok := v.(erlterm.List)
		hidden := map[muc.Role]bool{muc.Visitor: true, muc.Participant: true, muc.Moderator: true}
		for _, v := range list {
			name, _ := v.(erlterm.Atom)
			role, known := event.ParseRole(string(name))
			ok = ok && known
			delete(hidden, role)
		}
		if !ok {
			return false
		}
		var roles []muc.Role
		for role := range hidden {
			roles = append(roles, role)
		}
		c.HiddenRoles = muc.Roles(roles...)
		return true
	},
	"moderated": nil, "members_by_default": nil, "password_protected": nil, "password": nil, "allow_private_messages": nil,
	"allow_private_messages_from_visitors": nil, "affiliations": nil, "subject": nil, "subject_author": nil, "vcard": nil,
	"hats_users": nil, "hats_defs": nil, "subscribers": nil, "captcha_protected": nil, "captcha_whitelist": nil,
	// Of people who are inside, or of no use to others.
	"roles": nil, "vcard_xupdate": nil, "pubsub": nil, "enable_hats": nil, "hibernation_time": nil, "allow_subscription": nil,
}

// atoms makes the setter of a flag that is true, or is false, where the option is on.
func atoms(when bool, at func(*muc.RoomConfig) *bool) func(*muc.RoomConfig, any) bool {
	return func(c *muc.RoomConfig, v any) bool {
		on, ok := boolean(v)
		if ok {
			*at(c) = on == when
		}
		return ok
	}
}

// closing is the same for a flag that keeps people out: an option that cannot be read does so.
func closing(when bool, at func(*muc.RoomConfig) *bool) func(*muc.RoomConfig, any) bool {
	set := atoms(when, at)
	return func(c *muc.RoomConfig, v any) bool {
		*at(c) = true
		return set(c, v)
	}
}

func boolean(v any) (on, ok bool) {
	return v == erlterm.Atom("true"), v == erlterm.Atom("true") || v == erlterm.Atom("false")
}

// affiliations reads who is who. A member of the room has the nick reserved there that is
// registered with the host.
func (c *ejabberdRoom) affiliations() {
	list, ok := c.options["affiliations"].(erlterm.List)
	if !ok {
		c.room.left("its affiliations, which cannot be read")
	}
	for _, v := range list {
		a, ok := affiliationOf(v)
		switch {
		case !ok:
			c.room.left("an affiliation that cannot be read")
			continue
		case a.Affiliation == muc.AffiliationNone:
			continue
		}
		if a.Affiliation >= muc.Member {
			if a.Nick = c.host.nicks[a.JID]; a.Nick != "" {
				c.host.used[a.JID] = true
			}
		}
		c.room.Affiliations = append(c.room.Affiliations, a)
	}
}

// affiliationOf reads an affiliation: {{User, Server, Resource}, Name} or, with a reason,
// {{User, Server, Resource}, {Name, Reason}}.
func affiliationOf(v any) (a Affiliation, ok bool) {
	entry, _ := v.(erlterm.Tuple)
	if len(entry) != 2 {
		return a, false
	}
	if a.JID, ok = addressOf(entry[0]); !ok {
		return a, false
	}
	name := entry[1]
	if why, ok := name.(erlterm.Tuple); ok && len(why) == 2 {
		name = why[0]
		a.Reason, _ = why[1].(string)
	}
	atom, _ := name.(erlterm.Atom)
	a.Affiliation, ok = event.ParseAffiliation(string(atom))
	return a, ok
}

// addressOf is an address, {User, Server, Resource}, without its resource.
func addressOf(v any) (string, bool) {
	t, _ := v.(erlterm.Tuple)
	if len(t) != 3 {
		return "", false
	}
	user, okUser := t[0].(string)
	server, okServer := t[1].(string)
	if user != "" {
		server = user + "@" + server
	}
	return server, okUser && okServer
}

// subject reads the subject: a text or, since 16.09, a list of {text, Lang, Text}, of which the first is
// taken.
func (c *ejabberdRoom) subject() {
	s := &c.room.Subject
	s.Nick, _ = c.options["subject_author"].(string)
	if newer, ok := c.options["subject_author"].(erlterm.Tuple); ok && len(newer) > 0 { // {Nick, JID}
		s.Nick, _ = newer[0].(string)
	}
	switch v := c.options["subject"].(type) {
	case string:
		s.Text = v
	case erlterm.List:
		for i, v := range v {
			text, _ := v.(erlterm.Tuple)
			switch {
			case len(text) != 3:
				c.room.left("its subject, which cannot be read")
			case i == 0:
				s.Text, _ = text[2].(string)
			default:
				c.room.left("its subject in another language")
			}
		}
	}
}

// vCard reads the vCard with its avatar, which is XML.
func (c *ejabberdRoom) vCard() {
	text, _ := c.options["vcard"].(string)
	if text == "" {
		return
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil || doc.Root() == nil {
		c.room.left("its avatar, which cannot be read")
		return
	}
	c.room.VCard = doc.Root()
}

// message reads an entry of an archive: {archive_msg, {Name, Host}, Id, Timestamp, Peer, BarePeer,
// Packet, Nick, groupchat}.
func (d *dump) message(at Entry) (m Message, err error) {
	record, err := d.term(at)
	if err != nil {
		return m, err
	}
	el, err := erlElement(record[6])
	if err != nil {
		return m, err
	}
	m.StanzaID, _ = record[2].(string)
	m.Nick, _ = record[7].(string)
	m.JID, _ = addressOf(record[4])
	m.Message = asContent(el)
	return m, nil
}

// erlElement makes an element of {xmlel, Name, Attributes, Children}.
func erlElement(v any) (*etree.Element, error) {
	t, _ := v.(erlterm.Tuple)
	if len(t) != 4 || t[0] != erlterm.Atom("xmlel") {
		return nil, errElement
	}
	name, _ := t[1].(string)
	el, err := newElement(name)
	if err != nil {
		return nil, err
	}
	attrs, okAttrs := t[2].(erlterm.List)
	children, okChildren := t[3].(erlterm.List)
	if !okAttrs || !okChildren {
		return nil, errElement
	}
	for _, v := range attrs {
		key, value, ok := pair(v)
		if !ok {
			return nil, errElement
		}
		el.CreateAttr(key, value)
	}
	for _, v := range children {
		t, _ := v.(erlterm.Tuple)
		if len(t) == 2 && t[0] == erlterm.Atom("xmlcdata") {
			text, ok := t[1].(string)
			if !ok {
				return nil, errElement
			}
			el.CreateText(text)
			continue
		}
		child, err := erlElement(v)
		if err != nil {
			return nil, err
		}
		el.AddChild(child)
	}
	return el, nil
}
