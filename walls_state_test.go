package muc

import (
	"go/ast"
	"go/token"
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

// readers are functions of other packages that only read what they are given.
var readers = []string{"slices.Contains", "slices.ContainsFunc", "slices.Index", "slices.IndexFunc", "slices.Equal",
	"slices.Clone", "slices.Concat", "slices.BinarySearch", "slices.BinarySearchFunc", "slices.Values", "slices.All",
	"slices.Backward", "slices.Max", "slices.Min", "slices.Sorted", "slices.Collect",
	"maps.Keys", "strings.Join", "strings.Contains", "json.Marshal", "subtle.ConstantTimeCompare"}

// reading are fields that hold functions which only read.
var reading = []string{"get", "is", "codes"}

// guard knows which memory is the state's.
type guard struct {
	h     *house
	types map[string]bool
	// aliases are variables that point into the state.
	aliases map[types.Object]bool
	// lends are functions whose result points into the state.
	lends map[*types.Func]bool
	// written are parameters and receivers whose target is changed.
	written map[types.Object]bool
	changed bool
}

func newGuard(h *house) *guard {
	g := &guard{h: h, types: map[string]bool{}, aliases: map[types.Object]bool{},
		lends: map[*types.Func]bool{}, written: map[types.Object]bool{}}
	g.reach(h.pkg.Scope().Lookup("state").Type())
	for g.changed = true; g.changed; {
		g.changed = false
		for fn, d := range h.decls {
			if d.Body != nil {
				g.learn(fn, d)
			}
		}
	}
	return g
}

// reach finds the types that make up the state.
func (g *guard) reach(t types.Type) {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		g.reach(t.Elem())
	case *types.Slice:
		g.reach(t.Elem())
	case *types.Array:
		g.reach(t.Elem())
	case *types.Map:
		g.reach(t.Elem())
	case *types.Named:
		if n := t.TypeArgs().Len(); n > 0 {
			g.reach(t.TypeArgs().At(n - 1)) // of an index: its values, not its keys
		}
		name := g.h.named(t)
		fields, ok := t.Underlying().(*types.Struct)
		if !ok || name == "" || token.IsExported(name) || isCache(name) || g.types[name] || t.TypeArgs().Len() > 0 {
			return
		}
		g.types[name] = true
		for f := range fields.Fields() {
			g.reach(f.Type())
		}
	}
}

func isCache(name string) bool { return strings.HasSuffix(name, "Cache") }

func mark[K comparable](g *guard, set map[K]bool, k K) {
	if !set[k] {
		set[k], g.changed = true, true
	}
}

// learn takes in what one function does with what it is given.
func (g *guard) learn(fn *types.Func, d *ast.FuncDecl) {
	params := map[types.Object]types.Object{} // a variable and the parameter that it points into
	sig := fn.Signature()
	for v := range sig.Params().Variables() {
		params[v] = v
	}
	if v := sig.Recv(); v != nil {
		params[v] = v
	}
	wrote := func(e ast.Expr) {
		if id := rootOf(e); id != nil {
			if p := params[g.h.info.Uses[id]]; p != nil {
				mark(g, g.written, p)
			}
		}
	}
	ast.Inspect(d.Body, func(n ast.Node) bool {
		for _, w := range writesOf(n) {
			if _, local := ast.Unparen(w).(*ast.Ident); !local {
				wrote(w)
			}
		}
		g.follow(n, params)
		if call, ok := n.(*ast.CallExpr); ok {
			for _, arg := range g.writtenArgs(call) {
				if g.refers(arg) || isAddress(arg) || isReceiver(call, arg) {
					wrote(arg)
				}
			}
		}
		if r, ok := n.(*ast.ReturnStmt); ok {
			for _, e := range r.Results {
				if g.guarded(e) && g.refers(e) {
					mark(g, g.lends, fn)
				}
			}
		}
		return true
	})
}

// follow takes in what a variable points to from now on.
func (g *guard) follow(n ast.Node, params map[types.Object]types.Object) {
	bind := func(to, from ast.Expr) {
		id, ok := to.(*ast.Ident)
		if !ok || !g.refers(from) && !isAddress(from) {
			return
		}
		v := g.h.info.ObjectOf(id)
		if g.guarded(from) && g.refers(from) {
			mark(g, g.aliases, v)
		}
		if r := rootOf(from); r != nil && params[g.h.info.Uses[r]] != nil {
			params[v] = params[g.h.info.Uses[r]]
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) == len(n.Rhs) {
			for i := range n.Lhs {
				bind(n.Lhs[i], n.Rhs[i])
			}
		} else {
			for i := range n.Lhs {
				bind(n.Lhs[i], n.Rhs[0])
			}
		}
	case *ast.ValueSpec:
		for i := range n.Values {
			bind(n.Names[i], n.Values[i])
		}
	case *ast.RangeStmt:
		if id, ok := n.Value.(*ast.Ident); ok && g.guarded(n.X) {
			if v := g.h.info.ObjectOf(id); v != nil && g.isReference(v.Type()) {
				mark(g, g.aliases, v)
			}
		}
	}
}

func isAddress(e ast.Expr) bool {
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	return ok && u.Op == token.AND
}

// refers reports whether an expression leads to memory that its holder could
// change, other than by a pointer to a type that is guarded itself.
func (g *guard) refers(e ast.Expr) bool {
	t := g.h.typeOf(e)
	if tuple, ok := t.(*types.Tuple); ok && tuple.Len() > 0 {
		t = tuple.At(0).Type()
	}
	return g.isReference(t)
}

