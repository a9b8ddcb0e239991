package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// environment is variables by name.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func parseOK(t testing.TB, env func(string) string, args ...string) settings {
	t.Helper()
	s, err := parse(args, env, nil)
	require.NoError(t, err)
	return s
}

func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(place(t), "muc.conf")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestStandards(t *testing.T) {
	s := parseOK(t, environment(), "-domain", "Conference.Localhost", "-secret", "geheim")
	assert.Equal(t, "conference.localhost", s.domain)
	assert.Equal(t, "geheim", s.secret)
	assert.Equal(t, "127.0.0.1:5347", s.connect)
	assert.Equal(t, "rooms.db", s.store)
	assert.Equal(t, "Chat rooms", s.name)
	assert.Empty(t, s.metrics)
	assert.True(t, s.create.anyone)
	assert.Equal(t, 10*time.Second, s.drain)
	assert.Equal(t, 500, s.compact)
	assert.Equal(t, 30*24*time.Hour, s.archive)
	assert.Equal(t, muc.Rates{Messages: muc.Rate{Burst: 30, Every: 500 * time.Millisecond}, Presence: muc.Rate{Burst: 30, Every: time.Second},
		Notices: muc.Rate{Burst: 30, Every: time.Minute}, RoomNotices: muc.Rate{Burst: 100, Every: 20 * time.Second}}, s.rooms.Rates)
	assert.Equal(t, muc.Rate{Burst: 1 << 20, Every: 30517}, s.traffic, "32 KiB in a second")
	assert.Equal(t, []int{4 << 20, 256 << 10}, []int{s.sendQueue, s.maxStanza})
	assert.Zero(t, parseOK(t, environment(), "-domain", "a", "-secret", "b", "-rate-messages", "0").rooms.Rates.Messages.Every)
	assert.EqualValues(t, 64<<20, s.archiveSize)
	assert.EqualValues(t, 1000000, parseOK(t, environment("MUC_ARCHIVE_SIZE", "1000000"), "-domain", "a", "-secret", "b").archiveSize)
	assert.Zero(t, parseOK(t, environment("MUC_ARCHIVE", "0"), "-domain", "a", "-secret", "b").archive)
}

// Each setting can be given in three places, of which the flag counts most and the
// file least.
func TestPrecedence(t *testing.T) {
	file := configFile(t, "# rooms\n\ndomain = 'file.example'\nsecret='a = b # c'\nname =  \"The rooms\" # said\nstore = 'file.db'\n")
	env := environment("MUC_CONFIG", file, "MUC_NAME", "of the environment", "MUC_STORE", "env.db", "MUC_LOG_LEVEL", "debug")
	s := parseOK(t, env, "-store", "flag.db")
	assert.Equal(t, "file.example", s.domain)
	assert.Equal(t, "a = b # c", s.secret, "a secret may hold anything")
	assert.Equal(t, "of the environment", s.name)
	assert.Equal(t, "flag.db", s.store)
	assert.EqualValues(t, -4, s.level)
	other := configFile(t, "domain = 'other.example'\nsecret = 'x'\n")
	assert.Equal(t, "other.example", parseOK(t, env, "-config", other).domain)
}

