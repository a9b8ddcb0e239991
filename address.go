package muc

import (
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
)

// Addresses, and how they are written.

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

// address writes a JID that may be shown: the room's, an occupant's, or one that the
// reader named. Real JIDs are written by visibility.go.
func address(w *xmlwire.Writer, name string, j JID) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = append(j.AppendEscaped(w.Bytes), '\'')
}

// occupantAddress writes the address of a nick in a room, or the room's own for none,
// without making a JID of it.
func occupantAddress(w *xmlwire.Writer, name string, room JID, nick string) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = room.AppendEscaped(w.Bytes)
	if nick != "" {
		w.Bytes = xmlwire.AppendEscaped(append(w.Bytes, '/'), nick, xmlwire.EscapedInAttr)
	}
	w.Bytes = append(w.Bytes, '\'')
}
