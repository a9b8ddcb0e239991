// Package adhoc carries out ad-hoc commands (XEP-0050) of a room or of a service.
//
// Nothing is remembered between the steps of a command: what a later step has to know of
// an earlier one stands in hidden fields of the form, which clients send back as they are.
// So there are no sessions to be bounded, to time out or to be taken over; and since the
// hidden fields come from the client, each step judges all of it anew.
package adhoc

import (
	"slices"

	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Command is one command. T is what is known when it is carried out, such as who asks.
type Command[T any] struct {
	Node, Name string
	// May tells who may carry it out; nil is everybody. It is asked at every step, and
	// others do not see the command in the list.
	May func(T) bool
	// Form is what has to be filled in first; nil for a command that needs nothing.
	Form func(T) (*Form, *stanza.Error)
	// Do carries it out, with what was filled in: all required fields, no field with more
	// values than its type takes or with one that is not offered. It is nil for a command
	// without Form.
	Do func(T, *form.Submission) (*Result, *stanza.Error)
}

// Form is a form to be filled in, or to be read.
type Form struct {
	Type                string // its FORM_TYPE
	Title, Instructions string
	Fields              []form.Field
	// More says that another form follows.
	More bool
}

// Result is what came of a command. All of it may be missing.
type Result struct {
	Note  string // what people read
	Form  *Form
	Table *form.Table
	// Ask is another form, to be filled in before the command can be carried out. What is
	// still needed of the forms before must be in hidden fields of it.
	Ask *Form
}

// Set is the commands of one address, in the order of the list.
type Set[T any] []Command[T]

// Request is a request to carry out a command, or the next step of one.
type Request struct {
	Command *xmlwire.Node
	// Session is the id of the session, if it is a new one.
	Session string
	// Longest is how many bytes one value in a form may have.
	Longest int
	// Word puts a text into the asker's language: see muc.Config.Label. Nil leaves it.
	Word func(field, text string) string
}

// longestSession bounds the id of a session, which is sent back.
const longestSession = 256

// Execute carries out a step of a command. The answer writes a <command/>.
func (s Set[T]) Execute(t T, req Request) (answer func(w *xmlwire.Writer), refused *stanza.Error) {
	c := s.named(req.Command.AttrOr("node", ""))
	switch {
	case c == nil:
		return nil, stanza.NewError(stanza.ItemNotFound, section, "there is no such command")
	case !c.admits(t):
		return nil, stanza.NewError(stanza.Forbidden, section, "this command is not for you").WithType(stanza.TypeCancel)
	}
	if id, given := req.Command.Attr("sessionid"); given && id != "" {
		req.Session = id
	}
	if len(req.Session) > longestSession {
		return nil, bad("bad-sessionid", "no session has such an id")
	}
	is, refused := c.step(t, &req)
	if refused != nil {
		return nil, refused
	}
	return func(w *xmlwire.Writer) { is.write(w, c.Node, &req) }, nil
}

// Run carries out a command at once, with its form filled in. Where it has a form, fields that
// the form does not have are refused.
func (s Set[T]) Run(t T, node string, sub *form.Submission) (*Result, *stanza.Error) {
	c := s.named(node)
	if c == nil {
		return nil, stanza.NewError(stanza.ItemNotFound, section, "there is no such command")
	}
	if c.Form != nil {
		ask, refused := c.Form(t)
		if refused != nil {
			return nil, refused
		}
		for _, got := range sub.Fields {
			if !slices.ContainsFunc(ask.Fields, func(f form.Field) bool { return f.Name == got.Name }) {
				return nil, Refuse("there is no field “" + got.Name + "”")
			}
		}
		if refused := ask.judge(sub); refused != nil {
			return nil, refused
		}
	}
	return c.Do(t, sub)
}

// outcome is what a step of a command came to.
type outcome struct {
	status string
	Result
	prev bool // there is a form before
}

// step carries out one step of a command.
func (c *Command[T]) step(t T, req *Request) (is outcome, refused *stanza.Error) {
	action := req.Command.AttrOr("action", "execute")
	if action == "cancel" {
		return outcome{status: "canceled"}, nil
	}
	if !slices.Contains([]string{"execute", "next", "complete", "prev"}, action) {
		return is, bad("malformed-action", "there is no such action here")
	}
	var ask *Form
	var sub *form.Submission
	if c.Form != nil {
		if ask, refused = c.Form(t); refused != nil {
			return is, refused
		}
		if sub, refused = req.Submission(); refused != nil {
			return is, refused
		}
	}
	switch {
	case sub != nil && sub.Cancelled:
		return outcome{status: "canceled"}, nil
	case action == "prev" && (ask == nil || !ask.More):
		return is, bad("malformed-action", "there is no such action here")
	case action == "prev":
		return outcome{status: "executing", Result: Result{Ask: ask.filled(sub)}}, nil
	case ask != nil && sub == nil && action == "execute":
		return outcome{status: "executing", Result: Result{Ask: ask}}, nil
	case ask != nil:
		if refused := ask.judge(sub); refused != nil {
			return is, refused
		}
	}
	done, refused := c.Do(t, sub)
	if refused != nil {
		return is, refused
	}
	is = outcome{status: "completed", prev: ask != nil}
	if done != nil {
		is.Result = *done
	}
	if is.Ask != nil {
		is.status = "executing"
	}
	return is, nil
}

// Submission is the form in a request, nil for none.
func (req *Request) Submission() (*form.Submission, *stanza.Error) {
	x := req.Command.Child(ns.Data, "x")
	if x == nil {
		return nil, nil
	}
	sub, refused := form.ReadSubmission(x, form.TypeOf(x), section, req.Longest)
	if refused != nil && refused.Condition == stanza.BadRequest {
		refused.App = stanza.AppCondition{Space: ns.Commands, Local: "bad-payload"}
	}
	return sub, refused
}

// judge holds what was filled in to the form.
func (f *Form) judge(sub *form.Submission) *stanza.Error {
	if sub == nil {
		return bad("bad-payload", "the form is missing")
	}
	if got := sub.Field("FORM_TYPE"); got != nil && form.First(got.Values) != f.Type {
		return bad("bad-payload", "this is another form")
	}
	for i := range f.Fields {
		field := &f.Fields[i]
		var values []string
		if got := sub.Field(field.Name); got != nil {
			values = got.Values
		}
		if wrong := field.Wrong(values); wrong != "" {
			return bad("bad-payload", "the field “"+field.Label+"” "+wrong)
		}
	}
	return nil
}

// filled is the form with what somebody has filled in already.
func (f *Form) filled(sub *form.Submission) *Form {
	if sub == nil {
		return f
	}
	again := *f
	again.Fields = slices.Clone(f.Fields)
	for i := range again.Fields {
		if got := sub.Field(again.Fields[i].Name); got != nil && again.Fields[i].Wrong(got.Values) == "" {
			again.Fields[i].Values = got.Values
		}
	}
	return &again
}

// section is where the rules stand.
const section = "XEP-0050 §4.4"

// bad refuses what a client has made of a command.
func bad(condition, text string) *stanza.Error {
	e := stanza.NewError(stanza.BadRequest, section, text)
	e.App = stanza.AppCondition{Space: ns.Commands, Local: condition}
	return e
}

// Refuse refuses values that a command cannot be carried out with.
func Refuse(text string) *stanza.Error { return bad("bad-payload", text) }

// Has reports whether there is a command of that node.
func (s Set[T]) Has(node string) bool { return s.named(node) != nil }

func (s Set[T]) named(node string) *Command[T] {
	for i := range s {
		if s[i].Node == node {
			return &s[i]
		}
	}
	return nil
}

func (c *Command[T]) admits(t T) bool { return c.May == nil || c.May(t) }
