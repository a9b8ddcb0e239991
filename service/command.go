package service

import (
	"context"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/adhoc"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// CommandResult is what came of a [Service.Command]: a sentence for people, what was asked
// about, or a table. Where a list goes on, the Note says so.
type CommandResult struct {
	Note    string         `json:"note,omitempty"`
	Fields  []CommandField `json:"fields,omitempty"`
	Columns []CommandField `json:"columns,omitempty"` // of Rows
	Rows    [][]string     `json:"rows,omitempty"`
}

// CommandField is a field of a form, or a column of a table. The Label is for people.
type CommandField struct {
	Name   string   `json:"name"`
	Label  string   `json:"label,omitempty"`
	Values []string `json:"values,omitempty"`
}

// Command carries out one of the ad-hoc commands of administrators for the host itself, as for
// a program that an operator calls: list-rooms, show-room, create-room, change-owner,
// destroy-room, free-room or http://jabber.org/protocol/admin#announce, with the values of its form by
// field. What is refused is a [*muc.StanzaError] which says why; a field that the form does
// not have is, too. Other errors are [ErrClosed] and that of the context.
func (s *Service) Command(ctx context.Context, node string, values map[string][]string) (CommandResult, error) {
	if err := ctx.Err(); err != nil {
		return CommandResult{}, err
	}
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return CommandResult{}, ErrClosed
	}
	sub := &form.Submission{}
	for name, list := range values {
		for _, v := range list {
			if len(v) > commandBytes || !xmlwire.ValidText(v) {
				return CommandResult{}, &muc.StanzaError{Condition: stanza.PolicyViolation, Text: "A value is too long or no text."}
			}
		}
		sub.Fields = append(sub.Fields, form.Field{Name: name, Values: list})
	}
	var done *adhoc.Result
	var e *muc.StanzaError
	err := guarded(func() error {
		done, e = commands.Run(&admin{s: s, ctx: ctx, is: true}, node, sub)
		return nil
	})
	switch {
	case err != nil:
		return CommandResult{}, err
	case e != nil:
		return CommandResult{}, e
	}
	result := CommandResult{Note: done.Note}
	if done.Form != nil {
		result.Fields = commandFields(done.Form.Fields)
	}
	if done.Table != nil {
		result.Columns, result.Rows = commandFields(done.Table.Columns), done.Table.Rows
	}
	return result, nil
}

func commandFields(fields []form.Field) (list []CommandField) {
	for i := range fields {
		list = append(list, CommandField{fields[i].Name, fields[i].Label, fields[i].Values})
	}
	return list
}
