package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/server/c2s"
)

// settings are what an operator decides.
type settings struct {
	domain, rooms string
	listen, http  string
	cert, key     string
	accounts      string
	guests        bool
	admins        string
	store         string
	metrics       string
	origins       string
	web, bare     bool
	newAccount    string
	level         slog.Level
	bounds        c2s.Bounds
	request       time.Duration // for a request by HTTP, and for its answer
}

func parse(args []string, help io.Writer) (settings, error) {
	s := settings{bounds: c2s.Bounds{}.WithDefaults()}
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.SetOutput(help)
	f.StringVar(&s.domain, "domain", "localhost", "the `domain` of the accounts")
	f.StringVar(&s.rooms, "rooms", "", "the `domain` of the rooms (conference.DOMAIN)")
	f.StringVar(&s.listen, "listen", "127.0.0.1:5222", "the `address` for clients over TCP")
	f.StringVar(&s.http, "http", "127.0.0.1:5280", "the `address` for clients over WebSocket: TLS, unless it is one of this machine alone; empty for none")
	f.StringVar(&s.cert, "cert", "", "a `file` with the certificate of the domain; without one the server makes its own")
	f.StringVar(&s.key, "key", "", "a `file` with its key")
	f.StringVar(&s.accounts, "accounts", "", "a `file` of accounts, made of lines that -new-account prints; without one there are romeo and juliet")
	f.BoolVar(&s.guests, "guests", false, "let people in without an account (SASL ANONYMOUS); always so without -accounts")
	f.StringVar(&s.admins, "admins", "", "`names` of accounts, with commas, that own all rooms")
	f.StringVar(&s.store, "store", "rooms.db", "the SQLite `file` of the rooms")
	f.StringVar(&s.metrics, "metrics", "", "an `address` for Prometheus metrics and profiles")
	f.StringVar(&s.origins, "origins", "", "`hosts`, with commas, whose pages may connect, besides the server's own")
	f.IntVar(&s.bounds.Connections, "connections", s.bounds.Connections, "how many `connections` there may be at once, with those for pages")
	f.IntVar(&s.bounds.Strangers, "strangers", s.bounds.Strangers, "how many of the `connections` may be not logged in")
	f.IntVar(&s.bounds.Sessions, "sessions", s.bounds.Sessions, "how many `clients` of one account may be connected")
	f.IntVar(&s.bounds.Unsent, "unsent", s.bounds.Unsent, "how many `bytes` may wait for a client that reads slowly, before it is disconnected")
	f.IntVar(&s.bounds.Traffic, "traffic", s.bounds.Traffic, "how many `bytes` a second are read from one client, for long; eight times as many at once")
	f.DurationVar(&s.bounds.Login, "login", s.bounds.Login, "how long a client may take to log in")
	f.DurationVar(&s.request, "request", time.Minute, "how long a request by HTTP may take, and its answer")
	f.BoolVar(&s.bare, "bare", false, "rooms without what XEP-0045 leaves to others: no archive, no activity, no notices to people who are not inside")
	f.BoolVar(&s.web, "web", false, "serve a page to chat on")
	f.StringVar(&s.newAccount, "new-account", "", "print a line for -accounts for this `name`, with the password from the standard input, and end")
	f.TextVar(&s.level, "log", slog.LevelInfo, "the least `level` of what is logged: debug, info, warn or error")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	var bad, badRooms error
	s.domain, bad = muc.NormalizeDomain(s.domain)
	s.rooms, badRooms = muc.NormalizeDomain(cmp.Or(s.rooms, "conference."+s.domain))
	switch {
	case bad != nil || badRooms != nil:
		return s, fmt.Errorf("-domain and -rooms are domains, such as example.org and conference.example.org: %w", cmp.Or(bad, badRooms))
	case s.domain == s.rooms:
		return s, errors.New("-domain and -rooms are two domains: let -rooms be another one")
	case f.NArg() > 0:
		return s, fmt.Errorf("%q is no flag: see -h", f.Arg(0))
	case min(s.bounds.Connections, s.bounds.Strangers, s.bounds.Sessions, s.bounds.Unsent, s.bounds.Traffic) <= 0:
		return s, errors.New("bounds are more than 0")
	case min(s.bounds.Login, s.request) <= 0:
		return s, errors.New("-login and -request are more than 0")
	case s.web && s.http == "":
		return s, errors.New("-web needs an address for -http")
	case (s.cert == "") != (s.key == ""):
		return s, errors.New("-cert and -key go together")
	case s.demo() && !(loopback(s.listen) && (s.http == "" || loopback(s.http))):
		return s, errors.New("everybody knows the passwords of romeo and juliet: give -accounts to listen beyond this machine")
	}
	return s, nil
}

// demo reports whether the accounts are those to try the server with.
func (s *settings) demo() bool { return s.accounts == "" }

// loopback reports whether an address can be reached from this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// demoPeople are the accounts of the demonstration, whose passwords are their names. The
// first owns all rooms.
var demoPeople = []string{"romeo", "juliet"}

// people are those who may log in, and who of them owns all rooms. The secret is that of
// [c2s.NewAccounts].
func (s *settings) people(secret []byte) (a *c2s.Accounts, admins map[muc.JID]bool, err error) {
	names := s.admins
	a = c2s.NewAccounts(s.domain, secret)
	if s.demo() {
		names = cmp.Or(names, demoPeople[0])
		for _, name := range demoPeople {
			if err := a.Add(name, name); err != nil {
				return nil, nil, err
			}
		}
	} else if file, err := os.Open(s.accounts); err != nil {
		return nil, nil, fmt.Errorf("-accounts: %w", err)
	} else if err := errors.Join(a.Read(file), file.Close()); err != nil {
		return nil, nil, fmt.Errorf("-accounts %s: %w: let it have lines that -new-account prints", s.accounts, err)
	}
	admins = map[muc.JID]bool{}
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' }) {
		who, err := a.JID(strings.TrimSpace(name))
		if err != nil || !a.Has(who) {
			return nil, nil, fmt.Errorf("-admins: %q has no account", name)
		}
		admins[who] = true
	}
	return a, admins, nil
}

// printAccount prints the line of an account.
func printAccount(name string, stdin io.Reader, stdout io.Writer) error {
	password, err := bufio.NewReader(stdin).ReadString('\n')
	password = strings.TrimRight(password, "\r\n")
	if err != nil && !errors.Is(err, io.EOF) || password == "" {
		return errors.New("give the password as a line of the standard input")
	}
	a := c2s.NewAccounts("localhost", nil)
	if err := a.Add(name, password); err != nil {
		return err
	}
	return a.Write(stdout)
}
