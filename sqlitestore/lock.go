package sqlitestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// lock is held by the one process that works on a store. SQLite's own locks are
// too short for that: they let two services take turns. The system takes it back
// when the process ends, however that happens.
//
// What is locked is the file itself, whatever names lead to it, and the name that it
// has without symbolic links: if the file is moved away, no other one is made in its
// place.
type lock struct {
	file   *os.File // the store itself
	beside *os.File // the lock of its name; nil where there is none
	is     os.FileInfo
}

// held are the locks of this process. They are asked before a file is opened:
// closing it would take SQLite's own locks of it away, which belong to the process.
var held struct {
	sync.Mutex
	locks []*lock
}

// lockFile locks a store, which it makes if it is not there, and returns its name
// without symbolic links.
func lockFile(path string) (l *lock, name string, err error) {
	held.Lock()
	defer held.Unlock()
	if is, err := os.Stat(path); err == nil && isHeld(is) {
		return nil, "", ErrLocked
	}
	l = new(lock)
	if l.file, err = create(path); err != nil {
		return nil, "", err
	}
	if l.is, err = l.file.Stat(); err == nil {
		err = lockInode(l.file)
	}
	if err == nil {
		name, err = filepath.EvalSymlinks(path)
	}
	if err == nil {
		l.beside, err = lockName(name + ".lock")
	}
	if err == nil && names(l.is) > 1 {
		err = ErrNames
	}
	if err != nil {
		return nil, "", errors.Join(err, l.close())
	}
	held.locks = append(held.locks, l)
	return l, name, nil
}

func isHeld(is os.FileInfo) bool {
	for _, l := range held.locks {
		if os.SameFile(l.is, is) {
			return true
		}
	}
	return false
}

// create opens the file, and makes an empty one for its owner alone, unless there is
// one.
func create(path string) (*os.File, error) {
	switch is, err := os.Stat(path); {
	case err != nil:
	case is.IsDir():
		return nil, &remedy{"it is a directory: name a file in it, which is made if it is not there", syscall.EISDIR}
	case !is.Mode().IsRegular():
		return nil, &remedy{"it is no file, but something special: name another one", fs.ErrInvalid}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &remedy{"there is no directory " + filepath.Dir(path) + ": make it, or name another file", fs.ErrNotExist}
	case errors.Is(err, fs.ErrPermission):
		return nil, &remedy{"this user may not write there: change the permissions, or name another file", fs.ErrPermission}
	}
	return f, err
}

// release is for when SQLite has closed the file. It leaves the lock beside the store
// where it is: somebody may have it open to lock it.
func (l *lock) release() error {
	held.Lock()
	defer held.Unlock()
	for i, other := range held.locks {
		if other == l {
			held.locks = append(held.locks[:i:i], held.locks[i+1:]...)
			break
		}
	}
	return l.close()
}

func (l *lock) close() error {
	err := l.file.Close()
	if l.beside != nil {
		err = errors.Join(err, l.beside.Close())
	}
	return err
}
