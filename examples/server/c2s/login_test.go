package c2s

import (
	"crypto/tls"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2stest"
)

func mechanisms(p *c2stest.Peer) (names []string) {
	for _, m := range p.Read().FindElements("mechanisms/mechanism") {
		names = append(names, m.Text())
	}
	return names
}

func TestMechanisms(t *testing.T) {
	r := start(t, Config{})
	for _, h := range hashes {
		for _, secret := range []bool{true, false} {
			p := r.dial(t)
			require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "ANONYMOUS"}, mechanisms(p))
			if secret {
				p.StartTLS()
				require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "ANONYMOUS"}, mechanisms(p))
			}
			require.Equal(t, "success", p.Scram(h.mechanism, "juliet", "juliet", "juliet@localhost").Tag)
			require.Equal(t, "juliet@localhost/balcony", p.Bind("balcony").JID)
		}
	}
	p := r.dial(t)
	p.Read()
	p.StartTLS()
	p.Read()
	require.Equal(t, "success", p.Auth("PLAIN", "\x00romeo\x00romeo").Tag)
	require.Regexp(t, `^romeo@localhost/\w+$`, p.Bind("").JID)

	guest := r.guest(t)
	require.Regexp(t, `^guest-\w+@localhost/\w+$`, guest.JID)
	require.NotEqual(t, guest.JID, r.guest(t).JID)

	p = r.dialWebSocket(t)
	require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "ANONYMOUS"}, mechanisms(p), "this WebSocket is not encrypted")
}

// Nobody logs in who should not, nor learns who has an account.
func TestLoginRefused(t *testing.T) {
	r := start(t, Config{})
	plain := func(message string) string {
		p := r.dial(t)
		p.Read()
		p.StartTLS()
		p.Read()
		return p.Auth("PLAIN", message).ChildElements()[0].Tag
	}
	for message, want := range map[string]string{
		"\x00romeo\x00juliet":                "not-authorized",
		"\x00romeo\x00":                      "not-authorized",
		"\x00nobody\x00nobody":               "not-authorized",
		"\x00romeo@localhost/x\x00romeo":     "not-authorized",
		"\x00\x00":                           "not-authorized",
		"juliet@localhost\x00romeo\x00romeo": "invalid-authzid",
		"romeo\x00romeo":                     "malformed-request",
		"\x00romeo\x00romeo\x00":             "malformed-request",
		"":                                   "malformed-request",
		"\x00" + strings.Repeat("x", 2000) + "\x00romeo": "not-authorized",
	} {
		require.Equal(t, want, plain(message), "%q", message)
	}
	scram := func(name, password, authzid string) string {
		p := r.dial(t)
		p.Read()
		return p.Scram("SCRAM-SHA-256", name, password, authzid).ChildElements()[0].Tag
	}
	require.Equal(t, "not-authorized", scram("romeo", "juliet", ""))
	require.Equal(t, "not-authorized", scram("nobody", "nobody", ""))
	require.Equal(t, "invalid-authzid", scram("romeo", "romeo", "juliet@localhost"))

	p := r.dial(t)
	p.Read()
	require.NotNil(t, p.Auth("PLAIN", "\x00romeo\x00romeo").SelectElement("invalid-mechanism"), "not without TLS")
	require.NotNil(t, p.Auth("SCRAM-SHA-512", "n,,n=romeo,r=x").SelectElement("invalid-mechanism"))
	require.NotNil(t, p.Auth("SCRAM-SHA-256", "nonsense").SelectElement("malformed-request"))
	require.NotNil(t, p.Read().SelectElement("policy-violation"), "three are enough")
}

// Two answers for the same name without an account have the same salt, as they do for one with: however
// the name is spelt, and after a restart.
func TestSaltsTellNothing(t *testing.T) {
	a, b := NewAccounts("localhost", []byte("pepper")), NewAccounts("localhost", []byte("pepper"))
	require.NoError(t, a.Add("romeo", "romeo"))
	salts := map[string]bool{}
	for _, name := range []string{"romeo", "nobody", "nobody@localhost", ""} {
		for _, h := range hashes {
			first, again := a.keys(h.mechanism, name), a.keys(h.mechanism, name)
			require.Equal(t, first.KeyFactors, again.KeyFactors)
			if _, err := a.JID(name); err == nil {
				require.Equal(t, first.KeyFactors, a.keys(h.mechanism, strings.ToUpper(name)).KeyFactors)
			}
			if name != "romeo" {
				require.Equal(t, first.KeyFactors, b.keys(h.mechanism, name).KeyFactors)
			}
			require.Len(t, first.Salt, 16)
			require.Equal(t, iterations, first.Iters)
			salts[first.Salt] = true
		}
	}
	require.Len(t, salts, 8, "all are different")
}

