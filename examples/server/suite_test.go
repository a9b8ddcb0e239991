package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cmd/scansion/remote"
	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/scansion"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// notOnWire is why a script cannot be played over the network, whatever the settings are.
var notOnWire = regexp.MustCompile(`^(it lets \S+ pass` +
	`|no stanza does what the host does: .*` +
	`|the host answers a question of the room` +
	`|the host takes its time to answer from the archive` +
	`|the host does something in the name of a person, not of a client` +
	`|several connections break at once, in no order` +
	`|it is about a whole domain, and all accounts are on one` +
	`|a client answers for its account, as a server does by itself` +
	`|it needs a host's setting: [a-z-]+=\S+\.(example|lit)` + // an address, and clients have others
	`|the server refuses to have the room set up: (not-allowed|policy-violation))$`)

// patience is how long is waited for what must come.
const patience = 5 * time.Minute

// The scripts that ask for settings are kept to the letter by real clients of this server with rooms
// that have them. Those that ask for none are played by the tests of cmd/scansion.
func TestScriptsWithSettings(t *testing.T) {
	files, err := scansion.Files("../../testdata")
	require.NoError(t, err)
	people := []string{"romeo", "juliet", "nurse", "tybalt", "mercutio", "benvolio", "paris", "prince", "crone1", "hag66", "wiccarocks", "hecate", "bard", "stranger"}
	keys := c2s.NewAccounts("localhost", nil)
	var accounts []remote.Account
	for _, name := range people {
		require.NoError(t, keys.Add(name, name))
		accounts = append(accounts, remote.Account{JID: muc.MustParseJID(name + "@localhost"), Password: name})
	}
	var played atomic.Int64
	t.Run("scripts", func(t *testing.T) {
		for _, file := range files {
			script, err := scansion.ParseFile(file)
			require.NoError(t, err)
			settings := script.HeaderAll("config")
			if !slices.ContainsFunc(settings, func(s string) bool { return s != "instant=true" }) {
				continue
			}
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				cfg, err := script.Config(scansion.Options{})
				require.NoError(t, err)
				server := &remote.Server{Address: startRooms(t, cfg, keys), Domain: "localhost", Accounts: accounts, Security: remote.NoTLS}
				err = scansion.Play(script, scansion.Options{Mode: scansion.Exact, Dial: server.Dial,
					Network: scansion.Network{Rooms: "conference.localhost", Settings: settings, Wait: patience, Late: patience, Script: patience}})
				if skipped := (*scansion.Skipped)(nil); errors.As(err, &skipped) {
					assert.Regexp(t, notOnWire, skipped.Reason)
					return
				}
				require.NoError(t, err)
				played.Add(1)
			})
		}
	})
	assert.Greater(t, played.Load(), int64(55))
}

// startRooms runs a server whose rooms have that configuration, until the test ends, and returns its
// address.
func startRooms(t *testing.T, cfg muc.Config, people *c2s.Accounts) string {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), sqlitestore.Options{Archive: true})
	require.NoError(t, err)
	services := map[string]c2s.Service{}
	clients := c2s.New(c2s.Config{Domain: "localhost", Accounts: people, Log: log, Bounds: c2s.Bounds{Login: patience}}, services)
	answers := sqlitestore.NewAnswers(store, log)
	set := settings{rooms: "conference.localhost", bounds: c2s.Bounds{}.WithDefaults()}
	with := roomsConfig(&set, store, answers, nil, clients, service.Observer{}, log)
	cfg.Secret = with.Room.Secret
	with.Room = cfg
	rooms, err := service.New(t.Context(), with)
	require.NoError(t, err)
	services[set.rooms] = rooms
	answers.Start(rooms)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- clients.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(t, l.Close())
		assert.NoError(t, <-served)
		answers.Stop()
		assert.NoError(t, rooms.Shutdown(ctx, ""))
		assert.NoError(t, clients.Stop(ctx))
		assert.NoError(t, store.Close())
	})
	return l.Addr().String()
}
