package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (p *peer) mechanisms() (names []string) {
	p.t.Helper()
	for _, m := range p.read().FindElements("mechanisms/mechanism") {
		names = append(names, m.Text())
	}
	return names
}

func TestMechanisms(t *testing.T) {
	r := start(t)
	for _, h := range hashes {
		for _, secret := range []bool{true, false} {
			p := r.dial(t)
			require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "ANONYMOUS"}, p.mechanisms())
			if secret {
				p.startTLS()
				require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "ANONYMOUS"}, p.mechanisms())
			}
			require.Equal(t, "success", p.scram(h.mechanism, "juliet", "juliet", "juliet@localhost").Tag)
			require.Equal(t, "juliet@localhost/balcony", p.bind("balcony").jid)
		}
	}
	p := r.dial(t)
	p.read()
	p.startTLS()
	p.read()
	require.Equal(t, "success", p.auth("PLAIN", "\x00romeo\x00romeo").Tag)
	require.Regexp(t, `^romeo@localhost/\w+$`, p.bind("").jid)

	guest := r.guest(t)
	require.Regexp(t, `^guest-\w+@localhost/\w+$`, guest.jid)
	require.NotEqual(t, guest.jid, r.guest(t).jid)

	p = r.dialWebSocket(t)
	require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "ANONYMOUS"}, p.mechanisms(), "this WebSocket is not encrypted")
}

// Nobody logs in who should not, nor learns who has an account.
func TestLoginRefused(t *testing.T) {
	r := start(t)
	plain := func(message string) string {
		p := r.dial(t)
		p.read()
		p.startTLS()
		p.read()
		return p.auth("PLAIN", message).ChildElements()[0].Tag
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
		p.read()
		return p.scram("SCRAM-SHA-256", name, password, authzid).ChildElements()[0].Tag
	}
	require.Equal(t, "not-authorized", scram("romeo", "juliet", ""))
	require.Equal(t, "not-authorized", scram("nobody", "nobody", ""))
	require.Equal(t, "invalid-authzid", scram("romeo", "romeo", "juliet@localhost"))

	p := r.dial(t)
	p.read()
	require.NotNil(t, p.auth("PLAIN", "\x00romeo\x00romeo").SelectElement("invalid-mechanism"), "not without TLS")
	require.NotNil(t, p.auth("SCRAM-SHA-512", "n,,n=romeo,r=x").SelectElement("invalid-mechanism"))
	require.NotNil(t, p.auth("SCRAM-SHA-256", "nonsense").SelectElement("malformed-request"))
	require.NotNil(t, p.read().SelectElement("policy-violation"), "three are enough")
}

// Two answers for the same name without an account have the same salt, as they do for one with.
func TestSaltsTellNothing(t *testing.T) {
	a := newAccounts("localhost")
	keys, err := newAccount("romeo")
	require.NoError(t, err)
	require.NoError(t, a.add("romeo", keys))
	salts := map[string]bool{}
	for _, name := range []string{"romeo", "nobody", "nobody@localhost", ""} {
		for _, h := range hashes {
			first, again := a.keys(h.mechanism, name), a.keys(h.mechanism, name)
			require.Equal(t, first.KeyFactors, again.KeyFactors)
			require.Len(t, first.Salt, 16)
			require.Equal(t, iterations, first.Iters)
			salts[first.Salt] = true
		}
	}
	require.Len(t, salts, 8, "all are different")
}

// Before somebody is logged in and bound, nothing else is done.
func TestOrder(t *testing.T) {
	r := start(t)
	p := r.dial(t)
	p.read()
	p.send("<message to='romeo@localhost'><body>hi</body></message>")
	require.NotNil(t, p.read().SelectElement("not-authorized"))

	p = r.dial(t)
	p.read()
	require.Equal(t, "success", p.auth("ANONYMOUS", "").Tag)
	p.open()
	p.read()
	p.send("<message to='romeo@localhost'><body>hi</body></message>")
	require.NotNil(t, p.read().SelectElement("not-authorized"))

	p = r.dial(t)
	p.read()
	p.startTLS()
	p.read()
	p.send("<starttls xmlns='%s'/>", nsTLS)
	require.NotNil(t, p.read().SelectElement("not-authorized"), "TLS is there already")
}

