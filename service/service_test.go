package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

func TestTalk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		created := h.got(romeo)
		require.Len(t, created, 2)
		assert.Equal(t, "110 201", statuses(created[0]))
		h.join(juliet, "cellar", "Juliet")
		h.join(juliet, "garden", "Juliet")
		h.forget()
		h.say(romeo, "cellar", "But soft!")
		assert.Equal(t, []string{"But soft!"}, h.bodies(romeo))
		assert.Equal(t, []string{"But soft!"}, h.bodies(juliet))
		assert.Equal(t, service.Stats{Rooms: 2, Listed: 2, Occupants: 3, Sessions: 2}, h.counts())
	})
}

func TestTemporaryRoomEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.leave(romeo, "cellar", "Romeo")
		assert.Equal(t, service.Stats{}, h.counts())
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.Empty(t, saved)
		h.forget()
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, "110 201", statuses(h.got(juliet)[0]), "a new room at the same address")
	})
}

func TestHibernation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.IdleAfter = time.Hour })
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.say(romeo, "cellar", "But soft!")
		sleep(2 * time.Hour)
		assert.Equal(t, 1, h.service.Stats().Rooms, "somebody is inside")
		h.leave(romeo, "cellar", "Romeo")
		sleep(59 * time.Minute)
		assert.Equal(t, 1, h.service.Stats().Rooms)
		sleep(2 * time.Minute)
		assert.Equal(t, service.Stats{Listed: 1}, h.counts())
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.NotEmpty(t, saved.Snapshot)
		assert.Empty(t, saved.Events)

		h.forget()
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, []string{"But soft!"}, h.bodies(juliet), "the history")
	})
}

func TestDo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		_, err := h.do("cellar", muc.SetSubject{Subject: "Wherefore?"})
		require.ErrorIs(t, err, muc.ErrNotOpen)
		assert.Equal(t, service.Stats{}, h.counts())
		h.lasting("cellar")
		events, err := h.do("cellar", muc.SetSubject{Subject: "Wherefore?"})
		require.NoError(t, err)
		require.Len(t, events, 1)
		assert.IsType(t, &event.SubjectChanged{}, events[0].Body)
		var subject string
		require.NoError(t, h.service.Read(t.Context(), at("cellar"), func(r *muc.Room) { subject, _ = r.Subject() }))
		assert.Equal(t, "Wherefore?", subject)
		h.join(juliet, "cellar", "Juliet")
		for who, want := range map[muc.JID]error{{}: muc.ErrNobody, muc.MustParseJID(juliet): &muc.StanzaError{Condition: stanza.Forbidden}} {
			_, err = h.service.DoAs(t.Context(), at("cellar"), who, muc.Destroy{})
			require.ErrorIs(t, err, want)
		}
		_, err = h.service.DoAs(t.Context(), at("cellar"), muc.MustParseJID(juliet), muc.Say{Body: "But soft!"})
		require.NoError(t, err)
		_, err = h.service.Do(t.Context(), muc.MustParseJID("cellar@elsewhere.example"), muc.SetSubject{})
		require.ErrorIs(t, err, muc.ErrNotForRoom)
	})
}
