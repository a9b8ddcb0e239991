package stanza_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/stanza"
)

func text(t *testing.T, el *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	doc.WriteSettings.AttrSingleQuote = true
	out, err := doc.WriteToString()
	require.NoError(t, err)
	return out
}

// What a stanza inherits from its stream stands in the element itself.
func TestParse(t *testing.T) {
	stream := stanza.Stream{Lang: "de", Prefixes: map[string]string{"db": "jabber:server:dialback"}}
	for in, want := range map[string]string{
		"<presence/>":                                                 "<presence xml:lang='de'/>",
		"\n <presence xml:lang='en'/> ":                               "<presence xml:lang='en'/>",
		"<message xmlns='jabber:client'><body/></message>":            "<message xmlns='jabber:client' xml:lang='de'><body/></message>",
		"<iq><db:verify db:x='1' y='2'/></iq>":                        "<iq xml:lang='de'><verify xmlns='jabber:server:dialback' xmlns:a0='jabber:server:dialback' a0:x='1' y='2'/></iq>",
		"<iq xmlns:q='urn:q'><q:a><q:b/><c/></q:a></iq>":              "<iq xml:lang='de'><a xmlns='urn:q'><b/><c xmlns=''/></a></iq>",
		"<message><body>a &lt; b &#x1F600;</body></message>":          "<message xml:lang='de'><body>a &lt; b 😀</body></message>",
		"<iq><a xmlns:p='1'><b xmlns:p='2'><p:c/></b><p:d/></a></iq>": "<iq xml:lang='de'><a><b><c xmlns='2'/></b><d xmlns='1'/></a></iq>",
	} {
		el, err := stanza.Parse([]byte(in), stream)
		require.NoError(t, err, in)
		require.Equal(t, want, text(t, el), in)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "hello", "<presence>", "</presence>", "<presence></message>", "<presence/><presence/>",
		"<presence/>x", "x<presence/>", "<p:presence/>", "<presence p:x='1'/>", "<presence x='1' x='2'/>",
		"<presence xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>", "<presence><!-- no --></presence>", "<!-- no --><presence/>",
		"<presence/><?no?>", "<?xml version='1.0'?><presence/>", "<!DOCTYPE x><presence/>", "<presence>&no;</presence>",
		"<presence a=1/>", "<presence><![CDATA[x]]", "<a xmlns:p='1'><b/></a><p:c/>", "<presence>\x00</presence>", "<presence>\xff</presence>",
	} {
		_, err := stanza.Parse([]byte(in), stanza.Stream{})
		require.ErrorIs(t, err, stanza.ErrSyntax, "%q", in)
	}
}

// A stanza over a limit is told from one that is wrong, and its head is there to be
// answered.
func TestTooLarge(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<x>", n) + strings.Repeat("</x>", n) }
	for name, in := range map[string]string{
		"bytes":      "<message id='1'><body>" + strings.Repeat("x", 300) + "</body></message>",
		"depth":      "<message id='1'>" + deep(4) + "</message>",
		"elements":   "<message id='1'>" + strings.Repeat("<x/>", 10) + "</message>",
		"attributes": "<message id='1'><x a='' b='' c='' d=''/></message>",
		"namespaces": "<message id='1'><x xmlns:a='' xmlns:b='' xmlns:c='' xmlns:d=''/></message>",
	} {
		s := stanza.Stream{Limits: stanza.Limits{Bytes: 256, Depth: 4, Elements: 10, Attrs: 3}}
		_, err := stanza.Parse([]byte(in), s)
		var large *stanza.TooLargeError
		require.ErrorAs(t, err, &large, name)
		require.ErrorIs(t, err, stanza.ErrTooLarge, name)
		require.NotNil(t, large.Head, name)
		require.Equal(t, "<message id='1'/>", text(t, large.Head), name)
	}
	_, err := stanza.Parse([]byte("<message a='' b=''/>"), stanza.Stream{Limits: stanza.Limits{Attrs: 1}})
	var large *stanza.TooLargeError
	require.ErrorAs(t, err, &large)
	require.Nil(t, large.Head)
}

// What a decoder lets pass is refused as well if it could not be written to anybody: the
// parser of the one who got it would end its stream.
func TestReadRefuses(t *testing.T) {
	for _, in := range []string{
		"<m a='1' a='2'/>", "<m xml:lang='a' xml:lang='b'/>", "<m xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>",
		"<m xmlns:a='' a:b='1' b='2'/>", "<m><:a/></m>", "<m><a:/></m>", "<m :a='1'/>", "<m><xml:lang/></m>", "<m><xmlns:b/></m>",
		"<m><a xmlns='http://www.w3.org/XML/1998/namespace'/></m>", "<m><a xmlns='http://www.w3.org/2000/xmlns/'/></m>",
		"<m><a xmlns:p='http://www.w3.org/2000/xmlns/' p:b='1'/></m>",
	} {
		dec := xml.NewDecoder(strings.NewReader(in))
		tok, err := dec.Token()
		require.NoError(t, err, in)
		_, err = stanza.Read(dec, tok.(xml.StartElement), stanza.Stream{})
		require.ErrorIs(t, err, stanza.ErrSyntax, in)
		_, err = stanza.Parse([]byte(in), stanza.Stream{})
		require.ErrorIs(t, err, stanza.ErrSyntax, in)
	}
}

