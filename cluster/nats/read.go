package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// getRequest asks a stream for messages.
type getRequest struct {
	Seq      uint64   `json:"seq,omitempty"`
	LastFor  string   `json:"last_by_subj,omitempty"`
	NextFor  string   `json:"next_by_subj,omitempty"`
	Batch    int      `json:"batch,omitempty"`
	MaxBytes int      `json:"max_bytes,omitempty"`
	Lasts    []string `json:"multi_last,omitempty"`
}

// item is a stored message.
type item struct {
	subject string
	seq     uint64
	header  nats.Header
	data    []byte
}

// fromLeader asks the leader of a stream for one message, once, after that wait; nil if there is none. A leader
// that was cut off answers for some seconds, from what it knew then.
func (e *Engine) fromLeader(ctx context.Context, stream string, what getRequest, wait time.Duration) (*item, error) {
	ctx, cancel := context.WithTimeout(ctx, longer(readTry, wait))
	defer cancel()
	request, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("cluster/nats: %w", err)
	}
	reply, err := e.log.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, request)
	if err != nil {
		return nil, fmt.Errorf("cluster/nats: %w", err)
	}
	var a struct {
		Error   *apiError `json:"error"`
		Message struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Header  []byte `json:"hdrs"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		return nil, fmt.Errorf("cluster/nats: an answer of %s: %w", stream, err)
	}
	if a.Error != nil {
		if a.Error.Code == errNoMessage {
			return nil, nil
		}
		return nil, a.Error
	}
	m := &item{subject: a.Message.Subject, seq: a.Message.Seq, data: a.Message.Data}
	if len(a.Message.Header) > 0 {
		if m.header, err = nats.DecodeHeadersMsg(a.Message.Header); err != nil {
			return nil, fmt.Errorf("cluster/nats: headers in %s: %w", stream, err)
		}
	}
	return m, nil
}

// ask asks the leader until it answers or the context ends.
func (e *Engine) ask(ctx context.Context, stream string, what getRequest) (*item, error) {
	for wait := firstWait; ; {
		m, err := e.fromLeader(ctx, stream, what, wait)
		if err == nil || e.log.IsClosed() {
			return m, err
		}
		if ended := pause(ctx, &wait); ended != nil {
			return nil, fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// A page of messages has a bound in number and in bytes. With each page the servers count how many messages
// are left, for which they look at every subject of the list of rooms: few large pages.
const (
	pageItems = 5_000
	pageBytes = 4 << 20
)

// page asks a copy of a stream, any one, for messages and gives them to a function, once, after that
// wait. It says whether the copy has more. Each message names the one before it: a connection between servers that
// breaks may lose some in the midst of a page.
func (e *Engine) page(ctx context.Context, stream string, what getRequest, wait time.Duration, each func(item) bool) (more bool, err error) {
	request, err := json.Marshal(what)
	if err != nil {
		return false, fmt.Errorf("cluster/nats: %w", err)
	}
	answers, err := e.log.SubscribeSync(e.log.NewInbox())
	if err != nil {
		return false, fmt.Errorf("cluster/nats: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := e.log.PublishRequest("$JS.API.DIRECT.GET."+stream, answers.Subject, request); err != nil {
		return false, fmt.Errorf("cluster/nats: %w", err)
	}
	for last := "0"; ; {
		try, cancel := context.WithTimeout(ctx, longer(readTry, wait))
		m, err := answers.NextMsgWithContext(try)
		cancel()
		if err != nil {
			return false, fmt.Errorf("cluster/nats: reading %s: %w", stream, err)
		}
		if before := m.Header.Get(beforeHeader); before != "" && before != last {
			return false, fmt.Errorf("cluster/nats: reading %s: what came after %s and before %s is lost", stream, last, before)
		}
		switch status := m.Header.Get(statusHeader); status {
		case "":
		case "204":
			left, err := strconv.ParseUint(m.Header.Get(pendingHeader), 10, 64)
			return left > 0, err
		case "404":
			return false, nil
		case "413":
			return false, errTooMany
		default:
			return false, fmt.Errorf("cluster/nats: reading %s: %s %s", stream, status, m.Header.Get("Description"))
		}
		last = m.Header.Get(sequenceHeader)
		seq, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			return false, fmt.Errorf("%w: reading %s: no sequence", ErrDamaged, stream)
		}
		if !each(item{subject: m.Header.Get(subjectHeader), seq: seq, header: m.Header, data: m.Data}) {
			return false, nil
		}
	}
}

// leaderAfter is how often copies are asked in vain before the leader is.
const leaderAfter = 3

// leaderMessages is after how many messages of the leader a copy is asked again.
const leaderMessages = 100

var errLags = errors.New("cluster/nats: the copies of the stream lag")

// scan gives the messages of a subject, which may have a wildcard, from a sequence on to a
// function, until one at upTo or after it was given. Copies that lag or do not answer are asked
// again, then the leader is, message by message, and now and then a copy.
func (e *Engine) scan(ctx context.Context, stream, subject string, from, upTo uint64, each func(item) error) error {
	var wrong error
	done := false
	take := func(m item) bool {
		if m.seq < from {
			return true // asked for twice
		}
		from = m.seq + 1
		wrong = each(m)
		done = m.seq >= upTo
		return wrong == nil && !done
	}
	led := 0 // messages of the leader
	for wait, vain := lagWait, 0; ; {
		began := from
		var err error
		byLeader := vain >= leaderAfter
		if !byLeader {
			_, err = e.page(ctx, stream, getRequest{Seq: from, NextFor: subject, Batch: pageItems, MaxBytes: pageBytes}, wait, take)
		} else {
			var m *item
			if m, err = e.fromLeader(ctx, stream, getRequest{Seq: from, NextFor: subject}, wait); m != nil {
				take(*m)
				led++
			}
		}
		switch {
		case wrong != nil || done:
			return wrong
		case e.log.IsClosed():
			return fmt.Errorf("cluster/nats: %w", nats.ErrConnectionClosed)
		case from > began && !byLeader:
			wait, vain = lagWait, 0
			continue
		case from > began: // message by message takes long: a copy may be well again
			if led%leaderMessages == 0 {
				vain--
			}
			continue
		case err == nil:
			err = errLags
		}
		vain++
		if ended := pause(ctx, &wait); ended != nil {
			return fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// mostLasts is for how many subjects the servers find the last messages at once.
const mostLasts = 1024

// errTooMany: more subjects than that, or too many bytes.
var errTooMany = errors.New("cluster/nats: too many subjects at once")

// lasts are the last messages of subjects of a stream, which may have wildcards. With a barrier they
// are not older than the call. The servers find them by their subjects, which takes no longer if
// the stream has many others. There is a bound: errTooMany.
func (e *Engine) lasts(ctx context.Context, stream, barrier string, subjects ...string) ([]item, error) {
	var least uint64
	if barrier != "" {
		var err error
		if least, err = e.pass(ctx, stream, barrier); err != nil {
			return nil, err
		}
		subjects = append(subjects, barrier)
	}
	for wait := lagWait; ; {
		var found []item
		reached := barrier == ""
		more, err := e.page(ctx, stream, getRequest{Lasts: subjects, Batch: mostLasts}, wait, func(m item) bool {
			if m.subject == barrier {
				reached = m.seq >= least
			} else {
				found = append(found, m)
			}
			return true
		})
		switch {
		case errors.Is(err, errTooMany), err == nil && more:
			return nil, errTooMany
		case err == nil && reached:
			return found, nil
		case err == nil:
			err = errLags
		}
		if ended := pause(ctx, &wait); ended != nil || e.log.IsClosed() {
			return nil, fmt.Errorf("%w (%w)", err, errors.Join(ended, closed(e.log)))
		}
	}
}

// lastNow is the sequence of the last message of a subject, as a majority knows it; 0 if there is none.
func (e *Engine) lastNow(ctx context.Context, stream, barrier, subject string) (uint64, error) {
	found, err := e.lasts(ctx, stream, barrier, subject)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].seq, nil
}

// closed is an error if the connection was closed for good.
func closed(c *nats.Conn) error {
	if c.IsClosed() {
		return nats.ErrConnectionClosed
	}
	return nil
}
