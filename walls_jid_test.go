package muc

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Real JIDs are read, turned into text and written into stanzas in visibility.go
// alone. Other files carry them about as values of type JID, for events, hooks,
// decisions and delivery; apply*.go keeps indices by them.

func jidWalls() []wall {
	return []wall{
		{"real JIDs are read in visibility.go", checkReal, map[string]string{"sample.go": realSample, "apply_sample.go": realApplySample}},
		{"JIDs become text in visibility.go", checkJIDText, map[string]string{"sample.go": jidTextSample}},
		{"addresses in stanzas are nobody's secret", checkAddresses, map[string]string{"sample.go": addressSample}},
		{"who sees JIDs is decided in visibility.go", checkViews, map[string]string{"sample.go": viewSample}},
	}
}

func checkReal(h *house) []breach {
	g := newGuard(h)
	var list []breach
	h.each([]string{"visibility.go"}, func(n ast.Node, _ []ast.Node) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "real" || mayChange(h.file(n)) {
			return
		}
		if s := h.info.Selections[sel]; s != nil && s.Kind() == types.FieldVal && g.types[h.named(s.Recv())] {
			list = append(list, h.breach(n, "a real JID is read outside visibility.go"))
		}
	})
	return list
}

const realSample = `
func _(p *person, o *occupant, s *session) []JID {
	_ = o.person.jid()
	_ = item{}.real
	return []JID{
		p.real, // breach
		o.person.real, // breach
		o.front.real.Bare(), // breach
		s.real, // breach
	}
}
`

const realApplySample = `
func _(p *person) JID { return p.real }
`

// publicJID reports whether an expression is a JID that is nobody's secret: the
// room's own, an occupant's, one that is meant to be published, or one that a
// function of visibility.go called …Seen has judged.
func (h *house) publicJID(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		fn := h.callee(e)
		return h.isMethod(fn, "Room", "at") || h.isMethod(fn, "Room", "addressedAs") ||
			h.homes[fn] == "visibility.go" && strings.HasSuffix(fn.Name(), "Seen")
	case *ast.SelectorExpr:
		s := h.info.Selections[e]
		if s == nil || s.Kind() != types.FieldVal {
			return false
		}
		name := h.named(s.Recv()) + "." + e.Sel.Name
		return name == "Room.jid" || name == "RoomDestroyed.Alternate" || slices.Contains(publicFields, name)
	}
	return false
}

// publicFields hold only JIDs that are nobody's secret.
var publicFields = []string{"relayRender.from", "Invitation.From", "Invitation.Room", "declineRender.from"}

func (h *house) isJID(e ast.Expr) bool { return h.named(h.typeOf(e)) == "JID" }

// jidTexts are the methods and the field by which a JID becomes text.
var jidTexts = []string{"String", "Local", "Domain", "Resource", "MarshalText", "appendTo", "s"}

// checkJIDText looks for real JIDs that leave their type. In jid.go they are
// made; xml.go and outbound.go write addresses that the other walls have judged;
// ids.go signs them.
func checkJIDText(h *house) []breach {
	var list []breach
	h.each([]string{"visibility.go", "jid.go", "xml.go", "outbound.go", "ids.go"}, func(n ast.Node, stack []ast.Node) {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if slices.Contains(jidTexts, n.Sel.Name) && h.isJID(n.X) && !h.publicJID(n.X) && !h.keepsText(n, stack) {
				list = append(list, h.breach(n, "a JID becomes text outside visibility.go"))
			}
		case *ast.CallExpr:
			if fn := h.callee(n); fn != nil && fn.Pkg() != nil && fn.Pkg().Name() == "fmt" {
				for _, arg := range n.Args {
					if h.holdsJID(h.typeOf(arg), nil) {
						list = append(list, h.breach(arg, "fmt makes text of a JID outside visibility.go"))
					}
				}
			}
		}
	})
	h.each([]string{"event_json.go"}, func(n ast.Node, _ []ast.Node) {
		if spec, ok := n.(*ast.ImportSpec); ok && spec.Path.Value == `"encoding/json"` {
			list = append(list, h.breach(n, "JSON, which holds JIDs, is made of events and snapshots alone, in event_json.go"))
		}
	})
	return list
}

// keepsText reports whether the text of a JID goes nowhere: it is compared, or
// signed.
func (h *house) keepsText(sel *ast.SelectorExpr, stack []ast.Node) bool {
	var inner ast.Node = sel
	for _, outer := range slices.Backward(stack) {
		switch o := outer.(type) {
		case *ast.BinaryExpr:
			return o.Op == token.EQL || o.Op == token.NEQ
		case *ast.CallExpr:
			fn := h.callee(o)
			if h.isMethod(fn, "Room", "mac") {
				return true
			}
			if o.Fun != inner { // not the call of the method itself
				return fn != nil && fn.Pkg().Name() == "cmp"
			}
		case *ast.SelectorExpr, *ast.ParenExpr:
		default:
			return false
		}
		inner = outer
	}
	return false
}

