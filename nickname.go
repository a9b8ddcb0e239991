package muc

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Nicks: which are allowed, and which are the same (RFC 7622 §3.4, RFC 8266).

// NickResult is a nick as a [NickRule] accepts it.
type NickResult struct {
	// Nick is how it is shown and addressed.
	Nick string
	// Key decides conflicts: nicks with the same key are the same nick.
	Key string
	// Changed says that Nick is not the one asked for; the occupant is told by status 210.
	Changed bool
}

// NickRule makes a nick of the resource that somebody wants to join as, or refuses it. It
// must be pure and idempotent: a nick that it returned it returns unchanged.
type NickRule func(wanted string) (NickResult, *StanzaError)

const (
	emojiPresentation = '\uFE0F' // asks for the colourful form of a symbol
	zeroWidthJoiner   = '\u200D' // joins symbols into one, and letters of some scripts

	zeroWidthNonJoiner = '\u200C' // keeps letters of some scripts apart
)

// NormalizeNick is the default [NickRule]. A nick is a resource by PRECIS
// OpaqueString (RFC 7622 §3.4) that also has a comparison key by PRECIS Nickname
// (RFC 8266), under which case, width and spacing make no difference.
//
// PRECIS refuses the invisible code points of many emoji. NormalizeNick leaves out U+FE0F
// after a symbol and U+200D between symbols, so that 👩‍💻 becomes 👩💻, which the occupant is
// told. Nicks that are empty, start or end with a space, or hold control or bidirectional
// override characters or anything that is blank to the eye are refused with not-acceptable.
func NormalizeNick(wanted string) (NickResult, *StanzaError) {
	nick, changed := withoutEmojiGlue(wanted)
	res, e := StrictNick(nick)
	if e == nil {
		res.Changed = res.Changed || changed
	}
	return res, e
}

// StrictNick is [NormalizeNick] without the exception for emoji: what PRECIS refuses is
// refused.
func StrictNick(wanted string) (NickResult, *StanzaError) {
	if jid.PlainText(wanted) {
		return asciiNick(wanted)
	}
	nick, err := precis.OpaqueString.String(wanted)
	if err != nil || nick == "" {
		return NickResult{}, refuse(stanza.JIDMalformed, "17.1", "the nick holds characters that no address may have")
	}
	if strings.TrimSpace(nick) != nick {
		return NickResult{}, refuse(stanza.NotAcceptable, "17.1", blankNick)
	}
	key, err := precis.Nickname.CompareKey(nick)
	if err != nil || key == "" || strings.ContainsFunc(nick, unreadable) || !strings.ContainsFunc(nick, visible) {
		return NickResult{}, refuse(stanza.NotAcceptable, "17.1", "the nick cannot be read")
	}
	return NickResult{Nick: nick, Key: key, Changed: nick != wanted}, nil
}

const blankNick = "the nick is blank or starts or ends with a space"

// asciiNick does for printable ASCII what PRECIS would, without its tables.
func asciiNick(wanted string) (NickResult, *StanzaError) {
	if wanted == "" || wanted[0] == ' ' || wanted[len(wanted)-1] == ' ' {
		return NickResult{}, refuse(stanza.NotAcceptable, "17.1", blankNick)
	}
	key := strings.ToLower(wanted)
	for strings.Contains(key, "  ") {
		key = strings.ReplaceAll(key, "  ", " ")
	}
	return NickResult{Nick: wanted, Key: key}, nil
}

// withoutEmojiGlue leaves out the code points that PRECIS refuses and that only say how
// symbols are drawn.
func withoutEmojiGlue(s string) (string, bool) {
	if !strings.ContainsRune(s, emojiPresentation) && !strings.ContainsRune(s, zeroWidthJoiner) {
		return s, false
	}
	var b strings.Builder
	before := rune(0)
	for i, r := range s {
		switch {
		case r == emojiPresentation && drawn(before):
			continue
		case r == zeroWidthJoiner && drawn(before):
			next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if drawn(next) {
				continue
			}
		}
		b.WriteRune(r)
		before = r
	}
	return b.String(), b.Len() != len(s)
}

// drawn tells symbols and the modifiers of emoji from letters. Keycaps are made
// of digits, '#' and '*'.
func drawn(r rune) bool {
	return unicode.Is(unicode.So, r) || unicode.Is(unicode.Sk, r) || unicode.Is(unicode.Sm, r) ||
		r == '#' || r == '*' || r >= '0' && r <= '9'
}

// unreadable reports whether a character is invisible, so that two nicks look the same, or
// changes the direction of its neighbours. PRECIS refuses most of these already, and
// admits the joiners of some scripts only where they are needed.
func unreadable(r rune) bool {
	switch {
	case r == zeroWidthJoiner, r == zeroWidthNonJoiner:
		return false
	case unicode.IsControl(r), r == utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blank)
}

// blank are characters that are letters, marks or symbols by category but show nothing.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x115F, Hi: 0x1160, Stride: 1}, // fillers of Hangul
		{Lo: 0x17B4, Hi: 0x17B5, Stride: 1}, // inherent vowels of Khmer
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // the pattern of Braille without dots
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // another filler of Hangul
		{Lo: 0xFFA0, Hi: 0xFFA0, Stride: 1}, // and its narrow form
		{Lo: 0xFFFC, Hi: 0xFFFC, Stride: 1}, // the place of an object
	},
	R32: []unicode.Range32{
		{Lo: 0x1107F, Hi: 0x1107F, Stride: 1}, // joins numbers of Brahmi
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // blanks between hieroglyphs
		{Lo: 0x16FE4, Hi: 0x16FE4, Stride: 1}, // filler of the small script of Khitan
		{Lo: 0x1D159, Hi: 0x1D159, Stride: 1}, // a note without a head
		{Lo: 0x1DA7F, Hi: 0x1DA80, Stride: 1}, // spaces of SignWriting
	},
}

// visible reports whether a character shows something by itself.
func visible(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) || unicode.IsNumber(r)
}

// admitNick judges the nick in the address of the step's stanza, which is to be kept
// without the address.
func (t *step) admitNick() (NickResult, *StanzaError) {
	return t.r.judgeNick(strings.Clone(t.in.nick))
}

func (r *Room) judgeNick(wanted string) (NickResult, *StanzaError) {
	if !utf8.ValidString(wanted) {
		return NickResult{}, refuse(stanza.JIDMalformed, "17.1", "the nick is not UTF-8")
	}
	if lim := &r.cfg.Limits; len(wanted) > lim.NickBytes || utf8.RuneCountInString(wanted) > lim.NickChars {
		return NickResult{}, refuse(stanza.NotAcceptable, "14.6", "the nick is too long")
	}
	res, e := r.cfg.Nick(wanted)
	if e == nil && (res.Nick == "" || res.Key == "" || len(res.Nick) > jid.MaxPartSize || !xmlwire.ValidText(res.Nick)) {
		e = refuse(stanza.JIDMalformed, "17.1", "the nick is empty")
	}
	return res, e
}

// addressee finds the occupant that a stanza is addressed to, or nil.
func (r *Room) addressee(in *incoming) *state.Occupant {
	if !in.toNick {
		return nil
	}
	return r.occupantNamed(in.nick)
}

// occupantNamed finds the occupant of a nick in any spelling, or nil.
func (r *Room) occupantNamed(name string) *state.Occupant {
	nick, e := r.judgeNick(name)
	if e != nil {
		return nil
	}
	return r.st.OccupantByNick(nick.Nick, nick.Key)
}
