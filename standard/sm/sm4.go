package sm

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Sizes of SM4, in bytes.
const (
	CipherKeySize = 16
	BlockSize     = 16 // also of the initial value of CBC
	NonceSize     = 12 // of GCM
	TagSize       = 16 // of GCM
)

// Padding says how the last block is filled in CBC and ECB.
type Padding int

// The paddings.
const (
	PKCS7     Padding = iota // 1 to 16 bytes are added (GB/T 17964, RFC 5652 cl. 6.3)
	NoPadding                // none: the text must consist of whole blocks
)

// ErrOpen says that a sealed text, its nonce or its additional data was changed, or the key is another one. It says no more
// on purpose.
var ErrOpen = errors.New("sm4: message authentication failed")

var errPadding = errors.New("sm4: bad padding: another key, or the ciphertext was changed")

// SealGCM encrypts plain and authenticates it together with aad: SM4-GCM as in RFC 8998. The result is the ciphertext followed
// by the 16 bytes of the tag. A nonce, 12 bytes, must never be used twice under one key; with random ones a key is good for
// 2^32 messages.
func SealGCM(key, nonce, plain, aad []byte) ([]byte, error) {
	aead, err := newGCM(key, nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(make([]byte, 0, len(plain)+TagSize), nonce, plain, aad), nil
}

// OpenGCM is the inverse of [SealGCM]. It returns ErrOpen, and nothing of the text, if anything does not fit.
func OpenGCM(key, nonce, sealed, aad []byte) ([]byte, error) {
	aead, err := newGCM(key, nonce)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nonce, sealed, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// EncryptCBC encrypts in CBC mode; iv has 16 bytes and is unpredictable. CBC and ECB hide the text but do not protect it from
// change: they are here because dialects of health codes use them. For anything new take [SealGCM].
func EncryptCBC(key, iv, plain []byte, pad Padding) ([]byte, error) {
	block, err := newCBC(key, iv)
	if err != nil {
		return nil, err
	}
	out, err := padded(plain, pad)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out, nil
}

// DecryptCBC is the inverse of [EncryptCBC]. Whoever answers strangers must not let them tell its errors apart.
func DecryptCBC(key, iv, ciphertext []byte, pad Padding) ([]byte, error) {
	block, err := newCBC(key, iv)
	if err != nil {
		return nil, err
	}
	if err := wholeBlocks(ciphertext); err != nil {
		return nil, err
	}
	out := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, ciphertext)
	return unpadded(out, pad)
}

// EncryptECB encrypts each block by itself: equal blocks give equal ciphertext. See [EncryptCBC].
func EncryptECB(key, plain []byte, pad Padding) ([]byte, error) {
	block, err := newBlock(key)
	if err != nil {
		return nil, err
	}
	out, err := padded(plain, pad)
	if err != nil {
		return nil, err
	}
	for b := out; len(b) > 0; b = b[BlockSize:] {
		block.Encrypt(b[:BlockSize], b[:BlockSize])
	}
	return out, nil
}

// DecryptECB is the inverse of [EncryptECB].
func DecryptECB(key, ciphertext []byte, pad Padding) ([]byte, error) {
	block, err := newBlock(key)
	if err != nil {
		return nil, err
	}
	if err := wholeBlocks(ciphertext); err != nil {
		return nil, err
	}
	out := bytes.Clone(ciphertext)
	for b := out; len(b) > 0; b = b[BlockSize:] {
		block.Decrypt(b[:BlockSize], b[:BlockSize])
	}
	return unpadded(out, pad)
}

// NewCipher gives SM4 itself, for modes that are not here. Its key has [CipherKeySize] bytes.
func NewCipher(key []byte) (cipher.Block, error) { return newBlock(key) }

func newBlock(key []byte) (cipher.Block, error) {
	if len(key) != CipherKeySize {
		return nil, fmt.Errorf("sm4: a key has %d bytes, not %d", CipherKeySize, len(key))
	}
	return engine().NewCipher(key)
}

func newCBC(key, iv []byte) (cipher.Block, error) {
	if len(iv) != BlockSize {
		return nil, fmt.Errorf("sm4: an initial value has %d bytes, not %d", BlockSize, len(iv))
	}
	return newBlock(key)
}

func newGCM(key, nonce []byte) (cipher.AEAD, error) {
	if len(nonce) != NonceSize {
		return nil, fmt.Errorf("sm4: a nonce has %d bytes, not %d", NonceSize, len(nonce))
	}
	block, err := newBlock(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func wholeBlocks(text []byte) error {
	if len(text)%BlockSize != 0 {
		return fmt.Errorf("sm4: %d bytes are not whole blocks of %d", len(text), BlockSize)
	}
	return nil
}

// padded returns a copy of plain that may be encrypted in place.
func padded(plain []byte, pad Padding) ([]byte, error) {
	switch pad {
	case PKCS7:
		n := BlockSize - len(plain)%BlockSize
		out := append(make([]byte, 0, len(plain)+n), plain...)
		return append(out, bytes.Repeat([]byte{byte(n)}, n)...), nil
	case NoPadding:
		return append([]byte{}, plain...), wholeBlocks(plain)
	}
	return nil, fmt.Errorf("sm4: unknown padding %d", pad)
}

func unpadded(text []byte, pad Padding) ([]byte, error) {
	switch pad {
	case PKCS7:
		if len(text) == 0 {
			return nil, errPadding
		}
		n := int(text[len(text)-1])
		if n < 1 || n > BlockSize {
			return nil, errPadding
		}
		body, tail := text[:len(text)-n], text[len(text)-n:]
		if !bytes.Equal(tail, bytes.Repeat([]byte{byte(n)}, n)) {
			return nil, errPadding
		}
		return body, nil
	case NoPadding:
		return text, nil
	}
	return nil, fmt.Errorf("sm4: unknown padding %d", pad)
}
