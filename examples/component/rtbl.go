package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// Block lists that services share in real time: the SHA-256 hashes of bare addresses and of
// domains are the ids of the items of a PubSub node (XEP-0060), which this component follows.

const (
	nsPubSub      = "http://jabber.org/protocol/pubsub"
	nsPubSubEvent = "http://jabber.org/protocol/pubsub#event"
	nsRSM         = "http://jabber.org/protocol/rsm"

	// maxBlocked bounds the entries of one list: beyond it they are not followed.
	maxBlocked = 100_000
	// blockPage is how many items are asked for at once: a page must fit into a stanza.
	blockPage = 100
	// blockRetry is when a list is asked for again that could not be read, blockRefresh when one
	// that was: an event may have been lost.
	blockRetry, blockRefresh = time.Minute, time.Hour
)

// blockNode is where a list is.
type blockNode struct{ service, node string }

func (n blockNode) String() string { return n.service + "/" + n.node }

// readBlockNode reads SERVICE/NODE.
func readBlockNode(v string) (blockNode, error) {
	service, node, _ := strings.Cut(v, "/")
	at, err := muc.ParseJID(service)
	if err != nil || node == "" {
		return blockNode{}, fmt.Errorf("%q is no list: it should look like rtbl.example.org/muc_bans_sha256", v)
	}
	return blockNode{at.String(), node}, nil
}

type hash = [sha256.Size]byte

// blockList is one list.
type blockList struct {
	blockNode
	domain string // the component's own
	send   func(to string, stanza []byte) error
	grown  func() // told that somebody is on the list who was not
	log    *slog.Logger

	mu      sync.Mutex
	entries map[hash]bool
	next    map[hash]bool // while the whole list is being read
	got     int           // items of it
	behind  string        // the item behind which they were asked for last
	asked   string        // the id of the request that waits for an answer, "" for none
	timer   *time.Timer
	full    bool // the log was told
}

// blocks reports whether somebody is on the list, by the bare address or the domain.
func (l *blockList) blocks(who muc.JID) bool {
	person, domain := sha256.Sum256([]byte(who.Bare().String())), sha256.Sum256([]byte(who.Domain()))
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[person] || l.entries[domain]
}

// connected begins to follow the list on a new stream, or stops when that has ended. Who is on
// it stays so.
func (l *blockList) connected(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.next = "", nil
	if l.timer != nil {
		l.timer.Stop()
	}
	if up {
		l.subscribe()
	}
}

// again subscribes and reads the whole list, after a time.
func (l *blockList) again(after time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timer == timer {
			l.subscribe()
		}
	})
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = timer
}

// subscribe asks for what changes (XEP-0060 §6.1). Subscribing twice is no error.
func (l *blockList) subscribe() {
	l.next = nil
	l.ask("set", func(pubsub *etree.Element) {
		s := pubsub.CreateElement("subscribe")
		s.CreateAttr("node", l.node)
		s.CreateAttr("jid", l.domain)
	})
}

// read asks for the page of the list behind an item (XEP-0060 §6.5, XEP-0059), or for the first.
func (l *blockList) read(after string) {
	l.behind = after
	l.ask("get", func(pubsub *etree.Element) {
		pubsub.CreateElement("items").CreateAttr("node", l.node)
		set := pubsub.CreateElement("set")
		set.CreateAttr("xmlns", nsRSM)
		set.CreateElement("max").SetText(strconv.Itoa(blockPage))
		if after != "" {
			set.CreateElement("after").SetText(after)
		}
	})
}

// ask sends a request. If no answer comes, all is asked again.
func (l *blockList) ask(typ string, content func(pubsub *etree.Element)) {
	l.asked = rand.Text()
	doc := etree.NewDocument()
	iq := doc.CreateElement("iq")
	for _, a := range [][2]string{{"type", typ}, {"id", l.asked}, {"from", l.domain}, {"to", l.service}} {
		iq.CreateAttr(a[0], a[1])
	}
	pubsub := iq.CreateElement("pubsub")
	pubsub.CreateAttr("xmlns", nsPubSub)
	content(pubsub)
	stanza, err := doc.WriteToBytes()
	if err = errors.Join(err, l.send(l.service, stanza)); err != nil {
		l.log.Warn("a block list could not be asked for", "list", l.String(), "error", err)
	}
	l.again(blockRetry)
}

