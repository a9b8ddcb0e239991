package muc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// blocking is a room of a host with a block list, which can change.
func blocking(t *testing.T, cfg muc.Config) (h *muctest.Room, blocked map[string]bool) {
	blocked = map[string]bool{}
	cfg.IsBlocked = func(j muc.JID) bool { return blocked[j.String()] }
	return open(t, cfg), blocked
}

// Who is inside when the list changes is put out by command: all of these, with all their
// nicks, puppets too, and nobody else. Stored voice is forgotten. Nobody is shown as the actor.
//
// rows: U9
func TestKickBlocked(t *testing.T) {
	h, blocked := blocking(t, muc.Config{Registration: muc.RegistrationOpen, Defaults: muc.RoomConfig{Moderated: true, Persistent: true}})
	const hag, crone = "hag@shakespeare.lit/pda", "crone@shakespeare.lit/desktop"
	h.Join(hag, "thirdwitch")
	h.Do(muc.SetRole{Nick: "thirdwitch", Role: muc.Participant})
	h.Do(muc.Join{JID: muc.MustParseJID("hag@shakespeare.lit/bot"), Nick: "Bot"})
	h.Join(wiccaLaptop, "secondwitch")
	blocked["hag@shakespeare.lit"], blocked["crone@shakespeare.lit"] = true, true

	require.Nil(t, h.Client(hag).Says("still here").Refused)
	form := h.Client(hag).Sends(`<iq type='get' id='r' to='coven@chat.shakespeare.lit'><query xmlns='jabber:iq:register'/></iq>`)
	require.Nil(t, form.Refused, "nothing changes before the command")
	h.Do(muc.KickBlocked{Reason: "spam"})
	h.Client(hag).ReceivesOnly(muctest.Unavailable("thirdwitch").Status(110, 307).Reason("spam"))
	h.Client(wiccaLaptop).ReceivesOnly(muctest.Unavailable("thirdwitch").Status(307), muctest.Unavailable("Bot").Status(307))
	assert.NotContains(t, string(h.Snapshot(muc.Durable)), "voice-stored")
	h.Client(hag).Joins("thirdwitch")
	h.IsRefused(stanza.Forbidden)
	h.Refuses(because(stanza.Forbidden), muc.Join{JID: muc.MustParseJID("hag@shakespeare.lit/bot"), Nick: "Bot"})
	assert.Empty(t, h.Do(muc.KickBlocked{}).Outbound)
	h.Refuses(because(stanza.PolicyViolation), muc.KickBlocked{Reason: strings.Repeat("r", 2000)})
	h.RefusesAs(muc.MustParseJID(crone), muc.ErrHostOnly, muc.KickBlocked{})

	// Off the list again, they enter, without the voice that they had.
	delete(blocked, "hag@shakespeare.lit")
	h.Join(hag, "thirdwitch")
	h.Client(hag).Receives(muctest.Presence("thirdwitch").As(muc.AffiliationNone, muc.Visitor))
}

// Whose request to register is granted becomes a member, although the host or the domain's ban
// has kept that person out since.
//
// rows: F9, U9
func TestRegistrationOfBlocked(t *testing.T) {
	h, blocked := blocking(t, muc.Config{Registration: muc.RegistrationApproved})
	for _, who := range []string{"hag@shakespeare.lit", "bard@globe.lit"} {
		require.Nil(t, h.Handle(registration(who+"/x", who[:4])).Refused)
	}
	blocked["hag@shakespeare.lit"] = true
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("globe.lit"), Affiliation: muc.Outcast})
	for _, who := range []string{"hag@shakespeare.lit", "bard@globe.lit"} {
		h.Do(muc.DecideRegistration{JID: muc.MustParseJID(who), Allow: true})
		assert.Equal(t, muc.Member, h.Affiliation(muc.MustParseJID(who)), who)
		h.Client(who + "/x").Joins(who[:4])
		h.Client(who + "/x").Receives(muctest.Presence(who[:4]).As(muc.Member, muc.Participant))
	}
}

// A room in which nobody is left ends, if it is temporary.
func TestKickBlockedEndsARoom(t *testing.T) {
	h, blocked := blocking(t, muc.Config{})
	h.Join(wiccaLaptop, "secondwitch")
	h.Client("crone@shakespeare.lit/desktop").Leaves()
	blocked["wicca@shakespeare.lit"] = true
	h.Do(muc.KickBlocked{})
	assert.Equal(t, muc.Destroyed, h.State())
}

// Without a list, nobody is put out.
func TestKickBlockedByNoList(t *testing.T) {
	h := open(t, muc.Config{})
	h.Join(wiccaLaptop, "secondwitch")
	assert.Empty(t, h.Do(muc.KickBlocked{Reason: "spam"}).Volatile)
}

// Who is blocked makes no room by its form, and does not enter with the host's answer to a join
// that waited for it.
func TestBlockedMeanwhile(t *testing.T) {
	h, blocked := blocking(t, muc.Config{AsksJoin: func(q policy.Join) bool { return q.Nick == "thirdwitch" }})
	asked := h.Client("hag@shakespeare.lit/pda").Joins("thirdwitch").Questions
	require.Len(t, asked, 1)
	blocked["hag@shakespeare.lit"] = true
	h.Do(muc.Answer{ID: asked[0].ID})
	h.Client("hag@shakespeare.lit/pda").ReceivesOnly(muctest.Error(stanza.Forbidden, stanza.TypeAuth))

	cfg := muc.Config{CreateByForm: true, IsBlocked: func(muc.JID) bool { return true }}
	unmade := unborn(t, cfg)
	for _, submit := range []string{`type='get'><query xmlns='http://jabber.org/protocol/muc#owner'/>`,
		`type='set'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`} {
		unmade.Handle(`<iq id='c' from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit' ` + submit + `</iq>`)
		unmade.IsRefused(stanza.Forbidden)
	}
	assert.Equal(t, muc.Unborn, unmade.State())
}
