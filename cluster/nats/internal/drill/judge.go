package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

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
}

// stuckAfter is for how long no room is silent on any machine, unless somebody waits for what never comes.
const stuckAfter = 40 * time.Second

// judge holds what clients heard against each other and against the log, and prints what happened.
func (w *world) judge(ctx context.Context) error {
	messages := 0
	for _, r := range w.rooms {
		messages += int(r.said.Load())
		w.judgeRoom(ctx, r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := slices.Clone(w.wrong)
	if n := w.counts["steps that differ"]; n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d steps that were done again differ", n))
	}
	fmt.Printf("%d messages in %v\n", messages, time.Since(w.began).Round(time.Second))
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		fmt.Printf("%s: %d\n", what, w.counts[what])
	}
	silences, moves := spread(w.silences), spread(w.moves)
	fmt.Printf("rooms of a killed node speak again: %s\nmoves of shards: %s\nlongest silence of a room, with those of frozen nodes: %v\n", silences, moves, w.longest.Round(100*time.Millisecond))
	if w.longest > stuckAfter {
		wrong = append(wrong, "a room was stuck")
	}
	if w.strict {
		if silences.median > 3*time.Second || silences.most > 6*time.Second {
			wrong = append(wrong, "rooms were silent for too long")
		}
		if moves.nine > 20*time.Millisecond {
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

func (w *world) judgeRoom(ctx context.Context, r *chat) {
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
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	switch log, err := w.logOf(ctx, r.jid); {
	case err != nil:
		w.blame("%s: the log: %v", r.jid, err)
	case !slices.Equal(log, first):
		w.blame("%s: the log is another than what was heard: %s", r.jid, difference(log, first))
	}
}

func difference(a, b []line) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("at %d %v and %v", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d and %d of them", len(a), len(b))
}

// times are the median of some, what nine of ten are within, and the greatest.
type times struct {
	n                  int
	median, nine, most time.Duration
}

func spread(all []time.Duration) (t times) {
	if t.n = len(all); t.n > 0 {
		slices.Sort(all)
		t.median, t.nine, t.most = all[len(all)/2], all[len(all)*9/10], all[len(all)-1]
	}
	return t
}

func (t times) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("%v at the median, nine of ten within %v, %v at most, of %d", round(t.median), round(t.nine), round(t.most), t.n)
}
