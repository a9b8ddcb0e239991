package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"

	"github.com/gomuc/muc/scansion"
)

//go:embed report.html
var pageSource string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"levels": func() []scansion.Level { return levels },
	"title":  levelTitle,
	"join":   strings.Join,
}).Parse(pageSource))

// HTML writes the same as [Markdown] as a page that needs nothing else, with what was wanted
// and what came.
func HTML(w io.Writer, servers ...*Result) error {
	t := newTable(servers)
	type field struct {
		Text  string
		Share int // per cent, -1 where nothing is known
	}
	cell := func(c *count) field {
		if c.judged() == 0 {
			return field{c.text(), -1}
		}
		return field{c.text(), 100 * c.kept / c.judged()}
	}
	type row struct {
		Chapter string
		Cells   [][]field
	}
	rows := func(chapter string) row {
		r := row{Chapter: chapter}
		for i := range servers {
			var fields []field
			for _, level := range levels {
				fields = append(fields, cell(t.count(chapter, i, level)))
			}
			r.Cells = append(r.Cells, fields)
		}
		return r
	}
	type outcome struct {
		Word    string
		Finding *scansion.Finding
	}
	type line struct {
		Script   string
		Mark     scansion.Mark
		Outcomes []outcome
	}
	data := struct {
		Servers []*Result
		Total   row
		Rows    []row
		Lines   []line
	}{Servers: servers, Total: rows("")}
	for _, chapter := range t.chapters {
		data.Rows = append(data.Rows, rows(chapter))
	}
	for _, s := range t.broken() {
		l := line{Script: s.script, Mark: s.mark}
		for i := range servers {
			l.Outcomes = append(l.Outcomes, outcome{strings.Trim(s.word(i), "*"), s.findings[i]})
		}
		data.Lines = append(data.Lines, l)
	}
	return page.Execute(w, data)
}
