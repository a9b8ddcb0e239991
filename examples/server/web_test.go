package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeNPM stands for npm: it does what a line of shell says.
func fakeNPM(t *testing.T, does string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\nPATH=/bin:/usr/bin\n"+does+"\n"), 0o700))
	t.Setenv("PATH", dir)
}

func get(t *testing.T, url string) (status int, body string, head http.Header) {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text), answer.Header
}

// Where npm is not there, or has not what the lock names, there is a page of our own.
func TestOwnPage(t *testing.T) {
	for name, prepare := range map[string]func(){
		"no npm":     func() { t.Setenv("PATH", t.TempDir()) },
		"npm fails":  func() { fakeNPM(t, "mkdir -p node_modules/converse.js/dist; exit 1") },
		"no package": func() { fakeNPM(t, "exit 0") },
	} {
		t.Setenv("XDG_CACHE_HOME", t.TempDir())
		prepare()
		r := start(t, "-web")
		url := "http" + strings.TrimSuffix(strings.TrimPrefix(r.websocket, "ws"), "xmpp-websocket")
		status, page, head := get(t, url)
		require.Equal(t, http.StatusOK, status, name)
		require.Contains(t, page, "/plain.js", name)
		require.Contains(t, head.Get("Content-Security-Policy"), "default-src 'self'")
		for file, want := range map[string]int{"plain.js": 200, "page.js": 200, "page.css": 200, "converse/converse.min.js": 404, "web.go": 404, "package.json": 404} {
			status, _, _ := get(t, url+file)
			require.Equal(t, want, status, file)
		}
		_, config, _ := get(t, url+"config.json")
		require.JSONEq(t, `{"domain": "localhost", "room": "lobby@conference.localhost", "people": ["romeo", "juliet"]}`, config)
	}
}

// The names of real accounts are not for everybody to see.
func TestPageOfRealServer(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	path := filepath.Join(t.TempDir(), "accounts")
	var line strings.Builder
	require.NoError(t, printAccount("mercutio", strings.NewReader("queen mab"), &line))
	require.NoError(t, os.WriteFile(path, []byte(line.String()), 0o600))
	r := start(t, "-web", "-accounts", path)
	_, config, _ := get(t, "http"+strings.TrimSuffix(strings.TrimPrefix(r.websocket, "ws"), "xmpp-websocket")+"config.json")
	require.NotContains(t, config, "mercutio")
}

// npm is asked once, for what the lock names; of that the files of dist are served.
func TestConverse(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	fakeNPM(t, `[ "$1" = ci ] && [ "$2" = --ignore-scripts ] && grep -q sha512- package-lock.json && [ -f package.json ] || exit 1
		mkdir -p node_modules/converse.js/dist && echo it >node_modules/converse.js/dist/converse.min.js && echo no >node_modules/secret`)
	for _, when := range []string{"at the first start", "at the next one, without npm"} {
		r := start(t, "-web")
		url := "http" + strings.TrimSuffix(strings.TrimPrefix(r.websocket, "ws"), "xmpp-websocket")
		_, page, _ := get(t, url)
		require.Contains(t, page, "/converse.js", when)
		for file, want := range map[string]int{"converse.js": 200, "page.js": 200, "converse/converse.min.js": 200, "plain.js": 404, "converse/../secret": 404, "converse/%2e%2e/secret": 404} {
			status, _, _ := get(t, url+file)
			require.Equal(t, want, status, file)
		}
		t.Setenv("PATH", t.TempDir())
	}
}
