package muc

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How the house is built: files and functions that can be read in one go, a doc
// comment on everything that a host sees, sealed sets that are complete.

const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

func shapeWalls() []wall {
	return []wall{
		{"files and functions are short", checkLengths, map[string]string{"sample.go": longFile, "sample_long.go": longFunctions}},
		{"the module imports little", checkModuleImports, map[string]string{"sample.go": moduleImportSample}},
		{"exported names have doc comments", checkDocs, map[string]string{"sample.go": docSample}},
		{"the set of events is complete", checkEvents, map[string]string{"sample.go": eventSample}},
		{"the set of commands is complete", checkCommands, map[string]string{"sample.go": commandSample}},
	}
}

func checkLengths(h *house) []breach {
	var list []breach
	for _, f := range slices.Concat(h.files, h.beside) {
		if n := h.fset.File(f.tree.Pos()).LineCount(); n > maxFileLines {
			list = append(list, breach{f.name, n, fmt.Sprintf("a file of %d lines", n)})
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				if lines := h.fset.Position(n.End()).Line - h.fset.Position(n.Pos()).Line + 1; lines > maxFunctionLines {
					list = append(list, h.breach(n, "a function of %d lines", lines))
				}
			}
			return true
		})
	}
	return list
}

var longFile = strings.Repeat("\n", maxFileLines-1) + "// breach\n"

var longFunctions = "func _() { // breach\n" + strings.Repeat("\n", maxFunctionLines-1) + "}\n" +
	"func _() {\n" + strings.Repeat("\n", maxFunctionLines-2) + "}\n" +
	"var _ = func() { // breach\n" + strings.Repeat("\n", maxFunctionLines-1) + "}\n"

// checkModuleImports looks at the whole module, tests and commands too.
func checkModuleImports(h *house) []breach {
	var list []breach
	for _, f := range slices.Concat(h.files, h.beside) {
		for _, spec := range f.tree.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			own := path == "github.com/gomuc/muc" || strings.HasPrefix(path, "github.com/gomuc/muc/")
			tests := strings.HasSuffix(f.name, "_test.go") || strings.HasPrefix(f.name, "scansion/")
			switch {
			case !strings.Contains(first, "."), own && f.tree.Name.Name != "muc", strings.HasPrefix(path, "golang.org/x/text/"),
				path == "github.com/beevik/etree", tests && strings.HasPrefix(path, "github.com/stretchr/testify/"):
			default:
				list = append(list, h.breach(spec, "the module does without %s", path))
			}
		}
	}
	return list
}

const moduleImportSample = `
import (
	_ "github.com/stretchr/testify/assert" // breach
	_ "golang.org/x/text/unicode/norm"
	_ "strings"
)
`

// checkDocs: the group of constants or variables may speak for its members.
func checkDocs(h *house) []breach {
	var list []breach
	missing := func(n *ast.Ident, docs ...*ast.CommentGroup) {
		if n.IsExported() && !slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return strings.TrimSpace(d.Text()) != "" }) {
			list = append(list, h.breach(n, "%s has no doc comment", n.Name))
		}
	}
	for _, f := range h.files {
		for _, d := range f.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || token.IsExported(receiverName(d)) {
					missing(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						docs := []*ast.CommentGroup{spec.Doc}
						if len(d.Specs) == 1 {
							docs = append(docs, d.Doc)
						}
						missing(spec.Name, docs...)
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							missing(name, d.Doc, spec.Doc, spec.Comment)
						}
					}
				}
			}
		}
	}
	return list
}

func receiverName(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

const docSample = `
func SampleBare() {} // breach

// SampleTold is told.
func SampleTold() {}

type SampleType struct{} // breach

func (SampleType) Method() {} // breach

type sampleOwn struct{}

func (sampleOwn) Method() {}

// A group tells nothing of the types in it.
type (
	SampleOne struct{} // breach
	// SampleTwo is told.
	SampleTwo struct{}
)

// The samples of something.
const (
	SampleA = iota
	SampleB
)

const SampleC = 1 + // breach
	1
`

var docLink = regexp.MustCompile(`\[\*?(\w+)\]`)

// listedIn are the types that a type's doc comment links to.
func (h *house) listedIn(name string) []string {
	var names []string
	for _, f := range h.files {
		for _, d := range f.tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == name {
					for _, m := range docLink.FindAllStringSubmatch(g.Doc.Text()+t.Doc.Text(), -1) {
						names = append(names, m[1])
					}
				}
			}
		}
	}
	return names
}

// implementing are the types that have a method, in the order of their names.
func (h *house) implementing(method string) []*types.TypeName {
	var list []*types.TypeName
	scope := h.pkg.Scope()
	for _, name := range scope.Names() {
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || types.IsInterface(tn.Type()) {
			continue
		}
		if obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(tn.Type()), true, h.pkg, method); obj != nil {
			list = append(list, tn)
		}
	}
	return list
}

// checkEvents: each body is made by newBodies, listed in Event's doc and known to
// applyBody.
func checkEvents(h *house) []breach {
	listed := h.listedIn("Event")
	made, applied := map[string]bool{}, map[string]bool{}
	h.each(nil, func(n ast.Node, stack []ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "new" && within(stack, "newBodies") {
				made[h.named(h.typeOf(n))] = true
			}
		case *ast.CaseClause:
			for _, e := range n.List {
				if within(stack, "applyBody") {
					applied[h.named(h.typeOf(e))] = true
				}
			}
		}
	})
	var list []breach
	for _, tn := range h.implementing("eventType") {
		name := tn.Name()
		pos := h.fset.Position(tn.Pos())
		missing := func(where string) {
			list = append(list, breach{pos.Filename, pos.Line, name + " is missing in " + where})
		}
		if !slices.Contains(listed, name) {
			missing("the doc comment of Event")
		}
		if !made[name] {
			missing("newBodies")
		}
		if !applied[name] {
			missing("applyBody")
		}
	}
	return list
}

// within reports whether the stack passes through the declaration of a name.
func within(stack []ast.Node, name string) bool {
	return slices.ContainsFunc(stack, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return n.Name.Name == name
		case *ast.ValueSpec:
			return n.Names[0].Name == name
		}
		return false
	})
}

const eventSample = `
type SampleHappened struct{} // breach

func (*SampleHappened) eventType() eventType { return eventType{} }
`

func checkCommands(h *house) []breach {
	listed := h.listedIn("Command")
	var list []breach
	for _, tn := range h.implementing("do") {
		if !slices.Contains(listed, tn.Name()) {
			pos := h.fset.Position(tn.Pos())
			list = append(list, breach{pos.Filename, pos.Line, tn.Name() + " is missing in the doc comment of Command"})
		}
	}
	return list
}

const commandSample = `
type SampleDo struct{} // breach

func (SampleDo) do(*turn) error { return nil }
`
