package xmppcomp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// world is a link in a bubble of its own time, and what its servers do: each
// connection is played by the next function, and refused when there is none.
type world struct {
	*Link
	dials      []time.Duration // when the link tried, since it began
	handled    []string
	dropped    []string
	unreadable []string
	sent       int
	connected  []bool
	changed    []time.Duration // when, since it began
	log        bytes.Buffer
	ended      error
	cancel     context.CancelFunc
	done       chan struct{}
	servers    sync.WaitGroup
}

func begin(servers ...func(net.Conn)) *world { return beginWith(nil, servers...) }

// beginWith begins with what Handle does besides.
func beginWith(handle func(context.Context, *Link), servers ...func(net.Conn)) *world {
	w, start := &world{done: make(chan struct{})}, time.Now()
	w.Link = NewLink(Config{
		Addr: "127.0.0.1:5347", Domain: "rooms.example", Secret: "geheim",
		Handle: func(ctx context.Context, el *etree.Element, _ int) {
			w.handled = append(w.handled, el.Tag)
			if handle != nil {
				handle(ctx, w.Link)
			}
		},
		Unreadable: func(_ context.Context, bad *StanzaError, _ int) { w.unreadable = append(w.unreadable, bad.Head.Tag) },
		Dropped:    func(stanza []byte) { w.dropped = append(w.dropped, string(stanza)) },
		Sent:       func(n int) { w.sent += n },
		Connected: func(up bool) {
			w.connected, w.changed = append(w.connected, up), append(w.changed, time.Since(start))
		},
		Limits: Limits{Bytes: 300},
		Log:    slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	w.dial = func(context.Context, string) (net.Conn, error) {
		w.dials = append(w.dials, time.Since(start))
		if len(servers) == 0 {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		ours, theirs := net.Pipe()
		play := servers[0]
		w.servers.Go(func() {
			defer theirs.Close()
			play(theirs)
		})
		servers = servers[1:]
		return ours, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() {
		defer close(w.done)
		w.ended = w.Run(ctx)
	}()
	return w
}

// stop ends the link and returns what Run said, when the servers are done too.
func (w *world) stop() error {
	w.cancel()
	<-w.done
	w.servers.Wait()
	return w.ended
}

// expect reads exactly what is written.
func expect(conn net.Conn, text string) error {
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != text {
		return errors.New("got " + string(got))
	}
	return nil
}

// greet reads the component's header and answers it.
func greet(conn net.Conn) {
	_ = expect(conn, "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "+
		"xmlns:stream='http://etherx.jabber.org/streams' to='rooms.example'>")
	_, _ = io.WriteString(conn, header)
	_ = expect(conn, "<handshake>"+digest("s&1", "geheim")+"</handshake>")
}

// accepting is a server that accepts the component and then says something, once
// it has waited.
func accepting(hold time.Duration, then string) func(net.Conn) {
	return func(conn net.Conn) {
		greet(conn)
		_, _ = io.WriteString(conn, "<handshake/>")
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		time.Sleep(hold)
		_, _ = io.WriteString(conn, then)
	}
}

func refusing(condition string) func(net.Conn) {
	return func(conn net.Conn) {
		greet(conn)
		_, _ = io.WriteString(conn, "<stream:error><"+condition+" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"+
			"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no</text></stream:error></stream:stream>")
	}
}

// The example of XEP-0114 §3.
func TestDigest(t *testing.T) {
	assert.Equal(t, "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e", digest("3BF96D32", "test"))
}

// What comes goes to the handler in order, and a stanza that is too large to its
// own.
func TestLinkReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := "<iq>" + strings.Repeat("x", 300) + "</iq>"
		w := begin(accepting(0, "<message/> "+large+"<presence/><stream:features/>"))
		synctest.Wait()
		require.NoError(t, w.stop())
		assert.Equal(t, []string{"message", "presence", "features"}, w.handled)
		assert.Equal(t, []string{"iq"}, w.unreadable)
		assert.Equal(t, []bool{true, false}, w.connected)
		assert.NotContains(t, w.log.String(), "geheim")
	})
}

// What was queued before there was a stream goes out on it, and in order.
func TestLinkSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got bytes.Buffer
		w := begin(func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			_, _ = io.Copy(&got, conn)
		})
		say(t, w.Queue(), "<a/>")
		say(t, w.Queue(), "<b/>")
		synctest.Wait()
		say(t, w.Queue(), "<c/>")
		synctest.Wait()
		assert.Equal(t, 3, w.sent)
		time.Sleep(90 * time.Second)
		require.NoError(t, w.Drain(t.Context()))
		require.NoError(t, w.stop())
		assert.Equal(t, "<a/><b/><c/> </stream:stream>", got.String(), "a blank keeps it alive")
		assert.ErrorIs(t, w.Queue().Append(t.Context(), nil), ErrClosed)
	})
}

