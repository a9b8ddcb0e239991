package xmppcomp

import (
	"io"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/stanza"
)

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' " +
	"xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p' from='rooms.example' id='s&amp;1' xml:lang='de'>"

// opened is a reader behind the stream's start tag.
func opened(t *testing.T, limits Limits, stream string) *reader {
	t.Helper()
	r := newReader(strings.NewReader(header+stream), limits)
	id, err := r.open()
	require.NoError(t, err)
	require.Equal(t, "s&1", id)
	return r
}

func text(t *testing.T, el *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.WriteSettings.AttrSingleQuote = true
	doc.SetRoot(el.Copy())
	s, err := doc.WriteToString()
	require.NoError(t, err)
	return s
}

// An element holds all namespaces that it needs, however the server wrote them.
func TestElements(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"plain",
			"<message from='a@b/c'><body>1 &lt; 2</body></message>",
			"<message from='a@b/c' xml:lang='de'><body>1 &lt; 2</body></message>"},
		{"its own language", "<message xml:lang='en'/>", "<message xml:lang='en'/>"},
		{"a payload and back",
			"<iq xml:lang=''><query xmlns='urn:q'><x xmlns='jabber:component:accept'/></query></iq>",
			"<iq xml:lang=''><query xmlns='urn:q'><x xmlns='jabber:component:accept'/></query></iq>"},
		{"prefixes of the stream",
			"<iq xml:lang=''><p:query p:a='1' b='2'/></iq>",
			"<iq xml:lang=''><query xmlns='urn:p' xmlns:a0='urn:p' a0:a='1' b='2'/></iq>"},
		{"prefixes of the stanza",
			"<iq xml:lang='' xmlns:q='urn:q'><q:query><q:x/></q:query></iq>",
			"<iq xml:lang=''><query xmlns='urn:q'><x/></query></iq>"},
		{"a redeclared namespace",
			"<iq xml:lang='' xmlns='jabber:component:accept'><a xmlns='jabber:component:accept'/></iq>",
			"<iq xml:lang=''><a/></iq>"},
		{"CDATA", "<iq xml:lang=''><a><![CDATA[<&>]]></a></iq>", "<iq xml:lang=''><a>&lt;&amp;&gt;</a></iq>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := opened(t, Limits{}, " \n"+c.in)
			el, err := r.next()
			require.NoError(t, err)
			assert.Equal(t, c.out, text(t, el))
		})
	}
}

// What is too large is read to its end, and the next stanza is read as always.
func TestTooLarge(t *testing.T) {
	limits := Limits{Bytes: 200, Depth: 5, Elements: 8}
	for name, in := range map[string]string{
		"bytes":    "<message from='a@b'><body>" + strings.Repeat("x", 200) + "</body></message>",
		"depth":    "<message from='a@b'>" + strings.Repeat("<a>", 5) + strings.Repeat("</a>", 5) + "</message>",
		"elements": "<message from='a@b'>" + strings.Repeat("<a/>", 8) + "</message>",
	} {
		t.Run(name, func(t *testing.T) {
			r := opened(t, limits, in+"<presence/>")
			_, err := r.next()
			var bad *StanzaError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, "<message from='a@b' xml:lang='de'/>", text(t, bad.Head))
			assert.Equal(t, "a message from a@b: stanza: too large", err.Error())
			el, err := r.next()
			require.NoError(t, err)
			assert.Equal(t, "presence", el.Tag)
		})
	}
	r := opened(t, limits, "<message>"+strings.Repeat("<a>", 4)+strings.Repeat("</a>", 4)+"</message>")
	_, err := r.next()
	assert.NoError(t, err, "as deep as it may be")
}

