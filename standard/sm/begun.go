package sm

import (
	"encoding"
	"hash"
)

// Begun is SM3 behind a beginning that many texts have in common, which is worked in once. It does not change, so it is safe for
// concurrent use.
type Begun struct {
	text  []byte
	state []byte // nil: the engine's hash cannot say it
}

// Begin works a beginning in.
func Begin(text []byte) *Begun {
	b := &Begun{text: append([]byte(nil), text...)}
	h := New()
	h.Write(text)
	if m, ok := h.(encoding.BinaryMarshaler); ok {
		if state, err := m.MarshalBinary(); err == nil {
			b.state = state
		}
	}
	return b
}

// Resume puts h, which [New] has made, behind the beginning.
func (b *Begun) Resume(h hash.Hash) {
	if u, ok := h.(encoding.BinaryUnmarshaler); ok && b.state != nil && u.UnmarshalBinary(b.state) == nil {
		return
	}
	h.Reset()
	h.Write(b.text)
}

// MAC is HMAC-SM3 under one key (RFC 2104) of texts that have a beginning in common. It does not change, so it is safe for concurrent use.
type MAC struct{ inner, outer *Begun }

// NewMAC works in the key and the beginning, which may be empty.
func NewMAC(key, beginning []byte) *MAC {
	if len(key) > blockSize {
		short := Sum(key)
		key = short[:]
	}
	return &MAC{inner: Begin(append(keyBlock(key, 0x36), beginning...)), outer: Begin(keyBlock(key, 0x5c))}
}

// blockSize is what SM3 works in at once, in bytes.
const blockSize = 64

// keyBlock is the key in a whole block, each byte xored with with.
func keyBlock(key []byte, with byte) []byte {
	block := make([]byte, blockSize)
	copy(block, key)
	for i := range block {
		block[i] ^= with
	}
	return block
}

// Sum puts the MAC of the beginning and rest into sum. It works with h, which [New] has made, so that nothing is allocated.
func (m *MAC) Sum(h hash.Hash, rest []byte, sum *Digest) {
	m.inner.Resume(h)
	h.Write(rest)
	h.Sum(sum[:0])
	m.outer.Resume(h)
	h.Write(sum[:])
	h.Sum(sum[:0])
}
