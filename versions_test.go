package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// Versions of the lists of affiliations (XEP-0463), where scripts do not reach.

const (
	listRoom  = "cellar@chat.example"
	listOwner = "romeo@montague.example"
	mavNS     = "urn:xmpp:muc:affiliations:1"
)

// listTest is a room whose lists members may read, and its log.
type listTest struct {
	t    *testing.T
	cfg  muc.Config
	room *muc.Room
	log  []event.Event
}

func newListTest(t *testing.T, limits muc.Limits, members int) *listTest {
	l := &listTest{t: t, cfg: muc.Config{Room: muc.MustParseJID(listRoom), Secret: []byte("a secret of sixteen bytes or more"), Limits: limits}}
	var err error
	l.room, err = muc.New(l.cfg)
	require.NoError(t, err)
	l.do(muc.Create{Owner: muc.MustParseJID(listOwner), Config: muc.RoomConfig{Persistent: true, MembersOnly: true, Whois: muc.WhoisAnyone}})
	for i := range members {
		l.affiliate(fmt.Sprintf("m%d@capulet.example", i), muc.Member)
	}
	return l
}

func (l *listTest) take(fx muc.Effects, err error) muc.Effects {
	l.t.Helper()
	require.NoError(l.t, err)
	require.Nil(l.t, fx.Refused)
	l.log = append(l.log, fx.Durable...)
	return fx
}

func (l *listTest) do(cmd muc.Command) muc.Effects {
	l.t.Helper()
	return l.take(l.room.Do(time.Unix(1e9, 0), cmd))
}

func (l *listTest) affiliate(who string, aff muc.Affiliation) muc.Effects {
	l.t.Helper()
	if aff == muc.AffiliationNone {
		return l.do(muc.RemoveAffiliation{JID: muc.MustParseJID(who)})
	}
	return l.do(muc.SetAffiliation{JID: muc.MustParseJID(who), Affiliation: aff})
}

// told is what a client is told of the lists.
type told struct {
	items        []string // "jid affiliation", in their order
	since, until []string // of all stanzas that name versions
	whole        bool     // the first one leads from no version
	bytes        int      // of all that it got
	largest      int
	beforeOthers bool // no presence came before a message of these
	refused      bool
}

// read reads what an address gets.
func (l *listTest) read(fx muc.Effects, who string) (x told) {
	l.t.Helper()
	presences := 0
	for to, xml := range fx.Deliveries("") {
		if to.String() != who {
			continue
		}
		x.bytes += len(xml)
		x.largest = max(x.largest, len(xml))
		doc := etree.NewDocument()
		require.NoError(l.t, doc.ReadFromBytes(xml))
		el := doc.Root()
		if el.Tag == "presence" {
			presences++
		}
		if el.SelectAttrValue("type", "") == "error" {
			x.refused = true
		}
		user := el.SelectElement("x")
		if user == nil || user.SelectElement("mav") == nil {
			continue
		}
		mav := user.SelectElement("mav")
		since := mav.SelectAttrValue("since", "")
		if len(x.until) == 0 {
			x.whole, x.beforeOthers = since == "", presences == 0
		}
		x.since, x.until = append(x.since, since), append(x.until, mav.SelectAttrValue("until", ""))
		if el.Tag == "message" {
			for _, it := range user.SelectElements("item") {
				x.items = append(x.items, it.SelectAttrValue("jid", "")+" "+it.SelectAttrValue("affiliation", ""))
			}
		}
	}
	return x
}

// last is the version that it names last.
func (x told) last() string {
	if len(x.until) == 0 {
		return ""
	}
	return x.until[len(x.until)-1]
}

// join has somebody enter who has a version, or, for "", none.
func (l *listTest) join(who, since string) told {
	l.t.Helper()
	if since != "" {
		since = " since='" + since + "'"
	}
	return l.read(l.send(who, "", "<x xmlns='http://jabber.org/protocol/muc'><mav xmlns='"+mavNS+"'"+since+"/></x>"), who)
}

func (l *listTest) leave(who string) { l.send(who, " type='unavailable'", "") }

func (l *listTest) send(who, attrs, payload string) muc.Effects {
	l.t.Helper()
	doc := etree.NewDocument()
	require.NoError(l.t, doc.ReadFromString(fmt.Sprintf("<presence from='%s' to='%s/%s'%s>%s</presence>",
		who, listRoom, strings.NewReplacer("@", "-", "/", "-").Replace(who), attrs, payload)))
	return l.take(l.room.Handle(time.Unix(1e9, 0), doc.Root()))
}

