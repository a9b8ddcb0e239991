package main

import (
	"encoding"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// What the texts of settings mean.

func required(v string) error {
	if v == "" {
		return errors.New("must not be empty")
	}
	return nil
}

// languageTag checks a language, if there is one.
func languageTag(v string) error {
	if _, err := language.Parse(v); v != "" && err != nil {
		return fmt.Errorf("%q is no language: it should look like en or pt-BR", v)
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

func blockNodes(v string) (all []blockNode, err error) {
	for _, text := range list(v) {
		n, err := readBlockNode(text)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func durationOrNone(v string) (time.Duration, error) {
	if v == "0" {
		return 0, nil
	}
	return duration(v)
}

// rate reads "30/15s": 30 at once, and each further one after a part of the time, which
// must not be shorter than the least.
func rate(v string, least time.Duration) (muc.Rate, error) {
	if v == "0" {
		return muc.Rate{Burst: 1}, nil
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

func peopleOrDomains(v string) (map[string]muc.JID, error) {
	all := map[string]muc.JID{}
	for _, text := range list(v) {
		jid, err := muc.ParseJID(text)
		if err != nil || !jid.IsBare() {
			return nil, fmt.Errorf("%q is no address: it should look like tybalt@example.org, or example.org for a whole domain", text)
		}
		all[jid.String()] = jid
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

// What sets one field of the settings.

func boolOption(at func(*settings) *bool, on bool) func(*settings, string) error {
	return func(s *settings, v string) error {
		if v != "true" && v != "false" {
			return errors.New("must be true or false")
		}
		*at(s) = (v == "true") == on
		return nil
	}
}

func numberOption(least, most int, at func(*settings) *int) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		*at(s) = n
		return nil
	}
}

// limitOption is a number that 0 or less would not bound.
func limitOption(at func(*settings) *int) func(*settings, string) error {
	return numberOption(1, 1<<40, at)
}

func bytesOption(least int, at func(*settings) *int) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > 1<<30 {
			return fmt.Errorf("must be a number of bytes from %d to %d", least, 1<<30)
		}
		*at(s) = n
		return nil
	}
}

func durationOption(at func(*settings) *time.Duration) func(*settings, string) error {
	return func(s *settings, v string) (err error) {
		*at(s), err = duration(v)
		return err
	}
}

// rateOption is a rate of stanzas; without a value it is the library's own.
func rateOption(at func(*settings) *muc.Rate) func(*settings, string) error {
	return func(s *settings, v string) (err error) {
		if v != "" {
			*at(s), err = rate(v, time.Millisecond)
		}
		return err
	}
}

func choiceOption[T any](at func(*settings) *T, choices map[string]T, wrong string) func(*settings, string) error {
	return func(s *settings, v string) error {
		choice, ok := choices[v]
		if !ok {
			return errors.New(wrong)
		}
		*at(s) = choice
		return nil
	}
}

func textOption(at func(*settings) encoding.TextUnmarshaler, wrong string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if at(s).UnmarshalText([]byte(v)) != nil {
			return errors.New(wrong)
		}
		return nil
	}
}
