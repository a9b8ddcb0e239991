package scansion

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// files writes files to a directory and goes there.
func files(t *testing.T, all map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, src := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(src), 0o644))
	}
	t.Chdir(dir)
}

const romeo = "[Client] Romeo\n\tjid: romeo@example.org\n"

// Whether actions are included or written down makes no difference for the trace,
// and clients that several files have are one.
func TestIncludeIsAsWritten(t *testing.T) {
	const (
		connects = "# Romeo comes first.\nRomeo connects\n"
		sends    = "# To himself.\nRomeo sends:\n\t<message to=\"${Romeo's JID}\" id='1'/>\n"
		receives = "Romeo receives:\n\t<message id='{scansion:capture:ID}'/>\n"
		again    = "Romeo sends:\n\t<message to=\"${Romeo's JID}\" id='${ID}-2'/>\n"
	)
	files(t, map[string]string{
		"all.scs":          "# title: T\n" + romeo + "-----\n" + connects + sends + receives + again,
		"part/deep.scs":    romeo + "-----\n" + connects,
		"part/top.scs":     "# title: not this one\n# include: deep.scs\n",
		"part/between.scs": "-----\nRomeo sends:\n\t<message to=\"${Romeo's JID}\" id='1'/>\n\n" + receives,
		"sub/some.scs": "# title: T\n# include: ../part/top.scs\n" + romeo + "-----\n" +
			"# To himself.\n# include: ../part/between.scs\n" + again,
	})
	trace := func(name string) (*Script, string) {
		script, err := ParseFile(name)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, Play(script, Options{Trace: &b, CheckReplay: true}))
		_, after, _ := strings.Cut(b.String(), "\n")
		return script, after
	}
	all, want := trace("all.scs")
	some, got := trace("sub/some.scs")
	assert.Equal(t, want, got)
	assert.Equal(t, all.Clients, some.Clients)
	assert.Equal(t, "T", some.Title)
	assert.Equal(t, []Header{{"title", "T", 1}, {"include", "../part/top.scs", 2}}, some.Headers)
	names, err := Files(".")
	require.NoError(t, err)
	assert.Equal(t, []string{"all.scs", "part/between.scs", "part/deep.scs", "part/top.scs", "sub/some.scs"}, names)
}

// What is wrong in an included file is told with its name and line, and with the
// place that includes it.
func TestIncludeSyntaxErrors(t *testing.T) {
	main := func(include string) string { return "# include: " + include + "\n" + romeo + "-----\nRomeo connects\n" }
	all := map[string]string{
		"action.scs": main("p/action.scs"), "p/action.scs": romeo + "-----\nRomeo dances\n",
		"deep.scs": main("p/deep.scs"), "p/deep.scs": "# one\n# include: deeper.scs\n", "p/deeper.scs": romeo + "-----\n\tstray\n",
		"match.scs": main("p/match.scs"), "p/match.scs": "# match: exact\n",
		"config.scs": main("p/config.scs"), "p/config.scs": "# title: a\n# config: instant=true\n",
		"jid.scs": main("p/jid.scs"), "p/jid.scs": "\n[Client] A\n",
		"same.scs": main("p/same.scs"), "p/same.scs": "[Client] A\n\tjid: romeo@example.org/romeo\n",
		"utf8.scs": main("p/utf8.scs"), "p/utf8.scs": "\n\xff",
		"three.scs": main("p/3.scs"), "p/3.scs": "# include: 2.scs\n", "p/2.scs": "# include: 1.scs\n", "p/1.scs": romeo,
		"cycle.scs": main("p/a.scs"), "p/a.scs": "-----\n# include: b.scs\n", "p/b.scs": "-----\n# include: ../p/a.scs\n",
		"reference.scs": main("p/reference.scs"), "p/reference.scs": "[Client] A\n\tjid: a@example.org\n-----\nA sends:\n\t<message to=\"${Romeo's JID}\"/>\n",
		"folder.scs": main("p/folder.scs"), "p/folder.scs/x": "",
		"big.scs": main("p/big.scs"), "p/big.scs": strings.Repeat("# more\n", maxIncludeBytes/7+1),
		"many.scs": romeo + "-----\n" + strings.Repeat("# include: p/one.scs\n", maxIncludes+1), "p/one.scs": "-----\nRomeo connects\n",
		"nothing.scs": "# include: p/nobody.scs\n-----\n", "p/nobody.scs": romeo,
		"nobody.scs": "# include: p/none.scs\n-----\nRomeo connects\n", "p/none.scs": "# title: nobody\n",
		"no_lines.scs": "# include: p/nobody.scs\n",
	}
	files(t, all)
	for name, said := range map[string]string{
		"action.scs":    `p/action.scs:4: not an action: "Romeo dances" (included at action.scs:1)`,
		"deep.scs":      `p/deeper.scs:4: an indented line that belongs to no action (included at deep.scs:1)`,
		"match.scs":     `p/match.scs:1: a header line match belongs in the script that includes this file (included at match.scs:1)`,
		"config.scs":    `p/config.scs:2: a header line config belongs in the script that includes this file (included at config.scs:1)`,
		"jid.scs":       `p/jid.scs:2: client A has no jid (included at jid.scs:1)`,
		"same.scs":      `same.scs:2: clients A and Romeo have the same JID romeo@example.org/romeo`,
		"utf8.scs":      `p/utf8.scs:2: not UTF-8 (included at utf8.scs:1)`,
		"three.scs":     `p/2.scs:1: include: an included file is at most 2 deep (included at three.scs:1)`,
		"cycle.scs":     `p/b.scs:2: include: p/a.scs would include itself (included at cycle.scs:1)`,
		"reference.scs": `p/reference.scs:5: ${Romeo's JID} is not known: neither a client's JID or full JID nor captured above (included at reference.scs:1)`,
		"folder.scs":    `folder.scs:1: include: p/folder.scs is not a file`,
		"big.scs":       `big.scs:1: include: p/big.scs has more than 1048576 bytes`,
		"many.scs":      `many.scs:104: include: a script includes at most 100 files`,
		"nothing.scs":   `nothing.scs:3: a script without actions`,
		"nobody.scs":    `nobody.scs:2: a script needs a [Client]`,
		"no_lines.scs":  `no_lines.scs:2: no line ----- between the clients and the actions`,
	} {
		_, err := ParseFile(name)
		var syntax *SyntaxError
		if assert.ErrorAs(t, err, &syntax, name) {
			assert.Equal(t, said, filepath.ToSlash(err.Error()))
		}
	}
}

