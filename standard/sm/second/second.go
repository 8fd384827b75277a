// Package second is a second opinion on SM2, SM3 and SM4: the engine of package sm by another library, tjfoc/gmsm, which
// shares no code with the first.
//
// It is not for the hot path: a verification takes about 1.4 ms, a signature 0.25 ms, and neither its big integers nor its tables
// are constant time. It serves three ends:
//
//   - [Agrees], before a key is registered;
//   - sm.Use(second.Engine), for whoever would rather rely on this library;
//   - the tests of package sm, which pass every known answer through both engines and compare thousands of signatures.
//
// The library is used with care. Its Verify ignores bytes after a signature, it takes points off the curve and panics later,
// its Decrypt panics on short input, its addition of a point to itself is wrong, its SM3 breaks the contract of hash.Hash and its GCM
// gives wrong tags. So it sees only what the strict readers of package sm have passed; points are added here; GCM is
// that of crypto/cipher over its block cipher; and a panic becomes an error or false.
package second

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"math/big"

	"github.com/tjfoc/gmsm/sm2"
	"github.com/tjfoc/gmsm/sm3"
	"github.com/tjfoc/gmsm/sm4"

	"tongma/standard/sm"
)

// Engine is the engine by tjfoc/gmsm.
var Engine sm.Engine = engine{}

type engine struct{}

// curve is what is used of the library's curve. An interface of our own, because crypto/elliptic has deprecated its methods: they
// are unsafe on unchecked points, and ours are checked.
type curve interface {
	IsOnCurve(x, y *big.Int) bool
	Add(x1, y1, x2, y2 *big.Int) (x, y *big.Int)
	Double(x1, y1 *big.Int) (x, y *big.Int)
	ScalarMult(x1, y1 *big.Int, k []byte) (x, y *big.Int)
	ScalarBaseMult(k []byte) (x, y *big.Int)
}

var (
	p256  curve = sm2.P256Sm2()
	order       = sm2.P256Sm2().Params().N
)

func (engine) Name() string                               { return "tjfoc/gmsm" }
func (engine) NewHash() hash.Hash                         { return &digest{sm3.New()} }
func (engine) NewCipher(key []byte) (cipher.Block, error) { return sm4.NewCipher(key) }

func (engine) NewSigner(scalar []byte) (s sm.Signer, err error) {
	defer rescue(&err)
	key := &sm2.PrivateKey{D: new(big.Int).SetBytes(scalar)}
	key.Curve = sm2.P256Sm2()
	key.X, key.Y = p256.ScalarBaseMult(scalar)
	return signer{key}, nil
}

func (engine) NewVerifier(point []byte) (v sm.Verifier, err error) {
	defer rescue(&err)
	key := &sm2.PublicKey{Curve: sm2.P256Sm2(), X: new(big.Int).SetBytes(point[1:33]), Y: new(big.Int).SetBytes(point[33:])}
	if !p256.IsOnCurve(key.X, key.Y) {
		return nil, errors.New("not a point of the curve")
	}
	return verifier{key}, nil
}

// digest mends the library's Sum, which writes what it should append to into the hash.
type digest struct{ hash.Hash }

func (d *digest) Sum(in []byte) []byte { return append(in, d.Hash.Sum(nil)...) }

type signer struct{ key *sm2.PrivateKey }

func (s signer) Point() []byte {
	point := make([]byte, 65)
	point[0] = 4
	s.key.X.FillBytes(point[1:33])
	s.key.Y.FillBytes(point[33:])
	return point
}

// Sign computes GB/T 32918.2-2016 cl. 6.1 on the library's curve. Its own Sm2Sign hashes the message itself.
func (s signer) Sign(digest []byte) (sig []byte, err error) {
	defer rescue(&err)
	e := new(big.Int).SetBytes(digest)
	inverse := new(big.Int).Add(s.key.D, big.NewInt(1))
	inverse.ModInverse(inverse, order)
	for {
		k, err := rand.Int(rand.Reader, order)
		if err != nil {
			return nil, err
		}
		x, _ := p256.ScalarBaseMult(k.Bytes())
		r := new(big.Int).Add(e, x)
		r.Mod(r, order)
		sum := new(big.Int).Add(r, k)
		if k.Sign() == 0 || r.Sign() == 0 || sum.Cmp(order) == 0 {
			continue
		}
		v := new(big.Int).Mul(r, s.key.D)
		v.Sub(k, v)
		v.Mul(v, inverse)
		v.Mod(v, order)
		if v.Sign() != 0 {
			return asn1.Marshal(signature{r, v})
		}
	}
}

func (s signer) Decrypt(ciphertext []byte) (plain []byte, err error) {
	defer rescue(&err)
	plain, err = sm2.DecryptAsn1(s.key, ciphertext)
	if err != nil {
		return nil, err // the library returns the wrong text as well
	}
	return plain, nil
}

type verifier struct{ key *sm2.PublicKey }

type signature struct{ R, S *big.Int }

// Verify computes GB/T 32918.2-2016 cl. 7.1 on the library's curve.
func (v verifier) Verify(digest, sig []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	var rs signature
	if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) != 0 {
		return false
	}
	t := new(big.Int).Add(rs.R, rs.S)
	if t.Mod(t, order); t.Sign() == 0 {
		return false
	}
	x := combine(v.key, rs.S, t)
	if x == nil {
		return false
	}
	x.Add(x, new(big.Int).SetBytes(digest))
	return x.Mod(x, order).Cmp(rs.R) == 0
}

func (v verifier) Encrypt(plain []byte) (ciphertext []byte, err error) {
	defer rescue(&err)
	return sm2.EncryptAsn1(v.key, plain, rand.Reader)
}

// combine gives the x coordinate of [s]G + [t]P, or nil for the point at infinity. The library's Add is wrong where
// both points are the same.
func combine(key *sm2.PublicKey, s, t *big.Int) *big.Int {
	x1, y1 := p256.ScalarBaseMult(s.Bytes())
	x2, y2 := p256.ScalarMult(key.X, key.Y, t.Bytes())
	if x1.Cmp(x2) != 0 {
		x, _ := p256.Add(x1, y1, x2, y2)
		return x
	}
	if y1.Cmp(y2) != 0 {
		return nil
	}
	x, _ := p256.Double(x1, y1)
	return x
}

// rescue makes an error of a panic, without what it said: that could be a secret.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the library panicked (%T)", r)
	}
}
