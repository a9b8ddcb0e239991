package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gomuc/muc/importer/internal/erlterm"
)

// Ejabberd reads the rooms of a host from what `ejabberdctl dump FILE` has written of mnesia, the
// default storage of ejabberd: its rooms, the nicks that are registered with the host, and the
// archive. The host is that of the rooms, such as conference.example.org; empty means the only one
// that has rooms.
//
// It reads the whole dump once, which takes time, until the context ends.
func Ejabberd(ctx context.Context, file, host string) (Source, error) {
	return openDump(ctx, file, host, standard)
}

func openDump(ctx context.Context, file, host string, most bounds) (*dump, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	d := &dump{file: f, most: most, hosts: map[string]*dumpedHost{}}
	err = d.index(ctx)
	if err == nil {
		err = d.choose(strings.ToLower(host))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// dump is a dump of mnesia, of which it is known what stands where.
type dump struct {
	file                       *os.File
	most                       bounds
	hosts                      map[string]*dumpedHost
	host                       *dumpedHost // the one that is meant
	rooms, entries, registered int         // of all hosts
	broken                     int         // records that cannot be read
}

// dumpedHost is what a dump has of a host with rooms.
type dumpedHost struct {
	rooms   []Entry            // where each is
	nicks   map[string]string  // that are registered with it, by address of a person
	used    map[string]bool    // whose nick is reserved in a room
	archive map[string][]Entry // by name of a room
	unread  map[string]int     // entries of an archive that cannot be read
}

func (d *dump) Close() error { return d.file.Close() }

var errNoDump = errors.New("it is no dump of ejabberd: make one with `ejabberdctl dump FILE`")

// index reads the dump once, and notes where things are.
func (d *dump) index(ctx context.Context) error {
	if info, err := d.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("it is no file"))
	}
	s := erlterm.NewScanner(d.file, maxFile)
	for n := 0; ; n++ {
		at, text, err := s.Next()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case n == 0 && !bytes.HasPrefix(text, []byte("{tables,")):
			return errNoDump
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("it ends in the middle: make the dump again")
		case errors.Is(err, erlterm.ErrTooLarge):
			d.broken++
			continue
		case err != nil:
			return err
		case n%1000 == 0 && ctx.Err() != nil:
			return ctx.Err()
		}
		if err := d.note(Entry{Offset: at, Length: len(text)}, text); err != nil {
			return err
		}
	}
}

// note notes a term, if it is of rooms.
func (d *dump) note(at Entry, text []byte) error {
	table, _, _ := bytes.Cut(text, []byte(","))
	switch string(table) {
	case "{muc_room", "{muc_registered", "{archive_msg":
	default:
		return nil
	}
	term, err := erlterm.Parse(text)
	record, _ := term.(erlterm.Tuple)
	if err != nil || len(record) < 3 {
		d.broken++
		return nil
	}
	if string(table) == "{muc_registered" {
		return d.noteNick(record)
	}
	name, host, ok := pair(record[1])
	switch {
	case !ok || !short(name, host):
		d.broken++
		return nil
	case string(table) == "{archive_msg":
		return d.noteMessage(at, name, host, record)
	}
	h := d.of(host)
	h.rooms = append(h.rooms, at)
	if d.rooms++; d.rooms > d.most.rooms {
		return fmt.Errorf("%w rooms", ErrTooMany)
	}
	return nil
}

// short reports whether texts are no longer than the parts of an address may be (RFC 7622 §3.1): what
// is longer is nobody's, and is not kept.
func short(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return len(s) > 1023 })
}

// of is the host of that name.
func (d *dump) of(host string) *dumpedHost {
	h := d.hosts[host]
	if h == nil {
		h = &dumpedHost{nicks: map[string]string{}, used: map[string]bool{}, archive: map[string][]Entry{}, unread: map[string]int{}}
		d.hosts[host] = h
	}
	return h
}

// pair is a tuple of two texts, as names and hosts are.
func pair(v any) (a, b string, ok bool) {
	t, _ := v.(erlterm.Tuple)
	if len(t) != 2 {
		return "", "", false
	}
	a, okA := t[0].(string)
	b, okB := t[1].(string)
	return a, b, okA && okB
}

