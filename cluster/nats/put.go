package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/gomuc/muc/cluster"
)

// Headers of stored messages. Those of JetStream stay with the message: expectedHeader says
// which message it came after.
const (
	idHeader    = "Muc-Id"    // random, of one append: its writer knows it again
	epochHeader = "Muc-Epoch" // of the owner who wrote it
	kindHeader  = "Muc-Kind"  // cluster.Kind
	atHeader    = "Muc-At"    // of an entry: the message of the log from which it was derived
	partsHeader = "Muc-Parts" // number of pieces, position of the first, SHA-256 of the body
	pieceHeader = "Muc-Piece" // which piece this is, from 0

	expectedHeader = "Nats-Expected-Last-Subject-Sequence"
	rollupHeader   = "Nats-Rollup"
	ttlHeader      = "Nats-TTL"
	sequenceHeader = "Nats-Sequence"
	beforeHeader   = "Nats-Last-Sequence" // of the message before it in a page
	subjectHeader  = "Nats-Subject"
	pendingHeader  = "Nats-Num-Pending"
	statusHeader   = "Status"
)

// Codes of JetStream's errors.
const (
	errWrongLast  = 10071 // "wrong last sequence: N"
	errInProcess  = 10164 // "wrong last sequence": another write to the subject is under way, perhaps this one
	errNoMessage  = 10037
	errNoPeers    = 10005
	errNameInUse  = 10058
	errNoCluster  = 10074 // more than one copy on a server that is alone
	errTooLarge   = 10054 // than the stream allows
	errFullServer = 10023 // "insufficient resources"
	errFullStore  = 10047 // "insufficient storage resources"
	errFullTier   = 10002 // "resource limits exceeded for account"
	errStore      = 10077 // the store refuses: a bound of the stream, or a fault of the disk
)

// errReplaced: the message at the place in question is a later one, which took the place of all
// before it. Nobody knows any more whether this one was among them.
var errReplaced = errors.New("cluster/nats: replaced since")

// answer is JetStream's to a message.
type answer struct {
	Seq   uint64    `json:"seq"`
	Error *apiError `json:"error"`
}

type apiError struct {
	Code    int    `json:"err_code"`
	Message string `json:"description"`
}

func (a *apiError) Error() string { return fmt.Sprintf("%s (%d)", a.Message, a.Code) }

// full says that there is no place for the message.
func (a *apiError) full() bool {
	switch a.Code {
	case errFullServer, errFullStore, errFullTier:
		return true
	case errStore:
		return strings.HasPrefix(a.Message, "maximum ")
	}
	return false
}

// write is a message on its way into a stream, after the message of its subject at position
// after. With anywhere nothing is expected.
type write struct {
	stream   string
	msg      *nats.Msg
	id       string
	after    uint64
	anywhere bool
	// barrier is a subject of the same stream that is of nothing.
	barrier string
}

// verdict is what one try of a write has shown.
type verdict int

const (
	stored  verdict = iota
	refused         // for good
	doubted         // it may be stored, now or later
	again           // it was not stored
	behind          // as doubted: who answers knows less than what was seen stored
)

