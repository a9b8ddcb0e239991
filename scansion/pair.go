package scansion

// pairing says which received child stands for which expected one.
type pairing struct {
	// partner is an index into the received children, or -1.
	partner []int
	taken   []bool
	// verdicts[i][j] is the comparison of expected child i with received child
	// j; nil when their names are different.
	verdicts [][]*verdict
}

// pair finds a partner for as many expected children as can have one. The
// first fit will not do: an expectation that names little would take the only
// partner of one that names much. So a taken partner is given up whenever its
// holder can have another (augmenting paths). What then has no partner gets the
// most similar one that is left, to make the explanation of the failure short.
func (m matcher) pair(want, got []*node, r rule, path string) pairing {
	p := pairing{
		partner:  make([]int, len(want)),
		taken:    make([]bool, len(got)),
		verdicts: make([][]*verdict, len(want)),
	}
	for i, w := range want {
		p.partner[i] = -1
		p.verdicts[i] = make([]*verdict, len(got))
		for j, g := range got {
			if w.name == g.name {
				v := m.element(w, g, r, path)
				p.verdicts[i][j] = &v
			}
		}
	}
	holder := make([]int, len(got))
	for j := range holder {
		holder[j] = -1
	}
	for i := range want {
		p.augment(i, holder, make([]bool, len(got)))
	}
	for j, i := range holder {
		if i >= 0 {
			p.partner[i], p.taken[j] = j, true
		}
	}
	for i := range want {
		if p.partner[i] < 0 {
			p.settle(i)
		}
	}
	return p
}

func (p *pairing) augment(i int, holder []int, seen []bool) bool {
	for j, v := range p.verdicts[i] {
		if v == nil || !v.matches() || seen[j] {
			continue
		}
		seen[j] = true
		if holder[j] < 0 || p.augment(holder[j], holder, seen) {
			holder[j] = i
			return true
		}
	}
	return false
}

// settle gives an expected child the most similar received one that is free.
func (p *pairing) settle(i int) {
	best := -1
	for j, v := range p.verdicts[i] {
		if v != nil && !p.taken[j] && (best < 0 || v.weight() < p.verdicts[i][best].weight()) {
			best = j
		}
	}
	if best >= 0 {
		p.partner[i], p.taken[best] = best, true
	}
}
