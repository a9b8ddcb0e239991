package cluster

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// SetLife sets what is random otherwise.
func (c *Config) SetLife(life string) { c.life = life }

// Kill ends a node as if its process had died.
func (n *Node) Kill() { n.halt() }

// Debug tells what is open.
func (n *Node) Debug() (out []string) {
	for to, p := range n.pipes {
		if len(p.frames) > 0 {
			out = append(out, fmt.Sprint("pipe to ", to, " from number ", p.frames[0].number, ": ", string(p.frames[0].body), " known ", n.peers.known[to] != nil))
		}
	}
	out = append(out, fmt.Sprint("incoming ", n.incoming))
	for i := range n.gateway.shards {
		sh := &n.gateway.shards[i]
		for _, item := range sh.items {
			out = append(out, fmt.Sprint("open ", i, " ", item.number, " ", item.text, " sent to ", item.sentTo, " owner ", n.owners[i]))
		}
	}
	for i := range n.intake.shards {
		for of, x := range n.intake.shards[i].from {
			if len(x.under)+len(x.failed) > 0 {
				out = append(out, fmt.Sprint("intake ", i, " of ", of, ": ", *x, " paused ", n.intake.shards[i].paused))
			}
		}
	}
	return out
}

// SizesOf is how large the messages are by which a node is told what a room says.
func SizesOf(stanzas []service.Stanza) (sizes []int) {
	n := &Node{cfg: Config{Home: func(muc.JID) []string { return []string{"node"} }}}
	byNode, _ := n.split(stanzas)
	for part := range parts(&speech{}, byNode["node"]) {
		sizes = append(sizes, len(encode(&outBody{Speech: part})))
	}
	return sizes
}

// HeirOf is which of some nodes should have a shard.
func HeirOf(shard int, nodes []string) string {
	p, now := peers{known: map[string]*peer{}}, time.Now()
	for _, of := range nodes {
		p.known[of] = &peer{seen: now, ready: true}
	}
	return p.successors(now, "")[shard]
}

// FailMove begins to hand a shard over to a node that is not there.
func (n *Node) FailMove(shard int) {
	n.mu.Lock()
	o := n.owners[shard]
	n.begin(shard, func() { n.move(shard, o, "nobody") })
	n.mu.Unlock()
}

// MovesAtOnce is how many shards a node hands over at the same time.
const MovesAtOnce = movesAtOnce

// Hand is how large the message is that hands over rooms with these snapshots, and how many it has.
func Hand(snapshots []string) (size, whole int) {
	f, rooms := handFrame{}, []handed{}
	for i, s := range snapshots {
		rooms = append(rooms, handed{Entry: Entry{Entry: service.Entry{Room: muc.MustParseJID(fmt.Sprint("room", i, "@chat.example"))}}, Snapshot: []byte(s)})
	}
	f.fill(rooms, handBytes)
	for _, text := range f.Rooms {
		var h handed
		if json.Unmarshal(text, &h) == nil && h.Snapshot != nil {
			whole++
		}
	}
	return len(encode(&f)), whole
}

// List takes in lines of the list of rooms.
func (n *Node) List(lines ...Entry) { n.list(lines) }
