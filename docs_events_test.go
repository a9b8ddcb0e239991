package muc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
)

// printedFormats are the parts of docs/events.md.
var printedFormats = map[string]func() string{
	"event list":       printEventList,
	"event types":      printEventTypes,
	"values in events": printStoredValues,
	"parts of events":  printParts,
	"snapshot fields":  printSnapshotFields,
	"durable snapshot": func() string { return printSnapshot("durable.json") },
	"live snapshot":    func() string { return printSnapshot("live.json") },
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// comments are those of types and of their fields, by Type and Type.Field.
func comments() map[string]string {
	said := map[string]string{}
	for _, file := range []string{"event/bodies.go", "event/roomconfig.go", "internal/state/snapshot.go"} {
		tree := must(parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments))
		ast.Inspect(tree, func(n ast.Node) bool {
			if alone, ok := n.(*ast.GenDecl); ok && !alone.Lparen.IsValid() && alone.Tok == token.TYPE {
				alone.Specs[0].(*ast.TypeSpec).Doc = alone.Doc
			}
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			name := spec.Name.Name
			said[name] = strings.TrimPrefix(strings.Join(strings.Fields(spec.Doc.Text()), " "), name+": ")
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, id := range f.Names {
						said[name+"."+id.Name] = strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return said
}

// storedAs names the types of values as they stand in JSON.
var storedAs = map[string]string{"JID": "address", "Stamp": "time", "uint32": "number", "uint64": "number", "int": "number",
	"string": "text", "bool": "true or false", "RoleSet": "roles", "AffiliationSet": "affiliations", "RegistrationRequested": "`registration-requested`",
	"InviteSent": "`invite-sent`", "Asked": "`asked`", "RoomDestroyed": "`destroyed`"}

func storedType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + storedType(t.Elem())
	case reflect.Pointer:
		return storedType(t.Elem())
	}
	if name, ok := storedAs[t.Name()]; ok {
		return name
	}
	return "`" + t.Name() + "`"
}

// printFields prints the fields of a type; those of embedded types are its own.
func printFields(t reflect.Type, said map[string]string) string {
	rows := [][]string{{"Field", "Type", "Left out", ""}}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				add(f.Type)
				continue
			}
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			empty := ""
			if options != "" {
				empty = "if empty"
			}
			rows = append(rows, []string{"`" + name + "`", storedType(f.Type), empty, said[t.Name()+"."+f.Name]})
		}
	}
	add(t)
	if len(rows) == 1 {
		return "It has no fields.\n"
	}
	return markdownTable(rows...)
}

// goldenExamples are the longest events of each type in the golden corpus.
func goldenExamples() map[string]event.Event {
	longest, examples := map[string]int{}, map[string]event.Event{}
	text := must(os.ReadFile(filepath.Join(goldenNow, "events.jsonl")))
	for line := range strings.Lines(string(text)) {
		var ev event.Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			panic(err)
		}
		if len(line) > longest[ev.Type()] {
			longest[ev.Type()], examples[ev.Type()] = len(line), ev
		}
	}
	return examples
}

// pretty writes JSON for people.
func pretty(text []byte) string {
	var v bytes.Buffer
	if err := json.Indent(&v, text, "", "  "); err != nil {
		panic(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(v.String())
}

func forHowLong(ev event.Event) string {
	if ev.Durable() {
		return "durable"
	}
	return "volatile"
}

func printEventList() string {
	rows := [][]string{{"Type", "v", "", "What happened"}}
	said := comments()
	for _, body := range event.Bodies() {
		ev := event.Event{Body: body}
		sentence, _, _ := strings.Cut(said[reflect.TypeOf(body).Elem().Name()], ". ")
		rows = append(rows, []string{fmt.Sprintf("[`%s`](#%[1]s)", ev.Type()), fmt.Sprint(ev.Version()),
			forHowLong(ev), strings.TrimSuffix(sentence, ".")})
	}
	return markdownTable(rows...)
}

func printEventTypes() string {
	var b strings.Builder
	said, examples := comments(), goldenExamples()
	for _, empty := range event.Bodies() {
		ev, body := event.Event{Body: empty}, reflect.TypeOf(empty).Elem()
		fmt.Fprintf(&b, "### %s\n\nVersion %d, %s; `%s` in Go. ", ev.Type(), ev.Version(), forHowLong(ev), body.Name())
		about := said[body.Name()]
		fmt.Fprintf(&b, "%s%s\n\n", strings.ToUpper(about[:1]), about[1:])
		b.WriteString(printFields(body, said))
		b.WriteString("\n```json\n" + pretty(must(json.Marshal(examples[ev.Type()]))) + "\n```\n\n")
	}
	return b.String()
}

func printParts() string {
	var b strings.Builder
	said := comments()
	for _, t := range []reflect.Type{reflect.TypeFor[event.Actor](), reflect.TypeFor[event.ConfigChange](), reflect.TypeFor[event.FieldValue](),
		reflect.TypeFor[event.WaitingJoin](), reflect.TypeFor[event.Moderation](), reflect.TypeFor[event.PastAffiliation](), reflect.TypeFor[event.Hat](), reflect.TypeFor[RoomConfig]()} {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n%s\n", t.Name(), said[t.Name()], printFields(t, said))
	}
	return b.String()
}

func printStoredValues() string {
	rows := [][]string{{"Type", "Values"}}
	add := func(name string, values ...string) {
		rows = append(rows, []string{"`" + name + "`", strings.Join(values, ", ")})
	}
	add("Affiliation", texts(Outcast, AffiliationNone, Member, Admin, Owner)...)
	add("Role", texts(RoleNone, Visitor, Participant, Moderator)...)
	add("Whois", texts(WhoisModerators, WhoisAnyone)...)
	add("AllowPM", texts(PMAnyone, PMParticipants, PMModerators, PMNone, PMAffiliated)...)
	return markdownTable(rows...)
}

func texts[V fmt.Stringer](values ...V) []string {
	var names []string
	for _, v := range values {
		names = append(names, v.String())
	}
	return names
}

func printSnapshotFields() string {
	return printFields(reflect.TypeFor[state.Snapshot](), comments())
}

func printSnapshot(name string) string {
	return "```json\n" + pretty(must(os.ReadFile(filepath.Join(goldenNow, name)))) + "\n```\n"
}
