package muc

import (
	"strconv"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Data forms (XEP-0004), as the room writes and reads them.

// formField is one field of a form.
type formField struct {
	name, typ, label string
	required         bool
	values           []string
	options          []formOption
	lo, hi           int  // range of a number, if hi > lo
	open             bool // takes values beside the options
}

// formOption is one of the values that a list offers, and what people read for it.
type formOption struct{ value, label string }

// plainOptions are options that say themselves what they are.
func plainOptions(values []string) []formOption {
	options := make([]formOption, 0, len(values))
	for _, v := range values {
		options = append(options, formOption{v, v})
	}
	return options
}

// heading is a field that holds a text between others (XEP-0004 §3.3).
func heading(text string) formField { return formField{typ: "fixed", values: []string{text}} }

// form writes a form or, with the kind "result", what a form said.
func form(w *xmlwire.Writer, kind, formType, title string, fields []formField) {
	instructedForm(w, kind, formType, title, "", fields)
}

// instructedForm writes a form that says what to do with it.
func instructedForm(w *xmlwire.Writer, kind, formType, title, instructions string, fields []formField) {
	w.Start("x", ns.Data)
	w.Attr("type", kind)
	if title != "" {
		w.Element("title", "", title)
	}
	if instructions != "" {
		w.Element("instructions", "", instructions)
	}
	field(w, &formField{name: "FORM_TYPE", typ: "hidden", values: []string{formType}})
	for i := range fields {
		field(w, &fields[i])
	}
	w.End()
}

func field(w *xmlwire.Writer, f *formField) {
	w.Start("field", "")
	w.AttrIf("var", f.name)
	w.AttrIf("type", f.typ)
	w.AttrIf("label", f.label)
	if f.hi > f.lo {
		w.Start("validate", ns.Validate)
		w.Attr("datatype", "xs:integer")
		w.Start("range", "")
		w.Attr("min", strconv.Itoa(f.lo))
		w.Attr("max", strconv.Itoa(f.hi))
		w.End()
		w.End()
	}
	if f.open {
		w.Start("validate", ns.Validate)
		w.Attr("datatype", "xs:string")
		w.Element("open", "", "")
		w.End()
	}
	if f.required {
		w.Element("required", "", "")
	}
	for _, v := range f.values {
		w.Element("value", "", v)
	}
	for _, o := range f.options {
		w.Start("option", "")
		w.Attr("label", o.label)
		w.Element("value", "", o.value)
		w.End()
	}
	w.End()
}

// submission is a form that came back.
type submission struct {
	cancelled bool
	fields    []formField
}

// readForm reads the form in a query. No value may be longer than so many bytes.
func readForm(query *xmlwire.Node, formType, section string, longest int) (*submission, *stanza.Error) {
	x := query.Child(ns.Data, "x")
	if x == nil {
		return nil, stanza.NewError(stanza.BadRequest, section, "a data form is missing")
	}
	return readSubmission(x, formType, section, longest)
}

// readSubmission reads a form. A missing FORM_TYPE is forgiven, a wrong one is
// not; nor is a field given twice. What has no name is no answer to anything: such
// are the headings of the form, which some clients send back. Fields without a
// namespace are taken for the form's own; with another one they mean something that
// the room cannot know, and to pass over them might undo what the form asks for.
func readSubmission(x *xmlwire.Node, formType, section string, longest int) (*submission, *stanza.Error) {
	sub := &submission{}
	switch x.AttrOr("type", "") {
	case "cancel":
		sub.cancelled = true
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
		case f.name == "":
			continue
		case sub.field(f.name) != nil:
			return nil, stanza.FieldError(stanza.BadRequest, section, f.name, "is there twice")
		}
		sub.fields = append(sub.fields, f)
	}
	if f := sub.field("FORM_TYPE"); f != nil && first(f.values) != formType {
		return nil, stanza.NewError(stanza.BadRequest, section, "this is another form")
	}
	return sub, nil
}

func readField(k *xmlwire.Node, section string, longest int) (formField, *stanza.Error) {
	f := formField{name: k.AttrOr("var", "")}
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
			return f, stanza.FieldError(stanza.PolicyViolation, "14.6", f.name, "is too long")
		default:
			f.values = append(f.values, v.Text)
		}
	}
	return f, nil
}

// inForm reports whether an element is a part of a form, with or without saying so:
// the namespace of the stream is written for none.
func inForm(n *xmlwire.Node) bool { return n.NS == ns.Data || n.NS == ns.Client || n.NS == "" }

func (s *submission) field(name string) *formField {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

// formType is what kind of form an <x/> says it is; "" for nothing.
func formType(n *xmlwire.Node) string {
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

// parseFormBool reads an xs:boolean, and nothing looser (XEP-0004 §3.3).
func parseFormBool(s string) (on, ok bool) {
	switch s {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

func formBool(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