func (g *guard) isReference(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Slice, *types.Map:
		return true
	case *types.Pointer:
		return !g.types[g.h.named(u)]
	}
	return false
}

// guarded reports whether an expression stands for memory of the state.
func (g *guard) guarded(e ast.Expr) bool {
	if g.isGuardedValue(e) {
		return true
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return g.aliases[g.h.info.ObjectOf(e)]
	case *ast.SelectorExpr:
		sel := g.h.info.Selections[e]
		if sel == nil || sel.Kind() != types.FieldVal || isCache(g.h.named(sel.Obj().Type())) {
			return false
		}
		return g.types[g.h.named(sel.Recv())] || g.guarded(e.X)
	case *ast.IndexExpr:
		return g.guarded(e.X)
	case *ast.SliceExpr:
		return g.guarded(e.X) && (!e.Slice3 || !zero(e.Max))
	case *ast.StarExpr:
		return g.guarded(e.X)
	case *ast.UnaryExpr:
		return e.Op == token.AND && g.guarded(e.X)
	case *ast.TypeAssertExpr:
		return g.guarded(e.X)
	case *ast.CallExpr:
		return g.lends[g.h.callee(e)]
	}
	return false
}

// isGuardedValue reports whether an expression is a place that holds a guarded
// struct itself: r.st, *p, list[i].
func (g *guard) isGuardedValue(e ast.Expr) bool {
	e = ast.Unparen(e)
	switch e.(type) {
	case *ast.SelectorExpr, *ast.StarExpr, *ast.IndexExpr:
		if _, pointer := g.h.typeOf(e).Underlying().(*types.Pointer); !pointer {
			return g.types[g.h.named(g.h.typeOf(e))]
		}
	}
	return false
}

func zero(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Value == "0"
}

// rootOf is the variable that an expression starts from.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.UnaryExpr:
			e = x.X
		case *ast.TypeAssertExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// writesOf lists the places that a statement assigns to.
func writesOf(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return slices.DeleteFunc([]ast.Expr{n.Key, n.Value}, func(e ast.Expr) bool { return e == nil })
		}
	}
	return nil
}

// writtenArgs lists the arguments of a call, and its receiver, that it may
// change.
func (g *guard) writtenArgs(call *ast.CallExpr) []ast.Expr {
	if tv := g.h.info.Types[call.Fun]; tv.IsType() {
		return nil
	} else if tv.IsBuiltin() {
		switch name := ast.Unparen(call.Fun).(*ast.Ident).Name; name {
		case "append", "copy", "clear", "delete":
			if x, ok := call.Args[0].(*ast.SliceExpr); name == "append" && ok && x.Slice3 {
				return nil // its capacity is cut
			}
			return call.Args[:1]
		}
		return nil
	}
	fn := g.h.callee(call)
	sel, _ := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	switch {
	case fn == nil: // a function value
		if sel != nil && slices.Contains(reading, sel.Sel.Name) {
			return nil
		}
		return call.Args
	case mayChange(g.h.homes[fn]):
		return nil // the other wall's business
	case fn.Pkg() != g.h.pkg:
		if fn.Pkg() == nil || slices.Contains(readers, fn.Pkg().Name()+"."+fn.Name()) {
			return nil
		}
		return call.Args
	}
	var args []ast.Expr
	sig := fn.Signature()
	if recv := sig.Recv(); recv != nil && g.written[recv] && sel != nil {
		args = append(args, sel.X)
	}
	for i, arg := range call.Args {
		if n := sig.Params().Len(); n > 0 && g.written[sig.Params().At(min(i, n-1))] {
			args = append(args, arg)
		}
	}
	return args
}

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
	s.asks[0].ID = "z" // breach
	for _, s.lastSession = range []uint32{1} { // breach
	}
}

func _(r *Room, s *state, o *occupant) {
	s.occupants = append(s.occupants, o) // breach
	_ = append(s.archived[:0], nil) // breach
	_ = append(s.kept, nil) // breach
	_ = append(s.kept[:1:1], nil)
	copy(s.occupants, s.occupants[1:]) // breach
	clear(o.sessions) // breach
	_ = slices.Delete(o.sessions, 0, 1) // breach
	slices.Reverse(s.archived) // breach
	sort.Slice(s.archived, nil) // breach
	s.persons.put(JID{}, nil) // breach
	s.nicks.drop(o.key) // breach
	_, _ = s.nicks.get(o.key)
	_ = slices.Contains(s.occupants, o)
	_ = o.presence
	o.presence.drop()
	o.presence.doc = nil
}

func _(s *state, r *Room) {
	c := &s.conf
	c.Name = "x" // breach
	list := s.occupants
	list[0] = nil // breach
	sampleSpoil(list) // breach
	sampleRename(&s.conf) // breach
	_ = sampleName(&s.conf)
	_ = passwordFlag.get(&s.conf)
	_ = passwordFlag.set(&s.conf, nil) // breach
	for _, a := range s.asks {
		a.IQ = "" // breach
	}
	lent := sampleLend(s)
	lent[0] = nil // breach
	conf := s.conf
	conf.Name = "x"
	sampleRename(&conf)
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
	_ = t.r.st.apply(Event{}, nil) // breach
	_ = t.r.st.person(JID{}) // breach
	_ = t.r.load(nil) // breach
	f := (*state).applyCreated // breach
	_ = f
}
`
