package muc

import "unicode/utf8"

// Most of a text is ASCII that needs no care, and can be passed over eight characters
// at a time: as one number, of which all bytes are compared at once.

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// eight are those characters of a text that stand at a place, the first of them lowest.
func eight[T string | []byte](s T, at int) uint64 {
	s = s[at : at+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// The marks of some of eight characters are the high bits of their bytes, which those
// that are no ASCII have anyway. Taking a number away from a byte sets it, if the byte
// is less. The lowest mark is right; those above it may be one too many.

// unprintable marks those that are not ASCII, or control it; but not U+007F, which
// may stand in XML and JSON.
func unprintable(x uint64) uint64 { return (x | (x - ' '*eachByte)) & highBits }

// special marks those that do not stand for themselves in a JSON string, or may not
// be what they should.
func special(x uint64) uint64 {
	quote, escape := x^'"'*eachByte, x^'\\'*eachByte // 0 where it is one
	return unprintable(x) | ((quote-eachByte)|(escape-eachByte))&highBits
}

// isPrintable reports whether the first n characters of a text are ASCII, and none
// controls it. It may look at the others.
func isPrintable(b []byte, n int) bool {
	marks, i := uint64(0), 0
	for text := b[:n]; i < len(text)-7; i += 8 {
		marks |= unprintable(eight(text, i))
	}
	if i < n && i < len(b)-7 {
		marks |= unprintable(eight(b, i)) << (8 * (i + 8 - n))
		i = n
	}
	for ; i < n; i++ {
		if b[i] < ' ' || b[i] >= utf8.RuneSelf {
			return false
		}
	}
	return marks == 0
}
