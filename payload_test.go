package muc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// said hands a groupchat message with some content, declared in some way, to a
// room, and returns what of it everybody gets.
func said(t *testing.T, attrs, content string) string {
	t.Helper()
	h := open(t, muc.Config{})
	fx := h.Handle(`<message type='groupchat' id='m' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'` + attrs + `>` + content + `</message>`)
	require.Nil(t, fx.Refused, content)
	require.NotEmpty(t, fx.Outbound)
	text := xmlOf(fx.Outbound[0])
	wellFormed(t, []byte(text))
	_, text, ok := strings.Cut(text, ">")
	require.True(t, ok)
	text, _, ok = strings.Cut(text, `<occupant-id xmlns='urn:xmpp:occupant-id:0'`)
	require.True(t, ok)
	return text
}

// Whatever way namespaces are written, what leaves the room means the same, with
// nothing bound that is not written beside it.
func TestNamespacesOfStanzas(t *testing.T) {
	for _, c := range []struct{ name, attrs, content, want string }{
		{"inherited", ``, `<body>x</body>`, `<body>x</body>`},
		{"client", ` xmlns='jabber:client'`, `<body>x</body>`, `<body>x</body>`},
		{"server", ` xmlns='jabber:server'`, `<body>x</body>`, `<body>x</body>`},
		{"component", ` xmlns='jabber:component:accept'`, `<body>x</body>`, `<body>x</body>`},
		{"said again", ``, `<body xmlns='jabber:client'>x</body>`, `<body>x</body>`},
		{"said otherwise", ` xmlns='jabber:client'`, `<body xmlns='jabber:server'>x</body>`, `<body>x</body>`},
		{"taken away", ` xmlns='jabber:client'`, `<body xmlns=''>x</body>`, `<body>x</body>`},
		{"a prefix for the stanza", ` xmlns:c='jabber:client'`, `<c:body>x</c:body>`, `<body>x</body>`},
		{"foreign", ``, `<active xmlns='http://jabber.org/protocol/chatstates'/>`, `<active xmlns='http://jabber.org/protocol/chatstates'/>`},
		{"a foreign prefix", ``, `<s:active xmlns:s='urn:s'><s:in/><t:in xmlns:t='urn:t'/></s:active>`,
			`<active xmlns='urn:s'><in/><in xmlns='urn:t'/></active>`},
		{"a prefix from above", ` xmlns:s='urn:s'`, `<s:a><s:b/></s:a>`, `<a xmlns='urn:s'><b/></a>`},
		{"a prefix bound anew", ` xmlns:s='urn:one'`, `<s:a xmlns:s='urn:two'/><s:b/>`, `<a xmlns='urn:two'/><b xmlns='urn:one'/>`},
		{"the stanza's inside a foreign one", ``, `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded>`,
			`<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded>`},
		{"nothing inside a foreign one", ``, `<a xmlns='urn:a'><b xmlns=''/></a>`, `<a xmlns='urn:a'><b xmlns='jabber:client'/></a>`},
		{"foreign inside the stanza's", ``, `<thread><b xmlns='urn:b'/><i/></thread>`, `<thread><b xmlns='urn:b'/><i/></thread>`},
		{"siblings", ``, `<a xmlns='urn:a'/><body>x</body>`, `<a xmlns='urn:a'/><body>x</body>`},
		{"unused", ` xmlns:u='urn:unused'`, `<body xmlns:v='urn:v'>x</body>`, `<body>x</body>`},
		{"attributes", ``, `<a xmlns='urn:a' b='1' xml:lang='en'/>`, `<a xmlns='urn:a' b='1' xml:lang='en'/>`},
		{"an attribute with a prefix", ` xmlns:p='urn:p'`, `<a xmlns='urn:a' x='0' p:x='1'/>`, `<a xmlns='urn:a' x='0' xmlns:ns2='urn:p' ns2:x='1'/>`},
		{"comments", ``, `<!-- c --><body>a<!-- c -->b</body>`, `<body>ab</body>`},
		{"instructions", ``, `<?x y?><body>a<?x y?>b</body>`, `<body>ab</body>`},
		{"character data", ``, `<body><![CDATA[<a&b>]]></body>`, `<body>&lt;a&amp;b&gt;</body>`},
		{"text of the stanza itself", ``, `  text <body>x</body> text `, `<body>x</body>`},
		{"white space", ``, "<body> a\n\tb </body>", "<body> a\n\tb </body>"},
		{"quotes", ``, `<body q="'&quot;&#10;">'"</body>`, `<body q='&apos;&quot;&#xA;'>'"</body>`},
		{"empty", ``, `<body></body><a xmlns='urn:a'> </a>`, `<body/><a xmlns='urn:a'> </a>`},
	} {
		assert.Equal(t, c.want, said(t, c.attrs, c.content), c.name)
	}
}

