package muc

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// What clients may not claim (XEP-0045 §17.3, XEP-0359 §6, XEP-0421 §5, XEP-0463 §5.1): elements that only
// the room may write are removed from everything that it passes on, every occurrence of
// them. Unknown elements stay.

// reserved reports whether only the room may write a child element.
func (r *Room) reserved(in *incoming, c *xmlwire.Child) bool {
	switch c.NS {
	case ns.MUC, ns.User, ns.Admin, ns.Owner, ns.OccupantID, ns.Hats, ns.OldHats, ns.Moderate, ns.OldModerate, ns.Nick, ns.MAV, ns.Mentions:
		return true
	case ns.Retract, ns.OldRetract:
		return c.Name == "retracted" // a tombstone
	case ns.SID:
		return c.Name == "stanza-id" && r.claimsTrust(in, in.childAttr(c, "by"))
	case ns.Delay, ns.OldDelay:
		return r.claimsTrust(in, in.childAttr(c, "from"))
	}
	return false
}

func (in *incoming) childAttr(c *xmlwire.Child, name string) string {
	n := xmlwire.ParseNode(in.XML(c))
	return n.AttrOr(name, "")
}

// claimsTrust reports whether an address, in any spelling, is one whose ids and delays are
// trusted: the room's or an occupant's, or the sender's own where it is hidden.
func (r *Room) claimsTrust(in *incoming, address string) bool {
	bare, _, _ := strings.Cut(address, "/")
	if bare == r.jid.String() {
		return true
	}
	j, err := jid.ParseBy(bare, r.cfg.NormalizeDomain)
	return err == nil && (j == r.jid || j == in.from.Bare() && hidesJIDs(&r.st))
}

// sanitized is the payload of a stanza without what only the room may write; not copied
// if there is nothing to remove.
func (r *Room) sanitized(in *incoming) string {
	var b []byte
	copied := 0
	for i := range in.Kids {
		c, replacement := &in.Kids[i], ""
		if !r.reserved(in, c) {
			replacement = in.cleared(c)
		}
		if replacement != in.XML(c) {
			b = append(append(b, in.Text[copied:c.From]...), replacement...)
			copied = c.To
		}
	}
	if copied == 0 {
		return in.Text
	}
	return string(append(b, in.Text[copied:]...))
}

// cleared is a child element without what only the room may write in it: who a
// message came from (addresses of type ofrom, XEP-0033, by which a room names an
// author in its history, XEP-0045 §7.2.13), and that a retraction is a
// moderator's (XEP-0425 §4).
func (in *incoming) cleared(c *xmlwire.Child) string {
	canonical := in.XML(c)
	switch c.NS {
	case ns.Address:
		kept, left := xmlwire.WithoutKids(canonical, func(n *xmlwire.Node) bool {
			return n.NS == ns.Address && n.AttrOr("type", "") == "ofrom"
		})
		if left == 0 {
			return ""
		}
		return kept
	case ns.Retract, ns.OldRetract, ns.Fasten:
		kept, _ := xmlwire.WithoutKids(canonical, func(n *xmlwire.Node) bool { return n.NS == ns.Moderate || n.NS == ns.OldModerate })
		return kept
	case "":
		if in.typ == "error" && c.Name == "error" {
			return withoutDetector(canonical)
		}
	}
	return canonical
}

// withoutDetector removes from an error the entity that detected it and the sender's new
// address: either may be a real JID.
func withoutDetector(canonical string) string {
	n := xmlwire.ParseNode(canonical)
	for i := range n.Kids {
		if k := &n.Kids[i]; k.NS == ns.Stanzas && k.Name != "text" {
			k.Text = ""
		}
	}
	w := xmlwire.Writer{}
	w.Node(&n, "by")
	return string(w.Bytes)
}

// messagePayload is what a message says as an occupant, or as the room, to a reader:
// sanitized, and within the limits.
func (t *step) messagePayload(nick string, reader Role) (string, *StanzaError) {
	lim := &t.r.cfg.Limits
	if e := cmp.Or(t.in.checkTexts("body", lim.BodyBytes), t.in.checkTexts("subject", lim.SubjectBytes)); e != nil {
		return "", e
	}
	// The id is no part of the children, but goes out too, and longer if it is escaped.
	if len(t.in.Text)+xmlwire.EscapedLen(t.in.id) > lim.StanzaBytes+jid.MaxPartSize {
		return "", refuse(stanza.PolicyViolation, "14.6", "The stanza is too large")
	}
	return t.r.veil(t.r.sanitized(t.in), t.in.from, nick, reader), nil
}

// checkTexts holds the bodies or subjects of a message to a limit and to RFC 6121
// §5.2.3, §5.2.4: they hold nothing but text, and there is one for each language.
func (in *incoming) checkTexts(name string, limit int) *StanzaError {
	var first *xmlwire.Child
	var langs []string
	for i := range in.Kids {
		c := &in.Kids[i]
		if c.NS != "" || c.Name != name {
			continue
		}
		switch {
		case c.To-c.From > limit:
			return refuse(stanza.PolicyViolation, "14.6", "the "+name+" is too long")
		case !xmlwire.OnlyText(in.XML(c)):
			return refuse(stanza.PolicyViolation, "14.6", "there are elements in the "+name)
		case first == nil:
			first = c
			continue
		case langs == nil:
			langs = append(langs, in.childLang(first))
		}
		lang := in.childLang(c)
		if slices.Contains(langs, lang) {
			return refuse(stanza.PolicyViolation, "14.6", "there is more than one "+name+" in the same language")
		}
		langs = append(langs, lang)
	}
	return nil
}

// childLang is the language of a child: its own, or that of the stanza.
func (in *incoming) childLang(c *xmlwire.Child) string {
	n := xmlwire.ParseNode(in.XML(c))
	return strings.ToLower(n.AttrOr("xml:lang", in.lang))
}

// presencePayload is what a presence says of an occupant: sanitized, and within the
// limits.
func (t *step) presencePayload(nick string) (string, *StanzaError) {
	in, lim := t.in, &t.r.cfg.Limits
	for i := range in.Kids {
		if c := &in.Kids[i]; c.NS == "" && c.Name == "status" && c.To-c.From > lim.StatusBytes {
			return "", refuse(stanza.PolicyViolation, "14.6", "the status is too long")
		}
	}
	payload := t.r.sanitized(in)
	if len(payload) > lim.PresenceBytes {
		return "", refuse(stanza.PolicyViolation, "14.6", "the presence says too much")
	}
	return t.r.veil(payload, in.from, nick, Participant), nil
}
