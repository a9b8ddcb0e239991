package scansion

import (
	"encoding/xml"
	"fmt"
	"maps"
	"strings"
)

// rule is how one element is compared. A mode chooses it for the root, and
// scansion:strict for a subtree.
type rule int

const (
	// ruleSubset: what is named must be there, other things may be.
	ruleSubset rule = iota
	// ruleStrict: nothing but what is named, children in any order.
	ruleStrict
	// ruleExact: nothing but what is named, in its order.
	ruleExact
	// ruleByNamespace: ruleSubset in the namespace of the stream, ruleStrict in
	// any other.
	ruleByNamespace
)

// strictName is the attribute that overrides the mode for a subtree.
var strictName = xml.Name{Space: nsScansion, Local: "strict"}

// toName is the attribute that an expectation may always leave out at the root:
// that the client got the stanza says as much.
var toName = xml.Name{Local: "to"}

// matcher compares what a script expects with what came.
type matcher struct {
	mode Mode
	vars vars
}

// verdict is the outcome of a comparison: a match when there are no
// differences.
type verdict struct {
	differences []difference
	captured    vars
	// notes name the wildcards that matched nothing.
	notes []string
}

// difference is one thing that is not as expected.
type difference struct {
	where, what string
	// weight says how much it counts when the nearest of several candidates is
	// chosen.
	weight int
}

// String is the place and the difference.
func (d difference) String() string { return d.where + ": " + d.what }

func (v *verdict) add(weight int, where, format string, args ...any) {
	v.differences = append(v.differences, difference{where, fmt.Sprintf(format, args...), weight})
}

func (v *verdict) capture(captured vars) {
	if v.captured == nil && len(captured) > 0 {
		v.captured = vars{}
	}
	maps.Copy(v.captured, captured)
}

func (v *verdict) merge(other verdict) {
	v.differences = append(v.differences, other.differences...)
	v.notes = append(v.notes, other.notes...)
	v.capture(other.captured)
}

func (v *verdict) matches() bool { return len(v.differences) == 0 }

func (v *verdict) weight() int {
	sum := 0
	for _, d := range v.differences {
		sum += d.weight
	}
	return sum
}

// How much a difference counts: that a stanza is of another kind most, that
// some detail deep inside is different least.
const (
	weightKind   = 100
	weightHeader = 5
	weightDetail = 1
)

// stanza compares a whole stanza.
func (m matcher) stanza(want, got *node) verdict {
	start := map[Mode]rule{Subset: ruleSubset, Scansion: ruleByNamespace, Ordered: ruleSubset, Exact: ruleExact, Spec: ruleSubset}[m.mode]
	if want.name != got.name {
		var v verdict
		w, g := &node{name: want.name}, &node{name: got.name}
		v.add(weightKind, "stanza", "expected %s, got %s", w.title(nsClient), g.title(nsClient))
		return v
	}
	return m.element(want, got, start, "")
}

// element compares two elements that have the same name.
func (m matcher) element(want, got *node, inherited rule, parent string) verdict {
	here, below := m.rules(want, inherited)
	path := strings.TrimPrefix(parent+"/"+want.name.Local, "/")
	var v verdict
	for _, broken := range want.never {
		if what := broken(got); what != "" {
			v.add(weightDetail, path, "%s", what)
		}
	}
	m.attributes(&v, want, got, here, parent == "", path)
	if here == ruleExact {
		m.ordered(&v, want, got, below, path)
		return v
	}
	if text := want.text(); text != "" || here == ruleStrict {
		m.text(&v, text, got.text(), path)
	}
	m.unordered(&v, want, got, here, below, path)
	return v
}

// rules says how to compare an element and what its children inherit.
func (m matcher) rules(want *node, inherited rule) (here, below rule) {
	switch value, _ := want.attr(strictName); {
	case value == "true" && m.mode == Exact:
		return ruleExact, ruleExact
	case value == "true":
		return ruleStrict, ruleStrict
	case value == "false":
		return ruleSubset, ruleSubset
	case inherited != ruleByNamespace:
		return inherited, inherited
	case want.name.Space == nsClient:
		return ruleSubset, ruleByNamespace
	}
	return ruleStrict, ruleByNamespace
}

