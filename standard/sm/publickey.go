package sm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
)

// UserID is the signer's identity in every signature of the interface. A key has no other.
const UserID = "1234567812345678"

// PublicKey is an SM2 public key that was checked when it was read: the curve, the point, the encoding. It is immutable and
// serves many goroutines at once. Read a key once and keep it: its id and the start of every digest are computed then. The zero
// value verifies nothing.
type PublicKey struct {
	point    [pointSize]byte
	id       string
	identity Digest // Z, the hash of user id, curve and key that goes before each message
	engine   Engine
	verifier Verifier
}

// ID is the key id: the first 8 bytes of SM3 over the key's DER SubjectPublicKeyInfo, in lower-case hex. It tells keys apart in
// headers and logs; it is too short to trust a key by.
func (p *PublicKey) ID() string { return p.id }

// Equal says whether both are the same key, whatever their engines. Nil equals nothing.
func (p *PublicKey) Equal(other *PublicKey) bool {
	return p != nil && other != nil && p.point == other.point
}

// With is the same key on another engine.
func (p *PublicKey) With(e Engine) (*PublicKey, error) {
	if p == nil || p.verifier == nil {
		return nil, errNoKey
	}
	return newPublicKey(e, p.point[:])
}

// Verify says whether sig is this key's signature of msg: SM2 with SM3 and [UserID], GB/T 32918.2-2016 cl. 7. The signature is strict DER,
// r and s from 1 to n-1. Anything odd is false; nothing panics.
func (p *PublicKey) Verify(msg, sig []byte) bool {
	if p == nil || p.verifier == nil || !goodSignature(sig) {
		return false
	}
	digest := p.digest(msg)
	return p.verifier.Verify(digest[:], sig)
}

// Encrypt encrypts 1 to [MaxPlain] bytes to the key (GB/T 32918.4-2016). The result is ASN.1 in the order C1 C3 C2, as OpenSSL
// writes and reads it.
func (p *PublicKey) Encrypt(plain []byte) ([]byte, error) {
	switch {
	case p == nil || p.verifier == nil:
		return nil, errNoKey
	case len(plain) == 0:
		return nil, errors.New("sm2: nothing to encrypt: give at least one byte")
	case len(plain) > MaxPlain:
		return nil, fmt.Errorf("sm2: %d bytes are more than %d: encrypt a random SM4 key instead, and the text with SealGCM", len(plain), MaxPlain)
	}
	return p.verifier.Encrypt(plain)
}

// String names the key by its id.
func (p *PublicKey) String() string {
	if p == nil || p.verifier == nil {
		return "sm2 public key (none)"
	}
	return "sm2 public key " + p.id
}

var errNoKey = errors.New("sm2: no key: make one with GenerateKey or read one from PEM")

// digest is e of GB/T 32918.2-2016: SM3 over Z and the message.
func (p *PublicKey) digest(msg []byte) Digest {
	h := p.engine.NewHash()
	h.Write(p.identity[:])
	return sum(h, msg)
}

// newPublicKey binds a point to an engine. The point has pointSize bytes and is checked here.
func newPublicKey(e Engine, point []byte) (*PublicKey, error) {
	if len(point) != pointSize || point[0] != 4 || !onCurve(point[1:33], point[33:]) {
		return nil, errPoint
	}
	verifier, err := e.NewVerifier(point)
	if err != nil {
		return nil, fmt.Errorf("sm2: the engine %s refuses the public key: %w", e.Name(), err)
	}
	id := sum(e.NewHash(), marshalSPKI(point))
	return &PublicKey{
		point:    [pointSize]byte(point),
		id:       hex.EncodeToString(id[:8]),
		identity: identity(e.NewHash(), []byte(UserID), point),
		engine:   e,
		verifier: verifier,
	}, nil
}

// identity is Z of GB/T 32918.2-2016 cl. 5.5: the hash of the user id's length in bits, the id, a, b, base point and key.
func identity(h hash.Hash, id, point []byte) Digest {
	h.Write([]byte{byte(len(id) >> 5), byte(len(id) << 3)})
	h.Write(id)
	var word [scalarSize]byte
	h.Write(curveA.FillBytes(word[:]))
	h.Write(curveB.FillBytes(word[:]))
	h.Write(baseX.FillBytes(word[:]))
	h.Write(baseY.FillBytes(word[:]))
	return sum(h, point[1:])
}
