package muc_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
)

func list(t *testing.T, h *muctest.Room, affiliation, more string) string {
	t.Helper()
	fx := h.Handle(`<iq type='get' id='l' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` +
		`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='` + affiliation + `'/>` + more + `</query></iq>`)
	require.Len(t, fx.Outbound, 1)
	require.Nil(t, fx.Refused)
	return print(fx.Outbound[0].Stanza())
}

// What is kept of the lists of affiliations follows all that changes: they are at
// any time those of a room that has just been restored and never wrote one.
func TestListsFollowChanges(t *testing.T) {
	h := open(t, muc.Config{Instant: true})
	dice := rand.New(rand.NewPCG(1, 2))
	affiliations := []muc.Affiliation{muc.Outcast, muc.AffiliationNone, muc.Member, muc.Member, muc.Admin}
	page := `<set xmlns='http://jabber.org/protocol/rsm'><max>3</max><index>2</index></set>`
	for step := range 400 {
		// Now and then more changes than are followed.
		for range []int{0, 1, 1, 1, 2, 200}[dice.IntN(6)] {
			who := muc.MustParseJID(fmt.Sprintf("witch%d@shakespeare.lit", dice.IntN(60)))
			cmd := muc.SetAffiliation{JID: who, Affiliation: affiliations[dice.IntN(len(affiliations))]}
			if dice.IntN(4) == 0 {
				cmd.Reason = fmt.Sprint("because ", step)
			}
			if cmd.Affiliation >= muc.Member && dice.IntN(3) == 0 {
				cmd.Nick = who.Local()
			}
			h.Do(affiliated(cmd))
		}
		// Nicks stand in the lists too.
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID("bard@shakespeare.lit"), Affiliation: muc.Admin})
		reserve := "<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'>" +
			fmt.Sprintf("<value>Bill %d</value></field></x>", dice.IntN(3))
		h.Handle(`<iq type='set' id='r' from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit'>` +
			`<query xmlns='jabber:iq:register'>` + []string{"<remove/>", reserve}[dice.IntN(2)] + `</query></iq>`)
		fresh := h.Twin()
		for _, aff := range []string{"outcast", "member", "admin", "owner"} {
			if dice.IntN(2) == 0 {
				continue
			}
			whole := list(t, h, aff, "")
			require.Equal(t, list(t, fresh, aff, ""), whole)
			require.Equal(t, whole, list(t, h, aff, ""), "the same when nothing has changed")
			require.Equal(t, list(t, fresh, aff, page), list(t, h, aff, page))
		}
	}
}

// A list that is not asked for again is not written again: two answers share their
// bytes, and each goes to its asker, under the asker's id.
func TestListsAreShared(t *testing.T) {
	h := open(t, muc.Config{Instant: true})
	for i := range 600 {
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("witch%d@shakespeare.lit", i)), Affiliation: muc.Member})
	}
	get := func(id string) *muc.Effects {
		el := parse(`<iq type='get' id='` + id + `' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` +
			`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>`)
		fx, err := h.Room.Handle(h.Now, el)
		require.NoError(t, err)
		return &fx
	}
	first := get("a")
	var second *muc.Effects
	cost := testing.AllocsPerRun(10, func() { second = get("b") })
	assert.Less(t, cost, 100.0)
	assert.Equal(t, "a", first.Outbound[0].Stanza().SelectAttrValue("id", ""))
	assert.Equal(t, "b", second.Outbound[0].Stanza().SelectAttrValue("id", ""))
	assert.Len(t, second.Outbound[0].Stanza().FindElements("query/item"), 600)
}
