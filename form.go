package muc

import (
	"strconv"

	"github.com/gomuc/muc/internal/ns"
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
func (w *xmlWriter) form(kind, formType, title string, fields []formField) {
	w.instructedForm(kind, formType, title, "", fields)
}

// instructedForm writes a form that says what to do with it.
func (w *xmlWriter) instructedForm(kind, formType, title, instructions string, fields []formField) {
	w.start("x", ns.Data)
	w.attr("type", kind)
	if title != "" {
		w.element("title", "", title)
	}
	if instructions != "" {
		w.element("instructions", "", instructions)
	}
	w.field(&formField{name: "FORM_TYPE", typ: "hidden", values: []string{formType}})
	for i := range fields {
		w.field(&fields[i])
	}
	w.end()
}

func (w *xmlWriter) field(f *formField) {
	w.start("field", "")
	w.attrIf("var", f.name)
	w.attrIf("type", f.typ)
	w.attrIf("label", f.label)
	if f.hi > f.lo {
		w.start("validate", ns.Validate)
		w.attr("datatype", "xs:integer")
		w.start("range", "")
		w.attr("min", strconv.Itoa(f.lo))
		w.attr("max", strconv.Itoa(f.hi))
		w.end()
		w.end()
	}
	if f.open {
		w.start("validate", ns.Validate)
		w.attr("datatype", "xs:string")
		w.element("open", "", "")
		w.end()
	}
	if f.required {
		w.element("required", "", "")
	}
	for _, v := range f.values {
		w.element("value", "", v)
	}
	for _, o := range f.options {
		w.start("option", "")
		w.attr("label", o.label)
		w.element("value", "", o.value)
		w.end()
	}
	w.end()
}

// submission is a form that came back.
type submission struct {
	cancelled bool
	fields    []formField
}

// readForm reads the form in a query.
func (r *Room) readForm(query *node, formType, section string) (*submission, *StanzaError) {
	x := query.child(ns.Data, "x")
	if x == nil {
		return nil, refuse(BadRequest, section, "a data form is missing")
	}
	return r.readSubmission(x, formType, section)
}

// readSubmission reads a form. A missing FORM_TYPE is forgiven, a wrong one is
// not; nor is a field given twice. What has no name is no answer to anything: such
// are the headings of the form, which some clients send back. Fields without a
// namespace are taken for the form's own; with another one they mean something that
// the room cannot know, and to pass over them might undo what the form asks for.
func (r *Room) readSubmission(x *node, formType, section string) (*submission, *StanzaError) {
	sub := &submission{}
	switch x.attrOr("type", "") {
	case "cancel":
		sub.cancelled = true
		return sub, nil
	case "submit":
	default:
		return nil, refuse(BadRequest, section, "the form is not a submission")
	}
	for i := range x.kids {
		k := &x.kids[i]
		if k.name != "field" {
			continue
		}
		f, refused := r.readField(k, section)
		switch {
		case refused != nil:
			return nil, refused
		case f.name == "":
			continue
		case sub.field(f.name) != nil:
			return nil, refuseField(BadRequest, section, f.name, "is there twice")
		}
		sub.fields = append(sub.fields, f)
	}
	if f := sub.field("FORM_TYPE"); f != nil && first(f.values) != formType {
		return nil, refuse(BadRequest, section, "this is another form")
	}
	return sub, nil
}

func (r *Room) readField(k *node, section string) (formField, *StanzaError) {
	f := formField{name: k.attrOr("var", "")}
	if !k.inForm() {
		return f, refuse(BadRequest, section, "the fields of the form are not in its namespace")
	}
	for i := range k.kids {
		v := &k.kids[i]
		switch {
		case v.name != "value":
		case !v.inForm():
			return f, refuse(BadRequest, section, "the values of the form are not in its namespace")
		case len(v.text) > r.cfg.Limits.FieldBytes:
			return f, refuseField(PolicyViolation, "14.6", f.name, "is too long")
		default:
			f.values = append(f.values, v.text)
		}
	}
	return f, nil
}

// inForm reports whether an element is a part of a form, with or without saying so:
// the door writes the namespace of the stream for none.
func (n *node) inForm() bool { return n.ns == ns.Data || n.ns == ns.Client || n.ns == "" }

func (s *submission) field(name string) *formField {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

// formType is what kind of form an <x/> says it is; "" for nothing.
func (n *node) formType() string {
	for i := range n.kids {
		k := &n.kids[i]
		if k.name != "field" || !k.inForm() || k.attrOr("var", "") != "FORM_TYPE" {
			continue
		}
		for j := range k.kids {
			if v := &k.kids[j]; v.name == "value" && v.inForm() {
				return v.text
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
