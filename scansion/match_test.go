package scansion

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// element reads hand-made XML as a script would have it.
func element(t testing.TB, src string) *node {
	t.Helper()
	n, err := parseXML([]byte(src), nsClient, written)
	require.NoError(t, err)
	n.dropLayout()
	return n
}

// modes says in which of the modes something matches. As to what is in one stanza,
// Ordered is Subset.
type modes struct{ subset, scansion, exact bool }

func TestModes(t *testing.T) {
	all, none := modes{true, true, true}, modes{}
	inexact := modes{subset: true, scansion: true}
	onlySubset := modes{subset: true}
	tests := []struct {
		name, want, got string
		match           modes
	}{
		{"the same", `<presence a='1'><x xmlns='urn:x'/></presence>`, `<presence a='1'><x xmlns='urn:x'/></presence>`, all},
		{"another kind", `<presence/>`, `<message/>`, none},
		{"another namespace", `<presence xmlns='jabber:server'/>`, `<presence/>`, none},
		{"order of attributes", `<presence a='1' b='2'/>`, `<presence b='2' a='1'/>`, all},
		{"attribute missing", `<presence a='1'/>`, `<presence/>`, none},
		{"attribute differs", `<presence a='1'/>`, `<presence a='2'/>`, none},
		{"attribute of another namespace", `<presence xml:lang='en'/>`, `<presence lang='en'/>`, none},
		{"extra attribute on the stanza", `<presence/>`, `<presence a='1'/>`, inexact},
		{"extra attribute in the stream's namespace", `<iq><error/></iq>`, `<iq><error by='room'/></iq>`, inexact},
		{"extra attribute in a foreign namespace", `<iq><x xmlns='urn:x'/></iq>`, `<iq><x xmlns='urn:x' a='1'/></iq>`, onlySubset},
		{"to left out", `<presence/>`, `<presence to='me'/>`, all},
		{"to written", `<presence to='me'/>`, `<presence to='me'/>`, all},
		{"to differs", `<presence to='you'/>`, `<presence to='me'/>`, none},
		{"to below the root", `<iq><x xmlns='urn:x'/></iq>`, `<iq><x xmlns='urn:x' to='me'/></iq>`, onlySubset},
		{"extra child of the stanza", `<message/>`, `<message><body/></message>`, inexact},
		{"extra foreign child of the stanza", `<message/>`, `<message><x xmlns='urn:x'/></message>`, inexact},
		{"extra child in a foreign namespace", `<iq><x xmlns='urn:x'/></iq>`, `<iq><x xmlns='urn:x'><y/></x></iq>`, onlySubset},
		{"missing child", `<message><body/></message>`, `<message/>`, none},
		{"child of another namespace", `<message><body xmlns='urn:x'/></message>`, `<message><body/></message>`, none},
		{"order of children", `<iq><x xmlns='urn:x'><a/><b/></x></iq>`, `<iq><x xmlns='urn:x'><b/><a/></x></iq>`, inexact},
		{"order of the stanza's children", `<message><a/><b/></message>`, `<message><b/><a/></message>`, inexact},
		{"one for two", `<message><a/><a/></message>`, `<message><a/></message>`, none},
		{"the general expectation must not take the special one's partner",
			`<message><a/><a n='1'/></message>`, `<message><a n='1'/><a n='2'/></message>`, inexact},
		{"text", `<message><body>Hi</body></message>`, `<message><body>Hi</body></message>`, all},
		{"text differs", `<message><body>Hi</body></message>`, `<message><body>Hi </body></message>`, none},
		{"text not named", `<message><subject/></message>`, `<message><subject>Hi</subject></message>`, inexact},
		{"foreign text not named", `<iq><x xmlns='urn:x'/></iq>`, `<iq><x xmlns='urn:x'>Hi</x></iq>`, onlySubset},
		{"place of text", `<message><p xmlns='urn:x'>a<b/>c</p></message>`, `<message><p xmlns='urn:x'>ac<b/></p></message>`, inexact},
		{"the stream's namespace below a foreign one",
			`<message><x xmlns='urn:x'><message xmlns='jabber:client'/></x></message>`,
			`<message><x xmlns='urn:x'><message xmlns='jabber:client' id='1'><body/></message></x></message>`, inexact},
		{"prefixes", `<message><p:x xmlns:p='urn:x'><p:y/></p:x></message>`, `<message><x xmlns='urn:x'><y/></x></message>`, all},
		{"prefixed attribute", `<message xmlns:p='urn:x' p:a='1'/>`, `<message xmlns:q='urn:x' q:a='1'/>`, all},
		{"strict stanza", `<presence scansion:strict='true'/>`, `<presence to='me'/>`, all},
		{"strict stanza, extra attribute", `<presence scansion:strict='true'/>`, `<presence a='1'/>`, none},
		{"strict subtree", `<iq><x xmlns='urn:x' scansion:strict='true'><y/></x></iq>`, `<iq><x xmlns='urn:x'><y a='1'/></x></iq>`, none},
		{"strict reaches the stream's namespace", `<iq><x xmlns='urn:x' scansion:strict='true'><m xmlns='jabber:client'/></x></iq>`,
			`<iq><x xmlns='urn:x'><m xmlns='jabber:client' a='1'/></x></iq>`, none},
		{"strict is not ordered", `<iq><x xmlns='urn:x' scansion:strict='true'><a/><b/></x></iq>`,
			`<iq><x xmlns='urn:x'><b/><a/></x></iq>`, inexact},
		{"loose subtree", `<iq><x xmlns='urn:x' scansion:strict='false'><b/><a/></x></iq>`,
			`<iq><x xmlns='urn:x' n='1'>Hi<a n='1'/><b/><c/></x></iq>`, all},
		{"strict below loose", `<iq><x xmlns='urn:x' scansion:strict='false'><a scansion:strict='true'/></x></iq>`,
			`<iq><x xmlns='urn:x' n='1'><a n='1'/></x></iq>`, none},
		{"wildcard attribute", `<presence a='{scansion:any}'/>`, `<presence a='whatever'/>`, all},
		{"wildcard for an attribute that is not there", `<presence a='{scansion:any}'/>`, `<presence/>`, none},
		{"wildcard text", `<message><body>{scansion:any}</body></message>`, `<message><body>what ever</body></message>`, all},
		{"wildcard for no text", `<message><body>{scansion:any}</body></message>`, `<message><body/></message>`, all},
		{"a wildcard is no child", `<message>{scansion:any}</message>`, `<message><body/></message>`, inexact},
		{"reference", `<presence a="${Romeo's JID}"/>`, `<presence a='romeo@example.org'/>`, all},
		{"reference differs", `<presence a="${Romeo's JID}"/>`, `<presence a='juliet@example.org'/>`, none},
		{"what came is no template", `<presence a='x'/>`, `<presence a='{scansion:any}'/>`, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			match := func(mode Mode) bool {
				m := matcher{mode, vars{"Romeo's JID": "romeo@example.org"}}
				v := m.stanza(element(t, tt.want), element(t, tt.got))
				return v.matches()
			}
			assert.Equal(t, match(Subset), match(Ordered))
			assert.Equal(t, tt.match, modes{match(Subset), match(Scansion), match(Exact)})
		})
	}
}

