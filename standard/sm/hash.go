package sm

import (
	"crypto/hmac"
	"crypto/subtle"
	"hash"
)

// Digest is an SM3 digest, or an HMAC-SM3.
type Digest = [32]byte

// Sum is the SM3 digest of data (GB/T 32905-2016).
func Sum(data []byte) Digest {
	return sum(New(), data)
}

// New is SM3 for data that comes in pieces.
func New() hash.Hash { return engine().NewHash() }

// HMAC is the HMAC-SM3 of msg (RFC 2104). A key may have any length; one of 32 random bytes is what the interface uses.
func HMAC(key, msg []byte) Digest {
	return sum(NewHMAC(key), msg)
}

// NewHMAC is HMAC-SM3 for a message that comes in pieces, or for many messages under one key: Reset keeps the key.
func NewHMAC(key []byte) hash.Hash { return hmac.New(New, key) }

// HMACEqual compares two MACs in a time that does not depend on where they differ. Never compare them otherwise.
func HMACEqual(a, b []byte) bool {
	return subtle.ConstantTimeCompare(a, b) == 1
}

func sum(h hash.Hash, data []byte) Digest {
	var d Digest
	h.Write(data)
	h.Sum(d[:0])
	return d
}
