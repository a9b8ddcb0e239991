// Package remote logs in clients on an XMPP server over TCP, to have package scansion play
// scripts against it:
//
//	server := &remote.Server{Address: "127.0.0.1:5222", Domain: "localhost", Register: true}
//	defer server.Close()
//	scansion.RunOptions(t, scansion.Options{
//		Dial:    server.Dial,
//		Network: scansion.Network{Rooms: "conference.localhost"},
//	}, "testdata")
//
// It uses TLS, which only a server on this machine need not offer, and SCRAM before PLAIN.
package remote

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
)

const (
	loginTime = 20 * time.Second // from the connection to a bound resource
	closeTime = time.Second      // for the server to close its side of a stream
	unread    = 1000             // stanzas of a client that nobody asked for yet
	held      = 32 << 20         // bytes of them
	prefixes  = 100              // that a stream declares for all that is in it
	// iterations are how often a password is hashed at the most, because a server wants it.
	iterations = 1_000_000
	accounts   = 1000 // that may be made, and lines of a file
)

// Security is how a connection gets TLS.
type Security string

// The ways to get TLS.
const (
	// StartTLS is the usual one, also if it is empty. A server that does not offer it is refused,
	// unless it is on this machine, or PlainText is allowed.
	StartTLS  Security = "starttls"
	DirectTLS Security = "direct" // from the first byte (XEP-0368)
	NoTLS     Security = "none"   // not even if it is offered
)

// Server is an XMPP server, and who may log in there: Accounts, or anybody with Register or
// Anonymous.
type Server struct {
	// Address is a host and a port.
	Address string
	// Domain is that of the accounts.
	Domain string
	// Security says how to get TLS, and TLS what a certificate must be; nil is the usual.
	Security Security
	TLS      *tls.Config
	// PlainText allows PLAIN without TLS, when nothing better is offered.
	PlainText bool

	// Accounts are those to use: the one with the same name as in the script, or else the
	// first that is free.
	Accounts []Account
	// Register makes accounts (XEP-0077), which Close removes.
	Register bool
	// Anonymous logs in without an account (XEP-0175).
	Anonymous bool

	// MaxStanza bounds the bytes of a stanza that comes: 0 means 1 MiB.
	MaxStanza int

	mu sync.Mutex
	// made are the accounts made, by whose they are in scripts.
	made map[muc.JID]Account
}

func (s *Server) maxStanza() int { return cmp.Or(s.MaxStanza, 1<<20) }

// ReadAccounts reads accounts, one on each line: a JID, blanks, and the password. Empty lines
// and those that begin with # mean nothing.
func ReadAccounts(r io.Reader) (list []Account, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		address, password, _ := strings.Cut(line, " ")
		who, err := muc.ParseJID(address)
		if password = strings.TrimSpace(password); err != nil || !who.IsBare() || who.Local() == "" || password == "" {
			return nil, fmt.Errorf("line %d: expected a JID and a password", number)
		}
		if list = append(list, Account{who, password}); len(list) > accounts {
			return nil, fmt.Errorf("more than %d accounts", accounts)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no accounts")
	}
	return list, nil
}

// Dial logs in a client, see [scansion.Options]. With too few accounts for a script it returns
// a [*scansion.Skipped].
func (s *Server) Dial(ctx context.Context, who scansion.Login) (scansion.Conn, error) {
	account, err := s.account(ctx, who)
	if err != nil {
		return nil, err
	}
	c, err := s.logIn(ctx, account, who.Resource)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Server) logIn(ctx context.Context, account Account, resource string) (*client, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	err = c.authenticate(account)
	var jid muc.JID
	if err == nil {
		jid, err = c.bind(resource)
	}
	if err == nil {
		err = c.raw.SetDeadline(time.Time{})
	}
	if err != nil {
		c.raw.Close()
		if s.Anonymous {
			return nil, fmt.Errorf("cannot log in without an account: %w", err)
		}
		return nil, fmt.Errorf("%s cannot log in: %w", account.JID, err)
	}
	return newClient(c, jid), nil
}

