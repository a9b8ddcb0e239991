package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
)

func TestDial(t *testing.T) {
	tests := []struct {
		name   string
		fake   func(*fake)
		server func(*Server)
		log    string
		says   string
	}{
		{"TLS because it is offered", nil, nil, "romeo logs in, TLS true", ""},
		{"TLS from the first byte", func(f *fake) { f.direct = true }, func(s *Server) { s.Security = DirectTLS }, "romeo logs in, TLS true", ""},
		{"no TLS, and the password is allowed to be read", func(f *fake) { f.secret = nil }, func(s *Server) { s.PlainText = true }, "romeo logs in, TLS false", ""},
		{"no TLS although it is offered", nil, func(s *Server) { s.Security, s.PlainText = NoTLS, true }, "romeo logs in, TLS false", ""},
		{"without an account", func(f *fake) { f.mechanism = "ANONYMOUS" }, func(s *Server) { s.Anonymous, s.Accounts = true, nil }, "guest logs in, TLS true", ""},
		{"a session", func(f *fake) { f.session = "<session xmlns='" + nsSession + "'/>" }, nil, "romeo logs in, TLS true session", ""},
		{"a session that need not be", func(f *fake) { f.session = "<session xmlns='" + nsSession + "'><optional/></session>" }, nil, "romeo logs in, TLS true", ""},

		{"no TLS", func(f *fake) { f.secret = nil }, nil, "",
			"romeo@example.com cannot log in: there is no common way to log in: the server offers PLAIN, and here are SCRAM-SHA-256, SCRAM-SHA-1"},
		{"a certificate that nobody signed", nil, func(s *Server) { s.TLS = nil }, "", "TLS: tls: failed to verify certificate"},
		{"a certificate of somebody else", nil, func(s *Server) { s.Domain = "example.net" }, "", "TLS: tls: failed to verify certificate"},
		{"any certificate", nil, func(s *Server) { s.TLS = &tls.Config{InsecureSkipVerify: true} }, "romeo logs in, TLS true", ""},
		{"a wrong password", nil, func(s *Server) { s.Accounts[0].Password = "thorn" }, "", "romeo@example.com cannot log in: not-authorized: No such luck."},
		{"nobody may come without an account", nil, func(s *Server) { s.Anonymous = true }, "",
			"cannot log in without an account: there is no common way to log in: the server offers PLAIN, and here are ANONYMOUS"},
		{"nobody listens", nil, func(s *Server) { s.Address = "127.0.0.1:1" }, "", "cannot connect to 127.0.0.1:1: connect: connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, tt.fake)
			s := f.server()
			if tt.server != nil {
				tt.server(s)
			}
			conn, err := dial(t, s)
			if tt.says != "" {
				require.ErrorContains(t, err, tt.says)
				assert.NotContains(t, err.Error(), "\n")
				assert.Empty(t, f.noted())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "orchard", conn.JID().Resource())
			conn.Close()
			assert.Equal(t, tt.log, f.noted())
		})
	}
}

// far is a connection to another machine.
type far struct{ net.Conn }

func (far) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5222} }

// Who is on the way to another machine does not get TLS switched off by taking its offer out.
func TestTLSIsMissing(t *testing.T) {
	f := newFake(t, func(f *fake) { f.secret = nil })
	for name, tt := range map[string]struct {
		change func(*Server)
		near   bool
		says   string
	}{
		"another machine":       {says: "no TLS is offered"},
		"this machine":          {near: true},
		"passwords may be read": {change: func(s *Server) { s.PlainText = true }},
		"no TLS is wanted":      {change: func(s *Server) { s.Security = NoTLS }},
	} {
		s := f.server()
		if tt.change != nil {
			tt.change(s)
		}
		raw, err := net.Dial("tcp", f.address)
		require.NoError(t, err)
		c := &session{server: s, raw: far{raw}}
		if tt.near {
			c.raw = raw
		}
		err = c.secure(t.Context())
		raw.Close()
		if tt.says == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, tt.says, name)
		}
	}
}

func TestReceive(t *testing.T) {
	tests := []struct{ name, said, want, says string }{
		{"two stanzas, as they were written", "<message  id='1'/> \n <iq><a b=\"&apos;\"/></iq>", "<message  id='1'/>", ""},
		{"a prefix of the root", "<message><x:a/></message>", "<message xmlns:x='urn:example:x'><x:a/></message>", ""},
		{"a prefix of its own", "<message xmlns:x='urn:y'><x:a/></message>", "<message xmlns:x='urn:y'><x:a/></message>", ""},
		{"an error of the stream", "<stream:error><conflict xmlns='" + nsErrors + "'/><text xmlns='" + nsErrors + "'>Replaced by new  connection</text></stream:error>",
			"", "the server ended the stream: conflict: Replaced by new connection"},
		{"the end of the stream", "</stream:stream>", "", "the server closed the stream"},
		{"a comment", "<message/><!-- hm -->", "<message/>", ""},
		{"too much", "<message>" + strings.Repeat("a", 5000) + "</message>", "", "the server sends a stanza of more than 4000 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newFake(t, func(f *fake) { f.said = tt.said }).server()
			s.MaxStanza = 4000
			conn, err := dial(t, s)
			require.NoError(t, err)
			defer conn.Cut()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			src, err := conn.Receive(ctx)
			if tt.says != "" {
				require.EqualError(t, err, tt.says)
				_, err = conn.Receive(ctx)
				assert.EqualError(t, err, tt.says, "and again")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(src))
		})
	}
	t.Run("what is sent arrives, and what ends is said", func(t *testing.T) {
		conn, err := dial(t, newFake(t, nil).server())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, conn.Send(ctx, []byte("<message><a xmlns='urn:a'/></message>")))
		src, err := conn.Receive(ctx)
		require.NoError(t, err)
		assert.Equal(t, "<echo><a xmlns='urn:a'/></echo>", string(src))
		cancel()
		_, err = conn.Receive(ctx)
		assert.ErrorIs(t, err, context.Canceled)
		require.NoError(t, conn.Send(t.Context(), []byte("<message><b/></message>")))
		src, err = conn.Receive(t.Context())
		require.NoError(t, err, "the connection is still good")
		assert.Equal(t, "<echo><b/></echo>", string(src))
		conn.Cut()
		conn.Cut()
		_, err = conn.Receive(t.Context())
		assert.ErrorIs(t, err, net.ErrClosed)
		conn.Close()
	})
}

