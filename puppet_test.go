package muc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// nothingGoesTo fails where something is addressed to a JID or one of its
// resources.
func nothingGoesTo(t *testing.T, fx muc.Effects, bare muc.JID) {
	t.Helper()
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			assert.NotEqual(t, bare, to.Bare(), "%s", xmlOf(out))
		}
	}
}

// A puppet is an occupant to everybody, and nothing is ever sent to it.
func TestPuppet(t *testing.T) {
	h := coven(t, muc.Config{})
	hear := func(fx muc.Effects) string {
		t.Helper()
		nothingGoesTo(t, fx, bard.Bare())
		got := h.Client(wicca.String()).Received()
		require.Len(t, got, 1)
		return got[0]
	}

	in := hear(h.Do(muc.Join{JID: bard, Nick: "Bard", Presence: parse(`<presence xml:lang='en'><status>quill</status><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`)}))
	assert.Contains(t, in, `<status>quill</status><occupant-id`)
	assert.Contains(t, in, `<item affiliation='none' role='participant'/>`)
	assert.Empty(t, slices.Collect(h.Do(muc.Join{JID: bard, Nick: "Bard", Presence: parse(`<presence xml:lang='en'><status>quill</status></presence>`)}).Events()))
	assert.Contains(t, hear(h.Do(muc.Join{JID: bard, Nick: "Bard"})), `<item affiliation='none' role='participant'/>`)

	said := hear(h.Do(muc.Say{Nick: "Bard", Message: parse(`<message><body>All the world's a stage</body><nick xmlns='http://jabber.org/protocol/nick'>William</nick></message>`)}))
	assert.Contains(t, said, `from='coven@chat.shakespeare.lit/Bard'`)
	assert.NotContains(t, said, "William", "a puppet speaks like an occupant, not like the room")
	var inside []string
	for o := range h.Occupants() {
		inside = append(inside, fmt.Sprint(o.Nick, " ", o.JID, " ", o.Sessions))
	}
	assert.Contains(t, inside, "Bard bard@shakespeare.lit []")

	h.Refuses(because(stanza.Conflict), muc.Rename{Nick: "Bard", To: "thirdwitch"})
	h.Refuses(because(stanza.NotAcceptable), muc.Rename{Nick: "Bard", To: ""})
	h.Refuses(because(stanza.NotAllowed), muc.Rename{Nick: "thirdwitch", To: "Hecate"})
	assert.Empty(t, slices.Collect(h.Do(muc.Rename{Nick: "Bard", To: "Bard"}).Events()))
	fx := h.Do(muc.Rename{Nick: "Bard", To: "BARD"})
	nothingGoesTo(t, fx, bard.Bare())
	second := h.Client(wicca.String())
	second.ReceivesOnly(muctest.Unavailable("Bard").Status(303).Nick("BARD"), muctest.Presence("BARD"))
	h.Do(muc.Rename{Nick: "BARD", To: "Bard"})
	h.Do(muc.SetAffiliation{JID: bard, Affiliation: muc.Admin})
	h.DoAs(bard, muc.Kick{Nick: "thirdwitch"})
	second.Receives(muctest.Unavailable("thirdwitch").Actor("Bard"))
	h.Do(muc.SetSubject{Subject: "Macbeth", Nick: "Bard"})
	second.Receives(muctest.Subject("Macbeth").From("Bard"))

	// To be moved and to be restarted.
	h.Move()

	out := hear(h.Do(muc.Leave{Nick: "Bard", Presence: parse(`<presence><status>exit</status></presence>`)}))
	assert.Contains(t, out, `<status>exit</status>`)
	h.Refuses(muc.ErrNotFound, muc.Leave{Nick: "Bard"}, muc.Say{Nick: "Bard", Body: "ghost"}, muc.SetSubject{Nick: "Bard"})
}

