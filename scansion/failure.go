package scansion

import (
	"fmt"
	"strings"
)

// Failure is an expectation that was not met, or an action that could not be
// performed.
type Failure struct {
	// File is the script's; "" for a Failure of [Find].
	File string
	Line int
	// IncludedAt is where the script includes that file, as "kick.scs:5"; "" if it is
	// the script's own.
	IncludedAt string
	// Action is the action's own line, as "Romeo receives:".
	Action string
	// Reason says in one line what went wrong.
	Reason string
	// Expected and Came are XML for people: what should have come, and the
	// nearest of what did. Both may be empty.
	Expected, Came string
	// Differences name what is different between the two.
	Differences []string
	// Nearest is XML for people: what came later and is more like what was expected
	// than what came next, in the modes that skip nothing. It may be empty.
	Nearest string
	// Notes name the wildcards that matched, and matched nothing.
	Notes []string

	err error
}

// Unwrap is the error of a room or host, if there was one.
func (f *Failure) Unwrap() error { return f.err }

// Error is the whole report, on several lines.
func (f *Failure) Error() string {
	var b strings.Builder
	if f.File != "" {
		fmt.Fprintf(&b, "%s:%d: %s: ", f.File, f.Line, strings.TrimSuffix(f.Action, ":"))
	}
	b.WriteString(f.Reason)
	if f.IncludedAt != "" {
		fmt.Fprintf(&b, " (included at %s)", f.IncludedAt)
	}
	part := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n  %s\n%s", title, text)
		}
	}
	part("expected:", f.Expected)
	part("came:", f.Came)
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			part(title, "    "+strings.Join(lines, "\n    "))
		}
	}
	list("difference:", f.Differences)
	list("note:", f.Notes)
	part("nearest:", f.Nearest)
	return b.String()
}

// maxDifferences is how many differences a person wants to read.
const maxDifferences = 8

// notReceived explains why none of the candidates is what was expected.
func (p *player) notReceived(u *user, a *action, m matcher, candidates []mail) error {
	f := m.failure(a.expect, candidates, u.inbox, a.file)
	if len(candidates) == 0 && !u.connected {
		f.Reason += ", " + u.Name + " is not connected"
	}
	for _, passed := range u.passed {
		if v := m.stanza(a.expect, passed.stanza); v.matches() {
			f.Reason += fmt.Sprintf("; it had come, but %s went past it", passed.passedBy.seenFrom(a.file))
			break
		}
	}
	return f
}

// failure says how the candidates, which are the first of all that came, differ from what
// is wanted, to somebody who reads the given file.
func (m matcher) failure(want *node, candidates, came []mail, file string) *Failure {
	f := &Failure{Expected: want.expand(m.vars).format("    ")}
	switch {
	case len(candidates) == 0:
		f.Reason = "nothing came"
		return f
	case m.mode.skipsNothing():
		f.Reason = "the next stanza is not as expected"
	case len(candidates) == 1:
		f.Reason = "the only stanza that came is not as expected"
	default:
		f.Reason = fmt.Sprintf("none of the %d stanzas that came is as expected; the nearest is shown", len(candidates))
	}
	i, verdict := m.nearest(want, candidates)
	f.Came = candidates[i].show(file)
	if m.mode.skipsNothing() {
		if i, v := m.nearest(want, came); v.weight() < verdict.weight() {
			f.Reason += fmt.Sprintf("; the nearest is number %d of the %d that came", i+1, len(came))
			f.Nearest = came[i].show(file)
		}
	}
	for i, d := range verdict.differences {
		if i == maxDifferences {
			f.Differences = append(f.Differences, fmt.Sprintf("and %d more", len(verdict.differences)-i))
			break
		}
		f.Differences = append(f.Differences, d.String())
	}
	f.Notes = verdict.notes[:min(len(verdict.notes), maxDifferences)]
	return f
}

// nearest is the index of the stanza that is most like what is expected, the first
// of several; there has to be one.
func (m matcher) nearest(want *node, mails []mail) (int, verdict) {
	best, verdict := 0, m.stanza(want, mails[0].stanza)
	for i, c := range mails[1:] {
		if v := m.stanza(want, c.stanza); v.weight() < verdict.weight() {
			best, verdict = i+1, v
		}
	}
	return best, verdict
}

// show is the stanza as it came, and why, to somebody who reads the given file.
func (m mail) show(file string) string {
	if m.cause == nil {
		return m.stanza.format("    ")
	}
	return fmt.Sprintf("%s\n    (an effect of %s)", m.stanza.format("    "), m.cause.seenFrom(file))
}

func listing(mails []mail, file string) string {
	var parts []string
	for _, m := range mails {
		parts = append(parts, m.show(file))
	}
	return strings.Join(parts, "\n")
}
