package cluster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// What a node of another version would do in another way is not said; what is stored holds, and the
// room goes on.
func TestTwoVersions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) {
			c.MarkEvery = time.Hour
			if c.Node != "c" {
				c.Service.Room.Policy.Speak = func(s policy.Speak) *stanza.Error {
					if strings.Contains(s.Payload, "old") {
						return &stanza.Error{Condition: stanza.NotAllowed}
					}
					return nil
				}
			}
		}, "a", "b", "c")
		romeo := w.at("a", "romeo")
		room := w.roomWith("c", romeo)
		w.send(romeo, sayText, room, "", "old")
		w.settle()
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		w.ready()
		w.send(romeo, sayText, room, "", "new")
		w.settle()
		assert.Equal(t, []string{"old", "new"}, w.heard(romeo, room))
		assert.Positive(t, w.counted("redone false"))
	})
}
