package scansion

import (
	"encoding/xml"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const parsed = `# MUC: a title
# match: exact
# rows: C12, C13
# not a header
# config: a=1
#
# config: b = 2
# empty:

# section: 7.2.5
[Client] Romeo Montague
	jid: romeo@example.org
	password: secret
# section: of no header, because a client stands above

[Client] Juliet
	jid: Juliet@Example.org/Balcony

-----

# One
# two
Romeo Montague connects

# Lines may end in blanks, and in CR LF.
Juliet receives:  ` + "\r" + `

	<message>

		<body>One
		two</body>
	</message>
# Three

Juliet receives: nothing
time passes: 1h30m
host: dance partner="${Juliet's JID}" times='2'
host at cellar@rooms.example: stop
Romeo Montague disconnects`

func TestParse(t *testing.T) {
	s, err := Parse("file.scs", []byte("\ufeff"+parsed))
	require.NoError(t, err)
	assert.Equal(t, "file.scs", s.Name)
	assert.Equal(t, "MUC: a title", s.Title)
	assert.Equal(t, []Header{
		{"match", "exact", 2}, {"rows", "C12, C13", 3}, {"config", "a=1", 5},
		{"config", "b = 2", 7}, {"empty", "", 8}, {"section", "7.2.5", 10},
	}, s.Headers)
	assert.Equal(t, "7.2.5", s.Header("section"))
	assert.Equal(t, []string{"a=1", "b = 2"}, s.HeaderAll("config"))
	assert.Empty(t, s.Header("none"))
	mode, ok := s.Mode()
	assert.True(t, ok)
	assert.Equal(t, Exact, mode)

	require.Len(t, s.Clients, 2)
	assert.Equal(t, "Romeo Montague", s.Clients[0].Name)
	assert.Equal(t, "romeo@example.org/romeo montague", s.Clients[0].JID.String())
	assert.Equal(t, "secret", s.Clients[0].Password)
	assert.Equal(t, "juliet@example.org/Balcony", s.Clients[1].JID.String())

	require.Len(t, s.actions, 7)
	lines := []int{23, 26, 35, 36, 37, 38, 39}
	verbs := []verb{verbConnects, verbReceives, verbReceivesNothing, verbTimePasses, verbHost, verbHost, verbDisconnects}
	for i, a := range s.actions {
		assert.Equal(t, lines[i], a.line, a.text)
		assert.Equal(t, verbs[i], a.verb, a.text)
	}
	assert.Equal(t, []string{"One", "two"}, s.actions[0].comment)
	assert.Equal(t, "One\n\ttwo", s.actions[1].expect.kids[0].text())
	assert.Equal(t, []string{"Three"}, s.actions[2].comment)
	assert.Equal(t, 90*time.Minute, s.actions[3].pause)
	assert.Equal(t, "dance", s.actions[4].command)
	assert.Equal(t, []xml.Attr{
		{Name: xml.Name{Local: "partner"}, Value: "${Juliet's JID}"}, {Name: xml.Name{Local: "times"}, Value: "2"},
	}, s.actions[4].args)
	assert.True(t, s.actions[4].room.IsZero())
	assert.Equal(t, "stop", s.actions[5].command)
	assert.Equal(t, "cellar@rooms.example", s.actions[5].room.String())
}

func TestTitle(t *testing.T) {
	const rest = "[Client] A\n\tjid: a@b\n-----\nA connects\n"
	for src, title := range map[string]string{
		"# MUC: first line\n":                  "MUC: first line",
		"# first line\n# title: the header\n":  "the header",
		"# match: exact\n# not the first\n":    "",
		"\n# after a blank line\n":             "after a blank line",
		"# rows: C1\n# title: after another\n": "after another",
	} {
		s, err := Parse("", []byte(src+rest))
		require.NoError(t, err)
		assert.Equal(t, title, s.Title, src)
		_, chosen := s.Mode()
		assert.Equal(t, strings.Contains(src, "match"), chosen)
	}
}

// Each script in testdata/syntax says in its first line what is wrong with it.
func TestSyntaxErrors(t *testing.T) {
	files, err := Files("testdata/syntax")
	require.NoError(t, err)
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(name)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(src), "\n")
			said, ok := strings.CutPrefix(first, "# fails: ")
			require.True(t, ok, "the first line has to say how it fails")
			script, err := Parse(name, src)
			if err == nil {
				// What a setting is, only those who play the script know.
				err = Play(script, Options{})
			}
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			assert.True(t, strings.HasPrefix(err.Error(), name+":"+said), "got %v", err)
		})
	}
}

func FuzzParse(f *testing.F) {
	files, err := Files("testdata")
	require.NoError(f, err)
	for _, name := range files {
		src, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(src)
	}
	f.Add([]byte(parsed))
	f.Fuzz(func(t *testing.T, src []byte) {
		script, err := Parse("fuzz.scs", src)
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Positive(t, syntax.Line)
			return
		}
		for _, a := range script.actions {
			if a.expect == nil {
				continue
			}
			_ = a.expect.format("  ")
			v := matcher{Exact, vars{}}.stanza(a.expect, a.expect)
			if src := a.expect.format(""); !strings.ContainsAny(src, "{") && !strings.Contains(src, "scansion:") {
				require.True(t, v.matches(), "a stanza without wildcards has to match itself: %v", v.differences)
			}
		}
	})
}
