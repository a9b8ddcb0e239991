package muc

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
)

// XML is put together in a few files, where the escaping is; everything else
// composes with xmlWriter. Namespaces are spelled out in ns.go.

var builders = []string{"xml.go", "tree.go", "outbound.go", "door.go", "visibility.go"}

func xmlWalls() []wall {
	return []wall{
		{"XML is written in the builder files", checkMarkup, map[string]string{"sample.go": markupSample}},
		{"the writer's bytes are its own", checkWriter, map[string]string{"sample.go": writerSample}},
		{"raw XML has been through the door", checkRaw, map[string]string{"sample.go": rawSample}},
		{"namespaces are spelled out in ns.go", checkNamespaces, map[string]string{"sample.go": namespaceSample}},
	}
}

// literals visits the strings and characters that a file spells out.
func (h *house) literals(except []string, visit func(lit *ast.BasicLit, text string)) {
	h.each(except, func(n ast.Node, stack []ast.Node) {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING && lit.Kind != token.CHAR {
			return
		}
		switch outer := stack[len(stack)-1].(type) {
		case *ast.ImportSpec:
			return
		case *ast.Field:
			if outer.Tag == lit {
				return
			}
		}
		text := lit.Value[1 : len(lit.Value)-1]
		if s, err := strconv.Unquote(lit.Value); err == nil {
			text = s
		}
		visit(lit, text)
	})
}

// markup is a tag, the beginning or end of one, an attribute or a reference.
var markup = regexp.MustCompile(`<[\pL_/!?%]|</|/>|<$|^>|xmlns|=\s*['"]|&#?\w+;`)

func checkMarkup(h *house) []breach {
	var list []breach
	h.literals(append([]string{"ns.go"}, builders...), func(lit *ast.BasicLit, text string) {
		if markup.MatchString(text) {
			list = append(list, h.breach(lit, "XML outside the builder files"))
		}
	})
	return list
}

const markupSample = `
type _ struct{ x int "json:\"<x/>\"" }

var _ = []string{
	"<x/>", // breach
	"<", // breach
	"</", // breach
	"/>", // breach
	">", // breach
	" xmlns", // breach
	"<%s>", // breach
	" to='", // breach
	"&amp;", // breach
	"a < b, c > d & e",
	"<=>",
	` + "`<x`" + `, // breach
}

var _ = []rune{
	'<', // breach
	'>', // breach
	'/',
}
`

// checkWriter looks for bytes that come into a stanza past the writer's methods.
func checkWriter(h *house) []breach {
	var list []breach
	isField := func(e ast.Expr, typ string) bool {
		sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
		if !ok {
			return false
		}
		s := h.info.Selections[sel]
		return s != nil && s.Kind() == types.FieldVal && h.named(s.Recv()) == typ
	}
	inside := func(e ast.Expr, typ string) bool {
		for {
			switch x := ast.Unparen(e).(type) {
			case *ast.IndexExpr:
				e = x.X
			case *ast.SliceExpr:
				e = x.X
			case *ast.UnaryExpr:
				e = x.X
			default:
				return isField(e, typ)
			}
		}
	}
	h.each(builders, func(n ast.Node, _ []ast.Node) {
		for _, w := range writesOf(n) {
			if inside(w, "xmlWriter") {
				list = append(list, h.breach(n, "the writer's fields are set by its methods"))
			}
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if n.Tok == token.ASSIGN && inside(to, "rendered") && h.isBytes(to) &&
					!(len(n.Lhs) == len(n.Rhs) && isField(n.Rhs[i], "xmlWriter")) {
					list = append(list, h.breach(n, "a stanza's bytes are a writer's"))
				}
			}
		case *ast.CallExpr:
			if h.info.Types[n.Fun].IsBuiltin() && len(n.Args) > 1 && (inside(n.Args[0], "xmlWriter") || inside(n.Args[0], "rendered")) {
				list = append(list, h.breach(n, "bytes are added past the writer"))
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && inside(n.X, "xmlWriter") {
				list = append(list, h.breach(n, "the writer's fields are its own"))
			}
		case *ast.CompositeLit:
			list = append(list, h.checkWriterLiteral(n)...)
		}
	})
	return list
}

