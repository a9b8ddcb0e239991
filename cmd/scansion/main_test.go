package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	clients = "[Client] Romeo\n\tjid: romeo@example.org\n-----\n"
	mail    = "Romeo connects\nRomeo sends:\n\t<message to=\"${Romeo's JID}\" id='1'/>\n"
	right   = clients + mail + "Romeo receives:\n\t<message id='1'/>\n"
	wrong   = clients + mail + "Romeo receives:\n\t<message id='2'/>\n"
	nothing = clients + "Romeo dances\n"
)

// scripts writes scripts to a directory and goes there.
func scripts(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, src := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(src), 0o644))
	}
	t.Chdir(dir)
}

func TestRun(t *testing.T) {
	scripts(t, map[string]string{
		"right/a.scs": right, "right/deep/b.scs": right, "right/notes.txt": "not a script",
		"wrong.scs": wrong, "nothing.scs": nothing,
		"shared.scs": "# include: prelude/mail.scs\n-----\nRomeo receives:\n\t<message id='1'/>\n", "prelude/mail.scs": clients + mail,
	})
	tests := []struct {
		name   string
		args   []string
		status int
		stdout []string
		stderr string
	}{
		{"a directory is walked", []string{"right"}, 0,
			[]string{"PASS right/a.scs\n", "PASS right/deep/b.scs\n", "2 passed, 0 failed\n"}, ""},
		{"a failure", []string{"right", "wrong.scs"}, 1,
			[]string{"PASS right/a.scs\n", "FAIL wrong.scs\nwrong.scs:7: Romeo receives: the only stanza",
				"  expected:\n    <message id='2'/>\n  came:\n    <message to='romeo@example.org' id='1' from='romeo@example.org/romeo'/>\n",
				"message: attribute id: expected '2', got '1'\n", "2 passed, 1 failed\n"}, ""},
		{"a script that does not parse", []string{"nothing.scs", "wrong.scs"}, 2,
			[]string{"FAIL nothing.scs\nnothing.scs:4: not an action: \"Romeo dances\"\n", "FAIL wrong.scs\n", "0 passed, 2 failed\n"}, ""},
		{"the mode", []string{"--match", "exact", "right/a.scs"}, 1,
			[]string{"attribute from: expected none, got 'romeo@example.org/romeo'"}, ""},
		{"the mode with one dash", []string{"-match=scansion", "right/a.scs"}, 0, []string{"1 passed, 0 failed\n"}, ""},
		{"the trace", []string{"--trace", "right/a.scs"}, 0,
			[]string{"=== right/a.scs\n", "00:00:02 Romeo sends:\n    <message to='romeo@example.org' id='1'/>\n  -> Romeo\n", "PASS right/a.scs\n"}, ""},
		{"the trace of what is included", []string{"--trace", "--match=ordered", "shared.scs"}, 0,
			[]string{"=== shared.scs\n", "00:00:02 Romeo sends:\n    <message to='romeo@example.org' id='1'/>\n  -> Romeo\n", "PASS shared.scs\n"}, ""},
		{"a wrong mode", []string{"--match", "strict", "right"}, 2, nil, "no matching mode"},
		{"a wrong flag", []string{"--quiet", "right"}, 2, nil, "flag provided but not defined: -quiet"},
		{"a wrong file", []string{"missing.scs"}, 2, nil, "missing.scs"},
		{"no file", nil, 2, nil, "usage: scansion"},
		{"help", []string{"-h"}, 0, nil, "usage: scansion"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			status := run(tt.args, &stdout, &stderr)
			assert.Equal(t, tt.status, status)
			for _, part := range tt.stdout {
				assert.Contains(t, filepath.ToSlash(stdout.String()), part)
			}
			assert.Contains(t, stderr.String(), tt.stderr)
			if len(tt.stdout) > 0 {
				lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
				assert.Regexp(t, `^\d+ passed, \d+ failed$`, lines[len(lines)-1])
			}
		})
	}
}
