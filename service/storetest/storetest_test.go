package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/service/storetest"
)

// faultVar names the fault of the store under test, in a process of its own.
const faultVar = "STORETEST_FAULT"

// TestOneStore runs the tests on a store that is as it should be, or, in a process
// that TestFaultsAreFound has started, on one with a fault.
func TestOneStore(t *testing.T) {
	f := faults[os.Getenv(faultVar)]
	storetest.Run(t, func(*testing.T) service.Store {
		return &faulty{Memory: new(service.Memory), fault: f, first: map[muc.JID]service.Entry{}, shots: map[muc.JID][]byte{}}
	})
}

func TestFaultsAreFound(t *testing.T) { areFound(t, "TestOneStore", faults) }

// areFound runs a test on each of the faults, in a process of its own.
func areFound[F any](t *testing.T, test string, faults map[string]F) {
	if os.Getenv(faultVar) != "" {
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for name := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+test+"$")
			cmd.Env = append(os.Environ(), faultVar+"="+name)
			out, err := cmd.CombinedOutput()
			var failed *exec.ExitError
			require.ErrorAs(t, err, &failed, "nobody noticed:\n%s", out)
			assert.Contains(t, string(out), "--- FAIL: "+test)
		})
	}
}

// TestOneLiveStore is what TestOneStore is, of stores that keep rooms with everybody inside.
func TestOneLiveStore(t *testing.T) {
	f := liveFaults[os.Getenv(faultVar)]
	storetest.RunLive(t, func(*testing.T) service.LiveStore { return &faultyLive{Memory: new(service.Memory), fault: f} })
}

func TestLiveFaultsAreFound(t *testing.T) { areFound(t, "TestOneLiveStore", liveFaults) }

// TestSingle is how a store of one batch at a call is tested; this one takes no more.
func TestSingle(t *testing.T) {
	storetest.RunSingle(t, func(t *testing.T) service.Store { return &onlyOne{t: t} })
}

type onlyOne struct {
	service.Memory
	t *testing.T
}

func (s *onlyOne) Append(ctx context.Context, batches []service.Batch) error {
	assert.Len(s.t, batches, 1)
	return s.Memory.Append(ctx, batches)
}

// liveFault is what a live store does wrong.
type liveFault struct {
	append    func(s *faultyLive, b *service.Batch)
	load      func(saved *service.Saved)
	list      func(e *service.Entry)
	delivered func(at *service.Position)
}

type faultyLive struct {
	*service.Memory
	fault liveFault
	mu    sync.Mutex // several goroutines write at once
	at    service.Position
}

func (s *faultyLive) Append(ctx context.Context, batches []service.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batches {
		if s.fault.append != nil {
			s.fault.append(s, &batches[i])
		}
	}
	err := s.Memory.Append(ctx, batches)
	if err == nil {
		s.at = batches[0].At()
	}
	return err
}

func (s *faultyLive) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	saved, err := s.Memory.Load(ctx, room)
	if s.fault.load != nil {
		s.fault.load(&saved)
	}
	return saved, err
}

func (s *faultyLive) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	list, err := s.Memory.List(ctx, after, limit)
	for i := range list {
		if s.fault.list != nil {
			s.fault.list(&list[i])
		}
	}
	return list, err
}

func (s *faultyLive) Delivered(room muc.JID, at service.Position) {
	if s.fault.delivered != nil {
		s.fault.delivered(&at)
	}
	s.Memory.Delivered(room, at)
}

