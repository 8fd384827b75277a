package second

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/tjfoc/gmsm/sm2"

	"tongma/standard/sm"
)

// asking lets one caller in at a time, so that registrations cannot take the machine from verifications.
var asking sync.Mutex

// Agrees says whether both engines accept the key and compute alike with it; nil means yes. Ask it before a key, or the key of a
// certificate, is registered, and only for parties that have proved who they are: it takes some milliseconds, one caller
// at a time.
//
// It picks r and s at random and computes, on the library's curve, the digest of which they are that key's signature. Both
// engines must accept it for this digest and refuse it for another, which they cannot without computing the same point.
func Agrees(key *sm.PublicKey) error {
	asking.Lock()
	defer asking.Unlock()
	if key == nil {
		return errors.New("sm: no key to ask about")
	}
	spki := key.Marshal()
	return agree(spki[len(spki)-65:], sm.Fast, Engine)
}

// agree compares engines about the key of that point.
func agree(point []byte, engines ...sm.Engine) error {
	digest, sig, err := fit(point)
	if err != nil {
		return fmt.Errorf("sm: %s does not take the key: %w", Engine.Name(), err)
	}
	other := bytes.Clone(digest)
	other[31] ^= 1
	for _, e := range engines {
		v, err := e.NewVerifier(point)
		if err != nil {
			return fmt.Errorf("sm: %s does not take the key: %w", e.Name(), err)
		}
		if !v.Verify(digest, sig) || v.Verify(other, sig) {
			return fmt.Errorf("sm: %s does not compute with the key as %s does: do not register it, and report it", e.Name(), Engine.Name())
		}
	}
	return nil
}

// fit makes a random signature and the digest that it signs under the key of that point.
func fit(point []byte) (digest, sig []byte, err error) {
	defer rescue(&err)
	v, err := Engine.NewVerifier(point)
	if err != nil {
		return nil, nil, err
	}
	for {
		r, errR := rand.Int(rand.Reader, order)
		s, errS := rand.Int(rand.Reader, order)
		if err := errors.Join(errR, errS); err != nil {
			return nil, nil, err
		}
		if digest = signedDigest(v.(verifier).key, r, s); digest != nil {
			sig, err = asn1.Marshal(signature{r, s})
			return digest, sig, err
		}
	}
}

// signedDigest gives the digest that (r, s) is a signature of, or nil if there is none. It needs no private key because the digest
// comes last; that is no forgery, since nobody knows a message of that digest.
func signedDigest(key *sm2.PublicKey, r, s *big.Int) []byte {
	t := new(big.Int).Add(r, s)
	if t.Mod(t, order); r.Sign() == 0 || s.Sign() == 0 || t.Sign() == 0 {
		return nil
	}
	x := combine(key, s, t)
	if x == nil {
		return nil
	}
	e := new(big.Int).Sub(r, x)
	return e.Mod(e, order).FillBytes(make([]byte, 32))
}
