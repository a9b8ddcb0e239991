package muc_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// TestPolicyJoin is the host's own rule for joins, such as a limit on the rooms of
// one person: it judges what the room would admit, and nothing else.
// rows: C27
func TestPolicyJoin(t *testing.T) {
	var judged []policy.Join
	cfg := muc.Config{Instant: true, Policy: policy.Rules{Join: func(q policy.Join) *muc.StanzaError {
		judged = append(judged, q)
		if q.JID.Local() == "hag66" {
			return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "you are in too many rooms"}
		}
		return nil
	}}}
	h := open(t, cfg)
	before := h.Snapshot(muc.Live)
	judged = nil
	hag := h.Client("hag66@shakespeare.lit/pda")
	hag.Joins("thirdwitch")
	hag.Receives(muctest.XML(`<presence><error type='wait' by='coven@chat.shakespeare.lit'/></presence>`))
	hag.IsRefused(stanza.ResourceConstraint)
	assert.Equal(t, string(before), string(h.Snapshot(muc.Live)))
	assert.Equal(t, []policy.Join{{Room: h.Config.Room, JID: muc.MustParseJID("hag66@shakespeare.lit/pda"), Nick: "thirdwitch"}}, judged)

	judged = nil
	hag.Joins("firstwitch")
	hag.IsRefused(stanza.Conflict)
	assert.Empty(t, judged, "what the room refuses is not the host's to judge")
}

// TestRoomCreationLimits is the host's own rule for who makes rooms, and how many.
// rows: C31, L13
func TestRoomCreationLimits(t *testing.T) {
	made := map[muc.JID]int{muc.MustParseJID("hag66@shakespeare.lit"): 3}
	h := unborn(t, muc.Config{Policy: policy.Rules{Create: func(q policy.Create) *muc.StanzaError {
		if made[q.Creator.Bare()] >= 3 {
			return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "three rooms are enough"}
		}
		return nil
	}}})
	h.Client("hag66@shakespeare.lit/pda").Joins("thirdwitch")
	h.IsRefused(stanza.ResourceConstraint)
	assert.Equal(t, muc.Unborn, h.State())
	assert.Nil(t, h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch").Refused)
	assert.Equal(t, muc.Locked, h.State())
	assert.Nil(t, h.Client("crone@shakespeare.lit/laptop").Joins("firstwitch").Refused, "the room exists now")
}

// TestRefusedCreatorLeavesNothing: who may not make the room leaves it unborn.
// rows: C31
func TestRefusedCreatorLeavesNothing(t *testing.T) {
	h := unborn(t, muc.Config{Limits: muc.Limits{FieldBytes: 64}})
	for _, join := range []string{
		`<presence from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit/ '><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence from='crone@shakespeare.lit' to='coven@chat.shakespeare.lit/firstwitch'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit/firstwitch'><x xmlns='http://jabber.org/protocol/muc'><password>` + strings.Repeat("x", 65) + `</password></x></presence>`,
	} {
		fx := h.Handle(join)
		require.NotNil(t, fx.Refused, join)
		assert.Empty(t, slices.Collect(fx.Events()))
		assert.Equal(t, muc.Unborn, h.State())
	}
}

// TestWaitingJoinMoves: a join that waits for the host's decision moves with the
// room, and expires there if need be.
// rows: C35
func TestWaitingJoinMoves(t *testing.T) {
	h := open(t, muc.Config{Instant: true, AsksJoin: func(policy.Join) bool { return true }})
	fx := h.Handle(`<presence id='in2' from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/thirdwitch'>` +
		`<show>away</show><x xmlns='http://jabber.org/protocol/muc'><password>cauldron</password></x></presence>`)
	require.Len(t, fx.Questions, 1)
	assert.Empty(t, fx.Outbound)
	ask := fx.Questions[0]
	assert.True(t, ask.Join)
	assert.Equal(t, "thirdwitch", ask.Nick)
	assert.Contains(t, ask.Payload, "<password>cauldron</password>")
	assert.Equal(t, ask.Deadline, h.Deadline())

	for _, room := range []*muctest.Room{h.Twin(), h} {
		fx := room.Do(muc.Answer{ID: ask.ID})
		room.Client("hag66@shakespeare.lit/pda").ReceivesOnly(muctest.Presence("firstwitch"),
			muctest.XML(`<presence id='in2'><show>away</show></presence>`).From("thirdwitch").Status(110), muctest.Subject(""))
		for ev := range fx.Events() {
			if b, ok := ev.Body.(*event.Joined); ok {
				assert.NotContains(t, b.Payload, "cauldron")
			}
		}
		room.Refuses(muc.ErrNotFound, muc.Answer{ID: ask.ID})
		assert.Zero(t, room.Deadline())
	}
}

