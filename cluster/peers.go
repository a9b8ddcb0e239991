package cluster

import (
	"hash/fnv"
	"slices"
	"strconv"
	"time"
)

// peer is a life of a node, as far as it was heard of.
type peer struct {
	node, life string
	seen       time.Time
	ready      bool // it takes shards
}

// peers are the nodes that were heard of, this one too. Node.mu guards it.
type peers struct {
	known map[string]*peer
	// expelled are those that were silent for too long, in the order in which they were given up.
	expelled []string
	// table is the successors if those who are able are these.
	able  []string
	table *[Shards]string
}

// mostExpelled is how many are remembered, so that they learn of it should they come back.
const mostExpelled = 100

// heard takes in what a node says of itself, and reports whether it is new.
func (p *peers) heard(b *beatFrame, now time.Time) (isNew bool) {
	of := id(b.Node, b.Life)
	if p.isExpelled(of) {
		return false
	}
	is := p.known[of]
	if isNew = is == nil; isNew {
		is = &peer{node: b.Node, life: b.Life}
		p.known[of] = is
	}
	is.seen, is.ready = now, b.Ready
	return isNew
}

// isExpelled reports whether a node was given up.
func (p *peers) isExpelled(of string) bool { return slices.Contains(p.expelled, of) }

// lives reports whether a node is not suspected to be dead.
func (p *peers) lives(of string, now time.Time) bool {
	is := p.known[of]
	return is != nil && now.Sub(is.seen) <= suspectAfter
}

// silent are those that have been silent for too long.
func (p *peers) silent(now time.Time, most time.Duration) (list []string) {
	for of, is := range p.known {
		if now.Sub(is.seen) > most {
			list = append(list, of)
		}
	}
	slices.Sort(list)
	return list
}

// expel forgets a node for ever.
func (p *peers) expel(of string) {
	delete(p.known, of)
	p.expelled = append(p.expelled, of)
	p.expelled = slices.Delete(p.expelled, 0, max(0, len(p.expelled)-mostExpelled))
}

// successors are who should have each shard, of those that live and take shards: by rendezvous hashing,
// so that a node which comes or goes moves its own shards only. "" if there is none. One may be
// left out.
func (p *peers) successors(now time.Time, without string) *[Shards]string {
	var able []string
	for of, is := range p.known {
		if is.ready && of != without && p.lives(of, now) {
			able = append(able, of)
		}
	}
	slices.Sort(able)
	if p.table != nil && slices.Equal(able, p.able) {
		return p.table
	}
	p.able, p.table = able, new([Shards]string)
	for shard := range Shards {
		var most uint64
		for _, of := range able {
			h := fnv.New64a()
			_, _ = h.Write([]byte(strconv.Itoa(shard) + " " + of))
			if weight := mixed(h.Sum64()); p.table[shard] == "" || weight > most {
				p.table[shard], most = of, weight
			}
		}
	}
	return p.table
}

// mixed spreads what differs in the last bytes over all bits.
func mixed(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
