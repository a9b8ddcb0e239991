package scansion

import (
	"errors"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

var cellar = muc.MustParseJID("cellar@rooms.example")

// emptyStage is a player of a script with nothing in it but its clients.
func emptyStage(t *testing.T) *player {
	t.Helper()
	script, err := Parse("stage.scs", []byte(`
[Client] Romeo
	jid: romeo@example.org
[Client] Juliet
	jid: juliet@example.org
-----
Romeo connects
`))
	require.NoError(t, err)
	p, err := newPlayer(script, Options{})
	require.NoError(t, err)
	p.current = &script.actions[0]
	p.users[0].connected = true
	return p
}

// alarm is a room that does nothing but note when it was called.
type alarm struct {
	deadlines []time.Time
	ticked    []time.Time
	stuck     bool
}

func (a *alarm) Handle(time.Time, *etree.Element) (muc.Effects, error) {
	return muc.Effects{}, muc.ErrNotForRoom
}
func (a *alarm) Do(time.Time, muc.Command) (muc.Effects, error) { return muc.Effects{}, nil }
func (a *alarm) DoAs(time.Time, muc.JID, muc.Command) (muc.Effects, error) {
	return muc.Effects{}, nil
}
func (a *alarm) State() muc.State                 { return muc.Open }
func (a *alarm) Snapshot(muc.SnapshotKind) []byte { return nil }

func (a *alarm) Deadline() time.Time {
	if len(a.deadlines) == 0 {
		return time.Time{}
	}
	return a.deadlines[0]
}

func (a *alarm) Tick(now time.Time) (muc.Effects, error) {
	a.ticked = append(a.ticked, now)
	if !a.stuck {
		a.deadlines = a.deadlines[1:]
	}
	return muc.Effects{}, nil
}

func (s *service) put(address string, m machine) {
	jid := muc.MustParseJID(address)
	s.rooms[jid] = &room{cfg: muc.Config{Room: jid}, live: m}
}

// Each room is called at its deadlines, not only at the end of the pause.
func TestClock(t *testing.T) {
	at := func(seconds int) time.Time { return Epoch.Add(time.Duration(seconds) * time.Second) }
	p := emptyStage(t)
	overdue := &alarm{deadlines: []time.Time{at(-5), at(20)}}
	other := &alarm{deadlines: []time.Time{at(10), at(30), at(31)}}
	p.service.put("a@rooms.example", overdue)
	p.service.put("b@rooms.example", other)
	require.NoError(t, p.service.advance(30*time.Second))
	assert.Equal(t, []time.Time{at(0), at(20)}, overdue.ticked)
	assert.Equal(t, []time.Time{at(10), at(30)}, other.ticked)
	assert.Equal(t, at(30), p.service.now)

	p.service.put("c@rooms.example", &alarm{deadlines: []time.Time{at(31)}, stuck: true})
	assert.ErrorContains(t, p.service.advance(time.Second), "c@rooms.example is still due after its Tick")
}

func TestRoomErrors(t *testing.T) {
	p := emptyStage(t)
	p.service.put(cellar.String(), &alarm{})
	err := p.service.handle(cellar, etree.NewElement("presence"))
	assert.ErrorIs(t, err, muc.ErrNotForRoom)
	failure := p.blame(p.current, err)
	assert.ErrorIs(t, failure, muc.ErrNotForRoom)
	assert.ErrorContains(t, failure, "stage.scs:7: Romeo connects: room cellar@rooms.example: ")
}

// fake is an Outbound that can be wrong.
type fake struct {
	stanza, plain, framed string
}

func (f fake) To() []muc.JID { return []muc.JID{muc.MustParseJID("romeo@example.org/romeo")} }

func (f fake) Stanza() *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(f.stanza); err != nil {
		return nil
	}
	return doc.Root()
}

func (f fake) AppendXML(dst []byte, _ muc.JID, ns string) []byte {
	if ns == "" {
		return append(dst, f.plain...)
	}
	return append(dst, f.framed...)
}

// The runner notices when the library breaks its word about what it sends.
func TestPost(t *testing.T) {
	const (
		stanza = `<message from='cellar@rooms.example/R'><body>Hi</body></message>`
		plain  = `<message to='romeo@example.org/romeo' from='cellar@rooms.example/R'><body>Hi</body></message>`
		framed = `<message xmlns='jabber:client' from='cellar@rooms.example/R' to='romeo@example.org/romeo'><body>Hi</body></message>`
	)
	tests := []struct {
		name string
		out  fake
		said string
	}{
		{"right", fake{stanza, plain, framed}, ""},
		{"with to", fake{plain, plain, framed}, "Outbound.Stanza has an attribute to"},
		{"not an element", fake{"", plain, framed}, "Outbound.Stanza is not XML"},
		{"from nobody", fake{`<message/>`, plain, framed}, "cellar@rooms.example sends from ''"},
		{"from another", fake{`<message from='romeo@example.org'/>`, plain, framed}, "sends from 'romeo@example.org'"},
		{"not well-formed", fake{stanza, plain[:40], framed}, `AppendXML("") is not XML`},
		{"another text", fake{stanza, `<message to='romeo@example.org/romeo' from='cellar@rooms.example/R'><body>Ho</body></message>`, framed},
			`AppendXML("") and Stanza are not the same`},
		{"another address", fake{stanza, `<message to='x@y' from='cellar@rooms.example/R'><body>Hi</body></message>`, framed},
			`AppendXML("") and Stanza are not the same`},
		{"framed without xmlns", fake{stanza, plain, plain}, `AppendXML("jabber:client") and Stanza are not the same`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := emptyStage(t)
			err := p.post(cellar, tt.out)
			if tt.said == "" {
				require.NoError(t, err)
				require.Len(t, p.users[0].inbox, 1)
				assert.Equal(t, "Hi", p.users[0].inbox[0].stanza.kids[0].text())
				return
			}
			assert.ErrorContains(t, err, tt.said)
		})
	}
}

func TestFirstDifference(t *testing.T) {
	assert.Equal(t, 0, firstDifference(nil, []byte("a")))
	assert.Equal(t, 2, firstDifference([]byte("abc"), []byte("abd")))
	assert.Equal(t, 3, firstDifference([]byte("abcd"), []byte("abc")))
	assert.Equal(t, `"abc"`, excerpt([]byte("abc"), 2))
}

func TestFailureUnwraps(t *testing.T) {
	cause := errors.New("cause")
	assert.ErrorIs(t, &Failure{err: cause}, cause)
}