// What was sent before TLS is not taken for what was sent after it.
func TestNothingIsSmuggledIntoTLS(t *testing.T) {
	r := start(t)
	p := r.dial(t)
	p.read()
	p.send("<starttls xmlns='%s'/><auth xmlns='%s' mechanism='ANONYMOUS'/>", nsTLS, nsSASL)
	require.Equal(t, "proceed", p.read().Tag)
	el, err := p.next()
	require.NoError(t, err)
	require.NotNil(t, el.SelectElement("policy-violation"))
}

// A client beyond this machine must encrypt; a local one may.
func TestWhoMustEncrypt(t *testing.T) {
	s := &server{guests: true}
	far := &client{server: s, wire: newTCPWire(nil)}
	require.Contains(t, far.features(), "<required/>")
	require.NotContains(t, far.features(), "mechanism")
	near := &client{server: s, wire: newTCPWire(nil), local: true}
	require.NotContains(t, near.features(), "<required/>")
	require.Contains(t, near.features(), "SCRAM-SHA-256")
	require.NotContains(t, near.features(), "PLAIN")
	far.wire = &tcpWire{conn: &tls.Conn{}}
	require.NotContains(t, far.features(), "starttls")
	require.Contains(t, far.features(), "PLAIN")
}

func TestAccountsFile(t *testing.T) {
	var line strings.Builder
	require.NoError(t, printAccount("Mercutio", strings.NewReader("queen mab\n"), &line))
	require.NotContains(t, line.String(), "mab")
	path := filepath.Join(t.TempDir(), "accounts")
	require.NoError(t, os.WriteFile(path, []byte("# who may log in\n\n"+line.String()), 0o600))

	r := start(t, "-accounts", path, "-admins", "mercutio")
	p := r.dial(t)
	require.Equal(t, []string{"SCRAM-SHA-256", "SCRAM-SHA-1"}, p.mechanisms(), "no guests")
	require.Equal(t, "success", p.scram("SCRAM-SHA-1", "mercutio", "queen mab", "").Tag)
	require.Equal(t, "mercutio@localhost/x", p.bind("x").jid)

	for text, want := range map[string]string{
		line.String() + line.String(): ":2: \"Mercutio\" stands twice",
		"tybalt":                      ":1: keys for SCRAM-SHA-256 are missing",
		"tybalt SCRAM-SHA-256$4096:AAAA$AAAA:AAAA":                      ":1: keys for SCRAM-SHA-256 are missing, or of the wrong length",
		"tybalt SCRAM-SHA-256$1:AAAA$AAAA:AAAA":                         "iterations",
		"tybalt password":                                               "is not of the form",
		"guest-x" + strings.TrimPrefix(line.String(), "Mercutio"):       "are for guests",
		"a@b.example/c" + strings.TrimPrefix(line.String(), "Mercutio"): "is no name",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readAccounts("localhost", path)
		require.ErrorContains(t, err, want)
	}
}

// What everybody could use stays on this machine.
func TestFlags(t *testing.T) {
	for flags, want := range map[string]string{
		"-listen :5222":                   "-accounts",
		"-listen 0.0.0.0:5222":            "-accounts",
		"-http 192.0.2.1:443":             "-accounts",
		"-cert a":                         "go together",
		"-domain @":                       "-domain",
		"-rooms localhost":                "-rooms",
		"-unsent 0":                       "more than 0",
		"extra":                           "no flag",
		"-accounts none -admins mercutio": "none",
	} {
		_, err := parse(strings.Fields(flags), t.Output())
		if err == nil {
			s, _ := parse(strings.Fields(flags), t.Output())
			_, _, err = s.people()
		}
		require.ErrorContains(t, err, want, flags)
	}
	s, err := parse(nil, t.Output())
	require.NoError(t, err)
	a, admins, err := s.people()
	require.NoError(t, err)
	require.Len(t, a.jids, 2)
	require.Len(t, admins, 1)
}
