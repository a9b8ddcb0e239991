package muc

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// All ids that a room makes up are HMACs of its secret, so they can be neither
// guessed nor recomputed, and the same calls give the same ids.

// idBytes is how much of an HMAC stands in an id: 128 bits do not collide.
const idBytes = 16

// mac signs texts for one purpose. They are told apart by a separator that
// stands in no JID.
func (r *Room) mac(purpose string, parts ...string) string {
	var space [256]byte
	msg := append(append(append(space[:0], purpose...), 0), r.jid.s...)
	for _, p := range parts {
		msg = append(append(msg, 0), p...)
	}
	sum := hmacSHA256(r.cfg.Secret, msg)
	var text [2 * idBytes]byte
	hex.Encode(text[:], sum[:idBytes])
	return string(text[:])
}

// hmacSHA256 is RFC 2104 over SHA-256 without an allocation: a room keeps no
// hash state, of which crypto/hmac would cost each room more than all else
// that it remembers.
func hmacSHA256(key, msg []byte) [sha256.Size]byte {
	if len(key) > sha256.BlockSize {
		short := sha256.Sum256(key)
		key = short[:]
	}
	var space [sha256.BlockSize + 256 + 64]byte
	inner := space[:sha256.BlockSize]
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(inner, key)
	copy(outer[:], key)
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	sum := sha256.Sum256(append(inner, msg...))
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
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
