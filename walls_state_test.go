package muc

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// The room's state changes in apply*.go alone. State is everything unexported
// that hangs on the type state. Types named …Cache, and the audience, are not
// state: they hold what can always be made again of the state, so that filling or
// dropping them changes nothing that a snapshot or another reader could see.

func stateWalls() []wall {
	return []wall{
		{"state changes in apply alone", checkState, map[string]string{"sample.go": stateSample}},
		{"apply is entered by its doors", checkApplyDoors, map[string]string{"sample.go": applyDoorsSample}},
	}
}

// mayChange reports whether a file may change the state.
func mayChange(file string) bool { return strings.HasPrefix(file, "apply") }

func checkState(h *house) []breach {
	g := newGuard(h)
	var list []breach
	for _, name := range []string{"state", "person", "occupant", "session", "entry"} {
		if !g.types[name] {
			list = append(list, breach{why: "the type " + name + " is not found in the state"})
		}
	}
	h.each(nil, func(n ast.Node, _ []ast.Node) {
		if mayChange(h.file(n)) {
			return
		}
		for _, w := range writesOf(n) {
			if _, local := ast.Unparen(w).(*ast.Ident); !local && g.guarded(w) {
				list = append(list, h.breach(w, "state is assigned outside apply*.go"))
			}
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			for _, arg := range g.writtenArgs(n) {
				if g.guarded(arg) && (g.refers(arg) || isReceiver(n, arg)) {
					list = append(list, h.breach(n, "state is handed to what may change it"))
				}
			}
		case *ast.CompositeLit:
			if g.types[h.named(h.typeOf(n))] {
				list = append(list, h.breach(n, "state is made outside apply*.go"))
			}
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok {
				if v, ok := h.info.Uses[id].(*types.Var); ok && v.IsField() && g.types[h.named(v.Type())] && isStruct(v.Type()) {
					list = append(list, h.breach(n, "state is set outside apply*.go"))
				}
			}
		}
	})
	return list
}

func isStruct(t types.Type) bool {
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

func isReceiver(call *ast.CallExpr, arg ast.Expr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	return ok && sel.X == arg
}

const stateSample = `
import ("slices"; "sort")

func _(t *turn, r *Room, s *state, p *person, o *occupant, ses *session, e *entry) {
	s.life = Open // breach
	t.r.st.seq++ // breach
	s.owners -= 1 // breach
	r.st.conf.Name = "x" // breach
	p.aff, s.sub = Owner, 3 // breach
	o.person.voice = Visitor // breach
	ses.occ.front.payload = "" // breach
	e.msg.Nick = "y" // breach
	*p = *o.person // breach
	r.st = state{} // breach
	s.occupants[0] = o // breach
	s.more.asks[0].ID = "z" // breach
	s.rare().asks[0].ID = "z" // breach
	s.more.spent.drop(rateKey{}) // breach
	s.more = nil // breach
	for _, s.lastSession = range []uint32{1} { // breach
	}
}

func _(r *Room, s *state, o *occupant) {
	s.occupants = append(s.occupants, o) // breach
	_ = append(s.more.requests[:0], nil) // breach
	_ = append(s.more.invites, nil) // breach
	_ = append(s.more.invites[:1:1], nil)
	copy(s.occupants, s.occupants[1:]) // breach
	o.first = nil // breach
	o.first.next = nil // breach
	_ = slices.Delete(s.occupants, 0, 1) // breach
	slices.Reverse(s.more.requests) // breach
	sort.Slice(s.more.requests, nil) // breach
	s.archived.shift() // breach
	s.kept.push(1) // breach
	s.kept.drop(nil) // breach
	s.archived.at(0).seq = 1 // breach
	_ = s.archived.len()
	s.persons.byText.put(nil) // breach
	delete(s.nicks, o.key) // breach
	_, _ = s.persons.get(JID{})
	_ = slices.Contains(s.occupants, o)
	_ = o.presence
	o.presence.drop()
	o.presence.doc = nil
}

func _(s *state, r *Room) {
	c := s.conf
	c.Name = "x" // breach
	list := s.occupants
	list[0] = nil // breach
	sampleSpoil(list) // breach
	sampleRename(s.conf) // breach
	_ = sampleName(s.conf)
	_ = passwordFlag.get(s.conf)
	_ = passwordFlag.set(s.conf, nil) // breach
	for _, a := range s.rare().asks {
		a.IQ = "" // breach
	}
	for e := range s.kept.all() {
		e.at = e.at.UTC() // breach
	}
	last := s.kept.at(0)
	last.sub = 2 // breach
	lent := sampleLend(s)
	lent[0] = nil // breach
	conf := *s.conf
	conf.Name = "x"
	sampleRename(&conf)
	spoil, look := func(c *RoomConfig) { c.Name = "" }, func(c *RoomConfig) string { return c.Name }
	spoil(s.conf) // breach
	_ = look(s.conf)
	_ = &person{} // breach
	_ = &Room{st: state{}} // breach
	_ = &Room{st: *s} // breach
}

func sampleSpoil(list []*occupant) { list[0] = nil }
func sampleRename(c *RoomConfig) { sampleRename2(c) }
func sampleRename2(c *RoomConfig) { at := &c.Name; *at = "" }
func sampleName(c *RoomConfig) string { return c.Name }
func sampleLend(s *state) []*occupant { return s.occupants[1:] }
`

// applyDoors are the ways into apply*.go, and who goes through them.
var applyDoors = map[string][]string{
	"apply": {"commit", "Apply"},
	"load":  {"Restore"},
	"begin": {"New"},
}

// checkApplyDoors keeps the parts of apply from being called one by one.
func checkApplyDoors(h *house) []breach {
	var list []breach
	h.each(nil, func(n ast.Node, stack []ast.Node) {
		id, ok := n.(*ast.Ident)
		if !ok || mayChange(h.file(n)) {
			return
		}
		fn, ok := h.info.Uses[id].(*types.Func)
		if !ok || !mayChange(h.homes[origin(fn)]) {
			return
		}
		for _, outer := range stack {
			if d, ok := outer.(*ast.FuncDecl); ok && slices.Contains(applyDoors[fn.Name()], d.Name.Name) {
				return
			}
		}
		list = append(list, h.breach(n, "%s is a part of apply*.go, not to be used from here", fn.Name()))
	})
	return list
}

const applyDoorsSample = `
func (t *turn) commit2() {
	_ = t.r.st.apply(nil, nil) // breach
	_ = t.r.st.person(JID{}) // breach
	_ = t.r.load(nil, nil) // breach
	f := (*state).applyCreated // breach
	_ = f
}
`
