package muctest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// recorder is a test that notes how it fails.
type recorder struct {
	testing.TB
	failures []string
	ended    bool
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.ended = true
	runtime.Goexit()
}

// record runs something as a test of its own and tells how it failed.
func record(t *testing.T, test func(t testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r
}

const (
	romeos  = "romeo@example.org/phone"
	juliets = "juliet@example.org/pad"
	tybalts = "tybalt@example.org/pc"
)

// scene is a room with two people inside and one outside.
type scene struct {
	room                  *muctest.Room
	romeo, juliet, tybalt *muctest.Client
}

func newScene(t testing.TB) *scene {
	room := muctest.New(t, muc.Config{Instant: true, AnswersIQ: func(space, _ string) bool { return space == "urn:host" }})
	return &scene{room, room.Join(romeos, "Romeo"), room.Join(juliets, "Juliet"), room.Client(tybalts)}
}

var full = muc.MustParseJID(romeos)

// checks are all checks, each in a way that holds and in ways that do not, with what
// the failure says.
var checks = map[string]struct {
	holds func(s *scene)
	fails map[string]func(s *scene)
}{
	"Receives": {
		func(s *scene) {
			s.romeo.Says("one")
			s.juliet.Receives(muctest.Message("one").From("Romeo"))
			s.tybalt.Joins("Tybalt")
			s.tybalt.Receives(muctest.Presence("Romeo"), muctest.Presence("Tybalt").Status(110))
			s.tybalt.Receives(muctest.Presence("Juliet"))
		}, map[string]func(s *scene){
			"the only stanza that came is not as expected": func(s *scene) { s.romeo.Says("one"); s.juliet.Receives(muctest.Message("two")) },
			"expected 'cellar@chat.example/Juliet', got 'cellar@chat.example/Romeo'": func(s *scene) {
				s.romeo.Says("one")
				s.juliet.Receives(muctest.Message("one").From("Juliet"))
			},
			"nothing came\n  expected:\n    <message type='groupchat'>": func(s *scene) { s.romeo.Says("one"); s.tybalt.Receives(muctest.Message("one")) },
			"It came with the act before": func(s *scene) {
				s.romeo.Says("one")
				s.romeo.Says("two")
				s.juliet.Receives(muctest.Message("one"))
			},
			"expectation 2 of 2: nothing came": func(s *scene) {
				s.romeo.Says("one")
				s.juliet.Receives(muctest.Message("one"), muctest.Message("one"))
			},
			"It came, but before": func(s *scene) {
				s.tybalt.Joins("Tybalt")
				s.tybalt.Receives(muctest.Presence("Tybalt"), muctest.Presence("Romeo"))
			},
			"all that came: nothing": func(s *scene) {
				s.romeo.Says("one")
				s.juliet.Receives(muctest.Message("one"))
				s.juliet.Receives(muctest.Message("one"))
			},
			"nothing is expected":   func(s *scene) { s.juliet.Receives() },
			"an empty Want":         func(s *scene) { s.romeo.Says("one"); s.juliet.Receives(muctest.Want{}) },
			"no XML is expected":    func(s *scene) { s.romeo.Says("one"); s.juliet.Receives(muctest.XML("<message")) },
			"no XML is expected, X": func(s *scene) { s.romeo.Says("one"); s.juliet.Receives(muctest.Message("one").With("<a>")) },
			"${x} is not known":     func(s *scene) { s.romeo.Says("one"); s.juliet.Receives(muctest.Message("${x}")) },
		},
	},
	"ReceivesOnly": {
		func(s *scene) {
			s.romeo.Says("one")
			s.juliet.ReceivesOnly(muctest.Message("one"))
			s.tybalt.Joins("Tybalt")
			s.romeo.ReceivesOnly(muctest.Presence("Tybalt"))
		}, map[string]func(s *scene){
			"got what is not expected": func(s *scene) { s.tybalt.Joins("Tybalt"); s.tybalt.ReceivesOnly(muctest.Presence("Tybalt")) },
			"not as expected":          func(s *scene) { s.romeo.Says("one"); s.juliet.ReceivesOnly(muctest.Message("two")) },
			"nothing is expected":      func(s *scene) { s.juliet.ReceivesOnly() },
		},
	},
	"ReceivesNothing": {
		func(s *scene) {
			s.romeo.Says("one")
			s.tybalt.ReceivesNothing()
			s.juliet.Receives(muctest.Message("one"))
			s.juliet.ReceivesNothing()
		}, map[string]func(s *scene){
			"juliet@example.org/pad got what is not expected:\n    <message to='juliet@example.org/pad'": func(s *scene) { s.romeo.Says("one"); s.juliet.ReceivesNothing() },
		},
	},
	"SeesNothingOf": {
		func(s *scene) {
			s.tybalt.Joins("Tybalt")
			s.juliet.SeesNothingOf("tybalt@")
		}, map[string]func(s *scene){
			`sees "tybalt@"`: func(s *scene) { s.tybalt.Joins("Tybalt"); s.romeo.SeesNothingOf("tybalt@") },
			`sees "Romeo"`: func(s *scene) {
				s.romeo.Says("one")
				s.juliet.Receives(muctest.Message("one"))
				s.juliet.SeesNothingOf("Romeo")
			},
			"no text to look for": func(s *scene) { s.romeo.Says("one"); s.juliet.SeesNothingOf("") },
		},
	},
	"IsRefused": {
		func(s *scene) {
			s.tybalt.Joins("ROMEO")
			s.tybalt.IsRefused("conflict")
			s.tybalt.ReceivesNothing()
			s.tybalt.Says("boo")
			s.room.IsRefused(stanza.NotAcceptable)
		}, map[string]func(s *scene){
			"there was none; what came:\n    <message":  func(s *scene) { s.romeo.Says("one"); s.romeo.IsRefused("forbidden") },
			"expected a refusal, forbidden, got: muc: ": func(s *scene) { s.tybalt.Joins("Romeo"); s.tybalt.IsRefused("forbidden") },
			"was no stanza of romeo@example.org/phone":  func(s *scene) { s.tybalt.Joins("Romeo"); s.romeo.IsRefused("conflict") },
			"was no stanza of romeo":                    func(s *scene) { s.room.Do(muc.Say{Body: "x"}); s.romeo.IsRefused("conflict") },
			"but there was none": func(s *scene) {
				s.room.Do(muc.Say{Body: "x"})
				s.room.IsRefused("conflict")
			},
			"expected one error, to ; what came: nothing": func(s *scene) {
				s.room.Handle(`<message type='groupchat' from='@' to='cellar@chat.example'><body>x</body></message>`)
				s.room.IsRefused("jid-malformed")
			},
		},
	},
	"Refuses": {
		func(s *scene) {
			s.room.Refuses(muc.ErrNotFound, muc.Kick{Nick: "nobody"}, muc.Leave{Nick: "nobody"})
			s.room.RefusesAs(full, &muc.StanzaError{Condition: stanza.Conflict}, muc.Kick{Nick: "Romeo"})
		}, map[string]func(s *scene){
			"got <nil>": func(s *scene) { s.room.RefusesAs(full, muc.ErrNotFound, muc.Kick{Nick: "Juliet"}) },
			`expected the error "muc: not found", got`: func(s *scene) { s.room.Refuses(muc.ErrNotFound, muc.SetRole{}) },
			"no error or no command":                   func(s *scene) { s.room.Refuses(muc.ErrNotFound) },
			"no error or no command to":                func(s *scene) { s.room.Refuses(nil, muc.Kick{Nick: "nobody"}) },
		},
	},
	"Private": {
		func(s *scene) {
			s.romeo.Whispers("Juliet", "psst")
			s.juliet.ReceivesOnly(muctest.Private("psst").From("Romeo"))
		}, map[string]func(s *scene){
			"attribute type: expected 'groupchat', got 'chat'": func(s *scene) {
				s.romeo.Whispers("Juliet", "psst")
				s.juliet.Receives(muctest.Message("psst"))
			},
			"attribute type: expected 'chat', got 'groupchat'": func(s *scene) {
				s.romeo.Says("psst")
				s.juliet.Receives(muctest.Private("psst"))
			},
		},
	},
	"Subject": {
		func(s *scene) {
			s.room.Do(muc.SetSubject{Subject: "Feud"})
			s.juliet.ReceivesOnly(muctest.Subject("Feud").From(""))
			s.tybalt.Joins("Tybalt")
			s.tybalt.Receives(muctest.Subject(""))
		}, map[string]func(s *scene){
			"expected 'Love', got 'Feud'": func(s *scene) {
				s.room.Do(muc.SetSubject{Subject: "Feud"})
				s.juliet.Receives(muctest.Subject("Love"))
			},
			"element <subject/>: expected": func(s *scene) { s.romeo.Says("one"); s.juliet.Receives(muctest.Subject("")) },
		},
	},
	"Presence": {
		func(s *scene) {
			s.tybalt.Joins("Tybalt")
			s.romeo.ReceivesOnly(muctest.Presence("Tybalt").As(muc.AffiliationNone, muc.Participant).JID(tybalts))
			s.tybalt.Sends(`<presence to='cellar@chat.example/Tybalt'><show>away</show></presence>`)
			s.romeo.ReceivesOnly(muctest.Presence("Tybalt").With("<show>away</show>"))
			s.tybalt.Leaves()
			s.juliet.ReceivesOnly(muctest.Unavailable("Tybalt"))
		}, map[string]func(s *scene){
			"the presence that came is not available": func(s *scene) { s.romeo.Leaves(); s.juliet.Receives(muctest.Presence("Romeo")) },
			"attribute type: expected 'unavailable', got none": func(s *scene) {
				s.tybalt.Joins("Tybalt")
				s.juliet.Receives(muctest.Unavailable("Tybalt"))
			},
			"attribute role: expected 'visitor', got 'participant'": func(s *scene) {
				s.tybalt.Joins("Tybalt")
				s.juliet.Receives(muctest.Presence("Tybalt").As(muc.AffiliationNone, muc.Visitor))
			},
			"attribute affiliation: expected 'member', got 'none'": func(s *scene) {
				s.tybalt.Joins("Tybalt")
				s.juliet.Receives(muctest.Presence("Tybalt").As(muc.Member, muc.Participant))
			},
			"attribute jid: expected 'tybalt@example.org/pc', got none": func(s *scene) {
				s.tybalt.Joins("Tybalt")
				s.juliet.Receives(muctest.Presence("Tybalt").JID(tybalts))
			},
			"element <show>: expected, did not come": func(s *scene) {
				s.tybalt.Joins("Tybalt")
				s.juliet.Receives(muctest.Presence("Tybalt").With("<show>away</show>"))
			},
		},
	},
	"Status": {
		func(s *scene) {
			s.room.Do(muc.Kick{Nick: "Juliet", Reason: "duel"})
			s.juliet.ReceivesOnly(muctest.Status(307, 110).Reason("duel"))
			s.romeo.ReceivesOnly(muctest.Unavailable("Juliet").As(muc.AffiliationNone, muc.RoleNone).Status(307).Reason("duel"))
			s.romeo.Joins("Montague")
			s.romeo.Receives(muctest.Unavailable("Romeo").Status(303, 110).Nick("Montague"), muctest.Presence("Montague"))
			s.tybalt.Joins("Tybalt")
			s.room.DoAs(s.romeo.JID, muc.SetRole{Nick: "Tybalt", Role: muc.Visitor})
			s.tybalt.Receives(muctest.Presence("Tybalt").Actor("Montague"))
			s.room.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Name = "The cellar" }})
			s.romeo.ReceivesOnly(muctest.Status(104))
			s.room.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.MembersOnly = true }})
			s.romeo.ReceivesOnly(muctest.Status(322), muctest.Status(104))
			s.room.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.MembersOnly = false }})
			s.tybalt.Joins("Tybalt")
			s.room.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.MembersOnly = true }})
			s.romeo.ReceivesOnly(muctest.Status(), muctest.Status())
		}, map[string]func(s *scene){
			"expected '333', got '307'": func(s *scene) { s.room.Do(muc.Kick{Nick: "Juliet"}); s.romeo.Receives(muctest.Status(333)) },
			"attribute nick: expected 'M', got 'Montague'": func(s *scene) {
				s.romeo.Joins("Montague")
				s.juliet.Receives(muctest.Status(303).Nick("M"))
			},
			"element <actor nick='Romeo'/>: expected": func(s *scene) {
				s.room.Do(muc.Kick{Nick: "Juliet"})
				s.juliet.Receives(muctest.Status(307).Actor("Romeo"))
			},
			"element <status code='110'/>": func(s *scene) { s.room.Do(muc.Kick{Nick: "Juliet"}); s.romeo.Receives(muctest.Status(307, 110)) },
			"nothing came":                 func(s *scene) { s.room.Do(muc.Kick{Nick: "Juliet"}); s.tybalt.Receives(muctest.Status(307)) },
			"expected 'feud', got 'duel'": func(s *scene) {
				s.room.Do(muc.Kick{Nick: "Juliet", Reason: "duel"})
				s.romeo.Receives(muctest.Status(307).Reason("feud"))
			},
		},
	},
	"Error": {
		func(s *scene) {
			s.juliet.Sends(`<iq type='set' id='1'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' role='none'/></query></iq>`)
			s.juliet.ReceivesOnly(muctest.Error("forbidden", "auth").From(""))
			s.tybalt.Joins("Romeo")
			s.tybalt.ReceivesOnly(muctest.Error(stanza.Conflict, stanza.TypeCancel).From("Romeo").Reason("The nick is in use."))
		}, map[string]func(s *scene){
			"attribute type: expected 'auth', got 'cancel'": func(s *scene) { s.tybalt.Joins("Romeo"); s.tybalt.Receives(muctest.Error("conflict", "auth")) },
			"expected 'no', got 'The nick is in use.'": func(s *scene) {
				s.tybalt.Joins("Romeo")
				s.tybalt.Receives(muctest.Error("conflict", "cancel").Reason("no"))
			},
			"element <gone": func(s *scene) { s.tybalt.Joins("Romeo"); s.tybalt.Receives(muctest.Error("gone", "cancel")) },
			"attribute type: expected 'error', got 'groupchat'": func(s *scene) {
				s.romeo.Says("one")
				s.romeo.Receives(muctest.Error("gone", "cancel"))
			},
		},
	},
	"XML": {
		func(s *scene) {
			s.romeo.Sends(`<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`)
			s.romeo.ReceivesOnly(muctest.XML("<iq type='{scansion:any}' id='1'\n scansion:strict='true' from='cellar@chat.example'/>"))
		}, map[string]func(s *scene){
			"attribute from: expected none": func(s *scene) {
				s.romeo.Sends(`<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`)
				s.romeo.Receives(muctest.XML("<iq type='result' id='1' scansion:strict='true'/>"))
			},
			"expected <presence/>": func(s *scene) { s.romeo.Says("one"); s.romeo.Receives(muctest.XML("<presence/>")) },
		},
	},
}

