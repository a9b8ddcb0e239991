package muc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// affiliationPrivileges tries each privilege of §5.2.1 as somebody who is not
// inside; the target is, as thirdwitch. Lists are those of a non-anonymous
// members-only room: where members may not read them, that is for footnote ***.
var affiliationPrivileges = map[string]func(s *stage) *muc.StanzaError{
	"Enter Open Room": func(s *stage) *muc.StanzaError { return s.Client(s.actor).Joins("thirdwitch").Refused },
	"Register with Open Room": func(s *stage) *muc.StanzaError {
		return s.ask("set", `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>thirdwitch</value></field></x></query>`).Refused
	},
	"Retrieve Member List***": func(s *stage) *muc.StanzaError {
		return s.admin("get", `<item affiliation='member'/>`).Refused
	},
	"Enter Members-Only Room": func(s *stage) *muc.StanzaError { return s.Client(s.actor).Joins("thirdwitch").Refused },
	"Ban Members and Unaffiliated Users": func(s *stage) *muc.StanzaError {
		s.Do(muc.SetAffiliation{JID: muc.MustParseJID("a@globe.lit"), Affiliation: muc.Member})
		return s.admin("set", `<item jid='a@globe.lit' affiliation='outcast'/><item jid='b@globe.lit' affiliation='outcast'/>`).Refused
	},
	"Edit Member List": func(s *stage) *muc.StanzaError {
		return s.admin("set", `<item jid='a@globe.lit' affiliation='member'/><item jid='a@globe.lit' affiliation='none'/>`).Refused
	},
	"Assign and Remove Moderator Role": func(s *stage) *muc.StanzaError {
		s.enter(s.target, "secondwitch", muc.Member, muc.Participant)
		return s.admin("set", `<item nick='secondwitch' role='moderator'/><item nick='secondwitch' role='participant'/>`).Refused
	},
	"Edit Admin List": func(s *stage) *muc.StanzaError {
		return s.admin("set", `<item jid='a@globe.lit' affiliation='admin'/><item jid='a@globe.lit' affiliation='member'/>`).Refused
	},
	"Edit Owner List": func(s *stage) *muc.StanzaError {
		return s.admin("set", `<item jid='a@globe.lit' affiliation='owner'/><item jid='a@globe.lit' affiliation='admin'/>`).Refused
	},
	"Change Room Configuration": func(s *stage) *muc.StanzaError {
		return s.ask("set", `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`).Refused
	},
	"Destroy Room": func(s *stage) *muc.StanzaError {
		return s.ask("set", `<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>`).Refused
	},
}

// Every cell of the table of privileges by affiliation.
//
// rows: A9, A18, A19, H11, K26
func TestPrivilegesOfAffiliations(t *testing.T) {
	const table = `
| Privilege | Outcast | None | Member | Admin | Owner |
| Enter Open Room | No | Yes* | Yes | Yes | Yes |
| Register with Open Room | No | Yes | N/A | N/A | N/A |
| Retrieve Member List*** | No | No | Yes | Yes | Yes |
| Enter Members-Only Room | No | No | Yes* | Yes | Yes |
| Ban Members and Unaffiliated Users | No | No | No | Yes | Yes |
| Edit Member List | No | No | No | Yes | Yes |
| Assign and Remove Moderator Role | No | No | No | Yes** | Yes** |
| Edit Admin List | No | No | No | No | Yes |
| Edit Owner List | No | No | No | No | Yes |
| Change Room Configuration | No | No | No | No | Yes |
| Destroy Room | No | No | No | No | Yes |`
	for privilege, row := range cells(t, table) {
		try := affiliationPrivileges[privilege]
		require.NotNil(t, try, privilege)
		for column, cell := range row {
			conf := muc.RoomConfig{}
			switch privilege {
			case "Retrieve Member List***":
				conf = muc.RoomConfig{MembersOnly: true, Whois: muc.WhoisAnyone}
			case "Enter Members-Only Room":
				conf = muc.RoomConfig{MembersOnly: true}
			}
			s := newStage(t, muc.Config{Registration: muc.RegistrationOpen}, conf)
			s.enter(s.actor, "", affiliationNamed(t, column), muc.RoleNone)
			refused := try(s)
			name := privilege + " as " + column
			switch strings.TrimRight(cell, "*") {
			case "Yes":
				assert.Nil(t, refused, name)
			case "No":
				assert.NotNil(t, refused, name)
			}
		}
	}
}

