package scansion

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Extension is what the names of scripts end in.
const Extension = ".scs"

// Files lists scripts: a file is itself, a directory is every script in it and
// below, in the order of their names, but for folders below it that are called
// prelude: what they hold is there to be included. A directory without any is an error, so
// that a wrong path does not pass for success.
func Files(paths ...string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() && entry.Name() == preludeFolder && name != path {
				return fs.SkipDir
			}
			if err == nil && !entry.IsDir() && filepath.Ext(name) == Extension {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s: no script %s in this directory", path, "*"+Extension)
		}
	}
	return files, nil
}
