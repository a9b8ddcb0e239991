//go:build unix

package sqlitestore

import (
	"errors"
	"os"
	"syscall"
)

// lockName locks the name of a store, by a file beside it.
func lockName(path string) (*os.File, error) {
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
	return f, nil
}

// names is how many names lead to a file.
func names(is os.FileInfo) int {
	if stat, ok := is.Sys().(*syscall.Stat_t); ok {
		return int(stat.Nlink)
	}
	return 1
}
