package scansion

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarks(t *testing.T) {
	tests := []struct {
		line  string
		want  Mark
		where string
	}{
		{`MUST §7.2.2 "MUST include a status code of 110"`, Mark{Must, "XEP-0045", "7.2.2", "MUST include a status code of 110"}, "§7.2.2"},
		{`SHOULD §8 "a "moderator" may"`, Mark{Should, "XEP-0045", "8", `a "moderator" may`}, "§8"},
		{`MAY XEP-0421 §4.1 "so"`, Mark{May, "XEP-0421", "4.1", "so"}, "XEP-0421 §4.1"},
		{`choice: emoji are nicks`, Mark{Choice, "", "", "emoji are nicks"}, ""},
		{`choice XEP-0425: the host moderates`, Mark{Choice, "XEP-0425", "", "the host moderates"}, "XEP-0425"},
	}
	for _, tt := range tests {
		got, err := parseAsks(tt.line)
		require.NoError(t, err, tt.line)
		assert.Equal(t, tt.want, got)
		assert.Equal(t, tt.line, got.String())
		assert.Equal(t, tt.where, got.Where())
		src, err := json.Marshal(got)
		require.NoError(t, err)
		var back Mark
		require.NoError(t, json.Unmarshal(src, &back))
		assert.Equal(t, got, back)
	}
	for _, line := range []string{
		"", "MUST", "must §7 \"so\"", `MUST 7.2 "so"`, `MUST §7.2 so`, `MUST §7.2. "so"`, `MUST §7.2 ""`, "choice:", "choice", "choice §7: so",
		`MUST §7 "` + strings.Repeat("é", maxSentence+1) + `"`,
	} {
		_, err := parseAsks(line)
		assert.ErrorContains(t, err, "asks: ", "%q", line)
	}
	_, err := parseAsks(`MUST §7 "` + strings.Repeat("é", maxSentence) + `"`)
	assert.NoError(t, err)
	var l Level
	assert.ErrorContains(t, l.UnmarshalText([]byte("must")), "no level")
	assert.Equal(t, "Level(7)", Level(7).String())
}

// Marks stand in the header and above actions, and nowhere else.
func TestMarksOfAScript(t *testing.T) {
	const client = "[Client] Romeo\n\tjid: romeo@example.org\n-----\n"
	script, err := Parse("a.scs", []byte("# asks: MUST §7 \"one\"\n# asks: choice: two\n"+client+
		"Romeo connects\n# A comment.\n# asks: SHOULD §8 \"three\"\n# asks: choice: two\nRomeo disconnects\n"))
	require.NoError(t, err)
	one, two, three := Mark{Must, "XEP-0045", "7", "one"}, Mark{Choice, "", "", "two"}, Mark{Should, "XEP-0045", "8", "three"}
	assert.Equal(t, []Mark{one, two}, script.Asks)
	assert.Equal(t, []Mark{one, two, three}, script.Marks())
	assert.Equal(t, []Mark{three, two}, script.actions[1].asks)
	assert.Empty(t, script.actions[0].asks)

	for src, want := range map[string]string{
		"# asks: nothing\n" + client + "Romeo connects\n":                                     "a.scs:1: asks: expected",
		client + "# asks: nothing\nRomeo connects\n":                                          "a.scs:5: asks: expected",
		client + "Romeo connects\n# asks: choice: so\n":                                       "asks: stands above an action, not at the end of a file",
		client + "Romeo connects\n# asks: choice: so\n# include: testdata/include/none.scs\n": "asks: stands above an action, not before an include",
	} {
		_, err := Parse("a.scs", []byte(src))
		assert.ErrorContains(t, err, want, src)
	}
}

// A file that scripts share asks for nothing itself.
func TestMarksOfAnIncludedFile(t *testing.T) {
	for _, inner := range []string{"# asks: choice: so\n-----\nRomeo connects\n", "-----\n# asks: choice: so\nRomeo connects\n"} {
		files(t, map[string]string{"inner.scs": inner, "a.scs": romeo + "-----\n# include: inner.scs\nRomeo disconnects\n"})
		_, err := ParseFile("a.scs")
		assert.ErrorContains(t, err, "belongs in the script that includes this file")
	}
}