// put stores a message and finds out what became of it where an answer is lost. It returns its
// sequence, or an error that is certain: the message is not stored and will not be; only
// ErrUnknown is not.
func (e *Engine) put(ctx context.Context, w write) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("cluster/nats: %w", err)
	}
	w.msg.Header.Set(idHeader, w.id)
	if !w.anywhere {
		w.msg.Header.Set(expectedHeader, strconv.FormatUint(w.after, 10))
	}
	doubt := false
	for wait := firstWait; ; {
		seq, got, err := e.try(ctx, w, wait)
		doubt = doubt || got == doubted || got == behind
		if doubt && got != stored && !w.anywhere { // there is no harm in a second one anywhere
			var found verdict
			if seq, found, err = e.find(ctx, w, wait, err); found != again || got == refused {
				got = found
			}
		}
		switch {
		case got == stored, got == refused:
			return seq, err
		case got == behind:
			// It was cut off, and leads no majority any more: then another one leads, or will, which may
			// have stored it. Or the message that is expected is forgotten, and nothing ever comes after it.
			last, failed := e.lastNow(ctx, w.stream, w.barrier, w.msg.Subject)
			if failed == nil && last < w.after {
				return 0, fmt.Errorf("%w: %w", cluster.ErrConflict, err)
			}
		}
		ended := pause(ctx, &wait)
		if e.log.IsClosed() {
			ended = nats.ErrConnectionClosed
		}
		switch {
		case ended != nil && doubt:
			return 0, fmt.Errorf("%w: %v (%w)", cluster.ErrUnknown, err, ended) // what the last try brought is not certain
		case ended != nil:
			return 0, fmt.Errorf("cluster/nats: %w (%w)", err, ended)
		}
	}
}

// pass stores a message under a subject of nothing: a copy in which it is found has all that was
// stored before.
func (e *Engine) pass(ctx context.Context, stream, barrier string) (uint64, error) {
	msg := nats.NewMsg(barrier)
	msg.Header.Set(rollupHeader, "sub")
	return e.put(ctx, write{stream: stream, msg: msg, id: newID(), anywhere: true})
}

// try sends a message once, after that wait.
func (e *Engine) try(ctx context.Context, w write, wait time.Duration) (uint64, verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, longer(appendTry, wait))
	defer cancel()
	reply, err := e.log.RequestMsgWithContext(ctx, w.msg)
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrReconnectBufExceeded):
		return 0, again, err
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrConnectionClosed):
		return 0, refused, fmt.Errorf("cluster/nats: %w", err)
	case err != nil:
		return 0, doubted, err
	}
	var a answer
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		return 0, doubted, fmt.Errorf("cluster/nats: the answer %q: %w", reply.Data, err)
	}
	switch {
	case a.Error == nil && a.Seq != 0:
		return a.Seq, stored, nil
	case a.Error == nil:
		return 0, doubted, fmt.Errorf("cluster/nats: the answer %q", reply.Data)
	case a.Error.Code == errInProcess, a.Error.Code == errStore && !a.Error.full():
		return 0, doubted, a.Error
	case a.Error.Code == errWrongLast && lastOf(a.Error.Message) < w.after:
		return 0, behind, a.Error
	case a.Error.Code == errWrongLast:
		return 0, refused, fmt.Errorf("%w: %w", cluster.ErrConflict, a.Error)
	case a.Error.full():
		return 0, refused, fmt.Errorf("%w: %w", ErrFull, a.Error)
	case a.Error.Code == errTooLarge:
		return 0, refused, fmt.Errorf("%w: %w", cluster.ErrTooLarge, a.Error)
	}
	return 0, again, a.Error
}

// lastOf is the N of "wrong last sequence: N".
func lastOf(message string) uint64 {
	n, _ := strconv.ParseUint(message[strings.LastIndexByte(message, ' ')+1:], 10, 64)
	return n
}

// find looks for a write of which it is not known whether it was stored: the message of the
// subject that came next after the expected one is it, or it never will be. why is what the
// last try brought.
func (e *Engine) find(ctx context.Context, w write, wait time.Duration, why error) (uint64, verdict, error) {
	next, err := e.fromLeader(ctx, w.stream, getRequest{Seq: w.after + 1, NextFor: w.msg.Subject}, wait)
	switch {
	case err != nil:
		return 0, again, err
	case next == nil:
		return 0, again, why
	case next.header.Get(idHeader) == w.id:
		return next.seq, stored, nil
	case next.header.Get(expectedHeader) == strconv.FormatUint(w.after, 10):
		return 0, refused, fmt.Errorf("%w: %w", cluster.ErrConflict, why)
	}
	// What stood between was replaced.
	return 0, refused, fmt.Errorf("%w: %w: %v", cluster.ErrUnknown, errReplaced, why) // which may look certain
}
