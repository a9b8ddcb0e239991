package muc

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gomuc/muc/jid"
)

// Hiding a real JID in what clients write.

// veil replaces a person's address in what a client wrote by another one. It finds the
// address in any case, in a URI with all that belongs to one, within a text, escaped as in
// URIs (RFC 3986 §2.1) or in localparts (XEP-0106), and escaped again. It finds it whole
// only: as a part of another address, as smith@ in john.smith@, it is somebody else's.
type veil struct {
	local, domain, resource string // of the address that is hidden
	shown                   string // what stands there instead
	// own is how that is written where the address may itself stand in it: in the nick.
	own []string
	// same reports whether a localpart and a domain, as they are written, are those of
	// the address: what is not plain has more spellings than case.
	same func(local, domain string) bool
	// growth is by how many bytes all replacements may still be longer than what they
	// replace. When it is used up, addresses are cut out.
	growth int
	// tries is how often same may still be asked: it costs more than a look.
	tries int
}

const (
	maxTries   = 200  // addresses beyond ASCII, more than a usual stanza has
	veilGrowth = 4096 // bytes by which a stanza may become longer: a nick can be longer than the address
	maxEscaped = 3    // levels of escaping that are looked into
)

// mayHold is false where a look at a payload tells that an address with this localpart,
// or none, does not stand in it.
func mayHold(payload, local string) bool {
	return local == "" || strings.IndexByte(payload, '@') >= 0 || mayBeEscaped(payload)
}

// mayBeEscaped is false where nothing in a value is escaped as in URIs or localparts.
func mayBeEscaped(value string) bool {
	return strings.IndexByte(value, '%') >= 0 || strings.IndexByte(value, '\\') >= 0
}

// clear is a value or text with the address replaced.
func (v *veil) clear(value string) string {
	if !mayHold(value, v.local) {
		return value
	}
	for level := 0; ; level++ {
		value = v.clearAt(value, level)
		if level == maxEscaped || !mayBeEscaped(value) {
			return value
		}
	}
}

// clearAt clears a value at a level of escaping.
func (v *veil) clearAt(value string, level int) string {
	plain, at := value, []int(nil) // where each byte of what is plain stands in the value, if they differ
	for range level {
		plain, at = unescapeURI(plain, at)
	}
	scheme := schemeEnd(plain)
	var b strings.Builder
	done := 0
	for from, to := v.next(plain, 0); from >= 0; from, to = v.next(plain, to) {
		start, end := from, to
		if at != nil {
			if start, end = at[from], at[to]; end-start == to-from {
				continue // nothing is escaped in it: it was seen before
			}
		}
		if v.isOwn(plain, from, to) {
			continue
		}
		shown := ""
		if v.growth >= 0 { // otherwise it is not even made: that costs more than all else
			if shown = v.shown; level > 0 || from >= scheme {
				shown = escapeURI(shown, level)
			}
			if v.growth -= len(shown) - (end - start); v.growth < 0 {
				shown = ""
			}
		}
		b.WriteString(value[done:start])
		b.WriteString(shown)
		done = end
	}
	if done == 0 {
		return value
	}
	return b.String() + value[done:]
}

// isOwn reports whether an address was found in the nick of an occupant JID that the veil
// wrote: a nick that is the person's own address hides nothing, and what is veiled twice
// stays the same.
func (v *veil) isOwn(s string, from, to int) bool {
	for _, shown := range v.own {
		if i := strings.Index(shown, s[from:to]); i >= 0 && from >= i && strings.HasPrefix(s[from-i:], shown) {
			return true
		}
	}
	return false
}

// next finds the address in a text, from an offset on; negative if it is not there.
func (v *veil) next(s string, start int) (from, to int) {
	if v.local == "" {
		return v.wholeDomain(s, start)
	}
	for p := start; ; p++ {
		at := strings.IndexByte(s[p:], '@')
		if at < 0 {
			return -1, -1
		}
		p += at
		end := p + 1 + domainRun(s[p+1:])
		domain := strings.TrimSuffix(s[p+1:end], ".")
		equal := strings.EqualFold(domain, v.domain)
		if n := p + 1 + len(v.domain); !equal && strings.HasPrefix(v.domain, "[") && n <= len(s) && strings.EqualFold(s[p+1:n], v.domain) {
			domain, end, equal = s[p+1:n], n, true
		}
		if end == p+1+len(domain)+1 && (end == len(s) || s[end] != '/') {
			end-- // the dot ends a sentence
		}
		known := foldedBefore(s[start:p], v.local)
		if known >= 0 && !inWord(s[:start+known]) && (equal || v.spelled(s[start+known:p], domain)) {
			return start + known, v.resourceEnd(s, end)
		}
		whole := runBefore(s[start:p])
		if v.spelled(s[start+whole:p], domain) {
			return start + whole, v.resourceEnd(s, end)
		}
	}
}

