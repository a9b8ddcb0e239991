package service_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// taskOf is something that is done to a service: a stanza, or what a host does.
type taskOf struct {
	room   string
	stanza string
	host   func(s *service.Service) error
}

// link is a connection of a host whose process may die: it keeps what it has taken until that is
// done, and submits it again to the next process.
type link struct {
	*host
	mu      sync.Mutex
	open    []*submitted
	numbers uint64
	asked   []string // what rooms asked of the host: "room id"
}

type submitted struct {
	number uint64
	stanza string
}

func newLink(t *testing.T, seed uint64) *link {
	l := new(link)
	adapt := func(h *host) {
		h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
		if seed%2 == 0 {
			h.config.Room.AsksJoin = func(q policy.Join) bool { return q.JID.Local() == "nurse" }
		}
		h.config.Room.Tombstones = seed%3 == 0
		h.config.Question = func(_ context.Context, room muc.JID, ask muc.Question) {
			if h.process.hears() {
				l.mu.Lock()
				defer l.mu.Unlock()
				if what := room.Local() + " " + ask.ID; !slices.Contains(l.asked, what) {
					l.asked = append(l.asked, what)
				}
			}
		}
		h.config.CompactAfter, h.config.IdleAfter = 1+int(seed%20), time.Minute
	}
	l.host = newLiveHost(t, adapt)
	return l
}

// submit submits a stanza, for the first time or again.
func (l *link) submit(x *submitted) {
	el := parse(x.stanza)
	p := l.process
	require.NoError(l.t, l.service.Submit(l.t.Context(), muc.MustParseJID(el.SelectAttrValue("from", "")), el, "link", x.number, func(err error) {
		if p.hears() {
			assert.NoError(l.t, err)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.open = slices.DeleteFunc(l.open, func(y *submitted) bool { return y == x })
		}
	}))
}

// do has the present process do something; whether it can is no matter.
func (l *link) do(d taskOf) {
	if d.host != nil {
		s := l.service
		go func() { _ = d.host(s) }()
		synctest.Wait()
		return
	}
	l.mu.Lock()
	l.numbers++
	x := &submitted{l.numbers, d.stanza}
	l.open = append(l.open, x)
	l.mu.Unlock()
	l.submit(x)
	synctest.Wait()
}

// next goes on after a kill: what nobody has said to be done is submitted again.
func (l *link) next() {
	l.kill()
	l.mu.Lock()
	open := slices.Clone(l.open)
	l.mu.Unlock()
	for _, x := range open {
		l.submit(x)
	}
	synctest.Wait()
}

// take takes out what was asked.
func (l *link) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked
	l.asked = nil
	slices.Sort(asked)
	return asked
}

// heard is what somebody was told by each room, in order, pings of the service apart.
func (h *host) heard(who string) []string {
	list := slices.DeleteFunc(h.got(who), isPing)
	room := func(el *etree.Element) string {
		return muc.MustParseJID(el.SelectAttrValue("from", "")).Bare().String()
	}
	slices.SortStableFunc(list, func(a, b *etree.Element) int { return cmp.Compare(room(a), room(b)) })
	return texts(list)
}