const nsXML = "http://www.w3.org/XML/1998/namespace"

// What can be no XML is refused, though a tree can hold it.
func TestWhatIsNoXML(t *testing.T) {
	el := func(spoil func(body *etree.Element)) *etree.Element {
		e := parse(`<message type='groupchat' id='m' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><body a='1'>x</body></message>`)
		spoil(e.SelectElement("body"))
		return e
	}
	for name, spoil := range map[string]func(body *etree.Element){
		"a control character":         func(b *etree.Element) { b.SetText("\x01") },
		"half a character":            func(b *etree.Element) { b.SetText("\xc3") },
		"U+FFFE":                      func(b *etree.Element) { b.SetText("\uFFFE") },
		"a surrogate":                 func(b *etree.Element) { b.SetText("\xed\xa0\x80") },
		"one in an attribute":         func(b *etree.Element) { b.CreateAttr("a", "\x00") },
		"one in a namespace":          func(b *etree.Element) { b.CreateAttr("xmlns", "urn:\x02") },
		"one in an unused namespace":  func(b *etree.Element) { b.CreateAttr("xmlns:p", "urn:\x02"); b.CreateAttr("p:x", "1") },
		"a name with a space":         func(b *etree.Element) { b.Tag = "bo dy" },
		"a name that closes":          func(b *etree.Element) { b.Tag = "body><forged" },
		"no name":                     func(b *etree.Element) { b.Tag = "" },
		"a digit first":               func(b *etree.Element) { b.Tag = "1body" },
		"a colon in a name":           func(b *etree.Element) { b.Tag = "a:b" },
		"an attribute's name":         func(b *etree.Element) { b.Attr[0].Key = "a='1' b" },
		"an attribute without a name": func(b *etree.Element) { b.Attr[0].Key = "" },
		"an attribute twice":          func(b *etree.Element) { b.Attr = append(b.Attr, b.Attr[0]) },
		"a prefix of nothing":         func(b *etree.Element) { b.Space = "nowhere" },
		"an attribute's prefix":       func(b *etree.Element) { b.Attr[0].Space = "nowhere" },
		"the namespace of xml":        func(b *etree.Element) { b.Space = "xml" },
		"bound to another prefix":     func(b *etree.Element) { b.CreateAttr("xmlns:p", nsXML); b.CreateAttr("p:x", "1") },
		"bound to none":               func(b *etree.Element) { b.CreateAttr("xmlns", nsXML) },
		"the namespace of xmlns":      func(b *etree.Element) { b.CreateAttr("xmlns", "http://www.w3.org/2000/xmlns/") },
		"a prefix of xmlns":           func(b *etree.Element) { b.Space = "xmlns" },
		"an attribute by two prefixes": func(b *etree.Element) {
			b.CreateAttr("xmlns:p", "urn:p")
			b.CreateAttr("xmlns:q", "urn:p")
			b.CreateAttr("p:x", "1")
			b.CreateAttr("q:x", "2")
		},
		"a prefix of no namespace": func(b *etree.Element) { b.CreateAttr("xmlns:p", ""); b.CreateAttr("p:x", "1") },
	} {
		h := open(t, muc.Config{})
		was := h.Snapshot(muc.Live)
		fx, err := h.Room.Handle(h.Now, el(spoil))
		require.NoError(t, err, name)
		require.NotNil(t, fx.Refused, name)
		assert.Equal(t, stanza.BadRequest, fx.Refused.Condition, name)
		require.Len(t, fx.Outbound, 1, name)
		wellFormed(t, []byte(xmlOf(fx.Outbound[0])))
		assert.Equal(t, string(was), string(h.Snapshot(muc.Live)), name)
	}
	for name, spoil := range map[string]func(e *etree.Element){
		"id":       func(e *etree.Element) { e.CreateAttr("id", "\x01") },
		"long id":  func(e *etree.Element) { e.CreateAttr("id", strings.Repeat("i", 2000)) },
		"language": func(e *etree.Element) { e.CreateAttr("xml:lang", "\x01") },
	} {
		h := open(t, muc.Config{})
		e := el(func(*etree.Element) {})
		spoil(e)
		fx, err := h.Room.Handle(h.Now, e)
		require.NoError(t, err, name)
		require.NotNil(t, fx.Refused, name)
		require.Len(t, fx.Outbound, 1, name)
		wellFormed(t, []byte(xmlOf(fx.Outbound[0])))
	}
}

