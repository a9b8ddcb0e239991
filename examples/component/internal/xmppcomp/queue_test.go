package xmppcomp

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func say(t *testing.T, q *Queue, text string) {
	t.Helper()
	require.NoError(t, q.Append(t.Context(), func(dst []byte) []byte { return append(dst, text...) }))
}

func TestQueueKeepsOrder(t *testing.T) {
	q := NewQueue(100)
	say(t, q, "<a/>")
	say(t, q, "<bb/>")
	taken := q.take(batch{})
	assert.Equal(t, "<a/><bb/>", string(taken.bytes))
	say(t, q, "<c/>")
	bytes, stanzas := q.Len()
	assert.Equal(t, []int{4, 1}, []int{bytes, stanzas})
	assert.Equal(t, "<c/>", string(q.take(taken).bytes))
}

// What a broken stream did not take goes out first on the next one: whole stanzas,
// each once.
func TestQueueGivesBack(t *testing.T) {
	for written, want := range map[int]struct {
		whole int
		left  string
	}{
		0:  {0, "<a/><bb/><c/><d/>"},
		3:  {0, "<a/><bb/><c/><d/>"},
		4:  {1, "<bb/><c/><d/>"},
		6:  {1, "<bb/><c/><d/>"},
		9:  {2, "<c/><d/>"},
		13: {3, "<d/>"},
	} {
		q := NewQueue(100)
		for _, s := range []string{"<a/>", "<bb/>", "<c/>"} {
			say(t, q, s)
		}
		taken := q.take(batch{})
		say(t, q, "<d/>")
		assert.Equal(t, want.whole, q.giveBack(taken, written), written)
		again := q.take(batch{})
		assert.Equal(t, want.left, string(again.bytes), written)
		from, stanzas := 0, ""
		for _, end := range again.ends {
			stanzas += string(again.bytes[from:end]) + "|"
			from = end
		}
		assert.Equal(t, 4-want.whole, len(again.ends), stanzas)
		assert.Regexp(t, `^(<\w+/>\|)+$`, stanzas)
	}
}

// A full queue makes its writers wait, until it is emptied or
// closed, or they have waited long enough.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(4)
		say(t, q, "<a/>")
		var got []error
		ctx, cancel := context.WithCancel(t.Context())
		add := func() {
			got = append(got, q.Append(ctx, func(dst []byte) []byte { return append(dst, "<b/>"...) }))
		}
		go add()
		synctest.Wait()
		assert.Empty(t, got, "it waits")
		q.take(batch{})
		synctest.Wait()
		assert.Equal(t, []error{nil}, got)
		go add()
		synctest.Wait()
		cancel()
		synctest.Wait()
		assert.Equal(t, []error{nil, context.Canceled}, got)
		ctx = t.Context()
		go add()
		synctest.Wait()
		q.Close()
		synctest.Wait()
		assert.Equal(t, []error{nil, context.Canceled, ErrClosed}, got)
		bytes, _ := q.Len()
		assert.Equal(t, 4, bytes, "what is in it stays")
	})
}
