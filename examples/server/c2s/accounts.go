package c2s

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/gomuc/muc"
)

// hash is a SCRAM mechanism.
type hash struct {
	mechanism string
	scram.HashGeneratorFcn
}

// hashes are the mechanisms, the strongest first.
var hashes = []hash{{"SCRAM-SHA-256", scram.SHA256}, {"SCRAM-SHA-1", scram.SHA1}}

// iterations are how often a password is hashed (RFC 7677 §4 wants 4096 at the least).
const iterations = 10000

// guestPrefix begins the names of those who have logged in without an account.
const guestPrefix = "guest-"

// Accounts are those who may log in. What is kept of a password is what SCRAM needs, by
// which nobody can log in who has stolen it. They do not change while a server runs.
type Accounts struct {
	domain string
	secret []byte // makes up salts for names that nobody has
	byJID  map[muc.JID]account
	jids   []muc.JID // in the order in which they were added
	// hashing has a place for each password that is hashed at the moment: those who guess passwords
	// leave half of the processors to the others.
	hashing chan struct{}
}

// account is an account as it is written in a file: a line of JSON.
type account struct {
	Name string          `json:"name"`
	Keys map[string]keys `json:"keys"` // by mechanism
}

type keys struct {
	Salt       []byte `json:"salt"`
	Iterations int    `json:"iterations"`
	Stored     []byte `json:"stored"` // StoredKey and ServerKey of RFC 5802 §3
	Server     []byte `json:"server"`
}

// NewAccounts makes the accounts of a domain, of which there are none yet. By the secret, salts are made up
// for names that nobody has: it has to stay the same, and be the same at all nodes, as salts of accounts
// do. Without one it is made up too.
func NewAccounts(domain string, secret []byte) *Accounts {
	if len(secret) == 0 {
		secret = []byte(rand.Text())
	}
	return &Accounts{domain: domain, secret: secret, byJID: map[muc.JID]account{},
		hashing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Add adds an account.
func (a *Accounts) Add(name, password string) error {
	added := account{name, map[string]keys{}}
	for _, h := range hashes {
		salt := make([]byte, 16)
		rand.Read(salt)
		k, err := h.keys(password, string(salt), iterations)
		if err != nil {
			return err
		}
		added.Keys[h.mechanism] = k
	}
	return a.add(added)
}

// keys are what SCRAM keeps of a password.
func (h hash) keys(password, salt string, iterations int) (keys, error) {
	client, err := h.NewClient("", password, "")
	if err != nil {
		return keys{}, err
	}
	k, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: salt, Iters: iterations})
	return keys{[]byte(salt), iterations, k.StoredKey, k.ServerKey}, err
}

func (a *Accounts) add(added account) error {
	who, err := a.JID(added.Name)
	switch {
	case err != nil:
		return err
	case IsGuest(who):
		return fmt.Errorf("%q: names that begin with %q are for guests", added.Name, guestPrefix)
	case a.Has(who):
		return fmt.Errorf("%q stands twice", added.Name)
	}
	for _, h := range hashes { // or clients would be misled about which to use
		k := added.Keys[h.mechanism]
		if size := h.HashGeneratorFcn().Size(); len(k.Stored) != size || len(k.Server) != size || len(k.Salt) == 0 {
			return fmt.Errorf("keys for %s are missing, or of the wrong length", h.mechanism)
		}
		if k.Iterations < 4096 || k.Iterations > 1000000 {
			return fmt.Errorf("%s: iterations are from 4096 to 1000000", h.mechanism)
		}
	}
	a.byJID[who] = added
	a.jids = append(a.jids, who)
	return nil
}

// Read adds accounts from lines that Write has written.
func (a *Accounts) Read(r io.Reader) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	for number := 1; ; number++ {
		var next account
		err := d.Decode(&next)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = a.add(next)
		}
		if err != nil {
			return fmt.Errorf("account %d: %w", number, err)
		}
	}
}

// Write writes a line for each account.
func (a *Accounts) Write(w io.Writer) error {
	for _, who := range a.jids {
		if err := json.NewEncoder(w).Encode(a.byJID[who]); err != nil {
			return err
		}
	}
	return nil
}

// JID is the address of an account of a name, if there can be one.
func (a *Accounts) JID(name string) (muc.JID, error) {
	who, err := muc.ParseJID(name + "@" + a.domain)
	if err == nil && (who.Domain() != a.domain || !who.IsBare() || who.Local() == "") {
		err = fmt.Errorf("%q is no name of an account", name)
	}
	return who, err
}

// IsGuest reports whether somebody has logged in without an account.
func IsGuest(who muc.JID) bool { return strings.HasPrefix(who.Local(), guestPrefix) }

// Has reports whether somebody has an account.
func (a *Accounts) Has(who muc.JID) bool {
	_, ok := a.byJID[who]
	return ok
}

// keys are what the password of a name is checked by. For a name that nobody has they are
// such that no password fits, so that nobody learns which names there are.
func (a *Accounts) keys(mechanism, name string) scram.StoredCredentials {
	who, err := a.JID(name)
	k, ok := a.byJID[who].Keys[mechanism]
	if err != nil || !ok {
		if err == nil {
			name = who.Local() // as for an account, however it is spelt
		}
		salt := hmac.New(sha256.New, a.secret)
		io.WriteString(salt, "the salt of nobody\x00"+mechanism+"\x00"+name)
		nobodys := make([]byte, 32)
		rand.Read(nobodys)
		k = keys{salt.Sum(nil)[:16], iterations, nobodys, nobodys}
	}
	return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(k.Salt), Iters: k.Iterations}, StoredKey: k.Stored, ServerKey: k.Server}
}

// check reports whether it is the password of a name.
func (a *Accounts) check(name, password string) bool {
	a.hashing <- struct{}{}
	defer func() { <-a.hashing }()
	want := a.keys(hashes[0].mechanism, name)
	tried, err := hashes[0].keys(password, want.Salt, want.Iters)
	return err == nil && hmac.Equal(tried.Stored, want.StoredKey)
}
