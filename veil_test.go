package muc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/internal/xmlwire"
)

// The sender's address is found however it is written, and nobody else's is.
func TestVeil(t *testing.T) {
	r, err := New(Config{Room: MustParseJID("room@chat.lit"), Secret: []byte("a secret of sixteen bytes or more")})
	require.NoError(t, err)
	who := MustParseJID("smith@corp.lit/Psi+ at home")
	const at = "room@chat.lit/A b"
	for in, want := range map[string]string{
		"smith@corp.lit":                                       at,
		"SMITH@Corp.LIT":                                       at,
		"smith@corp.lit/Psi+ at home":                          at,
		"smith@corp.lit/elsewhere":                             at,
		"smith@corp.lit./x":                                    at,
		"I am smith@corp.lit.":                                 "I am " + at + ".",
		"(Smith@corp.lit), <smith@corp.lit/x> said":            "(" + at + "), <" + at + "> said",
		"xmpp:smith@corp.lit":                                  "xmpp:room@chat.lit/A%20b",
		"XMPP:Smith@Corp.Lit/x?message;body=hi":                "XMPP:room@chat.lit/A%20b?message;body=hi",
		"xmpp://smith@corp.lit/someone@else.lit":               "xmpp://room@chat.lit/A%20b",
		"mailto:smith@corp.lit?subject=x":                      "mailto:room@chat.lit/A%20b?subject=x",
		"xmpp:smith%40corp.lit":                                "xmpp:room%40chat.lit%2FA%20b",
		"xmpp:%53mith@corp.lit?join":                           "xmpp:room%40chat.lit%2FA%20b?join",
		"https://x.lit/?jid=smith%40corp%2Elit%2Fr&y=z":        "https://x.lit/?jid=room%40chat.lit%2FA%20b&y=z",
		"https://x.lit/?u=xmpp%3Asmith%2540corp.lit%26z":       "https://x.lit/?u=xmpp%3Aroom%2540chat.lit%252FA%2520b%26z",
		`smith\40corp.lit@gateway.lit`:                         "room%40chat.lit%2FA%20b@gateway.lit",
		"user=smith@corp.lit":                                  "user=" + at,
		"ｓｍｉｔｈ@corp.lit":                                       at,
		"smith@corp。lit":                                       at,
		"one@corp.lit smith@corp.lit two@x.lit Smith@corp.lit": "one@corp.lit " + at + " two@x.lit " + at,

		"john.smith@corp.lit":      "john.smith@corp.lit",
		"smith@corp.lit.org":       "smith@corp.lit.org",
		"smith@corp.litter":        "smith@corp.litter",
		"smith@corp":               "smith@corp",
		"smith at corp.lit":        "smith at corp.lit",
		"blacksmith@corp.lit":      "blacksmith@corp.lit",
		"smith%2Bx%40corp.lit":     "smith%2Bx%40corp.lit",
		"@":                        "@",
		"100% @ %zz %4":            "100% @ %zz %4",
		strings.Repeat("%40@", 50): strings.Repeat("%40@", 50),
	} {
		payload := "<x xmlns='urn:x' a='" + string(xmlwire.AppendEscaped(nil, in, xmlwire.EscapedInAttr)) + "'>" + string(xmlwire.AppendEscaped(nil, in, xmlwire.EscapedInText)) + "</x>"
		got := xmlwire.ParseNode(r.veil(payload, who, "A b", Participant))
		assert.Equal(t, want, got.AttrOr("a", ""), in)
		assert.Equal(t, want, got.Text, in)
		assert.Equal(t, payload, r.veil(payload, who, "A b", Moderator), "who sees it sees it")
	}
	for _, own := range []string{"<body>smith@corp.lit</body>", "<subject>smith@corp.lit</subject>", "<status>smith@corp.lit</status>",
		"<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>smith@<b>corp</b> smith@corp.lit</body></html>"} {
		assert.Equal(t, own, r.veil(own, who, "A b", Participant), "people's own words")
	}
	assert.NotContains(t, r.veil("<body>x</body><a xmlns='urn:x'><body xmlns='jabber:client'>smith@corp.lit</body></a><body xmlns='urn:x'>smith@corp.lit</body>", who, "A b", Participant), "smith")
	html := "<html xmlns='http://jabber.org/protocol/xhtml-im'><a xmlns='http://www.w3.org/1999/xhtml' href='xmpp:smith@corp.lit'>me</a></html>"
	assert.Equal(t, strings.Replace(html, "smith@corp.lit", "room@chat.lit/A%20b", 1), r.veil(html, who, "A b", Participant))

	// Two namespaces that are the address in two spellings would be one afterwards, and parsers
	// refuse an attribute that stands there twice by its namespace.
	assert.Equal(t, "<x xmlns='room@chat.lit/A b' b='3' xmlns:ns3='urn:x' ns3:a='4'><y/></x>",
		r.veil("<x xmlns='smith@corp.lit' xmlns:ns0='smith@corp.lit' ns0:a='1' xmlns:ns1='SMITH@corp.lit' ns1:a='2' b='3' xmlns:ns3='urn:x' ns3:a='4'><y/></x>", who, "A b", Participant))

	// A nick that is the own address hides nothing: what was veiled once stays as it is.
	once := r.veil("<x a='smith@corp.lit' b='xmpp:smith@corp.lit?join' c='u=smith%40corp.lit'/>", who, "Smith@corp.lit or so", Participant)
	assert.Equal(t, once, r.veil(once, who, "Smith@corp.lit or so", Participant))
	assert.Equal(t, 3, strings.Count(once, "room"))

	domain := MustParseJID("irc.lit/x")
	for in, want := range map[string]string{"irc.lit": at, "IRC.lit/y": at, "xmpp:irc.lit?x": "xmpp:room@chat.lit/A%20b?x", "a@irc.lit": "a@irc.lit", "my irc.lit": "my irc.lit", "irc.lit.org": "irc.lit.org"} {
		assert.Equal(t, "<x a='"+want+"'/>", r.veil("<x a='"+in+"'/>", domain, "A b", Participant))
	}
}

// What hides in a stanza makes it longer by little, however often it stands there.
func TestVeilIsBounded(t *testing.T) {
	r, err := New(Config{Room: MustParseJID("room@chat.lit"), Secret: []byte("a secret of sixteen bytes or more")})
	require.NoError(t, err)
	payload := "<x xmlns='urn:x'>" + strings.Repeat("a@b é@b %40@ ", 5000) + "</x>"
	got := r.veil(payload, MustParseJID("a@b/c"), strings.Repeat("n", 1000), Participant)
	assert.Less(t, len(got), len(payload)+veilGrowth)
	assert.NotContains(t, got, "a@b")
	// A namespace of which nothing is left is none that may be declared.
	got = r.veil(strings.Repeat("<y a='a@b'/>", 5000)+"<x xmlns='a@b' xmlns:ns0='a@b' ns0:c='d'/>", MustParseJID("a@b/c"), "nick", Participant)
	assert.Equal(t, "<x xmlns='about:blank'/>", got[strings.LastIndex(got, "<"):])
	// What would not be written any more is not made either.
	for _, unit := range []string{"xmpp:a@b ", "a%40b "} {
		payload := "<x xmlns='urn:x'>" + strings.Repeat(unit, 20000) + "</x>"
		allocs := testing.AllocsPerRun(1, func() { r.veil(payload, MustParseJID("a@b/c"), strings.Repeat("n a@b", 50), Participant) })
		assert.Less(t, allocs, 1000.0, unit)
	}
}
