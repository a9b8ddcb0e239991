package importer_test

import (
	"context"
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

// What ejabberd 23.01 wrote, read by hand.
func TestEjabberd(t *testing.T) {
	for _, host := range []string{"", "Conference.localhost"} {
		src, err := importer.Ejabberd(t.Context(), "testdata/ejabberd.dump", host)
		require.NoError(t, err)
		g := newTarget(t)
		assert.Equal(t, importer.Result{Rooms: 2, Messages: 6}, g.takes(src, importer.Options{}))
		assert.Empty(t, g.lines)
		require.NoError(t, src.Close())

		cellar := g.room("cellar")
		assert.Equal(t, muc.RoomConfig{Name: "The wine ‘cellar’", Description: `Below "the" house\`, Lang: "en", Persistent: true, ListOccupants: true,
			OpenSubject: true, Whois: muc.WhoisAnyone, MaxUsers: 50, NoQueries: true}, configOf(cellar))
		assert.Equal(t, map[string]string{"juliet@localhost": "owner", "romeo@localhost": "member Montague", "mercutio@localhost": "admin",
			"tybalt@localhost": "outcast"}, people(cellar))
		subject, nick := cellar.Subject()
		assert.Equal(t, "Wherefore\nart thou? by Juliet", subject+" by "+nick)
		const text = `: <&'\"> ä€😀 \\n\nsecond line"`
		assert.Equal(t, []string{
			`17:53:16.898 Juliet juliet@localhost 1706032396898774 "message 0` + text,
			`17:53:16.922 Romeo romeo@localhost 1706032396922556 "message 1` + text,
			`17:53:16.927 Juliet juliet@localhost 1706032396927078 "message 2` + text,
			`17:53:16.967 Romeo romeo@localhost 1706032396967858 "with more"`,
			`17:53:16.969 Juliet juliet@localhost 1706032396969252 "subject Wherefore\nart thou?"`,
		}, g.said("cellar"))

		attic := g.room("attic")
		assert.Equal(t, muc.RoomConfig{Name: "Attic", Lang: "en", Persistent: true, Hidden: true, ListOccupants: true, MembersOnly: true,
			MaxUsers: 200, Password: "hurly & burly"}, configOf(attic))
		assert.Equal(t, map[string]string{"juliet@localhost": "owner", "romeo@localhost": "owner Montague"}, people(attic))
		assert.Equal(t, []string{`17:53:16.975 Juliet juliet@localhost 1706032396975623 "semi-anonymous"`}, g.said("attic"))
	}
}

// dumped writes a dump and opens it.
func dumped(t *testing.T, records ...string) (importer.Source, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "dump")
	text := "{tables,[{muc_room,[{record_name,muc_room},{attributes,[name_host,opts]}]}]}.\n" + strings.Join(records, ".\n") + ".\n"
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	src, err := importer.Ejabberd(t.Context(), name, "")
	if err == nil {
		t.Cleanup(func() { src.Close() })
	}
	return src, err
}

// dumpedRoom is the record of a room with an owner.
func dumpedRoom(name, options string) string {
	return `{muc_room,{<<"` + name + `">>,<<"rooms.example">>},[{persistent,true},{affiliations,[{{<<"prince">>,<<"verona.example">>,<<>>},owner}]}` + options + `]}`
}

func TestEjabberdOptions(t *testing.T) {
	src, err := dumped(t,
		dumpedRoom("a", `,{moderated,true},{members_by_default,false},{allow_private_messages_from_visitors,moderators},{voice_request_min_interval,0},
			{presence_broadcast,[moderator]},{max_users,none},{allow_user_invites,true},{allow_visitor_status,false},{allow_visitor_nickchange,false},
			{allow_voice_requests,false},{logging,true},{public_list,false},{mam,true},{subject,<<"War">>},{subject_author,{<<"Tybalt">>,<<"tybalt@capulet.example">>}},
			{vcard,<<"<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>">>}`),
		dumpedRoom("b", `,{allow_private_messages,false},{captcha_protected,true},{captcha_whitelist,[a,b]},{subscribers,[{c}]},{hats_users,[{a}]},
			{frobnicate,[]},{subject,[{text,<<"en">>,<<"War">>},{text,<<"de">>,<<"Krieg">>},{}]},{subject_author,<<" ">>},{vcard,<<"<vCard">>},odd,{1,2}`),
		dumpedRoom("c", `,{allowpm,affiliated},{allow_private_messages_from_visitors,nobody}`),
		dumpedRoom("d", `,{allow_private_messages_from_visitors,nobody},{public,perhaps},{members_only,perhaps},{max_users,-1},{anonymous,perhaps},
			{presence_broadcast,[king]},{voice_request_min_interval,soon},{allowpm2,1},{title,atom},{mam,7}`),
		dumpedRoom("e", `,{password_protected,true},{password,<<>>}`), dumpedRoom("f", `,{password_protected,perhaps},{password,[]}`),
		`{muc_room,{<<"g">>,<<"rooms.example">>},[{persistent,true},{affiliations,[{{<<"prince">>,<<"verona.example">>,<<>>},{owner,<<>>}},
			{{<<>>,<<"pirates.example">>,<<>>},{outcast,<<"spam">>}},{{<<"tybalt">>,<<"capulet.example">>,<<>>},{villain,<<>>}},{{<<"a">>},owner},odd,
			{{<<"mab">>,<<"verona.example">>,<<>>},none},{{<<"romeo">>,<<"montague.example">>,<<>>},member}]}]}`,
		`{muc_room,{<<"h">>,<<"rooms.example">>},[{persistent,true},{affiliations,all}]}`, `{muc_room,{<<"i">>,<<"rooms.example">>},none}`,
		`{muc_registered,{{<<"romeo">>,<<"montague.example">>},<<"rooms.example">>},<<"Romeo">>}`,
		`{muc_registered,{{<<"paris">>,<<"verona.example">>},<<"rooms.example">>},<<"Paris">>}`,
		`{muc_registered,{{<<"paris">>,<<"verona.example">>},<<"elsewhere.example">>},<<"Elsewhere">>}`,
		`{muc_registered,{paris,<<"rooms.example">>},<<"Paris">>}`, `{muc_registered,paris,<<"Paris">>}`,
	)
	require.NoError(t, err)
	g := newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 5, Left: 4}, g.takes(src, importer.Options{}))
	assert.Equal(t, muc.RoomConfig{Persistent: true, OpenSubject: true, Moderated: true, AllowPM: muc.PMParticipants, ModeratorPM: true, VoiceInterval: -1,
		HiddenRoles: muc.Roles(muc.Visitor, muc.Participant), AllowInvites: true, NoVisitorStatus: true, NoVisitorNickChange: true, NoVoiceRequests: true,
		Logging: true}, configOf(g.room("a")))
	subject, nick := g.room("a").Subject()
	assert.Equal(t, "War Tybalt", subject+" "+nick)
	assert.NotNil(t, g.room("a").VCard())
	assert.Equal(t, muc.PMNone, g.room("b").RoomConfig().AllowPM)
	assert.Equal(t, muc.PMAffiliated, g.room("c").RoomConfig().AllowPM)
	assert.Equal(t, muc.RoomConfig{Persistent: true, Hidden: true, MembersOnly: true, OpenSubject: true, ListOccupants: true, NoArchive: true,
		AllowPM: muc.PMParticipants, VoiceInterval: -1}, configOf(g.room("d")), "what is damaged opens nothing")
	assert.Equal(t, map[string]string{"prince@verona.example": "owner", "pirates.example": "outcast", "romeo@montague.example": "member Romeo"}, people(g.room("g")))
	for _, line := range []string{
		"b: an option that cannot be read (2 times)", "b: that people solve a CAPTCHA before they enter", "b: people whom the room asks for no CAPTCHA: 2",
		"b: subscribers (MucSub): 1", "b: hats of people: 1", `b: the option "frobnicate", which is not known here`, "b: its subject in another language",
		"b: its subject, which cannot be read", "b: its avatar, which cannot be read", `d: the option "public", whose value is not known here`,
		`d: the option "members_only", whose value is not known here`, `d: the option "title", whose value is not known here`, `d: the option "mam", whose value is not known here`,
		`d: the option "presence_broadcast", whose value is not known here`, `d: the option "max_users", whose value is not known here`,
		"e: the room is left out: it has a password, which cannot be read", "f: the room is left out: it has a password, which cannot be read",
		"g: an affiliation that cannot be read (3 times)", "h: the room is left out: it has no owner: say who owns such rooms", "i: the room is left out: nothing says how it is configured",
		": 2 records of the dump cannot be read",
		`: paris@verona.example has registered the nick "Paris" with all rooms: here it is reserved in rooms of which one is a member`,
	} {
		assert.Contains(t, g.lines, line)
	}
}

