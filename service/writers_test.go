package service_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// However many writers there are, and however long their calls take: all that is
// waited for comes to its end, and no more calls than that are under way.
func TestWriters(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 5))
				limits := service.Limits{Writers: 1 + rnd.IntN(9), StoreBatch: 1 + rnd.IntN(5)}
				h := newHost(t, func(h *host) { h.config.Limits = limits })
				const rooms, words = 25, 6
				for i := range rooms {
					h.lasting(fmt.Sprint("room", i))
				}
				var mu sync.Mutex
				calls, most, largest := 0, 0, 0
				h.store.failAppends(func(b []service.Batch) error {
					mu.Lock()
					calls++
					most, largest = max(most, calls), max(largest, len(b))
					wait := time.Duration(rnd.IntN(50)) * time.Millisecond
					mu.Unlock()
					time.Sleep(wait)
					mu.Lock()
					defer mu.Unlock()
					calls--
					return nil
				})
				done := make(chan error, rooms)
				for i := range rooms {
					mu.Lock()
					wait := time.Duration(rnd.IntN(50)) * time.Millisecond
					mu.Unlock()
					go func() {
						for range words {
							time.Sleep(wait)
							if _, err := h.service.Do(t.Context(), at(fmt.Sprint("room", i)), muc.Say{Body: "word"}); err != nil {
								done <- err
								return
							}
						}
						done <- nil
					}()
				}
				for range rooms {
					select {
					case err := <-done:
						assert.NoError(t, err)
					case <-time.After(time.Hour):
						t.Fatal("somebody waits for ever")
					}
				}
				h.store.failAppends(nil)
				synctest.Wait()
				assert.LessOrEqual(t, most, limits.Writers)
				assert.LessOrEqual(t, largest, limits.StoreBatch)
				assert.Zero(t, h.service.Stats().Working)
			})
		})
	}
}
