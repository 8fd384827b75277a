package sm

import (
	"errors"
)

// The one form of a public key that is read and written: SubjectPublicKeyInfo with the algorithm id-ecPublicKey, the named
// curve sm2p256v1 and an uncompressed point (RFC 5480, GM/T 0009). All but the coordinates is constant, so it is compared.
var (
	keyAlgorithm = []byte{tagSequence, 0x13,
		0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, // 1.2.840.10045.2.1 id-ecPublicKey
		0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d} // 1.2.156.10197.1.301 sm2p256v1
	sm2Curve = keyAlgorithm[11:]
)

var errPoint = errors.New("sm2: the public key is not a point of the curve sm2p256v1")

// ParsePublicKey reads DER SubjectPublicKeyInfo. Compressed points, which GB/T 32918.1 would allow, are refused by profile: a key
// has one encoding, and so one id.
func ParsePublicKey(spki []byte) (*PublicKey, error) {
	rest := der(spki)
	body, ok := rest.read(tagSequence)
	if !ok || len(rest) != 0 {
		return nil, errors.New("sm2: the public key is not one DER SubjectPublicKeyInfo")
	}
	if !body.skip(keyAlgorithm) {
		return nil, errors.New("sm2: the public key is of another algorithm or curve than sm2p256v1 by name")
	}
	point, ok := body.read(tagBitString)
	if !ok || len(body) != 0 || len(point) < 2 || point[0] != 0 {
		return nil, errors.New("sm2: the public key's bit string is malformed")
	}
	if point = point[1:]; point[0] == 2 || point[0] == 3 {
		return nil, errors.New("sm2: the public key is compressed: write it with `openssl pkey -pubin -ec_conv_form uncompressed`")
	}
	return newPublicKey(engine(), point)
}

// ParsePublicKeyPEM reads one PEM block PUBLIC KEY, see [ParsePublicKey].
func ParsePublicKeyPEM(text []byte) (*PublicKey, error) {
	_, spki, err := decodePEM(text, pemPublicKey)
	if err != nil {
		return nil, err
	}
	return ParsePublicKey(spki)
}

// Marshal writes the key as DER SubjectPublicKeyInfo.
func (p *PublicKey) Marshal() []byte { return marshalSPKI(p.point[:]) }

// MarshalPEM writes the key as PEM, as `openssl pkey -pubout` does.
func (p *PublicKey) MarshalPEM() ([]byte, error) {
	if p == nil || p.verifier == nil {
		return nil, errNoKey
	}
	return encodePEM(pemPublicKey, p.Marshal()), nil
}

func marshalSPKI(point []byte) []byte {
	return element(tagSequence, keyAlgorithm, element(tagBitString, []byte{0}, point))
}
