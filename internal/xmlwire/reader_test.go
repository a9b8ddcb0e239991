package xmlwire

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
	n := ParseNode(canonical)
	assert.Equal(t, "a", n.Name)
	assert.Equal(t, "urn:a", n.NS)
	assert.Equal(t, "onetwo", n.Text)
	assert.Equal(t, "1", n.AttrOr("x", ""))
	assert.Equal(t, "'", n.AttrOr("ns3:y", ""))
	assert.Equal(t, "none", n.AttrOr("nowhere", "none"))
	require.Len(t, n.Kids, 3)
	assert.Equal(t, "urn:a", n.Kids[0].NS)
	assert.Equal(t, "urn:c", n.Kids[1].NS)
	assert.Equal(t, "<", n.Kids[1].Kids[0].Text)
	assert.Equal(t, "", n.Child("urn:a", "b").Text, "the first of that name")
	assert.Nil(t, n.Child("urn:b", "b"))
	z, there := n.Kids[2].Attr("z")
	assert.True(t, there)
	assert.Empty(t, z)

	without := func(names ...string) string {
		w := Writer{}
		w.Node(&Node{NS: n.NS, Name: "a", Attrs: n.Attrs}, names...)
		return string(w.Bytes)
	}
	assert.Equal(t, "<a xmlns='urn:a' xml:lang='en' xmlns:ns3='urn:p' ns3:y='&apos;'/>", without("x"))
	assert.Equal(t, "<a xmlns='urn:a' x='1' xml:lang='en' xmlns:ns3='urn:p'/>", without("ns3:y"))
	assert.Equal(t, "<a xmlns='urn:a' x='1' xml:lang='en' xmlns:ns3='urn:p' ns3:y='&apos;'/>", without("nowhere"))

	el := Element(canonical)
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(canonical))
	a, err := etree.NewDocumentWithRoot(el).WriteToString()
	require.NoError(t, err)
	b, err := doc.WriteToString()
	require.NoError(t, err)
	assert.Equal(t, b, a)
	assert.Nil(t, Element(""))
}

// Only canonical XML is accepted from a store.
func TestIsCanonical(t *testing.T) {
	for _, s := range []string{"", "<a/>", "<a></a>", "<a>x</a>", "<a/><b/>", "<a b='c'/>", "<a b=''/>", "<a xmlns='urn:a'/>", "<a xml:lang='en'/>",
		"<a xmlns:ns1='urn:p' ns1:b='c'/>", "<a><b>&lt;</b> &amp; <b/></a>", "<a b='&quot;&#x9;'/>", "<été/>", "<a>'\"\n\t</a>",
		strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000)} {
		assert.True(t, IsCanonical(s), "%.60s", s)
	}
	for _, s := range []string{"x", "<a/>x", " <a/>", "<", "<a", "<a>", "</a>", "<a></b>", "<a/", "<a /", "<a />", "<a  b='c'/>", "<a b='c' />",
		"<a b=\"c\"/>", "<a b='c/>", "<a b=c/>", "<a b/>", "<a b='c'b='d'/>", "<a b='c' b='d'/>", "<a b='<'/>", "<a b='&'/>", "<a b='\n'/>", "<a>&</a>",
		"<a>></a>", "<a>\r</a>", "<a>&bad;</a>", "<a><!-- c --></a>", "<?x?>", "<![CDATA[x]]>", "<a:b/>", "<1/>", "<a b:c='d'/>", "<a ns1:b='c' xmlns:ns1='urn:p'/>",
		"<a></a b='c'>", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "<a xmlns:ns1='http://www.w3.org/2000/xmlns/'/>", "<a></ a>", "<a></a >", "<a/></a>", strings.Repeat("<a>", 10001) + strings.Repeat("</a>", 10001)} {
		assert.False(t, IsCanonical(s), "%.60s", s)
	}
}

// What is canonical never lets the reader fall over, and what is written from
// what was read is canonical again.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"<a/>", "<a b='c'>x</a>", "<a><b xmlns='urn:b'>&lt;</b></a>", "<a xmlns:ns1='urn:p' ns1:b='c'/>", "<a", "<a b='", "</", "<a>&", "<a b='c' b='d'/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !IsCanonical(s) {
			return
		}
		for r := (Reader{Text: s}); !r.Done(); {
			start := r.At
			n := r.ReadNode("")
			w := Writer{}
			w.Node(&n)
			if depthOf(&n) <= maxWriterDepth {
				require.True(t, IsCanonical(string(w.Bytes)), "%s of %s", w.Bytes, s[start:r.At])
			}
			require.NotNil(t, Element(s[start:r.At]))
			if ValidText(s) {
				require.NoError(t, etree.NewDocument().ReadFromString(s[start:r.At]), s)
			}
		}
	})
}

func depthOf(n *Node) int {
	deepest := 0
	for i := range n.Kids {
		deepest = max(deepest, depthOf(&n.Kids[i]))
	}
	return 1 + deepest
}
