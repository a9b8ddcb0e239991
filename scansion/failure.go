package scansion

import (
	"fmt"
	"strings"
)

// Failure is an expectation that was not met, or an action that could not be
// performed.
type Failure struct {
	File string
	Line int
	// Action is the action's own line, as "Romeo receives:".
	Action string
	// Reason says in one line what went wrong.
	Reason string
	// Expected and Came are XML for people: what should have come, and the
	// nearest of what did. Both may be empty.
	Expected, Came string
	// Differences name what is different between the two.
	Differences []string

	err error
}

// Unwrap is the error of a room or host, if there was one.
func (f *Failure) Unwrap() error { return f.err }

// Error is the whole report, on several lines.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s: %s", f.File, f.Line, strings.TrimSuffix(f.Action, ":"), f.Reason)
	part := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n  %s\n%s", title, text)
		}
	}
	part("expected:", f.Expected)
	part("came:", f.Came)
	if len(f.Differences) > 0 {
		part("difference:", "    "+strings.Join(f.Differences, "\n    "))
	}
	return b.String()
}

// maxDifferences is how many differences a person wants to read.
const maxDifferences = 8

// notReceived explains why none of the candidates is what was expected.
func (p *player) notReceived(u *user, a *action, m matcher, candidates []mail) error {
	f := &Failure{Expected: a.expect.expand(p.vars).format("    ")}
	switch {
	case len(candidates) == 0:
		f.Reason = "nothing came"
		if !u.connected {
			f.Reason += ", " + u.Name + " is not connected"
		}
	case p.mode == Exact:
		f.Reason = "the next stanza is not as expected"
	case len(candidates) == 1:
		f.Reason = "the only stanza that came is not as expected"
	default:
		f.Reason = fmt.Sprintf("none of the %d stanzas that came is as expected; the nearest is shown", len(candidates))
	}
	for _, passed := range u.passed {
		if v := m.stanza(a.expect, passed.stanza); v.matches() {
			f.Reason += fmt.Sprintf("; it had come, but line %d went past it", passed.passedBy)
			break
		}
	}
	if len(candidates) == 0 {
		return f
	}
	nearest, verdict := candidates[0], m.stanza(a.expect, candidates[0].stanza)
	for _, c := range candidates[1:] {
		if v := m.stanza(a.expect, c.stanza); v.weight() < verdict.weight() {
			nearest, verdict = c, v
		}
	}
	f.Came = nearest.String()
	for i, d := range verdict.differences {
		if i == maxDifferences {
			f.Differences = append(f.Differences, fmt.Sprintf("and %d more", len(verdict.differences)-i))
			break
		}
		f.Differences = append(f.Differences, d.String())
	}
	return f
}

// String is the stanza as it came, and why.
func (m mail) String() string {
	return fmt.Sprintf("%s\n    (an effect of line %d)", m.stanza.format("    "), m.cause)
}

func listing(mails []mail) string {
	var parts []string
	for _, m := range mails {
		parts = append(parts, m.String())
	}
	return strings.Join(parts, "\n")
}
