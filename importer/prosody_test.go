package importer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/importer"
)

// What Prosody 0.12.3 wrote, read by hand.
func TestProsody(t *testing.T) {
	for dir, host := range map[string]string{"testdata/prosody": "", "testdata/prosody/": "Conference.localhost", "testdata/prosody/conference%2elocalhost": ""} {
		src, err := importer.Prosody(dir, host)
		require.NoError(t, err)
		g := newTarget(t)
		assert.Equal(t, importer.Result{Rooms: 2, Messages: 5}, g.takes(src, importer.Options{}))
		assert.Empty(t, g.lines)
		require.NoError(t, src.Close())

		cellar := g.room("cellar")
		assert.Equal(t, muc.RoomConfig{Name: "The wine ‘cellar’", Description: `Below "the" house\`, Lang: "en", Persistent: true,
			OpenSubject: true, Whois: muc.WhoisAnyone, History: 15}, configOf(cellar))
		assert.Equal(t, map[string]string{"juliet@localhost": "owner", "romeo@localhost": "member Montague", "mercutio@localhost": "admin",
			"tybalt@localhost": "outcast"}, people(cellar))
		subject, nick := cellar.Subject()
		assert.Equal(t, "Wherefore\nart thou? by Juliet", subject+" by "+nick)
		said := g.said("cellar")
		require.Len(t, said, 5)
		const text = `: <&'\"> ä€😀 \\n\nsecond line"`
		assert.Equal(t, []string{
			`17:52:45.000 Juliet juliet@localhost hZMgdZ-EhfYxHe8tdd_D8qOh "message 0` + text,
			`17:52:46.000 Romeo romeo@localhost jyKnFTfNp5-rtGkhKBHCQM5O "message 1` + text,
			`17:52:46.000 Juliet juliet@localhost NQhvHMcDj3iQCBa94L4c4V0S "message 2` + text,
			`17:52:46.000 Romeo romeo@localhost gIlvsyveX7fEqrj5MzqMVaue "with more"`,
		}, said[:4])
		assert.Contains(t, said[4], `subject Wherefore\nart thou?`)
		more := g.events[muc.MustParseJID("cellar@rooms.example")]
		var payload, id string
		for _, ev := range more {
			if m := ev.Archived(); m != nil && m.ID == "more" {
				payload, id = m.Payload, m.Lang
			}
		}
		assert.Equal(t, `<body>with more</body><replace xmlns='urn:xmpp:message-correct:0' id='said-29'/><x xmlns='jabber:x:oob'><url/></x>`, payload)
		assert.Equal(t, "en", id)

		attic := g.room("attic")
		assert.Equal(t, muc.RoomConfig{Name: "Attic", Lang: "en", Persistent: true, Hidden: true, MembersOnly: true, Moderated: true,
			Password: "hurly & burly"}, configOf(attic))
		assert.Equal(t, map[string]string{"juliet@localhost": "owner", "romeo@localhost": "owner"}, people(attic))
		assert.Equal(t, []string{`17:52:46.000 Juliet juliet@localhost 5VGJHwNrjVnqInXHOPYFtao7 "semi-anonymous"`}, g.said("attic"),
			"the author's address is in the occupant-id")
	}
}

// files writes the files of a component and opens them.
func files(t *testing.T, files map[string]string) importer.Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, "rooms%2eexample", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	src, err := importer.Prosody(dir, "")
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	return src
}

const owned = `["prince@verona.example"] = "owner"; ["_jid"] = "square@rooms.example";`

// All options, and those that nobody knows.
func TestProsodyOptions(t *testing.T) {
	src := files(t, map[string]string{"config/square.dat": `return { ` + owned + `
		_data = { persistent = true; allow_member_invites = true; allow_pm = "participants"; allow_modpm = true; archiving = false;
			history_length = 0; presence_broadcast = { moderator = true; none = true }; whois = "everybody"; hidden = "yes";
			locked = 5; destroyed = false; subject = "War"; subject_from = "square@rooms.example/Tybalt"; subject_time = -1; frobnicate = {}; name = 7; };
		["tybalt@capulet.example"] = "villain"; ["romeo@montague.example"] = "member"; ["benvolio@montague.example"] = "member";
		_affiliation_data = { ["romeo@montague.example"] = { reserved_nickname = "Romeo"; hats = {} }; ["benvolio@montague.example"] = { reserved_nickname = "romeo" } }; };`,
		"vcard_muc/square.dat":  `return { name = "vCard"; attr = { xmlns = "vcard-temp" }; { name = "PHOTO"; attr = {}; { name = "TYPE"; attr = {}; "image/png" }; { name = "BINVAL"; attr = {}; "aGVsbG8=" } } };`,
		"config/street.dat":     `return { jid = "street@rooms.example"; _data = { persistent = true; allow_pm = "everyone"; presence_broadcast = 1; history_length = 5000 }; _affiliations = { ["prince@verona.example"] = "owner" }; };`,
		"vcard_muc/street.dat":  `return { { } }`,
		"config/church.dat":     `return { ["_jid"] = "church@rooms.example"; _data = { persistent = true; locked = (1/0) } };`,
		"config/tomb.dat":       `return { ["_jid"] = "tomb@rooms.example"; _data = { persistent = true; destroyed = true; locked = 99999999999 } };`,
		"config/gate.dat":       `return { ["_jid"] = "gate@rooms.example"; _data = { password = true; persistent = true } };`,
		"config/other%2.dat":    "return {};",
		"config/ignored.dat~":   "return {};",
		"config/s%c3%a4ule.dat": `return { ["prince@verona.example"] = "owner"; _data = { persistent = true } };`,
	})
	g := newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 3, Left: 4}, g.takes(src, importer.Options{}))
	assert.Equal(t, []string{
		"church: the room is left out: its owner has not configured it yet",
		"gate: the room is left out: its password is damaged",
		"other%2: the room is left out: the name of its file is damaged",
		`square: the option "frobnicate", which is not known here`,
		`square: the option "hidden", whose value is not known here`,
		`square: the option "name", whose value is not known here`,
		`square: the option "whois", whose value is not known here`,
		`square: "hats" of romeo@montague.example, which is not known here`,
		`square: tybalt@capulet.example as "villain", which is no affiliation`,
		`square: the nick "Romeo", reserved for romeo@montague.example: The nick is reserved for somebody else.`,
		`street: the option "history_length", whose value is not known here`,
		`street: the option "presence_broadcast", whose value is not known here`,
		"street: its avatar: it is no stanza",
		"tomb: the room is left out: it was destroyed",
	}, g.lines)
	square := g.room("square")
	assert.Equal(t, muc.RoomConfig{Persistent: true, Hidden: true, AllowInvites: true, AllowPM: muc.PMParticipants, ModeratorPM: true, NoArchive: true, History: -1,
		HiddenRoles: muc.Roles(muc.Visitor, muc.Participant), ShowAbsent: true}, configOf(square))
	subject, nick := square.Subject()
	assert.Equal(t, "War by Tybalt", subject+" by "+nick)
	assert.Equal(t, "member romeo", people(square)["benvolio@montague.example"])
	assert.NotNil(t, square.VCard())
	assert.Equal(t, 1000, g.room("street").RoomConfig().History)
	assert.Equal(t, muc.Open, g.room("säule").State())
}

