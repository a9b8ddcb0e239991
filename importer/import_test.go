package importer_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/importer"
	"github.com/gomuc/muc/service"
)

// target is a store that rooms are imported into.
type target struct {
	t *testing.T
	service.Memory
	config service.Config
	events map[muc.JID][]event.Event
	lines  []string
	fails  error
}

func newTarget(t *testing.T) *target {
	g := &target{t: t, events: map[muc.JID][]event.Event{}}
	g.config = service.Config{Domain: "rooms.example", Store: g, Room: muc.Config{Secret: []byte("only for tests: use random bytes"), Archive: true}}
	return g
}

func (g *target) Append(ctx context.Context, batches []service.Batch) error {
	if g.fails != nil {
		return g.fails
	}
	for _, b := range batches {
		if b.Gone {
			delete(g.events, b.Room)
			continue
		}
		g.events[b.Room] = append(g.events[b.Room], b.Events...)
	}
	return g.Memory.Append(ctx, batches)
}

func (g *target) imports(src importer.Source, o importer.Options) (importer.Result, error) {
	g.lines = nil
	o.Note = func(room muc.JID, line string) { g.lines = append(g.lines, strings.TrimSpace(room.Local()+": "+line)) }
	return importer.Import(g.t.Context(), g.config, src, o)
}

// takes imports without an error.
func (g *target) takes(src importer.Source, o importer.Options) importer.Result {
	g.t.Helper()
	result, err := g.imports(src, o)
	require.NoError(g.t, err)
	return result
}

// room is a room as the service has it then.
func (g *target) room(name string) *muc.Room {
	g.t.Helper()
	jid := muc.MustParseJID(name + "@rooms.example")
	saved, err := g.Load(g.t.Context(), jid)
	require.NoError(g.t, err)
	cfg := g.config.Room
	cfg.Room = jid
	room, err := muc.Restore(cfg, saved.Snapshot, saved.Events)
	require.NoError(g.t, err)
	return room
}

// said is the archive of a room, a line each: when, who, under which id, what.
func (g *target) said(name string) (lines []string) {
	for _, ev := range g.events[muc.MustParseJID(name+"@rooms.example")] {
		if m := ev.Archived(); m != nil {
			text := m.Body("")
			if text == "" {
				text = "subject " + m.Subject("")
			}
			lines = append(lines, fmt.Sprintf("%s %s %s %s %q", ev.Time.Format("15:04:05.000"), m.Nick, m.JID, m.StanzaID, text))
		}
	}
	return lines
}

// configOf is the configuration of a room, of which what is the default is zero.
func configOf(room *muc.Room) muc.RoomConfig {
	c := room.RoomConfig()
	if c.VoiceInterval == 30*time.Minute {
		c.VoiceInterval = 0
	}
	if c.History == 20 {
		c.History = 0
	}
	return c
}

func people(room *muc.Room) map[string]string {
	all := map[string]string{}
	for jid, aff := range room.Affiliations() {
		all[jid.String()] = aff.String()
	}
	for jid, nick := range room.Registrations() {
		all[jid.String()] += " " + nick
	}
	return all
}

// made is a source that a test makes up.
type made []*importer.Room

func (m made) Rooms(context.Context) iter.Seq2[*importer.Room, error] {
	return func(yield func(*importer.Room, error) bool) {
		for _, r := range m {
			if r == nil && !yield(nil, errors.New("the source is gone")) || r != nil && !yield(r, nil) {
				return
			}
		}
	}
}

func (made) Left() []string { return []string{"something of all rooms"} }

func (made) Close() error { return nil }

// message is one that was said in a room, so many seconds after an hour ago.
type message struct {
	second         int
	nick, jid, id  string
	body           string
	subject, fails bool
}

var hourAgo = time.Now().Add(-time.Hour).Truncate(time.Second)

// archiveOf is an archive of messages.
func archiveOf(messages ...message) importer.Archive {
	var a importer.Archive
	for i, m := range messages {
		a.Entries = append(a.Entries, importer.Entry{At: hourAgo.Add(time.Duration(m.second) * time.Second).UnixMilli(), Offset: int64(i)})
	}
	a.Read = func(e importer.Entry) (importer.Message, error) {
		m := messages[e.Offset]
		if m.fails {
			return importer.Message{}, errors.New("it is torn")
		}
		el := etree.NewElement("message")
		if m.subject {
			el.CreateElement("subject").SetText(m.body)
		} else if m.body != "" {
			el.CreateElement("body").SetText(m.body)
		}
		return importer.Message{Nick: m.nick, JID: m.jid, StanzaID: m.id, Message: el}, nil
	}
	return a
}

