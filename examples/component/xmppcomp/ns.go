package xmppcomp

import (
	"encoding/xml"
	"strings"
)

// The namespaces of a component's stream.
const (
	nsStream    = "http://etherx.jabber.org/streams"
	nsComponent = "jabber:component:accept"
	nsErrors    = "urn:ietf:params:xml:ns:xmpp-streams"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
)

// escape makes a text fit for an attribute or an element.
func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