var liveFaults = map[string]liveFault{
	"no sub in the position": {append: func(s *faultyLive, b *service.Batch) {
		if b.After.Seq == s.at.Seq {
			b.After = s.at
		}
	}},
	"inputs are lost":   {load: eachStep(func(step *service.Step) { step.Inputs = nil })},
	"seconds":           {load: eachInput(func(in *service.Input) { in.Time = in.Time.Truncate(time.Second) })},
	"numbers are lost":  {load: eachInput(func(in *service.Input) { in.Number = 0 })},
	"refusals are lost": {load: eachInput(func(in *service.Input) { in.Refused = false })},
	"volatile events are lost": {load: eachStep(func(step *service.Step) {
		step.Events = slices.DeleteFunc(slices.Clone(step.Events), func(ev event.Event) bool { return !ev.Durable() })
	})},
	"steps come back in one": {load: func(saved *service.Saved) {
		if n := len(saved.Steps); n > 1 {
			last, before := saved.Steps[n-1], saved.Steps[n-2]
			saved.Steps = append(saved.Steps[:n-2], service.Step{Inputs: append(before.Inputs, last.Inputs...), Events: append(before.Events, last.Events...)})
		}
	}},
	"sources are lost": {load: func(saved *service.Saved) { saved.Sources = nil }},
	"sources are sorted": {load: func(saved *service.Saved) {
		slices.SortFunc(saved.Sources, func(a, b service.Source) int { return cmp.Compare(a.Name, b.Name) })
	}},
	"all is delivered":      {load: func(saved *service.Saved) { saved.Delivered.Seq = 1 << 40 }},
	"too much is delivered": {delivered: func(at *service.Position) { at.Seq += 2 }},
	"the list says nothing": {list: func(e *service.Entry) { e.Inhabited = false }},
	"steps are events":      {append: func(_ *faultyLive, b *service.Batch) { b.Inputs = nil }},
	"no snapshots":          {append: func(_ *faultyLive, b *service.Batch) { b.Snapshot = nil }},
	"nothing goes":          {append: func(_ *faultyLive, b *service.Batch) { b.Gone = false }},
	"what is gone is unknown": {append: func(_ *faultyLive, b *service.Batch) {
		if b.Gone {
			b.Sources = nil
		}
	}},
}

func eachStep(spoil func(step *service.Step)) func(*service.Saved) {
	return func(saved *service.Saved) {
		for i := range saved.Steps {
			spoil(&saved.Steps[i])
		}
	}
}

func eachInput(spoil func(in *service.Input)) func(*service.Saved) {
	return eachStep(func(step *service.Step) {
		step.Inputs = slices.Clone(step.Inputs)
		for i := range step.Inputs {
			spoil(&step.Inputs[i])
		}
	})
}

// TestReopened is how a store in a folder is tested; this one keeps its folders in
// memory.
func TestReopened(t *testing.T) {
	folders := map[string]service.Store{}
	storetest.RunReopened(t, func(_ *testing.T, dir string) service.Store {
		if folders[dir] == nil {
			folders[dir] = new(service.Memory)
		}
		return folders[dir]
	})
}

// TestDamaged is how a store of which something can be spoiled is tested.
func TestDamaged(t *testing.T) {
	storetest.RunDamaged(t, func(*testing.T) service.Store {
		return &spoilt{Memory: new(service.Memory), bad: map[muc.JID]bool{}}
	}, func(_ *testing.T, s service.Store, room muc.JID) { s.(*spoilt).bad[room] = true })
}

// spoilt is a store in which some lines cannot be read.
type spoilt struct {
	*service.Memory
	bad map[muc.JID]bool
}

func (s *spoilt) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	all, err := s.Memory.List(ctx, after, 1<<30)
	readable := 0
	for i, e := range all {
		if s.bad[e.Room] {
			all[i] = service.Entry{Err: fmt.Errorf("%s is spoilt", e.Room)}
		} else if readable++; readable == limit {
			return all[:i+1], err
		}
	}
	return all, err
}

// fault is what a store does wrong.
type fault struct {
	append func(f *faulty, batches []service.Batch) error
	load   func(f *faulty, room muc.JID, saved service.Saved) service.Saved
	list   func(f *faulty, after muc.JID, limit int) []service.Entry
	deaf   bool // it does not mind its context
}

