package sm

import (
	"crypto/subtle"
	"errors"
)

var errPKCS8 = errors.New("sm2: the private key is not one DER PrivateKeyInfo (PKCS#8) of the curve sm2p256v1")

// ParsePrivateKeyPEM reads one PEM block: PRIVATE KEY, or ENCRYPTED PRIVATE KEY with its password, as OpenSSL 3 writes them.
//
// Encryption is PBES2: PBKDF2 with HMAC-SHA256 or HMAC-SM3, then SM4-CBC or AES-256-CBC. The key lies in 1 to n-2, and the
// public part, if it is there, belongs to it. A password for a key that has none is not an error.
func ParsePrivateKeyPEM(text, password []byte) (*PrivateKey, error) {
	kind, content, err := decodePEM(text, pemPrivateKey, pemEncrypted)
	if err != nil {
		return nil, err
	}
	if kind == pemPrivateKey {
		return parsePKCS8(content)
	}
	if len(password) == 0 {
		return nil, errors.New("sm2: the private key is encrypted: give its password")
	}
	content, err = openPBES2(content, password)
	if err != nil {
		return nil, err
	}
	key, err := parsePKCS8(content)
	if err != nil {
		return nil, errPassword
	}
	return key, nil
}

// MarshalPEM writes the key as PKCS#8, encrypted if there is a password: PBES2 with PBKDF2-HMAC-SHA256 and SM4-CBC, which every
// OpenSSL 3 reads.
func (k *PrivateKey) MarshalPEM(password []byte) ([]byte, error) {
	if k == nil || k.secret == nil {
		return nil, errNoKey
	}
	content := marshalPKCS8(k)
	if len(password) == 0 {
		return encodePEM(pemPrivateKey, content), nil
	}
	sealed, err := sealPBES2(content, password)
	if err != nil {
		return nil, err
	}
	return encodePEM(pemEncrypted, sealed), nil
}

// parsePKCS8 reads PrivateKeyInfo (RFC 5208) around ECPrivateKey (RFC 5915).
func parsePKCS8(content []byte) (*PrivateKey, error) {
	rest := der(content)
	info, ok := rest.read(tagSequence)
	if !ok || len(rest) != 0 {
		return nil, errPKCS8
	}
	version, ok := info.small()
	if !ok || version != 0 || !info.skip(keyAlgorithm) {
		return nil, errPKCS8
	}
	wrapped, ok := info.read(tagOctetString)
	if !ok || len(info) != 0 {
		return nil, errPKCS8
	}
	body, ok := wrapped.read(tagSequence)
	if !ok || len(wrapped) != 0 {
		return nil, errPKCS8
	}
	version, ok = body.small()
	if !ok || version != 1 {
		return nil, errPKCS8
	}
	scalar, ok := body.read(tagOctetString)
	if !ok || len(scalar) != scalarSize {
		return nil, errPKCS8
	}
	if curve, ok := body.read(tagExplicit0); ok && string(curve) != string(sm2Curve) {
		return nil, errPKCS8
	}
	var point []byte
	if len(body) != 0 {
		if point, ok = enclosedPoint(body); !ok {
			return nil, errPKCS8
		}
	}
	d := [scalarSize]byte(scalar)
	key, err := newPrivateKey(engine(), &d)
	if err != nil {
		return nil, err
	}
	if point != nil && subtle.ConstantTimeCompare(point, key.public.point[:]) != 1 {
		return nil, errors.New("sm2: the public part of the private key belongs to another key")
	}
	return key, nil
}

// enclosedPoint reads [1] { BIT STRING }, which ends an ECPrivateKey.
func enclosedPoint(body der) ([]byte, bool) {
	outer, ok := body.read(tagExplicit1)
	if !ok || len(body) != 0 {
		return nil, false
	}
	bits, ok := outer.read(tagBitString)
	if !ok || len(outer) != 0 || len(bits) != 1+pointSize || bits[0] != 0 {
		return nil, false
	}
	return bits[1:], true
}

func marshalPKCS8(k *PrivateKey) []byte {
	point := element(tagExplicit1, element(tagBitString, []byte{0}, k.public.point[:]))
	key := element(tagSequence, integer(1), element(tagOctetString, k.secret().scalar[:]), point)
	return element(tagSequence, integer(0), keyAlgorithm, element(tagOctetString, key))
}