// noteNick notes a nick that is registered with a host: {muc_registered, {{User, Server}, Host}, Nick}.
func (d *dump) noteNick(record erlterm.Tuple) error {
	key, _ := record[1].(erlterm.Tuple)
	nick, ok := record[2].(string)
	if len(key) != 2 || !ok {
		d.broken++
		return nil
	}
	user, server, okWho := pair(key[0])
	host, okHost := key[1].(string)
	if !okWho || !okHost || !short(user, server, host, nick) {
		d.broken++
		return nil
	}
	d.of(host).nicks[user+"@"+server] = nick
	if d.registered++; d.registered > d.most.registered {
		return fmt.Errorf("%w registered nicks", ErrTooMany)
	}
	return nil
}

// noteMessage notes an entry of an archive, which may be that of a person.
func (d *dump) noteMessage(at Entry, name, host string, record erlterm.Tuple) error {
	switch {
	case len(record) < 9:
		d.broken++
		return nil
	case record[8] != erlterm.Atom("groupchat"):
		return nil
	}
	if d.entries++; d.entries > d.most.entries {
		return fmt.Errorf("%w messages", ErrTooMany)
	}
	h := d.of(host)
	when, ok := timestamp(record[3])
	if !ok {
		h.unread[name]++
		return nil
	}
	at.At = when
	h.archive[name] = append(h.archive[name], at)
	return nil
}

// timestamp is a time of Erlang's, {Mega, Seconds, Micro}, in milliseconds since 1970.
func timestamp(v any) (ms int64, ok bool) {
	t, _ := v.(erlterm.Tuple)
	if len(t) != 3 {
		return 0, false
	}
	var n [3]int64
	for i := range t {
		if n[i], ok = t[i].(int64); !ok || n[i] < 0 || n[i] >= 1_000_000 {
			return 0, false
		}
	}
	at, ok := unixTime(float64(n[0]*1_000_000 + n[1]))
	return at.UnixMilli() + n[2]/1000, ok
}

// choose finds the host that is meant.
func (d *dump) choose(host string) error {
	var found []string
	for name, h := range d.hosts {
		if len(h.rooms) > 0 && (host == "" || name == host) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	switch {
	case len(found) == 1:
		d.host = d.hosts[found[0]]
		return nil
	case len(found) == 0 && host != "":
		return fmt.Errorf("there are no rooms of %s", host)
	case len(found) == 0:
		return errors.New("there are no rooms")
	}
	return fmt.Errorf("several hosts have rooms: say which: %s", strings.Join(found, ", "))
}

func (d *dump) Rooms(ctx context.Context) iter.Seq2[*Room, error] {
	return func(yield func(*Room, error) bool) {
		for _, at := range d.host.rooms {
			room, err := d.room(at)
			if err == nil {
				err = ctx.Err()
			}
			if !yield(room, err) || err != nil {
				return
			}
		}
	}
}

// Left tells of records that cannot be read, and of nicks of people who are in no room's lists.
func (d *dump) Left() (lines []string) {
	if d.broken > 0 {
		lines = append(lines, fmt.Sprintf("%d records of the dump cannot be read", d.broken))
	}
	more := 0
	for _, who := range slices.Sorted(maps.Keys(d.host.nicks)) {
		switch {
		case d.host.used[who]:
		case len(lines) < maxLines:
			lines = append(lines, fmt.Sprintf("%s has registered the nick %q with all rooms: here it is reserved in rooms of which one is a member", who, d.host.nicks[who]))
		default:
			more++
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more nicks like these", more))
	}
	return lines
}

// term reads a term again.
func (d *dump) term(at Entry) (erlterm.Tuple, error) {
	text := make([]byte, at.Length)
	if _, err := d.file.ReadAt(text, at.Offset); err != nil {
		return nil, err
	}
	term, err := erlterm.Parse(text)
	record, ok := term.(erlterm.Tuple)
	if err == nil && (!ok || len(record) < 3) {
		err = erlterm.ErrSyntax
	}
	return record, err
}
