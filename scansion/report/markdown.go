package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gomuc/muc/scansion"
)

// Markdown writes the tables of several servers, side by side: how many sentences each keeps,
// by chapter, and which it does not.
func Markdown(w io.Writer, servers ...*Result) error {
	t := newTable(servers)
	p := &printer{w: w}
	p.line("| | %s |", strings.Join(names(servers), " | "))
	p.line("|---|%s", strings.Repeat("---|", len(servers)))
	p.row("played", servers, func(i int) string { return servers[i].Played.Format("2006-01-02") })
	p.row("suite", servers, func(i int) string { return servers[i].Suite })
	p.row("scripts played", servers, func(i int) string {
		return fmt.Sprintf("%d of %d", servers[i].played(), len(servers[i].Verdicts))
	})
	p.row("of them ended in what scripts share", servers, func(i int) string { return fmt.Sprint(servers[i].unbegun()) })
	for _, level := range levels {
		p.row(levelTitle(level), servers, func(i int) string { return t.count("", i, level).text() })
	}

	p.line("")
	p.line("By chapter, how many are kept of those that were seen: MUST · SHOULD · MAY · choice.")
	p.line("")
	p.line("| Chapter | %s |", strings.Join(names(servers), " | "))
	p.line("|---|%s", strings.Repeat("---|", len(servers)))
	for _, chapter := range t.chapters {
		p.row(chapter, servers, func(i int) string {
			var parts []string
			for _, level := range levels {
				parts = append(parts, t.count(chapter, i, level).text())
			}
			return strings.Join(parts, " · ")
		})
	}

	all := t.broken()
	for _, level := range levels {
		p.sentences(level, servers, all)
	}
	return p.err
}

func levelTitle(l scansion.Level) string {
	if l == scansion.Choice {
		return "choices shared"
	}
	return l.String() + " kept"
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) row(title string, servers []*Result, cell func(int) string) {
	cells := []string{title}
	for i := range servers {
		cells = append(cells, cell(i))
	}
	p.line("| %s |", strings.Join(cells, " | "))
}

// sentences is a table of those of a level that some server does not keep.
func (p *printer) sentences(level scansion.Level, servers []*Result, all []sentence) {
	all = slices.DeleteFunc(slices.Clone(all), func(s sentence) bool { return s.mark.Level != level })
	if len(all) == 0 {
		return
	}
	p.line("")
	p.line("### %s", map[scansion.Level]string{
		scansion.Must: "MUST, not kept", scansion.Should: "SHOULD, not kept", scansion.May: "MAY, not done", scansion.Choice: "Choices, not shared",
	}[level])
	p.line("")
	p.line("| Script | Asks | %s |", strings.Join(names(servers), " | "))
	p.line("|---|---|%s", strings.Repeat("---|", len(servers)))
	for _, s := range all {
		asks := s.mark.Sentence
		if where := s.mark.Where(); where != "" {
			asks = where + " " + asks
		}
		p.row(strings.TrimSuffix(s.script, scansion.Extension)+" | "+plain.Replace(asks), servers, func(i int) string { return s.word(i) })
	}
}

// word is what became of a sentence with a server.
func (s sentence) word(server int) string {
	switch s.outcomes[server] {
	case scansion.Kept:
		return "yes"
	case scansion.Broken:
		return "**no**"
	}
	return "–"
}

// plain is text in a field of a table.
var plain = strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ")

func names(servers []*Result) []string {
	var all []string
	for _, s := range servers {
		all = append(all, plain.Replace(s.Server))
	}
	return all
}
