package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

func TestAccountsFile(t *testing.T) {
	var line strings.Builder
	require.NoError(t, printAccount("Mercutio", strings.NewReader("queen mab\n"), &line))
	require.NotContains(t, line.String(), "mab")
	path := filepath.Join(t.TempDir(), "accounts")
	require.NoError(t, os.WriteFile(path, []byte(line.String()), 0o600))

	r := start(t, "-accounts", path, "-admins", "mercutio")
	p := r.dial(t)
	require.Nil(t, p.Read().FindElement("mechanisms/mechanism[.='ANONYMOUS']"), "no guests")
	require.Equal(t, "success", p.Scram("SCRAM-SHA-1", "mercutio", "queen mab", "").Tag)
	require.Equal(t, "mercutio@localhost/x", p.Bind("x").JID)
}

// What everybody could use stays on this machine.
func TestFlags(t *testing.T) {
	for flags, want := range map[string]string{
		"-listen :5222":                   "-accounts",
		"-listen 0.0.0.0:5222":            "-accounts",
		"-http 192.0.2.1:443":             "-accounts",
		"-cert a":                         "go together",
		"-domain @":                       "-domain and -rooms are domains",
		"-rooms localhost":                "let -rooms be another one",
		"-accounts flags.go":              "lines that -new-account prints",
		"-unsent 0":                       "more than 0",
		"-login -1s":                      "more than 0",
		"-request 0":                      "more than 0",
		"-web -http=":                     "-web needs",
		"extra":                           "no flag",
		"-accounts none -admins mercutio": "none",
	} {
		_, err := parse(strings.Fields(flags), t.Output())
		if err == nil {
			s, _ := parse(strings.Fields(flags), t.Output())
			_, _, err = s.people(nil)
		}
		require.ErrorContains(t, err, want, flags)
	}
	s, err := parse(nil, t.Output())
	require.NoError(t, err)
	a, admins, err := s.people(nil)
	require.NoError(t, err)
	require.True(t, a.Has(muc.MustParseJID("romeo@localhost")) && a.Has(muc.MustParseJID("juliet@localhost")))
	require.Len(t, admins, 1)
}

// Who starts the server to try it is told how to connect, with a terminal client and with a browser.
func TestExplain(t *testing.T) {
	for flags, want := range map[string]string{
		"":                       "With a browser: start it with -web",
		"-web":                   "With a browser: http://127.0.0.1:5280/\n",
		"-http=":                 "/join lobby@conference.localhost\n",
		"-listen=127.0.0.1:7222": "/connect romeo@localhost server 127.0.0.1 port 7222 tls trust\n",
	} {
		s, err := parse(strings.Fields(flags), t.Output())
		require.NoError(t, err)
		require.Contains(t, s.explain(), want, flags)
		require.Equal(t, flags != "-http=", strings.Contains(s.explain(), "With a browser"), flags)
	}
}

// What leaves the machine is encrypted.
func TestPagesAreEncrypted(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:80": false, "[::1]:80": false, "localhost:80": false, ":80": true, "0.0.0.0:80": true, "192.0.2.1:80": true} {
		require.Equal(t, want, httpTLS(address, &tls.Config{}) != nil, address)
	}
}
