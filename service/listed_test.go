package service

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// Many lines taken in at once are the same as one after the other.
func TestDirectoryAtOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(18, 0))
	everybody := func(muc.JID) bool { return true }
	var atOnce, single directory
	show := func(d *directory) (lines []string) {
		for _, l := range d.rooms {
			lines = append(lines, fmt.Sprint(l.room, l.shown(), l.folded))
		}
		return lines
	}
	for range 30 {
		var news []Entry
		for range rnd.IntN(2 * setAtOnce) {
			e := Entry{Room: muc.MustParseJID(fmt.Sprintf("r%d@chat.example", rnd.IntN(3*setAtOnce))), Public: rnd.IntN(3) > 0, Name: fmt.Sprint(rnd.IntN(3))}
			news = append(news, e)
			single.set(e, 0)
		}
		atOnce.setAll(news, everybody, true)
		require.Equal(t, show(&single), show(&atOnce))
	}
	before := show(&atOnce)
	atOnce.setAll([]Entry{{Room: muc.MustParseJID("r1@chat.example")}, {Room: muc.MustParseJID("new@chat.example"), Public: true}}, everybody, false)
	require.Equal(t, before, show(&atOnce), "rooms of others are not touched")
}