// A service that is killed now and then is, to everybody, one that never was: before it has stored
// what it did, or after that and before anybody is told. What it had taken is submitted again, with
// the same numbers. Of the same stanzas and commands come the same bytes, each once.
func TestKillsAreNotSeen(t *testing.T) {
	for seed := range *seeds {
		bubbles(t, fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			steady, mortal := newLink(t, seed), newLink(t, seed)
			var redone atomic.Int64 // rooms do it side by side
			kills := 0
			mortal.config.Observer.Redone = func(same bool) {
				assert.True(t, same)
				redone.Add(1)
			}
			for range 60 {
				how := rnd.IntN(5)
				// Nobody gives the commands of a host again. So one that is given when the process dies
				// is alone: what came of it is stored, or nothing did.
				alone := how == 1 && rnd.IntN(3) == 0
				burst := []taskOf{anyTask(rnd, alone || how > 1)}
				for range rnd.IntN(6) {
					if !alone {
						burst = append(burst, anyTask(rnd, how > 1))
					}
				}
				for _, d := range burst {
					require.NoError(t, steady.doPlain(d))
				}
				release := mortal.store.gate()
				for _, d := range burst {
					mortal.do(d)
				}
				switch how {
				case 0: // before it is stored
					mortal.process.dead.Store(true)
					release()
					synctest.Wait()
					mortal.next()
					kills++
				case 1: // after it is stored
					mortal.process.mute.Store(true)
					release()
					synctest.Wait()
					mortal.next()
					kills++
				case 2: // when all is done
					release()
					synctest.Wait()
					mortal.next()
					kills++
				default:
					release()
					synctest.Wait()
				}
				require.Empty(t, mortal.open)
				asked := steady.take()
				require.Equal(t, asked, mortal.take())
				for _, who := range peopleOfKills {
					require.Equal(t, steady.heard(who), mortal.heard(who), "%s, kill %d", who, how)
				}
				require.Equal(t, steady.service.Stats().Occupants, mortal.service.Stats().Occupants)
				for _, ask := range asked {
					if rnd.IntN(2) == 0 {
						answer := answerTo(ask)
						require.NoError(t, steady.doPlain(answer))
						mortal.do(answer)
					}
				}
				sleep(time.Duration(rnd.IntN(60)) * time.Second)
			}
			require.NotZero(t, redone.Load())
			require.NotZero(t, kills)
		})
	}
}

// doPlain does it without numbers.
func (l *link) doPlain(d taskOf) error {
	if d.host == nil {
		l.send("%s", d.stanza)
		return nil
	}
	_ = d.host(l.service)
	synctest.Wait()
	return nil
}

// gate keeps what is stored waiting.
func (s *faultyStore) gate() (release func()) {
	held := make(chan struct{})
	s.failAppends(func([]service.Batch) error { <-held; return nil })
	return func() { s.failAppends(nil); close(held) }
}

// hears reports whether anybody still hears of a process.
func (p *process) hears() bool { return !p.dead.Load() && !p.mute.Load() }

var peopleOfKills = []string{romeo, juliet, tybalt, "nurse@example.org/home", "nurse@example.org/pda"}

func answerTo(ask string) taskOf {
	var room, id string
	_, _ = fmt.Sscan(ask, &room, &id)
	return taskOf{room: room, host: func(s *service.Service) error {
		_, err := s.Do(context.Background(), at(room), muc.Answer{ID: id, Payload: parse("<x xmlns='urn:example:asked'><y>1</y></x>")})
		return err
	}}
}

// anyTask is something that may be done to a room.
func anyTask(rnd *rand.Rand, byHost bool) taskOf {
	room, who := []string{"cellar", "garden", "attic"}[rnd.IntN(3)], peopleOfKills[rnd.IntN(5)]
	if !byHost || rnd.IntN(4) > 0 {
		text := anyStanza(rnd, peopleOfKills)
		if rnd.IntN(4) == 0 {
			text = fmt.Sprintf([]string{
				"<iq type='get' id='a' from='%s' to='%s@chat.example'><x xmlns='urn:example:asked'/></iq>",
				"<iq type='set' id='d' from='%s' to='%s@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>",
				"<iq type='get' id='f' from='%s' to='%s@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>",
				"<message id='x' from='%s' to='%s@chat.example'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='friar@example.org'/></x></message>",
				"<iq type='set' id='r' from='%s' to='%s@chat.example'><query xmlns='jabber:iq:register'><remove/></query></iq>",
				"<message type='error' from='%s' to='%s@chat.example'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
				"<presence id='&quot;' xml:lang='de' from='%s' to='%s@chat.example/N&amp;\"'><x xmlns='http://jabber.org/protocol/muc'/><s:y xmlns:s='urn:s' s:a='&#9;'>a&#13;<![CDATA[<]]><!-- no --></s:y></presence>",
				"<message from='%s' to='%s@chat.example' type='groupchat'><body>a</body><body>b</body></message>",
			}[rnd.IntN(8)], who, room)
		}
		return taskOf{room: room, stanza: text}
	}
	jid := muc.MustParseJID(who)
	ctx := context.Background()
	switch rnd.IntN(4) {
	case 0:
		return taskOf{room, "", func(s *service.Service) error { return s.Vanished(ctx, jid) }}
	case 1:
		presence := []*etree.Element{nil, parse("<presence><status>bye</status></presence>"), parse("<presence><status xmlns='jabber:client'>1</status><status>2</status></presence>")}[rnd.IntN(3)]
		return taskOf{room, "", func(s *service.Service) error { return s.Offline(ctx, jid, presence) }}
	}
	cmd, as := anyCommand(rnd, jid), muc.JID{}
	if rnd.IntN(3) == 0 {
		as = muc.MustParseJID(peopleOfKills[rnd.IntN(5)])
	}
	return taskOf{room, "", func(s *service.Service) (err error) {
		if as.IsZero() {
			_, err = s.Do(ctx, at(room), cmd)
		} else {
			_, err = s.DoAs(ctx, at(room), as, cmd)
		}
		return err
	}}
}

