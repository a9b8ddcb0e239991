package muc

import (
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is written canonically is read back the same, as a node and as an element.
func TestReadNode(t *testing.T) {
	const canonical = `<a xmlns='urn:a' x='1' xml:lang='en' xmlns:ns3='urn:p' ns3:y='&apos;'>one<b/>two<c xmlns='urn:c'><d>&lt;</d></c><b z=''>&amp;</b></a>`
	n := readNode(canonical)
	assert.Equal(t, "a", n.name)
	assert.Equal(t, "urn:a", n.ns)
	assert.Equal(t, "onetwo", n.text)
	assert.Equal(t, "1", n.attrOr("x", ""))
	assert.Equal(t, "'", n.attrOr("ns3:y", ""))
	assert.Equal(t, "none", n.attrOr("nowhere", "none"))
	require.Len(t, n.kids, 3)
	assert.Equal(t, "urn:a", n.kids[0].ns)
	assert.Equal(t, "urn:c", n.kids[1].ns)
	assert.Equal(t, "<", n.kids[1].kids[0].text)
	assert.Equal(t, "", n.child("urn:a", "b").text, "the first of that name")
	assert.Nil(t, n.child("urn:b", "b"))
	z, there := n.kids[2].attr("z")
	assert.True(t, there)
	assert.Empty(t, z)

	assert.Equal(t, attrs(" xmlns='urn:a' xml:lang='en' xmlns:ns3='urn:p' ns3:y='&apos;'"), n.attrs.without("x"))
	assert.Equal(t, attrs(" xmlns='urn:a' x='1' xml:lang='en' xmlns:ns3='urn:p'"), n.attrs.without("ns3:y"))
	assert.Equal(t, n.attrs, n.attrs.without("nowhere"))
	assert.Empty(t, attrs(" z='/'").without("z"))

	el := buildElement(canonical)
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(canonical))
	a, err := etree.NewDocumentWithRoot(el).WriteToString()
	require.NoError(t, err)
	b, err := doc.WriteToString()
	require.NoError(t, err)
	assert.Equal(t, b, a)
	assert.Nil(t, buildElement(""))
}

// Only what the door writes is taken from a store as XML.
func TestIsCanonical(t *testing.T) {
	for _, s := range []string{"", "<a/>", "<a></a>", "<a>x</a>", "<a/><b/>", "<a b='c'/>", "<a b=''/>", "<a xmlns='urn:a'/>", "<a xml:lang='en'/>",
		"<a xmlns:ns1='urn:p' ns1:b='c'/>", "<a><b>&lt;</b> &amp; <b/></a>", "<a b='&quot;&#x9;'/>", "<été/>", "<a>'\"\n\t</a>",
		strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000)} {
		assert.True(t, isCanonical(s), "%.60s", s)
	}
	for _, s := range []string{"x", "<a/>x", " <a/>", "<", "<a", "<a>", "</a>", "<a></b>", "<a/", "<a /", "<a />", "<a  b='c'/>", "<a b='c' />",
		"<a b=\"c\"/>", "<a b='c/>", "<a b=c/>", "<a b/>", "<a b='c'b='d'/>", "<a b='c' b='d'/>", "<a b='<'/>", "<a b='&'/>", "<a b='\n'/>", "<a>&</a>",
		"<a>></a>", "<a>\r</a>", "<a>&bad;</a>", "<a><!-- c --></a>", "<?x?>", "<![CDATA[x]]>", "<a:b/>", "<1/>", "<a b:c='d'/>", "<a ns1:b='c' xmlns:ns1='urn:p'/>",
		"<a></a b='c'>", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "<a xmlns:ns1='http://www.w3.org/2000/xmlns/'/>", "<a></ a>", "<a></a >", "<a/></a>", strings.Repeat("<a>", 10001) + strings.Repeat("</a>", 10001)} {
		assert.False(t, isCanonical(s), "%.60s", s)
	}
}

// What is canonical never lets the reader fall over, and what is written from
// what was read is canonical again.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"<a/>", "<a b='c'>x</a>", "<a><b xmlns='urn:b'>&lt;</b></a>", "<a xmlns:ns1='urn:p' ns1:b='c'/>", "<a", "<a b='", "</", "<a>&", "<a b='c' b='d'/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isCanonical(s) {
			return
		}
		for r := (xmlReader{s: s}); !r.done(); {
			start := r.pos
			n := r.node("")
			w := xmlWriter{}
			w.node(&n)
			if depthOf(&n) <= maxWriterDepth {
				require.True(t, isCanonical(string(w.b)), "%s of %s", w.b, s[start:r.pos])
			}
			require.NotNil(t, buildElement(s[start:r.pos]))
			if validText(s) {
				require.NoError(t, etree.NewDocument().ReadFromString(s[start:r.pos]), s)
			}
		}
	})
}

func depthOf(n *node) int {
	deepest := 0
	for i := range n.kids {
		deepest = max(deepest, depthOf(&n.kids[i]))
	}
	return 1 + deepest
}
