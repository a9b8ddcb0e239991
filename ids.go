package muc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"

	"github.com/gomuc/muc/internal/state"
)

// Ids (XEP-0359, XEP-0421). All ids that a room makes are HMACs of its secret, so they can
// be neither guessed nor recomputed by others, and the same calls give the same ids.

// idBytes is how much of an HMAC stands in an id: 128 bits do not collide.
const idBytes = 16

// mac signs texts for one purpose. They are separated by a character that no JID has.
func (r *Room) mac(purpose string, parts ...string) string {
	msg := append(append(append(make([]byte, 0, 96), purpose...), 0), r.jid.String()...)
	for _, p := range parts {
		msg = append(append(msg, 0), p...)
	}
	h := r.cfg.hash()
	h.Write(msg)
	var id [2 * idBytes]byte
	hex.Encode(id[:], h.Sum(msg[:0])[:idBytes])
	return string(id[:])
}

// hash is an HMAC of the Secret, a copy of one that has hashed the key already where
// the implementation can be copied.
func (cfg *Config) hash() hash.Hash {
	if keyed, ok := cfg.keyed.(hash.Cloner); ok {
		if h, err := keyed.Clone(); err == nil {
			return h
		}
	}
	return hmac.New(sha256.New, cfg.Secret)
}

// occupantID is the stable id of a person in this room (XEP-0421).
func (r *Room) occupantID(bare JID) string { return r.mac("occupant-id", bare.String()) }

// relayMAC signs who asked, when, who may answer, the nick that was asked and the
// asker's id. The asker is named by full JID: a session number may be another one's after
// the room was destroyed and created again.
func (r *Room) relayMAC(asker JID, at state.Instant, answerer JID, nick, id string) string {
	return r.mac("relay", asker.String(), strconv.FormatInt(int64(at), 36), answerer.String(), nick, id)
}

// keyPrint tells secrets apart in a log without giving them away.
func (r *Room) keyPrint() string { return r.mac("keyprint") }

// newID makes an id for a message or for the archive.
func (t *step) newID() string {
	r := t.r
	if r.cfg.NewID != nil {
		return r.cfg.NewID()
	}
	t.ids++
	var b [32]byte
	binary.BigEndian.PutUint64(b[0:], r.st.Seq())
	binary.BigEndian.PutUint64(b[8:], r.st.Sub())
	binary.BigEndian.PutUint64(b[16:], uint64(t.now.UnixMilli()))
	binary.BigEndian.PutUint64(b[24:], t.ids)
	return r.mac("id", string(b[:]))
}
