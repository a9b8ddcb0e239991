package sqlitestore

import (
	"context"
	"sync"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Together stores all that a function appends to the store that it is given, in one
// transaction, or nothing: if the function returns an error, which Together returns, if ctx ends, or
// if the process does. What the function has appended it reads back. It is for imports: nobody else
// writes meanwhile, and until the end all of it is in the write-ahead log, which Options.LogBytes
// does not bound then.
//
// Errors are the function's, that of ctx, and [*Error].
func (s *Store) Together(ctx context.Context, do func(service.Store) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if err := do(&together{store: s, tx: newTransaction(tx)}); err != nil {
		if ctx.Err() != nil { // which has ended the transaction
			err = ctx.Err()
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.explain(err)
	}
	s.log.shorten(context.WithoutCancel(ctx), s.writer)
	return nil
}

// together is the store as it is in a transaction that has not ended.
type together struct {
	store *Store
	mu    sync.Mutex // held by each call: a transaction does one thing at a time
	tx    *transaction
}

// Append stores all of the batches or, for now, none.
func (t *together) Append(ctx context.Context, batches []service.Batch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	w := writing{ctx: context.WithoutCancel(ctx), tx: t.tx}
	w.run("SAVEPOINT batches")
	if w.err == nil {
		if w.err = t.store.appendAll(w.ctx, t.tx, batches); w.err == nil {
			w.run("RELEASE batches")
			return t.store.explain(w.err)
		}
		_, _ = t.tx.ExecContext(w.ctx, "ROLLBACK TO batches; RELEASE batches") // if that fails, all of it has been rolled back
	}
	return t.store.explain(w.err)
}

func (t *together) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.store.load(ctx, t.tx.Tx, room)
}

func (t *together) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.store.list(ctx, t.tx, after, limit)
}
