package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// goneFor is how long the log and the list know that a room is gone.
const goneFor = "24h"

// Last is the last message of a room, from the leader of its stream.
func (e *Engine) Last(ctx context.Context, room muc.JID) (cluster.Message, error) {
	if err := e.mine(room); err != nil {
		return cluster.Message{}, err
	}
	shard := cluster.ShardOf(room)
	m, err := e.ask(ctx, e.logStream(shard), getRequest{LastFor: e.subject("log", shard, token(room))})
	if err != nil || m == nil {
		return cluster.Message{}, err
	}
	return messageOf(room, *m)
}

// messageOf is the message without what was cut off its body.
func messageOf(room muc.JID, m item) (cluster.Message, error) {
	epoch, err := strconv.ParseUint(m.header.Get(epochHeader), 10, 64)
	if err != nil {
		return cluster.Message{}, fmt.Errorf("%w: message %d of %s: %v", ErrDamaged, m.seq, room, err)
	}
	return cluster.Message{Room: room, Pos: cluster.Pos(m.seq), ID: m.header.Get(idHeader), Epoch: cluster.Epoch(epoch),
		Kind: cluster.Kind(m.header.Get(kindHeader)), Body: m.data}, nil
}

// Append stores a message of a room after another one. A body that is too large for a message of
// JetStream goes before it in pieces.
func (e *Engine) Append(ctx context.Context, m cluster.Message, after cluster.Pos) (cluster.Pos, error) {
	if err := e.mine(m.Room); err != nil {
		return 0, err
	}
	if len(m.Body) > e.cfg.BodyBytes {
		return 0, fmt.Errorf("%w: %s: %d bytes, BodyBytes is %d", cluster.ErrTooLarge, m.Room, len(m.Body), e.cfg.BodyBytes)
	}
	shard := cluster.ShardOf(m.Room)
	msg := nats.NewMsg(e.subject("log", shard, token(m.Room)))
	msg.Header.Set(epochHeader, strconv.FormatUint(uint64(m.Epoch), 10))
	msg.Header.Set(kindHeader, string(m.Kind))
	replaces := m.Kind == cluster.Snapshot || m.Kind == cluster.Gone
	if replaces {
		msg.Header.Set(rollupHeader, "sub")
	}
	if m.Kind == cluster.Gone {
		msg.Header.Set(ttlHeader, goneFor)
	}
	var first uint64 // position of the first piece
	if len(m.Body) <= e.pieceBytes() {
		msg.Data = m.Body
	} else {
		var err error
		if first, err = e.putPieces(ctx, m, msg); err != nil {
			return 0, err
		}
	}
	seq, err := e.put(ctx, write{stream: e.logStream(shard), msg: msg, id: m.ID, after: uint64(after), barrier: e.subject("log", shard, noToken)})
	if err != nil {
		return 0, fmt.Errorf("%s after %d: %w", m.Room, after, err)
	}
	if replaces {
		e.dropPieces(ctx, m.Room, first, seq)
	}
	return cluster.Pos(seq), nil
}

// Read reads the messages of a room from the last snapshot on. Each names the one before it, so
// that none can be missing.
func (e *Engine) Read(ctx context.Context, room muc.JID, upTo cluster.Pos) iter.Seq2[cluster.Message, error] {
	return func(yield func(cluster.Message, error) bool) {
		all, err := e.read(ctx, room, upTo)
		for _, m := range all {
			if err == nil {
				m.Body, err = e.whole(ctx, m)
			}
			if err != nil || !yield(m.Message, nil) {
				break
			}
		}
		if err != nil {
			yield(cluster.Message{}, fmt.Errorf("reading %s up to %d: %w", room, upTo, err))
		}
	}
}

// stub is a message whose body may be in pieces.
type stub struct {
	cluster.Message
	parts string
}

func (e *Engine) read(ctx context.Context, room muc.JID, upTo cluster.Pos) ([]stub, error) {
	if err := e.mine(room); err != nil || upTo == 0 {
		return nil, err
	}
	shard := cluster.ShardOf(room)
	var all []stub
	last := uint64(0)
	err := e.scan(ctx, e.logStream(shard), e.subject("log", shard, token(room)), 1, uint64(upTo), func(i item) error {
		if i.seq > uint64(upTo) {
			return fmt.Errorf("%w: it was replaced", cluster.ErrConflict)
		}
		m, err := messageOf(room, i)
		if err != nil {
			return err
		}
		if m.Kind == cluster.Snapshot || m.Kind == cluster.Gone {
			all = nil
		} else if came := i.header.Get(expectedHeader); came != strconv.FormatUint(last, 10) {
			return fmt.Errorf("%w: message %d comes after %s, found %d", ErrDamaged, i.seq, came, last)
		}
		last = i.seq
		all = append(all, stub{m, i.header.Get(partsHeader)})
		return nil
	})
	return all, err
}

// Since goes through the rooms of a shard with messages after a position.
func (e *Engine) Since(ctx context.Context, shard int, after cluster.Pos) iter.Seq2[muc.JID, error] {
	return func(yield func(muc.JID, error) bool) {
		rooms, damaged, err := e.since(ctx, shard, after)
		for room := range rooms {
			if !yield(room, nil) {
				return
			}
		}
		for _, err := range append(damaged, err) {
			if err != nil && !yield(muc.JID{}, fmt.Errorf("shard %d since %d: %w", shard, after, err)) {
				return
			}
		}
	}
}

