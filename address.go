package muc

import "github.com/gomuc/muc/jid"

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
