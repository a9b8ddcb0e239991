package muc

// Most of a text is ASCII that needs no care, and can be passed over eight characters
// at a time: as one number, of which all bytes are compared at once.

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// eight are the first characters of a text, the first of them lowest.
func eight[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// The marks of some of eight characters are the high bits of their bytes. The lowest
// mark is right; those above it may be one too many.

// below marks those that are less than an ASCII character.
func below(x uint64, limit byte) uint64 { return (x - uint64(limit)*eachByte) &^ x & highBits }

// equal marks those that are a character.
func equal(x uint64, char byte) uint64 { return below(x^uint64(char)*eachByte, 1) }

// unprintable marks those that are not ASCII, or control it; but not U+007F, which
// may stand in XML and JSON.
func unprintable(x uint64) uint64 { return x&highBits | below(x, ' ') }

// special marks those that do not stand for themselves in a JSON string, or may not
// be what they should.
func special(x uint64) uint64 { return unprintable(x) | equal(x, '"') | equal(x, '\\') }