// holdsJID reports whether a value of a type can show a JID when it is printed.
func (h *house) holdsJID(t types.Type, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	if name := h.named(t); name == "JID" || name == "EventBody" {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return h.holdsJID(u.Elem(), seen)
	case *types.Slice:
		return h.holdsJID(u.Elem(), seen)
	case *types.Struct:
		for f := range u.Fields() {
			if h.holdsJID(f.Type(), seen) {
				return true
			}
		}
	}
	return false
}

const jidTextSample = `
import (
	"cmp"
	"encoding/json" // breach
	"fmt"
	"strings"
)

func _(r *Room, w *xmlWriter, p *person, ses *session, ev Event, in *stanza) {
	w.attr("jid", ses.jid().String()) // breach
	s := p.jid().s // breach
	_ = strings.ToUpper(in.from.Resource()) // breach
	_ = ses.address().appendTo(nil) // breach
	_, _ = json.Marshal(ev)
	_ = fmt.Sprintf("%s", ses.jid()) // breach
	_ = fmt.Sprint(
		ev, // breach
		ev.Seq)
	_ = "for " + p.jid().String() // breach
	f := in.from.String // breach
	_ = in.from.Local() == "" && p.jid().Domain() != s
	_ = cmp.Compare(p.jid().s, "")
	_ = r.mac("x", in.from.String(), p.jid().Bare().String())
	_ = r.jid.String() + r.at("nick").Resource() + f()
}
`

func checkAddresses(h *house) []breach {
	var list []breach
	judge := func(n ast.Node, j ast.Expr) {
		if !h.publicJID(j) {
			list = append(list, h.breach(n, "this address may be somebody's real JID: write it in visibility.go"))
		}
	}
	h.each([]string{"visibility.go"}, func(n ast.Node, stack []ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if h.isMethod(h.callee(n), "xmlWriter", "address") {
				judge(n, n.Args[1])
			}
		case *ast.KeyValueExpr:
			lit, ok := stack[len(stack)-1].(*ast.CompositeLit)
			if id, named := n.Key.(*ast.Ident); ok && named && slices.Contains(publicFields, h.named(h.typeOf(lit))+"."+id.Name) {
				judge(n, n.Value)
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				sel, ok := to.(*ast.SelectorExpr)
				if ok && slices.Contains(publicFields, h.named(h.typeOf(sel.X))+"."+sel.Sel.Name) {
					judge(n, n.Rhs[min(i, len(n.Rhs)-1)])
				}
			}
		}
	})
	return list
}

const addressSample = `
func _(r *Room, w *xmlWriter, ses *session, in *stanza, b *Joined, d *RoomDestroyed) {
	w.address("from", r.at("nick"))
	w.address("from", r.jid)
	w.address("from", r.addressedAs(in))
	w.address("jid", d.Alternate)
	w.address("jid", b.JID) // breach
	w.address("jid", ses.jid()) // breach
	w.address("jid", ses.occ.frontJID()) // breach
	j := in.from.Bare()
	w.address("jid", j) // breach
	x := &relayRender{from: ses.jid()} // breach
	x = &relayRender{to: ses.jid(), from: r.at("nick")}
	x.from = j // breach
	x.from = r.jid
	w.address("from", x.from)
}
`

// checkViews keeps the rule of who sees real JIDs in its one function, and what
// writes a real JID for certain in its one file. Outbound.appendXML carries the
// decision out.
func checkViews(h *house) []breach {
	var list []breach
	h.each([]string{"visibility.go", "outbound.go"}, func(n ast.Node, _ []ast.Node) {
		id, ok := n.(*ast.Ident)
		if !ok {
			return
		}
		obj := h.info.Uses[id]
		if fn, ok := obj.(*types.Func); ok && (h.isMethod(fn, "xmlWriter", "realJID") || fn.Name() == "appendJIDAttr") {
			list = append(list, h.breach(n, "%s writes real JIDs: for visibility.go alone", id.Name))
		}
		if c, ok := obj.(*types.Const); ok && c.Name() == "viewAll" {
			list = append(list, h.breach(n, "who sees all is for viewOf to say"))
		}
	})
	return list
}

const viewSample = `
func _(t *turn, w *xmlWriter, d *rendered, j JID) {
	w.realJID(j) // breach
	_ = appendJIDAttr(nil, j) // breach
	t.send(nil, d, viewAll, nil) // breach
	t.send(nil, d, t.r.st.viewOf(Visitor), nil)
	w.markJID(d, j)
}
`
