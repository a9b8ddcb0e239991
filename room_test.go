package muc_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
	"github.com/gomuc/muc/stanza"
)

// A room that cannot be is refused at once.
func TestConfigIsChecked(t *testing.T) {
	good := muc.Config{Room: muc.MustParseJID("coven@chat.shakespeare.lit"), Secret: []byte("a secret of sixteen bytes or more")}
	for name, spoil := range map[string]func(*muc.Config){
		"no room":          func(c *muc.Config) { c.Room = muc.JID{} },
		"a full JID":       func(c *muc.Config) { c.Room = muc.MustParseJID("coven@chat.shakespeare.lit/x") },
		"a domain":         func(c *muc.Config) { c.Room = muc.MustParseJID("chat.shakespeare.lit") },
		"no secret":        func(c *muc.Config) { c.Secret = nil },
		"too short secret": func(c *muc.Config) { c.Secret = []byte("fifteen letters") },
	} {
		bad := good
		spoil(&bad)
		_, err := muc.New(bad)
		assert.ErrorIs(t, err, muc.ErrConfig, name)
		_, err = muc.Restore(bad, nil, nil)
		assert.ErrorIs(t, err, muc.ErrConfig, name)
	}
	_, err := muc.New(good)
	assert.NoError(t, err)
	_, err = muc.NewTemplate(good)
	assert.ErrorIs(t, err, muc.ErrConfig, "many rooms at one address")
}

// Rooms of one template are rooms of their own, like those that New makes.
func TestRoomsOfATemplate(t *testing.T) {
	cfg := muc.Config{Secret: []byte("a secret of sixteen bytes or more"), Instant: true}
	template, err := muc.NewTemplate(cfg)
	require.NoError(t, err)
	for _, name := range []string{"coven@chat.shakespeare.lit", "cellar@chat.shakespeare.lit"} {
		cfg.Room = muc.MustParseJID(name)
		lone, err := muc.New(cfg)
		require.NoError(t, err)
		room, err := template.New(cfg.Room)
		require.NoError(t, err)
		create := muc.Create{Owner: crone.Bare(), Config: muc.RoomConfig{Name: name}}
		fx, err := room.Do(benchTime, create)
		require.NoError(t, err)
		_, err = lone.Do(benchTime, create)
		require.NoError(t, err)
		assert.Equal(t, lone.Snapshot(muc.Live), room.Snapshot(muc.Live))
		again, err := template.Restore(cfg.Room, nil, slices.Collect(fx.Events()))
		require.NoError(t, err)
		assert.Equal(t, name, again.RoomConfig().Name)
		_, err = template.Restore(muc.MustParseJID("attic@chat.shakespeare.lit"), room.Snapshot(muc.Durable), nil)
		assert.ErrorIs(t, err, muc.ErrOtherRoom)
	}
}

// The host's fault is a Go error, and the room has not changed.
func TestHostsFaults(t *testing.T) {
	h := open(t, muc.Config{})
	was := h.Snapshot(muc.Live)
	for _, c := range []struct {
		name, stanza string
		want         error
	}{
		{"nil", "", muc.ErrNilStanza},
		{"no stanza", `<stream to='coven@chat.shakespeare.lit'/>`, muc.ErrNotStanza},
		{"a message of another protocol", `<message xmlns='urn:example' to='coven@chat.shakespeare.lit'/>`, muc.ErrNotStanza},
		{"a prefix that stands for nothing", `<x:message to='coven@chat.shakespeare.lit'/>`, muc.ErrNotStanza},
		{"another room", `<message to='cave@chat.shakespeare.lit' from='crone@shakespeare.lit/desktop'/>`, muc.ErrNotForRoom},
		{"no from", `<message type='groupchat' to='coven@chat.shakespeare.lit'><body>boo</body></message>`, muc.ErrNoFrom},
		{"an empty from", `<message type='groupchat' from='' to='coven@chat.shakespeare.lit'><body>boo</body></message>`, muc.ErrNoFrom},
		{"no address", `<message from='crone@shakespeare.lit/desktop'/>`, muc.ErrNotForRoom},
		{"no address at all", `<message to='@' from='crone@shakespeare.lit/desktop'/>`, muc.ErrNotForRoom},
	} {
		var el *etree.Element
		if c.stanza != "" {
			el = parse(c.stanza)
		}
		fx, err := h.Room.Handle(h.Now, el)
		assert.ErrorIs(t, err, c.want, c.name)
		assert.Empty(t, fx.Outbound, c.name)
	}
	h.Refuses(muc.ErrNotFound, muc.Answer{ID: "never asked"})
	assert.Equal(t, string(was), string(h.Snapshot(muc.Live)))
}