func (m matcher) attributes(v *verdict, want, got *node, here rule, root bool, path string) {
	weight := weightDetail
	if root {
		weight = weightHeader
	}
	for _, a := range want.attrs {
		if a.Name == strictName {
			continue
		}
		t := mustTemplate(a.Value)
		value, ok := got.attr(a.Name)
		if !ok {
			hint := ""
			if t.isWild() {
				hint = ": a wildcard matches an empty attribute, but not a missing one"
			}
			v.add(weight, path, "attribute %s: expected '%s', got none%s", attrTitle(a.Name), t.expand(m.vars), hint)
			continue
		}
		m.value(v, t, value, weight, path, "attribute "+attrTitle(a.Name))
	}
	if here == ruleSubset {
		return
	}
	for _, a := range got.attrs {
		if _, ok := want.attr(a.Name); !ok && !(root && a.Name == toName) {
			v.add(weight, path, "attribute %s: expected none, got '%s'", attrTitle(a.Name), a.Value)
		}
	}
}

func (m matcher) text(v *verdict, want, got, path string) {
	m.value(v, mustTemplate(want), got, weightDetail, path, "text")
}

// value compares the value of an attribute or a text.
func (m matcher) value(v *verdict, t template, got string, weight int, path, what string) {
	captured, empty, ok := t.match(m.vars, got)
	if !ok {
		v.add(weight, path, "%s: expected '%s', got '%s'%s", what, t.expand(m.vars), got, m.hint(t))
		return
	}
	for _, wildcard := range empty {
		v.notes = append(v.notes, fmt.Sprintf("%s: %s: %s matched nothing", path, what, wildcard))
	}
	v.capture(captured)
}

// hint says what a reader may not see in a value that did not match: that its
// wildcard found no place, or that it refers to a capture of nothing.
func (m matcher) hint(t template) string {
	hint := ""
	if t.isWild() {
		hint = ": the wildcard matched nothing"
	}
	for _, p := range t {
		if p.kind == pieceReference && m.vars[p.text] == "" {
			hint += fmt.Sprintf(": ${%s} is empty, its wildcard matched nothing", p.text)
		}
	}
	return hint
}

// unordered compares children in any order: each expected one has to have a
// partner of its own.
func (m matcher) unordered(v *verdict, want, got *node, here, below rule, path string) {
	p := m.pair(want.kids, got.kids, below, path)
	for i, kid := range want.kids {
		switch j := p.partner[i]; {
		case j >= 0:
			v.merge(*p.verdicts[i][j])
		default:
			v.add(kid.size()+weightDetail, path, "element %s: expected, did not come", m.show(kid, want))
		}
	}
	for _, kid := range want.optional {
		for j, other := range got.kids {
			if one := m.element(kid, other, below, path); !p.taken[j] && kid.name == other.name && one.matches() {
				v.capture(one.captured)
				break
			}
		}
	}
	if here == ruleSubset {
		return
	}
	for j, kid := range got.kids {
		if !p.taken[j] {
			v.add(kid.size()+weightDetail, path, "element %s: came, is not expected", kid.title(got.name.Space))
		}
	}
}

// ordered compares children one after the other, and the texts between them.
func (m matcher) ordered(v *verdict, want, got *node, below rule, path string) {
	if len(want.kids) == len(got.kids) {
		for i, text := range want.texts {
			m.text(v, text, got.texts[i], path)
		}
	} else if want.text() != "" || got.text() != "" {
		m.text(v, want.text(), got.text(), path)
	}
	wants, gots := want.kids, got.kids
	for len(wants) > 0 && len(gots) > 0 && m.equal(v, wants[0], gots[0], below, path) {
		wants, gots = wants[1:], gots[1:]
	}
	for len(wants) > 0 && len(gots) > 0 && m.equal(v, wants[len(wants)-1], gots[len(gots)-1], below, path) {
		wants, gots = wants[:len(wants)-1], gots[:len(gots)-1]
	}
	if len(wants) == 0 && len(gots) == 0 {
		return
	}
	// What is left does not fit place by place. Were it only the order, say so;
	// otherwise explain it as if order did not matter.
	var rest verdict
	m.unordered(&rest, &node{name: want.name, kids: wants}, &node{name: got.name, kids: gots}, ruleStrict, below, path)
	if rest.matches() {
		rest.add(weightDetail, path, "children are in another order: expected %s where %s came",
			m.show(wants[0], want), gots[0].title(got.name.Space))
	}
	v.merge(rest)
}

// equal compares two children and keeps what they captured if they match.
func (m matcher) equal(v *verdict, want, got *node, r rule, path string) bool {
	if want.name != got.name {
		return false
	}
	one := m.element(want, got, r, path)
	if !one.matches() {
		return false
	}
	v.merge(one)
	return true
}

// show is the start tag of an expected element with its references put in.
func (m matcher) show(kid, parent *node) string {
	return kid.expand(m.vars).title(parent.name.Space)
}
