package muc_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// Events and snapshots make the same room, alone and together, at every step of
// its life.
func TestRestoreFromAnything(t *testing.T) {
	h := history(t)
	live, durable := h.Snapshot(muc.Live), h.Snapshot(muc.Durable)
	followed, err := muc.New(h.Config)
	require.NoError(t, err)
	for i, ev := range h.Events() {
		require.NoError(t, followed.Apply(ev))
		moved, err := muc.Restore(h.Config, followed.Snapshot(muc.Live), h.Events()[i+1:])
		require.NoError(t, err, "step %d", i)
		assert.Equal(t, string(live), string(moved.Snapshot(muc.Live)))
		restarted, err := muc.Restore(h.Config, followed.Snapshot(muc.Durable), lasting(h.Events()[i+1:]))
		require.NoError(t, err)
		assert.Equal(t, string(durable), string(restarted.Snapshot(muc.Durable)))
		assert.True(t, restarted.Idle())
	}
	assert.True(t, bytes.Equal(live, followed.Snapshot(muc.Live)))
	for _, snapshot := range [][]byte{live, durable} {
		assert.NotContains(t, string(snapshot), string(h.Config.Secret))
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, snapshot, "", "  "))
		room, err := muc.Restore(h.Config, indented.Bytes(), nil)
		require.NoError(t, err, "stores may write JSON their own way")
		assert.Equal(t, string(durable), string(room.Snapshot(muc.Durable)))
	}
}

// After a restart nobody is inside: a room that lives by its occupants is due at
// once, one that is kept is not.
func TestRestartedRoomsAreDue(t *testing.T) {
	restart := func(h *muctest.Room) *muc.Room {
		room, err := muc.Restore(h.Config, h.Snapshot(muc.Durable), nil)
		require.NoError(t, err)
		assert.True(t, room.Idle())
		again, err := muc.Restore(h.Config, nil, lasting(h.Events()))
		require.NoError(t, err)
		assert.Equal(t, room.Deadline(), again.Deadline())
		return room
	}
	kept := history(t)
	room := restart(kept)
	assert.Equal(t, muc.Open, room.State())
	assert.Zero(t, room.Deadline())
	fx, err := room.Tick(kept.Now)
	require.NoError(t, err)
	assert.Empty(t, slices.Collect(fx.Events()))

	locked := unborn(t, muc.Config{})
	locked.Client("crone@shakespeare.lit/desktop").Joins("firstwitch")
	require.Equal(t, muc.Locked, locked.State())
	for name, h := range map[string]*muctest.Room{"temporary": coven(t, muc.Config{}), "locked": locked} {
		room := restart(h)
		assert.False(t, room.Deadline().IsZero() || room.Deadline().After(h.Now), name)
		fx, err := room.Tick(h.Now)
		require.NoError(t, err)
		require.Len(t, slices.Collect(fx.Events()), 1, name)
		assert.IsType(t, &event.RoomDestroyed{}, slices.Collect(fx.Events())[0].Body, name)
		assert.Empty(t, fx.Outbound, name)
		assert.Equal(t, muc.Destroyed, room.State(), name)
		assert.Zero(t, room.Deadline(), name)
	}
	// Somebody may come before the tick.
	h := coven(t, muc.Config{})
	h.Room = restart(h)
	fx = h.Client("hecate@shakespeare.lit/broom").Joins("Hecate")
	assert.Nil(t, fx.Refused)
	assert.Zero(t, h.Deadline())
	assert.Equal(t, muc.Open, h.State())
}

// A damaged snapshot is refused, however little is missing.
func TestDamagedSnapshots(t *testing.T) {
	h := history(t)
	for _, kind := range []muc.SnapshotKind{muc.Live, muc.Durable} {
		good := h.Snapshot(kind)
		for n := range len(good) {
			_, err := muc.Restore(h.Config, good[:n], nil)
			require.ErrorIs(t, err, muc.ErrCorrupt, "cut at %d", n)
		}
		_, err := muc.Restore(h.Config, append(good, "x"...), nil)
		assert.ErrorIs(t, err, muc.ErrCorrupt)
	}
	_, err := muc.Restore(h.Config, bytes.Replace(h.Snapshot(muc.Live), []byte(`"v":2`), []byte(`"v":1`), 1), nil)
	var unknown *muc.UnknownEventError
	assert.ErrorAs(t, err, &unknown)
	room, err := muc.Restore(h.Config, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, muc.Unborn, room.State())
}

