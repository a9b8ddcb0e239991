package muc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
)

// TestScripts plays the scripts of testdata, each exactly: what a client gets is
// written down to the last stanza.
func TestScripts(t *testing.T) { scansion.Run(t, muc.Config{}, "testdata") }

// TestScriptHeaders holds the scripts of testdata to saying what they show.
func TestScriptHeaders(t *testing.T) {
	for _, script := range ownScripts(t) {
		mode, chosen := script.Mode()
		assert.True(t, chosen && mode == scansion.Exact, "%s: needs the header line `# match: exact`", script.Name)
		for _, name := range []string{"title", "section", "rows"} {
			assert.NotEmpty(t, script.Header(name), "%s: needs a header line `# %s: …`", script.Name, name)
		}
	}
}

// TestScriptAsks holds the scripts of testdata to saying what they ask of a service, with
// sections that are there.
func TestScriptAsks(t *testing.T) {
	src, err := os.ReadFile("testdata/sections.tsv")
	require.NoError(t, err)
	sections := map[string]bool{}
	for line := range strings.Lines(string(src)) {
		if fields := strings.Split(line, "\t"); !strings.HasPrefix(line, "#") && assert.Len(t, fields, 3, "%s", line) {
			sections[fields[0]+" "+fields[1]] = true
		}
	}
	for _, script := range ownScripts(t) {
		marks := script.Marks()
		assert.NotEmpty(t, script.Asks, "%s: needs a header line `# asks: …`", script.Name)
		for _, m := range marks {
			assert.True(t, m.Level == scansion.Choice || sections[m.Document+" "+m.Section], "%s: asks for %s, which is not in sections.tsv", script.Name, m)
		}
	}
}

// TestForeignScripts plays the scripts of others, in the directory that
// MUC_SCRIPTS names; what they do not mention may happen too.
func TestForeignScripts(t *testing.T) {
	dir := os.Getenv("MUC_SCRIPTS")
	if dir == "" {
		t.Skip("MUC_SCRIPTS names no directory of scripts")
	}
	scansion.Run(t, muc.Config{}, dir)
}

// TestPreludes holds the files that scripts of testdata include to saying what they
// bring, and to be shared.
func TestPreludes(t *testing.T) {
	uses := map[string]int{}
	for _, script := range ownScripts(t) {
		src, err := os.ReadFile(script.Name)
		require.NoError(t, err)
		for line := range strings.Lines(string(src)) {
			if name, ok := strings.CutPrefix(line, "# include:"); ok {
				uses[filepath.Join(filepath.Dir(script.Name), strings.TrimSpace(name))]++
			}
		}
	}
	names, err := scansion.Files("testdata/prelude")
	require.NoError(t, err)
	for _, name := range names {
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(src), "# title: "), "%s: needs a header line `# title: …`", name)
		assert.Greater(t, uses[name], 1, "%s: what fewer than two scripts include belongs in them", name)
	}
}

func ownScripts(t *testing.T) []*scansion.Script {
	t.Helper()
	names, err := scansion.Files("testdata")
	require.NoError(t, err)
	var scripts []*scansion.Script
	for _, name := range names {
		script, err := scansion.ParseFile(name)
		require.NoError(t, err)
		scripts = append(scripts, script)
	}
	return scripts
}