// verona is a room with an owner.
func verona(name string) *importer.Room {
	return &importer.Room{Name: name, Config: muc.RoomConfig{Persistent: true, Name: "Verona"},
		Affiliations: []importer.Affiliation{{JID: "prince@verona.example", Affiliation: muc.Owner}}}
}

// Messages come by their time, and what a room does not take is counted.
func TestImportArchive(t *testing.T) {
	r := verona("square")
	r.Subject = importer.Subject{Text: "Peace", Nick: "Prince", At: hourAgo.Add(25 * time.Second)}
	r.Archive = archiveOf(
		message{second: 30, nick: "Benvolio", id: "c", body: "third"},
		message{second: 10, nick: "Sampson", jid: "sampson@capulet.example/x", id: "a", body: "first"},
		message{second: 20, nick: "Gregory", jid: "@", id: "b", body: "second"},
		message{second: 40, nick: "Tybalt", id: "a", body: "the same id"},
		message{second: 41, nick: "Tybalt", id: "d"},
		message{second: 42, nick: "Tybalt", id: "e", fails: true},
		message{second: 43, nick: "Tybalt", id: "f", body: strings.Repeat("x", 20000)},
		message{second: 44, nick: "Tybalt", id: "g", body: strings.Repeat("x", 20000)},
		message{second: 45, id: "h", body: "of the room"},
		message{second: 46, nick: " ", id: "i", body: "nobody"},
		message{second: 24 * 3600, id: "z", body: "from tomorrow"},
		message{second: -24 * 3600, id: "y", body: "from yesterday"},
	)
	g := newTarget(t)
	g.config.Room.TellAbsent = true
	assert.Equal(t, importer.Result{Rooms: 1, Messages: 4}, g.takes(made{r}, importer.Options{Since: hourAgo}))
	at := func(second int) string {
		return hourAgo.Add(time.Duration(second) * time.Second).UTC().Format("15:04:05.000")
	}
	said := g.said("square")
	require.Len(t, said, 5)
	assert.Equal(t, []string{at(10) + ` Sampson sampson@capulet.example/x a "first"`, at(20) + ` Gregory  b "second"`}, said[:2])
	assert.Contains(t, said[2], at(25)+" Prince ")
	assert.Equal(t, []string{at(30) + ` Benvolio  c "third"`, at(45) + `   h "of the room"`}, said[3:])
	assert.Equal(t, []string{
		"square: messages left out: 1 (from the future)",
		"square: messages left out: 1 (older than they are kept)",
		"square: messages left out: 2 (The body is too long.)",
		"square: messages left out: 1 (The nick is blank or starts or ends with a space.)",
		"square: messages left out: 1 (There is nothing in the message that is kept.)",
		"square: messages left out: 1 (unreadable)",
		"square: messages left out: 1 (with the id of another message)",
		": something of all rooms",
	}, g.lines)
	subject, nick := g.room("square").Subject()
	assert.Equal(t, "Peace Prince", subject+" "+nick)
	good, err := service.Check(t.Context(), g.config, func(room muc.JID, err error) { t.Error(room, err) })
	require.NoError(t, err)
	assert.Equal(t, 1, good)

	g = newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 1, Messages: 2}, g.takes(made{r}, importer.Options{Messages: 7}))
	assert.Equal(t, 2, len(g.said("square"))-1, "the latest, beside the subject")
	assert.Contains(t, g.lines, "square: messages left out: 4 (the oldest of too many in one room)")
}

