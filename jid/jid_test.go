package jid_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/jid"
)

// Addresses are taken apart and normalised as RFC 7622 says.
func TestParse(t *testing.T) {
	for _, c := range []struct{ in, local, domain, resource string }{
		{"shakespeare.lit", "", "shakespeare.lit", ""},
		{"crone@shakespeare.lit", "crone", "shakespeare.lit", ""},
		{"crone@shakespeare.lit/desktop", "crone", "shakespeare.lit", "desktop"},
		{"shakespeare.lit/desktop", "", "shakespeare.lit", "desktop"},
		{"Crone@Shakespeare.LIT/Desktop", "crone", "shakespeare.lit", "Desktop"},
		{"crone@shakespeare.lit./x", "crone", "shakespeare.lit", "x"},
		{"a@b/c@d/e", "a", "b", "c@d/e"},
		{"a@b/ c ", "a", "b", " c "},
		{"JÜRGEN@Bücher.example/Zoe\u0308", "jürgen", "bücher.example", "Zoë"},
		{"ｆｏｏ@bar", "foo", "bar", ""},
		{"a@b。c", "a", "b.c", ""},
		{"李雷@例え.テスト/手機", "李雷", "例え.テスト", "手機"},
		{"a@[::1]/x", "a", "[::1]", "x"},
		{strings.Repeat("a", 1023) + "@b/" + strings.Repeat("c", 1023), strings.Repeat("a", 1023), "b", strings.Repeat("c", 1023)},
	} {
		j, err := jid.Parse(c.in)
		require.NoError(t, err, c.in)
		assert.Equal(t, []string{c.local, c.domain, c.resource}, []string{j.Local(), j.Domain(), j.Resource()}, c.in)
		assert.Equal(t, c.resource == "", j.IsBare())
		assert.Equal(t, j.Bare().String()+map[bool]string{true: "", false: "/" + c.resource}[c.resource == ""], j.String())
		assert.False(t, j.IsZero())
	}
	for _, bad := range []string{"", "@", "/", "@b", "a@", "a@b/", "a@/c", "a b@c", "a\"b@c", "a&b@c", "a'b@c", "a:b@c", "a<b@c", "a>b@c",
		"a@b c", "a@b<c", "a@b..c", "a@.b", "a@..", "a@b@c", "a@b\x00", "a\x00@b", "a@b/\x00", "a@b/\x7f", "a@\xff", "a@b/\xff", "\u202Ea@b",
		strings.Repeat("a", 1024) + "@b", "a@" + strings.Repeat("b", 1024), "a@b/" + strings.Repeat("c", 1024)} {
		j, err := jid.Parse(bad)
		assert.ErrorIs(t, err, jid.ErrMalformed, "%.20q", bad)
		assert.True(t, j.IsZero())
		assert.Panics(t, func() { jid.MustParse(bad) })
	}
}

// Equal addresses are equal values, of three words, and keys of maps.
func TestJIDIsAValue(t *testing.T) {
	a, b := jid.MustParse("Crone@Shakespeare.lit/desktop"), jid.MustParse("crone@shakespeare.LIT/desktop")
	assert.True(t, a == b)
	assert.True(t, a.Bare() == jid.MustParse("crone@shakespeare.lit"))
	assert.Equal(t, a.Bare(), a.Bare().Bare())
	assert.Len(t, map[jid.JID]bool{a: true, b: true}, 1)
	assert.LessOrEqual(t, unsafe.Sizeof(a), uintptr(24))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = a.Bare(), a.Resource() }))
	var none jid.JID
	assert.True(t, none.IsZero())
	assert.True(t, none.IsBare())
	assert.Equal(t, []string{"", "", "", ""}, []string{none.String(), none.Local(), none.Domain(), none.Resource()})
}