// What a store gives back is judged before it is believed: a room must not come
// to life with it and fall over later.
func TestForgedSnapshots(t *testing.T) {
	h := history(t)
	good := string(h.Snapshot(muc.Live))
	const joined = `{"type":"joined","v":1,"data":{"occupant":`
	for _, forged := range [][2]string{
		{`<body>Round`, `<body Round`}, {`</body>`, `</bdy>`}, {`</body>`, `</body><a>`}, {`</body>`, `&</body>`}, {`</body>`, `\u0000</body>`},
		{`"nick":"firstwitch","key":"firstwitch","occupant_id":"`, `"nick":"\u0001","occupant_id":"`},
		{`/desktop","nick":"firstwitch","key":"firstwitch"`, `/desktop","nick":"","key":"firstwitch"`},
		{`/broom","nick":"thirdwitch","key":"thirdwitch"`, `/broom","nick":"thirdwitch","key":"firstwitch"`},
		{joined + `1,"session":1,"jid":"crone@shakespeare.lit/desktop"`, joined + `1,"session":1,"jid":"<@shakespeare.lit/desktop"`},
		{joined + `1,"session":1,"jid":"crone@shakespeare.lit/desktop"`, joined + `1,"session":1,"jid":"crone@shakespeare.lit"`},
		{joined + `1,"session":1,"jid":"crone@shakespeare.lit/desktop"`, joined + `1,"session":1,"jid":"hecate@shakespeare.lit/broom"`},
		{joined + `1,"session":1`, joined + `1,"session":3`}, {joined + `1,"session":1`, joined + `1,"session":4`},
		{joined + `1`, joined + `3`}, {joined + `1`, joined + `4000000000`},
		{`"role":"moderator"`, `"role":"none"`}, {`"created"`, `"unlocked"`}, {`"joined"`, `"left"`},
		{`"old":"none","new":"owner"`, `"old":"member","new":"owner"`}, {`"new":"owner"`, `"new":"king"`}, {`"jid":"hecate@shakespeare.lit","old"`, `"jid":"crone@shakespeare.lit","old"`},
		{`"kind":"live"`, `"kind":"durable"`}, {`"kind":"live"`, `"kind":""`}, {`"last_session":3`, `"last_session":1`}, {`"at":"2030`, `"at":"9999`}, {`"at":"2030`, `"at":"2029`},
		{`{"seq":6,"time":"2030`, `{"seq":6,"time":"2031`}, {`{"seq":6,`, `{"seq":60,`}, {`"last_occupant":3`, `"last_occupant":2`},
		{`"name":"Coven"`, `"name":"\u0002"`}, {`"name":"Coven"`, `"name":"Coven","whois":7`},
	} {
		as := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`) // as JSON has them
		bad := bytes.Replace([]byte(good), []byte(as.Replace(forged[0])), []byte(as.Replace(forged[1])), 1)
		require.NotEqual(t, good, string(bad), "%s is not there", forged[0])
		_, err := muc.Restore(h.Config, bad, nil)
		assert.ErrorIs(t, err, muc.ErrCorrupt, "%s", forged)
	}
	// Numbers that are used up let nobody in, and nobody falls over.
	full := bytes.Replace([]byte(good), []byte(`"last_session":3`), []byte(`"last_session":4294967295`), 1)
	room, err := muc.Restore(h.Config, full, nil)
	require.NoError(t, err)
	h.Room = room
	assert.Equal(t, stanza.ResourceConstraint, h.Client("bard@shakespeare.lit/globe").Joins("Bard").Refused.Condition)
}

// Of somebody's clients it is remembered who came first, and who spoke of its presence
// last, also where one has taken another nick and with it a place behind newcomers.
func TestSnapshotOfClients(t *testing.T) {
	h := open(t, muc.Config{})
	const of = "crone@shakespeare.lit/"
	h.Client(of + "phone").Joins("firstwitch")
	h.Client(of + "tablet").Joins("firstwitch")
	h.Client("hecate@shakespeare.lit/broom").Joins("thirdwitch")
	h.Handle(`<presence from='` + of + `phone' to='coven@chat.shakespeare.lit/Crone'/>`)
	h.Client(of + "watch").Joins("firstwitch")
	h.Client(of + "laptop").Joins("Crone")
	h.Handle(`<presence from='` + of + `desktop' to='coven@chat.shakespeare.lit/firstwitch'><show>away</show></presence>`)
	h.Handle(`<presence from='` + of + `tablet' to='coven@chat.shakespeare.lit/firstwitch'><show>dnd</show></presence>`)
	h.Handle(`<presence from='` + of + `phone' to='coven@chat.shakespeare.lit/Crone'><show>chat</show></presence>`)
	twin := h.Twin()
	for _, client := range []string{"tablet", "phone", "desktop", "laptop", "watch"} {
		require.Equal(t, string(h.Snapshot(muc.Live)), string(twin.Snapshot(muc.Live)))
		gone := `<presence type='unavailable' from='` + of + client + `' to='coven@chat.shakespeare.lit/firstwitch'/>`
		fx := h.Handle(gone)
		require.NotEmpty(t, slices.Collect(fx.Events()), client)
		assert.Equal(t, describe(fx), describe(twin.Handle(gone)), client)
	}
}

// A moved room goes on in mid-conversation, byte for byte.
func TestMovedRoomGoesOn(t *testing.T) {
	h := history(t)
	twin := h.Twin()
	for _, do := range []func(h *muctest.Room) muc.Effects{
		func(h *muctest.Room) muc.Effects { return h.Client("hecate@shakespeare.lit/broom").Says("Toad") },
		func(h *muctest.Room) muc.Effects { return h.Client("bard@shakespeare.lit/globe").Joins("Bard") },
		func(h *muctest.Room) muc.Effects { return h.Client("crone@shakespeare.lit/mobile").Joins("firstwitch") },
		func(h *muctest.Room) muc.Effects { return h.Do(muc.Vanished{JID: crone}) },
		func(h *muctest.Room) muc.Effects { return h.Do(muc.SetSubject{Subject: "stew"}) },
		func(h *muctest.Room) muc.Effects { return h.Do(muc.Destroy{}) },
	} {
		assert.Equal(t, describe(do(h)), describe(do(twin)))
	}
}

// Times are kept to what can be written down, whatever clock the host has.
func TestEndOfTime(t *testing.T) {
	h := unborn(t, muc.Config{})
	h.Now = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch")
	h.Client("crone@shakespeare.lit/desktop").Says("Tomorrow, and tomorrow, and tomorrow")
	room, err := muc.Restore(h.Config, h.Snapshot(muc.Live), nil)
	require.NoError(t, err)
	assert.Equal(t, h.Deadline(), room.Deadline())
	h = unborn(t, muc.Config{})
	h.Now = time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)
	h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch")
	_, err = muc.Restore(h.Config, h.Snapshot(muc.Live), nil)
	require.NoError(t, err)
}
