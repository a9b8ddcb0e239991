package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// check reads the store, while no component works on it, and says what is wrong in it.
func check(ctx context.Context, s settings, stdout io.Writer) error {
	if _, err := os.Stat(s.store); err != nil {
		return fmt.Errorf("-store: %w: name the file that is to be checked", err) // it is not to be made now
	}
	store, err := sqlitestore.Open(ctx, s.store, sqlitestore.Options{})
	if err != nil {
		return err
	}
	faults := 0
	fault := func(err error) {
		faults++
		fmt.Fprintln(stdout, printable(err.Error()))
	}
	rooms := s.roomConfig()
	rooms.Secret = store.Secret()
	err = store.Check(ctx, fault)
	good := 0
	if err == nil {
		good, err = service.Check(ctx, service.Config{Domain: s.domain, Store: store, Room: rooms}, func(room muc.JID, err error) {
			if !room.IsZero() {
				err = fmt.Errorf("%s: %w", room, err)
			}
			fault(err)
		})
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "rooms that are in order: %d\n", good)
	if faults > 0 {
		return fmt.Errorf("%s: so much is wrong in it: %d; rooms that cannot be read are left alone, all others work; bring back a copy to have them again", s.store, faults)
	}
	return nil
}
