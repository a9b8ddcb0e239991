package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// logReader reads the log as it is written, before snapshots take the place of messages.
type logReader struct {
	conn *natsgo.Conn
	stop func()

	mu    sync.Mutex
	seq   uint64
	rooms map[string][]line
	// snapshots are where in these lines a snapshot took the place of messages: some of them may
	// not have been read before.
	snapshots map[string]map[int]bool
	wrong     []string
}

func readLog(url string) (*logReader, error) {
	conn, err := natsgo.Connect(url, natsgo.UserInfo("muc", password), natsgo.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// The consumer goes on where it was when another server leads the stream.
	consumer, err := js.OrderedConsumer(ctx, "MUC_LOG_1", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"muc.log.*.*"}})
	if err != nil {
		return nil, err
	}
	r := &logReader{conn: conn, rooms: map[string][]line{}, snapshots: map[string]map[int]bool{}}
	c, err := consumer.Consume(r.read)
	if err != nil {
		return nil, err
	}
	r.stop = c.Stop
	return r, nil
}

// read takes a message of the log.
func (r *logReader) read(m jetstream.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if meta, err := m.Metadata(); err == nil {
		r.seq = meta.Sequence.Stream
	}
	switch cluster.Kind(m.Headers().Get("Muc-Kind")) {
	case cluster.Step:
	case cluster.Snapshot:
		if r.snapshots[m.Subject()] == nil {
			r.snapshots[m.Subject()] = map[int]bool{}
		}
		r.snapshots[m.Subject()][len(r.rooms[m.Subject()])] = true
		return
	default:
		return
	}
	var step service.Step
	if err := json.Unmarshal(m.Data(), &step); err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("%s: %v", m.Subject(), err))
		return
	}
	for _, e := range step.Events {
		if said, is := e.Body.(*event.MessageArchived); is {
			r.rooms[m.Subject()] = append(r.rooms[m.Subject()], line{said.StanzaID, bodyOf(said.Payload)})
		}
	}
}

func bodyOf(payload string) string {
	doc := etree.NewDocument()
	if err := doc.ReadFromString("<x>" + payload + "</x>"); err != nil {
		return err.Error()
	}
	if body := doc.Root().SelectElement("body"); body != nil {
		return body.Text()
	}
	return ""
}

// settle lets everybody fall silent, and waits until what was said is heard.
func (w *world) settle(ctx context.Context) {
	w.quiet()
	w.talking.Wait()
	for until := time.Now().Add(90 * time.Second); time.Now().Before(until) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		s := w.gate.Stats()
		busy := s.Open > 0 || s.OutBytes > 0
		for _, r := range w.rooms {
			busy = busy || r.heard.Load() < r.expected()
		}
		if !busy {
			break
		}
		if w.sabot != "" && time.Since(until) > -60*time.Second {
			break
		}
	}
	if s := w.gate.Stats(); s.Open > 0 || s.OutBytes > 0 {
		w.blame("something stays open: %+v", s)
	}
	pause(ctx, time.Second) // copies, if there are any
	w.awaitLog(ctx)
}

// awaitLog waits until the whole log was read.
func (w *world) awaitLog(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ; ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
		reply, err := w.logged.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET.MUC_LOG_1", []byte(`{"last_by_subj":"muc.log.*.*"}`))
		if err != nil {
			continue
		}
		var last struct {
			Message struct {
				Seq uint64 `json:"seq"`
			} `json:"message"`
		}
		_ = json.Unmarshal(reply.Data, &last)
		w.logged.mu.Lock()
		seq := w.logged.seq
		w.logged.mu.Unlock()
		if last.Message.Seq > 0 && seq >= last.Message.Seq {
			return
		}
	}
	w.blame("the log could not be read to its end")
}