const member = "m0@capulet.example/balcony"

// A restart forgets no version: neither one from a log nor one from a snapshot.
//
// rows: U3
func TestListVersionsSurviveRestarts(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 3)
	first := l.join(member, "")
	require.True(t, first.whole)
	require.True(t, first.beforeOthers)
	require.Len(t, first.items, 4)
	l.leave(member)
	l.affiliate("tybalt@capulet.example", muc.Member)
	l.affiliate("m1@capulet.example", muc.AffiliationNone)
	l.affiliate("m2@capulet.example", muc.Admin)
	want := []string{"tybalt@capulet.example member", "m1@capulet.example none", "m2@capulet.example admin"}
	l.do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Name = "The Cellar" }}) // durable, and no version
	snapshot := l.room.Snapshot(muc.Durable)
	last := ""
	defer func() { assert.Equal(t, last, l.join(member, "").last(), "in the room that goes on") }()
	for name, restore := range map[string]func() (*muc.Room, error){
		"log":      func() (*muc.Room, error) { return muc.Restore(l.cfg, nil, l.log) },
		"snapshot": func() (*muc.Room, error) { return muc.Restore(l.cfg, snapshot, nil) },
		"moved":    func() (*muc.Room, error) { return muc.Restore(l.cfg, l.room.Snapshot(muc.Live), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			room, err := restore()
			require.NoError(t, err)
			again := &listTest{t: t, cfg: l.cfg, room: room}
			x := again.join(member, first.last())
			assert.Equal(t, want, x.items)
			assert.Equal(t, first.last(), x.since[0])
			assert.Equal(t, x.until[0], x.until[1], "in the own presence")
			last = x.last()
			again.leave(member)
			assert.Empty(t, again.join(member, x.last()).items)
			assert.Equal(t, string(snapshot), string(room.Snapshot(muc.Durable)))
		})
	}
}

// A version of an earlier room of the same address is none of this one.
func TestListVersionsOfAnEarlierRoom(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	first := l.join(member, "")
	room, err := muc.New(l.cfg)
	require.NoError(t, err)
	second := &listTest{t: t, cfg: l.cfg, room: room}
	later := func(cmd muc.Command) { second.take(room.Do(time.Unix(2e9, 0), cmd)) }
	later(muc.Create{Owner: muc.MustParseJID(listOwner), Config: muc.RoomConfig{Persistent: true, MembersOnly: true, Whois: muc.WhoisAnyone}})
	for i := range 2 {
		later(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("m%d@capulet.example", i)), Affiliation: muc.Member})
	}
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString("<presence from='"+member+"' to='"+listRoom+"/m'><x xmlns='http://jabber.org/protocol/muc'><mav xmlns='"+mavNS+"' since='"+first.last()+"'/></x></presence>"))
	fx := second.take(room.Handle(time.Unix(2e9, 0), doc.Root()))
	x := second.read(fx, member)
	assert.True(t, x.whole)
	assert.Len(t, x.items, 3)
}

// Nobody makes a version up, and one of other lists is none.
//
// rows: U5
func TestListVersionsAreNotGuessed(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	old := l.join(member, "").last()
	l.affiliate("tybalt@capulet.example", muc.Member)
	number, sign, _ := strings.Cut(old, "-")
	for _, since := range []string{"0", "x", "-", number, number + "-", number + "-" + strings.Repeat("0", len(sign)), "zzzzzzzzzzzzzzzzz-" + sign,
		"+" + old, strings.ToUpper(old), old + "0", "0" + old, strings.Repeat("9", 200)} {
		x := l.join(member, since)
		assert.True(t, x.whole, since)
		assert.Len(t, x.items, 4, since)
	}
	assert.False(t, l.join(member, old).whole)
	// An admin may read who is banned: what the member has lacks that list.
	l.leave(member)
	l.affiliate("paris@capulet.example", muc.Outcast)
	l.affiliate("m0@capulet.example", muc.Admin)
	x := l.join(member, old)
	assert.True(t, x.whole)
	assert.Contains(t, x.items, "paris@capulet.example outcast")
}

