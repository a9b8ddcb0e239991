package scansion

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// The scripts in testdata/pass show each feature of the language at work.
func TestPass(t *testing.T) { Run(t, muc.Config{}, "testdata/pass") }

// The scripts in testdata/fail are wrong, and say what the failure has to say.
func TestFail(t *testing.T) {
	files, err := Files("testdata/fail")
	require.NoError(t, err)
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			script, err := ParseFile(name)
			require.NoError(t, err)
			said := script.Header("fails")
			require.NotEmpty(t, said, "a header line has to say how it fails")
			err = Play(script, Options{CheckReplay: true})
			var failure *Failure
			require.ErrorAs(t, err, &failure)
			assert.Contains(t, err.Error(), said)
			assert.True(t, strings.HasPrefix(err.Error(), name+":"), "the line comes first")
			assert.Equal(t, script.lineOf(failure.Action), failure.Line)
		})
	}
}

// lineOf is the last line with an action of that text, and otherwise the one
// whose effect was left over, which in these scripts is the last as well.
func (s *Script) lineOf(text string) int {
	for i := len(s.actions) - 1; i >= 0; i-- {
		if s.actions[i].text == text {
			return s.actions[i].line
		}
	}
	return s.actions[len(s.actions)-1].line
}

// The mode of the options is for scripts that do not choose their own.
func TestModeOfOptions(t *testing.T) {
	const rest = `
[Client] Romeo
	jid: romeo@example.org
-----
Romeo connects
Romeo sends:
	<message to="${Romeo's JID}" id='1'/>
Romeo receives:
	<message id='1'/>
`
	own, err := Parse("own.scs", []byte("# match: subset"+rest))
	require.NoError(t, err)
	open, err := Parse("open.scs", []byte(rest))
	require.NoError(t, err)
	assert.NoError(t, Play(own, Options{Mode: Exact}))
	assert.NoError(t, Play(open, Options{Mode: Scansion}))
	assert.ErrorContains(t, Play(open, Options{Mode: Exact}), "attribute from: expected none")
}

// Hosts bring their own commands and settings.
func TestOwnCommandsAndSettings(t *testing.T) {
	script, err := Parse("own.scs", []byte(`# config: colour = red
[Client] Romeo
	jid: romeo@example.org
-----
Romeo connects
host: greet whom="${Romeo's JID}" times='2'
`))
	require.NoError(t, err)
	var colour string
	var args map[string]string
	options := Options{
		Settings: map[string]Setting{"colour": func(_ *muc.Config, value string) error {
			colour = value
			return nil
		}},
		Commands: map[string]Command{"greet": func(a map[string]string) (muc.Command, error) {
			args = a
			return nil, errors.New("nobody is there")
		}},
	}
	err = Play(script, options)
	assert.EqualError(t, err, `own.scs:6: host: greet whom="${Romeo's JID}" times='2': nobody is there`)
	assert.Equal(t, "red", colour)
	assert.Equal(t, map[string]string{"whom": "romeo@example.org", "times": "2"}, args)
}

// A script can be played again and again, and each time the trace is the same.
func TestPlayAgain(t *testing.T) {
	script, err := ParseFile("testdata/pass/capture.scs")
	require.NoError(t, err)
	var first, second bytes.Buffer
	require.NoError(t, Play(script, Options{Trace: &first}))
	require.NoError(t, Play(script, Options{Trace: &second}))
	assert.Equal(t, first.String(), second.String())
	assert.Contains(t, first.String(), "A capture can be sent")
	assert.Contains(t, first.String(), "\n# Captured again, a name means the new value")
	assert.Contains(t, first.String(), "\n00:00:03 Romeo sends:\n    <message to='juliet@example.org/balcony' id='a1'>\n")
	assert.Contains(t, first.String(), "\n  -> Juliet\n")
}

// The script in the package documentation passes.
func TestDocumentation(t *testing.T) {
	src, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, doc, _ := strings.Cut(string(src), "// # A script\n")
	doc, _, found := strings.Cut(doc, "\n// Lines that begin")
	require.True(t, found)
	var lines []string
	for line := range strings.Lines(doc) {
		line, _ = strings.CutPrefix(line, "//")
		lines = append(lines, strings.TrimPrefix(line, "\t"))
	}
	script, err := Parse("doc.go", []byte(strings.Join(lines, "")))
	require.NoError(t, err)
	assert.Equal(t, "A room greets its creator", script.Title)
	assert.NoError(t, Play(script, Options{CheckReplay: true}))
}

func TestFiles(t *testing.T) {
	files, err := Files("testdata/pass/time.scs", "testdata/pass")
	require.NoError(t, err)
	assert.Equal(t, "testdata/pass/time.scs", files[0])
	assert.IsIncreasing(t, files[1:])
	_, err = Files("testdata/missing")
	assert.Error(t, err)
	_, err = Files(t.TempDir())
	assert.ErrorContains(t, err, "no script")
}
