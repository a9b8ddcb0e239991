// Package form writes and reads data forms (XEP-0004).
package form

import (
	"slices"
	"strconv"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Field is one field of a form.
type Field struct {
	Name, Type, Label string
	Required          bool
	Values            []string
	Options           []Option
	Lo, Hi            int  // range of a number, if Hi > Lo
	Open              bool // takes values beside the options
}

// Option is one of the values that a list offers, and its label.
type Option struct{ Value, Label string }

// PlainOptions are options whose labels are their values.
func PlainOptions(values []string) []Option {
	var options []Option
	for _, v := range values {
		options = append(options, Option{v, v})
	}
	return options
}

// Heading is a field of type fixed, a text between the others (XEP-0004 §3.3).
func Heading(text string) Field { return Field{Type: "fixed", Values: []string{text}} }

// Write writes a form; kind is its type, such as "form" or "result".
func Write(w *xmlwire.Writer, kind, formType, title string, fields []Field) {
	WriteInstructed(w, kind, formType, title, "", fields)
}

// WriteInstructed writes a form with instructions.
func WriteInstructed(w *xmlwire.Writer, kind, formType, title, instructions string, fields []Field) {
	begin(w, kind, formType, title, instructions)
	for i := range fields {
		writeField(w, &fields[i])
	}
	w.End()
}

func begin(w *xmlwire.Writer, kind, formType, title, instructions string) {
	w.Start("x", ns.Data, "type", kind)
	w.ElementIf("title", title)
	w.ElementIf("instructions", instructions)
	if formType != "" {
		writeField(w, &Field{Name: "FORM_TYPE", Type: "hidden", Values: []string{formType}})
	}
}

// writeField writes one field.
func writeField(w *xmlwire.Writer, f *Field) {
	w.Start("field", "", "var", f.Name, "type", f.Type, "label", f.Label)
	if f.Hi > f.Lo {
		w.Start("validate", ns.Validate, "datatype", "xs:integer")
		w.Empty("range", "", "min", strconv.Itoa(f.Lo), "max", strconv.Itoa(f.Hi))
		w.End()
	}
	if f.Open {
		w.Start("validate", ns.Validate, "datatype", "xs:string")
		w.Empty("open", "")
		w.End()
	}
	if f.Required {
		w.Empty("required", "")
	}
	for _, v := range f.Values {
		w.Element("value", "", v)
	}
	for _, o := range f.Options {
		w.Start("option", "")
		w.Attr("label", o.Label)
		w.Element("value", "", o.Value)
		w.End()
	}
	w.End()
}

// Table is results in rows (XEP-0004 §3.4): each row has one value for each column.
type Table struct {
	Type, Title string // Type is the FORM_TYPE, empty for none
	Columns     []Field
	Rows        [][]string
}

// Write writes the table as a form.
func (t *Table) Write(w *xmlwire.Writer) {
	begin(w, "result", t.Type, t.Title, "")
	w.Start("reported", "")
	for i := range t.Columns {
		c := &t.Columns[i]
		writeField(w, &Field{Name: c.Name, Type: c.Type, Label: c.Label})
	}
	w.End()
	for _, row := range t.Rows {
		w.Start("item", "")
		for i, value := range row {
			writeField(w, &Field{Name: t.Columns[i].Name, Values: []string{value}})
		}
		w.End()
	}
	w.End()
}

// Worded is the field with its label and those of its options in the words of somebody's
// language. The function is told the field's name, with the value of an option after an
// equals sign; a heading has no name.
func (f Field) Worded(word func(field, text string) string) Field {
	if f.Type == "fixed" {
		f.Values = []string{word("", First(f.Values))}
		return f
	}
	f.Label = word(f.Name, f.Label)
	f.Options = slices.Clone(f.Options)
	for i := range f.Options {
		o := &f.Options[i]
		o.Label = word(f.Name+"="+o.Value, o.Label)
	}
	return f
}

// Wrong tells what is wrong with values for this field, as what follows the field's name
// in a sentence; nothing if they are as the field wants them. An empty value is none.
func (f *Field) Wrong(values []string) string {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	multi := f.Type == "text-multi" || f.Type == "list-multi" || f.Type == "jid-multi"
	switch {
	case f.Required && len(values) == 0:
		return "is empty"
	case len(values) > 1 && !multi:
		return "takes one value"
	}
	for _, v := range values {
		_, isFlag := ParseBool(v)
		n, err := strconv.Atoi(v)
		offered := func(o Option) bool { return o.Value == v }
		switch {
		case f.Type == "boolean" && !isFlag:
			return "is yes or no"
		case f.Hi > f.Lo && (err != nil || n < f.Lo || n > f.Hi):
			return "is a number from " + strconv.Itoa(f.Lo) + " to " + strconv.Itoa(f.Hi)
		case len(f.Options) > 0 && !f.Open && !slices.ContainsFunc(f.Options, offered):
			return "offers no such choice"
		}
	}
	return ""
}

// Submission is a form that was submitted, or cancelled.
type Submission struct {
	Cancelled bool
	Fields    []Field
}

// Read reads the form in a query, as [ReadSubmission] does; without one it is refused.
func Read(query *xmlwire.Node, formType, section string, longest int) (*Submission, *stanza.Error) {
	x := query.Child(ns.Data, "x")
	if x == nil {
		return nil, stanza.NewError(stanza.BadRequest, section, "a data form is missing")
	}
	return ReadSubmission(x, formType, section, longest)
}

// ReadSubmission reads a form. Refused, with the section of XEP-0045 that is given, are a
// wrong FORM_TYPE (a missing one is accepted), a field that is given twice, a field in
// another namespace (to ignore it might undo what the form asks for; none is taken for the
// form's own) and a value of more than longest bytes. Fields without a name are ignored:
// some clients send back the headings of the form.
func ReadSubmission(x *xmlwire.Node, formType, section string, longest int) (*Submission, *stanza.Error) {
	sub := &Submission{}
	switch x.AttrOr("type", "") {
	case "cancel":
		sub.Cancelled = true
		return sub, nil
	case "submit":
	default:
		return nil, stanza.NewError(stanza.BadRequest, section, "the form is not a submission")
	}
	for i := range x.Kids {
		k := &x.Kids[i]
		if k.Name != "field" {
			continue
		}
		f, refused := readField(k, section, longest)
		switch {
		case refused != nil:
			return nil, refused
		case f.Name == "":
			continue
		case sub.Field(f.Name) != nil:
			return nil, stanza.FieldError(stanza.BadRequest, section, f.Name, "is there twice")
		}
		sub.Fields = append(sub.Fields, f)
	}
	if f := sub.Field("FORM_TYPE"); f != nil && First(f.Values) != formType {
		return nil, stanza.NewError(stanza.BadRequest, section, "this is another form")
	}
	return sub, nil
}

func readField(k *xmlwire.Node, section string, longest int) (Field, *stanza.Error) {
	f := Field{Name: k.AttrOr("var", "")}
	if !inForm(k) {
		return f, stanza.NewError(stanza.BadRequest, section, "the fields of the form are not in its namespace")
	}
	for i := range k.Kids {
		v := &k.Kids[i]
		switch {
		case v.Name != "value":
		case !inForm(v):
			return f, stanza.NewError(stanza.BadRequest, section, "the values of the form are not in its namespace")
		case len(v.Text) > longest:
			return f, stanza.FieldError(stanza.PolicyViolation, "14.6", f.Name, "is too long")
		default:
			f.Values = append(f.Values, v.Text)
		}
	}
	return f, nil
}

// inForm reports whether an element is in the form's namespace or in none. A content
// namespace is the same as none.
func inForm(n *xmlwire.Node) bool { return n.NS == ns.Data || n.NS == ns.Client || n.NS == "" }

// Field is the field of that name, or nil.
func (s *Submission) Field(name string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// TypeOf is the FORM_TYPE of an <x/>, empty for none.
func TypeOf(n *xmlwire.Node) string {
	for i := range n.Kids {
		k := &n.Kids[i]
		if k.Name != "field" || !inForm(k) || k.AttrOr("var", "") != "FORM_TYPE" {
			continue
		}
		for j := range k.Kids {
			if v := &k.Kids[j]; v.Name == "value" && inForm(v) {
				return v.Text
			}
		}
	}
	return ""
}

// ParseBool reads an xs:boolean, strictly (XEP-0004 §3.3).
func ParseBool(s string) (on, ok bool) {
	switch s {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// Bool is the value of a flag in a form: 1 or 0.
func Bool(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// First is the first of a field's values, empty for none.
func First(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}