// Each check passes when it should and fails when it must, and says why.
func TestChecks(t *testing.T) {
	for name, c := range checks {
		t.Run(name, func(t *testing.T) {
			c.holds(newScene(t))
			for says, fails := range c.fails {
				r := record(t, func(t testing.TB) { fails(newScene(t)) })
				require.Len(t, r.failures, 1, says)
				assert.Contains(t, r.failures[0], strings.TrimSuffix(says, ", X"))
				assert.False(t, r.ended, "a test goes on after a check")
			}
		})
	}
}

// What cannot be done ends the test.
func TestActsThatCannotBeDone(t *testing.T) {
	for says, act := range map[string]func(s *scene){
		"muc: not found": func(s *scene) { s.room.Do(muc.Kick{Nick: "nobody"}) },
		"muc: forbidden": func(s *scene) { s.room.DoAs(s.juliet.JID, muc.Kick{Nick: "Romeo"}) },

		"cannot join":       func(s *scene) { s.room.Join(tybalts, "Romeo") },
		"no stanza":         func(s *scene) { s.romeo.Sends("<message") },
		"no stanza, <nil>":  func(s *scene) { s.romeo.Sends("") },
		"not for this room": func(s *scene) { s.room.Handle("<message from='a@b' to='c@d'/>") },
		"malformed":         func(s *scene) { s.room.Client("@") },
	} {
		r := record(t, func(t testing.TB) { act(newScene(t)) })
		require.Len(t, r.failures, 1, says)
		assert.Contains(t, r.failures[0], says)
		assert.True(t, r.ended, says)
	}
}

