package importer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/importer/internal/luadata"
)

// prosodyRoom reads what Prosody stores of a room.
type prosodyRoom struct {
	room *Room
	all  map[string]any // of the file
	data map[string]any // its configuration
	salt string
	// authors are the addresses of people with an affiliation, by occupant-id: in an archive
	// Prosody names authors by nick and occupant-id alone, unless everybody sees who is who.
	authors map[string]string
}

func newProsodyRoom(room *Room, t *luadata.Table) *prosodyRoom {
	return &prosodyRoom{room: room, all: t.Fields, data: fieldsOf(t.Fields["_data"]), authors: map[string]string{}}
}

// fieldsOf are the fields of a value that is a table; none of another value.
func fieldsOf(v any) map[string]any {
	if t, ok := v.(*luadata.Table); ok {
		return t.Fields
	}
	return nil
}

func (c *prosodyRoom) read() {
	jid, ok := c.all["_jid"].(string)
	if !ok {
		jid, _ = c.all["jid"].(string) // as versions before 0.10 wrote it
	}
	if local, _, ok := strings.Cut(jid, "@"); ok {
		c.room.Name = local
	}
	locked, _ := c.data["locked"].(float64)
	switch {
	case c.data == nil:
		c.room.Unfit = "nothing says how it is configured"
	case c.data["destroyed"] == true:
		c.room.Unfit = "it was destroyed"
	case locked > float64(time.Now().Unix()):
		c.room.Unfit = "its owner has not configured it yet"
	default:
		c.configure()
		c.affiliations()
	}
}

// configure reads the configuration. What is not there has the default of Prosody.
func (c *prosodyRoom) configure() {
	conf := &c.room.Config
	for _, key := range slices.Sorted(maps.Keys(c.data)) {
		set, known := prosodyOptions[key]
		switch {
		case !known:
			c.room.left(fmt.Sprintf("the option %q, which is not known here", key))
		case set != nil && !set(conf, c.data[key]):
			c.room.left(fmt.Sprintf("the option %q, whose value is not known here", key))
		}
	}
	if conf.Password == "" && c.data["password"] != nil && c.data["password"] != "" {
		c.room.Unfit = "its password is damaged"
	}
	s := &c.room.Subject
	s.Text, _ = c.data["subject"].(string)
	from, _ := c.data["subject_from"].(string)
	_, s.Nick, _ = strings.Cut(from, "/")
	if when, ok := c.data["subject_time"].(float64); ok {
		s.At, _ = unixTime(when)
	}
}

// setter puts the value of an option into a configuration, if it makes sense.
type setter func(conf *muc.RoomConfig, v any) bool

// prosodyOptions are the options of Prosody's rooms; nil for those that are read elsewhere, or mean
// nothing here.
var prosodyOptions = map[string]setter{
	"name":                 texts(func(c *muc.RoomConfig) *string { return &c.Name }),
	"description":          texts(func(c *muc.RoomConfig) *string { return &c.Description }),
	"language":             texts(func(c *muc.RoomConfig) *string { return &c.Lang }),
	"password":             texts(func(c *muc.RoomConfig) *string { return &c.Password }),
	"persistent":           flags(func(c *muc.RoomConfig) *bool { return &c.Persistent }),
	"hidden":               flags(func(c *muc.RoomConfig) *bool { return &c.Hidden }),
	"members_only":         flags(func(c *muc.RoomConfig) *bool { return &c.MembersOnly }),
	"moderated":            flags(func(c *muc.RoomConfig) *bool { return &c.Moderated }),
	"changesubject":        flags(func(c *muc.RoomConfig) *bool { return &c.OpenSubject }),
	"allow_member_invites": flags(func(c *muc.RoomConfig) *bool { return &c.AllowInvites }),
	"allow_modpm":          flags(func(c *muc.RoomConfig) *bool { return &c.ModeratorPM }),
	"archiving": func(c *muc.RoomConfig, v any) bool {
		on, ok := v.(bool)
		c.NoArchive = ok && !on
		return ok
	},
	"whois": func(c *muc.RoomConfig, v any) bool {
		text, _ := v.(string)
		return c.Whois.UnmarshalText([]byte(text)) == nil
	},
	"allow_pm": func(c *muc.RoomConfig, v any) bool {
		text, _ := v.(string)
		if text == "everyone" {
			text = muc.PMAnyone.String()
		}
		return c.AllowPM.UnmarshalText([]byte(text)) == nil
	},
	"history_length": func(c *muc.RoomConfig, v any) bool {
		n, ok := v.(float64)
		if c.History = int(min(max(n, 0), 1000)); c.History == 0 {
			c.History = -1
		}
		return ok && n == math.Trunc(n) && n >= 0 && n <= 1000
	},
	"presence_broadcast": func(c *muc.RoomConfig, v any) bool {
		shown := fieldsOf(v)
		var hidden []muc.Role
		for _, role := range []muc.Role{muc.Visitor, muc.Participant, muc.Moderator} {
			if shown[role.String()] != true {
				hidden = append(hidden, role)
			}
		}
		if shown == nil {
			return false
		}
		c.HiddenRoles, c.ShowAbsent = muc.Roles(hidden...), shown[muc.RoleNone.String()] == true
		return true
	},
	"subject": nil, "subject_from": nil, "subject_time": nil, "occupant_id_salt": nil, "locked": nil, "destroyed": nil,
	"reason": nil, "newjid": nil, "creation_timestamp": nil, "default_history_messages": nil,
}