// An address comes back from JSON as it was, without being judged anew: but one
// that would break a stanza is none.
func TestJIDJSON(t *testing.T) {
	for _, s := range []string{"", "shakespeare.lit", "crone@shakespeare.lit", "Crone@Shakespeare.lit/x", `a@b/<&>'"`, "a@b/c@d/e"} {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		var j jid.JID
		require.NoError(t, json.Unmarshal(text, &j), s)
		assert.Equal(t, s, j.String(), "as it was written")
		back, err := json.Marshal(j)
		require.NoError(t, err)
		assert.Equal(t, string(text), string(back))
	}
	for _, s := range []string{"@", "@b", "a@", "a@b/", "/x", "<@b", "a'@b", "a@b<", "a@b\n", "a\t@b", "a@b/\u0001", "a@" + strings.Repeat("b", 2000)} {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		var j jid.JID
		assert.ErrorIs(t, json.Unmarshal(text, &j), jid.ErrMalformed, "%.20q", s)
	}
}

// A localpart as people read it, by XEP-0106.
func TestPlainLocal(t *testing.T) {
	for local, plain := range map[string]string{
		"coven":                     "coven",
		`space\20cadet`:             "space cadet",
		`call\20me\20\22ishmael\22`: `call me "ishmael"`,
		`at\26t\20guy`:              "at&t guy",
		`d\27artagnan`:              "d'artagnan",
		`\2f.fanboy`:                "/.fanboy",
		`\3a\3afoo\3a\3a`:           "::foo::",
		`\3cfoo\3e`:                 "<foo>",
		`user\40host`:               "user@host",
		`c\3a\5cnet`:                `c:\net`,
		`c\5c3a`:                    `c\3a`,
		`c\zz\2`:                    `c\zz\2`,
	} {
		assert.Equal(t, plain, jid.MustParse(local+"@chat.example").PlainLocal())
	}
}

// FuzzJID: what Parse accepts is normal, and survives being written.
func FuzzJID(f *testing.F) {
	for _, s := range []string{"", "a", "a@b", "a@b/c", "@", "/", "a@/c", "A@B/C", "ü@ö/ä", "a@b/", "a b@c", "a@b/c d", "a@[::1]/x",
		"juliet@example.com.", "a@b@c/d@e/f", "\u212A@x", "a@\u3002b", "x@y/\u202E", "é@x/e\u0301", "a@b/<&>'\"", strings.Repeat("a", 1024) + "@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := jid.Parse(s)
		if err != nil {
			require.ErrorIs(t, err, jid.ErrMalformed)
			require.True(t, j.IsZero())
			return
		}
		require.True(t, utf8.ValidString(j.String()))
		again, err := jid.Parse(j.String())
		require.NoError(t, err, "%q of %q", j, s)
		require.Equal(t, j, again, "%q of %q", j, s)
		require.True(t, j == again)
		text := j.Domain()
		if j.Local() != "" {
			text = j.Local() + "@" + text
		}
		require.Equal(t, text, j.Bare().String())
		if j.Resource() != "" {
			text += "/" + j.Resource()
		}
		require.Equal(t, text, j.String())
		require.Equal(t, j.IsBare(), j.Resource() == "")
		require.Equal(t, j.Bare(), j.Bare().Bare())
		require.True(t, j.Bare().IsBare())
		for _, part := range []string{j.Local(), j.Domain(), j.Resource()} {
			require.LessOrEqual(t, len(part), 1023)
		}
		b, err := json.Marshal(j)
		require.NoError(t, err)
		var back jid.JID
		require.NoError(t, json.Unmarshal(b, &back))
		require.True(t, back == j)
	})
}

// An error says what was to be read, also of a text without end.
func TestErrorsQuote(t *testing.T) {
	for _, bad := range []string{"", "a@", "@b", "a@b/", "a b@c", "a@b c", "a@b/\x00", "a@" + strings.Repeat("b", 2000)} {
		_, err := jid.Parse(bad)
		require.ErrorIs(t, err, jid.ErrMalformed)
		assert.Contains(t, err.Error(), strconv.Quote(bad[:min(len(bad), 100)]))
		assert.Less(t, len(err.Error()), 600)
	}
}