// Every cell of the state chart of affiliations: who may make what of whom, for
// each affiliation of the one who asks.
//
// rows: A19, H9, I39, I40, I41, I48, I49, K24, K26
func TestAffiliationStateChart(t *testing.T) {
	const table = `
| > | Outcast | None | Member | Admin | Owner |
| Outcast | -- | Admin or owner removes ban | Admin or owner adds user to member list | Owner adds user to admin list | Owner adds user to owner list |
| None | Admin or owner applies ban | -- | Admin or owner adds user to member list, or user registers as member (if allowed) | Owner adds user to admin list | Owner adds user to owner list |
| Member | Admin or owner applies ban | Admin or owner changes affiliation to "none" | -- | Owner adds user to admin list | Owner adds user to owner list |
| Admin | Owner applies ban | Owner changes affiliation to "none" | Owner changes affiliation to "member" | -- | Owner adds user to owner list |
| Owner | Owner applies ban | Owner changes affiliation to "none" | Owner changes affiliation to "member" | Owner changes affiliation to "admin" | -- |`
	for _, actor := range []muc.Affiliation{muc.Outcast, muc.AffiliationNone, muc.Member, muc.Admin, muc.Owner} {
		for from, row := range cells(t, table) {
			for to, cell := range row {
				// Who may not change affiliations at all is forbidden (9, 10.3–10.8); who may
				// change some, but ranks too low to ban, is not allowed (9.1).
				want := "forbidden"
				switch {
				case cell == "--":
					continue
				case actor == muc.Owner, actor == muc.Admin && strings.HasPrefix(cell, "Admin or owner"):
					want = "ok"
				case actor == muc.Admin && cell == "Owner applies ban":
					want = "not-allowed"
				}
				s := newStage(t, muc.Config{}, muc.RoomConfig{})
				s.enter(s.actor, "", actor, muc.RoleNone)
				s.enter(s.target, "", affiliationNamed(t, from), muc.RoleNone)
				fx := s.admin("set", `<item jid='`+targetJID+`' affiliation='`+strings.ToLower(to)+`'/>`)
				got := "ok"
				if fx.Refused != nil {
					got = string(fx.Refused.Condition)
				}
				assert.Equal(t, want, got, "%s makes %s of %s", actor, to, from)
			}
		}
	}
}

// The host may keep people from changing an affiliation that the rules of the room
// would let them change, such as owners from demoting other owners; what it does
// itself it is not asked about.
//
// rows: I41, K27
func TestPolicyAffiliate(t *testing.T) {
	var asked []policy.Affiliate
	cfg := muc.Config{Policy: policy.Rules{Affiliate: func(q policy.Affiliate) *muc.StanzaError {
		asked = append(asked, q)
		if q.Old == muc.Owner && q.JID != q.Actor.Bare() {
			return &muc.StanzaError{Type: stanza.TypeAuth, Condition: stanza.NotAuthorized}
		}
		return nil
	}}}
	s := newStage(t, cfg, muc.RoomConfig{})
	s.enter(s.actor, "thirdwitch", muc.Owner, muc.Moderator)
	require.Empty(t, asked)
	before := s.Snapshot(muc.Live)

	fx := s.admin("set", `<item jid='a@globe.lit' affiliation='member'/><item jid='`+ownerJID+`' affiliation='admin'/>`)
	s.IsRefused(stanza.NotAuthorized)
	assert.Contains(t, xmlOf(fx.Outbound[0]), `<error type='auth'`)
	assert.Equal(t, before, s.Snapshot(muc.Live))
	require.Len(t, asked, 2)
	assert.Equal(t, policy.Affiliate{Room: s.Config.Room, Actor: muc.MustParseJID(s.actor), JID: muc.MustParseJID(ownerJID), Old: muc.Owner, New: muc.Admin}, asked[1])

	assert.Nil(t, s.admin("set", `<item jid='`+actorJID+`' affiliation='admin'/>`).Refused, "somebody may leave the list")
	// As the last owner, who may no longer.
	s.RefusesAs(muc.MustParseJID(ownerJID), because(stanza.Conflict), muc.SetAffiliation{JID: muc.MustParseJID(ownerJID), Affiliation: muc.Admin})
}

