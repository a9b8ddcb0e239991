package scansion

import "fmt"

// Find is `receives` for tests that are no scripts, which package muctest is made of: the
// index of the first of the stanzas that came that is as wanted, in a mode. What is wanted
// is written as in a script. If there is none the error is the [*Failure] that a script
// would end with, and a [*SyntaxError] if what is wanted cannot be read.
func Find(mode Mode, want string, came ...[]byte) (int, error) {
	p := &parser{known: map[string]bool{}}
	n, err := p.element(want, 1)
	if err == nil {
		err = p.expected(n, 1)
	}
	if err != nil {
		return -1, err
	}
	var all []mail
	for _, src := range came {
		one, err := parseXML(src, nsClient, wire)
		if err != nil {
			return -1, fmt.Errorf("what came is not XML: %w\n    %s", err, src)
		}
		all = append(all, mail{stanza: one})
	}
	m, candidates := matcher{mode: mode}, all
	if mode.skipsNothing() && len(all) > 1 {
		candidates = all[:1]
	}
	for i, c := range candidates {
		if v := m.stanza(n, c.stanza); v.matches() {
			return i, nil
		}
	}
	return -1, m.failure(n, candidates, all, "")
}
