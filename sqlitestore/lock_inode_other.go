//go:build !linux

package sqlitestore

import "os"

// lockInode does nothing where a lock of the whole file would be in SQLite's own way.
// A file with several names is refused, and symbolic links are followed.
func lockInode(*os.File) error { return nil }
