package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/xdg-go/scram"

	"github.com/gomuc/muc"
)

const (
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSession = "urn:ietf:params:xml:ns:xmpp-session"

	loginTries = 3
	loginBytes = 16 << 10 // of an element until then
)

// login takes a client from its connection to a bound resource (RFC 6120 §4 to §7).
func (c *client) login() error {
	c.wire.readUntil(time.Now().Add(c.server.bounds.login))
	c.wire.limit(loginBytes)
	if err := c.open(); err != nil {
		return err
	}
	for tries := 0; c.account.IsZero(); {
		el, _, err := c.wire.next()
		switch {
		case err != nil:
			return err
		case is(el, nsTLS, "starttls") && c.server.offersTLS(c):
			c.out.text("<proceed xmlns='" + nsTLS + "'/>")
			c.out.wait()
			err = c.wire.startTLS(c.server.tls)
		case is(el, nsSASL, "auth") && c.server.admits(c):
			err = c.authenticate(el)
			if refused := saslFailure(""); errors.As(err, &refused) {
				c.server.metrics.failures.Inc()
				c.out.text(refused.xml())
				if tries++; tries == loginTries {
					return streamError("policy-violation")
				}
				continue
			}
		default:
			err = streamError("not-authorized")
		}
		if err == nil {
			err = c.open()
		}
		if err != nil {
			return err
		}
	}
	if err := c.bind(); err != nil {
		return err
	}
	c.wire.limit(stanzaLimits.Bytes)
	c.wire.readUntil(time.Time{})
	return nil
}

// open answers a new stream with what may be done on it.
func (c *client) open() error {
	domain, err := c.wire.opened()
	if err != nil {
		c.out.text(c.wire.opening(" from='" + c.server.domain + "' id='" + rand.Text() + "' version='1.0'"))
		return err
	}
	c.out.text(c.wire.opening(" from='" + c.server.domain + "' id='" + rand.Text() + "' version='1.0' xml:lang='en'"))
	if to, err := muc.NormalizeDomain(domain); err != nil || to != c.server.domain {
		return streamError("host-unknown")
	}
	c.out.text("<stream:features xmlns:stream='" + nsStream + "'>" + c.features() + "</stream:features>")
	return nil
}

// features are what a client may do next.
func (c *client) features() string {
	if !c.account.IsZero() {
		return "<bind xmlns='" + nsBind + "'/><session xmlns='" + nsSession + "'><optional/></session><sm xmlns='" + nsAcks + "'/>"
	}
	s := ""
	if c.server.offersTLS(c) {
		s = "<starttls xmlns='" + nsTLS + "'>"
		if !c.server.admits(c) {
			s += "<required/>"
		}
		s += "</starttls>"
	}
	if c.server.admits(c) {
		s += "<mechanisms xmlns='" + nsSASL + "'>"
		for _, m := range c.mechanisms() {
			s += "<mechanism>" + m + "</mechanism>"
		}
		s += "</mechanisms>"
	}
	return s
}

// offersTLS reports whether a client may make its stream a secret one.
func (s *server) offersTLS(c *client) bool { return !c.wire.encrypted() && c.wire.space() == "" }

// admits reports whether a client may log in: what others could read must be encrypted.
func (s *server) admits(c *client) bool { return c.wire.encrypted() || c.local }

// mechanisms are the ways to log in, the best first.
func (c *client) mechanisms() (names []string) {
	for _, h := range hashes {
		names = append(names, h.mechanism)
	}
	if c.wire.encrypted() {
		names = append(names, "PLAIN")
	}
	if c.server.guests {
		names = append(names, "ANONYMOUS")
	}
	return names
}

// saslFailure is a condition of RFC 6120 §6.5.
type saslFailure string

func (f saslFailure) Error() string { return "cannot log in: " + string(f) }

func (f saslFailure) xml() string {
	return "<failure xmlns='" + nsSASL + "'><" + string(f) + "/></failure>"
}

