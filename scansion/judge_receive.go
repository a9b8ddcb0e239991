package scansion

import (
	"fmt"
	"slices"
	"strings"
)

// receives looks for what an action expects among all that came to its client in this round.
func (j *judge) receives(a *action) error {
	u := j.users[a.client]
	j.looksAt(u)
	if j.reading.here = j.script.Asks; len(j.marksOf(a)) > 0 && (len(a.asks) > 0 || len(j.round.asks) > 0) {
		j.reading.here = j.marksOf(a)
	}
	want := j.reading.of(a.expect)
	for {
		if i, v := j.pick(u, want); i >= 0 {
			j.accept(u, a, want, i, v)
			return nil
		}
		if want.left {
			j.permitted = append(j.permitted, meeting{user: u, want: want})
			return nil
		}
		if more, err := j.stage.more(u); err != nil {
			return err
		} else if !more {
			break
		}
	}
	if j.acceptNearly(u, a) {
		return nil
	}
	m := matcher{mode: Spec, vars: j.vars}
	f := Finding{Reason: "nothing came", Wanted: want.expand(j.vars).format("    ")}
	if len(u.inbox) > 0 {
		i, v := m.nearest(want, u.inbox)
		f.Reason, f.Came = fmt.Sprintf("none of the %d stanzas that came is as asked", len(u.inbox)), u.inbox[i].stanza.format("    ")
		for _, d := range v.differences[:min(len(v.differences), maxDifferences)] {
			f.Differences = append(f.Differences, d.String())
		}
	}
	j.find(a, f)
	j.stops = !j.instead(u, want) && !optional(a) || j.stops
	return nil
}

// instead takes the answer that came instead of the one that is wanted, and reports whether the
// script can go on with it: after a question, or where both are errors.
func (j *judge) instead(u *user, want *node) bool {
	i := slices.IndexFunc(u.inbox, func(m mail) bool {
		return m.stanza.name == want.name && want.value("id") != "" && m.stanza.value("id") == want.expand(j.vars).value("id")
	})
	if i < 0 {
		return false
	}
	came := u.inbox[i].stanza
	asks := j.reading.own && j.reading.sent.name.Local == "iq" && j.reading.sent.value("type") == "get"
	if !asks && (came.value("type") != "error" || want.value("type") != "error") {
		return false
	}
	j.take(u, i)
	return true
}

// pick is the first stanza in an inbox that is as wanted, -1 if there is none.
func (j *judge) pick(u *user, want *node) (int, verdict) {
	m := matcher{Spec, j.vars}
	for i, c := range u.inbox {
		if v := m.stanza(want, c.stanza); v.matches() {
			return i, v
		}
	}
	return -1, verdict{}
}

// accept takes a stanza out of the inbox as the one that was expected.
func (j *judge) accept(u *user, a *action, want *node, i int, v verdict) {
	for name, value := range v.captured {
		j.vars[name] = value
	}
	number := j.take(u, i)
	for _, before := range j.met {
		if before.user != u || before.number < number {
			continue
		}
		if o := ordered(before.want, a.expect, j.reading.enters()); o != nil {
			j.find(a, Finding{
				Marks:  []Mark{o.mark},
				Reason: "it came before what has to come before it: " + o.what,
				Wanted: before.want.expand(j.vars).format("    "), Came: want.expand(j.vars).format("    "),
			})
		}
	}
	j.met = append(j.met, meeting{u, a.expect, number})
	if len(a.asks) == 0 && len(j.round.asks) == 0 && a.file == j.script.Name {
		j.unmarked++
	}
}

// looksAt makes the reading that of a client.
func (j *judge) looksAt(u *user) {
	r := &j.reading
	r.user, r.who, r.known, r.sent, r.own = u, u.JID.Bare(), j.known[u], nil, false
	if j.round == nil || j.round.verb != verbSends {
		return
	}
	if n, err := fromElement(j.round.send); err == nil {
		r.sent, r.own = n, j.users[j.round.client] == u
	}
}

// take removes a stanza from an inbox, remembers what it says of an occupant, and is its
// number.
func (j *judge) take(u *user, i int) int {
	j.count(u)
	n, number := u.inbox[i].stanza, j.numbers[u][i]
	u.inbox = slices.Delete(u.inbox, i, i+1)
	j.numbers[u] = slices.Delete(j.numbers[u], i, i+1)
	if n.name.Local == "presence" && n.value("type") != "error" {
		if j.known[u] == nil {
			j.known[u] = map[string]*node{}
		}
		j.known[u][n.value("from")] = n
	}
	return number
}

// count numbers what came to a client since it was last looked at.
func (j *judge) count(u *user) {
	for len(j.numbers[u]) < len(u.inbox) {
		j.numbers[u] = append(j.numbers[u], j.came[u])
		j.came[u]++
	}
}

// attempt is a way to be less demanding.
type attempt struct {
	waived   []Mark
	trusting bool
}