// spelled reports whether it is the address in another spelling, which is checked if there
// are others than by case.
func (v *veil) spelled(local, domain string) bool {
	plain := jid.PlainText(local) && jid.PlainText(domain) && !strings.Contains(strings.ToLower(domain), "xn--")
	if plain || local == "" || domain == "" || max(len(local), len(domain)) > 3*jid.MaxPartSize || v.tries == 0 {
		return false
	}
	v.tries--
	return v.same(local, domain)
}

// wholeDomain is next for the address of a domain, which is a part of many others: it must
// be the whole of a value, or all but a resource.
func (v *veil) wholeDomain(s string, start int) (from, to int) {
	if start > 0 {
		return -1, -1
	}
	if n := len("xmpp:"); len(s) > n && strings.EqualFold(s[:n], "xmpp:") {
		from = n
	}
	to = from + domainRun(s[from:])
	if strings.EqualFold(strings.TrimSuffix(s[from:to], "."), v.domain) && (to == len(s) || strings.IndexByte("/?#", s[to]) >= 0) {
		return from, v.resourceEnd(s, to)
	}
	return -1, -1
}

// inWord reports whether a text ends with a character that would belong to a localpart after it.
func inWord(before string) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	return before != "" && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("._-+~", r))
}

// foldedBefore is where a suffix begins, in any case; negative if s does not end with it.
func foldedBefore(s, text string) int {
	i := len(s)
	for text != "" {
		want, n := utf8.DecodeLastRuneInString(text)
		got, m := utf8.DecodeLastRuneInString(s[:i])
		if m == 0 || folded(want) != folded(got) {
			return -1
		}
		text, i = text[:len(text)-n], i-m
	}
	return i
}

func folded(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// runBefore is where the last word of a text begins: the characters that may be in a
// localpart and do not delimit an address.
func runBefore(s string) int {
	i := strings.LastIndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"&'/:<>@?#;=,()[]{}", r) })
	if i < 0 {
		return 0
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return i + n
}

// domainRun is the length of the start of a text that may be a domain.
func domainRun(s string) int {
	for i, r := range s {
		if r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '。' && r != '．' && r != '｡' {
			return i
		}
	}
	return len(s)
}

// resourceEnd is where an address ends whose bare part ends at an offset.
func (v *veil) resourceEnd(s string, end int) int {
	if end == len(s) || s[end] != '/' {
		return end
	}
	rest := s[end+1:]
	known := 0
	if strings.HasPrefix(rest, v.resource) {
		known = len(v.resource)
	}
	if i := strings.IndexAny(rest[known:], " \t\r\n\"'<>?#;,&()[]{}"); i >= 0 {
		return end + 1 + known + i
	}
	return len(s)
}

// schemeEnd is the offset after the scheme of an XMPP or mail URI in a text; beyond its end
// if there is none.
func schemeEnd(s string) int {
	for i := range len(s) {
		if s[i] == ':' && (foldedBefore(s[:i], "xmpp") >= 0 || foldedBefore(s[:i], "mailto") >= 0) {
			return i
		}
	}
	return len(s) + 1
}

// unescapeURI removes one level of escaping, of URIs and of localparts, and returns the
// offset of each remaining byte in the text before all unescaping, given those in s; nil for its own.
func unescapeURI(s string, at []int) (string, []int) {
	plain, places := make([]byte, 0, len(s)), make([]int, 0, len(s)+1)
	for i := 0; i < len(s); i++ {
		c := s[i]
		places = append(places, i)
		if (c == '%' || c == '\\') && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c = byte(n)
				i += 2
			}
		}
		plain = append(plain, c)
	}
	places = append(places, len(s))
	if at != nil {
		for k, i := range places {
			places[k] = at[i]
		}
	}
	return string(plain), places
}

// escapeURI escapes an address for a URI (RFC 5122 §2), and for levels above 0 as often
// again, for a part of a URI inside another.
func escapeURI(s string, level int) string {
	for range max(level, 1) {
		s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	if level == 0 {
		s = inAddress.Replace(s)
	}
	return s
}

// inAddress are the characters that separate the parts of an address, which a URI has as they are.
var inAddress = strings.NewReplacer("%40", "@", "%2F", "/", "%3A", ":")
