package muc

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documents are those that people write, with parts that the code prints.
var documents = []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/embedding.md"}

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
	table, ok := map[string]func() string{
		"roles on entering":       printEntryRoles,
		"changes of affiliations": printAffiliationRules,
		"changes of roles":        printRoleRules,
	}[name]
	require.True(t, ok, "nothing prints %q", name)
	return table()
}

// exampleCode is the body of an example, or a whole declaration beside the
// examples.
func exampleCode(t *testing.T, name string) string {
	files, err := filepath.Glob("example*_test.go")
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

func markdownTable(rows ...[]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

func printEntryRoles() string {
	rows := [][]string{{"Affiliation", "open room", "moderated room", "members-only room"}}
	for _, row := range defaultRoles {
		enters := func(c *RoomConfig) string {
			if !mayEnter(row.affiliation, c) {
				return "may not enter"
			}
			return defaultRole(row.affiliation, c).String()
		}
		rows = append(rows, []string{row.affiliation.String(), enters(&RoomConfig{}),
			enters(&RoomConfig{Moderated: true}), enters(&RoomConfig{MembersOnly: true})})
	}
	return markdownTable(rows...)
}

// affiliations are all of them, by rank.
var affiliations = []Affiliation{Outcast, None, Member, Admin, Owner}

func printAffiliationRules() string {
	rows := [][]string{{"Who asks"}}
	for _, target := range affiliations {
		rows[0] = append(rows[0], "makes of "+target.String())
	}
	for _, actor := range affiliations {
		row := []string{actor.String()}
		for _, old := range affiliations {
			row = append(row, among(func(new Affiliation) bool {
				return new != old && mayAffiliate(actor, old, new) == nil
			}))
		}
		rows = append(rows, row)
	}
	return markdownTable(rows...)
}

// among lists the affiliations for which something holds.
func among(holds func(Affiliation) bool) string {
	var list []string
	for _, a := range affiliations {
		if holds(a) {
			list = append(list, a.String())
		}
	}
	if len(list) == 0 {
		return "–"
	}
	return strings.Join(list, ", ")
}

func printRoleRules() string {
	rows := [][]string{{"Change", "§"}}
	actors := affiliations[1:]
	for _, actor := range actors {
		rows[0] = append(rows[0], fmt.Sprintf("moderator, %s", actor))
	}
	for _, rule := range roleRules {
		row := []string{fmt.Sprintf("%s → %s", rule.from, rule.to), rule.section}
		for _, actor := range actors {
			row = append(row, among(func(target Affiliation) bool {
				return target != Outcast && mayChangeRole(Moderator, actor, target, rule.from, rule.to) == nil
			}))
		}
		rows = append(rows, row)
	}
	return markdownTable(rows...)
}

var (
	namedFile    = regexp.MustCompile("`([a-zA-Z_./-]+\\.(?:go|md|scs|tsv))`")
	relativeLink = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// TestDocsNameFiles holds documents to naming files that are there.
func TestDocsNameFiles(t *testing.T) {
	for _, file := range documents {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range namedFile.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(m[1])
			assert.NoError(t, err, "named in %s", file)
		}
		for _, m := range relativeLink.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(file), m[1]))
			assert.NoError(t, err, "linked in %s", file)
		}
	}
}
