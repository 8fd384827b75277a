package proof

import (
	"encoding/binary"
	"errors"
	"strings"
)

// A ULID is 128 bits, of which the first 48 are a time in milliseconds. Its text is 26 digits to the base 32, the most significant first:
// the first one stands for three bits. Source: github.com/ulid/spec.
const ulidDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var errULID = errors.New("id is not a ULID in upper case")

func parseULID(text string) ([16]byte, error) {
	var id [16]byte
	if len(text) != 26 || text[0] > '7' {
		return id, errULID
	}
	var hi, lo uint64
	for i := range len(text) {
		n := strings.IndexByte(ulidDigits, text[i])
		if n < 0 {
			return id, errULID
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(n)
	}
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id, nil
}

// formatULID writes 16 bytes; of fewer it makes "".
func formatULID(id []byte) string {
	if len(id) != 16 {
		return ""
	}
	hi, lo := binary.BigEndian.Uint64(id), binary.BigEndian.Uint64(id[8:])
	var text [26]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = ulidDigits[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(text[:])
}