// judge holds what clients heard against each other and against the log, and prints what happened.
func (w *world) judge(ctx context.Context) error {
	messages := 0
	for _, r := range w.rooms {
		messages += int(r.said.Load())
		w.judgeRoom(r)
	}
	w.logged.mu.Lock()
	wrong := append(w.wrong, w.logged.wrong...)
	w.logged.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.counts["steps that differ"]; n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d steps that were done again differ", n))
	}
	fmt.Printf("%d messages in %v\n", messages, time.Since(w.began).Round(time.Second))
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		fmt.Printf("%s: %d\n", what, w.counts[what])
	}
	silences, moves := spread(w.silences), spread(w.moves)
	fmt.Printf("rooms of a killed node speak again: %s\nmoves of shards: %s\n", silences, moves)
	if w.strict {
		if silences.median > 3*time.Second || silences.most > 6*time.Second {
			wrong = append(wrong, "rooms were silent for too long")
		}
		if moves.most > 20*time.Millisecond {
			wrong = append(wrong, "moves took too long")
		}
	}
	for i, s := range wrong {
		if i == 20 {
			fmt.Printf("… and %d more\n", len(wrong)-i)
			break
		}
		fmt.Println("WRONG:", s)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case w.sabot != "" && len(wrong) == 0:
		return fmt.Errorf("nobody noticed that %s is broken", w.sabot)
	case w.sabot != "":
		fmt.Println("noticed, as it should be")
		return nil
	case len(wrong) > 0:
		return errors.New("somebody noticed")
	}
	fmt.Println("nobody noticed anything")
	return nil
}

func (w *world) judgeRoom(r *chat) {
	first := r.stay[0].heard
	if want := r.expected(); uint64(len(first)) != want {
		w.blame("%s: %d messages were taken, %s heard %d", r.jid, want, r.stay[0].jid, len(first))
	}
	for _, c := range r.stay[1:] {
		if !slices.Equal(c.heard, first) {
			w.blame("%s: %s and %s heard other things: %s", r.jid, c.jid, r.stay[0].jid, difference(c.heard, first))
		}
	}
	// The guest heard parts of it, in the same order.
	at := 0
	for _, l := range r.guest.heard {
		i := slices.Index(first[at:], l)
		if i < 0 {
			w.blame("%s: the guest heard %v, which nobody else did, or not then", r.jid, l)
			break
		}
		at += i + 1
	}
	w.logged.mu.Lock()
	defer w.logged.mu.Unlock()
	for subject, log := range w.logged.rooms {
		if strings.HasSuffix(subject, "."+token(r)) && !fits(log, first, w.logged.snapshots[subject]) {
			w.wrong = append(w.wrong, fmt.Sprintf("%s: the log is another than what was heard: %s", r.jid, difference(log, first)))
		}
	}
}

// fits reports whether the log is what was heard, but for what a snapshot had taken the place of
// before it was read.
func fits(log, heard []line, snapshots map[int]bool) bool {
	at := 0
	for i := range len(log) + 1 {
		for at < len(heard) && (i == len(log) || heard[at] != log[i]) {
			if !snapshots[i] {
				return false
			}
			at++
		}
		if i < len(log) {
			if at == len(heard) {
				return false
			}
			at++
		}
	}
	return true
}

// token is what stands for the room in subjects.
func token(r *chat) string { return base64.RawURLEncoding.EncodeToString([]byte(r.jid.Local())) }

func difference(a, b []line) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("at %d %v and %v", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d and %d of them", len(a), len(b))
}

// times are the median and the greatest of some.
type times struct {
	n            int
	median, most time.Duration
}

func spread(all []time.Duration) (t times) {
	if t.n = len(all); t.n > 0 {
		slices.Sort(all)
		t.median, t.most = all[len(all)/2], all[len(all)-1]
	}
	return t
}

func (t times) String() string {
	return fmt.Sprintf("%v at the median, %v at most, of %d", t.median.Round(100*time.Microsecond), t.most.Round(100*time.Microsecond), t.n)
}
