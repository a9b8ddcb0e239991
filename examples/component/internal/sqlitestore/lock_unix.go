//go:build unix

package sqlitestore

import (
	"errors"
	"os"
	"syscall"
)

// lock is held by the one process that works on a store. SQLite's own locks are
// too short for that: they let two services take turns. The system takes it back
// when the process ends, however that happens.
type lock struct{ file *os.File }

func lockFile(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return &lock{f}, nil
}

// release leaves the file where it is: somebody may have it open to lock it.
func (l *lock) release() error { return l.file.Close() }