// An expectation of an included file fails in that file, and what is an effect of
// its actions says so.
func TestIncludeFailures(t *testing.T) {
	const mail = "Romeo sends:\n\t<message to=\"${Romeo's JID}\" id='1'/>\n"
	files(t, map[string]string{
		"p/wrong.scs":    romeo + "-----\nRomeo connects\n" + mail + "Romeo receives:\n\t<message id='2'/>\n",
		"p/sends.scs":    romeo + "-----\nRomeo connects\n" + mail,
		"inside.scs":     "# include: p/wrong.scs\n-----\n",
		"outside.scs":    "# include: p/sends.scs\n-----\nRomeo receives:\n\t<message id='2'/>\n",
		"left.scs":       "# match: ordered\n# include: p/sends.scs\n-----\n",
		"passed.scs":     "# include: p/twice.scs\n-----\nRomeo receives:\n\t<message id='1'/>\n",
		"p/twice.scs":    "# include: sends.scs\n-----\nRomeo sends:\n\t<message to=\"${Romeo's JID}\" id='2'/>\nRomeo receives:\n\t<message id='2'/>\n",
		"p/connects.scs": "-----\nRomeo connects\n",
		"connected.scs":  "# include: p/sends.scs\n-----\n\n# include: p/connects.scs\n",
	})
	for name, said := range map[string][]string{
		"inside.scs":    {"p/wrong.scs:7: Romeo receives: the only stanza that came is not as expected (included at inside.scs:1)\n", "(an effect of line 5)"},
		"outside.scs":   {"outside.scs:3: Romeo receives: the only stanza that came is not as expected\n", "(an effect of p/sends.scs:5)"},
		"left.scs":      {"p/sends.scs:5: at the end of the script: nobody expected what Romeo got (included at left.scs:2)\n", "(an effect of line 5)"},
		"passed.scs":    {"passed.scs:3: Romeo receives: nothing came; it had come, but p/twice.scs:5 went past it\n"},
		"connected.scs": {"p/connects.scs:2: Romeo connects: Romeo is connected already (included at connected.scs:4)"},
	} {
		script, err := ParseFile(name)
		require.NoError(t, err, name)
		err = Play(script, Options{})
		var failure *Failure
		require.ErrorAs(t, err, &failure, name)
		for _, part := range said {
			assert.Contains(t, filepath.ToSlash(err.Error())+"\n", part)
		}
		assert.True(t, strings.HasPrefix(filepath.ToSlash(err.Error())+"\n", said[0]), "%v", err)
	}
}

// Folders called prelude are for others to include; named themselves, they are
// directories of scripts like all others.
func TestFilesOfPreludes(t *testing.T) {
	files(t, map[string]string{"a/prelude/p.scs": "", "a/b.scs": "", "prelude.scs": ""})
	for at, want := range map[string][]string{
		".": {"a/b.scs", "prelude.scs"}, "a": {"a/b.scs"}, "a/prelude": {"a/prelude/p.scs"}, "a/prelude/p.scs": {"a/prelude/p.scs"},
	} {
		got, err := Files(filepath.FromSlash(at))
		require.NoError(t, err)
		for i := range got {
			got[i] = filepath.ToSlash(got[i])
		}
		assert.Equal(t, want, got, at)
	}
}