// authenticate finds out who a client is (RFC 6120 §6).
func (c *client) authenticate(auth *etree.Element) error {
	mechanism := auth.SelectAttrValue("mechanism", "")
	offered := false
	for _, m := range c.mechanisms() {
		offered = offered || m == mechanism
	}
	if !offered {
		return saslFailure("invalid-mechanism")
	}
	first, err := decodeSASL(auth)
	if err != nil {
		return err
	}
	name, success := "", ""
	switch mechanism {
	case "ANONYMOUS":
		name = guestPrefix + strings.ToLower(rand.Text()[:16])
	case "PLAIN":
		name, err = c.plain(first)
	default:
		name, success, err = c.scram(mechanism, first)
	}
	if err != nil {
		return err
	}
	if c.account, err = c.server.accounts.address(name); err != nil {
		return saslFailure("not-authorized")
	}
	c.out.text("<success xmlns='" + nsSASL + "'>" + success + "</success>")
	return nil
}

func decodeSASL(el *etree.Element) (string, error) {
	text := strings.TrimSpace(el.Text())
	if text == "=" {
		return "", nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", saslFailure("incorrect-encoding")
	}
	return string(raw), nil
}

// plain checks a password (RFC 4616).
func (c *client) plain(message string) (name string, err error) {
	parts := strings.Split(message, "\x00")
	if len(parts) != 3 {
		return "", saslFailure("malformed-request")
	}
	if !c.server.accounts.check(parts[1], parts[2]) {
		return "", saslFailure("not-authorized")
	}
	return parts[1], c.mayActAs(parts[1], parts[0])
}

// mayActAs: nobody acts in the name of somebody else.
func (c *client) mayActAs(name, authzid string) error {
	who, err := c.server.accounts.address(name)
	if err != nil {
		return saslFailure("not-authorized")
	}
	if other, err := muc.ParseJID(authzid); authzid != "" && (err != nil || other != who) {
		return saslFailure("invalid-authzid")
	}
	return nil
}

// scram checks that a client knows a password (RFC 5802).
func (c *client) scram(mechanism, first string) (name, success string, err error) {
	var check *scram.Server
	for _, h := range hashes {
		if h.mechanism == mechanism {
			check, err = h.hash.NewServer(func(name string) (scram.StoredCredentials, error) {
				return c.server.accounts.keys(mechanism, name), nil
			})
		}
	}
	if err != nil {
		return "", "", err
	}
	talk := check.NewConversation()
	challenge, err := talk.Step(first)
	if err != nil {
		return "", "", saslFailure("malformed-request")
	}
	c.out.text("<challenge xmlns='" + nsSASL + "'>" + base64.StdEncoding.EncodeToString([]byte(challenge)) + "</challenge>")
	el, _, err := c.wire.next()
	switch {
	case err != nil:
		return "", "", err
	case !is(el, nsSASL, "response"):
		return "", "", saslFailure("aborted")
	}
	second, err := decodeSASL(el)
	if err != nil {
		return "", "", err
	}
	final, err := talk.Step(second)
	if err != nil || !talk.Valid() {
		return "", "", saslFailure("not-authorized")
	}
	return talk.Username(), base64.StdEncoding.EncodeToString([]byte(final)), c.mayActAs(talk.Username(), talk.AuthzID())
}

// bind gives a client its full address (RFC 6120 §7).
func (c *client) bind() error {
	for {
		el, _, err := c.wire.next()
		if err != nil {
			return err
		}
		var ask *etree.Element
		if is(el, nsClient, "iq") && el.SelectAttrValue("type", "") == "set" {
			ask = childOf(el, nsBind, "bind")
		}
		switch {
		case is(el, nsAcks, "resume"):
			c.out.text("<failed xmlns='" + nsAcks + "'><item-not-found xmlns='" + nsStanzas + "'/></failed>")
			continue
		case ask == nil:
			return streamError("not-authorized")
		}
		wish := ""
		if r := childOf(ask, nsBind, "resource"); r != nil {
			wish = r.Text()
		}
		if wish == "" {
			wish = rand.Text()[:12]
		}
		if c.jid, err = c.account.WithResource(wish); err != nil {
			c.refuse(el, badRequest)
			continue
		}
		if !c.server.enter(c) {
			c.refuse(el, tooMany)
			continue
		}
		bound := etree.NewElement("bind")
		bound.CreateAttr("xmlns", nsBind)
		bound.CreateElement("jid").SetText(c.jid.String())
		c.out.text(result(el, muc.JID{}, bound))
		return nil
	}
}
