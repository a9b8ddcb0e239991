package muc_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// What a room says it holds is about what it holds, whatever people filled it with.
func TestSize(t *testing.T) {
	join := func(r *muc.Room, room muc.JID, i int, payload string) {
		say(t, r, `<presence from='p%d@shakespeare.lit/pda' to='%s/nick%d'><x xmlns='http://jabber.org/protocol/muc'/>%s</presence>`,
			i, room, i, payload)
	}
	own := func(i int) string { return fmt.Sprintf("someone%d@%s.example", i, strings.Repeat("long", 10)) }
	for name, c := range map[string]struct {
		rooms int
		fill  func(r *muc.Room, room muc.JID)
	}{
		"nobody inside": {300, func(r *muc.Room, _ muc.JID) { do(t, r, muc.Create{Owner: muc.MustParseJID("p0@shakespeare.lit")}) }},
		"one inside":    {300, func(r *muc.Room, room muc.JID) { join(r, room, 0, "") }},
		"a few inside":  {100, func(r *muc.Room, room muc.JID) { each(5, func(i int) { join(r, room, i, "") }) }},
		"many inside":   {1, func(r *muc.Room, room muc.JID) { each(2000, func(i int) { join(r, room, i, "") }) }},
		"large presence": {2, func(r *muc.Room, room muc.JID) {
			each(100, func(i int) { join(r, room, i, "<x xmlns='x'>"+strings.Repeat("word ", 1500)+"</x>") })
		}},
		"messages": {10, func(r *muc.Room, room muc.JID) {
			join(r, room, 0, "")
			each(100, func(i int) {
				say(t, r, `<message from='p0@shakespeare.lit/pda' to='%s' type='groupchat' id='m%d'><body>what people say, %d</body></message>`, room, i, i)
			})
		}},
		"long messages": {2, func(r *muc.Room, room muc.JID) {
			join(r, room, 0, "")
			each(100, func(i int) {
				say(t, r, `<message from='p0@shakespeare.lit/pda' to='%s' type='groupchat' id='m%d'><body>%s</body></message>`, room, i, strings.Repeat("word ", 1000))
			})
		}},
		"affiliations": {2, func(r *muc.Room, _ muc.JID) {
			do(t, r, muc.Create{Owner: muc.MustParseJID("p0@shakespeare.lit")})
			each(3000, func(i int) { do(t, r, muc.SetAffiliation{JID: muc.MustParseJID(own(i)), Affiliation: muc.Member}) })
		}},
		"hats": {2, func(r *muc.Room, _ muc.JID) {
			do(t, r, muc.Create{Owner: muc.MustParseJID("p0@shakespeare.lit")})
			each(10, func(i int) {
				do(t, r, muc.CreateHat{URI: fmt.Sprintf("urn:hat:%d", i), Title: strings.Repeat("Hat ", 100)})
			})
			each(1000, func(i int) { do(t, r, muc.AssignHat{JID: muc.MustParseJID(own(i)), URI: "urn:hat:1"}) })
			each(1000, func(i int) { do(t, r, muc.AssignHat{JID: muc.MustParseJID(own(i)), URI: "urn:hat:2"}) })
		}},
		"bans with reasons": {2, func(r *muc.Room, _ muc.JID) {
			do(t, r, muc.Create{Owner: muc.MustParseJID("p0@shakespeare.lit")})
			each(1000, func(i int) {
				do(t, r, muc.SetAffiliation{JID: muc.MustParseJID(own(i)), Affiliation: muc.Outcast, Reason: strings.Repeat("because ", 50)})
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rooms := make([]*muc.Room, c.rooms)
			template, err := muc.NewTemplate(muc.Config{Secret: []byte("a secret of sixteen bytes or more"), Instant: true})
			require.NoError(t, err)
			before := heap()
			for i := range rooms {
				room := muc.MustParseJID(fmt.Sprintf("room%d@chat.shakespeare.lit", i))
				rooms[i], err = template.New(room)
				require.NoError(t, err)
				c.fill(rooms[i], room)
			}
			real := int(heap()-before) / c.rooms
			estimate := rooms[0].Size()
			t.Logf("estimated %d, real %d", estimate, real)
			assert.GreaterOrEqual(t, estimate*10, real*6, "estimated %d, real %d", estimate, real)
			assert.LessOrEqual(t, estimate*10, real*20, "estimated %d, real %d", estimate, real)
			shot := rooms[0].Snapshot(muc.Live)
			moved, err := template.Restore(muc.MustParseJID("room0@chat.shakespeare.lit"), shot, nil)
			require.NoError(t, err)
			assert.InEpsilon(t, estimate, moved.Size(), 0.5, "moved: without what is kept to be sent again")
			runtime.KeepAlive(rooms)
		})
	}
}

// Who is forgotten is forgotten here too.
func TestSizeShrinks(t *testing.T) {
	template, err := muc.NewTemplate(muc.Config{Secret: []byte("a secret of sixteen bytes or more"), Instant: true})
	require.NoError(t, err)
	r, err := template.New(muc.MustParseJID("room@chat.shakespeare.lit"))
	require.NoError(t, err)
	do(t, r, muc.Create{Owner: muc.MustParseJID("p0@shakespeare.lit")})
	before := r.Size()
	change := func(aff muc.Affiliation, reason string) {
		each(100, func(i int) {
			do(t, r, affiliated(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("p%d@example.org", i)), Affiliation: aff, Reason: reason}))
		})
	}
	change(muc.Outcast, "a reason")
	banned := r.Size()
	change(muc.Outcast, "another, longer reason")
	assert.Equal(t, banned+100*14, r.Size())
	change(muc.AffiliationNone, "")
	assert.Equal(t, before, r.Size())
}

func each(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

func do(t *testing.T, r *muc.Room, cmd muc.Command) {
	t.Helper()
	_, err := r.Do(time.Unix(1e9, 0), cmd)
	require.NoError(t, err)
}

func say(t *testing.T, r *muc.Room, format string, args ...any) {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(fmt.Sprintf(format, args...)))
	fx, err := r.Handle(time.Unix(1e9, 0), doc.Root())
	require.NoError(t, err)
	require.Nil(t, fx.Refused)
}
