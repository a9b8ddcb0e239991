package service_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/service"
)

// Whatever names and addresses rooms have, and whatever part of the list is asked for,
// an answer is no longer than it may be; and page by page, in either direction, each
// room is listed once, in its place.
func TestPagesAreBoundedByBytes(t *testing.T) {
	for seed := range uint64(8) {
		bubbles(t, fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			most := []int{200, 2000, 20000, 0}[seed%4]
			h := newHost(t, func(h *host) {
				h.config.Limits.PageBytes = most
				if most == 0 {
					most = 64 << 10
				}
				for i := range 300 { // names that were stored before they had a bound among them
					name := strings.Repeat([]string{"name", "&\"<'>", "größe", "漢字"}[rnd.IntN(4)], rnd.IntN([]int{2, 50, 1000}[rnd.IntN(3)]))
					room := at(fmt.Sprintf("room%03d%s", i, strings.Repeat("x", rnd.IntN(900)*rnd.IntN(2))))
					require.NoError(t, h.store.Store.Append(t.Context(), []service.Batch{{Room: room,
						Entry: service.Entry{Room: room, Name: name, Public: true, Lasting: true}}}))
				}
			})
			page := func(set string) (rooms []string, first, last string) {
				h.forget()
				h.send(`<iq type='get' id='q' from='%s' to='chat.example'>%s</iq>`, juliet, fmt.Sprintf(items, set))
				answer := h.only(juliet)
				query := answer.SelectElement("query")
				lines := query.SelectElements("item")
				if len(lines) > 1 { // one there always is
					bytes := 0
					for _, el := range lines {
						bytes += len(text(el))
						assert.LessOrEqual(t, len(el.SelectAttrValue("name", "")), 256)
						assert.True(t, strings.ToValidUTF8(el.SelectAttrValue("name", ""), "?") == el.SelectAttrValue("name", ""))
					}
					assert.LessOrEqual(t, bytes, most)
				}
				for _, el := range lines {
					rooms = append(rooms, el.SelectAttrValue("jid", ""))
				}
				rsm := query.SelectElement("set")
				require.NotNil(t, rsm, "it is never all")
				assert.Equal(t, "300", rsm.SelectElement("count").Text())
				if len(rooms) == 0 {
					return nil, "", ""
				}
				first, last = rsm.SelectElement("first").Text(), rsm.SelectElement("last").Text()
				assert.Equal(t, rooms[0], first)
				assert.Equal(t, rooms[len(rooms)-1], last)
				index := rsm.SelectElement("first").SelectAttrValue("index", "")
				assert.Equal(t, fmt.Sprintf("room%03s", index), first[:7])
				return rooms, first, last
			}
			var forward, back []string
			for set := ""; ; {
				rooms, _, last := page(set)
				if len(rooms) == 0 {
					break
				}
				forward = append(forward, rooms...)
				set = "<set xmlns='http://jabber.org/protocol/rsm'><after>" + last + "</after></set>"
			}
			for before := ""; ; {
				rooms, first, _ := page("<set xmlns='http://jabber.org/protocol/rsm'><before>" + before + "</before></set>")
				if len(rooms) == 0 {
					break
				}
				back, before = append(rooms, back...), first
			}
			assert.Len(t, forward, 300)
			assert.Equal(t, forward, back)
			_, first, _ := page("<set xmlns='http://jabber.org/protocol/rsm'><index>150</index></set>")
			assert.Equal(t, forward[150], first)
		})
	}
}
