package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/gomuc/muc/scansion"
)

// The elements of JUnit's format, as far as they are used.
type (
	suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	suite struct {
		Name     string  `xml:"name,attr"`
		Tests    int     `xml:"tests,attr"`
		Failures int     `xml:"failures,attr"`
		Errors   int     `xml:"errors,attr"`
		Skipped  int     `xml:"skipped,attr"`
		Time     seconds `xml:"time,attr"`
		Stamp    string  `xml:"timestamp,attr"`
		Cases    []test  `xml:"testcase"`
	}
	test struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Time    seconds  `xml:"time,attr"`
		Failure *outcome `xml:"failure"`
		Error   *outcome `xml:"error"`
		Skipped *outcome `xml:"skipped"`
		Out     string   `xml:"system-out,omitempty"`
	}
	outcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
	seconds float64
)

// MarshalText writes as many digits as are of use.
func (s seconds) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%.3f", float64(s)), nil }

// JUnit writes results as programs for continuous integration read them: a suite for each
// server, a case for each script. A case fails if a MUST or SHOULD is not kept; what a server
// may do, or chooses, is in the output of the case. A script that could not be begun is an
// error.
func JUnit(w io.Writer, servers ...*Result) error {
	var all suites
	for _, s := range servers {
		one := suite{Name: s.Server, Stamp: s.Played.Format("2006-01-02T15:04:05")}
		for _, v := range s.Verdicts {
			c := newCase(v)
			one.Tests++
			one.Time += c.Time
			switch {
			case c.Skipped != nil:
				one.Skipped++
			case c.Error != nil:
				one.Errors++
			case c.Failure != nil:
				one.Failures++
			}
			one.Cases = append(one.Cases, c)
		}
		all.Suites = append(all.Suites, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "\t")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func newCase(v scansion.Verdict) test {
	c := test{Class: chapter(v.Script), Name: Script(v.Script), Time: seconds(v.Seconds)}
	if v.Skipped != "" {
		c.Skipped = &outcome{Message: v.Skipped}
		return c
	}
	var failed *scansion.Finding
	var failures, out strings.Builder
	for i, f := range v.Findings {
		switch {
		case len(f.Marks) == 0:
			c.Error = &outcome{Message: f.Reason, Text: text(f)}
		case f.Marks[0].Level >= scansion.Should:
			if failed == nil || f.Marks[0].Level > failed.Marks[0].Level {
				failed = &v.Findings[i]
			}
			failures.WriteString(text(f))
		default:
			out.WriteString(text(f))
		}
	}
	c.Out = out.String()
	if failed != nil && c.Error == nil {
		c.Failure = &outcome{Message: failed.Marks[0].String(), Type: failed.Marks[0].Level.String(), Text: failures.String()}
	}
	return c
}

// text is a finding for people.
func text(f scansion.Finding) string {
	var b strings.Builder
	for _, m := range f.Marks {
		fmt.Fprintln(&b, m)
	}
	fmt.Fprintf(&b, "%s: %s %s\n", f.Where, f.Action, f.Reason)
	for _, d := range f.Differences {
		fmt.Fprintln(&b, "  "+d)
	}
	for _, part := range [...]struct{ title, text string }{{"wanted", f.Wanted}, {"came", f.Came}} {
		if part.text != "" {
			fmt.Fprintf(&b, "%s:\n%s\n", part.title, part.text)
		}
	}
	return b.String()
}