// Limits are of the room's own writing, and hold at their edge.
func TestLimitsOfOneStanza(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attrs := func(n int) string {
		s := "<a"
		for i := range n {
			s += fmt.Sprintf(" a%d='1'", i)
		}
		return s + "/>"
	}
	for _, c := range []struct {
		name     string
		in, over string
	}{
		{"depth", nested(32), nested(33)},
		{"elements", strings.Repeat("<a/>", 1000), strings.Repeat("<a/>", 1001)},
		{"attributes", attrs(32), attrs(33)},
		{"bytes", `<x xmlns='urn:x'>` + strings.Repeat("x", 253952-len(`<x xmlns='urn:x'></x>`)) + `</x>`,
			`<x xmlns='urn:x'>` + strings.Repeat("x", 253953-len(`<x xmlns='urn:x'></x>`)) + `</x>`},
		{"bytes as they are written", `<x xmlns='urn:x'>` + strings.Repeat("&amp;", 50780) + `</x>`, `<x xmlns='urn:x'>` + strings.Repeat("<![CDATA[&]]>", 50790) + `</x>`},
	} {
		said(t, "", c.in)
		h := open(t, muc.Config{})
		fx := h.Handle(`<message type='groupchat' id='m' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` + c.over + `</message>`)
		h.IsRefused(stanza.PolicyViolation)
		assert.Equal(t, "XEP-0045 §14.6", fx.Refused.Section, c.name)
	}
}

// However many attributes a host allows, each prefix is its own.
func TestManyForeignAttributes(t *testing.T) {
	h := open(t, muc.Config{Limits: muc.Limits{StanzaAttrs: 300}})
	a := "<a xmlns='urn:a' xmlns:p='urn:p'"
	for i := range 250 {
		a += fmt.Sprintf(" p:a%d='%d'", i, i)
	}
	fx := h.Handle(`<message type='groupchat' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` + a + `/></message>`)
	require.Nil(t, fx.Refused)
	names := map[string]bool{}
	for _, attr := range parse(xmlOf(fx.Outbound[0])).SelectElement("a").Attr {
		assert.False(t, names[attr.FullKey()], attr.FullKey())
		names[attr.FullKey()] = true
	}
	assert.Greater(t, len(names), 500)
}

// The room's address may be spelled in any way that means it.
func TestAddressOfTheRoom(t *testing.T) {
	for _, to := range []string{"coven@chat.shakespeare.lit", "COVEN@Chat.Shakespeare.LIT", "coven@chat.shakespeare.lit.", "coven@chat.shakespeare.lit/"} {
		h := open(t, muc.Config{})
		fx := h.Handle(`<message type='groupchat' from='Crone@Shakespeare.lit/desktop' to='` + to + `'><body>x</body></message>`)
		require.Nil(t, fx.Refused, to)
		assert.Len(t, slices.Collect(fx.Events()), 1)
		for _, out := range fx.Outbound {
			assert.Contains(t, xmlOf(out), "from='coven@chat.shakespeare.lit/firstwitch'")
		}
	}
}

