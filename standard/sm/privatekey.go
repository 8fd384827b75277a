package sm

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// PrivateKey is an SM2 private key. It is immutable and serves many goroutines at once. However it is printed, logged or made
// JSON of, only the id of its public key shows. The zero value signs nothing.
type PrivateKey struct {
	public *PublicKey
	// A function, because fmt prints whatever else when the key is an unexported field of another struct, where the methods below
	// are out of its reach.
	secret func() *secret
}

type secret struct {
	scalar [scalarSize]byte
	signer Signer
}

// GenerateKey makes a new key from the system's random source.
func GenerateKey() (*PrivateKey, error) {
	var scalar [scalarSize]byte
	for {
		rand.Read(scalar[:])
		if within(&scalar, &orderMinus2) {
			return newPrivateKey(engine(), &scalar)
		}
	}
}

// Public is the public key that belongs to k; nil for no key.
func (k *PrivateKey) Public() *PublicKey {
	if k == nil {
		return nil
	}
	return k.public
}

// With is the same key on another engine.
func (k *PrivateKey) With(e Engine) (*PrivateKey, error) {
	if k == nil || k.secret == nil {
		return nil, errNoKey
	}
	return newPrivateKey(e, &k.secret().scalar)
}

// Sign signs msg: SM2 with SM3 and [UserID], GB/T 32918.2-2016 cl. 6. The signature is DER, 8 to 72 bytes, and differs each time.
func (k *PrivateKey) Sign(msg []byte) ([]byte, error) {
	if k == nil || k.secret == nil {
		return nil, errNoKey
	}
	digest := k.public.digest(msg)
	return k.secret().signer.Sign(digest[:])
}

// ErrDecrypt says that a ciphertext is not one, was changed, or is for another key. It says no more on purpose.
var ErrDecrypt = errors.New("sm2: decryption failed")

// Decrypt is the inverse of [PublicKey.Encrypt]: ASN.1, C1 C3 C2. Its only error for a bad ciphertext is [ErrDecrypt].
func (k *PrivateKey) Decrypt(ciphertext []byte) ([]byte, error) {
	if k == nil || k.secret == nil {
		return nil, errNoKey
	}
	if !IsCiphertext(ciphertext) {
		return nil, ErrDecrypt
	}
	plain, err := k.secret().signer.Decrypt(ciphertext)
	if err != nil {
		return nil, ErrDecrypt
	}
	return plain, nil
}

// String names the key by the id of its public key; so do GoString, Format and MarshalJSON, whatever the verb.
func (k PrivateKey) String() string {
	if k.public == nil {
		return "sm2 private key (none)"
	}
	return "sm2 private key " + k.public.id
}

// GoString is String.
func (k PrivateKey) GoString() string { return k.String() }

// Format writes String for every verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalJSON is String in quotes.
func (k PrivateKey) MarshalJSON() ([]byte, error) { return []byte(`"` + k.String() + `"`), nil }

// newPrivateKey binds a scalar to an engine. The scalar is checked here.
func newPrivateKey(e Engine, scalar *[scalarSize]byte) (*PrivateKey, error) {
	if !within(scalar, &orderMinus2) {
		return nil, errors.New("sm2: the private key is out of its range, 1 to n-2")
	}
	signer, err := e.NewSigner(scalar[:])
	if err != nil {
		return nil, fmt.Errorf("sm2: the engine %s refuses the private key", e.Name())
	}
	public, err := newPublicKey(e, signer.Point())
	if err != nil {
		return nil, err
	}
	held := &secret{*scalar, signer}
	return &PrivateKey{public, func() *secret { return held }}, nil
}