// A stanza of any shape is answered or passed over; an element of any depth is
// safe to look at.
func TestShapelessStanzas(t *testing.T) {
	const head = `from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'`
	deep := parse(`<message type='groupchat' ` + head + `/>`)
	for i, el := 0, deep; i < 1_000_000; i++ {
		el = el.CreateElement("x")
	}
	wide := parse(`<message type='groupchat' ` + head + `/>`)
	for range 100_000 {
		wide.CreateElement("x")
	}
	for _, c := range []struct {
		name   string
		stanza *etree.Element
		want   stanza.Condition // empty for silence
	}{
		{"too deep", deep, stanza.PolicyViolation},
		{"too wide", wide, stanza.PolicyViolation},
		{"too large", parse(`<message type='groupchat' ` + head + `><body>` + strings.Repeat("x", 70_000) + `</body></message>`), stanza.PolicyViolation},
		{"bad from", parse(`<message type='groupchat' from='@' to='coven@chat.shakespeare.lit'/>`), ""},
		{"unknown presence", parse(`<presence type='perhaps' ` + head + `/>`), stanza.BadRequest},
		{"unknown iq", parse(`<iq type='perhaps' id='1' ` + head + `/>`), stanza.BadRequest},
		{"iq without id", parse(`<iq type='get' ` + head + `><ping xmlns='urn:xmpp:ping'/></iq>`), stanza.BadRequest},
		{"iq without child", parse(`<iq type='get' id='1' ` + head + `/>`), stanza.BadRequest},
		{"iq with two children", parse(`<iq type='get' id='1' ` + head + `><a/><b/></iq>`), stanza.BadRequest},
		{"unknown payload", parse(`<iq type='set' id='1' ` + head + `><a xmlns='urn:example'/></iq>`), stanza.ServiceUnavailable},
		{"an error to nobody", parse(`<iq type='error' id='1' ` + head + `/>`), ""},
		{"a result to nobody", parse(`<iq type='result' id='1' ` + head + `/>`), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, muc.Config{})
			was := h.Snapshot(muc.Live)
			fx, err := h.Room.Handle(h.Now, c.stanza)
			require.NoError(t, err)
			assert.Empty(t, slices.Collect(fx.Events()))
			assert.Equal(t, string(was), string(h.Snapshot(muc.Live)))
			if c.want == "" {
				assert.Empty(t, fx.Outbound)
				return
			}
			require.Len(t, fx.Outbound, 1)
			assert.Equal(t, c.want, fx.Refused.Condition)
			answer := fx.Outbound[0].Stanza()
			assert.Equal(t, "error", answer.SelectAttrValue("type", ""))
			assert.NotNil(t, answer.FindElement("error/"+string(c.want)))
		})
	}
}

// A room neither changes the element that it was given nor looks at it later.
func TestElementIsTheHosts(t *testing.T) {
	h := open(t, muc.Config{})
	el := parse(`<message type='groupchat' id='m' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>
		<body>Double, double</body><stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.lit' id='forged'/></message>`)
	doc := etree.NewDocumentWithRoot(el)
	was, err := doc.WriteToString()
	require.NoError(t, err)
	fx, err := h.Room.Handle(h.Now, el)
	require.NoError(t, err)
	is, err := doc.WriteToString()
	require.NoError(t, err)
	assert.Equal(t, was, is)

	said := xmlOf(fx.Outbound[0])
	el.SelectElement("body").SetText("toil and trouble")
	assert.Equal(t, said, xmlOf(fx.Outbound[0]))
}

// What a call returned never changes, whatever happens in the room afterwards.
func TestEffectsMayBeKept(t *testing.T) {
	h := open(t, muc.Config{})
	for i := range 12 {
		h.Client(fmt.Sprintf("witch%d@shakespeare.lit/x", i)).Joins(fmt.Sprintf("Witch %d", i))
	}
	var kept []muc.Effects
	var was []string
	keep := func(fx muc.Effects) {
		kept, was = append(kept, fx), append(was, describe(fx))
	}
	keep(h.Client("crone@shakespeare.lit/desktop").Says("Double, double"))
	keep(h.Client("witch5@shakespeare.lit/y").Joins("Witch 5"))
	keep(h.Do(muc.SetRole{Nick: "Witch 3", Role: muc.Moderator}))
	keep(h.Do(muc.Kick{Nick: "Witch 0"}))
	keep(h.Handle(`<presence from='witch7@shakespeare.lit/x' to='coven@chat.shakespeare.lit/Seven'/>`))
	keep(h.Handle(`<presence from='witch8@shakespeare.lit/x' to='coven@chat.shakespeare.lit/Witch 8'><show>away</show></presence>`))
	keep(h.Client("witch9@shakespeare.lit/x").Leaves())
	for i := range 12 {
		h.Client(fmt.Sprintf("late%d@shakespeare.lit/x", i)).Joins(fmt.Sprintf("Late %d", i))
	}
	h.Do(muc.Destroy{})
	for i, fx := range kept {
		assert.Equal(t, was[i], describe(fx), "step %d", i)
	}
}