// The room remembers so many changes, and who was away for longer gets all.
func TestListChangesAreForgotten(t *testing.T) {
	for _, limit := range []int{3, -1} {
		l := newListTest(t, muc.Limits{ListChanges: limit}, 2)
		var versions []string
		x := l.join(member, "")
		l.leave(member)
		versions = append(versions, x.last())
		for i := range 5 {
			l.affiliate(fmt.Sprintf("n%d@capulet.example", i), muc.Member)
			x = l.join(member, x.last())
			versions = append(versions, x.last())
			l.leave(member)
		}
		for i, v := range versions {
			x := l.join(member, v)
			assert.Equal(t, 5-i > max(limit, 0), x.whole && len(x.items) > 0, "%d of %d", i, limit)
			if !x.whole {
				assert.Len(t, x.items, 5-i)
			}
			l.leave(member)
		}
		assert.LessOrEqual(t, strings.Count(string(l.room.Snapshot(muc.Durable)), `"since"`), max(limit, 0))
	}
}

// Whole lists come in as many messages as it takes, each of which leads to the next.
//
// rows: U3
func TestWholeListsComeInParts(t *testing.T) {
	const members = 3000
	l := newListTest(t, muc.Limits{PageBytes: 8192}, members)
	x := l.join(member, "")
	assert.Len(t, x.items, members+1)
	assert.Len(t, unique(x.items), members+1)
	assert.Greater(t, len(x.until), 10)
	assert.LessOrEqual(t, x.largest, 8192+1024)
	for i := 1; i < len(x.until)-1; i++ {
		assert.Equal(t, x.until[i-1], x.since[i])
	}
	n := len(x.until)
	assert.Equal(t, x.until[n-2], x.until[n-1], "the own presence")
	assert.Len(t, unique(x.until), n-1)
	l.leave(member)
	broken := l.join(member, x.until[3])
	assert.True(t, broken.whole, "a connection that broke in the middle")
}

func unique(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

// To enter again costs what has changed, however many members there are.
//
// rows: U3
func TestReturningCostsWhatHasChanged(t *testing.T) {
	cost := func(members int) (bytes [3]int, pieces float64) {
		l := newListTest(t, muc.Limits{}, members)
		v := l.join(member, "").last()
		l.leave(member)
		same := l.join(member, v)
		bytes[0] = same.bytes
		l.leave(member)
		l.affiliate("tybalt@capulet.example", muc.Member)
		x := l.join(member, v)
		bytes[1] = x.bytes
		l.leave(member)
		in := etree.NewDocument()
		require.NoError(t, in.ReadFromString("<presence from='"+member+"' to='"+listRoom+"/m'><x xmlns='http://jabber.org/protocol/muc'><mav xmlns='"+mavNS+"' since='"+v+"'/></x></presence>"))
		out := etree.NewDocument()
		require.NoError(t, out.ReadFromString("<presence from='"+member+"' to='"+listRoom+"/m' type='unavailable'/>"))
		pieces = testing.AllocsPerRun(20, func() {
			for _, el := range []*etree.Document{in, out} {
				_, err := l.room.Handle(time.Unix(1e9, 0), el.Root())
				require.NoError(t, err)
			}
		})
		bytes[2] = len(l.room.Snapshot(muc.Live))
		return bytes, pieces
	}
	few, fewPieces := cost(10)
	many, manyPieces := cost(10000)
	t.Logf("bytes of the same version, of one change: %d, %d with 10 members, %d, %d with 10000", few[0], few[1], many[0], many[1])
	assert.InDelta(t, few[0], many[0], 20)
	assert.InDelta(t, few[1], many[1], 20)
	assert.Less(t, many[1], 2500)
	assert.InDelta(t, fewPieces, manyPieces, 5)
}

// A change that no presence tells, because the domain or a hidden role covers it, is told by
// a message, and one of a list that is not the reader's as what it is there.
func TestListChangesThatNothingElseTells(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	l.affiliate("verona.example", muc.Member)
	l.affiliate("mercutio@verona.example", muc.Member)
	v := l.join(member, "").last()
	l.join("mercutio@verona.example/square", "")
	next := func(fx muc.Effects, items ...string) {
		t.Helper()
		x := l.read(fx, member)
		assert.Equal(t, items, x.items)
		if assert.Len(t, x.until, 1) {
			assert.Equal(t, v, x.since[0])
			v = x.until[0]
		}
	}
	next(l.affiliate("mercutio@verona.example", muc.AffiliationNone), "mercutio@verona.example none")
	next(l.affiliate("tybalt@capulet.example", muc.Outcast), "m0@capulet.example member")
	// A role that is kept from participants: they may read the list all the same.
	l.do(muc.Configure{Change: func(c *muc.RoomConfig) { c.HiddenRoles = muc.Roles(muc.Participant) }})
	next(l.affiliate("mercutio@verona.example", muc.Member), "mercutio@verona.example member")
	next(l.affiliate("verona.example", muc.AffiliationNone), "verona.example none")
	// Somebody inside who is put out.
	next(l.affiliate("mercutio@verona.example", muc.Outcast), "mercutio@verona.example none")
}

// Who may not read a list any more is told no versions, nor who left.
func TestListVersionsEndWithTheRight(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	l.join(member, "")
	l.join("m1@capulet.example/hall", "")
	l.do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Whois = muc.WhoisModerators }})
	x := l.read(l.affiliate("tybalt@capulet.example", muc.Member), member)
	assert.Empty(t, x.until)
	assert.Zero(t, x.bytes)
	l.do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Whois = muc.WhoisAnyone }})
	l.leave(member)
	assert.Zero(t, l.read(l.affiliate("paris@capulet.example", muc.Member), member).bytes)
	assert.Len(t, l.read(l.affiliate("montague.example", muc.Member), "m1@capulet.example/hall").until, 1)
	assert.True(t, l.join("stranger@montague.example/street", "").whole, "a member by the domain")
	l.do(muc.Kick{Nick: "m1-capulet.example-hall"})
	assert.Zero(t, l.read(l.affiliate("benvolio@montague.example", muc.Member), "m1@capulet.example/hall").bytes)
	l.do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Whois, c.MembersOnly = muc.WhoisModerators, false }})
	x = l.join("nobody@example.org/street", "")
	assert.True(t, x.refused)
	assert.Empty(t, x.until)
}

