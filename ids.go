package muc

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// All ids that a room makes up are HMACs of its secret, so they can be neither
// guessed nor recomputed, and the same calls give the same ids.

// idBytes is how much of an HMAC stands in an id: 128 bits do not collide.
const idBytes = 16

// mac signs texts for one purpose. They are told apart by a separator that
// stands in no JID.
func (r *Room) mac(purpose string, parts ...string) string {
	k := r.cfg.key
	var space [sha256.BlockSize + 256]byte
	msg := append(append(append(append(space[:0], k.inner[:]...), purpose...), 0), r.jid.s...)
	for _, p := range parts {
		msg = append(append(msg, 0), p...)
	}
	sum := k.sign(msg)
	var text [2 * idBytes]byte
	hex.Encode(text[:], sum[:idBytes])
	return string(text[:])
}

// macKey is the secret as HMAC-SHA-256 needs it (RFC 2104), made once for all rooms
// that share it. A room keeps no hash state, of which crypto/hmac would cost each
// more than all else that it remembers.
type macKey struct{ inner, outer [sha256.BlockSize]byte }

func newMACKey(secret []byte) *macKey {
	if len(secret) > sha256.BlockSize {
		short := sha256.Sum256(secret)
		secret = short[:]
	}
	var k macKey
	copy(k.inner[:], secret)
	copy(k.outer[:], secret)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return &k
}

// sign makes the HMAC of a message that stands behind the inner half of the key.
func (k *macKey) sign(msg []byte) [sha256.Size]byte {
	sum := sha256.Sum256(msg)
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(outer[copy(outer[:], k.outer[:]):], sum[:])
	return sha256.Sum256(outer[:])
}

// occupantID is the stable id of a person in this room (XEP-0421).
func (r *Room) occupantID(bare JID) string { return r.mac("occupant-id", bare.s) }

// relayMAC signs who asked, when, who may answer, the nick that was asked and the
// asker's id. The asker is named by his full address: his number may be another's in
// the next life of the room.
func (r *Room) relayMAC(asker JID, at instant, answerer JID, nick, id string) string {
	return r.mac("relay", asker.s, strconv.FormatInt(int64(at), 36), answerer.s, nick, id)
}

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
