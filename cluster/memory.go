package cluster

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
)

// Memory is an engine in one process, for tests: a [Log], [Owners] and a [Bus]. It forgets
// everything when the process ends. Use [NewMemory].
type Memory struct {
	mu      sync.Mutex
	pos     Pos
	rooms   map[muc.JID][]Message
	marks   [Shards]memoryMark
	entries [Shards]map[muc.JID]Entry
	owners  [Shards]Owner
	epoch   Epoch
	subs    map[string][]*memorySub
}

type memoryMark struct {
	pos Pos
	rev uint64
}

// NewMemory is an empty engine.
func NewMemory() *Memory {
	return &Memory{rooms: map[muc.JID][]Message{}, subs: map[string][]*memorySub{}}
}

// lock locks, unless the context has ended.
func (m *Memory) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	return nil
}

// Last is the last message of a room.
func (m *Memory) Last(ctx context.Context, room muc.JID) (Message, error) {
	if err := m.lock(ctx); err != nil {
		return Message{}, err
	}
	defer m.mu.Unlock()
	return m.last(room), nil
}

func (m *Memory) last(room muc.JID) Message {
	if log := m.rooms[room]; len(log) > 0 {
		return log[len(log)-1]
	}
	return Message{}
}

// Append stores a message.
func (m *Memory) Append(ctx context.Context, msg Message, after Pos) (Pos, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if m.last(msg.Room).Pos != after {
		return 0, ErrConflict
	}
	m.pos++
	msg.Pos, msg.Body = m.pos, bytes.Clone(msg.Body)
	if msg.Kind == Snapshot || msg.Kind == Gone {
		m.rooms[msg.Room] = nil
	}
	m.rooms[msg.Room] = append(m.rooms[msg.Room], msg)
	return msg.Pos, nil
}

// Read reads the messages of a room.
func (m *Memory) Read(ctx context.Context, room muc.JID, upTo Pos) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		log, err := m.read(ctx, room, upTo)
		for _, msg := range log {
			if !yield(msg, nil) {
				return
			}
		}
		if err != nil {
			yield(Message{}, err)
		}
	}
}

func (m *Memory) read(ctx context.Context, room muc.JID, upTo Pos) ([]Message, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	log := m.rooms[room]
	end := slices.IndexFunc(log, func(msg Message) bool { return msg.Pos == upTo })
	if end < 0 {
		return nil, ErrConflict
	}
	return slices.Clone(log[:end+1]), nil
}

// Since goes through the rooms of a shard with messages after a position.
func (m *Memory) Since(ctx context.Context, shard int, after Pos) iter.Seq2[muc.JID, error] {
	return func(yield func(muc.JID, error) bool) {
		rooms, err := m.since(ctx, shard, after)
		for _, room := range rooms {
			if !yield(room, nil) {
				return
			}
		}
		if err != nil {
			yield(muc.JID{}, err)
		}
	}
}

func (m *Memory) since(ctx context.Context, shard int, after Pos) (rooms []muc.JID, err error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for room := range m.rooms {
		if ShardOf(room) == shard && m.last(room).Pos > after {
			rooms = append(rooms, room)
		}
	}
	slices.SortFunc(rooms, jid.Compare)
	return rooms, nil
}

// Mark is up to where a shard was delivered.
func (m *Memory) Mark(ctx context.Context, shard int) (Pos, uint64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, 0, err
	}
	defer m.mu.Unlock()
	return m.marks[shard].pos, m.marks[shard].rev, nil
}

// SetMark moves it.
func (m *Memory) SetMark(ctx context.Context, shard int, rev uint64, pos Pos) (uint64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if m.marks[shard].rev != rev {
		return 0, ErrConflict
	}
	m.marks[shard] = memoryMark{pos, rev + 1}
	return rev + 1, nil
}

// Entries goes through the list of rooms of a shard.
func (m *Memory) Entries(ctx context.Context, shard int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := m.lock(ctx); err != nil {
			yield(Entry{}, err)
			return
		}
		var list []Entry
		for _, e := range m.entries[shard] {
			list = append(list, e)
		}
		m.mu.Unlock()
		slices.SortFunc(list, func(a, b Entry) int { return jid.Compare(a.Room, b.Room) })
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// AllEntries goes through the list of all rooms.
func (m *Memory) AllEntries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for shard := range Shards {
			for e, err := range m.Entries(ctx, shard) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// PutEntry changes the list.
func (m *Memory) PutEntry(ctx context.Context, shard int, e Entry) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.entries[shard] == nil {
		m.entries[shard] = map[muc.JID]Entry{}
	}
	if m.entries[shard][e.Room].At <= e.At {
		m.entries[shard][e.Room] = e
	}
	return nil
}

// Get is the owner of a shard.
func (m *Memory) Get(ctx context.Context, shard int) (Owner, error) {
	if err := m.lock(ctx); err != nil {
		return Owner{}, err
	}
	defer m.mu.Unlock()
	return m.owners[shard], nil
}

// All has all owners.
func (m *Memory) All(ctx context.Context) ([]Owner, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return slices.Clone(m.owners[:]), nil
}

// CompareAndSet gives a shard to a node.
func (m *Memory) CompareAndSet(ctx context.Context, shard int, was Epoch, node, life string) (Epoch, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if m.owners[shard].Epoch != was {
		return 0, ErrConflict
	}
	m.epoch++
	m.owners[shard] = Owner{Node: node, Life: life, Epoch: m.epoch}
	return m.epoch, nil
}

// memoryQueue is how many messages wait for a subscriber; more are lost.
const memoryQueue = 1 << 16

// memorySub is a subscription. A goroutine calls f while something waits.
type memorySub struct {
	f       func([]byte)
	waiting [][]byte
	busy    bool
	stopped bool
}

// Publish gives a message to all subscribers of its subject.
func (m *Memory) Publish(subject string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	data = bytes.Clone(data)
	for _, s := range m.subs[subject] {
		if len(s.waiting) >= memoryQueue {
			continue
		}
		if s.waiting = append(s.waiting, data); !s.busy {
			s.busy = true
			go m.serve(s)
		}
	}
	return nil
}

// serve calls a subscriber as long as something waits.
func (m *Memory) serve(s *memorySub) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(s.waiting) > 0 && !s.stopped {
		data := s.waiting[0]
		s.waiting = s.waiting[1:]
		m.mu.Unlock()
		s.f(data)
		m.mu.Lock()
	}
	s.busy = false
}

// Subscribe has a function called for what is published.
func (m *Memory) Subscribe(subject string, f func(data []byte)) (stop func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &memorySub{f: f}
	m.subs[subject] = append(m.subs[subject], s)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		s.stopped, s.waiting = true, nil
		m.subs[subject] = slices.DeleteFunc(m.subs[subject], func(other *memorySub) bool { return other == s })
	}, nil
}
