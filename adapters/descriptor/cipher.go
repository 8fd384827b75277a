package descriptor

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"

	"tongma/standard/sm"
)

// algorithm makes a block cipher of a key. Its blocks have 16 bytes.
type algorithm func(key []byte) (cipher.Block, error)

var cipherFunctions = []function{
	{"aes", `aes(mode, key, iv, x): x (text or bytes) encrypted by AES in mode "ecb", "cbc" (both with PKCS7) or "gcm" (the tag of 16 bytes behind); key and iv are bytes: key of 16, 24 or 32, iv of 16, of 12 for gcm, "" for ecb`, ciphering(aes.NewCipher, encrypt), cipherTypes},
	{"unaes", "unaes(mode, key, iv, x): the bytes that aes has made x of; x is bytes", ciphering(aes.NewCipher, decrypt), cipherTypes},
	{"sm4", "sm4(mode, key, iv, x): x encrypted by SM4 as aes does it; the key has 16 bytes", ciphering(sm.NewCipher, encrypt), cipherTypes},
	{"unsm4", "unsm4(mode, key, iv, x): the bytes that sm4 has made x of; x is bytes", ciphering(sm.NewCipher, decrypt), cipherTypes},
}

var cipherTypes = sig(new(func(string, []byte, any, any) []byte))

// ciphering makes a function of a cipher and a direction.
func ciphering(a algorithm, run func(mode string, block cipher.Block, iv, x []byte) ([]byte, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		mode := args[0].(string)
		block, err := a(args[1].([]byte))
		if err != nil {
			return nil, plain("the key has not the length of one: give it as bytes, by bytes(x), unhex(x) or unbase64(x)")
		}
		iv, err := initial(mode, args[2])
		if err != nil {
			return nil, err
		}
		x, err := bytesOf(args[3])
		if err != nil {
			return nil, err
		}
		return bounded(run(mode, block, iv, x))
	}
}

// ivSizes are the lengths of the initial value by mode.
var ivSizes = map[string]int{"ecb": 0, "cbc": sm.BlockSize, "gcm": sm.NonceSize}

func initial(mode string, x any) ([]byte, error) {
	size, ok := ivSizes[mode]
	if !ok {
		return nil, plain("the mode is ecb, cbc or gcm")
	}
	iv, isBytes := x.([]byte)
	if !isBytes && x != "" {
		return nil, typeError("bytes for iv", x)
	}
	if len(iv) != size {
		return nil, plain("iv has %d bytes in mode %s", size, mode)
	}
	return iv, nil
}

func encrypt(mode string, block cipher.Block, iv, x []byte) ([]byte, error) {
	if mode == "gcm" {
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		return aead.Seal(nil, iv, x, nil), nil
	}
	size := block.BlockSize()
	n := size - len(x)%size
	out := append(bytes.Clone(x), bytes.Repeat([]byte{byte(n)}, n)...)
	if mode == "cbc" {
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
		return out, nil
	}
	for b := out; len(b) > 0; b = b[size:] {
		block.Encrypt(b, b)
	}
	return out, nil
}

var errCipher = plain("the key, the iv or the text is another one")

func decrypt(mode string, block cipher.Block, iv, x []byte) ([]byte, error) {
	if mode == "gcm" {
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		out, err := aead.Open(nil, iv, x, nil)
		if err != nil {
			return nil, errCipher
		}
		return out, nil
	}
	size := block.BlockSize()
	if len(x) == 0 || len(x)%size != 0 {
		return nil, plain("the text has no whole blocks of %d bytes", size)
	}
	out := bytes.Clone(x)
	if mode == "cbc" {
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, out)
	} else {
		for b := out; len(b) > 0; b = b[size:] {
			block.Decrypt(b, b)
		}
	}
	return unpad(out, size)
}

// unpad takes PKCS7's padding away (RFC 5652 cl. 6.3).
func unpad(x []byte, size int) ([]byte, error) {
	n := int(x[len(x)-1])
	if n < 1 || n > size || !bytes.HasSuffix(x, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errCipher
	}
	return x[:len(x)-n], nil
}
