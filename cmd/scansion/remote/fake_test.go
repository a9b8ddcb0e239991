package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
)

// fake is an XMPP server that does what a test wants of it.
type fake struct {
	address   string
	secret    *tls.Config    // nil: no TLS is offered
	trusted   *x509.CertPool // by which to judge its certificate
	direct    bool           // TLS from the first byte
	mechanism string         // what it offers
	session   string         // a feature after the login
	identity  string         // what its rooms say they are; an error if it is empty
	challenge string         // to who logs in
	declares  string         // by its stream
	said      string         // to somebody who has just bound a resource

	mu        sync.Mutex
	passwords map[string]string
	refusal   string // of further registrations
	log       []string
}

func newFake(t *testing.T, change func(*fake)) *fake {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	certified := httptest.NewTLSServer(nil) // which has a certificate of example.com
	certified.Close()
	f := &fake{address: listener.Addr().String(), secret: certified.TLS, trusted: x509.NewCertPool(), mechanism: "PLAIN",
		identity: "conference", passwords: map[string]string{"romeo": "rose"}}
	f.secret.NextProtos = nil
	f.trusted.AddCert(certified.Certificate())
	if change != nil {
		change(f)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				f.serve(conn)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return f
}

// server is how to log in there.
func (f *fake) server() *Server {
	return &Server{Address: f.address, Domain: "example.com", TLS: &tls.Config{RootCAs: f.trusted},
		Accounts: []Account{{muc.MustParseJID("romeo@example.com"), "rose"}}}
}

// patience is how long a test waits for what must come; nothing takes as long.
const patience = 5 * time.Minute

var romeo = scansion.Login{People: []muc.JID{muc.MustParseJID("romeo@montague.example")}, Resource: "orchard"}

func dial(t *testing.T, s *Server) (scansion.Conn, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.Dial(ctx, romeo)
}

// note remembers what happened.
func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

// noted is what happened, and people are the accounts.
func (f *fake) noted() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, " ")
}

func (f *fake) people() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.passwords)
}

func (f *fake) serve(conn net.Conn) {
	encrypted := f.direct
	if f.direct {
		conn = tls.Server(conn, f.secret)
	}
	user := ""
	for {
		dec := xml.NewDecoder(conn)
		for { // the opening of a stream
			token, err := dec.Token()
			if err != nil {
				return
			}
			if _, ok := token.(xml.StartElement); ok {
				break
			}
		}
		features := ""
		switch {
		case user != "":
			features = "<bind xmlns='" + nsBind + "'/>" + f.session
		case f.secret != nil && !encrypted:
			features = "<starttls xmlns='" + nsTLS + "'/>"
			fallthrough
		default:
			features += "<mechanisms xmlns='" + nsSASL + "'><mechanism>" + f.mechanism + "</mechanism></mechanisms>"
		}
		fmt.Fprintf(conn, "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' xmlns:stream='%s' xmlns:x='urn:example:x'%s id='1' version='1.0'>"+
			"<stream:features>%s</stream:features>", nsStream, f.declares, features)
		secured, who := f.handle(conn, dec, user)
		switch {
		case secured:
			conn, encrypted = tls.Server(conn, f.secret), true
		case who != "":
			user = who
			f.note("%s logs in, TLS %v", who, encrypted)
		default:
			return
		}
	}
}

// handle goes on until there is to be a new stream: over TLS, or of somebody who has logged in.
func (f *fake) handle(conn net.Conn, dec *xml.Decoder, user string) (secured bool, who string) {
	for {
		token, err := dec.Token()
		if err != nil {
			return false, ""
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			if _, ok := token.(xml.EndElement); ok {
				fmt.Fprint(conn, "</stream:stream>")
			}
			continue
		}
		var el struct {
			ID        string `xml:"id,attr"`
			Mechanism string `xml:"mechanism,attr"`
			Text      string `xml:",chardata"`
			Inner     string `xml:",innerxml"`
			Username  string `xml:"query>username"`
			Password  string `xml:"query>password"`
		}
		if dec.DecodeElement(&el, &start) != nil {
			return false, ""
		}
		result := func(inside string) { fmt.Fprintf(conn, "<iq type='result' id='%s'>%s</iq>", el.ID, inside) }
		refuse := func(condition string) {
			fmt.Fprintf(conn, "<iq type='error' id='%s'><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", el.ID, condition)
		}
		f.mu.Lock()
		switch {
		case start.Name.Local == "starttls":
			fmt.Fprint(conn, "<proceed xmlns='"+nsTLS+"'/>")
			secured = true
		case start.Name.Local == "auth" && f.challenge != "":
			raw, _ := base64.StdEncoding.DecodeString(el.Text)
			_, nonce, _ := strings.Cut(string(raw), "r=")
			fmt.Fprintf(conn, "<challenge xmlns='%s'>%s</challenge>", nsSASL, base64.StdEncoding.EncodeToString([]byte("r="+nonce+f.challenge)))
		case start.Name.Local == "auth" && el.Mechanism == "ANONYMOUS":
			who = "guest"
		case start.Name.Local == "auth":
			raw, _ := base64.StdEncoding.DecodeString(el.Text)
			if parts := strings.Split(string(raw), "\x00"); len(parts) == 3 && f.passwords[parts[1]] == parts[2] && parts[2] != "" {
				who = parts[1]
			} else {
				fmt.Fprint(conn, "<failure xmlns='"+nsSASL+"'><not-authorized/><text>No\nsuch luck.</text></failure>")
			}
		case strings.Contains(el.Inner, "<remove"):
			delete(f.passwords, user)
			result("")
		case strings.Contains(el.Inner, "jabber:iq:register") && f.refusal != "":
			refuse(f.refusal)
		case strings.Contains(el.Inner, "jabber:iq:register"):
			f.passwords[el.Username] = el.Password
			result("")
		case strings.Contains(el.Inner, "<bind"):
			result("<bind xmlns='" + nsBind + "'><jid>" + user + "@example.com/orchard</jid></bind>")
			fmt.Fprint(conn, f.said)
		case strings.Contains(el.Inner, "<session"):
			f.log = append(f.log, "session")
			result("")
		case strings.Contains(el.Inner, "disco#info") && f.identity == "":
			fmt.Fprint(conn, "<message><body>Welcome!</body></message>")
			refuse("item-not-found")
		case strings.Contains(el.Inner, "disco#info"):
			result("<query xmlns='http://jabber.org/protocol/disco#info'><identity category='" + f.identity + "'/></query>")
		default:
			fmt.Fprintf(conn, "<echo>%s</echo>", el.Inner)
		}
		f.mu.Unlock()
		if who != "" {
			fmt.Fprint(conn, "<success xmlns='"+nsSASL+"'/>")
		}
		if secured || who != "" {
			return secured, who
		}
	}
}