// An owner by Config.IsOwner is one until leaving: the event Joined says so, and no replay
// asks the host again.
//
// rows: A21
func TestServiceOwner(t *testing.T) {
	cfg := muc.Config{IsOwner: func(j muc.JID) bool { return j.String() == actorJID }}
	s := newStage(t, cfg, muc.RoomConfig{Moderated: true})
	fx := s.Client(s.actor).Joins("thirdwitch")
	require.Len(t, slices.Collect(fx.Events()), 1)
	joined, ok := slices.Collect(fx.Events())[0].Body.(*event.Joined)
	require.True(t, ok)
	assert.True(t, joined.OwnerByHost)
	assert.Equal(t, muc.Moderator, joined.Role)

	again := s.Config
	again.IsOwner = func(muc.JID) bool { panic("asked while replaying") }
	byEvents, err := muc.Restore(again, nil, s.Events())
	require.NoError(t, err)
	moved, err := muc.Restore(again, s.Snapshot(muc.Live), nil)
	require.NoError(t, err)
	for _, room := range []*muc.Room{byEvents, moved} {
		assert.Equal(t, s.Snapshot(muc.Live), room.Snapshot(muc.Live))
		for o := range room.Occupants() {
			assert.Equal(t, muc.Owner, o.Affiliation)
		}
	}

	// That owner is on no list and in no durable event.
	for j := range s.Affiliations() {
		assert.Equal(t, ownerJID, j.String())
	}
	assert.NotContains(t, string(s.Snapshot(muc.Durable)), actorJID)

	s.Handle(`<presence type='unavailable' from='` + s.actor + `' to='coven@chat.shakespeare.lit/thirdwitch'/>`)
	assert.NotContains(t, string(s.Snapshot(muc.Live)), actorJID)
}

// Only people are told of what they became while they were away, not domains.
//
// rows: J2
func TestTellAbsent(t *testing.T) {
	s := newStage(t, muc.Config{TellAbsent: true}, muc.RoomConfig{})
	told := func(jid string) []string {
		s.Do(muc.SetAffiliation{JID: muc.MustParseJID(jid), Affiliation: muc.Outcast})
		return s.Client(jid).Received()
	}
	require.Len(t, told(targetJID), 1)
	assert.Empty(t, told("globe.lit"))
}

// The lists are bounded by what they hold, not by who is inside, and may always be made
// shorter.
//
// rows: H46, L12
func TestAffiliationLimit(t *testing.T) {
	s := newStage(t, muc.Config{Limits: muc.Limits{Affiliations: 10}}, muc.RoomConfig{})
	for i := range 20 {
		s.enter(fmt.Sprintf("guest%d@globe.lit/x", i), fmt.Sprintf("guest%d", i), muc.AffiliationNone, muc.Participant)
	}
	set := func(i int, aff muc.Affiliation) error {
		_, err := s.Room.Room.Do(s.Now, affiliated(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("guest%d@globe.lit", i)), Affiliation: aff}))
		return err
	}
	for i := range 9 {
		require.NoError(t, set(i, muc.Member), "with the owner, that makes %d", i+2)
	}
	full := &muc.StanzaError{Condition: stanza.ResourceConstraint}
	assert.ErrorIs(t, set(9, muc.Member), full)
	require.NoError(t, set(0, muc.Admin), "who is on a list may come onto another")
	require.NoError(t, set(0, muc.AffiliationNone))
	require.NoError(t, set(9, muc.Member))

	again, err := muc.Restore(s.Config, s.Snapshot(muc.Durable), nil)
	require.NoError(t, err)
	_, err = again.Do(s.Now, muc.SetAffiliation{JID: muc.MustParseJID("bard@globe.lit"), Affiliation: muc.Outcast})
	assert.ErrorIs(t, err, full, "also after a restart")
	assert.True(t, errors.Is(err, full))
}