// No stanza, however it is written, takes more memory than the limit.
func TestHardLimit(t *testing.T) {
	for name, in := range map[string]string{
		"text":      "<message><body>" + strings.Repeat("x", 5000),
		"attribute": "<message a='" + strings.Repeat("x", 5000),
		"depth":     strings.Repeat("<a>", 5000),
		"name":      "<" + strings.Repeat("x", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := opened(t, Limits{Hard: 4000}, in).next()
			assert.EqualError(t, err, "the server sends a stanza of more than 4000 bytes")
		})
	}
	r := opened(t, Limits{Hard: 4000}, strings.Repeat(strings.Repeat("\n", 3000)+"<presence/>", 3))
	for range 3 {
		_, err := r.next()
		assert.NoError(t, err, "the limit is for each stanza")
	}
}

// A stream that is not one of XMPP ends with an error, in order.
func TestBadStreams(t *testing.T) {
	for in, want := range map[string]string{
		"</stream:stream>":              errEnded.Error(),
		"<!-- secret -->":               errDirective.Error(),
		"<!DOCTYPE a [<!ENTITY b ''>]>": errDirective.Error(),
		"hello":                         errText.Error(),
		"<message>":                     io.ErrUnexpectedEOF.Error(),
		"<message a='>'":                io.ErrUnexpectedEOF.Error(),
	} {
		_, err := opened(t, Limits{}, in).next()
		assert.EqualError(t, err, want, in)
	}
	for in, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n<html>": "what answers there is no XMPP server: its stream does not open with <stream:stream>",
		"<stream xmlns='jabber:client'>":         "what answers there is no XMPP server: its stream does not open with <stream:stream>",
		"":                                       io.EOF.Error(),
	} {
		_, err := newReader(strings.NewReader(in), Limits{}).open()
		assert.EqualError(t, err, want, in)
	}
}

// A stanza that is no XML, or none that Go's parser takes, is lost by itself: otherwise a
// stranger whose server is not so strict ends the stream of all rooms, again and again.
func TestUnreadable(t *testing.T) {
	for _, in := range []string{
		"<message from='a@b'><a></b></message>",
		"<message from='a@b'>&nbsp;</message>",
		"<message from='a@b'><1a/></message>",
		"<message from='a@b'><:a:/></message>",
		"<message from='a@b'><q:a/><a b='1' b='2' c=/></message>",
		"<message from='a@b'><!-- > </message> --></message>",
		"<message from='a@b'><?php echo '</message>' ?></message>",
		"<message from='a@b'><!ENTITY a 'b'></message>",
		"<message from='a@b'>\x00\xff</message>",
	} {
		r := opened(t, Limits{}, in+"<presence/>")
		_, err := r.next()
		var bad *StanzaError
		require.ErrorAs(t, err, &bad, in)
		require.ErrorIs(t, err, stanza.ErrSyntax, in)
		assert.Equal(t, "<message from='a@b' xml:lang='de'/>", text(t, bad.Head))
		assert.Equal(t, len(in), r.size())
		el, err := r.next()
		require.NoError(t, err, in)
		assert.Equal(t, "presence", el.Tag)
	}
	_, err := opened(t, Limits{}, "<1a/><presence/>").next()
	var bad *StanzaError
	require.ErrorAs(t, err, &bad)
	assert.Empty(t, bad.Head.SelectAttrValue("from", ""), "of a start tag that cannot be read nothing is known")
}

func FuzzReader(f *testing.F) {
	f.Add("<message from='a@b'><body>x</body></message><presence/>")
	f.Add("<iq><p:query p:a='1' xmlns:p='urn:p' xml:lang='en'/></iq></stream:stream>")
	limits := Limits{Bytes: 300, Depth: 4, Elements: 6, Hard: 1000}
	f.Fuzz(func(t *testing.T, in string) {
		r := newReader(strings.NewReader(header+in), limits)
		if _, err := r.open(); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			el, err := r.next()
			if err == nil {
				if n := len(el.FindElements("//*")); n > limits.Elements {
					t.Fatalf("%d elements", n)
				}
				continue
			}
			if _, ok := err.(*StanzaError); !ok {
				return
			}
		}
	})
}