func TestEjabberdArchive(t *testing.T) {
	entry := func(room string, second int, packet, kind string) string {
		return fmt.Sprintf(`{archive_msg,{<<"%s">>,<<"rooms.example">>},<<"id-%d">>,{1700,%d,0},{<<"tybalt">>,<<"capulet.example">>,<<"x">>},{<<"tybalt">>,<<"capulet.example">>,<<>>},%s,<<"Tybalt">>,%s}`,
			room, second, second, packet, kind)
	}
	body := func(text string) string {
		return `{xmlel,<<"message">>,[{<<"from">>,<<"tybalt@capulet.example/x">>},{<<"xml:lang">>,<<"en">>}],[{xmlel,<<"body">>,[],[{xmlcdata,<<"` + text + `">>}]}]}`
	}
	src, err := dumped(t, dumpedRoom("square", ",{mam,true}"), entry("square", 3, body("third"), "groupchat"), entry("square", 1, body("first"), "groupchat"), entry("square", 2, body("se\" \n \"cond"), "groupchat"),
		entry("square", 4, body("to one"), "chat"), entry("elsewhere", 4, body("elsewhere"), "groupchat"),
		entry("square", 5, "odd", "groupchat"), entry("square", 6, `{xmlel,<<>>,[],[]}`, "groupchat"), entry("square", 7, `{xmlel,<<"message">>,[odd],[]}`, "groupchat"),
		entry("square", 8, `{xmlel,<<"message">>,[],[odd]}`, "groupchat"), entry("square", 8, `{xmlel,<<"message">>,[],[{xmlcdata,1}]}`, "groupchat"),
		entry("square", 8, `{xmlel,<<"message">>,[],odd}`, "groupchat"), entry("square", 9, body("x</body><body>y"), "groupchat"),
		strings.Replace(entry("square", 9, body("never"), "groupchat"), "{1700,9,0}", "never", 1), strings.Replace(entry("square", 9, body("never"), "groupchat"), "{1700,9,0}", "{a,b,c}", 1),
		`{archive_msg,odd,1}`, `{archive_msg,{<<"square">>,<<"rooms.example">>},short}`, `{archive_msg,{<<`, `{muc_room,1}`)
	require.NoError(t, err)
	g := newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 1, Messages: 4}, g.takes(src, importer.Options{}))
	assert.Equal(t, []string{`22:13:21.000 Tybalt tybalt@capulet.example id-1 "first"`, `22:13:22.000 Tybalt tybalt@capulet.example id-2 "second"`,
		`22:13:23.000 Tybalt tybalt@capulet.example id-3 "third"`, `22:13:29.000 Tybalt tybalt@capulet.example id-9 "x</body><body>y"`}, g.said("square"))
	assert.ElementsMatch(t, []string{"square: 2 entries of its archive, which cannot be read", "square: messages left out: 6 (unreadable)",
		": 4 records of the dump cannot be read"}, g.lines)
}

