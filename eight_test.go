package muc

import (
	"math/bits"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The functions that look at eight characters at a time find what a look at each one
// by itself finds: each character there is, at each place, alone and beside others.

func validTextSlowly(s string) bool {
	for i, r := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		plain := r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r < 0xFFFE || r > 0xFFFF
		if !plain || r == utf8.RuneError && n == 1 {
			return false
		}
	}
	return true
}

func escapedSlowly(s string, set *charSet) string {
	var b []byte
	for i := range len(s) {
		b = appendEscaped(b, s[i:i+1], set)
	}
	return string(b)
}

func isEscapedSlowly(s string, set *charSet) bool { return escapedSlowly(unescape(s), set) == s }

func isPrintableSlowly(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= utf8.RuneSelf })
}

func plainStartSlowly(b []byte) int {
	for i, c := range b {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return i
		}
	}
	return len(b)
}

func requireSlow(t *testing.T, s string) {
	for _, set := range []*charSet{escapedInText, escapedInAttr} {
		d := door{}
		ok := d.write(s, set)
		require.Equal(t, escapedSlowly(s, set), string(appendEscaped(nil, s, set)), "%q", s)
		require.Equal(t, escapedSlowly(s, set), string(d.b), "%q", s)
		require.Equal(t, validTextSlowly(s), ok, "%q", s)
	}
	require.Equal(t, validTextSlowly(s), validText(s), "%q", s)
	require.Equal(t, isEscapedSlowly(s, escapedInText), isEscaped(s, escapedInText), "%q", s)
	require.Equal(t, isEscapedSlowly(s, escapedInAttr), isEscaped(s, escapedInAttr), "%q", s)
	untagged := strings.ReplaceAll(s, "<", "")
	require.Equal(t, isEscapedSlowly(untagged, escapedInText), isEscapedText(untagged), "%q", untagged)
	require.Equal(t, plainStartSlowly([]byte(s)), plainStart([]byte(s)), "%q", s)
	for _, around := range []string{"", "\x06", "\x00\xff\x00\xff\x00\xff\x00\xff"} {
		all := []byte(around + s + around)
		require.Equal(t, isPrintableSlowly(s), isPrintable(all[len(around):], len(s)), "%q in %q", s, all)
	}
}

func TestEightAreEachOfThem(t *testing.T) {
	odd := []string{"é", "日", "\U0001F600", "\uFFFD", "\uFFFE", "\uFFFF", "\xed\xa0\x80", "\xe2\x82", "&amp;", "&lt;", "&apos;", "&#x9;", "&bad;", "&amp;lt;", "&&amp;", "\x7f\x80", "\x00\x01"}
	for c := range 256 {
		odd = append(odd, string([]byte{byte(c)}))
	}
	for length := range 20 {
		for at := range length + 1 {
			before, behind := strings.Repeat("x", at), strings.Repeat("~", length-at)
			for i, one := range odd {
				requireSlow(t, before+one+behind)
				requireSlow(t, before+one+behind+odd[(i*7+at)%len(odd)])
			}
		}
	}
}

// TestMarks: the lowest mark is right, for every pair of characters.
func TestMarks(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			text := []byte{'a', byte(a), byte(b), 'b', byte(b), byte(a), 0x7f, ' '}
			x := eight(text, 0)
			for name, marks := range map[string]struct {
				got uint64
				set func(c byte) bool
			}{
				"unprintable": {unprintable(x), func(c byte) bool { return c < ' ' || c >= utf8.RuneSelf }},
				"escapable":   {escapable(x), func(c byte) bool { return c < ' ' || c >= utf8.RuneSelf || escapedInAttr[c] }},
				"special":     {special(x), func(c byte) bool { return c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' }},
			} {
				want := slices.IndexFunc(text, marks.set)
				if want < 0 {
					require.Zero(t, marks.got, "%s of %q", name, text)
				} else {
					require.Equal(t, want, bits.TrailingZeros64(marks.got)/8, "%s of %q", name, text)
				}
			}
		}
	}
}
