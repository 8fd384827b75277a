package sm

import (
	"crypto/cipher"
	"hash"
	"sync/atomic"
)

// Engine is an implementation of the arithmetic: [Fast], or the one of package second.
//
// An engine is not called directly. Everything it is given has passed this package's strict readers first: scalars and points
// have their length and range, points are on the curve and not at infinity, signatures and ciphertexts are DER without a
// byte too many.
type Engine interface {
	// Name names the library behind it, as `tongma serve` tells it.
	Name() string
	// NewHash is SM3.
	NewHash() hash.Hash
	// NewCipher is the SM4 block cipher; the key has 16 bytes. One goroutine at a time may use what it returns.
	NewCipher(key []byte) (cipher.Block, error)
	// NewSigner prepares a private key: 32 bytes, 1 to n-2.
	NewSigner(scalar []byte) (Signer, error)
	// NewVerifier prepares a public key: an uncompressed point, 65 bytes.
	NewVerifier(point []byte) (Verifier, error)
}

// Signer is a private key as an engine holds it. It serves many goroutines at once.
type Signer interface {
	Point() []byte                             // the public key, 65 bytes
	Sign(digest []byte) ([]byte, error)        // 32 bytes to a DER signature
	Decrypt(ciphertext []byte) ([]byte, error) // ASN.1 C1C3C2
}

// Verifier is a public key as an engine holds it. It serves many goroutines at once.
type Verifier interface {
	Verify(digest, sig []byte) bool
	Encrypt(plain []byte) ([]byte, error) // ASN.1 C1C3C2
}

var current atomic.Pointer[Engine]

func init() { Use(Fast) }

// Use makes e the engine of everything that is hashed and of every key that is read from now on; before the first call it is
// [Fast]. It is for the start of a program. Keys that exist keep the engine they have; their With method binds a key to
// another one.
func Use(e Engine) { current.Store(&e) }

func engine() Engine { return *current.Load() }
