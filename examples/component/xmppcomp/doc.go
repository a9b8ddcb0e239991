// Package xmppcomp is the stream of an external component (XEP-0114): it
// connects to an XMPP server, proves the secret, reads stanzas as elements and
// writes stanzas as bytes, and comes back when the connection broke.
//
// It knows nothing of rooms. A [Link] holds one stream after the other: what comes
// in goes to a function, one stanza at a time; what goes out stands in one
// [Queue], which outlives the streams. Nothing is promised about what was on the
// wire when a stream broke: XEP-0114 has no acknowledgements.
package xmppcomp
