package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/gomuc/muc/cluster"
)

// record is what is stored of an owner. Its sequence in the stream is the epoch.
type record struct {
	Node string `json:"node"`
	Life string `json:"life"`
}

func isConflict(err error) bool { return errors.Is(err, cluster.ErrConflict) }

// Get is the owner of a shard.
func (e *Engine) Get(ctx context.Context, shard int) (cluster.Owner, error) {
	if err := inRange(shard); err != nil {
		return cluster.Owner{}, err
	}
	found, err := e.lasts(ctx, e.metaStream(), e.subject("now"), e.subject("own", shard))
	if err != nil || len(found) == 0 {
		return cluster.Owner{}, err
	}
	return ownerOf(found[0])
}

func ownerOf(m item) (cluster.Owner, error) {
	var r record
	if err := json.Unmarshal(m.data, &r); err != nil {
		return cluster.Owner{}, fmt.Errorf("%w: %s: %w", ErrDamaged, m.subject, err)
	}
	return cluster.Owner{Node: r.Node, Life: r.Life, Epoch: cluster.Epoch(m.seq)}, nil
}

// All has the owners of all shards, from any copy.
func (e *Engine) All(ctx context.Context) ([]cluster.Owner, error) {
	found, err := e.lasts(ctx, e.metaStream(), "", e.subject("own", "*"))
	if err != nil {
		return nil, err
	}
	all := make([]cluster.Owner, cluster.Shards)
	for _, m := range found {
		shard, err := strconv.Atoi(m.subject[strings.LastIndexByte(m.subject, '.')+1:])
		if err != nil || inRange(shard) != nil {
			return nil, fmt.Errorf("%w: an owner at %s", ErrDamaged, m.subject)
		}
		if all[shard], err = ownerOf(m); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// CompareAndSet gives a shard to a node.
func (e *Engine) CompareAndSet(ctx context.Context, shard int, was cluster.Epoch, node, life string) (cluster.Epoch, error) {
	if err := inRange(shard); err != nil {
		return 0, err
	}
	data, err := json.Marshal(record{node, life})
	if err != nil {
		return 0, fmt.Errorf("cluster/nats: %w", err)
	}
	seq, err := e.putMeta(ctx, e.subject("own", shard), data, uint64(was))
	return cluster.Epoch(seq), err
}

// Mark is up to where a shard was delivered.
func (e *Engine) Mark(ctx context.Context, shard int) (cluster.Pos, uint64, error) {
	if err := inRange(shard); err != nil {
		return 0, 0, err
	}
	found, err := e.lasts(ctx, e.metaStream(), e.subject("now"), e.subject("mark", shard))
	if err != nil || len(found) == 0 {
		return 0, 0, err
	}
	pos, err := strconv.ParseUint(string(found[0].data), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s: %w", ErrDamaged, found[0].subject, err)
	}
	return cluster.Pos(pos), found[0].seq, nil
}

// SetMark moves the mark of a shard.
func (e *Engine) SetMark(ctx context.Context, shard int, rev uint64, pos cluster.Pos) (uint64, error) {
	if err := inRange(shard); err != nil {
		return 0, err
	}
	return e.putMeta(ctx, e.subject("mark", shard), strconv.AppendUint(nil, uint64(pos), 10), rev)
}

// putMeta replaces a record. One that was stored and replaced before that was found out counts as
// a conflict: it is not there any more.
func (e *Engine) putMeta(ctx context.Context, subject string, data []byte, after uint64) (uint64, error) {
	msg := nats.NewMsg(subject)
	msg.Data = data
	seq, err := e.put(ctx, write{stream: e.metaStream(), msg: msg, id: newID(), after: after, barrier: e.subject("now")})
	if errors.Is(err, errReplaced) {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	return seq, err
}
