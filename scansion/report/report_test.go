package report

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/scansion"
)

var (
	must   = scansion.Mark{Level: scansion.Must, Document: "XEP-0045", Section: "7.2", Sentence: "MUST <enter> | \"so\""}
	should = scansion.Mark{Level: scansion.Should, Document: "XEP-0421", Section: "4", Sentence: "SHOULD"}
	choice = scansion.Mark{Level: scansion.Choice, Sentence: "chosen"}
)

func asked(m scansion.Mark, o scansion.Outcome) scansion.Asked {
	return scansion.Asked{Mark: m, Outcome: o}
}

func finding(m scansion.Mark) scansion.Finding {
	return scansion.Finding{
		Marks: []scansion.Mark{m}, Where: "a.scs:7", Action: "Romeo receives:", Reason: "nothing came & so on",
		Wanted: "<presence/>", Came: "<message/>", Differences: []string{"stanza: expected <presence/>"},
	}
}

// results are those of two servers: the first keeps everything.
func results() []*Result {
	played := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	return []*Result{
		{Server: "One 1.0", Suite: "1", Played: played, Verdicts: []scansion.Verdict{
			{Script: "../testdata/07-02-entering/a.scs", Seconds: 0.5, Asks: []scansion.Asked{asked(must, scansion.Kept), asked(choice, scansion.Kept)}},
			{Script: "/x/testdata/08-01-subject/b.scs", Seconds: 1, Asks: []scansion.Asked{asked(should, scansion.Kept)}},
		}},
		{Server: "Two | 2", Suite: "1", Played: played, Verdicts: []scansion.Verdict{
			{Script: "/x/testdata/07-02-entering/a.scs", Seconds: 0.25, Asks: []scansion.Asked{asked(must, scansion.Broken), asked(choice, scansion.Broken)},
				Findings: []scansion.Finding{finding(choice), finding(must)}},
			{Script: "/x/testdata/08-01-subject/b.scs", Skipped: "its rooms do not have XEP-0421", Asks: []scansion.Asked{asked(should, scansion.Unreached)}},
			{Script: "/x/testdata/08-01-subject/c.scs", Asks: []scansion.Asked{asked(must, scansion.Unreached)}, Findings: []scansion.Finding{{Where: "p.scs:1", Reason: "nobody came"}}},
		}},
	}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	require.NoError(t, Markdown(&b, results()...))
	for _, line := range []string{
		`| | One 1.0 | Two \| 2 |`,
		"| played | 2026-11-30 | 2026-11-30 |",
		"| scripts played | 2 of 2 | 2 of 3 |",
		"| of them ended in what scripts share | 0 | 1 |",
		"| MUST kept | 1/1 | 0/1 |",
		"| SHOULD kept | 1/1 | – |",
		"| choices shared | 1/1 | 0/1 |",
		"| 07-02-entering | 1/1 · – · – · 1/1 | 0/1 · – · – · 0/1 |",
		"| 08-01-subject | – · 1/1 · – · – | – · – · – · – |",
		`| 07-02-entering/a | §7.2 MUST &lt;enter> \| "so" | yes | **no** |`,
		"| 07-02-entering/a | chosen | yes | **no** |",
	} {
		assert.Contains(t, b.String(), line+"\n")
	}
	assert.NotContains(t, b.String(), "XEP-0421 §4", "what nobody breaks")
	assert.Less(t, strings.Index(b.String(), "### MUST"), strings.Index(b.String(), "### Choices"))
}

func TestHTML(t *testing.T) {
	var b strings.Builder
	require.NoError(t, HTML(&b, results()...))
	page := b.String()
	for _, part := range []string{
		"<title>", "One 1.0", "Two | 2", `<td class="n few">0/1`, `<td class="n all">1/1`, `<td class="n ">–`,
		"<summary>no</summary>", "a.scs:7: Romeo receives:", "&lt;presence/&gt;", "MUST §7.2 &#34;MUST &lt;enter&gt;",
	} {
		assert.Contains(t, page, part)
	}
	for _, outside := range []string{"http://", "https://", "src=", "<script", "<link"} {
		assert.NotContains(t, page, outside, "it needs nothing else")
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, results()...))
	var got suites
	require.NoError(t, xml.Unmarshal(b.Bytes(), &got))
	require.Len(t, got.Suites, 2)
	one, two := got.Suites[0], got.Suites[1]
	assert.Equal(t, []int{2, 0, 0, 0}, []int{one.Tests, one.Failures, one.Errors, one.Skipped})
	assert.Equal(t, []int{3, 1, 1, 1}, []int{two.Tests, two.Failures, two.Errors, two.Skipped})
	assert.InDelta(t, 1.5, float64(one.Time), 0.001)
	failed := two.Cases[0]
	assert.Equal(t, "07-02-entering", failed.Class)
	assert.Equal(t, "07-02-entering/a.scs", failed.Name)
	require.NotNil(t, failed.Failure)
	assert.Equal(t, "MUST", failed.Failure.Type)
	assert.Equal(t, must.String(), failed.Failure.Message)
	assert.Contains(t, failed.Failure.Text, "<presence/>")
	assert.NotContains(t, failed.Failure.Text, "chosen")
	assert.Contains(t, failed.Out, "chosen")
	assert.Equal(t, "its rooms do not have XEP-0421", two.Cases[1].Skipped.Message)
	assert.Equal(t, "nobody came", two.Cases[2].Error.Message)
}

// What was written is read again, and nothing else is.
func TestRead(t *testing.T) {
	for _, r := range results() {
		var b bytes.Buffer
		require.NoError(t, r.Write(&b))
		back, err := Read(&b)
		require.NoError(t, err)
		assert.Equal(t, r, back)
	}
	for src, want := range map[string]string{"": "unexpected end", "{}": "no result of scansion", `{"server":"x"}`: "no result of scansion", `[1]`: "cannot unmarshal"} {
		_, err := Read(strings.NewReader(src))
		assert.ErrorContains(t, err, want)
	}
	_, err := Read(strings.NewReader(strings.Repeat(" ", maxResult+1)))
	assert.ErrorContains(t, err, "at most")
}

func TestScript(t *testing.T) {
	for name, want := range map[string]string{
		"testdata/a/b.scs": "a/b.scs", "/x/testdata/a/b.scs": "a/b.scs", `..\testdata\a\b.scs`: "a/b.scs", "a/b.scs": "a/b.scs", "mytestdata/b.scs": "mytestdata/b.scs",
	} {
		assert.Equal(t, want, Script(name))
	}
	assert.Equal(t, ".", chapter("b.scs"))
}