// TestHistoryCharacters: maxchars counts complete stanzas, to the character.
// rows: D5
func TestHistoryCharacters(t *testing.T) {
	h := open(t, muc.Config{Instant: true})
	h.Client("crone@shakespeare.lit/desktop").Says("Thrice the brinded cat hath mew’d.")
	h.Client("crone@shakespeare.lit/desktop").Says("Thrice; and once the hedge-pig whin’d.")
	past := func(maxchars int) []string {
		h.Handle(`<presence from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/thirdwitch'>` +
			`<x xmlns='http://jabber.org/protocol/muc'><history maxchars='` + strconv.Itoa(maxchars) + `'/></x></presence>`)
		var list []string
		for _, s := range h.Client("hag66@shakespeare.lit/pda").Received() {
			if strings.Contains(s, "<delay ") {
				list = append(list, s)
			}
		}
		return list
	}
	all := past(100000)
	require.Len(t, all, 2)
	first, last := len([]rune(all[0])), len([]rune(all[1]))
	assert.Len(t, past(first+last), 2)
	assert.Equal(t, all[1:], past(first+last-1))
	assert.Equal(t, all[1:], past(last))
	assert.Empty(t, past(last-1))
}

// TestHistoryIsBounded: by the number of messages and by their size.
// rows: D8, L12
func TestHistoryIsBounded(t *testing.T) {
	for _, limits := range []muc.Limits{{History: 4}, {HistoryBytes: 1000}} {
		h := open(t, muc.Config{Instant: true, Limits: limits, Defaults: muc.RoomConfig{History: 1000}})
		size := 0
		for i := range 200 {
			h.Client("crone@shakespeare.lit/desktop").Says(fmt.Sprintf("line %03d", i))
			h.Handle(`<message type='groupchat' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` +
				`<body>not archived</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>`)
			size = max(size, len(h.Snapshot(muc.Live)))
		}
		assert.Less(t, size, 6000)
		got := h.Join("hag66@shakespeare.lit/pda", "thirdwitch").Received()
		assert.Contains(t, got[len(got)-2], "line 199")
		assert.Less(t, len(got), 20)
	}
}

// TestHistoryOutlivesItsHost: what was said is shown after a restart, with the ids
// and the times it had; so is the subject.
// rows: D12, S11
func TestHistoryOutlivesItsHost(t *testing.T) {
	h := open(t, muc.Config{Instant: true, Defaults: muc.RoomConfig{Persistent: true}})
	h.Client("crone@shakespeare.lit/desktop").Says("Thrice the brinded cat hath mew'd.")
	h.Handle(`<message type='groupchat' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><subject>Fire burn</subject></message>`)
	durable := lasting(h.Events())
	before := h.Join("hag66@shakespeare.lit/pda", "thirdwitch").Received()
	for _, log := range []struct {
		snapshot []byte
		events   []event.Event
	}{{h.Snapshot(muc.Durable), nil}, {nil, durable}} {
		again := muctest.Restore(t, h.Config, log.snapshot, log.events)
		after := again.Join("hag66@shakespeare.lit/pda", "thirdwitch").Received()
		assert.Equal(t, before[1:], after, "all but those who were inside")
		assert.Contains(t, after[1], "mew'd")
		assert.Contains(t, after[2], "<subject>Fire burn</subject>")
	}
}

// TestEnteringAllocatesNothingPerOccupant: a newcomer to a large room costs no
// more than one to a small room, except for the list of what is sent.
// rows: C5
func TestEnteringAllocatesNothingPerOccupant(t *testing.T) {
	cost := func(people int) float64 {
		h := open(t, muc.Config{Instant: true})
		for i := range people {
			h.Client(fmt.Sprintf("u%d@shakespeare.lit/x", i)).Joins(fmt.Sprintf("u%d", i))
		}
		for i := range 30 {
			h.Client("crone@shakespeare.lit/desktop").Says(fmt.Sprint("line ", i))
		}
		doc := etree.NewDocument()
		require.NoError(t, doc.ReadFromString(`<presence from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/thirdwitch'>`+
			`<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
		_, err := h.Room.Handle(h.Now, doc.Root())
		require.NoError(t, err)
		return testing.AllocsPerRun(20, func() {
			// The session is inside already: everything again, to it alone.
			fx, err := h.Room.Handle(h.Now, doc.Root())
			require.NoError(t, err)
			require.Len(t, fx.Outbound, people+23)
		})
	}
	assert.Equal(t, cost(10), cost(1000))
}
