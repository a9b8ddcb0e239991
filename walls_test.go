package muc

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The walls of the house are rules about the source itself, read off its syntax
// tree and types. Each wall comes with samples that breach it, in the lines
// marked "breach", so that no wall can stand without being able to fall.

// wall is one rule.
type wall struct {
	name  string
	check func(h *house) []breach
	// samples are files that are added to the package to see the wall work, by
	// file name.
	samples map[string]string
}

// breach is a place where a rule is broken.
type breach struct {
	file string
	line int
	why  string
}

func (b breach) String() string { return fmt.Sprintf("%s:%d: %s", b.file, b.line, b.why) }

func walls() []wall {
	return slices.Concat(stateWalls(), jidWalls(), xmlWalls(), coreWalls(), shapeWalls())
}

// house is the package's own code, without its tests, parsed and typed.
type house struct {
	fset  *token.FileSet
	files []*storey
	// beside are the tests, and the other packages of the module.
	beside []*storey
	info   *types.Info
	pkg    *types.Package
	decls  map[*types.Func]*ast.FuncDecl
	homes  map[*types.Func]string // the file that declares it
}

// storey is one file of the house.
type storey struct {
	name string
	tree *ast.File
}

// imports reads the packages that the room uses from their source, so that every
// type is known. They are read once.
var imports = sync.OnceValue(func() types.Importer {
	return importer.ForCompiler(token.NewFileSet(), "source", nil)
})

// enter reads the house, with more files if there are samples.
func enter(t *testing.T, samples map[string]string) *house {
	t.Helper()
	h := &house{fset: token.NewFileSet(), decls: map[*types.Func]*ast.FuncDecl{}, homes: map[*types.Func]string{}}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	sources := map[string]any{}
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			sources[name] = nil
		}
	}
	for name, src := range samples {
		if old, err := os.ReadFile(name); err == nil {
			src = string(old) + src // a sample behind a file of the house
		} else {
			src = "package muc\n" + src
		}
		sources[name] = src
	}
	var trees []*ast.File
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		tree, err := parser.ParseFile(h.fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		h.files = append(h.files, &storey{name, tree})
		trees = append(trees, tree)
	}
	h.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	conf := types.Config{Importer: imports()}
	h.pkg, err = conf.Check("github.com/gomuc/muc", h.fset, trees, h.info)
	require.NoError(t, err)
	h.lookAround(t)
	for _, f := range h.files {
		for _, d := range f.tree.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				if fn, ok := h.info.Defs[d.Name].(*types.Func); ok {
					h.decls[fn], h.homes[fn] = d, f.name
				}
			}
		}
	}
	return h
}

// lookAround parses what else is in the module.
func (h *house) lookAround(t *testing.T) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if path != "." && (err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" || path == d.Name() && !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(h.fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err == nil {
			h.beside = append(h.beside, &storey{path, tree})
		}
		return err
	}))
}

func (h *house) breach(n ast.Node, why string, args ...any) breach {
	pos := h.fset.Position(n.Pos())
	return breach{pos.Filename, pos.Line, fmt.Sprintf(why, args...)}
}

// file is where a node stands.
func (h *house) file(n ast.Node) string { return h.fset.Position(n.Pos()).Filename }

// each visits the nodes of all files but those named. The stack is what stands
// around a node, outermost first.
func (h *house) each(except []string, visit func(n ast.Node, stack []ast.Node)) {
	for _, f := range h.files {
		if slices.Contains(except, f.name) {
			continue
		}
		ast.PreorderStack(f.tree, nil, func(n ast.Node, stack []ast.Node) bool {
			visit(n, stack)
			return true
		})
	}
}

// typeOf is the type of an expression, invalid where there is none.
func (h *house) typeOf(e ast.Expr) types.Type {
	if t := h.info.TypeOf(e); t != nil {
		return t
	}
	return types.Typ[types.Invalid]
}

// named is the name of a type of the room, without pointer; empty for others.
func (h *house) named(t types.Type) string {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() != h.pkg {
		return ""
	}
	return n.Obj().Name()
}

// callee is the function or method that a call names, nil for a function value.
func (h *house) callee(call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	if x, ok := fun.(*ast.IndexExpr); ok {
		fun = x.X
	}
	switch f := fun.(type) {
	case *ast.Ident:
		fn, _ := h.info.Uses[f].(*types.Func)
		return origin(fn)
	case *ast.SelectorExpr:
		fn, _ := h.info.Uses[f.Sel].(*types.Func)
		return origin(fn)
	}
	return nil
}

// origin is the generic function behind an instance.
func origin(fn *types.Func) *types.Func {
	if fn == nil {
		return nil
	}
	return fn.Origin()
}

// calls reports whether a function is the method of a type of the room.
func (h *house) isMethod(fn *types.Func, receiver, name string) bool {
	if fn == nil || fn.Name() != name {
		return false
	}
	recv := fn.Signature().Recv()
	return recv != nil && h.named(recv.Type()) == receiver
}

func TestWalls(t *testing.T) {
	h := enter(t, nil)
	for _, w := range walls() {
		t.Run(w.name, func(t *testing.T) {
			for _, b := range w.check(h) {
				t.Error(b)
			}
		})
	}
}

var marked = regexp.MustCompile(`// breach\b`)

// TestWallsFall breaches every wall. All samples are built into one house, each
// under a name of its own.
func TestWallsFall(t *testing.T) {
	all := map[string]string{}
	own := map[string]int{} // whose sample a file is
	for i, w := range walls() {
		require.NotEmpty(t, w.samples, "%s: a wall that nobody has seen fall", w.name)
		for name, src := range w.samples {
			name = strings.Replace(name, "sample", fmt.Sprintf("sample%d", i), 1)
			require.NotContains(t, all, name)
			all[name], own[name] = src, i
		}
	}
	h := enter(t, all)
	for i, w := range walls() {
		t.Run(w.name, func(t *testing.T) {
			isOwn := func(file string) bool {
				of, sample := own[file]
				return sample && of == i
			}
			var want, got []string
			for _, f := range h.files {
				if isOwn(f.name) {
					want = append(want, h.marks(f)...)
				}
			}
			require.NotEmpty(t, want, "no sample marks a breach")
			for _, b := range w.check(h) {
				if isOwn(b.file) {
					got = append(got, fmt.Sprintf("%s:%d", b.file, b.line))
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			assert.Equal(t, want, slices.Compact(got))
		})
	}
}

// marks are the lines of a sample that say they are a breach.
func (h *house) marks(f *storey) []string {
	var list []string
	for _, group := range f.tree.Comments {
		for _, c := range group.List {
			if marked.MatchString(c.Text) {
				list = append(list, fmt.Sprintf("%s:%d", f.name, h.fset.Position(c.Pos()).Line))
			}
		}
	}
	return list
}