// An answer of the host is checked as a stanza is, however deep or
// foreign it is.
func TestElementsOfTheHost(t *testing.T) {
	h := coven(t, askable)
	ask := func() muc.Question {
		fx := h.Handle(`<iq type='get' id='q' from='hecate@shakespeare.lit/broom' to='coven@chat.shakespeare.lit'><asked xmlns='urn:host'/></iq>`)
		require.Len(t, fx.Questions, 1)
		return fx.Questions[0]
	}
	deep := etree.NewElement("message")
	for i, el := 0, deep; i < 1_000_000; i++ {
		el = el.CreateElement("a")
	}
	bad := etree.NewElement("a b")
	a := ask()
	h.Refuses(because(stanza.PolicyViolation), muc.Answer{ID: a.ID, Payload: deep}, muc.Say{Message: deep})
	h.Refuses(because(stanza.BadRequest), muc.Answer{ID: a.ID, Payload: bad})
	fx := h.Do(muc.Answer{ID: a.ID, Payload: parse(`<s:asked xmlns:s='urn:host'><s:x/></s:asked>`)})
	require.Len(t, fx.Outbound, 1)
	assert.Equal(t, `<iq to='hecate@shakespeare.lit/broom' from='coven@chat.shakespeare.lit' id='q' type='result'><asked xmlns='urn:host'><x/></asked></iq>`, xmlOf(fx.Outbound[0]))
	fx = h.Do(muc.Answer{ID: ask().ID, Refuse: &muc.StanzaError{Condition: "no such", Text: "\x01", App: stanza.AppCondition{Local: "<", Space: "'"}}})
	require.Len(t, fx.Outbound, 1)
	wellFormed(t, []byte(xmlOf(fx.Outbound[0])))
	assert.Contains(t, xmlOf(fx.Outbound[0]), "undefined-condition")
}

// What stands on the stanza itself is bounded as what stands in it is, and so is how
// many namespaces are declared around an element: each name is looked for among them.
//
// rows: L12
func TestNamespacesAreBounded(t *testing.T) {
	h := open(t, muc.Config{})
	declared := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " xmlns:p%d='urn:p'", from+i)
		}
		return b.String()
	}
	sent := func(attrs, children string) *muc.StanzaError {
		t.Helper()
		fx := h.Handle(`<message type='groupchat' id='m' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'` + attrs + `>` + children + `</message>`)
		if fx.Refused != nil {
			require.Len(t, fx.Outbound, 1, "the sender is told")
			assert.Equal(t, "crone@shakespeare.lit/desktop", fx.Outbound[0].To()[0].String())
		}
		return fx.Refused
	}
	const own = 4 // attributes that every message here has
	assert.Nil(t, sent(declared(0, 32-own), "<p0:x/><p27:x p3:a=''/>"))
	for _, attrs := range []string{declared(0, 33-own), declared(0, 20000), " a='" + strings.Repeat("x", 300_000) + "'"} {
		refused := sent(attrs, "<body>x</body>")
		require.NotNil(t, refused)
		assert.Equal(t, stanza.PolicyViolation, refused.Condition)
	}
	// Below it, what each element declares adds up, and is over where it ends.
	nested := func(levels int) string {
		s := ""
		for i := range levels {
			s += fmt.Sprintf("<p%d:x%s>", 100*i, declared(100*i, 30))
		}
		for i := range levels {
			s += fmt.Sprintf("</p%d:x>", 100*(levels-1-i))
		}
		return s
	}
	assert.Nil(t, sent("", nested(2)))
	assert.Nil(t, sent("", strings.Repeat(nested(1), 50)))
	refused := sent("", nested(3))
	require.NotNil(t, refused)
	assert.Equal(t, stanza.PolicyViolation, refused.Condition)

	message := etree.NewDocument()
	require.NoError(t, message.ReadFromString("<message"+declared(0, 33)+"><body>x</body></message>"))
	_, err := h.Room.Do(h.Now, muc.Say{Message: message.Root()})
	assert.ErrorAs(t, err, &refused)
}
