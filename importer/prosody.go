package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/importer/internal/luadata"
)

// Prosody reads the rooms of a component from the data of a Prosody that has stopped, as its
// internal storage has them. The directory is that of all data, such as /var/lib/prosody, or that of
// the component in it. The host is the domain of the component; empty means the only one that
// has rooms there.
func Prosody(dir, host string) (Source, error) { return openProsody(dir, host, standard) }

func openProsody(dir, host string, most bounds) (*prosody, error) {
	dir, err := prosodyHost(dir, host)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &prosody{root: root, dir: dir, most: most}, nil
}

// prosodyHost finds the directory of a component with rooms.
func prosodyHost(dir, host string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if host == "" && hasRooms(dir) {
		return dir, nil
	}
	var found []string
	for _, e := range entries {
		name, err := decodeName(e.Name())
		if err == nil && hasRooms(filepath.Join(dir, e.Name())) && (host == "" || strings.EqualFold(name, host)) {
			found = append(found, e.Name())
		}
	}
	switch {
	case len(found) == 1:
		return filepath.Join(dir, found[0]), nil
	case len(found) == 0 && host != "":
		return "", fmt.Errorf("%s: there are no rooms of %s: name the directory of Prosody's data", dir, host)
	case len(found) == 0:
		return "", fmt.Errorf("%s: there are no rooms: name the directory of Prosody's data", dir)
	}
	for i := range found {
		found[i], _ = decodeName(found[i])
	}
	return "", fmt.Errorf("%s: several hosts have rooms: say which: %s", dir, strings.Join(found, ", "))
}

// hasRooms reports whether a directory is that of a component with rooms.
func hasRooms(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "config"))
	return err == nil && info.IsDir()
}

// decodeName is the text that Prosody names a file by, in which each character but letters and
// digits is escaped.
func decodeName(name string) (string, error) { return url.PathUnescape(name) }

type prosody struct {
	root *os.Root
	dir  string
	most bounds
}

func (p *prosody) Close() error { return p.root.Close() }

func (p *prosody) Left() []string { return nil }

func (p *prosody) Rooms(ctx context.Context) iter.Seq2[*Room, error] {
	return func(yield func(*Room, error) bool) {
		names, err := p.files("config", ".dat")
		if err == nil && len(names) > p.most.rooms {
			err = fmt.Errorf("%s: %w: %d rooms", p.dir, ErrTooMany, len(names))
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, name := range names {
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			room, done, err := p.room(name)
			if !yield(room, err) || err != nil {
				done()
				return
			}
			done()
		}
	}
}

// files are those in a folder with this end, without it, sorted.
func (p *prosody) files(folder, end string) (names []string, err error) {
	entries, err := fs.ReadDir(p.root.FS(), folder)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), end); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// room reads a room. Its archive is open until done is called. The error ends the import.
func (p *prosody) room(file string) (room *Room, done func(), err error) {
	done = func() {}
	room = new(Room)
	if room.Name, err = decodeName(file); err != nil {
		room.Name, room.Unfit = file, "the name of its file is damaged"
		return room, done, nil
	}
	data, err := p.table("config/" + file + ".dat")
	if err != nil {
		room.Unfit = err.Error()
		return room, done, nil
	}
	c := newProsodyRoom(room, data)
	if c.read(); room.Unfit != "" {
		return room, done, nil
	}
	if vCard, err := p.table("vcard_muc/" + file + ".dat"); err == nil {
		if room.VCard, err = luaElement(vCard); err != nil {
			room.left("its avatar: " + err.Error())
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		room.left("its avatar: " + err.Error())
	}
	list, err := p.open("muc_log/" + file + ".list")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return room, done, nil
	case err != nil:
		room.left("its archive: " + err.Error())
		return room, done, nil
	}
	return room, func() { list.Close() }, c.archive(list, p.most.entries)
}

// open opens a file, which must be one.
func (p *prosody) open(name string) (*os.File, error) {
	info, err := p.root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return nil, err
	}
	return p.root.Open(name)
}

// table reads a file with a table.
func (p *prosody) table(name string) (*luadata.Table, error) {
	f, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(source) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	t, err := luadata.Read(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// archive finds the messages in the archive of a room. The error ends the import.
func (c *prosodyRoom) archive(f *os.File, most int) error {
	list, bad := luadata.NewList(f, maxMessage), 0
	a := &c.room.Archive
	a.Read = func(e Entry) (Message, error) {
		source := make([]byte, e.Length)
		if _, err := f.ReadAt(source, e.Offset); err != nil {
			return Message{}, err
		}
		item, err := luadata.Item(source)
		if err != nil {
			return Message{}, err
		}
		return c.message(item)
	}
	for {
		at, source, err := list.Next()
		switch {
		case errors.Is(err, io.EOF):
			if bad > 0 {
				c.room.left(fmt.Sprintf("%d entries of its archive, which cannot be read", bad))
			}
			return nil
		case err != nil && !errors.Is(err, luadata.ErrTooLarge):
			return err
		case len(a.Entries) >= most:
			return fmt.Errorf("%s: %w messages", f.Name(), ErrTooMany)
		}
		var item *luadata.Table
		if err == nil {
			item, err = luadata.Item(source)
		}
		if err != nil {
			bad++
			continue
		}
		when, ok := timeOf(item)
		with, _ := item.Fields["with"].(string)
		switch {
		case !ok:
			bad++
		case with == "message<groupchat" || with == "" && item.Fields["name"] == "message":
			a.Entries = append(a.Entries, Entry{At: when.UnixMilli(), Offset: at, Length: len(source)})
		}
	}
}

// timeOf is when an entry of an archive was made.
func timeOf(item *luadata.Table) (time.Time, bool) {
	if when, ok := item.Fields["when"].(float64); ok {
		return unixTime(when)
	}
	if attr, ok := item.Fields["attr"].(*luadata.Table); ok {
		stamp, _ := attr.Fields["stamp"].(string)
		if at, err := time.Parse(time.RFC3339, stamp); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// unixTime is a number of seconds since 1970, within the years that can be written down.
func unixTime(seconds float64) (time.Time, bool) {
	if !(seconds >= 0 && seconds < 1e11) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}

// luaElement makes an element of a stanza as Prosody stores it.
func luaElement(t *luadata.Table) (*etree.Element, error) {
	name, _ := t.Fields["name"].(string)
	el, err := newElement(name)
	if err != nil {
		return nil, err
	}
	if attr, ok := t.Fields["attr"].(*luadata.Table); ok {
		for _, key := range slices.Sorted(maps.Keys(attr.Fields)) {
			if text, ok := attr.Fields[key].(string); ok && !strings.Contains(key, "\x01") { // those of other namespaces
				el.CreateAttr(key, text)
			}
		}
	}
	for _, item := range t.Items {
		switch item := item.(type) {
		case string:
			el.CreateText(item)
		case *luadata.Table:
			child, err := luaElement(item)
			if err != nil {
				return nil, err
			}
			el.AddChild(child)
		default:
			return nil, errElement
		}
	}
	return el, nil
}
