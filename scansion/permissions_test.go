package scansion

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// mark reads a mark, for tests.
func mark(t *testing.T, text string) Mark {
	t.Helper()
	m, err := parseAsks(text)
	require.NoError(t, err)
	return m
}

// readStanza reads a stanza, for tests.
func readStanza(t *testing.T, src string) *node {
	t.Helper()
	n, err := parseXML([]byte(src), nsClient, written)
	require.NoError(t, err, src)
	n.dropLayout()
	return n
}

const (
	x        = `<x xmlns='http://jabber.org/protocol/muc#user'>`
	stanzas  = ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`
	delay    = `<delay xmlns='urn:xmpp:delay' from='r@c.example'`
	adminNS  = ` xmlns='http://jabber.org/protocol/muc#admin'>`
	infoNS   = ` xmlns='http://jabber.org/protocol/disco#info'>`
	dataForm = `<x xmlns='jabber:x:data'`
)

// loosened is an example of each loosening: what is expected, what may come instead, and a
// mark with which it may not.
var loosened = []struct {
	what, want, came, unless string
}{
	{"the type of an error is advice, and it need not say who it is by",
		`<iq type='error'><error type='auth' by='r@c.example'/></iq>`, `<iq type='error'><error type='cancel'/></iq>`, ""},
	{"an error need not bring back what was refused",
		`<iq type='error'><query xmlns='urn:q'/><error/></iq>`, `<iq type='error'><error/></iq>`, `MUST §8.4 "so"`},
	{"an error comes from the room or from the address that was used",
		`<message type='error' from='r@c.example/a'><error/></message>`, `<message type='error' from='r@c.example'><error/></message>`, ""},
	{"where no condition is named any will do, and words are for people",
		`<iq type='error'><error><forbidden` + stanzas + `</error></iq>`, `<iq type='error'><error><gone` + stanzas + `</error></iq>`, `MUST §7.2.7 "so"`},
	{"an error need not have a condition of its application",
		`<iq type='error'><error><unsupported xmlns='urn:u'/></error></iq>`, `<iq type='error'><error/></iq>`, ""},
	{"presence and messages need not bear the id that their sender gave them",
		`<message type='groupchat' id='1'><body>said</body></message>`, `<message type='groupchat'><body>said</body></message>`, `SHOULD §7.4 "the same 'id'"`},
	{"words of the service's own are its own",
		`<message from='r@c.example'><body>Welcome!</body></message>`, `<message from='r@c.example'><body>Hello!</body></message>`, ""},
	{"a language need not be passed on", `<message xml:lang='it'/>`, `<message/>`, `SHOULD §13 "so"`},
	{"how a form presents itself",
		`<message>` + dataForm + `><title>said</title><field var='a' type='boolean' label='said'><required/></field></x></message>`,
		`<message>` + dataForm + `><field var='a'/></x></message>`, ""},
	{"true and false have two spellings",
		`<message>` + dataForm + `><field var='a'><value>false</value></field></x></message>`,
		`<message>` + dataForm + `><field var='a'><value>0</value></field></x></message>`, ""},
	{"which options and questions a form has is up to the service",
		`<iq type='result'>` + dataForm + `><field var='FORM_TYPE'/><field var='own'/></x></iq>`,
		`<iq type='result'>` + dataForm + `><field var='FORM_TYPE'/></x></iq>`, ""},
	{"a room may say more of itself in a form",
		`<iq type='result'><query` + infoNS + dataForm + `/></query></iq>`, `<iq type='result'><query` + infoNS + `</query></iq>`, `MAY §6.4 "so"`},
	{"a room should tell its features",
		`<iq type='result'><query` + infoNS + `<feature var='muc_open'/></query></iq>`, `<iq type='result'><query` + infoNS + `</query></iq>`, `SHOULD §6.4 "so"`},
	{"status codes that the specification leaves to the service",
		`<presence type='unavailable'>` + x + `<status code='333'/></x></presence>`, `<presence type='unavailable'>` + x + `</x></presence>`, `MAY §11.1 "so"`},
	{"who acted, and why, may be told",
		`<presence>` + x + `<item><actor nick='a'/><reason>said</reason></item></x></presence>`, `<presence>` + x + `<item/></x></presence>`, ""},
	{"an item may name the nick, and a person's own address",
		`<presence>` + x + `<item nick='a' jid='me@example.org/1'/><status code='110'/></x></presence>`,
		`<presence>` + x + `<item/><status code='110'/></x></presence>`, ""},
	{"the end of a room needs no affiliation",
		`<presence type='unavailable'>` + x + `<item affiliation='owner'/><destroy/></x></presence>`,
		`<presence type='unavailable'>` + x + `<item affiliation='none'/><destroy/></x></presence>`, ""},
	{"what lists say beside the address, or beside nick and role",
		`<iq type='result'><query` + adminNS + `<item affiliation='member' jid='a@b' nick='c'/></query></iq>`,
		`<iq type='result'><query` + adminNS + `<item affiliation='member' jid='a@b'/></query></iq>`, `SHOULD §17.4 "so"`},
	{"clocks differ",
		`<message type='groupchat'><body>said</body>` + delay + ` stamp='2030-01-01T00:00:00Z'/></message>`,
		`<message type='groupchat'><body>said</body>` + delay + ` stamp='2026-01-01T00:00:00Z'/></message>`, ""},
	{"a subject should tell when it was set",
		`<message type='groupchat'><subject/>` + delay + `/></message>`, `<message type='groupchat'><subject/></message>`, `SHOULD §7.2.15 "so"`},
	{"a subject comes from the room or from an occupant",
		`<message type='groupchat' from='r@c.example'><subject/></message>`, `<message type='groupchat' from='r@c.example/a'><subject/></message>`, ""},
	{"what other specifications add is theirs",
		`<presence><occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/></presence>`, `<presence/>`, `MUST XEP-0421 §4 "so"`},
	{"extended information may be taken out", `<message><mood xmlns='urn:m'/></message>`, `<message/>`, `SHOULD §17.2 "so"`},
	{"a private message should be marked as one", `<message type='chat'>` + x + `</x></message>`, `<message type='chat'/>`, `SHOULD §7.5 "so"`},
	{"type normal need not be written", `<message type='normal'/>`, `<message/>`, ""},
	{"an invitation is from the inviter by whatever address, and should name the password",
		`<message>` + x + `<invite from='a@b'/><password>said</password></x></message>`, `<message>` + x + `<invite from='r@c.example/a'/></x></message>`, `SHOULD §7.8.2 "so"`},
}

// optionalStanzas are examples of stanzas that need not come.
var optionalStanzas = []struct{ what, want, unless string }{
	{"messages about the room or about people outside may be sent, and invitations to new members should",
		`<message type='groupchat' from='r@c.example'>` + x + `<status code='104'/></x></message>`, `SHOULD §10.2.1 "so"`},
	{"messages about the room or about people outside may be sent, and invitations to new members should",
		`<message from='r@c.example'>` + x + `<item affiliation='member'/></x></message>`, `MAY §18.1 "so"`},
	{"messages about the room or about people outside may be sent, and invitations to new members should",
		`<message from='r@c.example'>` + x + `<invite from='r@c.example'/></x></message>`, `SHOULD §9.5 "who has been added to the member list"`},
	{"nobody need be told again what is known, unless by entering again",
		`<presence from='r@c.example/a'>` + x + `<item role='participant' affiliation='none' jid='a@b/c'/></x></presence>`, ""},
}

// reader is a reading for examples: of a client that knows one occupant.
func reader(t *testing.T, asks ...string) *reading {
	r := &reading{
		said: []string{"said"}, loosenings: loosenings, prohibitions: prohibitions, who: muc.MustParseJID("me@example.org"),
		known: map[string]*node{"r@c.example/a": readStanza(t, `<presence from='r@c.example/a'>`+x+`<item role='participant' affiliation='none'/></x></presence>`)},
	}
	for _, text := range asks {
		r.asks = append(r.asks, mark(t, text))
	}
	r.here = r.asks
	return r
}

func (r *reading) allows(want, came *node) bool {
	m := matcher{mode: Spec, vars: vars{}}
	v := m.stanza(r.of(want), came)
	return v.matches()
}

// Each loosening permits something that none of the others does, and what scripts ask for by
// a mark is asked for.
func TestLoosenings(t *testing.T) {
	shown := map[string]bool{}
	for _, tt := range loosened {
		shown[tt.what] = true
		want, came := readStanza(t, tt.want), readStanza(t, tt.came)
		assert.True(t, reader(t).allows(want, want), "%s: what is expected", tt.what)
		assert.True(t, reader(t).allows(want, came), "%s: what may come instead", tt.what)
		if tt.unless != "" {
			assert.False(t, reader(t, tt.unless).allows(want, came), "%s: with a mark %s", tt.what, tt.unless)
		}
		r := reader(t)
		r.loosenings = slices.DeleteFunc(slices.Clone(loosenings), func(l loosening) bool { return l.what == tt.what })
		assert.False(t, r.allows(want, came), "%s: without it", tt.what)
	}
	for _, tt := range optionalStanzas {
		shown[tt.what] = true
		want := readStanza(t, tt.want)
		assert.True(t, reader(t).of(want).left, "%s", tt.what)
		if tt.unless != "" {
			assert.False(t, reader(t, tt.unless).of(want).left, "%s: with a mark %s", tt.what, tt.unless)
		}
		r := reader(t)
		r.loosenings = slices.DeleteFunc(slices.Clone(loosenings), func(l loosening) bool { return l.what == tt.what })
		assert.False(t, r.of(want).left, "%s: without it", tt.what)
	}
	for _, l := range loosenings {
		assert.True(t, shown[l.what], "no example shows what it is good for: %s", l.what)
		assert.NotEmpty(t, l.where, l.what)
	}
}

// What the specification does ask for is asked for in mode Spec too.
func TestSpecIsNotBlind(t *testing.T) {
	for _, tt := range []struct{ name, want, came string }{
		{"a type that is expected", `<presence type='unavailable'/>`, `<presence/>`},
		{"a type that is not", `<presence/>`, `<presence type='unavailable'/>`},
		{"an error", `<message/>`, `<message type='error'/>`},
		{"what somebody said", `<message><body>said</body></message>`, `<message><body>heard</body></message>`},
		{"an occupant", `<presence from='r@c.example/b'/>`, `<presence from='r@c.example/a'/>`},
		{"a role", `<presence>` + x + `<item role='visitor'/></x></presence>`, `<presence>` + x + `<item role='moderator'/></x></presence>`},
		{"an affiliation", `<presence>` + x + `<item affiliation='none'/></x></presence>`, `<presence>` + x + `<item/></x></presence>`},
		{"who one is", `<presence type='unavailable'>` + x + `<status code='110'/></x></presence>`, `<presence type='unavailable'>` + x + `</x></presence>`},
		{"a kick", `<presence>` + x + `<status code='307'/></x></presence>`, `<presence>` + x + `</x></presence>`},
		{"the new nick", `<presence>` + x + `<item nick='b'/><status code='303'/></x></presence>`, `<presence>` + x + `<item/><status code='303'/></x></presence>`},
		{"the stamp of the past", `<message type='groupchat'><body>said</body>` + delay + ` stamp='2030-01-01T00:00:00Z'/></message>`, `<message type='groupchat'><body>said</body></message>`},
		{"a truth", `<message>` + dataForm + `><field var='a'><value>true</value></field></x></message>`, `<message>` + dataForm + `><field var='a'><value>0</value></field></x></message>`},
		{"the other place", `<presence>` + x + `<destroy jid='a@c.example'/></x></presence>`, `<presence>` + x + `<destroy/></x></presence>`},
		{"to the letter", `<message><a xmlns='urn:a' scansion:strict='true'/></message>`, `<message><a xmlns='urn:a' b='c'/></message>`},
	} {
		r := reader(t, `SHOULD §17.2 "so"`)
		assert.True(t, r.allows(readStanza(t, tt.want), readStanza(t, tt.want)), tt.name)
		assert.False(t, r.allows(readStanza(t, tt.want), readStanza(t, tt.came)), tt.name)
	}
}

// Each prohibition forbids something that would pass otherwise.
func TestProhibitions(t *testing.T) {
	examples := []struct{ what, want, came string }{
		{"nobody but moderators sees addresses in a semi-anonymous room",
			`<presence from='r@c.example/b'>` + x + `<item role='visitor'/></x></presence>`, `<presence from='r@c.example/b'>` + x + `<item role='visitor' jid='b@example.org/1'/></x></presence>`},
		{"status codes say what has happened", `<presence type='unavailable'>` + x + `</x></presence>`, `<presence type='unavailable'>` + x + `<status code='307'/></x></presence>`},
		{"one <x/> says what the room knows", `<presence>` + x + `</x></presence>`, `<presence>` + x + `</x>` + x + `</x></presence>`},
		{"nobody but the room says who somebody is", `<presence>` + x + `<item role='visitor'/></x></presence>`, `<presence>` + x + `<item role='visitor'/><item role='moderator'/></x></presence>`},
		{"where there is no subject it is empty", `<message type='groupchat'><subject/></message>`, `<message type='groupchat'><subject>Feud</subject></message>`},
		{"a change of the subject has no body", `<message type='groupchat'><subject>said</subject></message>`, `<message type='groupchat'><subject>said</subject><body>b</body></message>`},
	}
	for _, tt := range examples {
		want, came := readStanza(t, tt.want), readStanza(t, tt.came)
		r := reader(t)
		assert.True(t, r.allows(want, want), tt.what)
		assert.False(t, r.allows(want, came), tt.what)
		r.prohibitions = slices.DeleteFunc(slices.Clone(prohibitions), func(p prohibition) bool { return p.what == tt.what })
		assert.True(t, r.allows(want, came), "%s: without it", tt.what)
	}
	for _, p := range prohibitions {
		assert.True(t, slices.ContainsFunc(examples, func(e struct{ what, want, came string }) bool { return e.what == p.what }), "no example of %s", p.what)
	}

	item := func(attrs string) *node {
		return readStanza(t, `<presence from='r@c.example/b'>`+x+`<item role='visitor' `+attrs+`/></x></presence>`)
	}
	r := reader(t)
	assert.True(t, r.allows(item(""), item(`jid='me@example.org/2'`)), "one's own address, of another client")
	r.known["r@c.example/me"] = readStanza(t, `<presence from='r@c.example/me'>`+x+`<item role='moderator'/><status code='110'/></x></presence>`)
	assert.True(t, r.allows(item(""), item(`jid='b@example.org/1'`)), "an address that a moderator sees")
	technical := readStanza(t, `<presence type='unavailable'>`+x+`<status code='307'/><status code='333'/></x></presence>`)
	assert.True(t, r.allows(readStanza(t, `<presence type='unavailable'>`+x+`<status code='333'/></x></presence>`), technical), "307 beside 333")
}

// Each extra is permitted by itself alone, and what has consequences is not permitted.
func TestExtras(t *testing.T) {
	r := reader(t)
	r.sent, r.own = readStanza(t, `<presence type='subscribe'/>`), true
	gone := `<presence type='unavailable' from='r@c.example/gone'>` + x + `<item role='none' affiliation='none' jid='a@b/1'/><status code='307'/></x></presence>`
	r.known["r@c.example/gone"] = readStanza(t, gone)
	permits := func(all []extra, n *node) bool {
		return slices.ContainsFunc(all, func(e extra) bool { return e.permits(r, n) })
	}
	examples := map[string]string{
		"presence of the room itself":                             `<presence from='r@c.example'/>`,
		"words of the room or the service":                        `<message from='c.example'><body>Welcome</body></message>`,
		"that the room is configured in another way":              `<message type='groupchat' from='r@c.example'>` + x + `<status code='104'/></x></message>`,
		"that somebody who is not inside has another affiliation": `<message from='r@c.example'>` + x + `<item affiliation='member' jid='a@b'/></x></message>`,
		"what a client knows of an occupant already":              `<presence from='r@c.example/a'>` + x + `<item role='participant' affiliation='none'/></x></presence>`,
		"that somebody has gone, once for each client":            strings.Replace(gone, "/1", "/2", 1),
		"an error where a presence says what is not understood":   `<presence type='error' from='r@c.example/me'><error/></presence>`,
		"questions of the service to a client":                    `<iq type='get' id='1' from='c.example'><query xmlns='jabber:iq:version'/></iq>`,
	}
	for _, e := range extras {
		example := examples[e.what]
		if assert.NotEmpty(t, example, "no example of %s", e.what) {
			n := readStanza(t, example)
			assert.True(t, permits(extras, n), e.what)
			others := slices.DeleteFunc(slices.Clone(extras), func(other extra) bool { return other.what == e.what })
			assert.False(t, permits(others, n), "%s: without it", e.what)
		}
		assert.NotEmpty(t, e.where, e.what)
	}
	for _, src := range []string{
		`<message type='groupchat' from='r@c.example/a'><body>Psst</body></message>`,
		`<message from='r@c.example'><body>Come</body>` + x + `<invite from='a@b'/></x></message>`,
		`<message from='r@c.example'><body>May I?</body>` + dataForm + ` type='form'/></message>`,
		`<message type='groupchat' from='r@c.example'>` + x + `<status code='172'/></x></message>`,
		`<presence from='r@c.example/b'>` + x + `<item role='participant' affiliation='none'/></x></presence>`,
		`<presence from='r@c.example/a'>` + x + `<item role='visitor' affiliation='none'/></x></presence>`,
		`<presence from='r@c.example/a'>` + x + `<item role='participant' affiliation='none' jid='a@b/c'/></x></presence>`,
		`<presence type='unavailable' from='r@c.example/a'>` + x + `<item role='none' affiliation='none'/></x></presence>`,
		`<iq type='result' id='1' from='c.example'/>`,
		strings.Replace(gone, "307", "301", 1),
		`<message type='error' from='r@c.example'><body>Psst</body><error/></message>`,
	} {
		assert.False(t, permits(extras, readStanza(t, src)), src)
	}
	assert.True(t, permits(extras, readStanza(t, `<presence from='r@c.example/a'>`+x+`<item role='participant' affiliation='none' jid='me@example.org/2'/></x></presence>`)), "one's own address, of another client")
	r.sent = readStanza(t, `<presence type='unavailable'/>`)
	assert.False(t, permits(extras, readStanza(t, examples["an error where a presence says what is not understood"])), "an error for who leaves")
}
