package scansion

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// outbound is what the runner needs of a [muc.Outbound]; tests put others in
// its place, because the library does not make wrong ones.
type outbound interface {
	To() []muc.JID
	Stanza() *etree.Element
	AppendXML(dst []byte, to muc.JID, ns string) []byte
}

// post delivers what a room sends. On the way it holds the library to its
// word: each copy is well-formed, comes from the room, is the same in every
// framing, and is what Stanza says plus its own address.
func (p *player) post(room muc.JID, out outbound) error {
	stanza, err := fromElement(out.Stanza())
	if err != nil {
		return fmt.Errorf("room %s: Outbound.Stanza is not XML: %w", room, err)
	}
	if _, ok := stanza.attr(toName); ok {
		return fmt.Errorf("room %s: Outbound.Stanza has an attribute to:\n%s", room, stanza.format("    "))
	}
	from, _ := stanza.attr(xml.Name{Local: "from"})
	// A refused nick comes back as it was, which may be no part of an address.
	bare, _, _ := strings.Cut(from, "/")
	if jid, err := muc.ParseJID(bare); err != nil || jid != room {
		return fmt.Errorf("room %s sends from '%s':\n%s", room, from, stanza.format("    "))
	}
	var readers []string
	for _, to := range out.To() {
		readers = append(readers, p.addressee(to))
	}
	p.trace.posted(from, readers, stanza)
	for _, to := range out.To() {
		one, err := copyFor(out, to, stanza)
		if err != nil {
			return fmt.Errorf("room %s: %w", room, err)
		}
		p.deliver(to, one)
	}
	return nil
}

// copyFor is one recipient's copy, checked against the stanza it is one of.
func copyFor(out outbound, to muc.JID, stanza *node) (*node, error) {
	want := *stanza
	want.attrs = append([]xml.Attr{{Name: toName, Value: to.String()}}, stanza.attrs...)
	var read *node
	// The inherited namespace is the stream's in the first reading, and none in
	// the second: there it has to be written.
	for _, framing := range [...]struct{ stream, written string }{{nsClient, ""}, {"", nsClient}} {
		src := out.AppendXML(nil, to, framing.written)
		n, err := parseXML(src, framing.stream, wire)
		if err != nil {
			return nil, fmt.Errorf("Outbound.AppendXML(%q) is not XML: %w\n    %s", framing.written, err, src)
		}
		if !same(&want, n) {
			return nil, fmt.Errorf("Outbound.AppendXML(%q) and Stanza are not the same:\n%s\n%s",
				framing.written, n.format("    "), want.format("    "))
		}
		read = n
	}
	return read, nil
}
