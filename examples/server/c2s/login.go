package c2s

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/xdg-go/scram"

	"github.com/gomuc/muc"
)

const (
	loginTries = 3
	loginBytes = 16 << 10 // of an element until then
)

// login takes a client from its connection to a bound resource (RFC 6120 §4 to §7).
func (c *client) login() error {
	s := c.server
	_ = c.stream.SetReadDeadline(time.Now().Add(s.Bounds.Login))
	c.stream.limit(loginBytes)
	err := c.open()
	for tries := 0; err == nil && c.JID.IsZero(); {
		var el *etree.Element
		el, _, err = c.stream.next()
		stranger := c.account.IsZero()
		switch {
		case err != nil:
		case stranger && is(el, nsTLS, "starttls") && c.offersTLS():
			c.out.text("<proceed xmlns='" + nsTLS + "'/>")
			c.out.wait()
			if err = c.stream.startTLS(s.TLS); err == nil {
				err = c.open()
			}
		case stranger && is(el, nsSASL, "auth"):
			if err = c.authenticate(el); err == nil {
				err = c.open()
			}
		case !stranger && is(el, nsAcks, "resume"):
			c.acknowledge(el.Tag)
		case !stranger:
			err = c.bind(el)
		default:
			err = streamError("not-authorized")
		}
		if refused := saslFailure(""); errors.As(err, &refused) {
			s.failures.Add(1)
			c.out.text("<failure xmlns='" + nsSASL + "'><" + string(refused) + "/></failure>")
			if err, tries = nil, tries+1; tries == loginTries {
				err = streamError("policy-violation")
			}
		}
	}
	c.stream.limit(Limits.Bytes)
	return errors.Join(err, c.stream.SetReadDeadline(time.Time{}))
}

// open answers a new stream with what may be done on it.
func (c *client) open() error {
	domain, err := c.stream.opened()
	c.out.text(c.stream.opening(c.server.Domain))
	if err != nil {
		return err
	}
	if to, err := muc.NormalizeDomain(domain); err != nil || to != c.server.Domain {
		return streamError("host-unknown")
	}
	c.out.text("<stream:features xmlns:stream='" + nsStream + "'>" + c.features() + "</stream:features>")
	return nil
}

// features are what a client may do next.
func (c *client) features() (s string) {
	if !c.account.IsZero() {
		return "<bind xmlns='" + nsBind + "'/><session xmlns='" + nsSession + "'><optional/></session><sm xmlns='" + nsAcks + "'/>"
	}
	mechanisms := strings.Join(c.mechanisms(), "</mechanism><mechanism>")
	if c.offersTLS() {
		s = "<starttls xmlns='" + nsTLS + "'>" + map[bool]string{true: "<required/>"}[mechanisms == ""] + "</starttls>"
	}
	if mechanisms != "" {
		s += "<mechanisms xmlns='" + nsSASL + "'><mechanism>" + mechanisms + "</mechanism></mechanisms>"
	}
	return s
}

// offersTLS reports whether a client may make its stream a secret one.
func (c *client) offersTLS() bool { return c.stream.encrypted() == nil && c.stream.ws == nil }

// mechanisms are the ways to log in, the best first. There is none where others could read.
func (c *client) mechanisms() (names []string) {
	if c.stream.encrypted() == nil && !c.stream.local() {
		return nil
	}
	for _, h := range hashes {
		names = append(names, h.mechanism)
	}
	if c.stream.encrypted() != nil {
		names = append(names, "PLAIN")
	}
	if c.server.Guests {
		names = append(names, "ANONYMOUS")
	}
	return names
}

// authenticate finds out who a client is (RFC 6120 §6).
func (c *client) authenticate(auth *etree.Element) error {
	mechanism := auth.SelectAttrValue("mechanism", "")
	if !slices.Contains(c.mechanisms(), mechanism) {
		return saslFailure("invalid-mechanism")
	}
	first, err := decodeSASL(auth)
	if err != nil {
		return err
	}
	name, authzid, success := "", "", ""
	switch mechanism {
	case "ANONYMOUS":
		name = guestPrefix + strings.ToLower(rand.Text()[:16])
	case "PLAIN": // RFC 4616
		parts := strings.Split(first, "\x00")
		if len(parts) != 3 {
			return saslFailure("malformed-request")
		}
		if authzid, name = parts[0], parts[1]; !c.server.Accounts.check(name, parts[2]) {
			return saslFailure("not-authorized")
		}
	default:
		if name, authzid, success, err = c.scram(mechanism, first); err != nil {
			return err
		}
	}
	who, err := c.server.Accounts.JID(name)
	if err != nil {
		return saslFailure("not-authorized")
	}
	if other, err := muc.ParseJID(authzid); authzid != "" && (err != nil || other != who) {
		return saslFailure("invalid-authzid") // nobody acts in the name of somebody else
	}
	c.account = who
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

// scram checks that a client knows a password (RFC 5802).
func (c *client) scram(mechanism, first string) (name, authzid, success string, err error) {
	h := hashes[slices.IndexFunc(hashes, func(h hash) bool { return h.mechanism == mechanism })]
	check, err := h.NewServer(func(name string) (scram.StoredCredentials, error) {
		return c.server.Accounts.keys(mechanism, name), nil
	})
	if err != nil {
		return "", "", "", err
	}
	talk := check.NewConversation()
	challenge, err := talk.Step(first)
	if err != nil {
		return "", "", "", saslFailure("malformed-request")
	}
	c.out.text("<challenge xmlns='" + nsSASL + "'>" + base64.StdEncoding.EncodeToString([]byte(challenge)) + "</challenge>")
	el, _, err := c.stream.next()
	switch {
	case err != nil:
		return "", "", "", err
	case !is(el, nsSASL, "response"):
		return "", "", "", saslFailure("aborted")
	}
	second, err := decodeSASL(el)
	if err != nil {
		return "", "", "", err
	}
	final, err := talk.Step(second)
	if err != nil || !talk.Valid() {
		return "", "", "", saslFailure("not-authorized")
	}
	return talk.Username(), talk.AuthzID(), base64.StdEncoding.EncodeToString([]byte(final)), nil
}

// bind gives a client its full address (RFC 6120 §7). Where there are several nodes no two give
// the same one.
func (c *client) bind(el *etree.Element) (err error) {
	ask := childOf(el, nsBind, "bind")
	if ask == nil || !is(el, nsClient, "iq") || el.SelectAttrValue("type", "") != "set" {
		return streamError("not-authorized")
	}
	wish := ""
	if r := childOf(ask, nsBind, "resource"); r != nil {
		wish = r.Text()
	}
	if c.server.Nodes != nil && wish != "" {
		wish += "." + rand.Text()[:12]
	}
	full, err := c.account.WithResource(cmp.Or(wish, rand.Text()[:12]))
	switch {
	case err != nil:
		c.refuse(el, badRequest)
	case !c.server.enter(c, full):
		c.refuse(el, tooMany)
	default:
		bound := etree.NewElement("bind")
		bound.CreateAttr("xmlns", nsBind)
		bound.CreateElement("jid").SetText(full.String())
		c.out.text(result(el, muc.JID{}, bound))
	}
	return nil
}