// since are the rooms, and why other messages are of none.
func (e *Engine) since(ctx context.Context, shard int, after cluster.Pos) (rooms map[muc.JID]struct{}, damaged []error, err error) {
	if err := inRange(shard); err != nil {
		return nil, nil, err
	}
	end, err := e.pass(ctx, e.logStream(shard), e.subject("log", shard, noToken))
	if err != nil {
		return nil, nil, err
	}
	rooms = map[muc.JID]struct{}{}
	err = e.scan(ctx, e.logStream(shard), e.subject("log", shard, every), uint64(after)+1, end, func(m item) error {
		if isBarrier(m) {
			return nil
		}
		room, err := e.roomOf(m.subject)
		switch {
		case err == nil:
			rooms[room] = struct{}{}
		case len(damaged) < mostDamaged:
			damaged = append(damaged, err)
		}
		return nil
	})
	return rooms, damaged, err
}

// mostDamaged is of how many messages that cannot be read it is said why.
const mostDamaged = 100

func isBarrier(m item) bool { return m.subject[len(m.subject)-len(noToken)-1:] == "."+noToken }

// Entries goes through the list of rooms of a shard.
func (e *Engine) Entries(ctx context.Context, shard int) iter.Seq2[cluster.Entry, error] {
	return func(yield func(cluster.Entry, error) bool) {
		if err := inRange(shard); err != nil {
			yield(cluster.Entry{}, err)
			return
		}
		entries, damaged := []cluster.Entry{}, []error{}
		found, err := e.lasts(ctx, e.listStream(), e.subject("dir", shard, noToken), e.subject("dir", shard, every))
		for _, m := range found {
			readEntry(m, &entries, &damaged)
		}
		if errors.Is(err, errTooMany) {
			entries, damaged, err = e.scanEntries(ctx, shard)
		}
		yieldEntries(entries, damaged, err, yield)
	}
}

// AllEntries goes through the list of all rooms.
func (e *Engine) AllEntries(ctx context.Context) iter.Seq2[cluster.Entry, error] {
	return func(yield func(cluster.Entry, error) bool) {
		entries, damaged, err := e.scanEntries(ctx, every)
		yieldEntries(entries, damaged, err, yield)
	}
}

// yieldEntries yields those that can be read, and why others cannot be.
func yieldEntries(entries []cluster.Entry, damaged []error, err error, yield func(cluster.Entry, error) bool) {
	for _, entry := range entries {
		if !yield(entry, nil) {
			return
		}
	}
	for _, err := range append(damaged, err) {
		if err != nil && !yield(cluster.Entry{}, fmt.Errorf("list of rooms: %w", err)) {
			return
		}
	}
}

// readEntry reads a line of the list.
func readEntry(m item, all *[]cluster.Entry, damaged *[]error) {
	var entry cluster.Entry
	switch err := json.Unmarshal(m.data, &entry); {
	case isBarrier(m):
	case err == nil:
		*all = append(*all, entry)
	case len(*damaged) < mostDamaged:
		*damaged = append(*damaged, fmt.Errorf("%w: %s: %w", ErrDamaged, m.subject, err))
	}
}

// scanEntries reads the list, or of a shard that part.
func (e *Engine) scanEntries(ctx context.Context, shard any) (all []cluster.Entry, damaged []error, err error) {
	barrier := shard
	if barrier == every {
		barrier = 0
	}
	end, err := e.pass(ctx, e.listStream(), e.subject("dir", barrier, noToken))
	if err != nil {
		return nil, nil, err
	}
	err = e.scan(ctx, e.listStream(), e.subject("dir", shard, every), 1, end, func(m item) error {
		readEntry(m, &all, &damaged)
		return nil
	})
	return all, damaged, err
}

// PutEntry puts an entry in the place of an older one.
func (e *Engine) PutEntry(ctx context.Context, shard int, entry cluster.Entry) error {
	if err := e.mine(entry.Room); err != nil {
		return err
	}
	if shard != cluster.ShardOf(entry.Room) {
		return fmt.Errorf("%w: %s is not in shard %d", ErrConfig, entry.Room, shard)
	}
	data, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("entry of %s: %w", entry.Room, err)
	}
	for {
		err := e.putEntry(ctx, shard, entry, data)
		if !isConflict(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (e *Engine) putEntry(ctx context.Context, shard int, entry cluster.Entry, data []byte) error {
	subject := e.subject("dir", shard, token(entry.Room))
	was, err := e.ask(ctx, e.listStream(), getRequest{LastFor: subject})
	if err != nil {
		return err
	}
	after := uint64(0)
	if was != nil {
		after = was.seq
		if at, err := strconv.ParseUint(was.header.Get(atHeader), 10, 64); err == nil && at > uint64(entry.At) {
			return nil
		}
	}
	msg := nats.NewMsg(subject)
	msg.Header.Set(atHeader, strconv.FormatUint(uint64(entry.At), 10))
	if entry.Gone {
		msg.Header.Set(ttlHeader, goneFor)
	}
	msg.Data = data
	_, err = e.put(ctx, write{stream: e.listStream(), msg: msg, id: newID(), after: after, barrier: e.subject("dir", shard, noToken)})
	return err
}
