package muc

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// The core is a deterministic state machine: no clock, no randomness, no I/O, no
// goroutines, no locks, no order of a map.

func coreWalls() []wall {
	return []wall{
		{"imports are few and pure", checkImports, map[string]string{"sample.go": importSample}},
		{"no clock, no output, no concurrency", checkPurity, map[string]string{"sample.go": puritySample}},
		{"maps are ranged in sortedKeys", checkMaps, map[string]string{"sample.go": mapSample, "index.go": mapIndexSample}},
		{"package variables do not change", checkGlobals, map[string]string{"sample.go": globalSample}},
		{"policies are asked in policy.go", checkPolicies, map[string]string{"sample.go": policySample}},
	}
}

// pureImports are the packages that the core may use.
var pureImports = []string{"bytes", "cmp", "crypto/hmac", "crypto/sha256", "crypto/subtle", "encoding/base64",
	"encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "iter", "maps", "math", "math/bits", "reflect", "slices",
	"sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
	"github.com/beevik/etree", "golang.org/x/text/secure/precis", "golang.org/x/text/unicode/norm"}

func checkImports(h *house) []breach {
	var list []breach
	h.each(nil, func(n ast.Node, _ []ast.Node) {
		if spec, ok := n.(*ast.ImportSpec); ok {
			path, _ := strconv.Unquote(spec.Path.Value)
			if !slices.Contains(pureImports, path) || spec.Name != nil && spec.Name.Name == "." {
				list = append(list, h.breach(n, "the core does without %s", path))
			}
		}
	})
	return list
}

const importSample = `
import (
	"strings"
	_ "math/rand" // breach
	_ "crypto/rand" // breach
	_ "sync" // breach
	_ "sync/atomic" // breach
	_ "os" // breach
	_ "context" // breach
	_ "encoding/gob" // breach
	_ "unsafe" // breach
	_ "github.com/stretchr/testify/assert" // breach
	. "slices" // breach
)

var _ = strings.ToUpper
var _ = Sort[[]int]
`

// impure are functions of allowed packages that know the time or the machine, or
// write to it.
var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"},
	"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

func checkPurity(h *house) []breach {
	var list []breach
	found := func(n ast.Node, why string) { list = append(list, h.breach(n, "%s in the core", why)) }
	h.each(nil, func(n ast.Node, _ []ast.Node) {
		switch n := n.(type) {
		case *ast.GoStmt:
			found(n, "a goroutine")
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			found(n, "a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				found(n, "a channel")
			}
		case *ast.Ident:
			obj := h.info.Uses[n]
			if obj == nil {
				return
			}
			if _, builtin := obj.(*types.Builtin); builtin && slices.Contains([]string{"print", "println", "recover"}, n.Name) {
				found(n, n.Name)
			}
			fn, _ := obj.(*types.Func)
			method := fn != nil && fn.Signature().Recv() != nil && n.Name != "Local"
			if obj.Pkg() != nil && !method && slices.Contains(impure[obj.Pkg().Path()], n.Name) {
				found(n, obj.Pkg().Name()+"."+n.Name)
			}
		}
	})
	return list
}

const puritySample = `
import (
	"fmt"
	"time"
)

func _(at time.Time) {
	_ = time.Now() // breach
	now := time.Now // breach
	_ = time.Since(at) // breach
	_ = at.Local() // breach
	_ = at.UTC().Add(time.Second)
	_ = at.After(now())
	fmt.Println("x") // breach
	_ = fmt.Sprint("x")
	go func() { // breach
		recover() // breach
	}()
	var c chan int // breach
	c <- 1 // breach
	<-c // breach
	select {} // breach
}
`

func checkMaps(h *house) []breach {
	var list []breach
	h.each(nil, func(n ast.Node, stack []ast.Node) {
		if h.inSortedKeys(n, stack) {
			return
		}
		switch n := n.(type) {
		case *ast.RangeStmt:
			if isMap(h.typeOf(n.X)) {
				list = append(list, h.breach(n, "a map is ranged, in no order"))
			}
		case *ast.SelectorExpr:
			if obj := h.info.Uses[n.Sel]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "maps" {
				list = append(list, h.breach(n, "maps.%s has no order", n.Sel.Name))
			}
		}
	})
	return list
}