// An archive of which some cannot be read, of which some was said by others than it claims.
func TestProsodyArchive(t *testing.T) {
	const id = "nRP+53p2jNuEgcPlwNUnKDZXnh92pOZH5pZTFU5HMh4=" // juliet@localhost's, by the salt
	item := func(when, key, more string) string {
		return fmt.Sprintf("item({\n\t{ name = \"body\"; attr = {}; \"%s\" };\n\t%s\n\tname = \"message\"; attr = { from = \"square@rooms.example/Nick\"; type = \"groupchat\" };\n\twith = \"message<groupchat\"; when = %s; key = \"%s\";\n});\n",
			key, more, when, key)
	}
	x := func(jid string) string {
		return `{ name = "x"; attr = { xmlns = "http://jabber.org/protocol/muc#user" }; { name = "item"; attr = { jid = "` + jid + `" } } };`
	}
	occupant := func(id string) string {
		return `{ name = "occupant-id"; attr = { xmlns = "urn:xmpp:occupant-id:0"; id = "` + id + `" } };`
	}
	config := `return { ` + owned + ` _data = { persistent = true; whois = "anyone"; occupant_id_salt = "69fb0284-054c-46ab-a1c4-e756ab671d23" } };`
	src := files(t, map[string]string{"config/square.dat": config, "muc_log/square.list": item("1700000001.5", "known", occupant(id)+x("juliet@localhost")) +
		item("1700000002", "claimed", x("juliet@localhost")) + item("1700000003", "forged", occupant("mallory")+x("juliet@localhost")) +
		item("1700000004", "forged twice", x("juliet@localhost")+occupant(id)+x("romeo@localhost")) + item("1700000005", "unknown", occupant(id)) +
		item("os.time()", "hostile", "") + item("1700000006", "hostile too", "os.execute('touch pwned');") + item("(0/0)", "never", "") +
		item("1700000007", "deep", strings.Repeat("{ name = 'a'; attr = {};", 100)+strings.Repeat("};", 100)) +
		"item({ name = \"presence\"; with = \"presence\"; when = 1700000008; attr = {} });\n" +
		"item({ name = \"message\"; attr = { stamp = \"2023-11-14T22:13:29Z\"; from = \"square@rooms.example/Old\" }; { name = \"body\"; attr = {}; \"before 0.10\" } });\n" +
		"item({ when = 1700000010; with = \"message<groupchat\"; { } });\n" + item("1700000011", "other space", `{ name = "a:b"; attr = { ["c:d"] = "e"; ["urn:x\1f"] = "g" } };`) +
		"item({ name = \"torn"})
	g := newTarget(t)
	g.takes(src, importer.Options{})
	assert.Equal(t, []string{
		`22:13:21.500 Nick juliet@localhost known "known"`, `22:13:22.000 Nick  claimed "claimed"`, `22:13:23.000 Nick  forged "forged"`,
		`22:13:24.000 Nick  forged twice "forged twice"`, `22:13:25.000 Nick  unknown "unknown"`}, g.said("square")[:5])
	assert.Len(t, g.said("square"), 6)
	assert.Contains(t, g.said("square")[5], `22:13:29.000 Old  `)
	assert.ElementsMatch(t, []string{"square: 4 entries of its archive, which cannot be read", "square: messages left out: 1 (unreadable)",
		"square: messages left out: 1 (The stanza is too deep or too wide.)", "square: messages left out: 1 (The stanza is not well-formed XML.)"}, g.lines)
	_, err := os.Stat("pwned")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Files that are damaged, hostile or too large leave out a room, in a line, and nothing runs.
func TestProsodyDamage(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "“return” is missing",
		"return {":                          "line",
		"return { _data = {}":               "line",
		"return 7;":                         "it is no table",
		"while true do end":                 "“return” is missing",
		"return { os.execute('true') }":     "it is more than data",
		"return { ['a'] = ('x'):rep(1e9) }": "it is no number",
		"return {};":                        "nothing says how it is configured",
		"return { _data = 7 };":             "nothing says how it is configured",
		"return {} --" + strings.Repeat("x", 16<<20): "larger than",
		"return " + strings.Repeat("{", 1<<20):       "line",
	} {
		g := newTarget(t)
		result := g.takes(files(t, map[string]string{"config/square.dat": text}), importer.Options{})
		assert.Equal(t, importer.Result{Left: 1}, result)
		require.Len(t, g.lines, 1)
		assert.Contains(t, g.lines[0], "square: the room is left out: ", "%.30s", text)
		assert.Contains(t, g.lines[0], want, "%.30s", text)
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "config", "square.dat"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "muc_log", "street.list"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config", "street.dat"), []byte(`return { ["prince@verona.example"] = "owner"; _data = { persistent = true } };`), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "vcard_muc", "street.dat"), 0o700))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "config", "link.dat")))
	src, err := importer.Prosody(dir, "")
	require.NoError(t, err)
	g := newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 1, Left: 2}, g.takes(src, importer.Options{}))
	require.Len(t, g.lines, 4)
	assert.Contains(t, g.lines[0], "link: the room is left out: ")
	assert.Equal(t, []string{"square: the room is left out: config/square.dat is no file", "street: its avatar: vcard_muc/street.dat is no file",
		"street: its archive: muc_log/street.list is no file"}, g.lines[1:])
	require.NoError(t, src.Close())
	_, err = g.imports(src, importer.Options{})
	assert.Error(t, err)
}

func TestProsodyRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := importer.Prosody(filepath.Join(dir, "none"), "")
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = importer.Prosody(dir, "")
	assert.ErrorContains(t, err, "there are no rooms: name the directory of Prosody's data")
	for _, host := range []string{"a%2eexample", "b%2eexample", "%zz"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, host, "config"), 0o700))
	}
	_, err = importer.Prosody(dir, "c.example")
	assert.ErrorContains(t, err, "there are no rooms of c.example")
	_, err = importer.Prosody(dir, "")
	assert.ErrorContains(t, err, "several hosts have rooms: say which: a.example, b.example")
	src, err := importer.Prosody(dir, "b.example")
	require.NoError(t, err)
	assert.Equal(t, importer.Result{}, newTarget(t).takes(src, importer.Options{}))
}
