// Package splice has stanzas that are written once and completed for each reader. All
// readers share the bytes; offsets mark where a reader's copy differs, so that a copy costs
// a few appends.
package splice

import (
	"bytes"

	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
)

// View is what one reader of a stanza sees of the real JIDs in it.
type View uint8

// The views of a reader.
const (
	None View = iota // no real JID
	All              // the item's and the actor's
	Self             // the item's is the reader's own; the actor's is not shown
)

// Stanza is a stanza as bytes, complete for most of its readers but for the address. It is
// immutable once its Bytes are set.
type Stanza struct {
	Bytes []byte
	// As is the view in which Bytes are complete.
	As View
	// Head is the offset after the stanza's name, where emptyTo stands: `to`, `xmlns` and
	// `id` are inserted here.
	Head uint32
	// JID and JIDEnd enclose the item's ` jid='…'`, or the place for it if As shows none;
	// zero means that the stanza has no such place. Actor and ActorEnd enclose the part of
	// the item's actor that only All shows; if there is one, As is All.
	JID, JIDEnd, Actor, ActorEnd uint32
	// Tail is the offset where the Tail of an Extra is inserted.
	Tail uint32
	// Real is the JID that All shows in the item if Bytes have none.
	Real jid.JID
}

// Extra is what one copy of a shared stanza has in addition.
type Extra struct {
	ID   string // the stanza's id
	Tail string // canonical XML, such as status codes or a delay
}

// emptyTo is the placeholder of the `to` address.
const (
	emptyTo = " to=''"
	openTo  = " to='"
)

// UsualAt is the offset after Head of the address in a copy without `xmlns`.
const UsualAt = uint32(len(openTo))

// AddressBytes bounds the bytes of the addresses that a copy may have in addition: its
// reader's and a real one.
const AddressBytes = 2 * (2*jid.MaxPartSize + 1 + xmlwire.Escaping*jid.MaxPartSize + 16)

// Start writes the start of a stanza, which Done completes.
func Start(w *xmlwire.Writer, name string) *Stanza {
	w.Start(name, "")
	d := &Stanza{Head: w.Pos()}
	w.Bytes = append(w.Bytes, emptyTo...)
	return d
}

// Write writes a stanza of about size bytes, with the attributes and children that a
// function writes.
func Write(name string, size int, content func(w *xmlwire.Writer)) *Stanza {
	w := xmlwire.Writer{Bytes: make([]byte, 0, size)}
	d := Start(&w, name)
	content(&w)
	return d.Done(&w)
}

// Done writes the end of a stanza.
func (d *Stanza) Done(w *xmlwire.Writer) *Stanza {
	w.End()
	d.Bytes = w.Bytes
	return d
}

// MaxLen bounds the length of a copy in bytes; x may be nil.
func (d *Stanza) MaxLen(x *Extra) int {
	n := len(d.Bytes) + AddressBytes
	if x != nil {
		n += len(x.Tail) + xmlwire.Escaping*len(x.ID) + len(" id=''")
	}
	return n
}

// AppendXML appends the copy for one reader. With an empty ns it inherits the namespace of
// the stream.
func (d *Stanza) AppendXML(dst []byte, to jid.JID, x *Extra, v View, ns string) []byte {
	pos := d.Head
	dst = append(dst, d.Bytes[:pos]...)
	if ns != "" {
		dst = append(append(append(dst, " xmlns='"...), ns...), '\'')
	}
	if !to.IsZero() {
		dst = append(to.AppendEscaped(append(dst, openTo...)), '\'')
	}
	pos += uint32(len(emptyTo))
	if x != nil && x.ID != "" {
		dst = xmlwire.AppendAttr(dst, "id", x.ID)
	}
	if d.JID != 0 && v != d.As {
		dst, pos = append(dst, d.Bytes[pos:d.JID]...), d.JIDEnd
		switch v {
		case All:
			dst = AppendJID(dst, d.Real)
		case Self:
			dst = AppendJID(dst, to)
		}
		if d.Actor != 0 {
			dst, pos = append(dst, d.Bytes[pos:d.Actor]...), d.ActorEnd
		}
	}
	if x != nil && x.Tail != "" {
		dst, pos = append(dst, d.Bytes[pos:d.Tail]...), d.Tail
		dst = append(dst, x.Tail...)
	}
	return append(dst, d.Bytes[pos:]...)
}

// Attr is an attribute of the stanza that all copies have, "" for none.
func (d *Stanza) Attr(name string) string {
	r := xmlwire.Reader{Text: string(d.Bytes[:bytes.IndexByte(d.Bytes, '>')+1])}
	_, attrs, _ := r.ReadTag()
	value, _ := attrs.Get(name)
	return value
}

// AppendJID appends a real JID as the attribute of an item, nothing for the zero JID.
func AppendJID(dst []byte, j jid.JID) []byte {
	if j.IsZero() {
		return dst
	}
	return append(j.AppendEscaped(append(dst, " jid='"...)), '\'')
}
