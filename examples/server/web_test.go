package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeNPM stands for npm: it puts a file of this content where the package should be.
func fakeNPM(t *testing.T, content []byte) {
	t.Helper()
	dir := t.TempDir()
	version, _, err := locked()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "content"), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "npm"),
		[]byte("#!/bin/sh\n/bin/cat "+filepath.Join(dir, "content")+" > converse.js-"+version+".tgz\n"), 0o700))
	t.Setenv("PATH", dir)
}

// packed is a package with files of these names.
func packed(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	files := tar.NewWriter(zipped)
	for _, name := range names {
		require.NoError(t, files.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o777, Size: int64(len(name))}))
		_, err := io.WriteString(files, name)
		require.NoError(t, err)
	}
	require.NoError(t, files.Close())
	require.NoError(t, zipped.Close())
	return b.Bytes()
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

// Where npm is not there, or brings something else than what the lock names, there is a page of
// our own.
func TestOwnPage(t *testing.T) {
	for name, prepare := range map[string]func(){
		"no npm":         func() { t.Setenv("PATH", t.TempDir()) },
		"no package":     func() { fakeNPM(t, []byte("nonsense")) },
		"something else": func() { fakeNPM(t, packed(t, "package/dist/converse.min.js")) },
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

// Of a package the files of dist are taken, and nothing outside of the directory is written.
func TestUnpack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x", "y")
	_, err := unpack(packed(t, "package/dist/../../../e.js"), dir)
	require.Error(t, err, "a name that leads out of the directory")
	_, err = unpack(packed(t, "package/dist/a.js", "package/dist/b/c.css", "package/dist/a.js.map", "package/src/d.js"), dir)
	require.NoError(t, err)
	var found []string
	require.NoError(t, fs.WalkDir(os.DirFS(filepath.Dir(filepath.Dir(dir))), ".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	require.Equal(t, []string{"x/y/a.js", "x/y/b/c.css"}, found)
}