func (h *house) inSortedKeys(n ast.Node, stack []ast.Node) bool {
	if h.file(n) != "index.go" {
		return false
	}
	return slices.ContainsFunc(stack, func(outer ast.Node) bool {
		d, ok := outer.(*ast.FuncDecl)
		return ok && d.Name.Name == "sortedKeys"
	})
}

// isMap reports whether ranging over a type has no order: maps, and type
// parameters that may be maps.
func isMap(t types.Type) bool {
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		t = p.Constraint()
	}
	switch u := t.Underlying().(type) {
	case *types.Map:
		return true
	case *types.Interface:
		for e := range u.EmbeddedTypes() {
			if union, ok := e.(*types.Union); ok {
				for term := range union.Terms() {
					if isMap(term.Type()) {
						return true
					}
				}
			} else if isMap(e) {
				return true
			}
		}
	}
	return false
}

const mapSample = `
import "maps"

type sampleMap map[string]int

func _[M ~map[string]int](m map[string]int, n sampleMap, o M, x *index[rateKey, spending], list []int) {
	for range m { // breach
	}
	for k := range n { // breach
		_ = k
	}
	for k := range o { // breach
		_ = k
	}
	for k := range x.many { // breach
		_ = k
	}
	for k := range maps.Keys(m) { // breach
		_ = k
	}
	_ = maps.Values(m) // breach
	for range list {
	}
	_ = m["x"]
}
`

const mapIndexSample = `
func _(m map[string]int) {
	for range m { // breach
	}
}
`

// checkGlobals: what two rooms share must not change, for they may run at the
// same time.
func checkGlobals(h *house) []breach {
	var list []breach
	h.each(nil, func(n ast.Node, stack []ast.Node) {
		if slices.ContainsFunc(stack, func(outer ast.Node) bool {
			d, ok := outer.(*ast.FuncDecl)
			return ok && d.Recv == nil && d.Name.Name == "init"
		}) {
			return
		}
		writes := writesOf(n)
		if call, ok := n.(*ast.CallExpr); ok && h.info.Types[call.Fun].IsBuiltin() && len(call.Args) > 0 {
			if name := ast.Unparen(call.Fun).(*ast.Ident).Name; name == "delete" || name == "clear" || name == "copy" {
				writes = call.Args[:1]
			}
		}
		for _, w := range writes {
			if id := rootOf(w); id != nil {
				if v, ok := h.info.Uses[id].(*types.Var); ok && v.Parent() == h.pkg.Scope() {
					list = append(list, h.breach(n, "%s is shared by all rooms", id.Name))
				}
			}
		}
	})
	return list
}

const globalSample = `
var sampleCount int
var sampleLimits Limits
var sampleMemo = map[string]int{}

func init() { sampleCount = 1 }

func _() {
	sampleCount++ // breach
	sampleMemo["x"] = 1 // breach
	delete(sampleMemo, "x") // breach
	routes[0].typ = "" // breach
	sampleLimits.Asks = 0 // breach
	local := sampleLimits
	local.Asks = 0
}
`

// checkPolicies: whoever asks a policy elsewhere forgets to tell it which room asks.
func checkPolicies(h *house) []breach {
	var list []breach
	h.each([]string{"policy.go"}, func(n ast.Node, _ []ast.Node) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || h.named(h.typeOf(sel.X)) != "Config" {
			return
		}
		sig, ok := h.typeOf(sel).(*types.Signature)
		if ok && sig.Params().Len() == 1 && strings.HasSuffix(h.named(sig.Params().At(0).Type()), "Request") {
			list = append(list, h.breach(n, "%s is asked outside policy.go", sel.Sel.Name))
		}
	})
	return list
}

const policySample = `
func sampleAsks(r *Room) {
	_ = r.cfg.IsOwner
	_ = r.cfg.MayJoin(JoinRequest{}) // breach
	c := *r.cfg
	_ = c.AsksJoin // breach
}
`
