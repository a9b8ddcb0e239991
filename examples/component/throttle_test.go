package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
)

func TestThrottle(t *testing.T) {
	at := time.Unix(1000, 0)
	th, rate := newThrottle(), muc.Rate{Burst: 2000, Every: time.Millisecond}
	th.now, th.zero = func() time.Time { return at }, at
	assert.True(t, th.spend(rate, "romeo@example.org", 1200, false))
	assert.False(t, th.spend(rate, "romeo@example.org", 1000, false), "it uses nothing up")
	assert.True(t, th.spend(rate, "romeo@example.org", 1, false), "which counts 512")
	assert.False(t, th.spend(rate, "romeo@example.org", 1, false))
	assert.True(t, th.spend(rate, "juliet@example.org", 2000, false), "another person")
	assert.True(t, th.spend(rate, "romeo@example.org", 2000, true), "answers may be owed")
	assert.False(t, th.spend(rate, "romeo@example.org", 2000, true), "but not without end")
	at = at.Add(1712 * time.Millisecond)
	assert.False(t, th.spend(rate, "romeo@example.org", 1, false))
	at = at.Add(512 * time.Millisecond)
	assert.True(t, th.spend(rate, "romeo@example.org", 1, false))
	at = at.Add(time.Hour)
	assert.False(t, th.spend(rate, "romeo@example.org", 2001, false), "no more is saved than the bucket holds")
	assert.True(t, th.spend(rate, "romeo@example.org", 2000, false))
	assert.True(t, newThrottle().spend(muc.Rate{}, "romeo@example.org", 1<<30, false))
}
