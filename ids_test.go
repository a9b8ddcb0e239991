package muc

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHMAC(t *testing.T) {
	for _, keySize := range []int{16, 64, 65, 200} {
		for _, msgSize := range []int{0, 1, 200, 320, 5000} {
			key, msg := bytes.Repeat([]byte("k"), keySize), bytes.Repeat([]byte("m"), msgSize)
			want := hmac.New(sha256.New, key)
			want.Write(msg)
			k := newMACKey(key)
			got := k.sign(append(k.inner[:], msg...))
			assert.Equal(t, want.Sum(nil), got[:], "key %d, message %d", keySize, msgSize)
		}
	}
}