// Time is the host's, but never runs backwards inside, and is UTC to the
// millisecond.
func TestTimeRunsForward(t *testing.T) {
	h := open(t, muc.Config{})
	late := time.Date(2031, 5, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 7200))
	h.Now = late
	fx := h.Client("crone@shakespeare.lit/desktop").Says("late")
	assert.Equal(t, late.UTC().Truncate(time.Millisecond), slices.Collect(fx.Events())[0].Time)
	h.Now = late.Add(-time.Hour)
	again := h.Client("crone@shakespeare.lit/desktop").Says("early")
	assert.Equal(t, slices.Collect(fx.Events())[0].Time, again.Durable[0].Time)
}

// A message to ten thousand people is one payload and two lists, and writing it
// for one of them copies nothing but its bytes.
func TestFanOut(t *testing.T) {
	const people = 10_000
	h := open(t, muc.Config{})
	for i := 1; i < people; i++ {
		stanza := parse(fmt.Sprintf(`<presence from='witch%d@shakespeare.lit/x' to='coven@chat.shakespeare.lit/Witch %d'>
			<x xmlns='http://jabber.org/protocol/muc'/></presence>`, i, i))
		fx, err := h.Room.Handle(h.Now, stanza)
		require.NoError(t, err)
		require.Nil(t, fx.Refused)
	}
	message := parse(`<message type='groupchat' id='m' from='witch7@shakespeare.lit/x' to='coven@chat.shakespeare.lit'>
		<body>When shall we three meet again?</body></message>`)
	fx, err := h.Room.Handle(h.Now, message)
	require.NoError(t, err)
	require.LessOrEqual(t, len(fx.Outbound), 3)
	recipients := 0
	for _, out := range fx.Outbound {
		recipients += len(out.To())
	}
	assert.Equal(t, people, recipients)

	handle := testing.AllocsPerRun(20, func() { _, _ = h.Room.Handle(h.Now, message) })
	assert.LessOrEqual(t, handle, 16.0, "allocations of a message to everybody")
	buffer := make([]byte, 0, 4096)
	write := testing.AllocsPerRun(10, func() {
		for _, out := range fx.Outbound {
			for _, to := range out.To() {
				buffer = out.AppendXML(buffer[:0], to, "")
			}
		}
	})
	assert.Zero(t, write, "allocations of writing it for everybody")
}

// The same calls give the same bytes: stanzas, events, snapshots. One script is
// played 50 times, one of each chapter twice.
// rows: L15
func TestSameCallsSameBytes(t *testing.T) {
	play := func(name string) string {
		script, err := scansion.ParseFile(name)
		require.NoError(t, err)
		var trace strings.Builder
		require.NoError(t, scansion.Play(script, scansion.Options{Trace: &trace}))
		return trace.String()
	}
	const often = "testdata/07-02-entering/7.2.2-order-of-entering.scs"
	first := play(often)
	for range 49 {
		require.Equal(t, first, play(often))
	}
	names, err := scansion.Files("testdata")
	require.NoError(t, err)
	chapter := ""
	for _, name := range names {
		if filepath.Dir(name) != chapter {
			chapter = filepath.Dir(name)
			assert.Equal(t, play(name), play(name))
		}
	}
	require.NotEmpty(t, chapter)
}

// A room only moves forward in its life: unborn, locked, open, destroyed.
func TestLife(t *testing.T) {
	h := unborn(t, muc.Config{})
	assert.Equal(t, muc.Unborn, h.State())
	h.Refuses(muc.ErrNotOpen, muc.Kick{Nick: "nobody"})
	assert.Zero(t, h.Deadline())

	h.Handle(`<presence from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	assert.Equal(t, muc.Unborn, h.State(), "a refused creator leaves nothing behind")
	h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch")
	assert.Equal(t, muc.Locked, h.State())
	assert.False(t, h.Idle())
	h.Handle(configSubmit("c"))
	assert.Equal(t, muc.Open, h.State())
	h.Client("crone@shakespeare.lit/desktop").Leaves()
	assert.Equal(t, muc.Destroyed, h.State(), "it was temporary")
	assert.True(t, h.Idle())
	assert.Zero(t, h.Deadline())
	h.Refuses(muc.ErrNotOpen, muc.Say{Body: "anybody there?"})
	assert.Empty(t, slices.Collect(h.Tick().Events()))
}
