package nats

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// Bodies that are too large for one message are cut. The pieces are stored first, under a
// subject of their own; the message of the log, which alone counts, names them. When another
// snapshot has taken its place they are deleted.

// largestPiece keeps pieces small enough for the default bounds of a server, also where an
// answer has them as base64.
const largestPiece = 512 << 10

// pieceBytes is how large a piece may be, and a body that is not cut.
func (e *Engine) pieceBytes() int {
	if most := int(e.log.MaxPayload()) / 2; most > 0 {
		return min(most, largestPiece)
	}
	return largestPiece
}

// putPieces stores the pieces of a body and names them in the header of its message. It returns the
// position of the first.
func (e *Engine) putPieces(ctx context.Context, m cluster.Message, msg *nats.Msg) (first uint64, err error) {
	shard, size := cluster.ShardOf(m.Room), e.pieceBytes()
	n := 0
	for at := 0; at < len(m.Body); at += size {
		piece := nats.NewMsg(e.subject("part", shard, token(m.Room)))
		piece.Header.Set(pieceHeader, strconv.Itoa(n))
		piece.Data = m.Body[at:min(at+size, len(m.Body))]
		seq, err := e.put(ctx, write{stream: e.logStream(shard), msg: piece, id: m.ID, anywhere: true})
		if err != nil {
			if errors.Is(err, cluster.ErrUnknown) { // the piece may be there, but not what names it
				err = fmt.Errorf("cluster/nats: not stored: %v", err)
			}
			return 0, fmt.Errorf("piece %d of %s: %w", n, m.Room, err)
		}
		if n++; n == 1 {
			first = seq
		}
	}
	msg.Header.Set(partsHeader, fmt.Sprintf("%d %d %x", n, first, sha256.Sum256(m.Body)))
	return first, nil
}

// whole is the body of a message.
func (e *Engine) whole(ctx context.Context, m stub) ([]byte, error) {
	if m.parts == "" {
		return m.Body, nil
	}
	damaged := func(what string) ([]byte, error) {
		return nil, fmt.Errorf("%w: the pieces of message %d: %s", ErrDamaged, m.Pos, what)
	}
	var n int
	var first uint64
	var sum string
	if _, err := fmt.Sscanf(m.parts, "%d %d %x", &n, &first, &sum); err != nil || n < 1 || n > e.cfg.BodyBytes {
		return damaged(m.parts)
	}
	shard := cluster.ShardOf(m.Room)
	subject := e.subject("part", shard, token(m.Room))
	last, err := e.ask(ctx, e.logStream(shard), getRequest{LastFor: subject})
	if err != nil {
		return nil, err
	}
	if last == nil {
		return damaged("there is none")
	}
	var body []byte
	next := 0
	err = e.scan(ctx, e.logStream(shard), subject, first, last.seq, func(i item) error {
		if i.header.Get(idHeader) == m.ID && i.header.Get(pieceHeader) == strconv.Itoa(next) {
			next++
			body = append(body, i.data...)
		}
		if len(body) > e.cfg.BodyBytes {
			return fmt.Errorf("%w: message %d of %s: BodyBytes is %d", cluster.ErrTooLarge, m.Pos, m.Room, e.cfg.BodyBytes)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case next != n:
		return damaged(fmt.Sprintf("%d of %d", next, n))
	case fmt.Sprintf("%x", sha256.Sum256(body)) != fmt.Sprintf("%x", sum):
		return damaged("they are others")
	}
	return body, nil
}

// dropPieces deletes the pieces before the first one of a room's newest snapshot, or all before
// its position if it has none. They are in no message any more; what cannot be deleted now goes
// with the next snapshot.
func (e *Engine) dropPieces(ctx context.Context, room muc.JID, first, seq uint64) {
	if first == 0 {
		first = seq
	}
	shard := cluster.ShardOf(room)
	stream, subject := e.logStream(shard), e.subject("part", shard, token(room))
	ctx, cancel := context.WithTimeout(ctx, appendTry)
	defer cancel()
	oldest, err := e.fromLeader(ctx, stream, getRequest{Seq: 1, NextFor: subject}, firstWait)
	if err != nil || oldest == nil || oldest.seq >= first {
		return
	}
	if request, err := json.Marshal(map[string]any{"filter": subject, "seq": first}); err == nil {
		_, _ = e.log.RequestWithContext(ctx, "$JS.API.STREAM.PURGE."+stream, request)
	}
}
