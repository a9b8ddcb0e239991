package xmppcomp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// over hands a stream over, as it goes from one process to another.
func over(t *testing.T, from *world, to *Link) {
	t.Helper()
	require.NoError(t, from.Hold(t.Context()))
	h, err := from.Detach(t.Context())
	require.NoError(t, err)
	text, err := json.Marshal(h)
	require.NoError(t, err)
	got := Handover{Conn: h.Conn}
	require.NoError(t, json.Unmarshal(text, &got))
	to.Adopt(&got)
	from.Leave()
	<-from.done
	require.NoError(t, from.ended)
}

// However what the server sends is cut into pieces, and wherever in it the stream is handed over,
// each stanza is handled once, in order, and what is sent arrives once; the server is told
// nothing.
func TestHandover(t *testing.T) {
	said := ""
	for i := range 9 {
		said += fmt.Sprintf(" <message id='%d'><p:y/></message>", i)
	}
	for at := range len(said) {
		synctest.Test(t, func(t *testing.T) {
			var got bytes.Buffer
			w := begin(func(conn net.Conn) {
				greet(conn)
				_, _ = io.WriteString(conn, "<handshake/>")
				var reading sync.WaitGroup
				reading.Go(func() { _, _ = io.Copy(&got, conn) })
				_, _ = io.WriteString(conn, said[:at])
				time.Sleep(time.Second)
				_, _ = io.WriteString(conn, said[at:])
				time.Sleep(time.Second)
				_, _ = io.WriteString(conn, "</stream:stream>")
				reading.Wait()
			})
			synctest.Wait()
			say(t, w.Queue(), "<a/>")
			var handled []string
			cfg := w.cfg
			cfg.Handle = func(_ context.Context, el *etree.Element, _ int) {
				assert.Equal(t, "urn:p", el.ChildElements()[0].NamespaceURI())
				assert.Equal(t, "de", el.SelectAttrValue("xml:lang", ""))
				handled = append(handled, el.Tag)
			}
			next := NewLink(cfg)
			over(t, w, next)
			before := len(w.handled)
			say(t, next.Queue(), "<b/>")
			ctx, cancel := context.WithCancel(t.Context())
			next.dial = func(context.Context, string) (net.Conn, error) {
				cancel()
				return nil, ctx.Err()
			}
			require.NoError(t, next.Run(ctx))
			assert.Equal(t, 9, before+len(handled), "cut at %d", at)
			w.servers.Wait()
			assert.Equal(t, "<a/><b/></stream:stream>", got.String())
		})
	}
}

// What was read already, but not handled, is handled by the other process.
func TestHandoverOfWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		holding := make(chan error, 1)
		w := beginWith(func(_ context.Context, l *Link) {
			go func() { holding <- l.Hold(context.Background()) }()
			synctest.Wait()
		}, accepting(0, "<message/><presence/><iq"))
		require.NoError(t, <-holding)
		h, err := w.Detach(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "<presence/><iq", string(h.Unread))
		w.Leave()
		<-w.done
		assert.Equal(t, []string{"message"}, w.handled)
		adopted := newStream(w.Link, h.Conn)
		adopted.unread = h.Unread
		adopted.in = newReader(adopted, Limits{})
		_, err = adopted.in.next()
		require.NoError(t, err)
		assert.Equal(t, "<iq", string(adopted.leftUnread()), "what is handed over twice is whole")
		w.servers.Wait()
	})
}

// What cannot be handed over stays as it is: a stream in the middle of a stanza that the server does
// not end, one that takes nothing, and none.
func TestHandoverRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/><message><bo")
			time.Sleep(time.Minute)
			_, _ = io.WriteString(conn, "dy/></message>")
			_ = expect(conn, "<a/>")
			_, _ = io.WriteString(conn, "<presence/>")
			_, _ = io.Copy(io.Discard, conn)
		})
		soon := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		assert.ErrorIs(t, w.Hold(soon()), errNoneHeld, "there is no stream yet")
		_, err := w.Detach(soon())
		assert.ErrorIs(t, err, errNoneHeld)
		synctest.Wait()
		require.ErrorContains(t, w.Hold(soon()), "the server does not end the stanza that it has begun")
		time.Sleep(51 * time.Second)
		synctest.Wait()
		require.NoError(t, w.Hold(soon()))
		assert.Equal(t, []string{"message"}, w.handled)
		w.GoOn()
		say(t, w.Queue(), "<a/>")
		synctest.Wait()
		require.NoError(t, w.Hold(soon()))
		assert.Equal(t, []string{"message", "presence"}, w.handled)
		go func() {
			time.Sleep(time.Second)
			w.cancel()
		}()
		<-w.done
		assert.ErrorIs(t, w.Hold(soon()), errNoneHeld, "it is over")
		w.GoOn()
		w.servers.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		w := begin(func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			time.Sleep(time.Minute)
			_, _ = io.Copy(io.Discard, conn)
		})
		synctest.Wait()
		say(t, w.Queue(), "<a/>")
		synctest.Wait()
		require.NoError(t, w.Hold(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := w.Detach(ctx)
		require.ErrorContains(t, err, "the server does not take what is to be sent")
		w.GoOn()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, w.sent)
		require.NoError(t, w.stop())
	})
}

// Who is told to go on and to stop, both before it has looked, goes on, by no chance.
func TestHoldEndsBefore(t *testing.T) {
	stopped := make(chan struct{})
	h := &hold{over: make(chan struct{})}
	close(stopped)
	assert.False(t, h.ends(stopped))
	close(h.over)
	for range 100 {
		require.True(t, h.ends(stopped))
	}
	assert.True(t, h.ends(nil))
}