// A room that cannot be is the test's fault.
func TestBadConfig(t *testing.T) {
	r := record(t, func(t testing.TB) { muctest.New(t, muc.Config{Secret: []byte("short")}) })
	require.Len(t, r.failures, 1)
	assert.Contains(t, r.failures[0], "muc: bad config")
	assert.True(t, r.ended)
}

// Time passes as it does for a host: what is due happens at its time, and is one act.
func TestAdvance(t *testing.T) {
	s := newScene(t)
	fx := s.juliet.Sends(`<iq type='get' id='1'><x xmlns='urn:host'/></iq>`)
	require.Len(t, fx.Questions, 1)
	before := s.room.Now
	fx = s.room.Advance(time.Second)
	assert.Empty(t, fx.Outbound)
	s.juliet.ReceivesNothing()

	s.room.Advance(time.Hour)
	s.juliet.ReceivesOnly(muctest.XML(`<iq type='error' id='1'/>`))
	assert.Equal(t, before.Add(time.Hour+time.Second), s.room.Now)
	events := s.room.Events()
	assert.Equal(t, "answered", events[len(events)-1].Type())
	assert.Equal(t, before.Add(time.Minute), events[len(events)-1].Time, "when it was due")

	s.juliet.Sends(`<iq type='get' id='2'><x xmlns='urn:host'/></iq>`)
	s.room.Now = s.room.Deadline()
	s.room.Tick()
	s.juliet.ReceivesOnly(muctest.XML(`<iq type='error' id='2'/>`))
}