// takes takes a stanza that is about the list, and reports whether it was. Nobody but the
// service of the list is believed, and no answer to what was not asked.
func (l *blockList) takes(el *etree.Element) bool {
	from, err := muc.ParseJID(el.SelectAttrValue("from", ""))
	if err != nil || from.String() != l.service || el.SelectAttrValue("to", "") != l.domain {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	typ := el.SelectAttrValue("type", "")
	switch {
	case el.Tag == "iq" && l.asked != "" && el.SelectAttrValue("id", "") == l.asked && (typ == "result" || typ == "error"):
		l.asked = ""
		l.answered(el, typ == "result")
		return true
	case el.Tag == "message" && typ != "error":
		if event := childOf(el, nsPubSubEvent, "event"); event != nil {
			return l.changed(event)
		}
	}
	return false
}

// answered takes the answer to the latest request.
func (l *blockList) answered(el *etree.Element, granted bool) {
	pubsub := childOf(el, nsPubSub, "pubsub")
	if l.next == nil { // to subscribing
		if !granted {
			l.log.Warn("a block list is read every hour, but tells of no changes", "list", l.String())
		}
		l.next, l.got = map[hash]bool{}, 0
		l.read("")
		return
	}
	if !granted || pubsub == nil {
		l.log.Warn("a block list cannot be read", "list", l.String())
		l.next = nil
		return // until the retry
	}
	count := l.got
	if items := childOf(pubsub, nsPubSub, "items"); items != nil && items.SelectAttrValue("node", "") == l.node {
		for _, item := range items.SelectElements("item") {
			l.add(l.next, item)
			l.got++
		}
	}
	if last := l.unread(childOf(pubsub, nsRSM, "set")); last != "" && l.got > count {
		l.read(last)
		return
	}
	more := false
	for h := range l.next {
		more = more || !l.entries[h]
	}
	l.entries, l.next = l.next, nil
	l.log.Info("a block list is followed", "list", l.String(), "entries", len(l.entries))
	l.again(blockRefresh)
	if more {
		l.grown()
	}
}

// unread is the item behind which there is more of the list; "" for none. A service that knows
// no pages has sent all.
func (l *blockList) unread(set *etree.Element) string {
	if set == nil || l.got >= maxBlocked {
		return ""
	}
	if count := set.SelectElement("count"); count != nil && count.Text() == strconv.Itoa(l.got) {
		return ""
	}
	if last := set.SelectElement("last"); last != nil && last.Text() != l.behind {
		return last.Text()
	}
	return ""
}

// changed takes what was published and retracted (XEP-0060 §7.1, §7.2, §8.4, §8.5).
func (l *blockList) changed(event *etree.Element) bool {
	mine, more := false, false
	for _, about := range event.ChildElements() {
		if about.SelectAttrValue("node", "") != l.node {
			continue
		}
		mine = true
		switch about.Tag {
		case "purge", "delete":
			l.entries = nil
			if l.next != nil {
				l.next = map[hash]bool{}
			}
		case "items":
			for _, item := range about.ChildElements() {
				switch h, ok := hashOf(item); {
				case ok && item.Tag == "retract":
					delete(l.entries, h)
					delete(l.next, h)
				case item.Tag == "item":
					if l.entries == nil {
						l.entries = map[hash]bool{}
					}
					more = l.add(l.entries, item) || more
					if l.next != nil {
						l.add(l.next, item)
					}
				}
			}
		}
	}
	if more {
		l.grown()
	}
	return mine
}

// add puts the hash of an item on a list, and reports whether it was not there. Other items
// are nobody's.
func (l *blockList) add(list map[hash]bool, item *etree.Element) bool {
	h, ok := hashOf(item)
	switch {
	case !ok || list[h]:
		return false
	case len(list) >= maxBlocked:
		if !l.full {
			l.full = true
			l.log.Warn("a block list is too long, and not followed any further", "list", l.String(), "entries", maxBlocked)
		}
		return false
	}
	list[h] = true
	return true
}

// hashOf is the hash that an item's id is.
func hashOf(item *etree.Element) (h hash, ok bool) {
	id := item.SelectAttrValue("id", "")
	if len(id) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(id))
	return h, err == nil
}

// childOf is the first child of that name and namespace, or nil.
func childOf(el *etree.Element, space, name string) *etree.Element {
	for _, c := range el.ChildElements() {
		if c.Tag == name && c.NamespaceURI() == space {
			return c
		}
	}
	return nil
}

// followLists makes the lists of the settings.
func (c *component) followLists() {
	for _, n := range c.settings.rtbl {
		c.lists = append(c.lists, &blockList{blockNode: n, domain: c.settings.domain, log: c.log, entries: map[hash]bool{},
			send: func(to string, stanza []byte) error { return c.link.Queue().Offer(to, bytesOf(stanza)) },
			grown: func() {
				select {
				case c.listed <- struct{}{}:
				default: // it is known already
				}
			}})
	}
}

// isListed reports whether somebody is on a block list.
func (c *component) isListed(who muc.JID) bool {
	for _, l := range c.lists {
		if l.blocks(who) {
			return true
		}
	}
	return false
}

// ofList reports whether a stanza was about a block list, which has it then.
func (c *component) ofList(el *etree.Element) bool {
	for _, l := range c.lists {
		if l.takes(el) {
			return true
		}
	}
	return false
}

// kickListed has all rooms put out who came on a list.
func (c *component) kickListed(ctx context.Context) {
	if _, err := c.service().KickBlocked(ctx, "You may not use the rooms here."); err != nil {
		c.log.Error("somebody who is on a block list may still be inside", "error", err)
	}
}
