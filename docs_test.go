package muc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documents are those that people write, with parts that the code prints.
var documents = []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/tables.md", "docs/embedding.md", "docs/testing.md",
	"docs/service.md", "docs/events.md", "docs/reliability.md", "docs/performance.md"}

// printedPart is a part of a document that is printed: all from the line with its
// name to the line that ends it.
var printedPart = regexp.MustCompile(`(?s)<!-- printed: ([^\n]*) -->\n.*?<!-- end -->`)

// TestDocs keeps documents true: code in them is that of the examples, tables are
// those of the code. To write them again:
//
//	go test -run TestDocs -update .
func TestDocs(t *testing.T) {
	for _, file := range documents {
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		want := printedPart.ReplaceAllStringFunc(string(have), func(part string) string {
			name := printedPart.FindStringSubmatch(part)[1]
			return "<!-- printed: " + name + " -->\n" + printed(t, name) + "<!-- end -->"
		})
		if *Update {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
			continue
		}
		assert.Equal(t, want, string(have), "%s is stale: go test -run TestDocs -update .", file)
	}
}

func printed(t *testing.T, name string) string {
	if code, ok := strings.CutPrefix(name, "code "); ok {
		return "```go\n" + exampleCode(t, code) + "```\n"
	}
	table, ok := printedTables[name]
	if !ok {
		table, ok = printedFormats[name]
	}
	require.True(t, ok, "nothing prints %q", name)
	return table()
}

// exampleCode is the body of an example, or a whole declaration beside the
// examples: of the room, or of a package whose folder stands before the name.
func exampleCode(t *testing.T, name string) string {
	folder, name := filepath.Split(name)
	files, err := filepath.Glob(folder + "example*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, file, src, parser.ParseComments)
		require.NoError(t, err)
		text := func(from, to token.Pos) string {
			return string(src[fset.Position(from).Offset:fset.Position(to).Offset])
		}
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == name && strings.HasPrefix(name, "Example") {
					return exampleBody(text(d.Body.Lbrace+1, d.Body.Rbrace))
				}
				if d.Name.Name == name {
					return text(d.Pos(), d.End()) + "\n"
				}
			case *ast.GenDecl:
				if s, ok := d.Specs[0].(*ast.TypeSpec); ok && s.Name.Name == name {
					return text(d.Pos(), d.End()) + "\n"
				}
			}
		}
	}
	require.Fail(t, "no such example", name)
	return ""
}

func exampleBody(body string) string {
	body, _, _ = strings.Cut(body, "\t// Output:")
	body, _, _ = strings.Cut(body, "\t// Unordered output:")
	return strings.ReplaceAll(strings.TrimSpace(body), "\n\t", "\n") + "\n"
}

var namedFile = regexp.MustCompile("`([a-zA-Z_./-]+\\.(?:go|md|scs|tsv))`")

// TestDocsNameFiles holds documents to naming files that are there.
func TestDocsNameFiles(t *testing.T) {
	for _, file := range documents {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range namedFile.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(m[1])
			assert.NoError(t, err, "named in %s", file)
		}
	}
}

var (
	relativeLink = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	namedTest    = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z]*)`")
	testFunction = regexp.MustCompile(`(?m)^func (\w+)\(`)
	noAnchor     = regexp.MustCompile(`[^\pL\pN _-]`)
)

// TestDocsLead holds every document of the checkout, those of its other modules too, to what it leads to: files, headings
// in them, and tests.
func TestDocsLead(t *testing.T) {
	texts, tests := map[string]string{}, map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if texts[path] = string(text); strings.HasSuffix(path, ".go") {
			for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
		}
		return err
	}))
	for path, text := range texts {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		for _, m := range relativeLink.FindAllStringSubmatch(text, -1) {
			to := path
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(path), m[1])
			}
			_, err := os.Stat(to)
			assert.NoError(t, err, "linked in %s", path)
			assert.True(t, m[2] == "" || anchors(texts[to])[m[2]], "%s links %s, which has no heading %s", path, to, m[2])
		}
		for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
			assert.True(t, tests[m[1]], "%s names %s, which is no test", path, m[1])
		}
	}
}

// anchors are those of the headings of a document, as GitHub makes them.
func anchors(text string) map[string]bool {
	found, code := map[string]bool{}, false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		title := strings.TrimLeft(line, "#")
		if !code && title != line && strings.HasPrefix(title, " ") {
			title = noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			found[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	return found
}