// Who creates the room gets the list that this makes, once.
func TestListOfWhoCreatesTheRoom(t *testing.T) {
	room, err := muc.New(muc.Config{Room: muc.MustParseJID(listRoom), Secret: []byte("a secret of sixteen bytes or more"), Instant: true})
	require.NoError(t, err)
	l := &listTest{t: t, room: room}
	x := l.join(member, "")
	assert.True(t, x.whole)
	assert.Equal(t, []string{"m0@capulet.example owner"}, x.items)
	assert.Len(t, x.until, 2)
}

// An admin whom the host has made a participant sees no JIDs in presences of a semi-anonymous
// room, and gets what the lists say in messages.
func TestListChangesOfWhoSeesNoJIDs(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	l.affiliate("m0@capulet.example", muc.Admin)
	l.do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Whois, c.MembersOnly = muc.WhoisModerators, false }})
	v := l.join(member, "").last()
	l.do(muc.SetRole{Nick: "m0-capulet.example-balcony", Role: muc.Participant})
	l.join("tybalt@capulet.example/hall", "")
	x := l.read(l.affiliate("tybalt@capulet.example", muc.Member), member)
	assert.Equal(t, []string{"tybalt@capulet.example member"}, x.items)
	assert.Equal(t, []string{v}, x.since)
}

// A room that is restored under a lower limit remembers less.
func TestListChangesUnderALowerLimit(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	v := l.join(member, "").last()
	l.leave(member)
	for i := range 3 {
		l.affiliate(fmt.Sprintf("n%d@capulet.example", i), muc.Member)
	}
	for limit, whole := range map[int]bool{3: false, 2: true} {
		l.cfg.Limits.ListChanges = limit
		room, err := muc.Restore(l.cfg, l.room.Snapshot(muc.Durable), nil)
		require.NoError(t, err)
		again := &listTest{t: t, room: room}
		assert.Equal(t, whole, again.join(member, v).whole, limit)
	}
}

// Another nick leaves the session with its lists.
func TestListVersionsFollowARename(t *testing.T) {
	l := newListTest(t, muc.Limits{}, 2)
	v := l.join(member, "").last()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString("<presence from='"+member+"' to='"+listRoom+"/other'/>"))
	l.take(l.room.Handle(time.Unix(1e9, 0), doc.Root()))
	x := l.read(l.affiliate("tybalt@capulet.example", muc.Member), member)
	assert.Equal(t, []string{v}, x.since)
}
