package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// The clocks of nodes may be hours apart: a room that goes from one to the other goes on, what is done again is the
// same, and its time does not run back.
func TestClocksApart(t *testing.T) {
	for name, off := range map[string][2]time.Duration{"behind": {6 * time.Hour, -6 * time.Hour}, "ahead": {-6 * time.Hour, 6 * time.Hour}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, func(c *cluster.Config) {
					by := map[string]time.Duration{"a": off[0], "b": off[1]}[c.Node]
					c.Service.Room.Rates.Messages = muc.Rate{Burst: 10, Every: time.Second}
					c.Service.Now = func() time.Time { return time.Now().Add(by) }
				}, "a", "b", "c")
				room := w.roomThatGoesTo("a", "b")
				romeo, juliet := w.at("c", "romeo"), w.at("c", "juliet")
				w.send(romeo, joinText, room, "romeo")
				w.settle()
				var want []string
				talk := func() {
					for range 100 { // more than a rate lets through at once
						body := fmt.Sprint(len(want))
						want = append(want, body)
						w.send(romeo, sayText, room, "", body)
						time.Sleep(time.Second)
					}
					w.settle()
				}
				talk()
				w.nodes["a"].kill()
				delete(w.nodes, "a")
				time.Sleep(5 * time.Second)
				talk()
				assert.Equal(t, want, w.heard(romeo, room))
				assert.Zero(t, w.counted("redone false"))

				w.send(juliet, joinText, room, "juliet")
				w.settle()
				last, stamps := time.Time{}, 0
				for _, text := range juliet.inbox[room+"@chat.example"] {
					if delay := parse(text).SelectElement("delay"); delay != nil {
						at, err := time.Parse(time.RFC3339, delay.SelectAttrValue("stamp", ""))
						require.NoError(t, err)
						assert.False(t, at.Before(last))
						last, stamps = at, stamps+1
					}
				}
				assert.Positive(t, stamps)
			})
		})
	}
}
