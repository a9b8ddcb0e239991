package c2s

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However many strangers try passwords, only some are hashed at the same time.
func TestHashing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccounts("example.org", nil)
		require.NoError(t, a.Add("romeo", "rose"))
		for range cap(a.hashing) {
			a.hashing <- struct{}{}
		}
		answers := make(chan bool, 2)
		go func() { answers <- a.check("romeo", "rose") }()
		synctest.Wait()
		assert.Empty(t, answers, "it waits for its place")
		<-a.hashing
		assert.True(t, <-answers)
		assert.False(t, a.check("romeo", "thorn"))
	})
}
