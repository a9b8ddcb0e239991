package cluster

import "sync"

// tasks are goroutines that end before their node does. What is to begin after that does not begin.
type tasks struct {
	mu    sync.Mutex
	ended bool
	all   sync.WaitGroup
}

// Go begins one.
func (t *tasks) Go(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.all.Go(f)
	}
}

// Wait waits for those that have begun, and lets no more begin.
func (t *tasks) Wait() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.all.Wait()
}
