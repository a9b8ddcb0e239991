// Package xmlwire encodes elements as bounded, canonical XML ([Encode]), writes such XML
// ([Writer]) and reads it ([Reader], [Node]).
//
// Canonical XML has explicit namespaces instead of prefixes, single quotes, and neither
// comments nor processing instructions. The content namespaces (jabber:client and the like)
// stand for the stream's own and are left out. Canonical XML is sent to all recipients
// without being parsed again, and its reader handles no more of XML than [Writer] and
// [Encode] write.
package xmlwire
