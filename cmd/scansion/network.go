package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cmd/scansion/remote"
	"github.com/gomuc/muc/scansion"
)

// connection is what the flags say of a server to play against.
type connection struct {
	address, rooms, users string
	accounts              string
	register, anonymous   bool
	security              string
	insecure, plain       bool
	authority             string
	settings              []string
	wait, late            time.Duration
	script, total         time.Duration
}

func (c *connection) flags(f *flag.FlagSet) {
	f.StringVar(&c.address, "connect", "", "the `address` HOST:PORT of a server to play against, over the network")
	f.StringVar(&c.rooms, "domain", "", "the `domain` of its rooms, such as conference.example.org")
	f.StringVar(&c.users, "users", "", "the `domain` of its accounts; without one, -domain without what stands before the first dot")
	f.StringVar(&c.accounts, "accounts", "", "a `file` of accounts: a JID, a blank and the password on each line")
	f.BoolVar(&c.register, "register", false, "make accounts (XEP-0077), and remove them in the end")
	f.BoolVar(&c.anonymous, "anonymous", false, "log in without accounts (SASL ANONYMOUS)")
	f.StringVar(&c.security, "tls", "starttls", "`how` to get TLS: starttls, which a server on this machine need not offer; direct; or none")
	f.BoolVar(&c.insecure, "insecure", false, "take any certificate, so that who is on the way can read passwords")
	f.StringVar(&c.authority, "ca", "", "a `file` of certificates (PEM) by which to judge the server's")
	f.BoolVar(&c.plain, "plain", false, "send passwords without TLS where the server knows nothing better than PLAIN")
	f.Func("config", "a `setting` name=value of a header line \"config\" that the server has; may be given several times", func(s string) error {
		if !strings.Contains(s, "=") {
			return errors.New("expected name=value")
		}
		c.settings = append(c.settings, s)
		return nil
	})
	f.DurationVar(&c.wait, "wait", 5*time.Second, "how long to wait for an answer")
	f.DurationVar(&c.late, "late", 500*time.Millisecond, "how long to wait for a stanza that has not come when the server has answered who waits for it")
	f.DurationVar(&c.script, "script", time.Minute, "how long a script may take")
	f.DurationVar(&c.total, "total", 30*time.Minute, "how long all may take")
}

// player plays scripts in some way, and returns the exit status.
type player func(ctx context.Context, files []string, options scansion.Options, stdout io.Writer) int

// play plays scripts against the server. An interrupt ends it after the script that is playing, so
// that no room and no account is left behind.
func (c *connection) play(play player, files []string, options scansion.Options, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	server, err := c.server(ctx, &options)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return statusWrong
	}
	options.Network.LeftBehind = func(room string) { fmt.Fprintf(stderr, "a room is left behind: %s\n", room) }
	status := play(ctx, files, options, stdout)
	if err := server.Close(); err != nil {
		fmt.Fprintf(stderr, "accounts are left behind: %v\n", err)
	}
	return status
}

// server is where the flags say to play, once somebody could log in and found rooms there.
func (c *connection) server(ctx context.Context, options *scansion.Options) (*remote.Server, error) {
	if c.users == "" {
		_, c.users, _ = strings.Cut(c.rooms, ".")
	}
	var bad, badUsers error
	c.rooms, bad = muc.NormalizeDomain(c.rooms)
	c.users, badUsers = muc.NormalizeDomain(c.users)
	ways := 0
	for _, is := range []bool{c.accounts != "", c.register, c.anonymous} {
		if is {
			ways++
		}
	}
	switch {
	case bad != nil || badUsers != nil:
		return nil, errors.New("-connect needs -domain, and -users where the one does not follow from the other")
	case ways != 1:
		return nil, errors.New("-connect needs one of -accounts, -register and -anonymous")
	case min(c.wait, c.late) <= 0 || c.script <= 0 || c.total <= 0:
		return nil, errors.New("-wait, -late, -script and -total are more than 0")
	}
	s := &remote.Server{
		Address: c.address, Domain: c.users, Register: c.register, Anonymous: c.anonymous, PlainText: c.plain,
		Security: remote.Security(c.security), TLS: &tls.Config{InsecureSkipVerify: c.insecure},
	}
	if err := c.files(s); err != nil {
		return nil, err
	}
	options.Dial = s.Dial
	options.Network = scansion.Network{Rooms: c.rooms, Settings: c.settings, Wait: c.wait, Late: c.late, Script: c.script}
	if err := s.Check(ctx, c.rooms); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// files reads those that the flags name.
func (c *connection) files(s *remote.Server) error {
	switch s.Security {
	case remote.StartTLS, remote.DirectTLS, remote.NoTLS:
	default:
		return fmt.Errorf("-tls is starttls, direct or none, not %q", c.security)
	}
	if c.authority != "" {
		pem, err := os.ReadFile(c.authority)
		if err != nil {
			return err
		}
		s.TLS.RootCAs = x509.NewCertPool()
		if !s.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s: no certificate in PEM", c.authority)
		}
	}
	if c.accounts == "" {
		return nil
	}
	f, err := os.Open(c.accounts)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.Accounts, err = remote.ReadAccounts(f); err != nil {
		return fmt.Errorf("%s: %w", c.accounts, err)
	}
	return nil
}