// A dump that is none, or not all of it, is refused as a whole: nobody knows what is missing.
func TestEjabberdRefuses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "dump")
	_, err := importer.Ejabberd(t.Context(), name, "")
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = importer.Ejabberd(t.Context(), t.TempDir(), "")
	assert.ErrorContains(t, err, "it is no file")
	whole, err := os.ReadFile("testdata/ejabberd.dump")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"": "it is no dump of ejabberd", "SQLite format 3\x00": "it is no dump of ejabberd", "[a].": "it is no dump of ejabberd", "{tables,": "it is no dump of ejabberd",
		string(whole[:len(whole)-100]): "it ends in the middle: make the dump again", "{tables,[]}.\n{muc_room,<<\"": "it ends in the middle",
		"{tables,[]}.\n": "there are no rooms",
		string(whole) + dumpedRoom("a", "") + ".\n": "several hosts have rooms: say which: conference.localhost, rooms.example",
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		_, err = importer.Ejabberd(t.Context(), name, "")
		assert.ErrorContains(t, err, name+": ", "%.30s", text)
		assert.ErrorContains(t, err, want, "%.30s", text)
	}
	_, err = importer.Ejabberd(t.Context(), "testdata/ejabberd.dump", "elsewhere.example")
	assert.ErrorContains(t, err, "there are no rooms of elsewhere.example")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = importer.Ejabberd(ctx, "testdata/ejabberd.dump", "")
	assert.ErrorIs(t, err, context.Canceled)

	// What is too large or no term is counted, and the rest is there.
	src, err := dumped(t, dumpedRoom("a", ""), dumpedRoom("b", ",{title,<<\""+strings.Repeat("x", 17<<20)+"\">>}"), "{muc_room,"+strings.Repeat("[", 1<<20))
	require.NoError(t, err)
	g := newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 1}, g.takes(src, importer.Options{}))
	assert.Equal(t, []string{": 2 records of the dump cannot be read"}, g.lines)
	require.NoError(t, src.Close())
	_, err = g.imports(src, importer.Options{Existing: importer.ReplaceExisting})
	assert.ErrorIs(t, err, os.ErrClosed)
}

// People who are in no room have a line each, up to a number.
func TestEjabberdLines(t *testing.T) {
	records := []string{dumpedRoom("a", "")}
	for i := range 150 {
		records = append(records, fmt.Sprintf(`{muc_registered,{{<<"paris%d">>,<<"verona.example">>},<<"rooms.example">>},<<"Paris">>}`, i))
	}
	src, err := dumped(t, records...)
	require.NoError(t, err)
	g := newTarget(t)
	g.takes(src, importer.Options{})
	require.Len(t, g.lines, 101)
	assert.Equal(t, ": and 50 more nicks like these", g.lines[100])
}