// A room without an archive has a subject all the same, with the nick of who set it.
func TestImportSubject(t *testing.T) {
	for _, c := range []struct {
		subject importer.Subject
		archive importer.Archive
		want    string
	}{
		{importer.Subject{Text: "Peace", Nick: "Prince"}, importer.Archive{}, "Peace Prince"},
		{importer.Subject{Text: "Peace", Nick: " "}, importer.Archive{}, "Peace "},
		{importer.Subject{Text: "Peace", Nick: "Prince"}, archiveOf(message{nick: "Prince", body: "Peace", subject: true}), "Peace Prince"},
		{importer.Subject{}, archiveOf(message{nick: "Prince", body: "Peace", subject: true}), " "},
		{importer.Subject{Text: "Peace", Nick: "Prince", At: hourAgo}, archiveOf(message{second: 5, nick: "Tybalt", body: "War", subject: true}), "Peace Prince"},
		{importer.Subject{Text: "Peace", At: time.Now().Add(time.Hour)}, importer.Archive{}, "Peace "},
		{importer.Subject{Text: strings.Repeat("x", 5000)}, importer.Archive{}, " "},
	} {
		for _, conf := range []muc.RoomConfig{{Persistent: true}, {Persistent: true, NoArchive: true}} {
			r := verona("square")
			r.Config, r.Subject, r.Archive = conf, c.subject, c.archive
			g := newTarget(t)
			g.takes(made{r}, importer.Options{})
			subject, nick := g.room("square").Subject()
			if conf.NoArchive && c.subject.Text == "" {
				c.want = " "
			}
			assert.Equal(t, c.want, subject+" "+nick, c)
			if len(c.archive.Entries) > 0 && conf.NoArchive {
				assert.Contains(t, g.lines, "square: messages left out: 1 (the archive of the room is switched off)")
			}
		}
	}
	g := newTarget(t)
	r := verona("square")
	r.Subject = importer.Subject{Text: "Peace", At: hourAgo.Add(-time.Hour)}
	r.Archive = archiveOf(message{nick: "Tybalt", body: "What, drawn?"})
	g.takes(made{r}, importer.Options{})
	assert.Contains(t, g.said("square")[0], hourAgo.Add(-time.Hour).UTC().Format("15:04:05.000"), "it was set before all that is archived")

	g = newTarget(t)
	g.config.Room.Archive = false
	r = verona("square")
	r.Archive = archiveOf(message{body: "one"}, message{body: "two"})
	assert.Equal(t, importer.Result{Rooms: 1}, g.takes(made{r}, importer.Options{}))
	assert.Contains(t, g.lines, "square: messages left out: 2 (no archive is kept)")
}

// People whom the room does not take are named, and the others are there.
func TestImportPeople(t *testing.T) {
	r := verona("square")
	r.Affiliations = []importer.Affiliation{
		{JID: "romeo@montague.example", Affiliation: muc.Member, Nick: "Romeo"},
		{JID: "benvolio@montague.example", Affiliation: muc.Member, Nick: "ROMEO", Reason: "a friend"},
		{JID: "tybalt@capulet.example", Affiliation: muc.Outcast, Nick: "Tybalt", Reason: strings.Repeat("x", 2000)},
		{JID: "tybalt@CAPULET.example", Affiliation: muc.Admin},
		{JID: "pirates.example", Affiliation: muc.Outcast, Reason: "spam"},
		{JID: "@", Affiliation: muc.Member},
		{JID: "romeo@montague.example/x", Affiliation: muc.Admin},
		{JID: "nurse@capulet.example", Affiliation: 99},
		{JID: "verona.example", Affiliation: muc.Owner},
		{JID: "prince@verona.example", Affiliation: muc.Owner, Nick: "Prince"},
	}
	r.VCard = etree.NewElement("vCard")
	r.Left = []string{"an option", "an option"}
	g := newTarget(t)
	g.takes(made{r}, importer.Options{})
	assert.Equal(t, map[string]string{"prince@verona.example": "owner Prince", "romeo@montague.example": "admin", "benvolio@montague.example": "member ROMEO",
		"tybalt@capulet.example": "outcast", "pirates.example": "outcast", "verona.example": "owner"}, people(g.room("square")))
	assert.Equal(t, muc.MustParseJID("prince@verona.example"), g.room("square").Creator())
	assert.Equal(t, []string{
		"square: an option (2 times)",
		"square: why tybalt@capulet.example is outcast: A text is too long or no text.",
		"square: nurse@capulet.example as affiliation(99): There is no such affiliation.",
		"square: tybalt@capulet.example as admin: the address has another affiliation too",
		"square: romeo@montague.example as member: the address has another affiliation too",
		`square: "@" as member: that is no address`,
		"square: its avatar: muc: not a stanza",
		": something of all rooms",
	}, g.lines)
}

