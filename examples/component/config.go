package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// settings is what an operator decides.
type settings struct {
	domain   string
	connect  string
	secret   string
	store    string
	name     string
	metrics  string
	admins   map[muc.JID]bool
	contacts []service.Contact
	create   creators
	// registration is who may register with a room (XEP-0045 §7.10).
	registration muc.Registration
	level        slog.Level
	json         bool
	drain        time.Duration
	idle         time.Duration
	archive      time.Duration // 0 keeps nothing
	archiveSize  int           // bytes of a room
	compact      int
	// rates bound what one person sends to one room, traffic what one person sends to
	// all of them, in bytes.
	rates     muc.Rates
	traffic   muc.Rate
	sendQueue int // bytes
	maxStanza int // bytes
	// backoff and held are the link's own if they are 0. No option sets them.
	backoff, held time.Duration
}

// creators is who may create rooms: anyone, or those of some domains; the
// administrators always.
type creators struct {
	anyone  bool
	domains map[string]bool
}

// option is one setting: a flag, a variable and a line of the configuration file.
type option struct {
	name     string
	value    string // what stands for the value in the help
	standard string
	help     string
	set      func(*settings, string) error
}

// variable is the environment variable of the option.
func (o *option) variable() string {
	return "MUC_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

// options are all settings. A value that is not given is the standard one.
var options = []option{
	{"domain", "DOMAIN", "", "the domain of the rooms, as the server knows the component (required)",
		func(s *settings, v string) (err error) { s.domain, err = domain(v); return err }},
	{"secret", "TEXT", "", "the secret that the server expects of the component (required); others on this machine can see a flag, so better say it by variable or file",
		func(s *settings, v string) error { s.secret = v; return required(v) }},
	{"connect", "HOST:PORT", "127.0.0.1:5347", "where the server listens for components",
		func(s *settings, v string) error { s.connect = v; return address(v) }},
	{"store", "FILE", "rooms.db", "the SQLite file that keeps the rooms; it is made if it is not there",
		func(s *settings, v string) error { s.store = v; return required(v) }},
	{"name", "TEXT", "Chat rooms", "what clients call the service",
		func(s *settings, v string) error { s.name = v; return required(v) }},
	{"admins", "JID,JID", "", "who administers the service: they own every room, and may create rooms and speak to all of them",
		func(s *settings, v string) (err error) { s.admins, err = people(v); return err }},
	{"contacts", "KIND=URI,KIND=URI", "", "whom people can write to about the service (XEP-0157), as abuse=mailto:abuse@example.org; kinds are abuse, admin, feedback, sales, security, status and support",
		func(s *settings, v string) (err error) { s.contacts, err = contacts(v); return err }},
	{"create", "WHO", "anyone", "who may create rooms: anyone, admins, or domains such as example.org,example.net",
		func(s *settings, v string) (err error) { s.create, err = whoCreates(v); return err }},
	{"registration", "WHO", "members", "who may register with a room: members, approved (an admin of the room decides), open (anyone, who then is a member) or none",
		func(s *settings, v string) (err error) { s.registration, err = whoRegisters(v); return err }},
	{"archive", "TIME", "720h", "how long messages are kept for clients that ask for them (XEP-0313); 0 keeps none",
		func(s *settings, v string) (err error) {
			if v != "0" {
				s.archive, err = duration(v)
			}
			return err
		}},
	{"archive-size", "BYTES", "67108864", "how much of that is kept of one room; the oldest messages go first",
		func(s *settings, v string) (err error) { s.archiveSize, err = size(v, 1<<16); return err }},
	{"metrics", "HOST:PORT", "", "where to serve Prometheus metrics, at /metrics; nowhere if empty",
		func(s *settings, v string) error {
			if s.metrics = v; v == "" {
				return nil
			}
			return address(v)
		}},
	{"log-level", "LEVEL", "info", "how much to log: debug, info, warn or error",
		func(s *settings, v string) error {
			if s.level.UnmarshalText([]byte(v)) != nil {
				return errors.New("must be debug, info, warn or error")
			}
			return nil
		}},
	{"log-format", "FORMAT", "text", "how to log, to standard error: text or json",
		func(s *settings, v string) error {
			if s.json = v == "json"; !s.json && v != "text" {
				return errors.New("must be text or json")
			}
			return nil
		}},
	{"rate-messages", "N/TIME", "30/15s", "how many messages one person may send to a room in a time, at once or spread over it; 0 bounds nothing. Admins and owners of the room are exempt",
		func(s *settings, v string) (err error) { s.rates.Messages, err = rate(v, time.Millisecond); return err }},
	{"rate-presence", "N/TIME", "30/30s", "how often in a time one person may join a room, or change nick or availability there, in the same way",
		func(s *settings, v string) (err error) { s.rates.Presence, err = rate(v, time.Millisecond); return err }},
	{"rate-bytes", "N/TIME", "1048576/32s", "how many bytes one person may send to all rooms together in a time; 0 bounds nothing. Nobody is exempt",
		func(s *settings, v string) (err error) { s.traffic, err = rate(v, time.Nanosecond); return err }},
	{"send-queue", "BYTES", "4194304", "how many bytes may wait to be sent before rooms wait",
		func(s *settings, v string) (err error) { s.sendQueue, err = size(v, 1<<16); return err }},
	{"max-stanza", "BYTES", "262144", "how large a stanza the server takes, in either direction: a larger one is not sent, because the server would end the stream",
		func(s *settings, v string) (err error) { s.maxStanza, err = size(v, 1<<16); return err }},
	{"drain", "TIME", "10s", "how long a stop may take until all have been told",
		func(s *settings, v string) (err error) { s.drain, err = duration(v); return err }},
	{"idle", "TIME", "5m", "how long an empty room stays in memory",
		func(s *settings, v string) (err error) { s.idle, err = duration(v); return err }},
	{"compact", "EVENTS", "500", "how many stored events of a room are replaced by a snapshot",
		func(s *settings, v string) (err error) {
			if s.compact, err = strconv.Atoi(v); err != nil || s.compact < 1 {
				return errors.New("must be a whole number from 1")
			}
			return nil
		}},
}

func required(v string) error {
	if v == "" {
		return errors.New("must not be empty")
	}
	return nil
}

func domain(v string) (string, error) {
	if v == "" {
		return "", errors.New("must not be empty: name the domain of the rooms, as conference.example.org")
	}
	jid, err := muc.ParseJID(v)
	if err != nil || jid.Local() != "" || !jid.IsBare() {
		return "", fmt.Errorf("%q is no domain: it should look like conference.example.org", v)
	}
	return jid.String(), nil
}

func address(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%q is no address: it should look like 127.0.0.1:5347", v)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q has no port from 1 to 65535", v)
	}
	return nil
}