func (h *house) isBytes(e ast.Expr) bool {
	s, ok := h.typeOf(e).Underlying().(*types.Slice)
	return ok && types.Identical(s.Elem(), types.Typ[types.Byte])
}

// checkWriterLiteral lets a writer begin with an empty buffer, and nothing else.
func (h *house) checkWriterLiteral(lit *ast.CompositeLit) []breach {
	if name := h.named(h.typeOf(lit)); name != "xmlWriter" && name != "rendered" {
		return nil
	}
	var list []breach
	for _, elt := range lit.Elts {
		kv, keyed := elt.(*ast.KeyValueExpr)
		if !keyed {
			list = append(list, h.breach(elt, "a writer or stanza with given contents"))
			continue
		}
		key := kv.Key.(*ast.Ident).Name
		if call, ok := kv.Value.(*ast.CallExpr); key == "b" && ok && len(call.Args) == 3 &&
			h.info.Types[call.Fun].IsBuiltin() && zero(call.Args[1]) {
			continue
		}
		list = append(list, h.breach(elt, "a writer or stanza with given contents"))
	}
	return list
}

const writerSample = `
func _(w *xmlWriter, d *rendered, sender []byte) {
	w.b = append(w.b, sender...) // breach
	_ = append(w.b, sender...) // breach
	copy(w.b[1:], sender) // breach
	w.b[0] = 'x' // breach
	w.depth-- // breach
	w.names[0] = "x" // breach
	p := &w.b // breach
	_ = p
	d.b = sender // breach
	d.b = w.b
	d.tail = w.pos()
	_ = append(d.b, sender...) // breach
	_ = xmlWriter{b: sender} // breach
	_ = xmlWriter{b: make([]byte, 0, 10)}
	_ = xmlWriter{b: make([]byte, 5, 10)} // breach
	_ = &rendered{b: sender} // breach
	_ = &rendered{head: 3} // breach
	_ = string(w.b)
}
`

// canonicalFields hold what the door or the writer has made.
var canonicalFields = []string{"Payload", "payload", "echo", "body"}

// canonicalMakers write such text.
var canonicalMakers = []string{"statuses", "xml", "sanitized", "delayTail", "emptyElement", "subjectOnly"}

func checkRaw(h *house) []breach {
	var list []breach
	h.each(builders, func(n ast.Node, _ []ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || !h.isMethod(h.callee(call), "xmlWriter", "raw") {
			return
		}
		switch arg := ast.Unparen(call.Args[0]).(type) {
		case *ast.SelectorExpr:
			if s := h.info.Selections[arg]; s != nil && slices.Contains(canonicalFields, arg.Sel.Name) {
				return
			}
		case *ast.CallExpr:
			if fn := h.callee(arg); fn != nil && fn.Pkg() == h.pkg && slices.Contains(canonicalMakers, fn.Name()) {
				return
			}
		}
		list = append(list, h.breach(n, "this text may not be canonical XML"))
	})
	return list
}

const rawSample = `
func _(w *xmlWriter, in *stanza, m *Message, reason string) {
	w.raw(m.Payload)
	w.raw(in.xml(&in.kids[0]))
	w.raw(statuses(100))
	w.raw(reason) // breach
	w.raw(m.Nick) // breach
	w.raw(m.Payload + reason) // breach
	w.raw("x" + reason) // breach
}
`

var namespace = regexp.MustCompile(`https?://|urn:|jabber:|vcard-temp|storage:|^xmpp:[^?]*/`)

func checkNamespaces(h *house) []breach {
	var list []breach
	h.literals([]string{"ns.go"}, func(lit *ast.BasicLit, text string) {
		if namespace.MatchString(text) {
			list = append(list, h.breach(lit, "a namespace outside ns.go"))
		}
	})
	return list
}

const namespaceSample = `
const _ = "urn:xmpp:ping" // breach

var _ = []string{
	"http://jabber.org/protocol/muc#user", // breach
	"jabber:x:data", // breach
	"vcard-temp", // breach
	"xmpp:prosody.im/protocol/hats:1", // breach
	"muc#roomconfig_roomname",
	"xmpp:",
}
`