// Rooms that cannot be taken over are left out, one line each, and the others are there.
func TestImportLeavesRooms(t *testing.T) {
	change := func(name string, f func(*importer.Room)) *importer.Room {
		r := verona(name)
		f(r)
		return r
	}
	ownerless := func(r *importer.Room) {
		r.Affiliations = []importer.Affiliation{{JID: "@", Affiliation: muc.Owner}, {JID: "verona.example", Affiliation: muc.Owner}}
	}
	all := made{
		change("torn", func(r *importer.Room) { r.Unfit = "it is torn"; r.Left = []string{"an option"} }),
		verona("@"), verona(""), verona("square/x"), verona("square"), verona("SQUARE"),
		change("tavern", func(r *importer.Room) { r.Config.Persistent = false }),
		change("orphan", ownerless),
		change("vault", func(r *importer.Room) { r.Config.Password = strings.Repeat("x", 300) }),
		change("wordy", func(r *importer.Room) {
			r.Config.Name, r.Config.Description, r.Config.Lang = strings.Repeat("x", 300), strings.Repeat("x", 5000), "en"
		}),
		change("noisy", func(r *importer.Room) { r.Config.Name, r.Config.Description, r.Config.Lang = "\x00", "fine", "\xff" }),
	}
	g := newTarget(t)
	assert.Equal(t, importer.Result{Rooms: 3, Left: 8}, g.takes(all, importer.Options{}))
	assert.Equal(t, []string{
		"torn: the room is left out: it is torn",
		`: the room is left out: "@" is no name of a room`,
		`: the room is left out: "" is no name of a room`,
		`: the room is left out: "square/x" is no name of a room`,
		"square: the room is left out: there is another one of the same address",
		"tavern: the room is left out: it is temporary: it ends when nobody is inside",
		"orphan: the room is left out: it has no owner: say who owns such rooms",
		"vault: the room is left out: The field “Password” is too long.",
		"wordy: its name: The field “Name of the room” is too long.",
		"wordy: its description: The field “Description of the room” is too long.",
		"noisy: its name: A text is too long or no text.",
		"noisy: its language: A text is too long or no text.",
		": something of all rooms",
	}, g.lines)
	assert.Equal(t, "fine", g.room("noisy").RoomConfig().Description)

	g = newTarget(t)
	escalus := muc.MustParseJID("escalus@verona.example/x")
	assert.Equal(t, importer.Result{Rooms: 1}, g.takes(made{change("orphan", ownerless)}, importer.Options{Owner: escalus}))
	assert.Equal(t, escalus.Bare(), g.room("orphan").Creator())
}

// A room that is there already is not touched, unless it is to be replaced, with all that it was.
func TestImportExisting(t *testing.T) {
	g := newTarget(t)
	first := verona("square")
	first.Archive = archiveOf(message{nick: "Prince", id: "a", body: "old"})
	g.takes(made{first}, importer.Options{})
	second := verona("square")
	second.Config.Name = "The square"
	second.Archive = archiveOf(message{nick: "Prince", id: "a", body: "new"})
	_, err := g.imports(made{second}, importer.Options{})
	assert.ErrorIs(t, err, importer.ErrExists)
	assert.ErrorContains(t, err, "square@rooms.example: there is or was such a room in the store already")
	assert.Equal(t, importer.Result{Left: 1}, g.takes(made{second}, importer.Options{Existing: importer.SkipExisting}))
	assert.Equal(t, "Verona", g.room("square").RoomConfig().Name)
	assert.Equal(t, importer.Result{Rooms: 1, Messages: 1}, g.takes(made{second}, importer.Options{Existing: importer.ReplaceExisting}))
	assert.Equal(t, "The square", g.room("square").RoomConfig().Name)
	require.Len(t, g.said("square"), 1)
	assert.Contains(t, g.said("square")[0], "new")

	second.Config.Password = strings.Repeat("x", 20000)
	assert.Equal(t, importer.Result{Left: 1}, g.takes(made{second}, importer.Options{Existing: importer.ReplaceExisting}))
	assert.Equal(t, "The square", g.room("square").RoomConfig().Name, "what cannot be made replaces nothing")
	require.Len(t, g.said("square"), 1)
}

func TestImportFails(t *testing.T) {
	g := newTarget(t)
	_, err := g.imports(made{verona("square"), nil, verona("street")}, importer.Options{})
	assert.ErrorContains(t, err, "the source is gone")
	g.fails = errors.New("the disk is full")
	_, err = g.imports(made{verona("church")}, importer.Options{})
	assert.ErrorIs(t, err, g.fails)
	r := verona("friary")
	r.Archive = archiveOf(make([]message, 300)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = importer.Import(ctx, g.config, made{r}, importer.Options{})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = importer.Import(t.Context(), service.Config{}, made{}, importer.Options{})
	assert.ErrorIs(t, err, service.ErrConfig)
}

// What is said about a room has an end.
func TestImportLines(t *testing.T) {
	r := verona("square")
	for i := range 150 {
		r.Affiliations = append(r.Affiliations, importer.Affiliation{JID: fmt.Sprintf("@%d", i), Affiliation: muc.Member})
	}
	g := newTarget(t)
	g.takes(made{r}, importer.Options{})
	assert.Len(t, g.lines, 102)
	assert.Equal(t, "square: and 50 more lines like these", g.lines[100])

	r = verona("square")
	r.Left = []string{strings.Repeat("ä", 1_000_000)}
	g = newTarget(t)
	g.takes(made{r}, importer.Options{})
	assert.Equal(t, "square: "+strings.Repeat("ä", 500)+"…", g.lines[0])
}
