package service_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// bytesOf counts what batches of a room hold, and the events since the last snapshot.
func bytesOf(calls [][]service.Batch) (events, snapshots, tail int) {
	for _, batches := range calls {
		for _, b := range batches {
			for _, ev := range b.Events {
				text, _ := ev.MarshalJSON()
				events, tail = events+len(text), tail+1
			}
			if b.Snapshot != nil {
				snapshots, tail = snapshots+len(b.Snapshot), 0
			}
		}
	}
	return events, snapshots, tail
}

// A large room is written anew when as much has become of it as there is, however often
// it changes; a small one when CompactAfter says so.
func TestSnapshotsWeighNoMoreThanEvents(t *testing.T) {
	for name, people := range map[string]int{"small": 0, "large": 2000} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const after, changes = 20, 1000
				h := newHost(t, func(h *host) { h.config.CompactAfter = after })
				h.lasting("cellar")
				for i := range people {
					_, err := h.do("cellar", muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("p%d@example.org", i)),
						Affiliation: muc.Member, Reason: strings.Repeat("because ", 10)})
					require.NoError(t, err)
				}
				before := len(h.store.written())
				most := 0
				for i := range changes {
					_, err := h.do("cellar", muc.SetSubject{Subject: fmt.Sprint("subject ", i)})
					require.NoError(t, err)
					_, _, tail := bytesOf(h.store.written())
					most = max(most, tail)
				}
				events, snapshots, _ := bytesOf(h.store.written()[before:])
				saved, err := h.store.Store.Load(t.Context(), at("cellar"))
				require.NoError(t, err)
				if people == 0 {
					assert.Less(t, most, after, "small rooms are compacted as before")
				} else {
					assert.LessOrEqual(t, snapshots, events+len(saved.Snapshot))
				}
				tail := 0
				for _, ev := range saved.Events {
					text, _ := ev.MarshalJSON()
					tail += len(text)
				}
				assert.LessOrEqual(t, tail, max(len(saved.Snapshot), after*200), "what is read beside it")
			})
		})
	}
}

// Few events that are large make a snapshot, too: an owner who sets one picture after the other
// does not fill the store.
func TestFewLargeEventsAreCompacted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		for i := range 200 {
			image := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i)}, 90000))
			_, err := h.do("cellar", muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>" + image + "</BINVAL></PHOTO></vCard>")})
			require.NoError(t, err)
			saved, err := h.store.Store.Load(t.Context(), at("cellar"))
			require.NoError(t, err)
			events, _, _ := bytesOf([][]service.Batch{{{Events: saved.Events}}})
			require.LessOrEqual(t, events, 5<<20)
		}
		_, snapshots, _ := bytesOf(h.store.written())
		assert.Less(t, snapshots, 200*120000/10, "not at each of them")
	})
}

// A large room of which little became is put aside, and stopped, without being written
// anew; and it is the same when it comes back.
func TestLargeRoomsArePutAsideWithoutASnapshot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		require.NoError(t, h.fill("cellar", 600))
		sleep(10 * time.Minute)
		_, snapshots, tail := bytesOf(h.store.written())
		require.Positive(t, snapshots)
		base := tail
		for i := range 3 {
			_, err := h.do("cellar", muc.SetSubject{Subject: fmt.Sprint("subject ", i)})
			require.NoError(t, err)
			sleep(10 * time.Minute)
			require.Zero(t, h.service.Stats().Rooms)
		}
		h.stop()
		_, again, tail := bytesOf(h.store.written())
		assert.Equal(t, snapshots, again)
		assert.Equal(t, base+3, tail)
		h.start()
		require.NoError(t, h.service.Read(t.Context(), at("cellar"), func(r *muc.Room) {
			subject, _ := r.Subject()
			assert.Equal(t, "subject 2", subject)
		}))
	})
}
