package xmppcomp

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/stanza"
)

// stuckAfter is a server that accepts the component, asks something, reads nothing, and
// hangs up after a while.
func stuckAfter(hold time.Duration) func(net.Conn) {
	return func(conn net.Conn) {
		greet(conn)
		_, _ = io.WriteString(conn, "<handshake/><iq/>")
		time.Sleep(hold)
	}
}

// A stream that ends while the queue is full, and while the reader answers something
// itself, is followed by the next one: each of a hundred times.
func TestLinkGoesOnWithAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers []func(net.Conn)
		for range 100 {
			servers = append(servers, stuckAfter(6*time.Second))
		}
		var got bytes.Buffer
		rooms, stop := context.WithCancel(t.Context())
		servers = append(servers, func(conn net.Conn) {
			stop()
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			_, _ = io.Copy(&got, conn)
		})
		w := beginWith(func(_ context.Context, l *Link) {
			_ = l.Queue().Offer("romeo@example.org", func(dst []byte) []byte { return append(dst, "<pong/>"...) })
		}, servers...)
		go func() { // the rooms, which always have something to say
			for w.Queue().Append(rooms, func(dst []byte) []byte { return append(dst, "<a>"+strings.Repeat("x", 1<<16)+"</a>"...) }) == nil {
			}
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, 101, len(w.dials))
		require.NoError(t, w.stop())
		assert.Equal(t, 202, len(w.connected))
		assert.Equal(t, 100, strings.Count(got.String(), "<pong/>"), "each question is answered")
	})
}

// Nobody is connected any more when nothing can be sent, and what the reader waits for
// is over soon after.
func TestLinkFreesTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var freed time.Duration
		w := beginWith(func(ctx context.Context, l *Link) {
			say(t, l.Queue(), "<a/>")
			start := time.Now()
			<-ctx.Done()
			freed = time.Since(start)
		}, stuckAfter(time.Minute), accepting(time.Hour, ""))
		time.Sleep(time.Minute + goodbyeTimeout + 2*time.Second)
		synctest.Wait()
		assert.Equal(t, []bool{true, false, true}, w.connected)
		assert.Equal(t, time.Minute, w.changed[1], "as soon as the writer has ended")
		assert.Equal(t, time.Minute+goodbyeTimeout, freed)
		require.NoError(t, w.stop())
	})
}

// picky is a server that ends the stream in the middle of a stanza with a large name.
func picky(condition string) func(net.Conn) {
	return func(conn net.Conn) {
		greet(conn)
		_, _ = io.WriteString(conn, "<handshake/>")
		got := ""
		for b := make([]byte, 1); !strings.Contains(got, "<large"); got += string(b) {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
		if condition != "" {
			_, _ = io.WriteString(conn, "<stream:error><"+condition+" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
		}
	}
}

// A stanza for which the server ends the stream does not end the next one too.
func TestLinkForgetsWhatEndsStreams(t *testing.T) {
	for name, c := range map[string]struct {
		servers []func(net.Conn)
		got     string
		dropped []string
	}{
		"the server says so":     {[]func(net.Conn){picky("policy-violation")}, "<b/>", []string{"<large/>"}},
		"it says something else": {[]func(net.Conn){picky("system-shutdown")}, "<large/><b/>", nil},
		"it says nothing":        {[]func(net.Conn){picky("")}, "<large/><b/>", nil},
		"it says nothing twice":  {[]func(net.Conn){picky(""), picky("")}, "<b/>", []string{"<large/>"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got bytes.Buffer
				w := begin(append(c.servers, func(conn net.Conn) {
					greet(conn)
					_, _ = io.WriteString(conn, "<handshake/>")
					_, _ = io.Copy(&got, conn)
				})...)
				for _, stanza := range []string{"<a/>", "<large/>", "<b/>"} {
					say(t, w.Queue(), stanza)
				}
				time.Sleep(50 * time.Second)
				require.NoError(t, w.stop())
				assert.Equal(t, c.got+"</stream:stream>", got.String())
				assert.Equal(t, c.dropped, w.dropped)
			})
		})
	}
}

// A server that reads slowly takes something: the stream holds as long as it does.
func TestLinkWaitsForASlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := 0
		w := begin(func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			for buf := make([]byte, 2000); ; time.Sleep(time.Second) {
				n, err := conn.Read(buf)
				if read += n; err != nil {
					return
				}
			}
		})
		for range 1000 {
			say(t, w.Queue(), "<a>"+strings.Repeat("x", 1000)+"</a>")
		}
		time.Sleep(600 * time.Second)
		synctest.Wait()
		assert.Greater(t, read, 1000000)
		assert.Equal(t, []bool{true}, w.connected)
		require.NoError(t, w.stop())
	})
}

// The stanza's own start tag counts as all else does, and so do its attributes.
func TestLargeStartTags(t *testing.T) {
	for name, in := range map[string]string{
		"namespaces": "<message from='a@b' xmlns:a='a' xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f'/>",
		"attributes": "<message from='a@b'><x a='' b='' c='' d='' e='' f='' g=''/></message>",
		"bytes":      "<message from='a@b' to='" + strings.Repeat("x", 4000) + "'/>",
	} {
		t.Run(name, func(t *testing.T) {
			r := opened(t, Limits{Bytes: 400, Attrs: 6}, in+"<presence/>")
			_, err := r.next()
			var bad *StanzaError
			require.ErrorAs(t, err, &bad)
			require.ErrorIs(t, bad, stanza.ErrTooLarge)
			assert.Equal(t, "<message from='a@b' xml:lang='de'/>", text(t, bad.Head))
			assert.Equal(t, len(in), r.size())
			_, err = r.next()
			require.NoError(t, err)
			assert.Equal(t, len("<presence/>"), r.size())
		})
	}
}
