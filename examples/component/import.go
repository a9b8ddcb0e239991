package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/importer"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// toImport is the subcommand that takes over the rooms of another server, while no component
// works on the store.
const toImport = "import"

const importUsage = "component import -from prosody|ejabberd [-dry-run] [-host DOMAIN] [-owner JID] [-existing skip|replace] [-config FILE] [flags] DIR|FILE"

// importOrder is an import that an operator wants.
type importOrder struct {
	settings settings
	from     string // prosody or ejabberd
	path     string // where it is stored
	host     string // whose rooms
	options  importer.Options
	dryRun   bool
}

// parseImport reads what follows the name of the subcommand.
func parseImport(args []string, getenv func(string) string, help io.Writer) (o importOrder, err error) {
	owner, existing := "", ""
	texts, rest, err := gather(args, getenv, help, func(flags *flag.FlagSet) {
		flags.StringVar(&o.from, "from", "", "")
		flags.StringVar(&o.host, "host", "", "")
		flags.StringVar(&owner, "owner", "", "")
		flags.StringVar(&existing, "existing", "", "")
		flags.BoolVar(&o.dryRun, "dry-run", false, "")
	})
	if err != nil {
		return o, err
	}
	if len(rest) != 1 || o.from != "prosody" && o.from != "ejabberd" {
		return o, fmt.Errorf("it is: %s", importUsage)
	}
	o.path = rest[0]
	switch existing {
	case "":
	case "skip":
		o.options.Existing = importer.SkipExisting
	case "replace":
		o.options.Existing = importer.ReplaceExisting
	default:
		return o, errors.New("-existing: must be skip or replace")
	}
	if owner != "" {
		if o.options.Owner, err = muc.ParseJID(owner); err != nil || !o.options.Owner.IsBare() || o.options.Owner.Local() == "" {
			return o, fmt.Errorf("-owner: %q is no address of a person, such as admin@example.org", owner)
		}
	}
	if _, ok := texts["secret"]; !ok {
		texts["secret"] = given{"none", toImport} // nobody is asked for it
	}
	o.settings, err = settle(texts)
	return o, err
}

// errDryRun undoes what was imported.
var errDryRun = errors.New("it was for practice")

// importRooms takes over all rooms, or none.
func importRooms(ctx context.Context, o importOrder, stdout io.Writer) (err error) {
	src, err := o.open(ctx)
	if err != nil {
		return fmt.Errorf("-from %s: %w", o.from, err)
	}
	defer src.Close()
	s := &o.settings
	path, remove, err := o.place()
	if err != nil {
		return err
	}
	store, err := sqlitestore.Open(ctx, path, sqlitestore.Options{Archive: s.archive > 0, Keep: max(s.archive, 1), RoomBytes: int64(s.archiveSize)})
	if err != nil {
		return err
	}
	rooms := s.roomConfig()
	rooms.Secret = store.Secret()
	var result importer.Result
	err = store.Together(ctx, func(in service.Store) (err error) {
		cfg := service.Config{Domain: s.domain, Store: in, Room: rooms}
		if result, err = importer.Import(ctx, cfg, src, o.limits(stdout)); err == nil && o.dryRun {
			return errDryRun
		}
		return err
	})
	if err != nil {
		remove() // while it is locked: it is nobody else's
	}
	err = errors.Join(err, store.Close())
	switch {
	case errors.Is(err, importer.ErrExists):
		return fmt.Errorf("%w: nothing was imported; with -existing skip it stays as it is, with -existing replace it goes", err)
	case errors.Is(err, errDryRun):
		fmt.Fprint(stdout, "nothing was imported; it would be: ")
	case err != nil:
		return fmt.Errorf("nothing was imported: %w", err)
	}
	fmt.Fprintf(stdout, "rooms %d, messages %d; rooms left out %d\n", result.Rooms, result.Messages, result.Left)
	return nil
}

// open opens what is imported.
func (o *importOrder) open(ctx context.Context) (importer.Source, error) {
	if o.from == "prosody" {
		return importer.Prosody(o.path, o.host)
	}
	return importer.Ejabberd(ctx, o.path, o.host)
}

// place is where the store is, and how to remove it, if it has to be made first: it is to be
// there only if all went well.
func (o *importOrder) place() (path string, remove func(), err error) {
	path = o.settings.store
	_, err = os.Stat(path)
	switch {
	case err == nil:
		return path, func() {}, nil
	case !errors.Is(err, os.ErrNotExist):
		return "", nil, err
	}
	return path, func() {
		for _, end := range []string{"", "-wal", "-shm", ".lock"} {
			os.Remove(path + end)
		}
	}, nil
}

// archived is what a message costs in the archive beside its text.
const archived = 600

// limits are the options, with the limits of the archive.
func (o *importOrder) limits(stdout io.Writer) importer.Options {
	options := o.options
	if o.settings.archive > 0 {
		options.Since = time.Now().Add(-o.settings.archive)
	}
	options.Messages = min(max(o.settings.archiveSize/archived, 1), 1_000_000)
	options.Note = func(room muc.JID, line string) {
		if !room.IsZero() {
			line = room.String() + ": " + line
		}
		fmt.Fprintln(stdout, printable(line))
	}
	return options
}
