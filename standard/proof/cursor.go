package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"tongma/standard"
)

// cursor is what is left to read of an encoding. The first thing that is wrong is kept, and whatever is read after it is zero.
type cursor struct {
	rest []byte
	err  error
}

var errShort = errors.New("it ends too early")

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

// take gives the next n bytes, or nil.
func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.fail(errShort)
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

// uint takes an unsigned number of n bytes, the most significant first.
func (c *cursor) uint(n int) uint64 {
	var v uint64
	for _, b := range c.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (c *cursor) digest() Digest {
	var d Digest
	copy(d[:], c.take(len(d)))
	return d
}

// varint takes a number of at most 32 bits in LEB128 of the shortest form.
func (c *cursor) varint() uint32 {
	v, n := binary.Uvarint(c.rest)
	switch {
	case n == 0:
		c.fail(errShort)
	case n < 0 || v > 1<<32-1:
		c.fail(errors.New("a number has more than 32 bits"))
	case n > 1 && c.rest[n-1] == 0:
		c.fail(errors.New("a number is not in its shortest form"))
	default:
		c.take(n)
		return uint32(v)
	}
	return 0
}

func (c *cursor) millis() time.Time {
	ms := c.uint(6)
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).In(standard.Zone)
}

func (c *cursor) text(name string) string {
	b := c.take(int(c.varint()))
	if err := checkText(name, b); err != nil {
		c.fail(err)
		return ""
	}
	return string(b)
}

func (c *cursor) pseudonym(name string) Pseudonym {
	var p Pseudonym
	b := c.take(int(c.varint()))
	copy(p[:], b)
	if len(b) != 0 && (len(b) != len(p) || p == Pseudonym{}) {
		c.fail(fmt.Errorf("%s must have no bytes or 16, not all of them zero", name))
	}
	return p
}

// end is the error of all that was read; nothing may be left.
func (c *cursor) end() error {
	if c.err == nil && len(c.rest) > 0 {
		return fmt.Errorf("%d bytes are too many", len(c.rest))
	}
	return c.err
}

// word takes the byte that stands for one of words.
func word[W ~string](c *cursor, name string, words []W) W {
	n := c.uint(1)
	if n >= uint64(len(words)) {
		c.fail(fmt.Errorf("%s has the number %d, which this version does not know", name, n))
		return ""
	}
	return words[n]
}

func appendWord[W ~string](dst []byte, name string, words []W, w W) ([]byte, error) {
	n := slices.Index(words, w)
	if n < 0 {
		return nil, fmt.Errorf("%s has no number: enter it in the lists of package proof", name)
	}
	return append(dst, byte(n)), nil
}

func appendMillis(dst []byte, name string, t time.Time) ([]byte, error) {
	var ms int64
	if !t.IsZero() {
		ms = t.UnixMilli()
		if ms < 1 || ms >= 1<<48 {
			return nil, fmt.Errorf("%s is before 1970 or after 10889", name)
		}
	}
	return append(dst, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms)), nil
}

func appendText(dst []byte, name, text string) ([]byte, error) {
	if err := checkText(name, text); err != nil {
		return nil, err
	}
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...), nil
}

func appendPseudonym(dst []byte, p Pseudonym) []byte {
	if p == (Pseudonym{}) {
		return append(dst, 0)
	}
	return append(append(dst, byte(len(p))), p[:]...)
}

func checkText[T string | []byte](name string, text T) error {
	if len(text) > MaxText {
		return fmt.Errorf("%s has more than %d bytes", name, MaxText)
	}
	ascii := true
	for i := range len(text) {
		switch b := text[i]; {
		case b < ' ' || b == 0x7f:
			return fmt.Errorf("%s has a control character", name)
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(string(text)) {
		return fmt.Errorf("%s is not UTF-8", name)
	}
	return nil
}
