package scansion

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// What one script can include.
const (
	// maxIncludeDepth is how deep: a file that a script includes may include others,
	// which may not.
	maxIncludeDepth = 2
	// maxIncludes is how many files in all.
	maxIncludes = 100
	// maxIncludeBytes is how big each of them may be.
	maxIncludeBytes = 1 << 20
)

// include reads the file that the given line names: its clients, and its actions to
// the end of those that are there.
func (p *parser) include(line int, name string) error {
	switch {
	case path.Ext(name) != Extension:
		return p.fail(line, "include: %q is not the name of a file *%s", name, Extension)
	case path.IsAbs(name) || filepath.IsAbs(filepath.FromSlash(name)):
		return p.fail(line, "include: %q has to be relative to the folder of this file", name)
	}
	inner := &parser{
		script: p.script, file: filepath.Join(filepath.Dir(p.file), filepath.FromSlash(name)), known: p.known,
		above: p, aboveLine: line, includes: p.includes,
	}
	depth := 0
	for q := p; q != nil; q = q.above {
		if filepath.Clean(q.file) == inner.file {
			return p.fail(line, "include: %s would include itself", inner.file)
		}
		depth++
	}
	*p.includes++
	switch {
	case depth > maxIncludeDepth:
		return p.fail(line, "include: an included file is at most %d deep", maxIncludeDepth)
	case *p.includes > maxIncludes:
		return p.fail(line, "include: a script includes at most %d files", maxIncludes)
	}
	src, err := readIncluded(inner.file)
	if err != nil {
		return p.fail(line, "include: %v", err)
	}
	clients := len(p.script.Clients)
	for _, part := range []func() error{
		func() error { return inner.split(src) }, inner.headers, inner.clients, inner.actions,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	if p.inActions && len(p.script.Clients) > clients {
		return p.fail(line, "include: %s brings clients, and they have to be known above -----", inner.file)
	}
	return nil
}

// includedAt is the place in the script's own file that led to this one; "" if this
// is that file.
func (p *parser) includedAt() string {
	if p.above == nil {
		return ""
	}
	q := p
	for q.above.above != nil {
		q = q.above
	}
	return fmt.Sprintf("%s:%d", q.above.file, q.aboveLine)
}

// readIncluded reads a file of bounded size. Only a regular one: others might never
// end.
func readIncluded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", name)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxIncludeBytes+1))
	if err == nil && len(src) > maxIncludeBytes {
		err = fmt.Errorf("%s has more than %d bytes", name, maxIncludeBytes)
	}
	return src, err
}

// seenFrom says where an action stands to somebody who reads the given file.
func (a *action) seenFrom(file string) string {
	if a.file == file {
		return fmt.Sprintf("line %d", a.line)
	}
	return fmt.Sprintf("%s:%d", a.file, a.line)
}

// preludeFolder is the name of folders with files that are there to be included.
const preludeFolder = "prelude"
