package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// The tables of chapter 5 of XEP-0045 stand here as the XEP has them, and each
// cell is tried out on a room. The code under test has tables of its own.

// cells reads a table: a header, and rows whose first column names them.
func cells(t *testing.T, table string) map[string]map[string]string {
	t.Helper()
	split := func(line string) []string {
		var list []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			list = append(list, strings.TrimSpace(cell))
		}
		return list
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	header := split(lines[0])
	all := map[string]map[string]string{}
	for _, line := range lines[1:] {
		row := split(line)
		require.Len(t, row, len(header), line)
		all[row[0]] = map[string]string{}
		for i := 1; i < len(row); i++ {
			all[row[0]][header[i]] = row[i]
		}
	}
	return all
}

func roleNamed(t *testing.T, name string) (r muc.Role) {
	t.Helper()
	require.NoError(t, r.UnmarshalText([]byte(strings.ToLower(name))))
	return r
}

func affiliationNamed(t *testing.T, name string) (a muc.Affiliation) {
	t.Helper()
	require.NoError(t, a.UnmarshalText([]byte(strings.ToLower(name))))
	return a
}

const (
	actorJID  = "hag@shakespeare.lit"
	targetJID = "wicca@shakespeare.lit"
	ownerJID  = "crone@shakespeare.lit"
)

// stage makes a room of the owner, who is inside, with an actor and a target.
type stage struct {
	*muctest.Room
	actor, target string // full JIDs
}

func newStage(t *testing.T, cfg muc.Config, conf muc.RoomConfig) *stage {
	t.Helper()
	conf.Persistent = true
	h := unborn(t, cfg)
	h.Do(muc.Create{Owner: muc.MustParseJID(ownerJID), Config: conf})
	h.Join(ownerJID+"/desktop", "firstwitch")
	return &stage{Room: h, actor: actorJID + "/pda", target: targetJID + "/laptop"}
}

// enter brings somebody in with an affiliation and, unless it is none, a role.
func (s *stage) enter(jid, nick string, aff muc.Affiliation, role muc.Role) {
	if aff != muc.AffiliationNone {
		s.Do(muc.SetAffiliation{JID: muc.MustParseJID(jid).Bare(), Affiliation: aff})
	}
	if role == muc.RoleNone {
		return
	}
	s.Join(jid, nick)
	s.Do(muc.SetRole{Nick: nick, Role: role})
}

// ask sends an iq of the actor's.
func (s *stage) ask(typ, payload string) muc.Effects {
	return s.Handle(fmt.Sprintf(`<iq type='%s' id='1' from='%s' to='coven@chat.shakespeare.lit'>%s</iq>`, typ, s.actor, payload))
}

func (s *stage) admin(typ, items string) muc.Effects {
	return s.ask(typ, `<query xmlns='http://jabber.org/protocol/muc#admin'>`+items+`</query>`)
}

// gets reports whether an act, the last one, brings somebody a stanza that holds a text.
func (s *stage) gets(_ muc.Effects, who, text string) bool {
	for _, stanza := range s.Client(who).Received() {
		if strings.Contains(stanza, text) && !strings.Contains(stanza, `type='error'`) {
			return true
		}
	}
	return false
}

const anAway = `<presence from='%s' to='coven@chat.shakespeare.lit/%s'><show>away</show></presence>`

// rolePrivileges tries each privilege of §5.1.1 as somebody called thirdwitch, who
// is inside unless the role is none, beside a target called secondwitch.
var rolePrivileges = map[string]func(s *stage) bool{
	"Present in Room": func(s *stage) bool {
		for o := range s.Occupants() {
			if o.Nick == "thirdwitch" {
				return true
			}
		}
		return false
	},
	"Receive Messages": func(s *stage) bool { return s.gets(s.Client(s.target).Says("When?"), s.actor, "When?") },
	"Receive Occupant Presence": func(s *stage) bool {
		return s.gets(s.Handle(fmt.Sprintf(anAway, s.target, "secondwitch")), s.actor, "away")
	},
	"Broadcast Presence to All Occupants": func(s *stage) bool {
		return s.gets(s.Handle(fmt.Sprintf(anAway, s.actor, "thirdwitch")), s.target, "away")
	},
	"Change Availability Status": func(s *stage) bool {
		return s.gets(s.Handle(fmt.Sprintf(anAway, s.actor, "thirdwitch")), ownerJID+"/desktop", "away")
	},
	"Change Room Nickname": func(s *stage) bool {
		return s.gets(s.Handle(fmt.Sprintf(anAway, s.actor, "hag")), ownerJID+"/desktop", "303")
	},
	"Send Private Messages": func(s *stage) bool {
		return s.gets(s.Handle(`<message type='chat' from='`+s.actor+`' to='coven@chat.shakespeare.lit/secondwitch'><body>Psst</body></message>`), s.target, "Psst")
	},
	"Invite Other Users": func(s *stage) bool {
		return s.gets(s.Handle(`<message from='`+s.actor+`' to='coven@chat.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='bard@globe.lit'/></x></message>`), "bard@globe.lit", "invite")
	},
	"Send Messages to All": func(s *stage) bool { return s.gets(s.Client(s.actor).Says("Now"), s.target, "Now") },
	"Modify Subject": func(s *stage) bool {
		return s.gets(s.Handle(`<message type='groupchat' from='`+s.actor+`' to='coven@chat.shakespeare.lit'><subject>Trouble</subject></message>`), s.target, "Trouble")
	},
	"Kick Participants and Visitors": func(s *stage) bool {
		first := s.admin("set", `<item nick='secondwitch' role='none'/>`).Refused == nil
		s.enter("bard@globe.lit/globe", "bard", muc.AffiliationNone, muc.Visitor)
		return s.admin("set", `<item nick='bard' role='none'/>`).Refused == nil && first
	},
	"Grant Voice": func(s *stage) bool {
		s.Do(muc.SetRole{Nick: "secondwitch", Role: muc.Visitor})
		return s.admin("set", `<item nick='secondwitch' role='participant'/>`).Refused == nil
	},
	"Revoke Voice": func(s *stage) bool {
		return s.admin("set", `<item nick='secondwitch' role='visitor'/>`).Refused == nil
	},
}

