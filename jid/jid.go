// Package jid has XMPP addresses (RFC 7622) as small comparable values.
package jid

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/gomuc/muc/internal/xmlwire"
)

// ErrMalformed: a text that is no XMPP address.
var ErrMalformed = errors.New("malformed JID")

// JID is an XMPP address (RFC 7622), normalised. It is a small comparable
// value: two addresses are the same exactly when == says so, and [JID.Bare]
// costs nothing.
type JID struct {
	s string
	// at is the length of the localpart: the index of '@', or 0 for none.
	at uint32
	// bare is the length of the bare JID. Its top bit says that the resource
	// holds characters which XML attributes must escape; the other parts cannot.
	bare uint32
}

const (
	// MaxPartSize is how many bytes each part may have (RFC 7622 §3).
	MaxPartSize = 1023

	escapeBit  = 1 << 31
	notInLocal = "\"&'/:<>@" // RFC 7622 §3.3.1
)

// Parse reads an address and normalises it: localpart and resource by PRECIS
// (RFC 7622 §3.3 and §3.4), the domain by [NormalizeDomain]. The error wraps
// [ErrMalformed].
func Parse(s string) (JID, error) { return ParseBy(s, NormalizeDomain) }

// MustParse is [Parse] for addresses known to be good; it panics on
// others.
func MustParse(s string) JID {
	j, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

// NormalizeDomain is the default rule for domains: lower case, Unicode
// normalisation form C, no trailing dot. A host that needs all of IDNA brings a
// function of its own.
func NormalizeDomain(domain string) (string, error) {
	if plainInDomain.All(domain) && domain != "" && domain[0] != '.' && domain[len(domain)-1] != '.' && !strings.Contains(domain, "..") {
		return domain, nil
	}
	domain = strings.TrimSuffix(domain, ".")
	if !plainInDomain.All(domain) {
		domain = dotsOfDomains.Replace(domain)
		domain = norm.NFC.String(strings.ToLower(domain))
		domain = strings.TrimSuffix(domain, ".")
	}
	if domain == "" || !utf8.ValidString(domain) || strings.ContainsFunc(domain, notInDomain) ||
		domain[0] == '.' || domain[len(domain)-1] == '.' || strings.Contains(domain, "..") {
		return "", fmt.Errorf("%w: bad domain", ErrMalformed)
	}
	return domain, nil
}

// dotsOfDomains are the dots that stand for '.', and the one that strings.ToLower
// would take from a letter, which made two domains one.
var dotsOfDomains = strings.NewReplacer("。", ".", "．", ".", "｡", ".", "\u0130", "i\u0307")

func notInDomain(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(`"&'/<>@\`, r) || r == utf8.RuneError
}

// plainInDomain are the characters of a domain that needs no change: the fast path.
var plainInDomain = xmlwire.CharsOf("abcdefghijklmnopqrstuvwxyz0123456789.-")

// ParseBy is [Parse] with another rule for domains.
func ParseBy(s string, normalize func(string) (string, error)) (JID, error) {
	local, domain, resource, ok := split(s)
	if !ok {
		return JID{}, malformed(fmt.Errorf("%w: empty part", ErrMalformed), s)
	}
	d, badDomain := normalize(domain)
	if len(d) > MaxPartSize {
		badDomain = errTooLong
	}
	l, badLocal := normalizeLocal(local)
	r, badResource := normalizeResource(resource)
	if err := cmp.Or(badDomain, badLocal, badResource); err != nil {
		return JID{}, malformed(err, s)
	}
	if l == local && d == domain && r == resource {
		return makeJID(s, l, d, r), nil
	}
	return joinJID(l, d, r), nil
}

// split cuts a text into the parts of an address; ok is false if there is the sign of a part
// and nothing where it should be.
func split(s string) (local, domain, resource string, ok bool) {
	bare, resource, hasResource := strings.Cut(s, "/")
	local, domain, hasLocal := strings.Cut(bare, "@")
	if !hasLocal {
		local, domain = "", bare
	}
	return local, domain, resource, hasLocal == (local != "") && hasResource == (resource != "")
}

var errTooLong = fmt.Errorf("%w: a part is longer than %d bytes", ErrMalformed, MaxPartSize)

// malformed is an error with the text that was to be read, or the beginning of it.
func malformed(err error, s string) error {
	const longest = 100
	if len(s) > longest {
		return fmt.Errorf("%w: in %q…", err, s[:longest])
	}
	return fmt.Errorf("%w: in %q", err, s)
}

// joinJID builds an address of parts that are already normal.
func joinJID(local, domain, resource string) JID {
	s := domain
	if local != "" {
		s = local + "@" + s
	}
	if resource != "" {
		s += "/" + resource
	}
	return makeJID(s, local, domain, resource)
}

func makeJID(s, local, domain, resource string) JID {
	j := JID{s: s, at: uint32(len(local)), bare: uint32(len(domain))}
	if local != "" {
		j.bare += uint32(len(local)) + 1
	}
	if xmlwire.EscapedInAttr.In(resource) {
		j.bare |= escapeBit
	}
	return j
}

func normalizeLocal(s string) (string, error) {
	out, err := prepared(s, "localpart", plainInLocal, precis.UsernameCaseMapped)
	if err == nil && strings.ContainsAny(out, notInLocal) {
		err = fmt.Errorf("%w: bad localpart", ErrMalformed)
	}
	return out, err
}

// plainInLocal are the characters that stand for themselves in a localpart.
var plainInLocal = xmlwire.CharsThat(func(c byte) bool {
	return c > ' ' && c < 0x7f && (c < 'A' || c > 'Z') && strings.IndexByte(notInLocal, c) < 0
})

func normalizeResource(s string) (string, error) {
	return prepared(s, "resource", plainText, precis.OpaqueString)
}

// prepared is a part of an address by its PRECIS profile, which changes no plain text.
func prepared(s, part string, plain *xmlwire.CharSet, profile *precis.Profile) (string, error) {
	out := s
	if !plain.All(s) {
		var err error
		out, err = profile.String(s) // which replaces what is no UTF-8
		if err != nil || out == "" || !utf8.ValidString(s) {
			return "", fmt.Errorf("%w: bad %s", ErrMalformed, part)
		}
	}
	if len(out) > MaxPartSize {
		return "", errTooLong
	}
	return out, nil
}

// PlainText reports whether s is printable ASCII, which no PRECIS freeform
// profile changes.
func PlainText(s string) bool { return plainText.All(s) }

var plainText = xmlwire.CharsThat(func(c byte) bool { return c >= ' ' && c < 0x7f })

// String is the whole address.
func (j JID) String() string { return j.s }

// IsZero reports whether j is the zero JID, which is no address.
func (j JID) IsZero() bool { return j.s == "" }

func (j JID) bareLen() int { return int(j.bare &^ escapeBit) }

// IsBare reports whether the address has no resource.
func (j JID) IsBare() bool { return j.bareLen() == len(j.s) }

// Bare is the address without its resource.
func (j JID) Bare() JID {
	n := j.bareLen()
	return JID{s: j.s[:n], at: j.at, bare: uint32(n)}
}

// Local is the part before '@', empty for a domain.
func (j JID) Local() string { return j.s[:j.at] }

// PlainLocal is the part before '@' as people read it: with the characters that
// XEP-0106 escapes there.
func (j JID) PlainLocal() string { return unescaper.Replace(j.Local()) }

var unescaper = strings.NewReplacer(`\20`, " ", `\22`, `"`, `\26`, "&", `\27`, "'", `\2f`, "/", `\3a`, ":",
	`\3c`, "<", `\3e`, ">", `\40`, "@", `\5c`, `\`)

// Domain is the part between '@' and '/'.
func (j JID) Domain() string {
	if j.at == 0 {
		return j.s[:j.bareLen()]
	}
	return j.s[j.at+1 : j.bareLen()]
}

// Resource is the part after '/', empty for a bare JID.
func (j JID) Resource() string {
	if j.IsBare() {
		return ""
	}
	return j.s[j.bareLen()+1:]
}

// IsDomain reports whether an address is that of a whole domain.
func (j JID) IsDomain() bool { return j.at == 0 }

// DomainJID is the address of the domain alone, as affiliations of a whole
// domain are keyed (XEP-0045 §9.2).
func (j JID) DomainJID() JID { return makeJID(j.Domain(), "", j.Domain(), "") }

// Within reports whether j is who, or one of its resources, or of its domain.
func (j JID) Within(who JID) bool { return j == who || j.Bare() == who || j.DomainJID() == who }

// WithResource is an address with another resource, the only part that is
// normalised; with none it is the bare JID. The error wraps [ErrMalformed].
func (j JID) WithResource(resource string) (JID, error) {
	if resource == "" {
		return j.Bare(), nil
	}
	r, err := normalizeResource(resource)
	if err != nil || j.IsZero() {
		return JID{}, malformed(cmp.Or(err, ErrMalformed), resource)
	}
	return j.WithNormalResource(r), nil
}

// WithNormalResource is the occupant JID of a nick that is already normal.
func (j JID) WithNormalResource(resource string) JID {
	return makeJID(j.Bare().s+"/"+resource, j.Local(), j.Domain(), resource)
}

// MarshalText makes a JID a string in JSON.
func (j JID) MarshalText() ([]byte, error) { return []byte(j.s), nil }

// UnmarshalText reads back what [JID.MarshalText] wrote. It takes the text as
// normal already: events are replayed as they were, by the rules of their day.
func (j *JID) UnmarshalText(text []byte) error {
	var err error
	*j, err = Stored(string(text))
	return err
}

// notInStoredLocal are characters that no localpart has, and those that would have to
// be escaped.
var notInStoredLocal = xmlwire.CharsOf(notInLocal + "\t\n\r")

// Stored takes a text for an address that was normal when it was stored.
func Stored(s string) (JID, error) {
	if s == "" {
		return JID{}, nil
	}
	local, domain, resource, ok := split(s)
	switch {
	case !ok, domain == "", max(len(local), len(domain), len(resource)) > MaxPartSize, !xmlwire.ValidText(s),
		!plainInDomain.All(domain) && strings.ContainsFunc(domain, notInDomain), notInStoredLocal.In(local):
		return JID{}, malformed(ErrMalformed, s)
	}
	return makeJID(s, local, domain, resource), nil
}

// AppendEscaped writes the address as an attribute value.
func (j JID) AppendEscaped(dst []byte) []byte {
	if j.bare&escapeBit == 0 {
		return append(dst, j.s...)
	}
	return xmlwire.AppendEscaped(dst, j.s, xmlwire.EscapedInAttr)
}

// NeedsNoEscaping reports whether there is an address, whose text can stand in an attribute as
// it is.
func (j JID) NeedsNoEscaping() bool { return j.bare != 0 && j.bare&escapeBit == 0 }

// Compare sorts addresses by their text.
func Compare(a, b JID) int { return strings.Compare(a.s, b.s) }
