package muc_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/gomuc/muc"
)

// normalForms checks what addresses and nicks are made of one text: each is normal,
// and is still the same text, decomposed. A table that takes one character for another
// would make two people one.
func normalForms(t *testing.T, text string) {
	t.Helper()
	for _, address := range []string{text + "@x", "x@" + text + ".example", "x@y/" + text} {
		j, err := muc.ParseJID(address)
		if err != nil {
			continue
		}
		again, err := muc.ParseJID(j.String())
		if err != nil || j != again {
			require.Fail(t, "not normal", "%+q: %+q, %+q, %v", address, j, again, err)
		}
		switch {
		case j.Local() == "x" && j.Domain() == "y":
			sameLetters(t, text, j.Resource())
		case j.Domain() == "x":
			sameLetters(t, text, j.Local())
		default:
			sameLetters(t, text, strings.TrimSuffix(j.Domain(), ".example"))
		}
	}
	for _, rule := range []muc.NickRule{muc.NormalizeNick, muc.StrictNick} {
		n, refused := rule(text)
		if refused != nil {
			continue
		}
		again, refused := rule(n.Nick)
		require.Nil(t, refused, "%+q", text)
		if again != (muc.NickResult{Nick: n.Nick, Key: n.Key}) {
			require.Fail(t, "not normal", "%+q: %+q", text, n.Nick)
		}
		if !n.Changed || !strings.ContainsAny(text, "\ufe0f\u200d") {
			sameLetters(t, text, n.Nick)
		}
	}
}

// sameLetters holds a normalised text to what it was made of: but for case, width and
// spaces, which normalisation may change, it is the same when both are taken apart.
func sameLetters(t *testing.T, text, normal string) {
	t.Helper()
	if text == normal {
		return
	}
	loose := func(s string) string {
		letters := []rune(norm.NFKD.String(s))
		for i, r := range letters {
			if unicode.Is(unicode.Zs, r) {
				letters[i] = ' '
			}
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				letters[i] = min(letters[i], f)
			}
		}
		slices.Sort(letters) // the marks on a letter may stand in another order
		return string(letters)
	}
	if loose(text) != loose(normal) {
		require.Fail(t, "another text", "%+q became %+q", text, normal)
	}
}

// Each code point of all planes stands once by itself, once before and once behind
// what it might combine with. golang.org/x/text before v0.42 made "josé" of
// "jos\U00020065\u0301" (golang.org/issue/81028), which gave josé's rooms away.
func TestAddressesOfAllPlanesAreNormal(t *testing.T) {
	_, err := muc.ParseJID("jos\U00020065\u0301@x")
	if err == nil {
		require.NotEqual(t, muc.MustParseJID("josé@x"), muc.MustParseJID("jos\U00020065\u0301@x"))
	}
	for r := rune(1); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) || strings.ContainsRune("@/.。．｡", r) {
			continue // no character, or one between the parts of an address
		}
		s := string(r)
		if _, err := muc.ParseJID("x@y/" + s); err != nil && r > 0x3ffff {
			continue // unassigned, or for private use: refused with whatever else
		}
		local := "a" + s + "\u0301"
		if r > 0x3400 && r%7 != 0 { // nearly all of them are alike
			if j, err := muc.ParseJID(local + "@x"); err == nil {
				sameLetters(t, local, j.Local())
			}
			continue
		}
		normalForms(t, local)
		normalForms(t, s)
		normalForms(t, s+"\u0327\u0308a")
	}
}

// Random texts of all planes, of those code points above all that normalisation is
// about.
func TestRandomAddressesAreNormal(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 81028))
	marks := []rune("\u0300\u0301\u0302\u0303\u0307\u0308\u030a\u0323\u0327\u0328\u0345\u3099\u309a\u1161\u11a8\u0338")
	for range 20000 {
		var b strings.Builder
		for range 1 + rnd.IntN(6) {
			switch rnd.IntN(5) {
			case 0:
				b.WriteRune('a' + rune(rnd.IntN(26)))
			case 1:
				b.WriteRune(marks[rnd.IntN(len(marks))])
			case 2: // what a table cut to 16 bits takes for a letter
				b.WriteRune(rune(1+rnd.IntN(3))<<16 | 'a' + rune(rnd.IntN(26)))
			case 3:
				b.WriteRune(rune(rnd.IntN(0x3000)))
			default:
				b.WriteRune(rune(rnd.IntN(0x32000)))
			}
		}
		if s := b.String(); utf8.ValidString(s) && !strings.ContainsAny(s, "@/.。．｡") {
			normalForms(t, s)
		}
	}
}
