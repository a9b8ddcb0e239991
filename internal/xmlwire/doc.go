// Package xmlwire turns elements of the host's into bounded, canonical bytes, and such
// bytes into readers, writers and elements.
//
// Canonical XML has explicit namespaces instead of prefixes, single quotes, and neither
// comments nor processing instructions. jabber:client and its kin stand for the stream's
// own namespace and are left out. What is canonical can be shared by all who receive it
// without being read again, and a reader of it needs to know no more of XML than the
// [Writer] and [Encode] write.
package xmlwire
