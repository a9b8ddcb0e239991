package muc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/internal/splice"
)

// crowd is a room in which there are enough people for it to keep their presences.
type crowd struct {
	t    *testing.T
	room *Room
	kept int // presences that were compared
}

func (c *crowd) handle(format string, args ...any) {
	doc := etree.NewDocument()
	require.NoError(c.t, doc.ReadFromString(fmt.Sprintf(format, args...)))
	_, err := c.room.Handle(time.Time{}, doc.Root())
	require.NoError(c.t, err)
}

func (c *crowd) do(cmd Command) { _, _ = c.room.Do(time.Time{}, cmd) } // some are refused

// step is something that changes how people are seen.
func (c *crowd) step(random *rand.Rand) {
	who, nick := random.IntN(14), random.IntN(14)
	device := random.IntN(3)
	conf := c.room.RoomConfig()
	switch random.IntN(12) {
	case 0, 1:
		c.handle(`<presence from='u%d@d%d.example/%d' to='r@muc.example/n%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, who, who%3, device, nick)
	case 2, 3:
		c.handle(`<presence from='u%d@d%d.example/%d' to='r@muc.example/n%d'><status>%d</status></presence>`, who, who%3, device, nick, device)
	case 4:
		c.handle(`<presence type='unavailable' from='u%d@d%d.example/%d' to='r@muc.example/n%d'/>`, who, who%3, device, nick)
	case 5:
		c.do(SetRole{Nick: fmt.Sprintf("n%d", nick), Role: Visitor + Role(random.IntN(3)), Reason: "why not"})
	case 6:
		c.do(affiliate(MustParseJID(fmt.Sprintf("u%d@d%d.example", who, who%3)), Affiliation(random.IntN(3))))
	case 7:
		c.do(affiliate(MustParseJID(fmt.Sprintf("d%d.example", who%3)), Affiliation(random.IntN(2))))
	case 8:
		conf.NoVisitorStatus, conf.Whois = random.IntN(2) == 0, Whois(random.IntN(2))
		c.do(Reset{Config: conf})
	case 9:
		c.do(AssignHat{JID: MustParseJID(fmt.Sprintf("u%d@d%d.example", who, who%3)), URI: fmt.Sprintf("urn:hat:%d", nick%4)})
	case 10:
		c.do(UnassignHat{JID: MustParseJID(fmt.Sprintf("u%d@d%d.example", who, who%3)), URI: fmt.Sprintf("urn:hat:%d", nick%4)})
	case 11:
		c.do(CreateHat{URI: fmt.Sprintf("urn:hat:%d", nick%4), Title: fmt.Sprintf("Hat %d", device)})
		if device == 0 {
			c.do(DestroyHat{URI: fmt.Sprintf("urn:hat:%d", nick%4)})
		}
	}
}

// check compares what is kept to what would be made now: the recipient lists, and the
// presences as each kind of reader gets them.
func (c *crowd) check() {
	var lists audience
	lists.refresh(&c.room.st)
	kept := c.room.audience()
	for _, l := range [][2]*roster{{&lists.moderators, &kept.moderators}, {&lists.others, &kept.others}} {
		require.True(c.t, slices.Equal(l[0].to, l[1].to))
		require.True(c.t, slices.Equal(l[0].owner, l[1].owner))
	}
	for _, o := range c.room.st.Occupants() {
		kept := o.PresenceBytes()
		if kept == nil {
			continue
		}
		c.kept++
		p := c.room.presenceOf(o)
		fresh := c.room.renderPresence(&p)
		for _, v := range []splice.View{splice.None, splice.All, splice.Self} {
			for _, x := range []*splice.Extra{nil, {ID: "i", Tail: statuses(statusSelf)}} {
				want := string(fresh.AppendXML(nil, o.FrontJID(), x, v, ""))
				require.Equal(c.t, want, string(kept.AppendXML(nil, o.FrontJID(), x, v, "")))
				require.Equal(c.t, v != splice.None, len(want) > len(fresh.AppendXML(nil, o.FrontJID(), x, splice.None, "")))
			}
		}
	}
}

// Whatever happens to people, what is kept of them is what they are.
func TestCachesOfPeople(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	room, err := New(Config{Room: MustParseJID("r@muc.example"), Secret: []byte("a secret of sixteen bytes or more"), Instant: true})
	require.NoError(t, err)
	c := &crowd{t: t, room: room}
	c.do(Create{Owner: MustParseJID("host@example"), Config: RoomConfig{Persistent: true}})
	for range 3000 {
		c.step(random)
		c.check()
	}
	assert.Greater(t, c.kept, 1000)
}

// affiliate is the command for any affiliation, also none.
func affiliate(who JID, a Affiliation) Command {
	if a == AffiliationNone {
		return RemoveAffiliation{JID: who}
	}
	return SetAffiliation{JID: who, Affiliation: a}
}
