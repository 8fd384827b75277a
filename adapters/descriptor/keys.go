package descriptor

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"

	"tongma/standard/sm"
)

var keyFunctions = []function{
	{"sm2sign", "sm2sign(key, x): the bytes of a signature by SM2 with SM3, in DER, each time another; key is a private key as PEM, base64 of PKCS#8, or 64 hex digits", withSM2Private(func(k *sm.PrivateKey, x []byte) (any, error) {
		return k.Sign(x)
	}), sig(new(func(string, any) []byte))},
	{"sm2verify", "sm2verify(key, x, signature): whether the signature (bytes: DER, or r and s of 32 each) of x is by the holder of key: a public key as PEM, base64 of it, or 128 or 130 hex digits", sm2verify, sig(new(func(string, any, []byte) bool))},
	{"sm2encrypt", "sm2encrypt(key, x): the bytes of x encrypted to a public key by SM2, in ASN.1 (C1 C3 C2), each time others", func(args ...any) (any, error) {
		key, err := sm2Public(args[0].(string))
		if err != nil {
			return nil, err
		}
		x, err := bytesOf(args[1])
		if err != nil {
			return nil, err
		}
		out, err := key.Encrypt(x)
		return out, opaque(err, "the text is empty or too long")
	}, sig(new(func(string, any) []byte))},
	{"sm2decrypt", "sm2decrypt(key, x): the bytes that are encrypted in x (ASN.1, or the bytes of C1 C3 C2) to a private key by SM2", withSM2Private(func(k *sm.PrivateKey, x []byte) (any, error) {
		if c, ok := ciphertextOf(x); ok {
			x = c
		}
		out, err := k.Decrypt(x)
		return out, opaque(err, "the key or the text is another one")
	}), sig(new(func(string, any) []byte))},
	{"rsasign", `rsasign(hash, key, x): the bytes of an RSA signature (PKCS#1 v1.5) with "md5", "sha1" or "sha256"; key is a private key as PEM or base64 of it`, rsasign, sig(new(func(string, string, any) []byte))},
	{"rsaprivate", "rsaprivate(key, x): x encrypted with an RSA private key (PKCS#1 v1.5, type 1), in as many blocks as it needs", rsaprivate, sig(new(func(string, any) []byte))},
}

// Structures around the bare numbers of an SM2 key: PKCS#8 with an ECPrivateKey (RFC 5915), and SubjectPublicKeyInfo.
const (
	sm2PrivateHead = "3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420"
	sm2PublicHead  = "3059301306072a8648ce3d020106082a811ccf5501822d03420004"
)

var errKey = plain("this is no key of that kind")

// derOf gives the DER of a key that is written as PEM or as base64 without PEM's lines.
func derOf(key string) []byte {
	if block, _ := pem.Decode([]byte(key)); block != nil {
		return block.Bytes
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(key), ""))
	if err != nil {
		return nil
	}
	return der
}

func sm2Private(key string) (*sm.PrivateKey, error) {
	der := derOf(key)
	if scalar, err := hex.DecodeString(key); err == nil && len(scalar) == 32 {
		der, _ = hex.DecodeString(sm2PrivateHead + key)
	}
	k, err := sm.ParsePrivateKeyPEM(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		return nil, errKey
	}
	return k, nil
}

func sm2Public(key string) (*sm.PublicKey, error) {
	der := derOf(key)
	if point, err := hex.DecodeString(key); err == nil && (len(point) == 64 || len(point) == 65 && point[0] == 4) {
		der, _ = hex.DecodeString(sm2PublicHead + key[len(key)-128:])
	}
	k, err := sm.ParsePublicKey(der)
	if err != nil {
		return nil, errKey
	}
	return k, nil
}

func withSM2Private(run func(*sm.PrivateKey, []byte) (any, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		key, err := sm2Private(args[0].(string))
		if err != nil {
			return nil, err
		}
		x, err := bytesOf(args[1])
		if err != nil {
			return nil, err
		}
		return bounded(run(key, x))
	}
}

func sm2verify(args ...any) (any, error) {
	key, err := sm2Public(args[0].(string))
	if err != nil {
		return nil, err
	}
	x, err := bytesOf(args[1])
	if err != nil {
		return nil, err
	}
	signature := args[2].([]byte)
	if len(signature) == 64 && !key.Verify(x, signature) { // DER of 64 bytes is possible, if unlikely
		signature = sequence(unsigned(signature[:32]), unsigned(signature[32:]))
	}
	return key.Verify(x, signature), nil
}

// ciphertextOf writes the bytes of C1 (with or without its leading 4), C3 and C2 as ASN.1.
func ciphertextOf(x []byte) ([]byte, bool) {
	const point, digest = 64, 32
	switch {
	case len(x) > 0 && x[0] == 4 && len(x) > 1+point+digest:
		x = x[1:]
	case len(x) <= point+digest || isSequence(x):
		return nil, false
	}
	return sequence(unsigned(x[:32]), unsigned(x[32:point]), x[point:point+digest], x[point+digest:]), true
}

// isSequence says whether x is one ASN.1 sequence and nothing else.
func isSequence(x []byte) bool {
	var raw asn1.RawValue
	rest, err := asn1.Unmarshal(x, &raw)
	return err == nil && len(rest) == 0 && raw.Tag == asn1.TagSequence
}

func unsigned(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

// sequence writes numbers and texts of bytes as an ASN.1 sequence.
func sequence(parts ...any) []byte {
	var content []byte
	for _, p := range parts {
		part, _ := asn1.Marshal(p) // of these two types it writes every value
		content = append(content, part...)
	}
	out, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	return out
}

func rsaPrivate(key string) (*rsa.PrivateKey, error) {
	der := derOf(key)
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if rsaKey, ok := k.(*rsa.PrivateKey); ok && err == nil {
		return rsaKey, nil
	}
	return nil, errKey
}

var rsaHashes = map[string]crypto.Hash{"md5": crypto.MD5, "sha1": crypto.SHA1, "sha256": crypto.SHA256}

func rsasign(args ...any) (any, error) {
	name := args[0].(string)
	if rsaHashes[name] == 0 {
		return nil, plain("the hash is md5, sha1 or sha256")
	}
	key, err := rsaPrivate(args[1].(string))
	if err != nil {
		return nil, err
	}
	x, err := bytesOf(args[2])
	if err != nil {
		return nil, err
	}
	h := hashes[name]()
	h.Write(x)
	out, err := rsa.SignPKCS1v15(nil, key, rsaHashes[name], h.Sum(nil))
	return out, opaque(err, "the key is too weak")
}

// maxBlocks bounds what rsaprivate encrypts: each block costs about a millisecond.
const maxBlocks = 64

func rsaprivate(args ...any) (any, error) {
	key, err := rsaPrivate(args[0].(string))
	if err != nil {
		return nil, err
	}
	x, err := bytesOf(args[1])
	if err != nil {
		return nil, err
	}
	const padding = 11
	block := key.Size() - padding
	if block < 1 || len(x) > maxBlocks*block {
		return nil, plain("the text has more than %d blocks", maxBlocks)
	}
	var out []byte
	for rest := x; len(out) == 0 || len(rest) > 0; {
		part := rest[:min(block, len(rest))]
		rest = rest[len(part):]
		sealed, err := rsa.SignPKCS1v15(nil, key, 0, part) // of hash 0 it takes the text itself
		if err != nil {
			return nil, plain("the key is too weak")
		}
		out = append(out, sealed...)
	}
	return out, nil
}
