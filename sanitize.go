package muc

import (
	"slices"
	"strings"
)

// What only the room may say is taken out of everything that occupants send,
// every occurrence of it (XEP-0045 §17.3, XEP-0359 §6, XEP-0421 §5). All that the
// room passes on goes through sanitized; what it does not know it leaves alone.

// reserved reports whether a whole child element is the room's to say.
func (r *Room) reserved(in *stanza, c *child) bool {
	switch c.ns {
	case nsMUC, nsUser, nsAdmin, nsOwner, nsOccupantID, nsHats, nsOldHats, nsModerate, nsNick:
		return true
	case nsSID:
		return c.name == "stanza-id" && r.claimsRoom(in.childAttr(c, "by"))
	case nsDelay, nsOldDelay:
		return r.claimsRoom(in.childAttr(c, "from"))
	}
	return false
}

func (in *stanza) childAttr(c *child, name string) string {
	n := readNode(in.xml(c))
	return n.attrOr(name, "")
}

// claimsRoom reports whether an address is the room's or that of an occupant,
// however it is spelled.
func (r *Room) claimsRoom(address string) bool {
	bare, _, _ := strings.Cut(address, "/")
	if bare == r.cfg.Room.s {
		return true
	}
	j, err := parseJID(bare, r.cfg.NormalizeDomain)
	return err == nil && j == r.cfg.Room
}

// sanitized is the payload of a stanza without what is not its sender's to say.
// It is the body itself, uncopied, where there is nothing to take out.
func (r *Room) sanitized(in *stanza) string {
	var b []byte
	copied, clean := 0, true
	for i := range in.kids {
		c := &in.kids[i]
		replacement := ""
		switch {
		case r.reserved(in, c):
		case c.ns == nsAddress:
			n := readNode(in.xml(c))
			kept, changed := withoutOrigin(&n)
			if !changed {
				continue
			}
			replacement = kept
		case in.typ == "error" && c.ns == "" && c.name == "error":
			replacement = withoutDetector(in.xml(c))
		default:
			continue
		}
		clean = false
		b = append(append(b, in.body[copied:c.from]...), replacement...)
		copied = c.to
	}
	if clean {
		return in.body
	}
	return string(append(b, in.body[copied:]...))
}

// withoutOrigin takes the addresses of type ofrom out of an <addresses/>: they
// are how a room names an author in its history (XEP-0045 §7.2.13, XEP-0033).
func withoutOrigin(n *node) (canonical string, changed bool) {
	kept := n.kids[:0:0]
	for i := range n.kids {
		if k := &n.kids[i]; k.ns == nsAddress && k.attrOr("type", "") == "ofrom" {
			changed = true
			continue
		}
		kept = append(kept, n.kids[i])
	}
	if !changed || len(kept) == 0 {
		return "", changed
	}
	w := xmlWriter{}
	n.kids = kept
	w.node(n)
	return string(w.b), true
}

// withoutDetector takes out of an error who detected it and where its sender is to
// be found now: that may be a real address.
func withoutDetector(canonical string) string {
	n := readNode(canonical)
	n.attrs = slices.DeleteFunc(n.attrs, func(a nodeAttr) bool { return a.name == "by" })
	for i := range n.kids {
		if k := &n.kids[i]; k.ns == nsStanzas && k.name != "text" {
			k.text = ""
		}
	}
	w := xmlWriter{}
	w.node(&n)
	return string(w.b)
}

// messagePayload is the sanitized payload of a message, within the limits.
func (t *turn) messagePayload() (string, *StanzaError) {
	return t.r.sanitized(t.in), nil
}

// presencePayload is the sanitized payload of a presence, within the limits.
func (t *turn) presencePayload() (string, *StanzaError) {
	if c := t.in.find("", "status"); c != nil && c.to-c.from > t.r.cfg.Limits.StatusBytes {
		return "", refuse(PolicyViolation, "14.6", "the status is too long")
	}
	return t.r.sanitized(t.in), nil
}
