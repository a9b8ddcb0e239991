package muc

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Ids are HMACs of the Secret, whatever its length, also where rooms of one template
// make them at the same time.
func TestHMAC(t *testing.T) {
	for _, keySize := range []int{16, 64, 65, 200} {
		key := bytes.Repeat([]byte("k"), keySize)
		template, err := NewTemplate(Config{Secret: key})
		require.NoError(t, err)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				room, err := template.New(MustParseJID("r@muc.example"))
				assert.NoError(t, err)
				for _, size := range []int{0, 1, 200, 320, 5000} {
					text := bytes.Repeat([]byte("m"), size)
					want := hmac.New(sha256.New, key)
					want.Write([]byte("purpose\x00r@muc.example\x00" + string(text)))
					assert.Equal(t, hex.EncodeToString(want.Sum(nil))[:2*idBytes], room.mac("purpose", string(text)))
				}
			})
		}
		all.Wait()
	}
}
