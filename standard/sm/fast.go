package sm

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"hash"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// Fast is the engine by emmansun/gmsm: assembly on amd64, arm64 and others (the build tag purego turns it off), constant
// time where a secret is touched, signatures whose nonce stays safe with a broken random source. The default.
var Fast Engine = fast{}

type fast struct{}

func (fast) Name() string                               { return "emmansun/gmsm" }
func (fast) NewHash() hash.Hash                         { return sm3.New() }
func (fast) NewCipher(key []byte) (cipher.Block, error) { return sm4.NewCipher(key) }

func (fast) NewSigner(scalar []byte) (Signer, error) {
	key, err := sm2.NewPrivateKey(scalar)
	if err != nil {
		return nil, err
	}
	return &fastSigner{key}, nil
}

func (fast) NewVerifier(point []byte) (Verifier, error) {
	key, err := sm2.NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	return &fastVerifier{key}, nil
}

type fastSigner struct{ key *sm2.PrivateKey }

func (s *fastSigner) Point() []byte {
	point := make([]byte, pointSize)
	point[0] = 4
	s.key.X.FillBytes(point[1:33])
	s.key.Y.FillBytes(point[33:])
	return point
}

func (s *fastSigner) Sign(digest []byte) ([]byte, error) {
	return sm2.SignASN1(rand.Reader, s.key, digest, nil)
}

func (s *fastSigner) Decrypt(ciphertext []byte) ([]byte, error) {
	return s.key.Decrypt(nil, ciphertext, sm2.ASN1DecrypterOpts)
}

type fastVerifier struct{ key *ecdsa.PublicKey }

func (v *fastVerifier) Verify(digest, sig []byte) bool {
	return sm2.VerifyASN1(v.key, digest, sig)
}

func (v *fastVerifier) Encrypt(plain []byte) ([]byte, error) {
	return sm2.EncryptASN1(rand.Reader, v.key, plain)
}