// The component takes its leave only when the server has read it all.
func TestLinkWaitsForTheGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			_ = expect(conn, "</stream:stream>")
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(conn, "<message/></stream:stream>")
		})
		synctest.Wait()
		start := time.Now()
		require.NoError(t, w.stop())
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.Equal(t, []string{"message"}, w.handled, "what came in the meantime is not lost")
	})
}

// The waits double, and only a stream that held begins them anew.
func TestLinkBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short, long := accepting(time.Second, ""), accepting(10*time.Second, "")
		nobody := func(net.Conn) {}
		w := begin(nobody, short, nobody, nobody, nobody, nobody, nobody, nobody, long)
		time.Sleep(5 * time.Minute)
		require.NoError(t, w.stop())
		var waits []float64
		for i := 1; i < len(w.dials); i++ {
			waits = append(waits, (w.dials[i] - w.dials[i-1]).Seconds())
		}
		want := []float64{1, 2 + 1, 4, 8, 16, 32, 60, 60, 10 + 1, 2, 4, 8}
		require.GreaterOrEqual(t, len(waits), len(want))
		for i, wait := range want {
			assert.InDelta(t, wait, waits[i], wait/4+0.001, "wait %d of %v", i, waits)
		}
		assert.Contains(t, w.log.String(), "is the server running")
	})
}

// What a stream did not take goes out on the next one.
func TestLinkKeepsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got bytes.Buffer
		w := begin(func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			_ = expect(conn, "<a/><b")
		}, func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			_, _ = io.Copy(&got, conn)
		})
		say(t, w.Queue(), "<a/>")
		say(t, w.Queue(), "<b/>")
		synctest.Wait()
		say(t, w.Queue(), "<c/>")
		time.Sleep(time.Minute)
		require.NoError(t, w.stop())
		assert.Equal(t, "<b/><c/></stream:stream>", strings.ReplaceAll(got.String(), " ", ""))
		assert.Equal(t, 3, w.sent)
	})
}

// What another try cannot mend ends the link at once, with words that help.
func TestLinkGivesUp(t *testing.T) {
	for condition, want := range map[string]string{
		"not-authorized": `the server refuses the secret of rooms.example: domain and secret must be those of the component in the server's configuration ("not-authorized: no")`,
		"conflict":       `another component is connected to the server as rooms.example: stop that one, or take another domain ("conflict: no")`,
		"host-unknown":   `the server has no component rooms.example: add it to the server's configuration, or correct the domain ("host-unknown: no")`,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := begin(refusing(condition))
			<-w.done
			assert.EqualError(t, w.stop(), want)
			assert.Equal(t, []time.Duration{0}, w.dials)
			assert.Empty(t, w.connected)
		})
	}
}

// A server that still holds the broken stream says conflict, for a while.
func TestLinkWaitsForItsOwnGhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(accepting(time.Second, ""), refusing("conflict"), refusing("system-shutdown"), accepting(time.Hour, ""))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []bool{true, false, true}, w.connected)
		require.NoError(t, w.stop())
	})
}

// A server that accepts connections and says nothing is left alone after a while,
// and one that takes nothing is too.
func TestLinkIsPatientOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(conn net.Conn) { time.Sleep(time.Hour) }
		stuck := func(conn net.Conn) {
			greet(conn)
			_, _ = io.WriteString(conn, "<handshake/>")
			time.Sleep(time.Hour)
		}
		w := begin(silent, stuck)
		time.Sleep(5 * time.Second)
		say(t, w.Queue(), "<a/>")
		time.Sleep(3 * time.Minute)
		require.NoError(t, w.stop())
		assert.Contains(t, w.log.String(), "is it the component port?")
		assert.Contains(t, w.log.String(), "the server takes nothing for 2m0s")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorContains(t, w.Drain(ctx), "1 stanzas were not sent: the server is not there")
	})
}

// A component that is told to stop does not wait for a server that says nothing.
func TestLinkStopsInAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(func(conn net.Conn) { time.Sleep(time.Hour) })
		synctest.Wait()
		start := time.Now()
		w.cancel()
		<-w.done
		assert.Zero(t, time.Since(start))
		assert.NoError(t, w.stop())
	})
}

// Before is called before each try, and its error ends Run.
func TestLinkBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough, tries, dials := errors.New("enough"), 0, 0
		l := NewLink(Config{Before: func(context.Context) error {
			if tries++; tries > 3 {
				return enough
			}
			return nil
		}, Log: slog.New(slog.DiscardHandler)})
		l.dial = func(context.Context, string) (net.Conn, error) {
			dials++
			return nil, errors.New("connection refused")
		}
		require.ErrorIs(t, l.Run(t.Context()), enough)
		assert.Equal(t, 3, dials)
	})
}
