package adapters

import (
	"math/bits"
	"unicode/utf8"
)

// charset is a set of bytes.
type charset [4]uint64

func (s *charset) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s charset) with(chars string) charset {
	for i := range len(chars) {
		s[chars[i]>>6] |= 1 << (chars[i] & 63)
	}
	return s
}

func (s charset) span(from, to byte) charset {
	for c := int(from); c <= int(to); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
	return s
}

func (s charset) and(o charset) charset {
	for i := range s {
		s[i] &= o[i]
	}
	return s
}

func (s charset) without(o charset) charset {
	for i := range s {
		s[i] &^= o[i]
	}
	return s
}

// isText says whether s is UTF-8 without control characters.
func isText(s string) bool {
	for i := range len(s) {
		if !printable.has(s[i]) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// lower gives the lower case of an ASCII letter; other bytes are unchanged.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// pick gives a member, one that reads well in an example if there is one: a digit, else a lower-case letter, else the first.
func (s charset) pick() (byte, bool) {
	for _, nice := range []charset{digits, charset{}.span('a', 'z'), s} {
		for i, w := range s.and(nice) {
			if w != 0 {
				return byte(i<<6 + bits.TrailingZeros64(w)), true
			}
		}
	}
	return 0, false
}

var (
	digits = charset{}.span('0', '9')
	hex    = digits.span('a', 'f').span('A', 'F')
	alnum  = digits.span('a', 'z').span('A', 'Z')
	b64    = alnum.with("+/-_=")

	printable = charset{}.span(' ', 0xff).without(charset{}.with("\x7f"))
	// pchar is what a segment of a URL's path may hold (RFC 3986 section 3.3), but for percent-encodings.
	pchar = alnum.with("-._~!$&'()*+,;=:@")
)

// alphabet says what a template may hold: literally, and at a place of class any.
type alphabet struct {
	literal, any charset
	hint         string
}

var (
	urlAlphabet  = alphabet{pchar.with("/"), pchar, "a URL template holds what a path may hold, unencoded; a query belongs in params"}
	textAlphabet = alphabet{printable, printable, "a template holds no control characters"}
)
