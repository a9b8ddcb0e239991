package scansion

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// broken is a value that no stanza holds.
const broken = "-broken"

// mutation breaks one thing in an expectation, and mends it again.
type mutation struct {
	what        string
	apply, undo func()
}

// mutations are all the ways to break one thing that an element names.
func mutations(n *node) []mutation {
	name := n.name
	all := []mutation{{
		"element " + name.Local,
		func() { n.name.Local += broken },
		func() { n.name = name },
	}}
	for i := range n.attrs {
		attr := n.attrs[i]
		if attr.Name == strictName {
			continue
		}
		all = append(all, mutation{
			"attribute " + attr.Name.Local + " of " + name.Local,
			func() {
				// A wildcard takes any value, but not any name.
				if isWild(attr.Value) {
					n.attrs[i].Name.Local += broken
				} else {
					n.attrs[i].Value += broken
				}
			},
			func() { n.attrs[i] = attr },
		})
	}
	for i, text := range n.texts {
		if text != "" && !isWild(text) {
			all = append(all, mutation{
				"text of " + name.Local,
				func() { n.texts[i] += broken },
				func() { n.texts[i] = text },
			})
		}
	}
	for _, kid := range n.kids {
		all = append(all, mutations(kid)...)
	}
	return all
}

func isWild(value string) bool { return mustTemplate(value).isWild() }

// breakEach breaks every stride-th thing that a script expects, one at a time,
// and asserts that the script then fails right there.
func breakEach(t *testing.T, name string, mode Mode, stride int) {
	script, err := ParseFile(name)
	require.NoError(t, err)
	options := Options{Mode: mode}
	if err := Play(script, options); err != nil {
		t.Skipf("it does not pass as it is: %v", err)
	}
	count := 0
	for _, a := range script.actions {
		if a.expect == nil {
			continue
		}
		for _, m := range mutations(a.expect) {
			count++
			if count%stride != 0 {
				continue
			}
			m.apply()
			err := Play(script, options)
			m.undo()
			var failure *Failure
			if assert.ErrorAs(t, err, &failure, "%s passes with a broken %s", a.seenFrom(name), m.what) {
				assert.Equal(t, a.seenFrom(""), fmt.Sprintf("%s:%d", failure.File, failure.Line), "%s", m.what)
			}
		}
	}
	require.NoError(t, Play(script, options), "each mutation has to be undone")
	t.Logf("%d things can be broken", count)
}

// Breaking any one expectation of our own scripts makes them fail. Each run
// takes a sample of them.
func TestOwnScriptsAreExact(t *testing.T) {
	const stride = 7
	breakDirectory(t, "testdata/pass", 1, Subset)
	if _, err := os.Stat("../testdata"); err == nil {
		breakDirectory(t, "../testdata", stride, Subset)
	}
}

// Breaking any one expectation of the foreign scripts makes them fail, in both
// modes that are meant for them.
func TestForeignScriptsAreChecked(t *testing.T) {
	directory := os.Getenv("MUC_SCRIPTS")
	if directory == "" {
		t.Skip("MUC_SCRIPTS names no directory of foreign scripts")
	}
	if _, err := os.Stat(directory); err != nil {
		// A relative name is meant from the root of the module.
		directory = filepath.Join("..", directory)
	}
	breakDirectory(t, directory, 1, Subset, Scansion)
}

func breakDirectory(t *testing.T, directory string, stride int, modes ...Mode) {
	files, err := Files(directory)
	require.NoError(t, err)
	for _, name := range files {
		for _, mode := range modes {
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) { breakEach(t, name, mode, stride) })
		}
	}
}
