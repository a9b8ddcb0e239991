package muctest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Three tests of rules: one of XEP-0045, one of the host's own, one of time.
func Example() {
	run("TestKick", TestKick)
	run("TestNoShouting", TestNoShouting)
	run("TestSlowly", TestSlowly)
	// Output:
	// ok TestKick
	// ok TestNoShouting
	// ok TestSlowly
}

// Who is kicked learns it with everybody else; nobody but moderators kicks.
func TestKick(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true})
	romeo := room.Join("romeo@example.org/phone", "Romeo")
	tybalt := room.Join("tybalt@example.org/pc", "Tybalt")

	tybalt.Sends(`<iq type='set' id='k'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' role='none'/></query></iq>`)
	tybalt.IsRefused("forbidden")

	room.DoAs(romeo.JID, muc.Kick{Nick: "Tybalt", Reason: "duel"})
	tybalt.ReceivesOnly(muctest.Unavailable("Tybalt").Status(110, 307).Reason("duel"))
	romeo.ReceivesOnly(muctest.Unavailable("Tybalt").Status(307))
}

// A policy of the host: nobody shouts.
func TestNoShouting(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true, Policy: policy.Rules{Speak: func(q policy.Speak) *muc.StanzaError {
		if strings.Contains(q.Payload, "!!!") {
			return &muc.StanzaError{Condition: stanza.NotAcceptable, Text: "no shouting, please"}
		}
		return nil
	}}})
	romeo := room.Join("romeo@example.org/phone", "Romeo")
	juliet := room.Join("juliet@example.org/pad", "Juliet")

	romeo.Says("But soft")
	juliet.ReceivesOnly(muctest.Message("But soft").From("Romeo"))
	romeo.Says("But soft!!!")
	romeo.IsRefused("not-acceptable")
	juliet.ReceivesNothing()
}

// A rate of the host's: one message a minute, also after the room has moved.
func TestSlowly(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true, Rates: muc.Rates{Messages: muc.Rate{Burst: 1, Every: time.Minute}}})
	room.Join("romeo@example.org/phone", "Romeo")
	juliet := room.Join("juliet@example.org/pad", "Juliet") // an owner, such as Romeo, may always speak

	juliet.Says("one")
	room.Move()
	room.Advance(59 * time.Second)
	juliet.Says("two")
	juliet.IsRefused("policy-violation")
	room.Advance(time.Second)
	juliet.Says("two")
	juliet.ReceivesOnly(muctest.Message("two"))
}

// A check that fails shows what was expected and what came.
func ExampleClient_Receives() {
	run("TestWrong", func(t *testing.T) {
		room := muctest.New(printer{t}, muc.Config{Instant: true})
		romeo := room.Join("romeo@example.org/phone", "Romeo")
		juliet := room.Join("juliet@example.org/pad", "Juliet")
		romeo.Says("But soft")
		juliet.Receives(muctest.Message("But hard").From("Romeo"))
	})
	// Output:
	// muctest: juliet@example.org/pad, expectation 1 of 1: the only stanza that came is not as expected
	//   expected:
	//     <message type='groupchat' from='cellar@chat.example/Romeo'>
	//       <body>But hard</body>
	//     </message>
	//   came:
	//     <message to='juliet@example.org/pad' from='cellar@chat.example/Romeo' type='groupchat'
	//         id='e5d1a8fa14db1cf4909a869d5346a87d'>
	//       <body>But soft</body>
	//       <occupant-id xmlns='urn:xmpp:occupant-id:0' id='7855f5402b8ecf3ae228345caca08f95'/>
	//       <stanza-id xmlns='urn:xmpp:sid:0' by='cellar@chat.example'
	//           id='5d6663f44cb054498825e63000c7288d'/>
	//     </message>
	//   difference:
	//     message/body: text: expected 'But hard', got 'But soft'
	// ok TestWrong
}

// printer is a test whose failures are printed.
type printer struct{ testing.TB }

func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// run runs a test within an example, of which nothing else is printed, also with -v.
func run(name string, test func(t *testing.T)) {
	verbose := flag.Lookup("test.v").Value.(flag.Getter).Get()
	defer flag.Set("test.v", fmt.Sprint(verbose))
	flag.Set("test.v", "false")
	if testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: name, F: test}}) {
		fmt.Println("ok", name)
	}
}
