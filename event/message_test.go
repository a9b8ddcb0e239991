package event_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/event"
)

// The body is that of the language which fits best, else that without one, else the first
// (RFC 6121 §5.2.3).
func TestMessageBody(t *testing.T) {
	const (
		en   = `<body xml:lang='en'>Wherefore?</body>`
		de   = `<body xml:lang='de'>Warum?</body>`
		at   = `<body xml:lang='de-AT'>Warum denn?</body>`
		ch   = `<body xml:lang='de-CH'>Wieso?</body>`
		none = `<body>?</body>`
	)
	for _, c := range []struct{ lang, payload, want, text string }{
		{"", en + de, "", "Wherefore?"},
		{"", en + de + none, "", "?"},
		{"", en + de + none, "it", "?"},
		{"", en + de, "it", "Wherefore?"},
		{"", en + de + none, "de", "Warum?"},
		{"", en + de + none, "DE", "Warum?"},
		{"", en + none + at + de + ch, "de-AT", "Warum denn?"},
		{"", en + none + at + de + ch, "de-AT-1996", "Warum denn?"},
		{"", en + none + at + de, "de-CH", "Warum?"},
		{"", en + none + at + de, "de", "Warum?"},
		{"", en + none + at, "de", "Warum denn?"},
		{"", en + none + at, "de-CH", "Warum denn?"},
		{"", en + none, "d", "?"},
		{"", en + none, "enm", "?"},
		{"it", en + none, "it", "?"},
		{"en-US", none + de, "en", "?"},
		{"it", en + none, "en", "Wherefore?"},
		{"en", none + en, "en", "?"},
		{"", none + en, "-", "?"},
		{"", `<body xml:lang='en'/>`, "en", ""},
		{"", `<body xmlns='http://www.w3.org/1999/xhtml'>no</body>` + `<body>a &lt; b</body>`, "", "a < b"},
		{"", `<subject>topic</subject>`, "", ""},
		{"", "", "en", ""},
		{"", "<body>never canonical", "", ""},
		{"", "text", "", ""},
	} {
		m := event.Message{Lang: c.lang, Payload: c.payload}
		assert.Equal(t, c.text, m.Body(c.want), "%q of %s in %q", c.want, c.payload, c.lang)
	}
}

func TestMessageParts(t *testing.T) {
	m := event.Message{Payload: `<subject>Feud</subject><subject xml:lang='it'>Faida</subject><thread parent='p'>t1</thread>` +
		`<reply xmlns='urn:xmpp:reply:0' to='a@b' id='m1'><x>&amp;</x></reply><reply xmlns='urn:xmpp:reply:0' id='m2'/><id>7</id>`}
	assert.Equal(t, []string{"Feud", "Feud", "Faida"}, []string{m.Subject(""), m.Subject("en"), m.Subject("it")})
	assert.Equal(t, "t1", m.Thread())
	assert.Empty(t, m.Body(""))
	reply := m.Find("urn:xmpp:reply:0", "reply")
	require.NotNil(t, reply)
	assert.Equal(t, []string{"m1", "a@b", "&", "urn:xmpp:reply:0"}, []string{reply.SelectAttrValue("id", ""), reply.SelectAttrValue("to", ""),
		reply.SelectElement("x").Text(), reply.SelectElement("x").NamespaceURI()})
	reply.CreateAttr("id", "changed")
	assert.Equal(t, "m1", m.Find("urn:xmpp:reply:0", "reply").SelectAttrValue("id", ""), "a new element each time")
	assert.Equal(t, "7", m.Find("", "id").Text())
	for _, name := range []string{"reply", "x", "body"} {
		assert.Nil(t, m.Find("", name), name)
	}
	assert.Nil(t, m.Find("urn:xmpp:reply:0", "x"))
	assert.Nil(t, (&event.Message{Payload: "<x>"}).Find("", "x"))
	var none event.Message
	assert.Equal(t, []string{"", ""}, []string{none.Thread(), none.Subject("")})
}

// Said finds the message of each event by which everybody hears one, and of no other.
func TestSaid(t *testing.T) {
	for _, body := range event.Bodies() {
		ev := event.Event{Body: body}
		heard := map[string]bool{"message-archived": true, "message-kept": true, "message-passed": true, "subject-changed": true}[ev.Type()]
		assert.Equal(t, heard, ev.Said() != nil, ev.Type())
	}
	said := &event.MessagePassed{Message: event.Message{ID: "m"}}
	assert.Same(t, &said.Message, event.Event{Body: said}.Said())
	assert.Nil(t, event.Event{}.Said())
}
