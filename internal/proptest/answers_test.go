package proptest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// TestAnswerOfBlocked: somebody whom the host blocks answers a request from inside; from
// outside, after being put out, that is as good as banned, and nobody waits for it.
func TestAnswerOfBlocked(t *testing.T) {
	t.Parallel()
	rapid.Custom(func(t *rapid.T) *world {
		cfg := busyConfig()
		cfg.IsBlocked = func(j muc.JID) bool { return j.Bare().String() == users[1] }
		w := newWorld(t, cfg, new(tally))
		ben := muc.MustParseJID(users[1])
		w.do(muc.Create{Owner: muc.MustParseJID(users[0]), Config: muc.RoomConfig{Persistent: true}})
		w.do(muc.SetAffiliation{JID: ben, Affiliation: muc.Member})
		for i, nick := range []string{"Ann", "Ben"} {
			w.say1(addressed(fmt.Sprintf(`<presence from='%s/a' to='/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, users[i], nick)))
		}
		asks := func() *relayed {
			w.say1(addressed(fmt.Sprintf(`<iq type='get' from='%s/a' to='/Ben' id='%s'><query xmlns='jabber:iq:version'/></iq>`, users[0], w.id())))
			return w.ledger.relayed[len(w.ledger.relayed)-1]
		}
		answers := func(r *relayed) {
			text := fmt.Sprintf(`<iq type='result' id='%s' from='%s' to='%s'/>`, r.id, r.answerer, r.from)
			w.next(input{stanza: parse(text), text: text, answers: r})
		}
		w.do(muc.RemoveAffiliation{JID: ben})
		answers(asks())
		r := asks()
		w.do(muc.KickBlocked{})
		answers(r)
		return w
	}).Example(0)
}
