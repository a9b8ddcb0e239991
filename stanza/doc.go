// Package stanza makes elements of the stanzas that a host reads from its streams:
// [Parse] from bytes, such as the frames of a WebSocket (RFC 7395), [Read] from the
// tokens of an XML decoder. The elements are what a room's Handle takes. It also has the
// errors that answer stanzas: [Error].
//
// An element made here stands alone. Prefixes are gone: an element that is in another
// namespace than its parent says so by an xmlns attribute of its own. What a stanza
// inherits from its stream, namespace prefixes and xml:lang, is given as a [Stream].
//
// What XMPP keeps out of streams (RFC 6120 §11.1) is an error: comments, processing
// instructions, DTDs. So is anything that is no well-formed XML.
package stanza
