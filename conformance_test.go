package muc_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

const (
	rowsFile        = "docs/rows.tsv"
	conformanceFile = "docs/conformance.md"
)

// groups are the letters that row ids start with, in the order of the document.
var groups = []struct{ letter, title string }{
	{"A", "Roles, affiliations, privileges (chapter 5)"},
	{"B", "Discovery (chapter 6)"},
	{"C", "Joining (7.1, 7.2)"},
	{"D", "History and subject on join (7.2.13–7.2.16)"},
	{"E", "Messages, presence, nicks, invitations, IQs (7.3–7.9)"},
	{"F", "Registration, voice requests, leaving (7.10–7.14)"},
	{"G", "What moderators do (chapter 8)"},
	{"H", "What admins do (chapter 9)"},
	{"I", "What owners do (chapter 10)"},
	{"J", "Status codes and the service (chapters 11, 12, 16.6)"},
	{"K", "Errors"},
	{"L", "Business rules and security (chapters 14, 17, 18)"},
	{"M", "Forms and commands"},
	{"N", "Registration beyond chapter 7"},
	{"O", "Delayed delivery"},
	{"P", "Direct invitations, unique names, activity"},
	{"Q", "Archive and stanza ids"},
	{"R", "Hats"},
	{"S", "Self-ping and occupant ids"},
	{"T", "Retraction and moderation of messages"},
	{"U", "Further extensions"},
	{"V", "Avatars and payloads"},
	{"W", "Searching for rooms"},
}

// row is one line of rows.tsv: a behaviour, and why it is not built if it will
// not be.
type row struct {
	id, section, what, status, remark string
	// by are the scripts and tests that show the behaviour.
	by []string
}

var rowID = regexp.MustCompile(`^[A-W][1-9][0-9]*$`)

// TestConformance keeps docs/conformance.md true: it is made of rows.tsv and of
// the rows that scripts (`# rows: C21, K7`) and the doc comments of tests
// (`// rows: Q16`) say they show. To rewrite it:
//
//	go test -run TestConformance -update .
func TestConformance(t *testing.T) {
	rows := readRows(t)
	byID := map[string]*row{}
	for _, r := range rows {
		require.Nil(t, byID[r.id], "%s: %s stands there twice", rowsFile, r.id)
		byID[r.id] = r
	}
	claim := func(who, ids string) {
		for _, id := range strings.Split(ids, ",") {
			id = strings.TrimSpace(id)
			r := byID[id]
			if !assert.NotNil(t, r, "%s claims row %q, which %s does not have", who, id, rowsFile) {
				continue
			}
			assert.Empty(t, r.status, "%s claims row %s, which %s says is not built", who, id, rowsFile)
			if !slices.Contains(r.by, who) {
				r.by = append(r.by, who)
			}
		}
	}
	for _, script := range ownScripts(t) {
		for _, ids := range script.HeaderAll("rows") {
			claim(filepath.ToSlash(script.Name), ids)
		}
	}
	claimsOfTests(t, claim)

	doc := conformance(rows)
	if *muc.Update {
		require.NoError(t, os.WriteFile(conformanceFile, doc, 0o644))
		return
	}
	old, err := os.ReadFile(conformanceFile)
	require.NoError(t, err)
	if !bytes.Equal(old, doc) {
		t.Errorf("%s is stale; rewrite it with: go test -run TestConformance -update .", conformanceFile)
	}
}

func readRows(t *testing.T) []*row {
	t.Helper()
	data, err := os.ReadFile(rowsFile)
	require.NoError(t, err)
	var rows []*row
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		for len(fields) < 5 {
			fields = append(fields, "")
		}
		r := &row{id: fields[0], section: fields[1], what: fields[2], status: fields[3], remark: fields[4]}
		require.True(t, len(fields) == 5 && rowID.MatchString(r.id) && r.section != "" && r.what != "" &&
			!strings.Contains(line, "|"), "%s:%d is no row", rowsFile, i+1)
		why, isNo := strings.CutPrefix(r.status, "no: ")
		require.True(t, r.status == "" || isNo && why != "",
			"%s:%d: a status is empty or `no: why`", rowsFile, i+1)
		rows = append(rows, r)
	}
	return rows
}

// claimsOfTests reads the rows that Go tests say they show, in all packages of
// the repository.
func claimsOfTests(t *testing.T, claim func(who, ids string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Doc == nil || f.Recv != nil || !isTest(f.Name.Name) {
				continue
			}
			for _, c := range f.Doc.List {
				line := strings.TrimSpace(strings.TrimPrefix(c.Text, "//"))
				if ids, ok := strings.CutPrefix(line, "rows:"); ok {
					claim(f.Name.Name+" ("+filepath.ToSlash(name)+")", ids)
				}
			}
		}
		return nil
	}))
}

func isTest(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Example")
}

// verdict is what the table says of a row.
func (r *row) verdict() string {
	switch {
	case r.status != "":
		return r.status
	case len(r.by) > 0:
		return "yes"
	}
	return "no: not built yet"
}

func conformance(rows []*row) []byte {
	var b bytes.Buffer
	b.WriteString(`# Conformance

What rooms and the service around them do, row by row, and the script or test
that shows it. A row without a script or test that would fail without it says no.
The section is that of XEP-0045 if no other document is named.

This file is generated: rows stand in [rows.tsv](rows.tsv), scripts name theirs
in a header line ` + "`# rows: C21, K7`" + `, tests in a line of their doc comment
` + "`// rows: Q16`" + `. Rewrite it with

    go test -run TestConformance -update .

| Group | Rows | Yes | No |
|---|---|---|---|
`)
	for _, g := range groups {
		var yes, no, all int
		for _, r := range rows {
			if r.id[:1] != g.letter {
				continue
			}
			all++
			switch r.verdict() {
			case "yes":
				yes++
			default:
				no++
			}
		}
		fmt.Fprintf(&b, "| %s %s | %d | %d | %d |\n", g.letter, g.title, all, yes, no)
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s. %s\n\n| Row | Section | What | Built | Shown by |\n|---|---|---|---|---|\n", g.letter, g.title)
		var remarks []string
		for _, r := range rows {
			if r.id[:1] != g.letter {
				continue
			}
			slices.Sort(r.by)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.id, r.section, r.what, r.verdict(), strings.Join(r.by, ", "))
			if r.remark != "" {
				remarks = append(remarks, fmt.Sprintf("- %s: %s\n", r.id, r.remark))
			}
		}
		if len(remarks) > 0 {
			b.WriteString("\n" + strings.Join(remarks, ""))
		}
	}
	return b.Bytes()
}