func texts(at func(*muc.RoomConfig) *string) setter {
	return func(c *muc.RoomConfig, v any) (ok bool) {
		*at(c), ok = v.(string)
		return ok
	}
}

// flags takes for true what Lua does, so that no room that is damaged is more open than it was.
func flags(at func(*muc.RoomConfig) *bool) setter {
	return func(c *muc.RoomConfig, v any) bool {
		*at(c) = v != nil && v != false
		_, ok := v.(bool)
		return ok
	}
}

// affiliations reads who is who.
func (c *prosodyRoom) affiliations() {
	people, data := c.all, fieldsOf(c.all["_affiliation_data"])
	if old := fieldsOf(c.all["_affiliations"]); old != nil {
		people = old // as versions before 0.10 wrote it
	}
	c.salt, _ = c.data["occupant_id_salt"].(string)
	for _, jid := range slices.Sorted(maps.Keys(people)) {
		name, ok := people[jid].(string)
		if strings.HasPrefix(jid, "_") || jid == "jid" || !ok {
			continue
		}
		aff, known := event.ParseAffiliation(name)
		if !known {
			c.room.left(fmt.Sprintf("%s as %q, which is no affiliation", jid, name))
			continue
		}
		a := Affiliation{JID: jid, Affiliation: aff}
		more := fieldsOf(data[jid])
		for _, key := range slices.Sorted(maps.Keys(more)) {
			if nick, ok := more[key].(string); ok && key == "reserved_nickname" {
				a.Nick = nick
			} else {
				c.room.left(fmt.Sprintf("%q of %s, which is not known here", key, jid))
			}
		}
		c.room.Affiliations = append(c.room.Affiliations, a)
		if c.salt != "" {
			c.authors[c.occupantID(jid)] = jid
		}
	}
}

// occupantID is the id by which Prosody shows a person in the room (XEP-0421), made of the
// address and of a salt of the room.
func (c *prosodyRoom) occupantID(jid string) string {
	h := hmac.New(sha256.New, []byte(jid))
	h.Write([]byte(c.salt))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// message makes a message of an entry in the archive.
func (c *prosodyRoom) message(item *luadata.Table) (m Message, err error) {
	el, err := luaElement(item)
	if err != nil {
		return m, err
	}
	_, m.Nick, _ = strings.Cut(el.SelectAttrValue("from", ""), "/")
	m.StanzaID, _ = item.Fields["key"].(string)
	var id, claimed string
	for _, child := range el.ChildElements() { // what Prosody adds is behind what people write
		switch space := child.SelectAttrValue("xmlns", ""); {
		case child.Tag == "occupant-id" && space == "urn:xmpp:occupant-id:0":
			id = child.SelectAttrValue("id", "")
		case child.Tag == "x" && space == "http://jabber.org/protocol/muc#user":
			claimed = ""
			if it := child.SelectElement("item"); it != nil {
				claimed = it.SelectAttrValue("jid", "")
			}
		}
	}
	m.JID = c.author(id, claimed)
	m.Message = asContent(el)
	return m, nil
}

// author is the address of who sent a message, empty if it is not known. Where everybody sees it
// Prosody adds it; elsewhere anybody may have written it into the message, which the occupant-id
// tells. Versions before 0.12 have none.
func (c *prosodyRoom) author(id, claimed string) string {
	if id != "" && c.salt != "" && c.occupantID(claimed) == id {
		return claimed
	}
	return c.authors[id]
}