// attempts are all of them, the most demanding first: without the prohibitions, without one of the
// marks that are no MUST, without all of these, and without both.
func (j *judge) attempts() (all []attempt, lesser []Mark) {
	lesser = slices.DeleteFunc(slices.Clone(j.reading.asks), func(m Mark) bool { return m.Level == Must || m.Level == Choice })
	all = []attempt{{trusting: true}}
	for _, m := range lesser {
		all = append(all, attempt{waived: []Mark{m}})
	}
	return append(all, attempt{waived: lesser}, attempt{lesser, true}), lesser
}

// acceptNearly accepts a stanza that would be as wanted but for a prohibition, or but for what
// one or all of the marks ask for that are no MUST, and says so.
func (j *judge) acceptNearly(u *user, a *action) bool {
	attempts, lesser := j.attempts()
	for _, try := range attempts {
		r := j.reading
		r.waived, r.trusting = try.waived, try.trusting
		want := r.of(a.expect)
		if want.left {
			continue // it may as well not come, but then it is another one that came
		}
		i, v := j.pick(u, want)
		if i < 0 {
			continue
		}
		came := u.inbox[i].stanza
		if try.trusting {
			j.findProhibited(a, came)
		}
		if len(try.waived) > 0 {
			f := Finding{Marks: try.waived, Reason: "it came without what is asked for there",
				Wanted: j.reading.of(a.expect).expand(j.vars).format("    "), Came: came.format("    ")}
			for _, d := range (matcher{Spec, j.vars}).stanza(j.reading.of(a.expect), came).differences {
				f.Differences = append(f.Differences, d.String())
			}
			j.find(a, f)
		}
		j.accept(u, a, want, i, v)
		return true
	}
	// What a mark makes wanted may be the whole stanza.
	for _, m := range lesser {
		r := j.reading
		r.waived = []Mark{m}
		if r.of(a.expect).left {
			j.find(a, Finding{Marks: []Mark{m}, Reason: "nothing of the kind came", Wanted: a.expect.expand(j.vars).format("    ")})
			return true
		}
	}
	return false
}

// findProhibited names the prohibitions that a stanza breaks.
func (j *judge) findProhibited(a *action, came *node) {
	for _, p := range j.reading.prohibitions {
		r := j.reading
		r.prohibitions = []prohibition{p}
		want := r.of(a.expect)
		v := (matcher{Spec, j.vars}).stanza(want, came)
		r.prohibitions = nil
		if !v.matches() && len(v.differences) > len((matcher{Spec, j.vars}).stanza(r.of(a.expect), came).differences) {
			f := Finding{Marks: []Mark{p.mark}, Reason: "a prohibition is broken: " + p.what,
				Wanted: want.expand(j.vars).format("    "), Came: came.format("    ")}
			for _, d := range v.differences {
				f.Differences = append(f.Differences, d.String())
			}
			j.find(a, f)
		}
	}
}

// receivesNothing looks for what a client should not have got.
func (j *judge) receivesNothing(a *action) error {
	if err := j.stage.settle(); err != nil {
		return err
	}
	j.leftovers(a, j.users[a.client])
	return nil
}

// endRound looks for what nobody expected in it.
func (j *judge) endRound() error {
	if j.round == nil {
		return nil
	}
	if err := j.stage.settle(); err != nil {
		return err
	}
	for _, may := range j.permitted {
		if i, v := j.pick(may.user, may.want); i >= 0 {
			for name, value := range v.captured {
				j.vars[name] = value
			}
			j.take(may.user, i)
		}
	}
	j.permitted = nil
	for _, u := range j.users {
		j.leftovers(j.round, u)
	}
	return nil
}

// leftovers empties an inbox. What may not come unasked is a finding, unless the script ends
// anyway because of what did not come.
func (j *judge) leftovers(a *action, u *user) {
	var bad []string
	j.looksAt(u)
	for len(u.inbox) > 0 {
		n := u.inbox[0].stanza
		j.reading.known = j.known[u]
		permitted := slices.ContainsFunc(extras, func(e extra) bool { return e.permits(&j.reading, n) })
		j.take(u, 0)
		if !permitted {
			bad = append(bad, n.format("    "))
		}
	}
	if len(bad) > 0 && !j.stops {
		j.find(a, Finding{Reason: u.Name + " got what nobody expects", Came: strings.Join(bad, "\n")})
		j.stops = true
	}
}

// conclude says of each mark what became of it.
func (j *judge) conclude() {
	v := j.verdict
	for _, m := range j.reading.asks {
		outcome := Kept
		switch {
		case slices.ContainsFunc(v.Findings, func(f Finding) bool { return slices.Contains(f.Marks, m) }):
			outcome = Broken
		case !j.reached(m):
			outcome = Unreached
		}
		v.Asks = append(v.Asks, Asked{m, outcome})
	}
}

// reached reports whether the script came to all that a mark stands above. One that stands only
// in the header lines is above all that has no marks of its own: if what made the script end
// has some, what came before it counts.
func (j *judge) reached(m Mark) bool {
	last := -1
	for i := range j.script.actions {
		if slices.Contains(j.script.actions[i].asks, m) {
			last = i
		}
	}
	if last >= 0 {
		return last < j.at
	}
	return j.at == len(j.script.actions) || j.endedElsewhere && j.unmarked > 0
}
