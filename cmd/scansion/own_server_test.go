package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// programs is where build puts what it builds.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "scansion"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(status)
}

// build builds the server of the examples, once.
var build = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programs, "server")
	out, err := exec.Command("go", "build", "-o", program, "../../examples/server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// startServer builds and starts the server of the examples, with accounts for the people of the
// project's scripts, and returns its address and the file of their passwords.
func startServer(t *testing.T, flags ...string) (address, accounts string) {
	dir := t.TempDir()
	program, err := build()
	require.NoError(t, err)
	var keys, passwords bytes.Buffer
	for _, name := range strings.Fields("romeo juliet nurse tybalt mercutio benvolio paris prince crone1 hag66 wiccarocks hecate bard stranger") {
		account := exec.Command(program, "-new-account", name)
		account.Stdin = strings.NewReader("the password of " + name + "\n")
		line, err := account.Output()
		require.NoError(t, err)
		keys.Write(line)
		fmt.Fprintf(&passwords, "%s@localhost the password of %s\n", name, name)
	}
	accounts = filepath.Join(dir, "passwords")
	require.NoError(t, os.WriteFile(accounts, passwords.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "accounts"), keys.Bytes(), 0o600))
	server := exec.Command(program, append([]string{"-listen", "127.0.0.1:0", "-http", "", "-login", "1h", "-accounts", filepath.Join(dir, "accounts"),
		"-store", filepath.Join(dir, "rooms.db")}, flags...)...)
	server.Stderr = os.Stderr
	said, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		assert.NoError(t, server.Wait())
	})
	lines := bufio.NewScanner(said)
	require.True(t, lines.Scan(), "the server says where it listens")
	m := regexp.MustCompile(`^XMPP at (\S+) `).FindStringSubmatch(lines.Text())
	require.NotNil(t, m, lines.Text())
	return m[1], accounts
}

// skippedFor are why scripts cannot be played against a server whose settings are the library's own.
var skippedFor = regexp.MustCompile(`^skipped \d+: (it needs a host's setting: .*` +
	`|no stanza does what the host does: .*` +
	`|the host does something in the name of a person, not of a client` +
	`|several connections break at once, in no order` +
	`|it lets \S+ pass` +
	`|it is about a whole domain, and all accounts are on one` +
	`|a client answers for its account, as a server does by itself` +
	`|the server refuses to have the room set up: not-allowed)$`)

// patient is for machines that have other things to do: nothing takes as long.
var patient = []string{"-wait", "5m", "-late", "5m", "-script", "10m"}

// The server of the examples keeps what all scripts say that can be played over the network,
// to the letter.
func TestOwnServer(t *testing.T) {
	address, accounts := startServer(t, "-bare")
	var stdout, stderr strings.Builder
	status := run(append(patient, "-connect", address, "-domain", "conference.localhost", "-accounts", accounts, "-insecure",
		"-match", "exact", "../../testdata"), &stdout, &stderr)
	var failed, skipped []string
	for line := range strings.Lines(stdout.String()) {
		if !strings.HasPrefix(line, "PASS ") && !strings.HasPrefix(line, "SKIP ") && !strings.HasPrefix(line, "skipped ") {
			failed = append(failed, line)
		}
		if strings.HasPrefix(line, "skipped ") {
			skipped = append(skipped, strings.TrimSpace(line))
		}
	}
	require.Equal(t, statusPassed, status, "%s%s", stderr.String(), strings.Join(failed, ""))
	for _, line := range skipped {
		assert.Regexp(t, skippedFor, line)
	}
	var passes int
	_, err := fmt.Sscanf(strings.Join(failed, ""), "%d passed, 0 failed", &passes)
	require.NoError(t, err)
	assert.Greater(t, passes, 180)
}

// Guests come without an account, each time as somebody else.
func TestOwnServerAnonymous(t *testing.T) {
	address, _ := startServer(t, "-bare", "-guests")
	var stdout, stderr strings.Builder
	status := run(append(patient, "-connect", address, "-domain", "conference.localhost", "-anonymous", "-insecure",
		"../../testdata/07-02-entering", "../../testdata/08-02-kicking"), &stdout, &stderr)
	require.Equal(t, statusPassed, status, "%s%s", stderr.String(), stdout.String())
	assert.Contains(t, stdout.String(), "PASS ../../testdata/07-02-entering/7.2.11-created.scs\n")
	assert.Contains(t, stdout.String(), "each gets an account of its own")
	assert.Contains(t, stdout.String(), "the server refuses to have the room set up: not-acceptable", "guests make nothing that lasts")
}

func TestConnectionIsRefused(t *testing.T) {
	address, accounts := startServer(t)
	bad := filepath.Join(t.TempDir(), "bad")
	require.NoError(t, os.WriteFile(bad, []byte("romeo@localhost wrong\n"), 0o600))
	file := filepath.Join(t.TempDir(), "a.scs")
	require.NoError(t, os.WriteFile(file, []byte(right), 0o600))
	const rooms = "conference.localhost"
	tests := []struct {
		name string
		args []string
		says string
	}{
		{"nobody listens", []string{"-connect", "127.0.0.1:1", "-domain", rooms, "-accounts", accounts}, "cannot connect to 127.0.0.1:1: connect: connection refused\n"},
		{"a certificate that nobody signed", []string{"-connect", address, "-domain", rooms, "-accounts", accounts}, "failed to verify certificate"},
		{"a wrong password", []string{"-connect", address, "-domain", rooms, "-accounts", bad, "-insecure"}, "romeo@localhost cannot log in: not-authorized\n"},
		{"no rooms", []string{"-connect", address, "-domain", "localhost", "-users", "localhost", "-accounts", accounts, "-insecure"}, "there are no rooms at localhost: it says it is something else\n"},
		{"no such domain", []string{"-connect", address, "-domain", "rooms.localhost", "-accounts", accounts, "-insecure"}, "there are no rooms at rooms.localhost: remote-server-not-found"},
		{"no guests", []string{"-connect", address, "-domain", rooms, "-anonymous", "-insecure"}, "cannot log in without an account: there is no common way to log in"},
		{"no domain", []string{"-connect", address, "-accounts", accounts}, "-connect needs -domain"},
		{"no accounts", []string{"-connect", address, "-domain", rooms}, "-connect needs one of -accounts, -register and -anonymous\n"},
		{"two kinds of accounts", []string{"-connect", address, "-domain", rooms, "-register", "-anonymous"}, "-connect needs one of"},
		{"no time", []string{"-connect", address, "-domain", rooms, "-anonymous", "-wait", "0s"}, "-wait, -late, -script and -total are more than 0\n"},
		{"an unknown way to TLS", []string{"-connect", address, "-domain", rooms, "-anonymous", "-tls", "ssl"}, `-tls is starttls, direct or none, not "ssl"`},
		{"a file of certificates without one", []string{"-connect", address, "-domain", rooms, "-anonymous", "-ca", bad}, "no certificate in PEM"},
		{"a file of accounts without one", []string{"-connect", address, "-domain", rooms, "-accounts", file}, "line 1: expected a JID and a password"},
		{"a setting without a value", []string{"-config", "archive"}, "expected name=value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			assert.Equal(t, statusWrong, run(slices.Concat(patient, tt.args, []string{file}), &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.Contains(t, stderr.String(), tt.says)
		})
	}
}
