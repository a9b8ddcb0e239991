package muc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

const archiveQuery = `<iq type='set' id='q1' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` +
	`<query xmlns='urn:xmpp:mam:2'>%s</query></iq>`

// The host answers a query of the archive with a page of it, or not at all: what
// the room could not have told it is the host's fault, and the question stays open.
func TestArchiveAnswers(t *testing.T) {
	h := open(t, muc.Config{Archive: true, Limits: muc.Limits{ArchivePage: 2}})
	for i := range 3 {
		h.Client("crone@shakespeare.lit/desktop").Says(fmt.Sprint("double ", i))
	}
	fx := h.Handle(fmt.Sprintf(archiveQuery, ""))
	require.Len(t, fx.Questions, 1)
	ask := fx.Questions[0]
	require.NotNil(t, ask.Archive)
	assert.Equal(t, 2, ask.Archive.Max)
	was := h.Snapshot(muc.Live)
	for name, page := range map[string]*muc.ArchivePage{
		"none":              nil,
		"too long":          {Messages: messagesOf(h.Events())},
		"no message":        {Messages: []event.Event{h.Events()[0]}},
		"nothing":           {Messages: []event.Event{{}}},
		"a message that is": {Messages: []event.Event{{Body: &event.MessageArchived{}}}},
	} {
		_, err := h.Room.Do(h.Now, muc.Answer{ID: ask.ID, Archive: page})
		var refused *muc.StanzaError
		assert.True(t, errors.As(err, &refused), "%s: %v", name, err)
	}
	assert.Equal(t, string(was), string(h.Snapshot(muc.Live)))

	// A room that was moved in between answers like the one that was asked.
	var moved []event.Event
	data, err := json.Marshal(h.Events())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &moved))
	other := muctest.Restore(t, h.Config, nil, moved)
	page, refused := ask.Archive.Page(h.Events())
	require.Nil(t, refused)
	want, got := h.Do(muc.Answer{ID: ask.ID, Archive: &page}), other.Do(muc.Answer{ID: ask.ID, Archive: &page})
	assert.Len(t, want.Outbound, 3)
	assert.Equal(t, describe(want), describe(got))
	h.Refuses(muc.ErrNotFound, muc.Answer{ID: ask.ID, Archive: &page})
}

func messagesOf(log []event.Event) (list []event.Event) {
	for _, ev := range log {
		if _, ok := ev.Body.(*event.MessageArchived); ok {
			list = append(list, ev)
		}
	}
	return list
}

// A room of the same name owes nothing to the one that was destroyed: neither its
// history nor its archive.
// rows: Q13
func TestArchiveEndsWithTheRoom(t *testing.T) {
	h := open(t, muc.Config{Archive: true})
	h.Client("crone@shakespeare.lit/desktop").Says("forgotten")
	h.Do(muc.Destroy{})
	end := h.Events()[len(h.Events())-1]
	assert.True(t, end.Durable())
	assert.IsType(t, &event.RoomDestroyed{}, end.Body)
	page, refused := muc.ArchiveQuery{Max: 10}.Page(h.Events())
	require.Nil(t, refused)
	assert.Empty(t, page.Messages)
	assert.Zero(t, page.Count)

	next := open(t, muc.Config{Archive: true})
	log := append(h.Events(), next.Events()...)
	next.Client("crone@shakespeare.lit/desktop").Says("remembered")
	log = append(log, next.Events()[len(next.Events())-1])
	page, refused = muc.ArchiveQuery{Max: 10}.Page(log)
	require.Nil(t, refused)
	assert.Len(t, page.Messages, 1)
}