// A server that wants harm gets no more of who plays against it than what a stanza may cost.
func TestHostileServers(t *testing.T) {
	for says, change := range map[string]func(*fake){
		"SCRAM-SHA-256: the server wants the password hashed more than 1000000 times": func(f *fake) {
			f.mechanism, f.challenge = "SCRAM-SHA-256", "server,s=c2FsdA==,i=2000000000"
		},
		"SCRAM-SHA-1: the server wants the password hashed more than 1000000 times": func(f *fake) {
			f.mechanism, f.challenge = "SCRAM-SHA-1", "server,s=c2FsdA==,i=4096,i=+2000000000"
		},
		"the server's stream declares more than 100 prefixes": func(f *fake) {
			for i := range 200 {
				f.declares += fmt.Sprintf(" xmlns:p%d='x'", i)
			}
		},
	} {
		_, err := dial(t, newFake(t, change).server())
		assert.ErrorContains(t, err, says)
	}
}

// What a server sends and nobody asks for is bounded, also in bytes.
func TestHeldBytes(t *testing.T) {
	flood := strings.Repeat("<message><body>"+strings.Repeat("x", 1<<20-100)+"</body></message>", 100)
	conn, err := dial(t, newFake(t, func(f *fake) { f.said = flood }).server())
	require.NoError(t, err)
	c := conn.(*client)
	defer c.Cut()
	for c.held.Load() <= held { // nobody reads
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	bytes := 0
	for err == nil {
		var src []byte
		src, err = c.Receive(ctx)
		bytes += len(src)
	}
	assert.ErrorContains(t, err, "that nobody asked for")
	assert.Less(t, bytes, held+1<<20)
}

func TestRegister(t *testing.T) {
	f := newFake(t, nil)
	s := f.server()
	s.Register = true
	conn, err := dial(t, s)
	require.NoError(t, err)
	assert.Regexp(t, `^romeo-\w{8}@example.com/orchard$`, conn.JID().String(), "a name that nobody has")
	again, err := dial(t, s)
	require.NoError(t, err)
	assert.Equal(t, conn.JID(), again.JID(), "one account for one person")
	assert.Len(t, f.people(), 2)
	f.mu.Lock()
	f.refusal = "resource-constraint"
	f.mu.Unlock()
	_, err = s.Dial(t.Context(), scansion.Login{People: []muc.JID{muc.MustParseJID("juliet@capulet.example")}, Resource: "balcony"})
	assert.ErrorContains(t, err, "cannot be registered: resource-constraint")
	conn.Close()
	again.Close()
	require.NoError(t, s.Close())
	assert.Equal(t, map[string]string{"romeo": "rose"}, f.people(), "the account is gone")
	require.NoError(t, s.Close())
}

func TestCheck(t *testing.T) {
	require.NoError(t, newFake(t, nil).server().Check(t.Context(), "rooms.example.com"))
	assert.EqualError(t, newFake(t, func(f *fake) { f.identity = "" }).server().Check(t.Context(), "rooms.example.com"),
		"there are no rooms at rooms.example.com: item-not-found")
	assert.EqualError(t, newFake(t, func(f *fake) { f.identity = "pubsub" }).server().Check(t.Context(), "rooms.example.com"),
		"there are no rooms at rooms.example.com: it says it is something else")
}

func TestReadAccounts(t *testing.T) {
	list, err := ReadAccounts(strings.NewReader("# people\n\nromeo@example.com  a rose \njuliet@example.com x\n"))
	require.NoError(t, err)
	assert.Equal(t, []Account{{muc.MustParseJID("romeo@example.com"), "a rose"}, {muc.MustParseJID("juliet@example.com"), "x"}}, list)
	for src, says := range map[string]string{
		"":                                "no accounts",
		"\nromeo@example.com":             "line 2: expected a JID and a password",
		"romeo@example.com/orchard x":     "line 1: expected a JID and a password",
		"example.com x":                   "line 1: expected a JID and a password",
		"@@ x":                            "line 1: expected a JID and a password",
		strings.Repeat("a@b.c d\n", 1001): "more than 1000 accounts",
	} {
		_, err := ReadAccounts(strings.NewReader(src))
		assert.EqualError(t, err, says)
	}
}

func TestAssign(t *testing.T) {
	jid := muc.MustParseJID
	s := &Server{Accounts: []Account{{jid("anna@x"), "1"}, {jid("romeo@x"), "2"}, {jid("bert@x"), "3"}}}
	people := []muc.JID{jid("nurse@a"), jid("romeo@a"), jid("romeo@b")}
	for i, want := range []string{"anna@x", "romeo@x", "bert@x"} {
		got, err := s.assign(scansion.Login{People: people, Person: i})
		require.NoError(t, err)
		assert.Equal(t, want, got.JID.String())
	}
	_, err := s.assign(scansion.Login{People: append(people, jid("hag@a"))})
	var skipped *scansion.Skipped
	require.True(t, errors.As(err, &skipped))
	assert.Equal(t, "it needs accounts of 4 people", skipped.Reason)
}
