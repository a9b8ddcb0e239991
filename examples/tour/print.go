package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// printer writes the tour for a terminal of 80 columns, without colour.
type printer struct {
	w    io.Writer
	last string // the stanza that was printed last
}

const columns = 80

func (p *printer) prologue(room muc.JID) {
	p.text("An evening in " + room.String() + ". Each scene is one stanza on its way through the room:" +
		" who sends it, which stanzas go out and to whom, and the events that happened. The durable events are" +
		" what a host has to store before anything goes out; volatile ones matter only as long as people are inside.")
}

func (p *printer) scene(number int, title, remark string) {
	head := fmt.Sprintf("== %d. %s ", number, title)
	fmt.Fprintf(p.w, "\n%s%s\n\n", head, strings.Repeat("=", columns-len(head)))
	p.text(remark)
	fmt.Fprintln(p.w)
}

func (p *printer) sends(from string, stanza *etree.Element) {
	fmt.Fprintf(p.w, "in, from %s\n", from)
	p.stanza(stanza)
}

func (p *printer) delivers(out muc.Outbound) {
	var readers []string
	for _, to := range out.To() {
		readers = append(readers, to.String())
	}
	p.text(fmt.Sprintf("out, to %d: %s", len(readers), strings.Join(readers, ", ")))
	p.stanza(out.Stanza())
}

// effects prints what does not go out.
func (p *printer) effects(fx muc.Effects) {
	if r := fx.Refused; r != nil {
		fmt.Fprintf(p.w, "refused: %s (%s)\n", r.Condition, r.Section)
	}
	if len(fx.Durable)+len(fx.Volatile) == 0 {
		fmt.Fprintln(p.w, "no events")
	}
	for ev := range fx.Events() {
		if ev.Durable() {
			fmt.Fprintf(p.w, "event %d, durable: %s\n", ev.Seq, ev.Type())
		} else {
			fmt.Fprintf(p.w, "event %d.%d: %s\n", ev.Seq, ev.Sub, ev.Type())
		}
		if data := dataOf(ev); data != "{}" {
			p.fold("    ", data)
		}
	}
}

// dataOf is what an event says, as in its JSON.
func dataOf(ev event.Event) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(ev.Body); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func (p *printer) rebuilt(events, durable int) {
	fmt.Fprintf(p.w, "\n== The same room again %s\n\n", strings.Repeat("=", columns-len("== The same room again ")))
	p.text(fmt.Sprintf("Built from nothing but the log of %d events, %d of them durable.", events, durable))
}

// text writes a paragraph.
func (p *printer) text(s string) { p.fold("", s) }

// fold writes a text or JSON on as many lines as it needs.
func (p *printer) fold(margin, s string) {
	line := margin
	for _, piece := range pieces(s) {
		if line != margin && len(line)+len(strings.TrimRight(piece, " ")) > columns {
			fmt.Fprintln(p.w, strings.TrimRight(line, " "))
			line = margin
		}
		line += piece
	}
	fmt.Fprintln(p.w, strings.TrimRight(line, " "))
}

// pieces are what a line may be broken between: after blanks, and in JSON before
// names.
func pieces(s string) []string {
	var list []string
	from := 0
	for i := 1; i < len(s); i++ {
		if s[i-1] == ' ' || s[i-1] == ',' && s[i] == '"' {
			list = append(list, s[from:i])
			from = i
		}
	}
	return append(list, s[from:])
}

// stanza writes a stanza, unless it is the one above once more.
func (p *printer) stanza(el *etree.Element) {
	var b strings.Builder
	write(&b, "    ", el)
	if b.String() == p.last {
		fmt.Fprintln(p.w, "    (the same stanza)")
		return
	}
	p.last = b.String()
	fmt.Fprint(p.w, p.last)
}

// write writes an element on as many lines as it needs.
func write(b *strings.Builder, margin string, el *etree.Element) {
	kids, text, end := el.ChildElements(), escape.Replace(el.Text()), "</"+el.Tag+">\n"
	tag := startTag(margin, el)
	switch {
	case len(kids) == 0 && text == "":
		b.WriteString(strings.TrimSuffix(tag, ">") + "/>\n")
	case len(kids) == 0 && len(tag)+len(text)+len(end) <= columns:
		b.WriteString(tag + text + end)
	default:
		b.WriteString(tag + "\n")
		if text != "" {
			b.WriteString(margin + "  " + text + "\n")
		}
		for _, kid := range kids {
			write(b, margin+"  ", kid)
		}
		b.WriteString(margin + end)
	}
}

// startTag is a start tag, broken between its attributes where it is too long.
func startTag(margin string, el *etree.Element) string {
	lines, line := "", margin+"<"+el.Tag
	for _, a := range el.Attr {
		attr := " " + a.FullKey() + "='" + escape.Replace(a.Value) + "'"
		if len(line)+len(attr)+len("/>") > columns {
			lines, line = lines+line+"\n", margin+"   "
		}
		line += attr
	}
	return lines + line + ">"
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;")
