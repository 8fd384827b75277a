package sm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
)

// PBES2 (RFC 8018 cl. 6.2), as much of it as OpenSSL 3 writes by default or when it is told to use SM algorithms.

const (
	// iterations of what we write; OWASP's figure for HMAC-SHA256, about 0.2 s.
	iterations = 600_000
	// maxIterations and maxSalt bound what a key file can make us compute.
	maxIterations = 10_000_000
	maxSalt       = 64
)

var (
	oidPBES2  = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d} // 1.2.840.113549.1.5.13
	oidPBKDF2 = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c} // 1.2.840.113549.1.5.12
	asn1Null  = []byte{tagNull, 0}
)

var (
	errPBES2    = errors.New("sm2: the encrypted private key is not PBES2 in DER")
	errPassword = errors.New("sm2: the private key does not open: wrong password, or the file is damaged")
)

// prfs are the pseudo-random functions of PBKDF2. HMAC-SM3 is read but not written: OpenSSL 3.0 does not know it.
var prfs = []struct {
	oid  []byte
	hash func() hash.Hash
}{
	{[]byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09}, sha256.New},           // 1.2.840.113549.2.9 hmacWithSHA256
	{[]byte{0x06, 0x09, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11, 0x02}, fast{}.NewHash}, // 1.2.156.10197.1.401.2 hmacWithSM3
}

// pbesCipher is a cipher in CBC mode.
type pbesCipher struct {
	oid     []byte
	keySize int
	block   func(key []byte) (cipher.Block, error)
}

// pbesCiphers are the ciphers that are read; the first is written.
var pbesCiphers = []pbesCipher{
	{[]byte{0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x02}, 16, fast{}.NewCipher},    // 1.2.156.10197.1.104.2 sm4-cbc
	{[]byte{0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a}, 32, aes.NewCipher}, // 2.16.840.1.101.3.4.1.42 aes-256-cbc
}

// pbes2 is what the parameters of PBES2 say.
type pbes2 struct {
	salt       []byte
	iterations int
	keySize    int // 0: not given
	prf        func() hash.Hash
	cipher     pbesCipher
	iv         []byte
}

func openPBES2(content, password []byte) ([]byte, error) {
	rest := der(content)
	info, ok := rest.read(tagSequence)
	if !ok || len(rest) != 0 {
		return nil, errPBES2
	}
	algorithm, ok := info.read(tagSequence)
	if !ok {
		return nil, errPBES2
	}
	text, ok := info.read(tagOctetString)
	if !ok || len(info) != 0 || len(text) == 0 || len(text)%BlockSize != 0 {
		return nil, errPBES2
	}
	p, err := readPBES2(algorithm)
	if err != nil {
		return nil, err
	}
	block, err := p.block(password)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(text))
	cipher.NewCBCDecrypter(block, p.iv).CryptBlocks(plain, text)
	plain, err = unpadded(plain, PKCS7)
	if err != nil {
		return nil, errPassword
	}
	return plain, nil
}

func sealPBES2(content, password []byte) ([]byte, error) {
	p := pbes2{salt: make([]byte, 16), iterations: iterations, prf: prfs[0].hash, cipher: pbesCiphers[0], iv: make([]byte, BlockSize)}
	rand.Read(p.salt)
	rand.Read(p.iv)
	block, err := p.block(password)
	if err != nil {
		return nil, err
	}
	text, err := padded(content, PKCS7)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, p.iv).CryptBlocks(text, text)

	kdf := element(tagSequence, oidPBKDF2, element(tagSequence,
		element(tagOctetString, p.salt), integer(p.iterations), element(tagSequence, prfs[0].oid, asn1Null)))
	scheme := element(tagSequence, p.cipher.oid, element(tagOctetString, p.iv))
	algorithm := element(tagSequence, oidPBES2, element(tagSequence, kdf, scheme))
	return element(tagSequence, algorithm, element(tagOctetString, text)), nil
}

// block makes the cipher from the password.
func (p *pbes2) block(password []byte) (cipher.Block, error) {
	key, err := pbkdf2.Key(p.prf, string(password), p.salt, p.iterations, p.cipher.keySize)
	if err != nil {
		return nil, fmt.Errorf("sm2: the key derivation failed: %w", err)
	}
	return p.cipher.block(key)
}

func readPBES2(algorithm der) (*pbes2, error) {
	if !algorithm.skip(oidPBES2) {
		return nil, errors.New("sm2: the private key is encrypted in an old way: convert it with `openssl pkcs8 -topk8 -v2 sm4-cbc -in FILE`")
	}
	params, ok := algorithm.read(tagSequence)
	if !ok || len(algorithm) != 0 {
		return nil, errPBES2
	}
	kdf, ok := params.read(tagSequence)
	if !ok {
		return nil, errPBES2
	}
	scheme, ok := params.read(tagSequence)
	if !ok || len(params) != 0 {
		return nil, errPBES2
	}
	var p pbes2
	if err := p.readKDF(kdf); err != nil {
		return nil, err
	}
	if err := p.readScheme(scheme); err != nil {
		return nil, err
	}
	if p.keySize != 0 && p.keySize != p.cipher.keySize {
		return nil, errPBES2
	}
	return &p, nil
}

func (p *pbes2) readKDF(kdf der) error {
	if !kdf.skip(oidPBKDF2) {
		return errors.New("sm2: the private key is encrypted with another key derivation than PBKDF2: convert it with `openssl pkcs8 -topk8 -v2 sm4-cbc -in FILE`")
	}
	params, ok := kdf.read(tagSequence)
	if !ok || len(kdf) != 0 {
		return errPBES2
	}
	if p.salt, ok = params.read(tagOctetString); !ok || len(p.salt) > maxSalt {
		return errPBES2
	}
	if p.iterations, ok = params.small(); !ok || p.iterations < 1 || p.iterations > maxIterations {
		return fmt.Errorf("sm2: the private key's PBKDF2 iterations are not from 1 to %d", maxIterations)
	}
	if len(params) > 0 && params[0] == tagInteger {
		if p.keySize, ok = params.small(); !ok || p.keySize == 0 {
			return errPBES2
		}
	}
	prf, ok := params.read(tagSequence)
	if !ok && len(params) == 0 {
		return errors.New("sm2: the private key is encrypted with HMAC-SHA1: convert it with `openssl pkcs8 -topk8 -v2 sm4-cbc -in FILE`")
	}
	if !ok || len(params) != 0 {
		return errPBES2
	}
	for _, known := range prfs {
		if prf.skip(known.oid) {
			p.prf = known.hash
			if len(prf) != 0 && string(prf) != string(asn1Null) {
				return errPBES2
			}
			return nil
		}
	}
	return errors.New("sm2: the private key's PBKDF2 uses another hash than SHA-256 or SM3: convert it with `openssl pkcs8 -topk8 -v2 sm4-cbc -in FILE`")
}

func (p *pbes2) readScheme(scheme der) error {
	for _, known := range pbesCiphers {
		if !scheme.skip(known.oid) {
			continue
		}
		iv, ok := scheme.read(tagOctetString)
		if !ok || len(scheme) != 0 || len(iv) != BlockSize {
			return errPBES2
		}
		p.cipher, p.iv = known, iv
		return nil
	}
	return errors.New("sm2: the private key is encrypted with another cipher than SM4-CBC or AES-256-CBC: convert it with `openssl pkcs8 -topk8 -v2 sm4-cbc -in FILE`")
}