// rolePolicy is what the footnote "configuration settings MAY modify this" comes
// to: what grants a privilege that is not granted by default, and what takes one.
var rolePolicy = map[string]struct {
	grant, take func(*muc.Config, *muc.RoomConfig)
}{
	"Broadcast Presence to All Occupants": {take: func(_ *muc.Config, c *muc.RoomConfig) { c.HiddenRoles = muc.Roles(muc.Visitor) }},
	"Change Room Nickname":                {take: func(_ *muc.Config, c *muc.RoomConfig) { c.NoVisitorNickChange = true }},
	"Send Private Messages":               {take: func(_ *muc.Config, c *muc.RoomConfig) { c.AllowPM = muc.PMModerators }},
	"Invite Other Users":                  {grant: func(c *muc.Config, _ *muc.RoomConfig) { c.VisitorsInvite = true }},
	"Modify Subject":                      {grant: func(_ *muc.Config, c *muc.RoomConfig) { c.OpenSubject = true }},
}

// Every cell of the table of privileges by role.
//
// rows: A1, A6, A18
func TestPrivilegesOfRoles(t *testing.T) {
	const table = `
| Privilege | None | Visitor | Participant | Moderator |
| Present in Room | No | Yes | Yes | Yes |
| Receive Messages | No | Yes | Yes | Yes |
| Receive Occupant Presence | No | Yes | Yes | Yes |
| Broadcast Presence to All Occupants | No | Yes* | Yes | Yes |
| Change Availability Status | No | Yes* | Yes | Yes |
| Change Room Nickname | No | Yes* | Yes | Yes |
| Send Private Messages | No | Yes* | Yes | Yes |
| Invite Other Users | No | Yes* | Yes* | Yes |
| Send Messages to All | No | No** | Yes | Yes |
| Modify Subject | No | No* | Yes* | Yes |
| Kick Participants and Visitors | No | No | No | Yes |
| Grant Voice | No | No | No | Yes |
| Revoke Voice | No | No | No | Yes*** |`
	for privilege, row := range cells(t, table) {
		try := rolePrivileges[privilege]
		require.NotNil(t, try, privilege)
		for column, cell := range row {
			role := roleNamed(t, column)
			allowed := func(policy func(*muc.Config, *muc.RoomConfig)) bool {
				cfg, conf := muc.Config{}, muc.RoomConfig{}
				if policy != nil {
					policy(&cfg, &conf)
				}
				s := newStage(t, cfg, conf)
				s.enter(s.target, "secondwitch", muc.AffiliationNone, muc.Participant)
				s.enter(s.actor, "thirdwitch", muc.AffiliationNone, role)
				return try(s)
			}
			name, policy := privilege+" as "+column, rolePolicy[privilege]
			switch cell {
			case "Yes", "Yes***":
				assert.True(t, allowed(nil), name)
			case "No", "No*", "No**":
				assert.False(t, allowed(nil), name)
			case "Yes*":
				assert.True(t, allowed(policy.grant), name)
				if policy.take != nil {
					assert.False(t, allowed(policy.take), name+", unless it is configured otherwise")
				}
			default:
				t.Errorf("%s: no meaning for %q", name, cell)
			}
		}
	}
}

// Every cell of the table of roles on entering. "Members-Only" and "Open" rooms
// are not moderated.
//
// rows: A2, A3, A4
func TestDefaultRoles(t *testing.T) {
	const table = `
| Room Type | None | Member | Admin | Owner |
| Moderated | Visitor | Participant | Moderator | Moderator |
| Unmoderated | Participant | Participant | Moderator | Moderator |
| Members-Only | N/A * | Participant | Moderator | Moderator |
| Open | Participant | Participant | Moderator | Moderator |`
	for kind, row := range cells(t, table) {
		conf := map[string]muc.RoomConfig{"Moderated": {Moderated: true}, "Members-Only": {MembersOnly: true}}[kind]
		for column, cell := range row {
			s := newStage(t, muc.Config{}, conf)
			s.enter(s.actor, "", affiliationNamed(t, column), muc.RoleNone)
			fx := s.Client(s.actor).Joins("thirdwitch")
			if cell == "N/A *" {
				s.IsRefused(stanza.RegistrationRequired)
				continue
			}
			require.Nil(t, fx.Refused, "%s, %s", kind, column)
			for o := range s.Occupants() {
				if o.Nick == "thirdwitch" {
					assert.Equal(t, roleNamed(t, cell), o.Role, "%s, %s", kind, column)
				}
			}
		}
	}
}