func anyCommand(rnd *rand.Rand, who muc.JID) muc.Command {
	all := commandsFor(who, []string{"R", "J", "T", "Puppet"}[rnd.IntN(4)], "nothing", "nothing")
	return all[rnd.IntN(len(all))]
}

// commandsFor are all commands of rooms, but for those that leave a temporary room without
// anybody, which ends at some moment after that: about somebody, somebody's nick, a question and
// a message.
func commandsFor(who muc.JID, nick, asked, said string) []muc.Command {
	conf := muc.RoomConfig{Name: "Größe", Persistent: true, Hidden: true}
	return []muc.Command{
		muc.Create{Owner: who, Config: conf}, muc.Reset{Config: conf},
		muc.Configure{Change: func(c *muc.RoomConfig) { c.Persistent, c.Description = true, c.Description+"x" }},
		&muc.Configure{Change: func(c *muc.RoomConfig) { c.Moderated = !c.Moderated }},
		muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'><FN>The room</FN></vCard>")},
		muc.Destroy{Reason: "<end>", Alternate: at("garden"), Tombstone: true}, muc.Destroy{},
		muc.Shutdown{Stay: true},
		muc.Kick{Nick: nick, Reason: "r"}, muc.SetRole{Nick: nick, Role: muc.Moderator}, muc.SetRole{Nick: nick, Role: muc.Visitor},
		muc.SetAffiliation{JID: who, Affiliation: muc.Outcast, Reason: "r"}, muc.SetAffiliation{JID: who, Affiliation: muc.Owner, Nick: nick},
		muc.RemoveAffiliation{JID: who}, muc.KickBlocked{Reason: "r"}, muc.Vanished{JID: who.Bare()}, muc.Forget{JID: who, Heir: muc.MustParseJID(romeo)},
		muc.Join{JID: who, Nick: "Puppet", Presence: parse("<presence><status>here</status></presence>")}, muc.Join{JID: who, Nick: "Marionette"}, muc.Rename{Nick: "Puppet", To: "Doll"},
		muc.Leave{Nick: "Puppet", Presence: parse("<presence><status>bye</status></presence>")},
		muc.Say{Body: "a\"b<\u00e9"}, muc.Say{Nick: "Puppet", To: nick, Body: "psst"},
		muc.Say{Message: parse("<message id='m' xml:lang='de'><body>Weh mir!</body><x xmlns='urn:example:x'><y z='1'/></x></message>")},
		muc.SetSubject{Subject: "s", Nick: nick}, muc.SetSubject{Subject: "<s>"}, muc.Moderate{ID: said, Reason: "spam"}, muc.Invite{To: who, Reason: "r"},
		muc.Answer{ID: asked, Payload: parse("<x xmlns='urn:example:asked'><y>1</y></x>")}, muc.Answer{ID: asked, Refuse: &muc.StanzaError{Condition: stanza.NotAllowed, Text: "no"}},
		muc.DecideRegistration{JID: who, Allow: true},
		muc.CreateHat{URI: "urn:h", Title: "Hat", Hue: "120"}, muc.AssignHat{JID: who, URI: "urn:h"}, muc.AssignHat{JID: muc.MustParseJID(romeo), URI: "urn:h"}, muc.UnassignHat{JID: who, URI: "urn:h"}, muc.DestroyHat{URI: "urn:h"},
	}
}
