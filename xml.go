package muc

import (
	"github.com/gomuc/muc/internal/xmlwire"
)

// address writes a JID that is nobody's secret: the room's, an occupant's, or
// one that the reader named himself. Real JIDs are written by visibility.go.
func address(w *xmlwire.Writer, name string, j JID) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = append(j.AppendEscaped(w.Bytes), '\'')
}

// occupant writes the address of a nick in a room, or the room's own for none: the
// same as address would, without making a JID of it.
func occupantAddress(w *xmlwire.Writer, name string, room JID, nick string) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = room.AppendEscaped(w.Bytes)
	if nick != "" {
		w.Bytes = xmlwire.AppendEscaped(append(w.Bytes, '/'), nick, xmlwire.EscapedInAttr)
	}
	w.Bytes = append(w.Bytes, '\'')
}
