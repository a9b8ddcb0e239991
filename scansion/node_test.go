package scansion

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamespaces(t *testing.T) {
	n := element(t, `<message xmlns:p='urn:p' p:a='1' a='2' xml:lang='en'>
		<body/>
		<x xmlns='urn:x'><y/><p:z/><message xmlns='jabber:client'/><none xmlns=''/></x>
		<q xmlns:p='urn:q'><p:r/></q>
	</message>`)
	var names []xml.Name
	require.NoError(t, n.walk(func(n *node) error {
		names = append(names, n.name)
		return nil
	}))
	assert.Equal(t, []xml.Name{
		{Space: nsClient, Local: "message"},
		{Space: nsClient, Local: "body"},
		{Space: "urn:x", Local: "x"},
		{Space: "urn:x", Local: "y"},
		{Space: "urn:p", Local: "z"},
		{Space: nsClient, Local: "message"},
		{Space: "", Local: "none"},
		{Space: nsClient, Local: "q"},
		{Space: "urn:q", Local: "r"},
	}, names)
	assert.Equal(t, []xml.Attr{
		{Name: xml.Name{Space: "urn:p", Local: "a"}, Value: "1"},
		{Name: xml.Name{Local: "a"}, Value: "2"},
		{Name: xml.Name{Space: nsXML, Local: "lang"}, Value: "en"},
	}, n.attrs)
}

// The prefix scansion: is the runner's, whatever a script declares it to be.
func TestScansionPrefix(t *testing.T) {
	for _, src := range []string{`<a scansion:strict='true'/>`, `<a xmlns:scansion='urn:x' scansion:strict='true'/>`} {
		value, ok := element(t, src).attr(strictName)
		assert.True(t, ok, src)
		assert.Equal(t, "true", value, src)
	}
}

func TestBadXML(t *testing.T) {
	tests := []struct {
		src, said string
		line      int
	}{
		{"", "there is no element", 1},
		{"text", "text outside of an element", 1},
		{"<a>\n<b>", "<b> is never closed", 2},
		{"<a></b>", "</b> where <a> is open", 1},
		{"<a/>\n</a>", "</a> closes nothing", 2},
		{"<a/>\n\n<b/>", "a second element <b>", 3},
		{"<a>\n<p:b/></a>", "prefix p: is not declared", 2},
		{"<a p:b='1'/>", "prefix p: is not declared", 1},
		{"<a xmlns:p=''/>", "prefix p: is declared as nothing", 1},
		{"<a b='1' b='1'/>", "attribute b stands twice", 1},
		{"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='1'/>", "attribute q:b stands twice", 1},
		{"<?xml version='1.0'?><a/>", "processing instruction", 1},
		{"<a>&nbsp;</a>", "invalid character entity", 1},
		{"<a b=1/>", "unquoted", 1},
		{"<:a/>", "is no name", 1},
		{strings.Repeat("<a>", maxDepth+1), "more than 1000 levels", 1},
	}
	for _, tt := range tests {
		_, err := parseXML([]byte(tt.src), nsClient, written)
		var bad *xmlError
		require.ErrorAs(t, err, &bad, tt.src)
		assert.Contains(t, bad.msg, tt.said)
		assert.Equal(t, tt.line, bad.line, tt.src)
	}
}

// What a room writes is on a stream, where XML is restricted (RFC 6120 §11.1).
func TestWireXML(t *testing.T) {
	_, err := parseXML([]byte("<a><!-- b --></a>"), nsClient, wire)
	assert.ErrorContains(t, err, "a comment")
	_, err = parseXML([]byte("<a><!-- b --></a>"), nsClient, written)
	assert.NoError(t, err)
}

func TestSame(t *testing.T) {
	a := element(t, `<a x='1' y='2'><b>t</b><c/></a>`)
	assert.True(t, same(a, element(t, `<a y='2' x='1'><b>t</b><c/></a>`)))
	for _, other := range []string{
		`<z x='1' y='2'><b>t</b><c/></z>`,
		`<a x='1' y='3'><b>t</b><c/></a>`,
		`<a x='1' z='2'><b>t</b><c/></a>`,
		`<a x='1' y='2'><b>u</b><c/></a>`,
		`<a x='1' y='2'><c/><b>t</b></a>`,
		`<a x='1' y='2'><b>t</b></a>`,
		`<a x='1' y='2'>t<b>t</b><c/></a>`,
	} {
		assert.False(t, same(a, element(t, other)), other)
	}
}

func TestFormat(t *testing.T) {
	tests := []struct{ src, printed string }{
		{`<a/>`, `  <a/>`},
		{`<a b='it&apos;s &lt; &quot;c"' />`, `  <a b='it&apos;s &lt; "c"'/>`},
		{`<a><b>1 &lt; 2</b><c xmlns='u'><d/></c></a>`, "  <a>\n    <b>1 &lt; 2</b>\n    <c xmlns='u'>\n      <d/>\n    </c>\n  </a>"},
		{`<a>one <b>two</b> <c/></a>`, `  <a>one <b>two</b> <c/></a>`},
		{`<a xml:lang='en' scansion:strict='true' xmlns:p='u' p:b='1'/>`, `  <a xml:lang='en' scansion:strict='true' xmlns:ns2='u' ns2:b='1'/>`},
		{`<presence from='a-rather-long-room-name@conference.example.org/Nickname' to='someone@example.org/resource' id='7'><x/></presence>`,
			"  <presence from='a-rather-long-room-name@conference.example.org/Nickname'\n      to='someone@example.org/resource' id='7'>\n    <x/>\n  </presence>"},
		{`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>only those who are members can register with this room</text>`,
			"  <text\n      xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>only those who are members can register with this room</text>"},
	}
	for _, tt := range tests {
		n, err := parseXML([]byte(tt.src), nsClient, written)
		require.NoError(t, err, tt.src)
		printed := n.format("  ")
		assert.Equal(t, tt.printed, printed)
		back, err := parseXML([]byte(printed), nsClient, written)
		require.NoError(t, err, printed)
		back.dropLayout()
		assert.True(t, same(n, back), printed)
	}
}

func TestWrap(t *testing.T) {
	long := `{"seq":1,"data":{"text":"` + strings.Repeat("some words and, ", 20) + `","next":"` + strings.Repeat("n", 50) + `"}}`
	wrapped := wrap(long, "    ")
	for _, line := range strings.Split(wrapped, "\n") {
		assert.LessOrEqual(t, len(line), width+1)
		assert.True(t, strings.HasPrefix(line, "    "))
	}
	assert.Equal(t, long, strings.ReplaceAll(strings.TrimPrefix(wrapped, "    "), "\n    ", ""))
}

func TestAsJSON(t *testing.T) {
	assert.Equal(t, `"<a>&\\u003c"`, asJSON(`<a>&\u003c`))
	assert.Equal(t, "json: unsupported type: func()", asJSON(func() {}))
}
