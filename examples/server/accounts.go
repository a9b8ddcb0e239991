package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
)

// hashes are the SCRAM mechanisms, the strongest first.
var hashes = []struct {
	mechanism string
	hash      scram.HashGeneratorFcn
}{{"SCRAM-SHA-256", scram.SHA256}, {"SCRAM-SHA-1", scram.SHA1}}

// iterations are how often a password is hashed (RFC 7677 §4 wants 4096 at the least).
const iterations = 10000

// guestPrefix begins the names of those who have logged in without an account.
const guestPrefix = "guest-"

// accounts are those who may log in. What is kept of a password is what SCRAM needs, by
// which nobody can log in who has stolen it.
type accounts struct {
	domain string
	secret []byte // makes up salts for names that nobody has
	byName map[string]account
	jids   []muc.JID // sorted
}

// account is what is kept of one password, by mechanism.
type account map[string]scram.StoredCredentials

func newAccounts(domain string) *accounts {
	a := &accounts{domain: domain, secret: make([]byte, 32), byName: map[string]account{}}
	rand.Read(a.secret)
	return a
}

// newAccount hashes a password.
func newAccount(password string) (account, error) {
	a := account{}
	for _, h := range hashes {
		client, err := h.hash.NewClient("", password, "")
		if err != nil {
			return nil, err
		}
		salt := make([]byte, 16)
		rand.Read(salt)
		keys, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
		if err != nil {
			return nil, err
		}
		a[h.mechanism] = keys
	}
	return a, nil
}

// add adds an account.
func (a *accounts) add(name string, keys account) error {
	who, err := a.address(name)
	switch {
	case err != nil:
		return err
	case isGuest(who):
		return fmt.Errorf("%q: names that begin with %q are for guests", name, guestPrefix)
	case a.byName[who.Local()] != nil:
		return fmt.Errorf("%q stands twice", name)
	}
	a.byName[who.Local()] = keys
	at, _ := slices.BinarySearchFunc(a.jids, who, jid.Compare)
	a.jids = slices.Insert(a.jids, at, who)
	return nil
}

// address is that of a name, if it can be one.
func (a *accounts) address(name string) (muc.JID, error) {
	who, err := muc.ParseJID(name + "@" + a.domain)
	if err == nil && (who.Domain() != a.domain || !who.IsBare() || who.Local() == "") {
		err = fmt.Errorf("%q is no name of an account", name)
	}
	return who, err
}

func isGuest(who muc.JID) bool { return strings.HasPrefix(who.Local(), guestPrefix) }

func (a *accounts) has(who muc.JID) bool {
	return who.Domain() == a.domain && a.byName[who.Local()] != nil
}

// keys are what the password of a name is checked by. For a name that nobody has they are
// such that no password fits, so that nobody learns which names there are.
func (a *accounts) keys(mechanism, name string) scram.StoredCredentials {
	if who, err := a.address(name); err == nil {
		if keys, ok := a.byName[who.Local()][mechanism]; ok {
			return keys
		}
	}
	salt := hmac.New(sha256.New, a.secret)
	io.WriteString(salt, mechanism+"\x00"+name)
	size := map[string]int{"SCRAM-SHA-256": 32, "SCRAM-SHA-1": 20}[mechanism]
	keys := make([]byte, size)
	rand.Read(keys)
	return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(salt.Sum(nil)[:16]), Iters: iterations}, StoredKey: keys, ServerKey: keys}
}

// check reports whether it is the password of a name.
func (a *accounts) check(name, password string) bool {
	h := hashes[0]
	keys := a.keys(h.mechanism, name)
	client, err := h.hash.NewClient("", password, "")
	if err != nil {
		return false
	}
	tried, err := client.GetStoredCredentialsWithError(keys.KeyFactors)
	return err == nil && hmac.Equal(tried.StoredKey, keys.StoredKey)
}

// readAccounts reads a file of lines, as accountLine writes them.
func readAccounts(domain, path string) (*accounts, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a := newAccounts(domain)
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		keys, err := parseKeys(fields[1:])
		if err == nil {
			err = a.add(fields[0], keys)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return a, lines.Err()
}

// accountLine is an account as a line of a file: the name and, as RFC 5803 §4 writes them,
// the keys for each mechanism.
func accountLine(name string, keys account) string {
	line := name
	for _, h := range hashes {
		k, encode := keys[h.mechanism], base64.StdEncoding.EncodeToString
		line += fmt.Sprintf(" %s$%d:%s$%s:%s", h.mechanism, k.Iters, encode([]byte(k.Salt)), encode(k.StoredKey), encode(k.ServerKey))
	}
	return line
}

// parseKeys reads keys; all mechanisms must be there, or clients would be misled about
// which to use.
func parseKeys(fields []string) (account, error) {
	keys := account{}
	for _, f := range fields {
		parts := strings.FieldsFunc(f, func(r rune) bool { return r == '$' || r == ':' })
		if len(parts) != 5 {
			return nil, fmt.Errorf("%q is not of the form MECHANISM$ITERATIONS:SALT$STOREDKEY:SERVERKEY", f)
		}
		n, err := strconv.Atoi(parts[1])
		if err != nil || n < 4096 || n > 1000000 {
			return nil, fmt.Errorf("%s: iterations are from 4096 to 1000000", parts[0])
		}
		var raw [3][]byte
		for i := range raw {
			if raw[i], err = base64.StdEncoding.DecodeString(parts[i+2]); err != nil {
				return nil, fmt.Errorf("%s: %w", parts[0], err)
			}
		}
		keys[parts[0]] = scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(raw[0]), Iters: n}, StoredKey: raw[1], ServerKey: raw[2]}
	}
	for _, h := range hashes {
		if len(keys[h.mechanism].StoredKey) != h.hash().Size() {
			return nil, fmt.Errorf("keys for %s are missing, or of the wrong length", h.mechanism)
		}
	}
	return keys, nil
}
