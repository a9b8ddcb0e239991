package muc

import "strconv"

// Data forms (XEP-0004), as the room writes and reads them.

// formField is one field of a form.
type formField struct {
	name, typ, label string
	required         bool
	values           []string
	options          []string
	lo, hi           int  // range of a number, if hi > lo
	open             bool // takes values beside the options
}

// form writes a form or, with the kind "result", what a form said.
func (w *xmlWriter) form(kind, formType, title string, fields []formField) {
	w.instructedForm(kind, formType, title, "", fields)
}

// instructedForm writes a form that says what to do with it.
func (w *xmlWriter) instructedForm(kind, formType, title, instructions string, fields []formField) {
	w.start("x", nsData)
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
	w.attr("var", f.name)
	w.attrIf("type", f.typ)
	w.attrIf("label", f.label)
	if f.hi > f.lo {
		w.start("validate", nsValidate)
		w.attr("datatype", "xs:integer")
		w.start("range", "")
		w.attr("min", strconv.Itoa(f.lo))
		w.attr("max", strconv.Itoa(f.hi))
		w.end()
		w.end()
	}
	if f.open {
		w.start("validate", nsValidate)
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
		w.element("value", "", o)
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
	x := query.child(nsData, "x")
	if x == nil {
		return nil, refuse(BadRequest, section, "a data form is missing")
	}
	return r.readSubmission(x, formType, section)
}

// readSubmission reads a form. A missing FORM_TYPE is forgiven, a wrong one is
// not; nor is a field given twice.
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
		if k.ns != nsData || k.name != "field" {
			continue
		}
		f := formField{name: k.attrOr("var", "")}
		for j := range k.kids {
			if v := &k.kids[j]; v.ns == nsData && v.name == "value" {
				if len(v.text) > r.cfg.Limits.FieldBytes {
					return nil, refuseField(PolicyViolation, "14.6", f.name, "is too long")
				}
				f.values = append(f.values, v.text)
			}
		}
		if sub.field(f.name) != nil {
			return nil, refuseField(BadRequest, section, f.name, "is there twice")
		}
		sub.fields = append(sub.fields, f)
	}
	if f := sub.field("FORM_TYPE"); f != nil && first(f.values) != formType {
		return nil, refuse(BadRequest, section, "this is another form")
	}
	return sub, nil
}

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
		if k := &n.kids[i]; k.name == "field" && k.attrOr("var", "") == "FORM_TYPE" {
			if v := k.child(nsData, "value"); v != nil {
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
