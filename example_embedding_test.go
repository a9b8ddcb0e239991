package muc_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
)

// call is what a server asks of a room: to handle a stanza, to do something, to
// tick.
type call func(room *muc.Room, now time.Time) (muc.Effects, error)

// journal is a store of events: a table, a file, a stream.
type journal interface {
	// Append makes events durable with one write: all of them or none.
	Append(events []event.Event) error
	// Load returns the last snapshot that was kept, if any, and the events after it.
	Load() (snapshot []byte, events []event.Event, err error)
}

// worker owns one room: it alone calls it.
type worker struct {
	config  muc.Config
	room    *muc.Room
	journal journal
	deliver func(to muc.JID, stanza []byte)
	answer  func(ask muc.Question)
	now     func() time.Time
}

// run serves a room until there are no more calls. It takes all calls that are
// waiting and stores their events with one write.
func (w *worker) run(calls <-chan call) error {
	for {
		var due <-chan time.Time
		if at := w.room.Deadline(); !at.IsZero() {
			due = time.After(at.Sub(w.now()))
		}
		var batch []call
		select {
		case <-due:
			batch = []call{(*muc.Room).Tick}
		case c, ok := <-calls:
			if !ok {
				return nil
			}
			batch = append(batch, c)
			for len(calls) > 0 && len(batch) < 100 {
				batch = append(batch, <-calls)
			}
		}
		if err := w.commit(batch); err != nil {
			return err
		}
	}
}

// commit carries out calls, makes what happened durable, and only then lets
// anything out.
func (w *worker) commit(batch []call) error {
	var done []muc.Effects
	var durable []event.Event
	for _, c := range batch {
		fx, err := c(w.room, w.now())
		if err != nil {
			log.Print(err) // the host's own fault: the room has not changed
			continue
		}
		durable = append(durable, fx.Durable...)
		done = append(done, fx)
	}
	if err := w.journal.Append(durable); err != nil {
		return errors.Join(err, w.restore()) // nothing of this batch goes out
	}
	for _, fx := range done {
		w.release(fx)
	}
	return nil
}

// release lets out what one call said, in its order.
func (w *worker) release(fx muc.Effects) {
	var buffer []byte
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			buffer = out.AppendXML(buffer[:0], to, "")
			w.deliver(to, buffer)
		}
	}
	for _, ask := range fx.Questions {
		w.answer(ask)
	}
}

// restore makes the room again of what is stored: at a start, and when the store
// has failed and the room in memory knows of things that never happened.
func (w *worker) restore() error {
	snapshot, events, err := w.journal.Load()
	if err != nil {
		return err
	}
	w.room, err = muc.Restore(w.config, snapshot, events)
	return err
}

// A worker stores what two calls did with one write, and then delivers.
func Example_groupCommit() {
	w := newWorker(&countingJournal{})
	calls := make(chan call, 10)
	calls <- func(room *muc.Room, now time.Time) (muc.Effects, error) {
		return room.Handle(now, parse(`<presence from='romeo@example.org/pda' to='cellar@chat.example/Romeo'>
			<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	}
	calls <- func(room *muc.Room, now time.Time) (muc.Effects, error) {
		return room.Do(now, muc.SetSubject{Subject: "Wherefore?"})
	}
	close(calls)
	if err := w.run(calls); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 3 events with one write
	// to romeo@example.org/pda: presence from cellar@chat.example/Romeo
	// to romeo@example.org/pda: message from cellar@chat.example
	// to romeo@example.org/pda: message from cellar@chat.example
}

// When the store fails, nothing of the call goes out, and the room is what the
// store knows: here, nothing at all.
func Example_storeFails() {
	w := newWorker(&countingJournal{broken: true})
	err := w.commit([]call{func(room *muc.Room, now time.Time) (muc.Effects, error) {
		return room.Handle(now, parse(`<presence from='romeo@example.org/pda' to='cellar@chat.example/Romeo'>
			<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	}})
	fmt.Println(err)
	fmt.Println(w.room.State())
	// Output:
	// disk full
	// unborn
}