func TestDifferences(t *testing.T) {
	tests := []struct {
		name      string
		mode      Mode
		want, got string
		said      []string
	}{
		{"attribute", Subset, `<presence><x xmlns='u'><item role='none'/></x></presence>`, `<presence><x xmlns='u'><item role='participant'/></x></presence>`,
			[]string{"presence/x/item: attribute role: expected 'none', got 'participant'"}},
		{"foreign attributes", Exact, `<message xml:lang='en'/>`, `<message xmlns:p='u' p:a='1'/>`,
			[]string{"message: attribute xml:lang: expected 'en', got none", "message: attribute {u}a: expected none, got '1'"}},
		{"kind", Subset, `<message/>`, `<presence/>`, []string{"stanza: expected <message/>, got <presence/>"}},
		{"the most similar child is explained", Subset, `<m><i a='1' b='2'/></m>`, `<m><i a='0' b='0'/><i a='1' b='0'/></m>`,
			[]string{"m/i: attribute b: expected '2', got '0'"}},
		{"a child too many", Exact, `<m><a/><c/></m>`, `<m><a/><b n='1'/><c/></m>`,
			[]string{"m: element <b n='1'/>: came, is not expected"}},
		{"a child too few", Exact, `<m><a/><b n='1'/><c/></m>`, `<m><a/><c/></m>`,
			[]string{"m: element <b n='1'/>: expected, did not come"}},
		{"the order", Exact, `<m><a/><b/><c/></m>`, `<m><a/><c/><b/></m>`,
			[]string{"m: children are in another order: expected <b/> where <c/> came"}},
		{"a reference is put in", Subset, `<m><b>${NAME} is</b></m>`, `<m><b>no</b></m>`,
			[]string{"m/b: text: expected 'value is', got 'no'"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := matcher{tt.mode, vars{"NAME": "value"}}.stanza(element(t, tt.want), element(t, tt.got))
			var said []string
			for _, d := range v.differences {
				said = append(said, d.String())
			}
			assert.Equal(t, tt.said, said)
		})
	}
}