// After a restart nobody is inside; after a move everybody is.
func TestRestartAndMove(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true, Defaults: muc.RoomConfig{Persistent: true}})
	romeo := room.Join(romeos, "Romeo")
	romeo.Says("hello")
	room.Move()
	romeo.ReceivesOnly(muctest.Message("hello"))
	assert.Equal(t, 1, room.Summary().Occupants)

	room.Restart()
	romeo.ReceivesNothing()
	assert.Zero(t, room.Summary().Occupants)
	for _, ev := range room.Events() {
		assert.True(t, ev.Durable())
	}
	romeo.Joins("Romeo")
	romeo.Receives(muctest.Message("hello"))
	room.Move()
	assert.Equal(t, 1, room.Summary().Occupants)
}

// A twin goes its own way from where it was made.
func TestTwin(t *testing.T) {
	s := newScene(t)
	s.romeo.Says("one more event")
	twin := s.room.Twin()
	twin.Do(muc.Kick{Nick: "Juliet"})
	twin.Client(juliets).ReceivesOnly(muctest.Status(307))
	s.juliet.ReceivesOnly(muctest.Message("one more event"))
	s.romeo.Says("still there?")
	s.juliet.ReceivesOnly(muctest.Message("still there?"))
	require.Len(t, s.juliet.Received(), 1)
	assert.Contains(t, s.juliet.Received()[0], "<body>still there?</body>")
	assert.Empty(t, s.tybalt.Received())
	twin.Move()
	s.room.Move()
	assert.Equal(t, 1, twin.Summary().Occupants)
}