// What the room does not know it asks its host, if the host says that it can
// answer. The asker gets one answer in any case: the host's, or an error when
// the question has expired.
func ExampleAnswer() {
	room, err := muc.New(muc.Config{
		Room:   muc.MustParseJID("cellar@chat.example"),
		Secret: secret,
		AnswersIQ: func(space, local string) bool {
			return space == "jabber:iq:version" && local == "query"
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	enter(room, "Romeo")
	fx, err := room.Handle(evening, parse(`<iq from='romeo@example.org/pda' to='cellar@chat.example' type='get' id='v1'>
		<query xmlns='jabber:iq:version'/></iq>`))
	if err != nil {
		log.Fatal(err)
	}
	for _, ask := range fx.Questions {
		fmt.Println(ask.Nick, "asks", ask.Payload)
		answer, err := room.Do(evening.Add(time.Second), muc.Answer{
			ID:      ask.ID,
			Payload: parse(`<query xmlns='jabber:iq:version'><name>Verona</name></query>`),
		})
		if err != nil {
			log.Fatal(err)
		}
		for _, out := range answer.Outbound {
			fmt.Println(string(out.AppendXML(nil, out.To()[0], "")))
		}
	}
	// Output:
	// Romeo asks <query xmlns='jabber:iq:version'/>
	// <iq to='romeo@example.org/pda' from='cellar@chat.example' id='v1' type='result'><query xmlns='jabber:iq:version'><name>Verona</name></query></iq>
}

// The archive is the host's. The room judges who may read it, asks for what is
// wanted, and writes it for the reader. A host that keeps the events at hand finds
// a page with Page; one with a database writes the same as a query.
func ExampleArchiveQuery_Page() {
	room, err := muc.New(muc.Config{
		Room: muc.MustParseJID("cellar@chat.example"), Secret: secret, Instant: true, Archive: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	enter(room, "Romeo")
	var kept []event.Event
	for _, body := range []string{"But soft!", "What light?"} {
		fx, err := room.Do(evening, muc.Say{Body: body})
		if err != nil {
			log.Fatal(err)
		}
		kept = append(kept, fx.Durable...)
	}
	fx, err := room.Handle(evening, parse(`<iq from='romeo@example.org/pda' to='cellar@chat.example' type='set' id='a1'>
		<query xmlns='urn:xmpp:mam:2'/></iq>`))
	if err != nil {
		log.Fatal(err)
	}
	ask := fx.Questions[0]
	page, refused := ask.Archive.Page(kept)
	fx, err = room.Do(evening, muc.Answer{ID: ask.ID, Archive: &page, Refuse: refused})
	if err != nil {
		log.Fatal(err)
	}
	for _, out := range fx.Outbound {
		stanza := out.Stanza()
		if body := stanza.FindElement("result/forwarded/message/body"); body != nil {
			fmt.Println(stanza.Tag, body.Text())
		} else {
			fmt.Println(stanza.Tag, stanza.SelectAttrValue("type", ""))
		}
	}
	// Output:
	// message But soft!
	// message What light?
	// iq result
}

// A join may wait for the host: for a challenge to be solved, for an account to be
// looked up. When the answer comes, all rules are judged again.
func ExampleConfig_asksJoin() {
	room, err := muc.New(muc.Config{
		Room:     muc.MustParseJID("cellar@chat.example"),
		Secret:   secret,
		Instant:  true,
		AsksJoin: func(q policy.Join) bool { return q.JID.Domain() != "example.org" },
	})
	if err != nil {
		log.Fatal(err)
	}
	enter(room, "Romeo")
	fx, err := room.Handle(evening, parse(`<presence from='iago@elsewhere.example/x' to='cellar@chat.example/Iago'>
		<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	if err != nil {
		log.Fatal(err)
	}
	ask := fx.Questions[0]
	fmt.Println(ask.JID, "wants to be", ask.Nick, "and waits:", len(fx.Outbound), "stanzas")
	fx, err = room.Do(evening.Add(time.Second), muc.Answer{ID: ask.ID})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("admitted:", len(fx.Outbound), "stanzas")
	// Output:
	// iago@elsewhere.example/x wants to be Iago and waits: 0 stanzas
	// admitted: 4 stanzas
}

// A room has no clock. It says when it wants to be called, and the host calls.
func ExampleRoom_Tick() {
	room, err := muc.New(muc.Config{
		Room: muc.MustParseJID("cellar@chat.example"), Secret: secret, LockTimeout: 10 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	enter(room, "Romeo")
	fmt.Println(room.State(), "until", room.Deadline().Format(time.TimeOnly))
	fx, err := room.Tick(room.Deadline())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(room.State(), "by", fx.Durable[0].Type(), "/ deadline:", !room.Deadline().IsZero())
	// Output:
	// locked until 20:10:00
	// open by unlocked / deadline: false
}

// A server knows when a connection is gone. A bare JID stands for all sessions
// of an account, a domain for all of its accounts.
func ExampleVanished() {
	room := roomWith("Romeo", "Juliet")
	fx, err := room.Do(evening, muc.Vanished{JID: muc.MustParseJID("juliet@example.org/pda")})
	if err != nil {
		log.Fatal(err)
	}
	for _, out := range fx.Outbound {
		stanza := out.Stanza()
		fmt.Println(stanza.SelectAttrValue("from", ""), stanza.SelectAttrValue("type", ""), "to", out.To())
	}
	// Output:
	// cellar@chat.example/Juliet unavailable to [romeo@example.org/pda]
}

// countingJournal prints how it is written to.
type countingJournal struct {
	memory
	broken bool
}

func (j *countingJournal) Append(events []event.Event) error {
	if j.broken {
		return errors.New("disk full")
	}
	fmt.Println(len(events), "events with one write")
	return j.memory.Append(events)
}

func (m *memory) Load() ([]byte, []event.Event, error) { return nil, m.events, nil }

func newWorker(j journal) *worker {
	w := &worker{
		config:  muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: secret, LockTimeout: -1},
		journal: j,
		deliver: send,
		answer:  func(muc.Question) {},
		now:     func() time.Time { return evening },
	}
	if err := w.restore(); err != nil {
		log.Fatal(err)
	}
	return w
}