// What is captured comes from the partner that was found, not from one that
// was tried.
func TestCaptureFromThePartner(t *testing.T) {
	for _, mode := range []Mode{Subset, Scansion, Ordered} {
		v := matcher{mode, vars{}}.stanza(
			element(t, `<message><a id='{scansion:capture:FIRST}'/><a id='{scansion:capture:SECOND}' n='1'/></message>`),
			element(t, `<message><a id='x' n='1'/><a id='y'/></message>`))
		require.True(t, v.matches(), "%v", v.differences)
		assert.Equal(t, vars{"FIRST": "y", "SECOND": "x"}, v.captured)
	}
}

func TestTemplate(t *testing.T) {
	known := vars{"Romeo's JID": "romeo@example.org", "DOT": "."}
	tests := []struct {
		template, got string
		ok            bool
		captured      vars
	}{
		{"", "", true, nil},
		{"abc", "abc", true, nil},
		{"a.c", "abc", false, nil},
		{"{scansion:any}", "", true, vars{}},
		{"{scansion:any}", "line\nbreak", true, vars{}},
		{"a{scansion:any}c", "abbc", true, vars{}},
		{"a{scansion:any}c", "abbd", false, nil},
		{"a${DOT}{scansion:any}", "abc", false, nil},
		{"{scansion:capture:A}/{scansion:capture:B}", "1/2/3", true, vars{"A": "1", "B": "2/3"}},
		{"${Romeo's JID}/{scansion:capture:R}", "romeo@example.org/x", true, vars{"R": "x"}},
		{"$5 {and} more", "$5 {and} more", true, nil},
	}
	for _, tt := range tests {
		tmpl, err := parseTemplate(tt.template)
		require.NoError(t, err, tt.template)
		captured, _, ok := tmpl.match(known, tt.got)
		assert.Equal(t, tt.ok, ok, "%s and %s", tt.template, tt.got)
		assert.Equal(t, tt.captured, captured, "%s and %s", tt.template, tt.got)
	}
	tmpl, err := parseTemplate("${DOT}{scansion:any}{scansion:capture:A}")
	require.NoError(t, err)
	assert.Equal(t, ".{scansion:any}{scansion:capture:A}", tmpl.expand(known))
}

func TestModeNames(t *testing.T) {
	for _, mode := range []Mode{Subset, Scansion, Ordered, Exact} {
		text, err := mode.MarshalText()
		require.NoError(t, err)
		var back Mode
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, mode, back)
	}
	var mode Mode
	assert.Error(t, mode.UnmarshalText([]byte("Exact")))
	assert.Equal(t, "Mode(7)", Mode(7).String())
}