// A room of events goes on when they end.
func TestRestore(t *testing.T) {
	s := newScene(t)
	s.room.Advance(time.Hour)
	s.romeo.Says("hello")
	again := muctest.Restore(t, s.room.Config, nil, s.room.Events())
	assert.Equal(t, s.room.Now, again.Now)
	again.Client(romeos).Says("still there?")
	again.Client(juliets).ReceivesOnly(muctest.Message("still there?"))
	again.Move()

	r := record(t, func(t testing.TB) { muctest.Restore(t, s.room.Config, []byte("garbage"), nil) })
	require.Len(t, r.failures, 1)
	assert.True(t, r.ended)
}

// A room that is not what its events say is found out.
func TestRestoredRoomsAreCompared(t *testing.T) {
	for name, restore := range map[string]func(r *muctest.Room){"Restart": (*muctest.Room).Restart, "Move": (*muctest.Room).Move} {
		r := record(t, func(t testing.TB) {
			s := newScene(t)
			_, err := s.room.Room.Do(s.room.Now, muc.SetSubject{Subject: "not recorded"})
			require.NoError(t, err)
			restore(s.room)
		})
		require.NotEmpty(t, r.failures, name)
		assert.Contains(t, r.failures[0], "a restored room is another one", name)
	}
}

// Somebody who is only written to has a bare address; mail to an account reaches its
// client as well.
func TestBareAddresses(t *testing.T) {
	s := newScene(t)
	s.room.Do(muc.Invite{To: s.tybalt.JID.Bare()})
	invited := muctest.XML(`<message><x xmlns='http://jabber.org/protocol/muc#user'><invite/></x></message>`)
	s.tybalt.ReceivesOnly(invited)
	s.room.Client("tybalt@example.org").ReceivesOnly(invited)
	assert.Same(t, s.tybalt, s.room.Client(tybalts))
}

// A Want is a value: what is expected of another one changes nothing in it.
func TestWantsAreValues(t *testing.T) {
	s := newScene(t)
	any := muctest.Status()
	_ = any.Status(307).From("Juliet").As(muc.Owner, muc.Moderator).JID("x@y").Reason("x").With("<a/>")
	s.tybalt.Joins("Tybalt")
	s.romeo.ReceivesOnly(any)
	s.juliet.ReceivesOnly(muctest.Want{}.As(muc.AffiliationNone, muc.Participant))
}
