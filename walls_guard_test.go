package muc

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// How the walls know which memory is the state's, who points into it and which
// functions change what they are given.

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
	// closures are local variables that hold functions.
	closures map[types.Object][]*types.Signature
	changed  bool
}

func newGuard(h *house) *guard {
	g := &guard{h: h, types: map[string]bool{}, aliases: map[types.Object]bool{},
		lends: map[*types.Func]bool{}, written: map[types.Object]bool{}, closures: map[types.Object][]*types.Signature{}}
	g.reach(h.pkg.Scope().Lookup("state").Type())
	h.each(nil, func(n ast.Node, _ []ast.Node) {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i, e := range a.Rhs {
				if lit, ok := e.(*ast.FuncLit); ok {
					if id, ok := a.Lhs[i].(*ast.Ident); ok {
						v := h.info.ObjectOf(id)
						g.closures[v] = append(g.closures[v], h.typeOf(lit).(*types.Signature))
					}
				}
			}
		}
	})
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
	ast.Inspect(d.Body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.FuncLit); ok {
			for v := range g.h.typeOf(lit).(*types.Signature).Params().Variables() {
				params[v] = v
			}
		}
		return true
	})
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
		if id, ok := ast.Unparen(call.Fun).(*ast.Ident); ok && len(g.closures[g.h.info.Uses[id]]) > 0 {
			var args []ast.Expr
			for _, sig := range g.closures[g.h.info.Uses[id]] {
				args = append(args, g.writtenParams(sig, call)...)
			}
			return args
		}
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
	return append(args, g.writtenParams(sig, call)...)
}

func (g *guard) writtenParams(sig *types.Signature, call *ast.CallExpr) []ast.Expr {
	var args []ast.Expr
	for i, arg := range call.Args {
		if n := sig.Params().Len(); n > 0 && g.written[sig.Params().At(min(i, n-1))] {
			args = append(args, arg)
		}
	}
	return args
}
