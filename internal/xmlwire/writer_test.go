package xmlwire

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
		text, attr := string(AppendEscaped(nil, s, EscapedInText)), string(AppendEscaped(nil, s, EscapedInAttr))
		assert.Equal(t, s, Unescape(text))
		assert.Equal(t, s, Unescape(attr))
		var read struct {
			A    string `xml:"a,attr"`
			Text string `xml:",chardata"`
		}
		require.NoError(t, xml.Unmarshal([]byte("<x a='"+attr+"'>"+text+"</x>"), &read))
		assert.Equal(t, s, read.A, "line ends and tabs stay what they are in attributes")
		assert.Equal(t, s, read.Text)
		assert.True(t, isEscaped(text, EscapedInText))
		assert.True(t, isEscaped(attr, EscapedInAttr))
		assert.Equal(t, "before"+text, string(AppendEscaped([]byte("before"), s, EscapedInText)))
	}
	for _, s := range []string{"&", "&bad;", "&#65;", "<", ">", "a&ampb", "&lt", "&#x41;"} {
		assert.False(t, isEscaped(s, EscapedInText), s)
	}
}

// What may stand in XML 1.0 is what its grammar says, for every character there is.
func TestValidText(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
		if utf8.ValidRune(r) && ValidText(string(r)) != want {
			assert.Failf(t, "wrong", "%U", r)
		}
	}
	for _, s := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "ok\x00"} {
		assert.False(t, ValidText(s), "%q", s)
	}
	assert.True(t, ValidText(""))
	assert.True(t, ValidText("\uFFFD"), "the character that stands for others is one itself")
}

// Names are those of XML without a colon.
func TestValidName(t *testing.T) {
	for _, s := range []string{"a", "A", "_", "a1", "a-b.c_d", "été", "名", "x-data"} {
		assert.True(t, ValidName(s), s)
		assert.NoError(t, xml.Unmarshal([]byte("<"+s+"/>"), new(struct{})), s)
	}
	for _, s := range []string{"", "1", "-a", ".a", "a b", "a:b", "a>b", "a/b", "a'b", "a=b", "a\x00", "\xff", "a\xff", "<", "a\n", "×", "\u202E"} {
		assert.False(t, ValidName(s), "%q", s)
	}
	for r := rune(0); r <= 0xFFFF; r++ {
		if s := string(r); ValidName(s) && xml.Unmarshal([]byte("<"+s+"/>"), new(struct{})) != nil {
			assert.Failf(t, "others refuse this name", "%U", r)
		}
	}
}

// The writer closes what it opens, escapes what it is given, and says each
// namespace where it changes.
func TestWriter(t *testing.T) {
	w := Writer{}
	w.Start("a", "")
	w.Attr("x", `<'">&`)
	w.AttrIf("y", "")
	w.AttrIf("z", "1")
	w.Start("b", "urn:b")
	w.Element("c", "", "text <&>")
	w.Element("d", "", "")
	w.Element("e", "urn:e", "")
	w.Raw("<f/>")
	w.Raw("")
	w.End()
	w.Text("tail")
	w.Start("g", "urn:'&<")
	w.End()
	w.End()
	want := `<a x='&lt;&apos;&quot;&gt;&amp;' z='1'><b xmlns='urn:b'><c>text &lt;&amp;&gt;</c><d/><e xmlns='urn:e'/><f/></b>tail<g xmlns='urn:&apos;&amp;&lt;'/></a>`
	assert.Equal(t, want, string(w.Bytes))
	assert.Zero(t, w.depth)
	w = Writer{}
	w.Start("c", "")
	assert.EqualValues(t, len("<c>"), w.OpenTag())
	w.End()
	assert.Equal(t, "<c></c>", string(w.Bytes))
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

func escapedSlowly(s string, set *CharSet) string {
	var b []byte
	for i := range len(s) {
		b = AppendEscaped(b, s[i:i+1], set)
	}
	return string(b)
}

func isEscapedSlowly(s string, set *CharSet) bool { return escapedSlowly(Unescape(s), set) == s }

func requireSlow(t *testing.T, s string) {
	for _, set := range []*CharSet{EscapedInText, EscapedInAttr} {
		d := Encoder{}
		ok := d.write(s, set)
		require.Equal(t, escapedSlowly(s, set), string(AppendEscaped(nil, s, set)), "%q", s)
		require.Equal(t, escapedSlowly(s, set), string(d.b), "%q", s)
		require.Equal(t, validTextSlowly(s), ok, "%q", s)
	}
	require.Equal(t, validTextSlowly(s), ValidText(s), "%q", s)
	require.Equal(t, isEscapedSlowly(s, EscapedInText), isEscaped(s, EscapedInText), "%q", s)
	require.Equal(t, isEscapedSlowly(s, EscapedInAttr), isEscaped(s, EscapedInAttr), "%q", s)
	untagged := strings.ReplaceAll(s, "<", "")
	require.Equal(t, isEscapedSlowly(untagged, EscapedInText), isEscaped(untagged, EscapedInText), "%q", untagged)
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
