package xmppcomp

import (
	"context"
	"strings"
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
	q := NewQueue(Bounds{})
	say(t, q, "<a/>")
	say(t, q, "<bb/>")
	taken := q.take(batch{})
	assert.Equal(t, "<a/><bb/>", string(taken.bytes))
	say(t, q, "<c/>")
	bytes, stanzas := q.Len()
	assert.Equal(t, []int{4, 1}, []int{bytes, stanzas})
	assert.Equal(t, "<c/>", string(q.take(taken).bytes))
}

// all is what waits, one stanza after the other.
func all(q *Queue) (stanzas []string) {
	for {
		taken := q.take(batch{})
		if len(taken.ends) == 0 {
			return stanzas
		}
		from := 0
		for _, end := range taken.ends {
			stanzas = append(stanzas, string(taken.bytes[from:end]))
			from = end
		}
	}
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
		q := NewQueue(Bounds{})
		for _, s := range []string{"<a/>", "<bb/>", "<c/>"} {
			say(t, q, s)
		}
		taken := q.take(batch{})
		say(t, q, "<d/>")
		whole, dropped := q.giveBack(taken, written)
		assert.Equal(t, want.whole, whole, written)
		assert.Nil(t, dropped)
		left := all(q)
		stanzas := strings.Join(left, "|") + "|"
		assert.Equal(t, want.left, strings.Join(left, ""), written)
		assert.Equal(t, 4-want.whole, len(left), stanzas)
		assert.Regexp(t, `^(<\w+/>\|)+$`, stanzas)
	}
}

// A full queue makes its writers wait, until it is emptied or
// closed, or they have waited long enough.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(Bounds{Bytes: 4})
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

// A stanza in the middle of which a stream ended goes out once more, and not a third
// time; and not even once more if the server said that it was the reason.
func TestQueueForgetsWhatEndsStreams(t *testing.T) {
	begun := func() *Queue {
		q := NewQueue(Bounds{})
		for _, s := range []string{"<a/>", "<bb/>", "<c/>"} {
			say(t, q, s)
		}
		_, dropped := q.giveBack(q.take(batch{}), 6)
		assert.Nil(t, dropped)
		return q
	}
	q := begun()
	_, dropped := q.giveBack(q.take(batch{}), 0) // a stream that ended before it
	assert.Nil(t, dropped)
	_, dropped = q.giveBack(q.take(batch{}), 2)
	assert.Equal(t, "<bb/>", string(dropped))
	assert.Nil(t, q.condemn(), "the next one is innocent")
	assert.Equal(t, []string{"<c/>"}, all(q))

	q = begun()
	_, dropped = q.giveBack(q.take(batch{}), 7) // <bb/> went out, and then <c/> did not
	assert.Nil(t, dropped)
	assert.Equal(t, []string{"<c/>"}, all(q))

	q = begun()
	assert.Equal(t, "<bb/>", string(q.condemn()))
	assert.Nil(t, q.condemn())
	assert.Equal(t, []string{"<c/>"}, all(q))
	bytes, stanzas := q.Len()
	assert.Equal(t, []int{0, 0}, []int{bytes, stanzas})
}

// What servers do not take is not even queued.
func TestQueueRefusesLargeStanzas(t *testing.T) {
	q := NewQueue(Bounds{Stanza: 5})
	say(t, q, "<aa/>")
	large := func(dst []byte) []byte { return append(dst, "<bbb/>"...) }
	assert.ErrorIs(t, q.Append(t.Context(), large), ErrTooLarge)
	assert.ErrorIs(t, q.Offer("a@b", large), ErrTooLarge)
	say(t, q, "<cc/>")
	assert.Equal(t, []string{"<aa/>", "<cc/>"}, all(q))
}

// Who must not wait has a place beside those who do, of which each person has a share.
func TestQueueOffers(t *testing.T) {
	q := NewQueue(Bounds{Bytes: 4, Offered: 12, Person: 8})
	offer := func(to string) error {
		return q.Offer(to, func(dst []byte) []byte { return append(dst, "<b/>"...) })
	}
	say(t, q, "<a/>")
	for _, to := range []string{"romeo@b/1", "romeo@b/2"} {
		assert.NoError(t, offer(to), "although the rest is full")
	}
	assert.ErrorIs(t, offer("romeo@b/3"), ErrFull)
	assert.NoError(t, offer("juliet@b"))
	assert.ErrorIs(t, offer("tybalt@b"), ErrFull)
	assert.Equal(t, []string{"<a/>", "<b/>", "<b/>", "<b/>"}, all(q))
	say(t, q, "<a/>")
	for range 2 {
		assert.NoError(t, offer("romeo@b"), "there is place again")
	}
	q.Close()
	assert.ErrorIs(t, offer("juliet@b"), ErrClosed)
}

// What is long in the queue is written in pieces.
func TestQueueGivesBatches(t *testing.T) {
	q := NewQueue(Bounds{})
	for range 1000 {
		say(t, q, "<a>"+strings.Repeat("x", 1000)+"</a>")
	}
	var done batch
	total := 0
	for {
		if done = q.take(done); len(done.ends) == 0 {
			break
		}
		total += len(done.ends)
		assert.LessOrEqual(t, len(done.bytes), batchBytes)
	}
	assert.Equal(t, 1000, total)
	assert.LessOrEqual(t, len(q.spare), spares)
}
