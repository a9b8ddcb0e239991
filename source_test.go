package muc_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module is what paths of the core begin with.
const module = "github.com/gomuc/muc"

// corePackages are the packages of the core, each with those of the core that it may
// import: arrows point downward only.
var corePackages = []struct {
	dir     string
	imports []string
}{
	{"internal/ns", nil},
	{"internal/xmlwire", []string{"internal/ns"}},
	{"jid", []string{"internal/xmlwire"}},
	{"stanza", []string{"internal/ns", "internal/xmlwire"}},
	{"internal/splice", []string{"internal/xmlwire", "jid"}},
	{"internal/form", []string{"internal/ns", "internal/xmlwire", "stanza"}},
	{"internal/stanzaerror", []string{"stanza"}},
	{"internal/rsm", []string{"internal/ns", "internal/xmlwire", "stanza"}},
	{"internal/adhoc", []string{"internal/form", "internal/ns", "internal/xmlwire", "stanza"}},
	{"event", []string{"internal/ns", "internal/xmlwire", "jid", "stanza"}},
	{"internal/roomconfig", []string{"event", "internal/form", "internal/ns", "internal/xmlwire"}},
	{"internal/state", []string{"event", "internal/form", "internal/roomconfig", "internal/splice", "internal/xmlwire", "jid", "stanza"}},
	{"policy", []string{"event", "jid", "stanza"}},
	{".", []string{"event", "internal/adhoc", "internal/form", "internal/ns", "internal/roomconfig", "internal/rsm", "internal/splice", "internal/stanzaerror", "internal/state", "internal/xmlwire", "jid", "policy", "stanza"}},
}

// pureImports are what the core may use of Go and of others: nothing that reads a clock
// or a die, waits, or reaches out of the process.
var pureImports = []string{
	"bytes", "cmp", "container/heap", "crypto/hmac", "crypto/sha1", "crypto/sha256", "crypto/subtle", "encoding/base32", "encoding/base64", "encoding/binary",
	"encoding/hex", "encoding/json", "encoding/xml", "errors", "fmt", "hash", "io", "iter", "log/slog", "maps", "math", "net/url", "reflect",
	"slices", "strconv", "strings", "time", "unicode", "unicode/utf8",
	"github.com/beevik/etree", "golang.org/x/text/secure/precis", "golang.org/x/text/unicode/norm",
}

const longestFunction = 80 // lines: what fits on a screen

// sourceRule is something that the source of the core must not hold, which the compiler
// does not see. It reports each place.
type sourceRule struct {
	name  string
	check func(p *sourcePackage, report func(token.Pos, string))
	// bad is code that breaks it.
	bad string
}

type sourcePackage struct {
	dir     string
	imports []string
	files   []*ast.File
	info    *types.Info
	fset    *token.FileSet
}

var sourceRules = []sourceRule{
	{"arrows between packages point downward", checkImports, `package p; import _ "github.com/gomuc/muc/service"`},
	{"the core is pure", checkImports, `package p; import _ "sync"`},
	{"no clock", checkClock, `package p; import "time"; var now = time.Now()`},
	{"no goroutine", checkGoroutines, `package p; func f() { go f() }`},
	{"maps are ranged in one helper", checkMaps, `package p; func f(m map[int]int) { for range m {} }`},
	{"functions fit on a screen", checkLength, "package p; func f() {" + strings.Repeat("\n", longestFunction) + "}"},
	{"real JIDs become text where visibility is decided", checkRealJIDs,
		`package p; type T struct{}; func (T) FrontJID() J { return J{} }; type J struct{}; func (J) String() string { return "" }; var s = T{}.FrontJID().String()`},
}

func checkImports(p *sourcePackage, report func(token.Pos, string)) {
	for _, f := range p.files {
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if own, ok := strings.CutPrefix(path, module+"/"); ok && slices.Contains(p.imports, own) || slices.Contains(pureImports, path) {
				continue
			}
			report(i.Pos(), "imports "+path)
		}
	}
}

func checkClock(p *sourcePackage, report func(token.Pos, string)) {
	for id, obj := range p.info.Uses {
		if f, ok := obj.(*types.Func); ok && f.Pkg() != nil && f.Pkg().Path() == "time" &&
			slices.Contains([]string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}, f.Name()) &&
			f.Signature().Recv() == nil {
			report(id.Pos(), "time."+f.Name())
		}
	}
}

