package muc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// All ids that a room makes up are HMACs of its secret, so they can be neither
// guessed nor recomputed, and the same calls give the same ids.

// idBytes is how much of an HMAC stands in an id: 128 bits do not collide.
const idBytes = 16

// mac signs a text for one purpose. Parts are told apart by a separator that
// stands in no JID.
func (r *Room) mac(purpose string, parts ...string) string {
	h := hmac.New(sha256.New, r.cfg.Secret)
	h.Write([]byte(purpose + "\x00" + r.cfg.Room.s + "\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(h.Sum(nil)[:idBytes])
}

// occupantID is the stable id of a person in this room (XEP-0421).
func (r *Room) occupantID(bare JID) string { return r.mac("occupant-id", bare.s) }

// keyPrint tells secrets apart in a log without giving them away.
func (r *Room) keyPrint() string { return r.mac("keyprint") }

// newID makes an id for a message or for the archive.
func (t *turn) newID() string {
	r := t.r
	if r.cfg.NewID != nil {
		return r.cfg.NewID()
	}
	t.ids++
	var b [32]byte
	binary.BigEndian.PutUint64(b[0:], r.st.seq)
	binary.BigEndian.PutUint64(b[8:], r.st.sub)
	binary.BigEndian.PutUint64(b[16:], uint64(t.now.UnixMilli()))
	binary.BigEndian.PutUint64(b[24:], t.ids)
	return r.mac("id", string(b[:]))
}