// A host that archives who came and went finds in the events all that it takes.
// rows: Q12
func TestComingAndGoingAreEvents(t *testing.T) {
	h := open(t, muc.Config{})
	fx := h.Client("hag@shakespeare.lit/pda").Joins("secondwitch")
	joined := slices.Collect(fx.Events())[0].Body.(*event.Joined)
	assert.Equal(t, "hag@shakespeare.lit/pda", joined.JID.String())
	assert.Equal(t, "secondwitch", joined.Nick)
	assert.Equal(t, muc.Participant, joined.Role)
	assert.NotEmpty(t, joined.OccupantID)
	assert.Equal(t, h.Now, slices.Collect(fx.Events())[0].Time)

	fx = h.Handle(`<presence type='unavailable' from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/secondwitch'><status>gone</status></presence>`)
	left := slices.Collect(fx.Events())[0].Body.(*event.Left)
	assert.Equal(t, joined.JID, left.JID)
	assert.Equal(t, joined.Nick, left.Nick)
	assert.Equal(t, joined.OccupantID, left.OccupantID)
	assert.True(t, left.Last)
	assert.Contains(t, left.Payload, "gone")
}

// Ids tell nothing: not what the one before was, nor how many there were; and
// without the secret nobody makes them again.
// rows: Q16
func TestIDsAreOpaque(t *testing.T) {
	opaque := regexp.MustCompile(`^[0-9a-f]{32}$`)
	seen := map[string]bool{}
	ids := func(cfg muc.Config) (list []string) {
		h := open(t, cfg)
		for range 50 {
			m := h.Client("crone@shakespeare.lit/desktop").Says("double").Durable[0].Body.(*event.MessageArchived)
			assert.Regexp(t, opaque, m.StanzaID)
			list = append(list, m.StanzaID)
		}
		return list
	}
	first := ids(muc.Config{})
	for _, id := range append(first, ids(muc.Config{Secret: []byte("another secret of sixteen bytes")})...) {
		assert.False(t, seen[id], "%s again", id)
		seen[id] = true
	}
	assert.Equal(t, first, ids(muc.Config{}), "the same calls give the same ids")
	n := 0
	own := archivedID(open(t, muc.Config{NewID: func() string { n++; return fmt.Sprintf("%032d", n) }}))
	assert.Regexp(t, `^0{28}\d{4}$`, own)
}

func archivedID(h *muctest.Room) string {
	return h.Client("crone@shakespeare.lit/desktop").Says("double").Durable[0].Body.(*event.MessageArchived).StanzaID
}

// An occupant-id is a keyed hash: other rooms and other secrets give the same
// person others, and the key itself stays inside.
// rows: S8, S10, S11
func TestOccupantIDs(t *testing.T) {
	secret := []byte("a secret of sixteen bytes or more")
	idIn := func(room string, secret []byte) (string, *muc.Room) {
		h := muctest.New(t, muc.Config{Room: muc.MustParseJID(room), Secret: secret, Instant: true})
		fx := h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch")
		for ev := range fx.Events() {
			if b, ok := ev.Body.(*event.Joined); ok {
				assert.Contains(t, xmlOf(fx.Outbound[0]), b.OccupantID)
				return b.OccupantID, h.Room
			}
		}
		return "", h.Room
	}
	here, room := idIn("coven@chat.shakespeare.lit", secret)
	again, _ := idIn("coven@chat.shakespeare.lit", secret)
	there, _ := idIn("heath@chat.shakespeare.lit", secret)
	other, _ := idIn("coven@chat.shakespeare.lit", []byte("another secret of sixteen bytes"))
	assert.Equal(t, here, again)
	assert.NotEqual(t, here, there)
	assert.NotEqual(t, here, other)
	assert.NotEmpty(t, here)
	assert.LessOrEqual(t, len(here), 128)

	for _, kind := range []muc.SnapshotKind{muc.Durable, muc.Live} {
		shot := room.Snapshot(kind)
		assert.NotContains(t, string(shot), string(secret))
		assert.NotContains(t, string(shot), fmt.Sprintf("%x", secret))
		cfg := muc.Config{Room: muc.MustParseJID("coven@chat.shakespeare.lit"), Secret: secret}
		phone := muctest.Restore(t, cfg, shot, nil).Join("crone@shakespeare.lit/phone", "Phone")
		phone.Receives(muctest.Presence("Phone").With("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='" + here + "'/>"))
	}
}
