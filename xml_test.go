package muc

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is escaped comes back as it was, from the room's own reader and from any
// other.
func TestEscaping(t *testing.T) {
	for _, s := range []string{"", "plain", `<>&'"`, "a\tb\nc\rd", "]]>", "&amp;", "&#x9;", "Zoë 李雷 🦄", strings.Repeat("&", 100), "a&", "<a"} {
		text, attr := string(appendEscaped(nil, s, escapedInText)), string(appendEscaped(nil, s, escapedInAttr))
		assert.Equal(t, s, unescape(text))
		assert.Equal(t, s, unescape(attr))
		var read struct {
			A    string `xml:"a,attr"`
			Text string `xml:",chardata"`
		}
		require.NoError(t, xml.Unmarshal([]byte("<x a='"+attr+"'>"+text+"</x>"), &read))
		assert.Equal(t, s, read.A, "line ends and tabs stay what they are in attributes")
		assert.Equal(t, s, read.Text)
		assert.True(t, isEscaped(text, escapedInText))
		assert.True(t, isEscaped(attr, escapedInAttr))
		assert.Equal(t, "before"+text, string(appendEscaped([]byte("before"), s, escapedInText)))
	}
	for _, s := range []string{"&", "&bad;", "&#65;", "<", ">", "a&ampb", "&lt", "&#x41;"} {
		assert.False(t, isEscaped(s, escapedInText), s)
	}
}

// What may stand in XML 1.0 is what its grammar says, for every character there is.
func TestValidText(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
		if utf8.ValidRune(r) && validText(string(r)) != want {
			assert.Failf(t, "wrong", "%U", r)
		}
	}
	for _, s := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "ok\x00"} {
		assert.False(t, validText(s), "%q", s)
	}
	assert.True(t, validText(""))
	assert.True(t, validText("\uFFFD"), "the character that stands for others is one itself")
}

// Names are those of XML without a colon.
func TestValidName(t *testing.T) {
	for _, s := range []string{"a", "A", "_", "a1", "a-b.c_d", "été", "名", "x-data"} {
		assert.True(t, validName(s), s)
		assert.NoError(t, xml.Unmarshal([]byte("<"+s+"/>"), new(struct{})), s)
	}
	for _, s := range []string{"", "1", "-a", ".a", "a b", "a:b", "a>b", "a/b", "a'b", "a=b", "a\x00", "\xff", "a\xff", "<", "a\n", "×", "\u202E"} {
		assert.False(t, validName(s), "%q", s)
	}
	for r := rune(0); r <= 0xFFFF; r++ {
		if s := string(r); validName(s) && xml.Unmarshal([]byte("<"+s+"/>"), new(struct{})) != nil {
			assert.Failf(t, "others refuse this name", "%U", r)
		}
	}
}

// The writer closes what it opens, escapes what it is given, and says each
// namespace where it changes.
func TestWriter(t *testing.T) {
	w := xmlWriter{}
	w.start("a", "")
	w.attr("x", `<'">&`)
	w.attrIf("y", "")
	w.attrIf("z", "1")
	w.start("b", "urn:b")
	w.element("c", "", "text <&>")
	w.element("d", "", "")
	w.element("e", "urn:e", "")
	w.raw("<f/>")
	w.raw("")
	w.end()
	w.text("tail")
	w.start("g", "urn:'&<")
	w.end()
	w.end()
	want := `<a x='&lt;&apos;&quot;&gt;&amp;' z='1'><b xmlns='urn:b'><c>text &lt;&amp;&gt;</c><d/><e xmlns='urn:e'/><f/></b>tail<g xmlns='urn:&apos;&amp;&lt;'/></a>`
	assert.Equal(t, want, string(w.b))
	assert.Zero(t, w.depth)
	w = writerWithin("urn:b")
	w.start("c", "urn:b")
	assert.EqualValues(t, len("<c>"), w.openTag())
	w.end()
	assert.Equal(t, "<c></c>", string(w.b))
	assert.Equal(t, "<subject/>", emptyElement("subject"))
}

// What is written and checked in one walk is what a look at each character by itself
// finds: each one there is, at each place, alone and beside others.

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

func requireSlow(t *testing.T, s string) {
	for _, set := range []*charSet{escapedInText, escapedInAttr} {
		d := encoder{}
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
}

func TestEscapingEach(t *testing.T) {
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