var faults = map[string]fault{
	"a conflict is none": {append: func(f *faulty, batches []service.Batch) error {
		if err := f.Memory.Append(context.Background(), batches); !errors.Is(err, service.ErrConflict) {
			return err
		}
		return nil
	}},
	"those inside stay for ever": {load: func(f *faulty, room muc.JID, saved service.Saved) service.Saved {
		if f.inside == nil {
			f.inside = map[muc.JID][]byte{}
		}
		if saved.Live != nil {
			f.inside[room] = saved.Live
		}
		saved.Live = f.inside[room]
		return saved
	}},
	"nobody stays inside": {load: func(_ *faulty, _ muc.JID, saved service.Saved) service.Saved {
		saved.Live = nil
		return saved
	}},
	"a conflict is another error": {append: func(f *faulty, batches []service.Batch) error {
		if f.Memory.Append(context.Background(), batches) != nil {
			return errors.New("something is wrong")
		}
		return nil
	}},
	"one after the other": {append: func(f *faulty, batches []service.Batch) error {
		for _, b := range batches {
			if err := f.Memory.Append(context.Background(), []service.Batch{b}); err != nil {
				return err
			}
		}
		return nil
	}},
	"no snapshots": {append: each(func(_ *faulty, b *service.Batch) { b.Snapshot = nil })},
	"nothing goes": {append: each(func(_ *faulty, b *service.Batch) { b.Gone = false })},
	"the first entry stays": {append: each(func(f *faulty, b *service.Batch) {
		if _, known := f.first[b.Room]; !known {
			f.first[b.Room] = b.Entry
		}
		b.Entry = f.first[b.Room]
	})},
	"seconds":                       {append: each(func(_ *faulty, b *service.Batch) { b.Entry.Due = b.Entry.Due.Truncate(time.Second) })},
	"what is told of rooms is lost": {append: each(func(_ *faulty, b *service.Batch) { b.Entry.About = service.About{} })},
	"an event is lost": {load: func(_ *faulty, _ muc.JID, saved service.Saved) service.Saved {
		saved.Events = saved.Events[:max(0, len(saved.Events)-1)]
		return saved
	}},
	"events stay beside the snapshot": {append: each(func(f *faulty, b *service.Batch) {
		f.events = append(f.events, b.Events...)
	}), load: func(f *faulty, room muc.JID, saved service.Saved) service.Saved {
		if saved.Snapshot != nil {
			saved.Events = f.events
		}
		return saved
	}},
	"memory is shared": {append: each(func(f *faulty, b *service.Batch) {
		if b.Snapshot != nil {
			f.shots[b.Room] = b.Snapshot
		}
	}), load: func(f *faulty, room muc.JID, saved service.Saved) service.Saved {
		if saved.Snapshot != nil {
			saved.Snapshot = f.shots[room]
		}
		return saved
	}},
	"empty for none": {load: func(_ *faulty, _ muc.JID, saved service.Saved) service.Saved {
		if saved.Snapshot == nil {
			saved.Snapshot = []byte{}
		}
		return saved
	}},
	"addresses are made normal": {list: func(f *faulty, after muc.JID, limit int) []service.Entry {
		list, _ := f.Memory.List(context.Background(), after, limit)
		for i, e := range list {
			list[i].Room, _ = muc.ParseJID(e.Room.String())
		}
		return list
	}},
	"backwards": {list: func(f *faulty, after muc.JID, limit int) []service.Entry {
		list, _ := f.Memory.List(context.Background(), after, limit)
		slices.Reverse(list)
		return list
	}},
	"from the beginning": {list: func(f *faulty, _ muc.JID, limit int) []service.Entry {
		list, _ := f.Memory.List(context.Background(), muc.JID{}, limit)
		return list
	}},
	"all at once": {list: func(f *faulty, after muc.JID, _ int) []service.Entry {
		list, _ := f.Memory.List(context.Background(), after, 1<<30)
		return list
	}},
	"context": {deaf: true},
}

// each spoils every batch.
func each(spoil func(f *faulty, b *service.Batch)) func(*faulty, []service.Batch) error {
	return func(f *faulty, batches []service.Batch) error {
		batches = slices.Clone(batches)
		for i := range batches {
			spoil(f, &batches[i])
		}
		return f.Memory.Append(context.Background(), batches)
	}
}

// faulty is a store with a fault, or, without one, as it should be.
type faulty struct {
	*service.Memory
	fault  fault
	mu     sync.Mutex // several goroutines write and load at once
	first  map[muc.JID]service.Entry
	shots  map[muc.JID][]byte
	inside map[muc.JID][]byte
	events []event.Event
}

func (f *faulty) Append(ctx context.Context, batches []service.Batch) error {
	if f.fault.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if err := ctx.Err(); err != nil || f.fault.append == nil {
		return f.Memory.Append(ctx, batches)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault.append(f, batches)
}

func (f *faulty) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	saved, err := f.Memory.Load(ctx, room)
	if err == nil && f.fault.load != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		saved = f.fault.load(f, room, saved)
	}
	return saved, err
}

func (f *faulty) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	if err := ctx.Err(); err != nil || f.fault.list == nil {
		return f.Memory.List(ctx, after, limit)
	}
	return f.fault.list(f, after, limit), nil
}