// account finds the account of somebody.
func (s *Server) account(ctx context.Context, who scansion.Login) (Account, error) {
	switch {
	case s.Anonymous:
		return Account{}, nil
	case !s.Register:
		return s.assign(who)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	person := who.People[who.Person]
	if a, ok := s.made[person]; ok {
		return a, nil
	}
	if len(s.made) >= accounts {
		return Account{}, fmt.Errorf("more than %d accounts are not made", accounts)
	}
	jid, err := muc.ParseJID(person.Local() + "-" + strings.ToLower(rand.Text()[:8]) + "@" + s.Domain)
	if err != nil {
		return Account{}, err
	}
	a := Account{jid, rand.Text()}
	c, err := s.connect(ctx)
	if err != nil {
		return a, err
	}
	defer c.raw.Close()
	if err := c.register(a); err != nil {
		return a, fmt.Errorf("%s cannot be registered: %w", jid, err)
	}
	if s.made == nil {
		s.made = map[muc.JID]Account{}
	}
	s.made[person] = a
	return a, nil
}

// assign gives each of a script's people an account, the same ones for the same people.
func (s *Server) assign(who scansion.Login) (Account, error) {
	if len(who.People) > len(s.Accounts) {
		return Account{}, &scansion.Skipped{Reason: fmt.Sprintf("it needs accounts of %d people", len(who.People))}
	}
	taken := make([]bool, len(s.Accounts))
	given := make([]int, len(who.People))
	for p, person := range who.People {
		given[p] = -1
		for i, a := range s.Accounts {
			if !taken[i] && a.JID.Local() == person.Local() {
				given[p], taken[i] = i, true
				break
			}
		}
	}
	for p := range who.People {
		for i := 0; given[p] < 0; i++ {
			if !taken[i] {
				given[p], taken[i] = i, true
			}
		}
	}
	return s.Accounts[given[who.Person]], nil
}

// Check logs in once and asks whether there are rooms on a domain (XEP-0030).
func (s *Server) Check(ctx context.Context, rooms string) error {
	nobody, err := muc.ParseJID("scansion@" + s.Domain)
	if err != nil {
		return err
	}
	conn, err := s.Dial(ctx, scansion.Login{People: []muc.JID{nobody}, Resource: "scansion"})
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	err = conn.Send(ctx, []byte("<iq type='get' id='check' to='"+escape(rooms)+"'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"))
	if err != nil {
		return err
	}
	for {
		src, err := conn.Receive(ctx)
		if err != nil {
			return fmt.Errorf("there is no answer from %s: %w", rooms, err)
		}
		var answer struct {
			XMLName    xml.Name
			ID         string     `xml:"id,attr"`
			Type       string     `xml:"type,attr"`
			Error      *condition `xml:"error"`
			Identities []struct {
				Category string `xml:"category,attr"`
			} `xml:"query>identity"`
		}
		if err := xml.Unmarshal(src, &answer); err != nil || answer.XMLName.Local != "iq" || answer.ID != "check" {
			continue
		}
		if answer.Error != nil {
			return fmt.Errorf("there are no rooms at %s: %s", rooms, answer.Error)
		}
		for _, i := range answer.Identities {
			if i.Category == "conference" {
				return nil
			}
		}
		return fmt.Errorf("there are no rooms at %s: it says it is something else", rooms)
	}
}

// Close removes the accounts that were made.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for person, a := range s.made {
		delete(s.made, person)
		c, err := s.logIn(context.Background(), a, "scansion")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), loginTime)
		err = c.Send(ctx, []byte("<iq type='set' id='gone'><query xmlns='jabber:iq:register'><remove/></query></iq>"))
		for err == nil { // until the answer, or the server has ended the stream
			var src []byte
			if src, err = c.Receive(ctx); err == nil && strings.Contains(string(src), "gone") {
				break
			}
		}
		cancel()
		c.Close()
	}
	return errors.Join(errs...)
}

// client is a [scansion.Conn].
type client struct {
	jid  muc.JID
	s    *session
	came chan []byte
	held atomic.Int64  // bytes in came
	done chan struct{} // closed when nobody reads any more
	once sync.Once
	err  error // why came was closed
}

func newClient(s *session, jid muc.JID) *client {
	c := &client{jid: jid, s: s, came: make(chan []byte, unread), done: make(chan struct{})}
	go c.read()
	return c
}

func (c *client) read() {
	defer close(c.came)
	for {
		src, err := c.s.next()
		if err != nil {
			c.err = err
			return
		}
		if c.held.Add(int64(len(src))) > held {
			c.err = fmt.Errorf("the server has sent %d bytes that nobody asked for", c.held.Load())
			return
		}
		select {
		case c.came <- src:
		case <-c.done:
			c.err = net.ErrClosed
			return
		}
	}
}

// JID is the client's full JID.
func (c *client) JID() muc.JID { return c.jid }

// Send writes a stanza.
func (c *client) Send(ctx context.Context, stanza []byte) error {
	deadline, _ := ctx.Deadline() // none is the zero time, which is no deadline either
	if err := c.s.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	return c.s.write(stanza)
}

// Receive returns the next stanza.
func (c *client) Receive(ctx context.Context) ([]byte, error) {
	select {
	case src, ok := <-c.came:
		if !ok {
			return nil, c.err
		}
		c.held.Add(-int64(len(src)))
		return src, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Cut ends the connection below TLS, without a word.
func (c *client) Cut() {
	c.once.Do(func() {
		close(c.done)
		c.s.raw.Close()
	})
}

// Close closes the stream and waits a little for the server to do so.
func (c *client) Close() {
	defer c.Cut()
	deadline := time.Now().Add(closeTime)
	if c.s.raw.SetDeadline(deadline) != nil || c.s.write([]byte("</stream:stream>")) != nil {
		return
	}
	for range c.came { // until the server closes its side, or the deadline
	}
}