func checkGoroutines(p *sourcePackage, report func(token.Pos, string)) {
	p.inspect(func(_ *ast.FuncDecl, n ast.Node) {
		switch n.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			report(n.Pos(), "a goroutine or channel")
		}
	})
}

// mapRangers may range over a map: they sort, or order does not matter.
var mapRangers = []string{"newTokens"}

func checkMaps(p *sourcePackage, report func(token.Pos, string)) {
	p.inspect(func(f *ast.FuncDecl, n ast.Node) {
		r, ok := n.(*ast.RangeStmt)
		if !ok || f != nil && slices.Contains(mapRangers, f.Name.Name) {
			return
		}
		if _, ok := p.info.TypeOf(r.X).Underlying().(*types.Map); ok {
			report(n.Pos(), "ranges over a map")
		}
	})
}

func checkLength(p *sourcePackage, report func(token.Pos, string)) {
	p.inspect(func(_ *ast.FuncDecl, n ast.Node) {
		if f, ok := n.(*ast.FuncDecl); ok && f.Body != nil {
			if lines := p.fset.Position(f.End()).Line - p.fset.Position(f.Pos()).Line + 1; lines > longestFunction {
				report(f.Pos(), fmt.Sprintf("%s has %d lines", f.Name.Name, lines))
			}
		}
	})
}

// visibilityFiles decide who sees a real JID, or keep people by it.
var visibilityFiles = []string{"visibility.go", "veil.go", "people.go", "occupants.go", "rates.go"}

// realAddresses are the methods of what a room remembers that return a real JID.
var realAddresses = []string{"JID", "Address", "FrontJID"}

func checkRealJIDs(p *sourcePackage, report func(token.Pos, string)) {
	real := func(x ast.Expr) bool {
		call, ok := x.(*ast.CallExpr)
		if !ok {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		return ok && slices.Contains(realAddresses, sel.Sel.Name)
	}
	p.inspect(func(_ *ast.FuncDecl, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || slices.Contains(visibilityFiles, filepath.Base(p.fset.Position(n.Pos()).Filename)) {
			return
		}
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			if (f.Sel.Name == "String" || f.Sel.Name == "AppendEscaped") && real(f.X) {
				report(n.Pos(), "a real JID as text")
			}
		case *ast.Ident:
			if f.Name == "address" && len(call.Args) == 3 && real(call.Args[2]) {
				report(n.Pos(), "a real JID in a stanza")
			}
		}
	})
}

// inspect walks all code, with the function that it stands in.
func (p *sourcePackage) inspect(visit func(*ast.FuncDecl, ast.Node)) {
	for _, file := range p.files {
		for _, d := range file.Decls {
			f, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				if n != nil {
					visit(f, n)
				}
				return true
			})
		}
	}
}

// sources reads what is imported, once for all tests: that takes much longer than the rules.
var sources = sync.OnceValues(func() (*token.FileSet, types.Importer) {
	fset := token.NewFileSet()
	return fset, importer.ForCompiler(fset, "source", nil)
})

// TestSource holds the source of the core to the rules.
func TestSource(t *testing.T) {
	fset, from := sources()
	for _, c := range corePackages {
		p := &sourcePackage{dir: c.dir, imports: c.imports, fset: fset}
		files, err := filepath.Glob(filepath.Join(c.dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				text, err := os.ReadFile(name)
				require.NoError(t, err)
				p.add(t, name, string(text))
			}
		}
		p.resolve(t, from)
		for _, r := range sourceRules {
			r.check(p, func(at token.Pos, what string) { assert.Fail(t, r.name, "%s: %s", fset.Position(at), what) })
		}
	}
}

// TestSourceRules: each rule is broken by its sample.
func TestSourceRules(t *testing.T) {
	fset, from := sources()
	for _, r := range sourceRules {
		p := &sourcePackage{fset: fset}
		p.add(t, "sample.go", r.bad)
		p.resolve(t, from)
		found := 0
		r.check(p, func(token.Pos, string) { found++ })
		assert.Positive(t, found, r.name)
	}
}

func (p *sourcePackage) add(t *testing.T, name, text string) {
	f, err := parser.ParseFile(p.fset, name, text, parser.SkipObjectResolution)
	require.NoError(t, err)
	p.files = append(p.files, f)
}

// resolve finds out what names mean, as far as that is known: a sample may import what
// is not there.
func (p *sourcePackage) resolve(t *testing.T, from types.Importer) {
	p.info = &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: from, Error: func(error) {}}
	_, _ = conf.Check(p.dir, p.fset, p.files, p.info)
	require.NotEmpty(t, p.files)
}