// Before somebody is logged in and bound, nothing else is done.
func TestOrder(t *testing.T) {
	r := start(t, Config{})
	p := r.dial(t)
	p.Read()
	p.Send("<message to='romeo@localhost'><body>hi</body></message>")
	require.NotNil(t, p.Read().SelectElement("not-authorized"))

	p = r.dial(t)
	p.Read()
	require.Equal(t, "success", p.Auth("ANONYMOUS", "").Tag)
	p.Open()
	p.Read()
	p.Send("<message to='romeo@localhost'><body>hi</body></message>")
	require.NotNil(t, p.Read().SelectElement("not-authorized"))

	p = r.dial(t)
	p.Read()
	require.Equal(t, "success", p.Auth("ANONYMOUS", "").Tag)
	p.Open()
	p.Read()
	p.Send("<starttls xmlns='%s'/>", nsTLS)
	require.NotNil(t, p.Read().SelectElement("not-authorized"), "it is too late for TLS")

	p = r.dial(t)
	p.Read()
	p.StartTLS()
	p.Read()
	p.Send("<starttls xmlns='%s'/>", nsTLS)
	require.NotNil(t, p.Read().SelectElement("not-authorized"), "TLS is there already")
}

// What was sent before TLS is not taken for what was sent after it.
func TestNothingIsSmuggledIntoTLS(t *testing.T) {
	r := start(t, Config{})
	p := r.dial(t)
	p.Read()
	p.Send("<starttls xmlns='%s'/><auth xmlns='%s' mechanism='ANONYMOUS'/>", nsTLS, nsSASL)
	require.Equal(t, "proceed", p.Read().Tag)
	el, err := p.Next()
	require.NoError(t, err)
	require.NotNil(t, el.SelectElement("policy-violation"))
}

// from is a connection of a client somewhere.
type from struct {
	net.Conn
	net.IP
}

func (from) Close() error { return nil }

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: f.IP} }

// A client beyond this machine must encrypt; a local one may.
func TestWhoMustEncrypt(t *testing.T) {
	s := New(Config{Guests: true}, nil)
	far := &client{server: s, stream: overTCP(from{IP: net.IPv4(192, 0, 2, 1)}, newTraffic(1<<20))}
	require.Contains(t, far.features(), "<required/>")
	require.NotContains(t, far.features(), "mechanism")
	near := &client{server: s, stream: overTCP(from{IP: net.IPv6loopback}, newTraffic(1<<20))}
	require.NotContains(t, near.features(), "<required/>")
	require.Contains(t, near.features(), "SCRAM-SHA-256")
	require.NotContains(t, near.features(), "PLAIN")
	far.stream.ws = &websocket.Conn{}
	require.Empty(t, far.features(), "over WebSocket there is no other TLS")
	far.stream = overTCP(&tls.Conn{}, newTraffic(1<<20))
	require.NotContains(t, far.features(), "starttls")
	require.Contains(t, far.features(), "PLAIN")
}

// Accounts are read as they are written; what is no account is refused, with its number.
func TestAccounts(t *testing.T) {
	written := func(names ...string) string {
		a, b := NewAccounts("localhost", nil), strings.Builder{}
		for _, name := range names {
			require.NoError(t, a.Add(name, "queen mab"))
		}
		require.NoError(t, a.Write(&b))
		require.NotContains(t, b.String(), "mab")
		return b.String()
	}
	one := written("Mercutio")
	a := NewAccounts("localhost", nil)
	require.NoError(t, a.Read(strings.NewReader(one+"\n"+written("tybalt"))))
	require.True(t, a.check("mercutio", "queen mab"))
	require.False(t, a.check("mercutio", "queen"))
	require.Len(t, a.jids, 2)
	for text, want := range map[string]string{
		one + one:                 "account 2: \"Mercutio\" stands twice",
		one + `{"name":"tybalt"}`: "account 2: keys for SCRAM-SHA-256 are missing",
		strings.Replace(one, "SCRAM-SHA-1", "SCRAM-SHA-2", 1):                  "keys for SCRAM-SHA-1 are missing",
		regexp.MustCompile(`"stored":"..`).ReplaceAllString(one, `"stored":"`): "account 1: ",
		regexp.MustCompile(`"salt":"[^"]*`).ReplaceAllString(one, `"salt":"`):  "keys for SCRAM-SHA-256 are missing, or of the wrong length",
		strings.ReplaceAll(one, "10000", "1"):                                  "iterations",
		`{"name":"tybalt","password":"x"}`:                                     "unknown field",
		"tybalt":                                                               "account 1: ",
		strings.Replace(one, "Mercutio", "guest-x", 1):                         "are for guests",
		strings.Replace(one, "Mercutio", "a@b.example/c", 1):                   "is no name",
	} {
		require.ErrorContains(t, NewAccounts("localhost", nil).Read(strings.NewReader(text)), want)
	}
}
