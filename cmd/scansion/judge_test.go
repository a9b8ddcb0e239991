package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	must   = "# asks: MUST §7.4 \"so\"\n"
	chosen = "# asks: choice: so\n"
	kept   = must + clients + "Romeo connects\nRomeo sends:\n\t<message to=\"${Romeo's JID}\"><body>Hi</body></message>\nRomeo receives:\n\t<message><body>Hi</body></message>\n"
	differ = clients + "Romeo connects\nRomeo sends:\n\t<message to=\"${Romeo's JID}\"><body>Hi</body></message>\nRomeo receives:\n\t<message type='chat'/>\n"
)

func play(args ...string) (status int, stdout, stderr string) {
	var out, err strings.Builder
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

func TestJudge(t *testing.T) {
	scripts(t, map[string]string{"testdata/VERSION": "7\n", "testdata/a/kept.scs": kept, "testdata/a/must.scs": must + differ, "testdata/b/chosen.scs": chosen + differ, "testdata/c/wrong.scs": nothing})
	status, out, _ := play("--match", "spec", "--result", "one.json", "--name", "One 1", "testdata/a", "testdata/b")
	assert.Equal(t, statusFailed, status)
	for _, part := range []string{
		"KEPT testdata/a/kept.scs\n", "DIFFERS testdata/a/must.scs\n", "  MUST §7.4 \"so\"\n", "must.scs:8: Romeo receives: none of the 1 stanzas",
		"  wanted:\n    <message type='chat'/>\n", "  came:\n    <message", "attribute type: expected 'chat', got none", "1 kept, 2 differ, 0 skipped\n",
	} {
		assert.Contains(t, out, part)
	}
	status, out, _ = play("--match", "spec", "testdata/b")
	assert.Equal(t, statusPassed, status, "a choice is no failure")
	assert.Contains(t, out, "0 kept, 1 differ")
	status, out, _ = play("--match", "spec", "testdata/c", "testdata/a")
	assert.Equal(t, statusWrong, status)
	assert.Contains(t, out, "STOPPED at testdata/c/wrong.scs, 3 scripts were not played")
	status, out, _ = play("--match", "spec", "--result", "none/one.json", "testdata/a/kept.scs")
	assert.Equal(t, statusWrong, status)
	assert.Contains(t, out, "none/one.json")

	status, out, _ = play("report", "one.json", "one.json")
	assert.Equal(t, statusPassed, status)
	assert.Contains(t, out, "| | One 1 | One 1 |\n")
	assert.Contains(t, out, "| suite | 7 | 7 |\n")
	status, out, _ = play("report", "--md", "r.md", "--html", "r.html", "--junit", "r.xml", "one.json")
	assert.Equal(t, statusPassed, status)
	assert.Empty(t, out)
	for name, part := range map[string]string{"r.md": "| MUST kept | 1/2 |", "r.html": "<h1>", "r.xml": "<testsuites>"} {
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Contains(t, string(src), part)
	}
	for _, tt := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"report"}, "usage: scansion report"},
		{[]string{"report", "none.json"}, "none.json"},
		{[]string{"report", "testdata/VERSION"}, "testdata/VERSION: "},
		{[]string{"report", "--pdf", "one.json"}, "flag provided but not defined"},
		{[]string{"report", "--md", "none/r.md", "one.json"}, "none/r.md"},
	} {
		status, _, stderr := play(tt.args...)
		assert.Equal(t, statusWrong, status, "%v", tt.args)
		assert.Contains(t, stderr, tt.stderr)
	}
	status, _, _ = play("report", "-h")
	assert.Equal(t, statusPassed, status)
}