func TestSettingsRefused(t *testing.T) {
	good := []string{"-domain", "rooms.example", "-secret", "x"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "-domain: must not be empty: name the domain of the rooms, as conference.example.org"},
		{[]string{"-domain", "rooms.example"}, "-secret: must not be empty: give what the server has as the secret of the component, or a file with it as -secret-file"},
		{[]string{"-domain", "a@b"}, `-domain: "a@b" is no domain: it should look like conference.example.org`},
		{append(good, "-cat", "1"), "flag provided but not defined: -cat: see -h"},
		{append(good, "cat"), `"cat" is no flag: see -h`},
		{append(good, "-store"), "flag needs an argument: -store: see -h"},
		{append(good, "-connect", "localhost"), `-connect: "localhost" is no address: it should look like 127.0.0.1:5347`},
		{append(good, "-connect", "localhost:xmpp"), `-connect: "localhost:xmpp" has no port from 1 to 65535`},
		{append(good, "-metrics", ":99999"), `-metrics: ":99999" has no port from 1 to 65535`},
		{append(good, "-admins", "romeo@example.org,example.org"), `-admins: "example.org" is no address of a person: it should look like romeo@example.org`},
		{append(good, "-contacts", "abuse@example.org"), `-contacts: "abuse@example.org" is no contact: it should look like abuse=mailto:abuse@example.org`},
		{append(good, "-create", ""), "-create: must be anyone, admins or domains"},
		{append(good, "-create", "a@b"), `-create: "a@b" is no domain: it should look like conference.example.org`},
		{append(good, "-registration", "all"), "-registration: must be members, approved, open or none"},
		{append(good, "-log-level", "loud"), "-log-level: must be debug, info, warn or error"},
		{append(good, "-log-format", "xml"), "-log-format: must be text or json"},
		{append(good, "-drain", "soon"), `-drain: "soon" is no time: it should look like 30s or 5m`},
		{append(good, "-archive", "-1h"), `-archive: "-1h" is no time: it should look like 30s or 5m`},
		{append(good, "-rate-messages", "30"), `-rate-messages: "30" is no rate: it should look like 30/15s, in a day at the most, or be 0`},
		{append(good, "-rate-presence", "0/1s"), `-rate-presence: "0/1s" is no rate: it should look like 30/15s, in a day at the most, or be 0`},
		{append(good, "-rate-messages", "30/15ms"), `-rate-messages: "30/15ms" is more than one in 1ms`},
		{append(good, "-send-queue", "1"), "-send-queue: must be a number of bytes from 65536 to 1073741824"},
		{append(good, "-max-stanza", "65535"), "-max-stanza: must be a number of bytes from 65536 to 1073741824"},
		{append(good, "-archive-size", "64MB"), "-archive-size: must be a number of bytes from 65536 to 1073741824"},
		{append(good, "-compact", "0"), "-compact: must be a whole number from 1 to 1073741824"},
		{append(good, "-block", "a@b/c"), `-block: "a@b/c" is no address: it should look like tybalt@example.org, or example.org for a whole domain`},
		{append(good, "-default-public", "yes"), "-default-public: must be true or false"},
		{append(good, "-default-whois", "me"), "-default-whois: must be moderators or anyone"},
		{append(good, "-default-history", "-1"), "-default-history: must be a whole number from 0 to 1000"},
		{append(good, "-default-language", "no language"), `-default-language: "no language" is no language: it should look like en or pt-BR`},
		{append(good, "-nick-lockdown", "on"), "-nick-lockdown: must be off, refuse or assign"},
		{append(good, "-limit-occupants", "0"), "-limit-occupants: must be a whole number from 1 to 1099511627776"},
		{append(good, "-config", "/nowhere/muc.conf"), "-config: open /nowhere/muc.conf: no such file or directory"},
	} {
		_, err := parse(c.args, environment(), nil)
		assert.EqualError(t, err, c.want, "%q", c.args)
	}
	_, err := parse(good, environment("MUC_DRAIN", "-1s"), nil)
	assert.EqualError(t, err, `MUC_DRAIN: "-1s" is no time: it should look like 30s or 5m`)
	large := configFile(t, strings.Repeat("# too much\n", 100_000))
	_, err = parse(append(good, "-config", large), environment(), nil)
	assert.EqualError(t, err, "-config: "+large+" is larger than 1048576 bytes: is it the right file?")
	for content, want := range map[string]string{
		"domain rooms.example":   `:1: expected '.' or '=', but got 'r' instead: a line is as in name = "value"`,
		"\ncat = 1":              `: cat: there is no such setting: see -h`,
		"[rooms]\nname = 'a'":    `: rooms: there is no such setting: see -h`,
		"name = 'a'\nname = 'b'": `:2: Key 'name' has already been defined.: a line is as in name = "value"`,
		"\n\nidle = 'long'":      `: idle: "long" is no time: it should look like 30s or 5m`,
		"compact = 1.5":          ": compact: must be a text, a whole number, true, false, or a list of texts",
		"admins = ['a@b, c@d']":  `: admins: a list is as in ["one", "two"], without spaces and commas in the texts`,
	} {
		file := configFile(t, content)
		_, err := parse(append(good, "-config", file), environment(), nil)
		assert.EqualError(t, err, file+want)
	}
}

// The help names every setting, its variable and its standard.
func TestHelp(t *testing.T) {
	var help bytes.Buffer
	_, err := parse([]string{"-h"}, environment(), &help)
	assert.ErrorIs(t, err, errHelp)
	for _, o := range options {
		assert.Contains(t, help.String(), "-"+o.name+" "+o.value+", "+o.variable())
		assert.Contains(t, help.String(), "\n\t"+o.help)
	}
	for _, text := range []string{"usage: component -domain DOMAIN -secret TEXT", "MUC_LOG_LEVEL", "(127.0.0.1:5347)", "SIGTERM"} {
		assert.Contains(t, help.String(), text)
	}
}

// The secret may stand in a file of its own.
func TestSecretFile(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(place(t), "secret")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	s := parseOK(t, environment("MUC_SECRET_FILE", file(" geheim \n")), "-domain", "a")
	assert.Equal(t, "geheim", s.secret)
	next, changed, fixed, err := s.takeOver(s)
	require.NoError(t, err)
	assert.Equal(t, "geheim", next.secret, "also when the settings are read again")
	assert.Empty(t, append(changed, fixed...))
	for text, want := range map[string]string{
		"": "must hold the secret, in one line", " \n": "must hold the secret", "a\nb": "must hold the secret",
		strings.Repeat("x", secretBytes+1): "is larger than 4096 bytes: is it the right file?",
	} {
		_, err := parse([]string{"-domain", "a", "-secret-file", file(text)}, environment(), io.Discard)
		assert.ErrorContains(t, err, "-secret-file: ")
		assert.ErrorContains(t, err, want)
	}
	_, err = parse([]string{"-domain", "a", "-secret-file", file("x"), "-secret", "y"}, environment(), io.Discard)
	assert.EqualError(t, err, "-secret-file: the secret is given by -secret too: keep one of them")
	_, err = parse([]string{"-domain", "a", "-secret-file", "/nowhere/secret"}, environment(), io.Discard)
	assert.EqualError(t, err, "-secret-file: open /nowhere/secret: no such file or directory")
	s = parseOK(t, environment(), "-check", "-domain", "a", "-secret-file", "/nowhere/secret")
	assert.True(t, s.check, "which needs no secret")
}