// A puppet enters by the rules that hold for people, but for the password.
func TestPuppetEnters(t *testing.T) {
	h := coven(t, muc.Config{Limits: muc.Limits{NicksPerPerson: 2}})
	h.Do(muc.SetAffiliation{JID: wicca, Affiliation: muc.Member, Nick: "Wicca"})
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("evil.lit"), Affiliation: muc.Outcast})
	h.Do(muc.Join{JID: bard, Nick: "Bard"})

	h.Refuses(because(stanza.Conflict), muc.Join{JID: bard, Nick: "thirdwitch"}, muc.Join{JID: bard, Nick: "WICCA"},
		muc.Join{JID: wicca, Nick: "secondwitch"}, muc.Join{JID: wicca, Nick: "Bard"},
		muc.Join{JID: bard.Bare(), Nick: "Bard"})
	h.Refuses(because(stanza.Forbidden), muc.Join{JID: muc.MustParseJID("iago@evil.lit"), Nick: "Iago"})
	h.Refuses(because(stanza.NotAcceptable), muc.Join{JID: bard, Nick: " "})
	h.Refuses(because(stanza.PolicyViolation), muc.Join{JID: bard, Nick: "Will", Presence: parse(`<presence><status>` + fmt.Sprintf("%2000d", 1) + `</status></presence>`)})
	h.Refuses(muc.ErrNotStanza, muc.Join{JID: bard, Nick: "Will", Presence: parse(`<message/>`)})
	h.Do(muc.Join{JID: bard, Nick: "Will"})
	h.Refuses(because(stanza.ResourceConstraint), muc.Join{JID: bard, Nick: "William"})
	h.Do(muc.Leave{Nick: "Will"})
	// Nobody takes a session into a puppet, not even its own account.
	for _, nick := range []string{"Bard", "bard"} {
		h.Client(bard.String()).Joins(nick)
		h.IsRefused(stanza.Conflict)
	}
	h.Join(bard.String(), "Will")
	fx := h.Handle(`<presence from='` + bard.String() + `' to='coven@chat.shakespeare.lit/bard'/>`)
	assert.Equal(t, stanza.Conflict, fx.Refused.Condition)

	h.Do(muc.Leave{Nick: "Bard"})
	h.Do(muc.Reset{Config: muc.RoomConfig{MembersOnly: true, Password: "hurlyburly", MaxUsers: 3}})
	h.Refuses(because(stanza.RegistrationRequired), muc.Join{JID: bard, Nick: "Bard"})
	h.Do(muc.SetAffiliation{JID: bard, Affiliation: muc.Member})
	h.Do(muc.Join{JID: bard, Nick: "Bard"})
	h.Do(muc.SetAffiliation{JID: hecate, Affiliation: muc.Member})
	// A full room does not tell which nicks are taken, as it does not tell people.
	h.Refuses(because(stanza.ServiceUnavailable), muc.Join{JID: hecate, Nick: "Hecate"}, muc.Join{JID: hecate, Nick: "Bard"})
}

// A puppet without voice is as mute as anybody, and the host's policy judges what
// it says.
func TestPuppetSpeaks(t *testing.T) {
	h := coven(t, muc.Config{
		Policy: policy.Rules{Speak: func(q policy.Speak) *muc.StanzaError {
			if q.JID == bard && q.Payload == "<body>the Scottish play</body>" {
				return &muc.StanzaError{Condition: stanza.NotAcceptable}
			}
			return nil
		}},
		Rates: muc.Rates{Messages: muc.Rate{Burst: 1, Every: 1e9}},
	})
	h.Do(muc.Join{JID: bard, Nick: "Bard"})
	h.Refuses(because(stanza.NotAcceptable), muc.Say{Nick: "Bard", Body: "the Scottish play"})
	h.Refuses(because(stanza.Forbidden), muc.SetSubject{Nick: "Bard", Subject: "Macbeth"})
	h.Do(muc.Say{Nick: "Bard", Body: "Now is the winter"})
	h.Refuses(because(stanza.PolicyViolation), muc.Say{Nick: "Bard", Body: "of our discontent"})
	h.Advance(time.Second)
	h.Do(muc.SetRole{Nick: "Bard", Role: muc.Visitor})
	h.Refuses(because(stanza.Forbidden), muc.Say{Nick: "Bard", Body: "made glorious summer"})
}

// Puppets go when everybody goes, when their account is forgotten, and when they
// alone would be left under rules that let them stay no more.
func TestPuppetsGo(t *testing.T) {
	for name, act := range map[string]muc.Command{
		"shutdown": muc.Shutdown{}, "forgotten": muc.Forget{JID: bard}, "banned": muc.SetAffiliation{JID: bard, Affiliation: muc.Outcast},
		"kicked": muc.Kick{Nick: "Bard"}, "evicted": muc.SetAffiliation{JID: wicca, Affiliation: muc.Member, Nick: "Bard"},
		"members only": muc.Reset{Config: muc.RoomConfig{MembersOnly: true}}, "destroyed": muc.Destroy{},
	} {
		t.Run(name, func(t *testing.T) {
			h := coven(t, muc.Config{})
			h.Do(muc.Join{JID: bard, Nick: "Bard"})
			fx := h.Do(act)
			nothingGoesTo(t, fx, bard.Bare())
			for o := range h.Occupants() {
				assert.NotEqual(t, "Bard", o.Nick)
			}
		})
	}
	h := coven(t, muc.Config{})
	h.Do(muc.Join{JID: bard, Nick: "Bard"})
	h.Do(muc.Vanished{JID: muc.MustParseJID("shakespeare.lit")})
	assert.Equal(t, 1, h.Summary().Occupants, "a puppet has no session that could vanish, and keeps the room")
	h.Do(muc.Leave{Nick: "Bard"})
	assert.Equal(t, muc.Destroyed, h.State())
}
