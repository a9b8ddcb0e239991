package adhoc

import (
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// write writes the answer.
func (is *outcome) write(w *xmlwire.Writer, node string, req *Request) {
	w.Start("command", ns.Commands)
	w.Attr("node", node)
	w.AttrIf("sessionid", req.Session)
	w.Attr("status", is.status)
	if is.Ask != nil {
		is.writeActions(w)
	}
	if is.Note != "" {
		w.Start("note", "")
		w.Attr("type", "info")
		w.Text(req.word("", is.Note))
		w.End()
	}
	switch {
	case is.Ask != nil:
		req.writeForm(w, "form", is.Ask)
	case is.Form != nil:
		req.writeForm(w, "result", is.Form)
	case is.Table != nil:
		table := *is.Table
		table.Title, table.Columns = req.word("", table.Title), req.worded(table.Columns)
		table.Write(w)
	}
	w.End()
}

// writeActions tells what may be done with a form (XEP-0050 §4.2).
func (is *outcome) writeActions(w *xmlwire.Writer) {
	forward := "complete"
	if is.Ask.More {
		forward = "next"
	}
	w.Start("actions", "")
	w.Attr("execute", forward)
	if is.prev {
		w.Element("prev", "", "")
	}
	w.Element(forward, "", "")
	w.End()
}

func (req *Request) writeForm(w *xmlwire.Writer, kind string, f *Form) {
	form.WriteInstructed(w, kind, f.Type, req.word("", f.Title), req.word("", f.Instructions), req.worded(f.Fields))
}

// worded are fields in the asker's language.
func (req *Request) worded(fields []form.Field) []form.Field {
	if req.Word == nil {
		return fields
	}
	own := make([]form.Field, 0, len(fields))
	for _, f := range fields {
		own = append(own, f.Worded(req.Word))
	}
	return own
}

func (req *Request) word(field, text string) string {
	if req.Word == nil || text == "" {
		return text
	}
	return req.Word(field, text)
}

// WriteItems writes the list of the commands that somebody may carry out (XEP-0050 §2.2):
// the answer to disco#items for the node of all commands.
func (s Set[T]) WriteItems(w *xmlwire.Writer, t T, address string, word func(field, text string) string) {
	req := Request{Word: word}
	w.Start("query", ns.DiscoItems)
	w.Attr("node", ns.Commands)
	for i := range s {
		if c := &s[i]; c.admits(t) {
			w.Start("item", "")
			w.Attr("jid", address)
			w.Attr("node", c.Node)
			w.Attr("name", req.word("", c.Name))
			w.End()
		}
	}
	w.End()
}

// Info finds what disco#info tells of the node of a command, or of the list of them, to
// those who may carry it out. The answer writes a <query/>.
func (s Set[T]) Info(t T, node string, word func(field, text string) string) (answer func(w *xmlwire.Writer), refused *stanza.Error) {
	kind, name := "command-list", "Commands"
	c := s.named(node)
	switch {
	case node == ns.Commands:
	case c == nil || !c.admits(t):
		return nil, stanza.NewError(stanza.ItemNotFound, "XEP-0030 §3.2", "there is no such node")
	default:
		kind, name = "command-node", c.Name
	}
	req := Request{Word: word}
	return func(w *xmlwire.Writer) {
		w.Start("query", ns.DiscoInfo)
		w.Attr("node", node)
		w.Start("identity", "")
		w.Attr("category", "automation")
		w.Attr("type", kind)
		w.Attr("name", req.word("", name))
		w.End()
		for _, feature := range [...]string{ns.Commands, ns.Data} {
			w.Start("feature", "")
			w.Attr("var", feature)
			w.End()
		}
		w.End()
	}, nil
}
