// Package report shows how servers do in the conformance suite: what scansion.Judge found, by
// chapter, side by side for several servers, as Markdown, as a page and as JUnit XML.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc/scansion"
)

// Result is how one server does. It is written to a file as JSON.
type Result struct {
	// Server is its name and version, for people, as "Prosody 0.12.3".
	Server string `json:"server"`
	// Suite is the version of the scripts.
	Suite string `json:"suite,omitempty"`
	// Played is when.
	Played   time.Time          `json:"played"`
	Verdicts []scansion.Verdict `json:"verdicts"`
}

// maxResult bounds what is read.
const maxResult = 64 << 20

// Write writes a result.
func (r *Result) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "\t")
	return enc.Encode(r)
}

// Read reads what [Result.Write] wrote.
func Read(in io.Reader) (*Result, error) {
	src, err := io.ReadAll(io.LimitReader(in, maxResult+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxResult {
		return nil, fmt.Errorf("a result has at most %d bytes", maxResult)
	}
	r := new(Result)
	if err := json.Unmarshal(src, r); err != nil {
		return nil, err
	}
	if r.Server == "" || len(r.Verdicts) == 0 {
		return nil, errors.New("that is no result of scansion: it names no server, or no scripts")
	}
	return r, nil
}

// Script is the name by which a script is cited: its path below the folder of the suite.
func Script(name string) string {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if i := strings.LastIndex("/"+name, "/testdata/"); i >= 0 {
		return name[i+len("testdata/"):]
	}
	return name
}

// chapter is the folder of a script.
func chapter(name string) string {
	dir, _ := path.Split(Script(name))
	return cmp.Or(strings.TrimSuffix(dir, "/"), ".")
}

// levels are the columns of a server, the strongest first.
var levels = []scansion.Level{scansion.Must, scansion.Should, scansion.May, scansion.Choice}

// count is how many marks of a level there are, and what became of them.
type count struct{ kept, broken, unreached int }

func (c *count) add(o scansion.Outcome) {
	switch o {
	case scansion.Kept:
		c.kept++
	case scansion.Broken:
		c.broken++
	default:
		c.unreached++
	}
}

// judged are those of which something is known.
func (c count) judged() int { return c.kept + c.broken }

// text is 12/14: kept and judged.
func (c count) text() string {
	if c.judged() == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", c.kept, c.judged())
}

// table is the counts of several servers by chapter and level.
type table struct {
	servers  []*Result
	chapters []string
	// counts are by chapter, server and level; all are under "".
	counts map[string][]map[scansion.Level]*count
}

func newTable(servers []*Result) *table {
	t := &table{servers: servers, counts: map[string][]map[scansion.Level]*count{}}
	for i, s := range servers {
		for _, v := range s.Verdicts {
			name := chapter(v.Script)
			if !slices.Contains(t.chapters, name) {
				t.chapters = append(t.chapters, name)
			}
			for _, a := range v.Asks {
				t.count("", i, a.Level).add(a.Outcome)
				t.count(name, i, a.Level).add(a.Outcome)
			}
		}
	}
	slices.Sort(t.chapters)
	return t
}

func (t *table) count(chapter string, server int, level scansion.Level) *count {
	if t.counts[chapter] == nil {
		t.counts[chapter] = make([]map[scansion.Level]*count, len(t.servers))
		for i := range t.counts[chapter] {
			t.counts[chapter][i] = map[scansion.Level]*count{}
		}
	}
	byLevel := t.counts[chapter][server]
	if byLevel[level] == nil {
		byLevel[level] = new(count)
	}
	return byLevel[level]
}

// sentence is a mark that at least one server does not keep, and what each does of it.
type sentence struct {
	script string
	mark   scansion.Mark
	// outcomes and findings are by server.
	outcomes []scansion.Outcome
	findings []*scansion.Finding
}

// broken are the sentences that some server does not keep, by script, the strongest first.
func (t *table) broken() []sentence {
	var all []sentence
	at := func(script string, m scansion.Mark) *sentence {
		for i := range all {
			if all[i].script == script && all[i].mark == m {
				return &all[i]
			}
		}
		all = append(all, sentence{
			script: script, mark: m,
			outcomes: make([]scansion.Outcome, len(t.servers)), findings: make([]*scansion.Finding, len(t.servers)),
		})
		return &all[len(all)-1]
	}
	for i, s := range t.servers {
		for _, v := range s.Verdicts {
			for _, a := range v.Asks {
				at(Script(v.Script), a.Mark).outcomes[i] = a.Outcome
			}
			for j, f := range v.Findings {
				for _, m := range f.Marks {
					if one := at(Script(v.Script), m); one.findings[i] == nil {
						one.outcomes[i], one.findings[i] = scansion.Broken, &v.Findings[j]
					}
				}
			}
		}
	}
	all = slices.DeleteFunc(all, func(s sentence) bool { return !slices.Contains(s.outcomes, scansion.Broken) })
	slices.SortStableFunc(all, func(a, b sentence) int {
		return cmp.Or(cmp.Compare(b.mark.Level, a.mark.Level), cmp.Compare(a.script, b.script))
	})
	return all
}

// played are how many scripts a server was asked.
func (r *Result) played() (scripts int) {
	for _, v := range r.Verdicts {
		if v.Skipped == "" {
			scripts++
		}
	}
	return scripts
}

// unbegun is how many scripts ended in a beginning that scripts share, and showed nothing.
func (r *Result) unbegun() (scripts int) {
	for _, v := range r.Verdicts {
		if slices.ContainsFunc(v.Findings, func(f scansion.Finding) bool { return len(f.Marks) == 0 }) {
			scripts++
		}
	}
	return scripts
}
