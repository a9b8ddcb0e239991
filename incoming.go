package muc

import (
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Addresses, and reading a stanza.

// kind is the sort of a stanza.
type kind uint8

const (
	kindMessage kind = iota
	kindPresence
	kindIQ
)

var kindNames = [...]string{"message", "presence", "iq"}

// incoming is a stanza for the room: addresses checked, children canonical. Nothing in it
// refers to the host's element.
type incoming struct {
	kind     kind
	typ      string // "" where the protocol has a default
	id, lang string
	from     JID
	// nick is the resource of the `to` address as it was written; toNick tells
	// an occupant's address from the room's own.
	nick   string
	toNick bool
	xmlwire.Payload
	encoder xmlwire.Encoder
}

// isAnswer reports whether a stanza must never be answered (RFC 6120 §8.2.3,
// §8.3.1).
func (in *incoming) isAnswer() bool {
	return in.typ == "error" || in.kind == kindIQ && in.typ == "result"
}

// admit reads a stanza into an empty in. A Go error is the host's fault; a refusal is the
// sender's, and then in holds what is needed to answer it.
func (r *Room) admit(in *incoming, el *etree.Element) (refused *StanzaError, err error) {
	if err := in.readHead(el); err != nil {
		return nil, err
	}
	if err := r.addressed(in, el); err != nil {
		return nil, err
	}
	from, ok := rootAttr(el, "", "from")
	if !ok || from == "" {
		return nil, ErrNoFrom
	}
	if in.from, err = jid.ParseBy(from, r.cfg.NormalizeDomain); err != nil {
		in.from = JID{}
		return refuse(stanza.JIDMalformed, "RFC 6120 §8.1.2.1", "the sender's address is malformed"), nil
	}
	longest := jid.MaxPartSize
	if in.isAnswer() {
		longest += maxWayBack
	}
	if refused := in.checkHead(longest); refused != nil {
		return refused, nil
	}
	return in.readPayload(el, &r.cfg.Limits), nil
}

// checkHead checks the attributes that the room passes on.
func (in *incoming) checkHead(longestID int) *StanzaError {
	if !xmlwire.ValidText(in.id) || !xmlwire.ValidText(in.lang) || len(in.id) > longestID || len(in.lang) > 64 {
		in.id, in.lang = "", ""
		return refuse(stanza.BadRequest, "RFC 6120 §8.1.3", "the id or language of the stanza is malformed")
	}
	return nil
}

// addressed checks that a stanza is for this room and reads the nick in its address.
func (r *Room) addressed(in *incoming, el *etree.Element) error {
	to, _ := rootAttr(el, "", "to")
	bare, nick, hasNick := strings.Cut(to, "/")
	if bare != r.jid.String() {
		j, err := jid.ParseBy(bare, r.cfg.NormalizeDomain)
		if err != nil || j != r.jid {
			return ErrNotForRoom
		}
	}
	in.nick, in.toNick = nick, hasNick && nick != ""
	return nil
}

func rootAttr(el *etree.Element, space, key string) (string, bool) {
	for i := range el.Attr {
		if a := &el.Attr[i]; a.Key == key && a.Space == space {
			return a.Value, true
		}
	}
	return "", false
}

// readHead reads the stanza element itself.
func (in *incoming) readHead(el *etree.Element) error {
	if el == nil {
		return ErrNilStanza
	}
	k := slices.Index(kindNames[:], el.Tag)
	if ns, ok := xmlwire.RootSpace(el); k < 0 || !ok || !xmlwire.IsContent(ns) {
		return ErrNotStanza
	}
	in.kind = kind(k)
	in.typ, _ = rootAttr(el, "", "type")
	in.id, _ = rootAttr(el, "", "id")
	in.lang, _ = rootAttr(el, "xml", "lang")
	if in.kind == kindMessage && in.typ == "normal" {
		in.typ = ""
	}
	return nil
}

// readPayload encodes the content of the stanza element, within the room's limits.
func (in *incoming) readPayload(el *etree.Element, lim *Limits) (refused *StanzaError) {
	var err error
	in.Payload, err = in.encoder.Encode(el,
		xmlwire.Bounds{Bytes: lim.StanzaBytes, Depth: lim.StanzaDepth, Elements: lim.StanzaElements, Attrs: lim.StanzaAttrs})
	switch err {
	case nil:
		return nil
	case xmlwire.ErrMalformed:
		return refuse(stanza.BadRequest, "RFC 6120 §4.9.3.13", "the stanza is not well-formed XML")
	case xmlwire.ErrTooWide:
		return refuse(stanza.PolicyViolation, "14.6", "the stanza is too deep or too wide")
	}
	return refuse(stanza.PolicyViolation, "14.6", "the stanza is too large")
}

// JID is an XMPP address: see [jid.JID].
type JID = jid.JID

// ErrJID: a text that is no XMPP address.
var ErrJID = jid.ErrMalformed

// ParseJID reads an address and normalises it: see [jid.Parse].
func ParseJID(s string) (JID, error) { return jid.Parse(s) }

// MustParseJID is [ParseJID] for addresses known to be good; it panics on others.
func MustParseJID(s string) JID { return jid.MustParse(s) }

// NormalizeDomain is the default rule for domains: see [jid.NormalizeDomain].
func NormalizeDomain(domain string) (string, error) { return jid.NormalizeDomain(domain) }
