package muctest

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// notes is a test that notes its failures.
type notes struct {
	testing.TB
	failures []string
}

func (n *notes) Errorf(format string, args ...any) {
	n.failures = append(n.failures, fmt.Sprintf(format, args...))
}

// A room that refuses something and does it all the same, which ours does not, is
// found out.
func TestRefusedButDone(t *testing.T) {
	done := muc.Effects{Refused: stanza.NewError(stanza.Forbidden, "", ""), Durable: []event.Event{{Body: &event.Unlocked{}}}}
	n := &notes{TB: t}
	r := New(n, muc.Config{})
	r.act(done, nil)
	r.IsRefused(stanza.Forbidden)
	failed := errors.New("no")
	r.refuses(failed, []muc.Command{muc.Shutdown{}}, func(muc.Command) (muc.Effects, error) { return done, failed })
	require.Len(t, n.failures, 2)
	for _, f := range n.failures {
		assert.Contains(t, f, "and yet something happened")
	}
}

// To test with this package needs nothing that the library itself does not need.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			first, _, _ := strings.Cut(path, "/")
			own := path == "github.com/gomuc/muc" || strings.HasPrefix(path, "github.com/gomuc/muc/")
			assert.True(t, own || path == "github.com/beevik/etree" || !strings.Contains(first, "."), "%s imports %s", name, path)
		}
	}
}
