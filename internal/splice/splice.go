// Package splice has stanzas that are written once and completed for each reader. What
// most readers see stands in shared bytes; offsets say where others have something else,
// so that a copy costs a few appends.
package splice

import (
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

// Stanza is a stanza as bytes, complete for most of its readers. It is immutable when
// its Bytes are set.
type Stanza struct {
	Bytes []byte
	// As is the view in which Bytes are complete.
	As View
	// Head is the end of the stanza's name, where emptyTo stands: `to`, `xmlns` and `id`
	// go here.
	Head uint32
	// JID and JIDEnd enclose ` jid='…'` of the item, or nothing where it is for other
	// views than As; zero is no such place. Actor and ActorEnd enclose what of the item's
	// actor only All shows, in which Bytes are complete if there is one.
	JID, JIDEnd, Actor, ActorEnd uint32
	// Tail is where the status codes or the delay of an Extra go.
	Tail uint32
	// Real is the JID that All shows in the item where Bytes have none.
	Real jid.JID
}

// Extra is what one copy of a shared stanza has beyond the others.
type Extra struct {
	ID   string
	Tail string // canonical XML
}

// emptyTo is the place of the address that a stanza goes to.
const (
	emptyTo = " to=''"
	openTo  = " to='"
)

// UsualAt is how far behind Head the address goes in a copy that has nothing of its own.
const UsualAt = uint32(len(openTo))

// AddressBytes is more than the addresses take that a copy may have beyond the shared
// bytes: that of its reader, and a real one.
const AddressBytes = 2 * (2*jid.MaxPartSize + 1 + xmlwire.Escaping*jid.MaxPartSize + 16)

// Begin opens a stanza; its Bytes are to be set when the writer is done.
func Start(w *xmlwire.Writer, name string) *Stanza {
	w.Start(name, "")
	d := &Stanza{Head: w.Pos()}
	w.Bytes = append(w.Bytes, emptyTo...)
	return d
}

// Most is how large a copy may be, at most.
func (d *Stanza) MaxLen(x *Extra) int {
	n := len(d.Bytes) + AddressBytes
	if x != nil {
		n += len(x.Tail) + xmlwire.Escaping*len(x.ID) + len(" id=''")
	}
	return n
}

// AppendXML writes the copy for one reader. With ns empty it inherits the namespace of
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
		dst = append(xmlwire.AppendEscaped(append(dst, " id='"...), x.ID, xmlwire.EscapedInAttr), '\'')
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

// AppendJID writes a real JID as the attribute of an item, nothing for none.
func AppendJID(dst []byte, j jid.JID) []byte {
	if j.IsZero() {
		return dst
	}
	return append(j.AppendEscaped(append(dst, " jid='"...)), '\'')
}
