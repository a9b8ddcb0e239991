package sqlitestore

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const (
	// ofdSetlk is F_OFD_SETLK (fcntl(2)): a lock of the open file, which does not end
	// when the process closes another one of the same file, as SQLite does.
	ofdSetlk = 37
	// lockedByte lies far behind those that SQLite locks, and behind every file.
	lockedByte = 1 << 62
)

// lockInode locks the file itself, by whatever name it was opened.
func lockInode(f *os.File) error {
	err := syscall.FcntlFlock(f.Fd(), ofdSetlk, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: lockedByte, Len: 1})
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES):
		return ErrLocked
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EOVERFLOW):
		return nil // this file system has no such locks; that of the name is left
	}
	return err
}