// After a stanza that is too large the stream goes on.
func TestReadGoesOn(t *testing.T) {
	dec := xml.NewDecoder(strings.NewReader(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>` +
		`<message id='1'><a/><b><c/></b></message><presence id='2' a='' b='' c=''><x/></presence><stream:features/><iq id='3'/>`))
	_, err := dec.Token()
	require.NoError(t, err)
	s := stanza.Stream{Limits: stanza.Limits{Elements: 2, Attrs: 3}}
	var seen []string
	for {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		el, err := stanza.Read(dec, tok.(xml.StartElement), s)
		if errors.Is(err, stanza.ErrTooLarge) {
			seen = append(seen, "too large")
			continue
		}
		require.NoError(t, err)
		seen = append(seen, text(t, el))
	}
	require.Equal(t, []string{"too large", "too large", "<features xmlns='http://etherx.jabber.org/streams'/>",
		"<iq xmlns='jabber:client' id='3'/>"}, seen)
}

func TestReadWithoutEnd(t *testing.T) {
	dec := xml.NewDecoder(strings.NewReader("<message><body>x"))
	tok, err := dec.Token()
	require.NoError(t, err)
	_, err = stanza.Read(dec, tok.(xml.StartElement), stanza.Stream{})
	require.ErrorIs(t, err, stanza.ErrSyntax)
}

// Whatever is parsed and written again is the same element.
func FuzzParse(f *testing.F) {
	f.Add("<iq xmlns:q='urn:q'><q:a q:b='c'>d</q:a></iq>")
	f.Add("<message><body xml:lang='de'>a &amp; b</body></message>")
	f.Fuzz(func(t *testing.T, in string) {
		el, err := stanza.Parse([]byte(in), stanza.Stream{})
		if err != nil {
			return
		}
		once := text(t, el)
		again, err := stanza.Parse([]byte(once), stanza.Stream{})
		if err != nil {
			t.Fatalf("%q was written as %q: %v", in, once, err)
		}
		if twice := text(t, again); twice != once {
			t.Fatalf("%q\n%q", once, twice)
		}
	})
}

func ExampleParse() {
	el, err := stanza.Parse([]byte(`<message to='cellar@chat.example' type='groupchat'><body>hi</body></message>`),
		stanza.Stream{Lang: "en"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(el.Tag, el.SelectAttrValue("xml:lang", ""), el.SelectElement("body").Text())
	// Output: message en hi
}

// A nil error is what a host has where nothing was refused: asking it anything is safe.
func TestNilError(t *testing.T) {
	var none *stanza.Error
	for _, target := range []error{none, &stanza.Error{Condition: stanza.Conflict}, errors.New("else"), nil} {
		require.Equal(t, target == error(none), errors.Is(none, target))
	}
	require.NotErrorIs(t, &stanza.Error{}, none)
	require.Equal(t, "muc: no refusal", none.Error())
	require.Empty(t, none.TypeOrDefault())
	require.Nil(t, none.Settled())
	require.Nil(t, none.WithType(stanza.TypeWait))
}

// What cannot be delivered goes back as an error to who sent it, but for what must not be
// answered by one.
func TestReply(t *testing.T) {
	e := &stanza.Error{Condition: stanza.RecipientUnavailable, Text: "gone <home>"}
	for in, want := range map[string]string{
		"<message from='a' to='b' id='1'><body>x</body></message>": "<message from='b' to='a' id='1' type='error'><error type='wait'>" +
			"<recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>gone &lt;home&gt;</text></error></message>",
		"<iq from='a' type='result' id='1'/>":     "",
		"<message from='a' type='error'/>":        "",
		"<presence from='a' type='unavailable'/>": "",
	} {
		el, err := stanza.Parse([]byte(in), stanza.Stream{})
		require.NoError(t, err)
		got := ""
		if reply := e.Reply(el); reply != nil {
			got = text(t, reply)
		}
		require.Equal(t, want, got, in)
	}
}

func TestErrorXML(t *testing.T) {
	const space = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
	for want, e := range map[string]*stanza.Error{
		"<error type='auth' by='a@b'><forbidden " + space + "/></error>": {Condition: stanza.Forbidden},
		"<error type='wait' by='a@b'><gone " + space + ">xmpp:c@d</gone><text " + space + ">&lt;</text><x xmlns='urn:y'/></error>": {
			Type: stanza.TypeWait, Condition: stanza.Gone, URI: "xmpp:c@d", Text: "<", App: stanza.AppCondition{Space: "urn:y", Local: "x"}},
	} {
		require.Equal(t, want, string(e.AppendXML(nil, "a@b")))
	}
	e := &stanza.Error{Condition: stanza.Conflict, URI: "xmpp:c@d"}
	require.Equal(t, "<error type='cancel'><conflict "+space+"/></error>", string(e.AppendXML(nil, "")))
}
