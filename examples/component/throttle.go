package main

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// throttle bounds how many bytes one person sends to all rooms together. The rates of a
// room (XEP-0045 §14.6) are those of that room, and its owner is exempt; this is what
// the machine is protected by.
//
// Its memory is constant: a person is a place in a table, by a keyed hash. Two people
// share one now and then.
type throttle struct {
	seed maphash.Seed
	now  func() time.Time

	mu   sync.Mutex
	full [1 << 16]int64 // when the bucket will be full again, in ns since began
	zero time.Time
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), now: time.Now, zero: time.Now()}
}

// leastBytes is what the smallest stanza counts: some of what it costs does not depend
// on its size.
const leastBytes = 512

// askBytes is what a stanza counts that is answered by much more than it is: who enters
// is sent the past and everybody who is inside, who asks for an archive or a list a page, or a
// picture.
const askBytes = 4096

// asks is what a stanza counts beside its own bytes: some are answered by a thousand
// times as many.
func asks(el *etree.Element) int {
	for _, c := range el.ChildElements() {
		much := false
		switch c.SelectAttrValue("xmlns", "") {
		case "http://jabber.org/protocol/muc":
			much = el.Tag == "presence"
		case "urn:xmpp:mam:2", "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/disco#items",
			"http://jabber.org/protocol/commands", "urn:xmpp:channel-search:0:search":
			much = el.Tag == "iq"
		case "vcard-temp": // a room's picture; that of an occupant is the occupant's to send
			much = el.Tag == "iq" && !strings.Contains(el.SelectAttrValue("to", ""), "/")
		}
		if much {
			return askBytes
		}
	}
	return 0
}

// spend takes the bytes of a stanza out of the bucket of a person, or reports that it
// holds not so many: its rate is in bytes, and a zero Every bounds nothing. What must not be answered may be owed, as much as the bucket holds:
// an answer that is lost, or somebody who has left, is missed by others.
func (t *throttle) spend(rate muc.Rate, person string, bytes int, owed bool) bool {
	if rate.Every == 0 {
		return true
	}
	i := maphash.String(t.seed, person) % uint64(len(t.full))
	t.mu.Lock()
	defer t.mu.Unlock()
	now, holds := int64(t.now().Sub(t.zero)), int64(rate.Burst)*int64(rate.Every)
	if owed {
		holds *= 2
	}
	full := max(t.full[i], now) + int64(max(bytes, leastBytes))*int64(rate.Every)
	if full-now > holds {
		return false
	}
	t.full[i] = full
	return true
}