// roleCharts are the state chart of §5.1.3 with what chapters 8 and 9 say about
// rank, for each change of a role. Rows are affiliations of the moderator, columns
// those of the target; "-" is a target that cannot have the role.
var roleCharts = map[string]string{
	// Exit room or be kicked by a moderator; not by one with a lower affiliation (8.2).
	"visitor none, participant none": `
|        | none | member | admin | owner |
| none   | ok   | not-allowed | - | - |
| member | ok   | ok | - | - |
| admin  | ok   | ok | - | - |
| owner  | ok   | ok | - | - |`,
	// Be kicked by an admin or owner.
	"moderator none": `
|        | none | member | admin | owner |
| none   | not-allowed | not-allowed | not-allowed | not-allowed |
| member | not-allowed | not-allowed | not-allowed | not-allowed |
| admin  | ok | ok | ok | not-allowed |
| owner  | ok | ok | ok | ok |`,
	// Moderator grants voice.
	"visitor participant": `
|        | none | member | admin | owner |
| none   | ok | ok | - | - |
| member | ok | ok | - | - |
| admin  | ok | ok | - | - |
| owner  | ok | ok | - | - |`,
	// Moderator revokes voice; not at or above the own affiliation (8.4).
	"participant visitor": `
|        | none | member | admin | owner |
| none   | ok | not-allowed | - | - |
| member | ok | not-allowed | - | - |
| admin  | ok | ok | - | - |
| owner  | ok | ok | - | - |`,
	// Admin or owner changes role to visitor; nobody an admin's or owner's (8.4).
	"moderator visitor": `
|        | none | member | admin | owner |
| none   | not-allowed | not-allowed | not-allowed | not-allowed |
| member | not-allowed | not-allowed | not-allowed | not-allowed |
| admin  | ok | ok | not-allowed | not-allowed |
| owner  | ok | ok | not-allowed | not-allowed |`,
	// Admin or owner revokes moderator status; nobody an admin's or owner's (9.7).
	"moderator participant": `
|        | none | member | admin | owner |
| none   | forbidden | not-allowed | not-allowed | not-allowed |
| member | forbidden | forbidden | not-allowed | not-allowed |
| admin  | ok | ok | not-allowed | not-allowed |
| owner  | ok | ok | not-allowed | not-allowed |`,
	// Admin or owner grants moderator status.
	"visitor moderator, participant moderator": `
|        | none | member | admin | owner |
| none   | forbidden | forbidden | - | - |
| member | forbidden | forbidden | - | - |
| admin  | ok | ok | - | - |
| owner  | ok | ok | - | - |`,
}

// Every change of a role by everybody.
//
// rows: A16, A17, A18, G13, G14, G21, H38, H40, K24
func TestRoleStateChart(t *testing.T) {
	try := func(role muc.Role, actor, target muc.Affiliation, from, to string) string {
		s := newStage(t, muc.Config{}, muc.RoomConfig{})
		s.enter(s.target, "secondwitch", target, roleNamed(t, from))
		s.enter(s.actor, "thirdwitch", actor, role)
		before := s.Snapshot(muc.Live)
		fx := s.admin("set", `<item nick='secondwitch' role='`+to+`'/>`)
		if fx.Refused == nil {
			return "ok"
		}
		assert.Equal(t, before, s.Snapshot(muc.Live), "refused means unchanged")
		assert.True(t, strings.Contains(xmlOf(fx.Outbound[0]), `<item role='`+to+`' nick='secondwitch'/>`), "the item comes back")
		return string(fx.Refused.Condition)
	}
	for changes, chart := range roleCharts {
		for _, change := range strings.Split(changes, ", ") {
			from, to, _ := strings.Cut(change, " ")
			for actor, row := range cells(t, chart) {
				for target, cell := range row {
					if cell == "-" {
						continue
					}
					name := fmt.Sprintf("%s makes %s of %s, %s", actor, to, target, from)
					a, b := affiliationNamed(t, actor), affiliationNamed(t, target)
					assert.Equal(t, cell, try(muc.Moderator, a, b, from, to), name)
				}
			}
			// People who are no moderators are refused, whatever they ask (8).
			for _, role := range []muc.Role{muc.Visitor, muc.Participant} {
				for _, aff := range []muc.Affiliation{muc.AffiliationNone, muc.Member} {
					assert.Equal(t, "forbidden", try(role, aff, muc.AffiliationNone, from, to), "%s %s: %s", aff, role, change)
				}
			}
		}
	}
}
