package remote

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"mellium.im/sasl"

	"github.com/gomuc/muc"
)

// Account is who may log in.
type Account struct {
	JID      muc.JID // bare
	Password string
}

// session is a stream on its way to be bound to a resource.
type session struct {
	stream
	server    *Server
	raw       net.Conn // below TLS
	encrypted *tls.ConnectionState
	features  *features
}

// connect opens a connection to the server, with TLS if there is to be some.
func (s *Server) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", s.Address, cause(err))
	}
	c := &session{server: s, raw: raw}
	if err := raw.SetDeadline(time.Now().Add(loginTime)); err != nil {
		raw.Close()
		return nil, err
	}
	if err := c.secure(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("%s: %w", s.Address, err)
	}
	return c, nil
}

// secure opens the stream, over TLS if it can be.
func (c *session) secure(ctx context.Context) error {
	if c.server.Security == DirectTLS {
		return c.startTLS(ctx, "xmpp-client")
	}
	err := c.reopen(c.raw)
	switch {
	case err != nil || c.server.Security == NoTLS:
		return err
	case c.features.StartTLS == nil:
		if c.server.PlainText || c.local() {
			return nil
		}
		return errors.New("no TLS is offered, or who is on the way has taken the offer out: -tls none goes on without")
	}
	if err := c.write([]byte("<starttls xmlns='" + nsTLS + "'/>")); err != nil {
		return err
	}
	answer, err := c.next()
	if err != nil {
		return err
	}
	if name(answer) != "proceed" {
		return errors.New("the server offers TLS and refuses it")
	}
	return c.startTLS(ctx)
}

// local reports whether nobody is on the way: the server is on this machine.
func (c *session) local() bool {
	to, ok := c.raw.RemoteAddr().(*net.TCPAddr)
	return ok && to.IP.IsLoopback()
}

func (c *session) startTLS(ctx context.Context, protocols ...string) error {
	config := c.server.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = c.server.Domain
	}
	config.NextProtos = protocols
	conn := tls.Client(c.raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	state := conn.ConnectionState()
	c.encrypted = &state
	return c.reopen(conn)
}

func (c *session) reopen(conn net.Conn) (err error) {
	c.features, err = c.open(conn, c.server.Domain, c.server.maxStanza())
	return err
}

// mechanisms are what this client can, the best first.
func (c *session) mechanisms() []sasl.Mechanism {
	if c.server.Anonymous {
		return []sasl.Mechanism{sasl.Anonymous}
	}
	all := []sasl.Mechanism{sasl.ScramSha256, sasl.ScramSha1}
	if c.encrypted != nil || c.server.PlainText {
		all = append(all, sasl.Plain)
	}
	return all
}

// authenticate says who it is, by the best way that the server offers (RFC 6120 §6).
func (c *session) authenticate(who Account) error {
	var names []string
	for _, m := range c.mechanisms() {
		names = append(names, m.Name)
		if slices.Contains(c.features.Mechanisms, m.Name) {
			if err := c.negotiate(m, who); err != nil {
				return err
			}
			return c.reopen(c.conn)
		}
	}
	return fmt.Errorf("there is no common way to log in: the server offers %s, and here are %s",
		orNothing(c.features.Mechanisms), orNothing(names))
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (c *session) negotiate(m sasl.Mechanism, who Account) error {
	talk := sasl.NewClient(m, sasl.Credentials(func() (user, password, identity []byte) {
		return []byte(who.JID.Local()), []byte(who.Password), nil
	}), sasl.RemoteMechanisms(c.features.Mechanisms...))
	more, response, err := talk.Step(nil)
	if err != nil {
		return err
	}
	say := fmt.Sprintf("<auth xmlns='%s' mechanism='%s'>%s</auth>", nsSASL, m.Name, base64.StdEncoding.EncodeToString(response))
	for {
		if err := c.write([]byte(say)); err != nil {
			return err
		}
		src, err := c.next()
		if err != nil {
			return err
		}
		var answer struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
			condition
		}
		if err := xml.Unmarshal(src, &answer); err != nil {
			return err
		}
		if answer.XMLName.Local == "failure" {
			return errors.New(answer.condition.String())
		}
		data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(answer.Text))
		if err != nil {
			return fmt.Errorf("an answer to %s that is not base64", m.Name)
		}
		if answer.XMLName.Local == "success" && !more {
			return nil
		}
		if tooMuchWork(data) {
			return fmt.Errorf("%s: the server wants the password hashed more than %d times", m.Name, iterations)
		}
		more, response, err = talk.Step(data)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		switch answer.XMLName.Local {
		case "success":
			if more {
				return fmt.Errorf("%s: the server says success before it has shown that it knows the password", m.Name)
			}
			return nil
		case "challenge":
		default:
			return fmt.Errorf("an unknown answer to %s: <%s>", m.Name, answer.XMLName.Local)
		}
		say = fmt.Sprintf("<response xmlns='%s'>%s</response>", nsSASL, base64.StdEncoding.EncodeToString(response))
	}
}

// tooMuchWork reports whether a challenge asks for more hashing than takes a moment (RFC 5802 §5.1).
func tooMuchWork(challenge []byte) bool {
	for part := range strings.SplitSeq(string(challenge), ",") {
		if times, is := strings.CutPrefix(part, "i="); is {
			if n, err := strconv.ParseUint(times, 10, 64); err != nil || n > iterations {
				return true
			}
		}
	}
	return false
}

// bind gets a resource (RFC 6120 §7), and is an address then.
func (c *session) bind(resource string) (muc.JID, error) {
	src, err := c.ask("<iq type='set' id='bind'><bind xmlns='" + nsBind + "'><resource>" + escape(resource) + "</resource></bind></iq>")
	if err != nil {
		return muc.JID{}, fmt.Errorf("no resource: %w", err)
	}
	var bound struct {
		JID string `xml:"urn:ietf:params:xml:ns:xmpp-bind bind>jid"`
	}
	if err := xml.Unmarshal(src, &bound); err != nil {
		return muc.JID{}, err
	}
	who, err := muc.ParseJID(bound.JID)
	if err != nil || who.IsBare() {
		return muc.JID{}, fmt.Errorf("the server gave the address %q", bound.JID)
	}
	if c.features.Session != nil && c.features.Session.Optional == nil {
		if _, err := c.ask("<iq type='set' id='session'><session xmlns='" + nsSession + "'/></iq>"); err != nil {
			return who, fmt.Errorf("no session: %w", err)
		}
	}
	return who, nil
}

// register makes an account (XEP-0077).
func (c *session) register(who Account) error {
	_, err := c.ask("<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>" + escape(who.JID.Local()) +
		"</username><password>" + escape(who.Password) + "</password></query></iq>")
	return err
}

// ask sends a request before anything else can come, and returns the result.
func (c *session) ask(iq string) ([]byte, error) {
	if err := c.write([]byte(iq)); err != nil {
		return nil, err
	}
	src, err := c.next()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Type  string     `xml:"type,attr"`
		Error *condition `xml:"error"`
	}
	if err := xml.Unmarshal(src, &answer); err != nil {
		return nil, err
	}
	if answer.Type != "result" {
		if answer.Error == nil {
			return nil, fmt.Errorf("an unexpected answer: %s", src)
		}
		return nil, errors.New(answer.Error.String())
	}
	return src, nil
}

// name is that of an element.
func name(src []byte) string {
	var el struct{ XMLName xml.Name }
	_ = xml.Unmarshal(src, &el) // no name is another one
	return el.XMLName.Local
}

// cause is what is at the bottom of an error of package net, which says the rest already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