func duration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time: it should look like 30s or 5m", v)
	}
	return d, nil
}

// rate reads "30/15s": 30 at once, and each further one after a part of the time, which
// must not be shorter than the least.
func rate(v string, least time.Duration) (muc.Rate, error) {
	if v == "0" {
		return muc.Rate{}, nil
	}
	number, text, _ := strings.Cut(v, "/")
	n, err := strconv.Atoi(number)
	within, err2 := time.ParseDuration(text)
	switch {
	case err != nil || err2 != nil || n < 1 || within <= 0 || within > 24*time.Hour:
		return muc.Rate{}, fmt.Errorf("%q is no rate: it should look like 30/15s, in a day at the most, or be 0", v)
	case within/time.Duration(n) < least:
		return muc.Rate{}, fmt.Errorf("%q is more than one in %v", v, least)
	}
	return muc.Rate{Burst: n, Every: within / time.Duration(n)}, nil
}

func size(v string, least int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > 1<<30 {
		return 0, fmt.Errorf("must be a number of bytes from %d to %d", least, 1<<30)
	}
	return n, nil
}

// list is what stands between commas.
func list(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func people(v string) (map[muc.JID]bool, error) {
	all := map[muc.JID]bool{}
	for _, text := range list(v) {
		jid, err := muc.ParseJID(text)
		if err != nil || jid.Local() == "" || !jid.IsBare() {
			return nil, fmt.Errorf("%q is no address of a person: it should look like romeo@example.org", text)
		}
		all[jid] = true
	}
	return all, nil
}

func contacts(v string) ([]service.Contact, error) {
	var all []service.Contact
	for _, text := range list(v) {
		kind, uri, ok := strings.Cut(text, "=")
		if !ok || uri == "" {
			return nil, fmt.Errorf("%q is no contact: it should look like abuse=mailto:abuse@example.org", text)
		}
		all = append(all, service.Contact{For: service.ContactKind(kind), URI: uri})
	}
	return all, nil
}

func whoCreates(v string) (creators, error) {
	switch v {
	case "anyone":
		return creators{anyone: true}, nil
	case "admins":
		return creators{}, nil
	case "":
		return creators{}, errors.New("must be anyone, admins or domains")
	}
	c := creators{domains: map[string]bool{}}
	for _, text := range list(v) {
		d, err := domain(text)
		if err != nil {
			return c, err
		}
		c.domains[d] = true
	}
	return c, nil
}

func whoRegisters(v string) (muc.Registration, error) {
	switch v {
	case "members":
		return muc.RegistrationMembers, nil
	case "approved":
		return muc.RegistrationApproved, nil
	case "open":
		return muc.RegistrationOpen, nil
	case "none":
		return muc.RegistrationNone, nil
	}
	return 0, errors.New("must be members, approved, open or none")
}
