package sm

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxPEM bounds what is read as PEM; a key needs some hundred bytes, a certificate some thousand.
const maxPEM = 64 << 10

const (
	pemPublicKey  = "PUBLIC KEY"
	pemPrivateKey = "PRIVATE KEY"
	pemEncrypted  = "ENCRYPTED PRIVATE KEY"
)

// hints says what to do about a PEM block of the wrong type.
var hints = map[string]string{
	"EC PRIVATE KEY":  "this is SEC1: convert it with `openssl pkcs8 -topk8 -in FILE`",
	"SM2 PRIVATE KEY": "this is SEC1: convert it with `openssl pkcs8 -topk8 -in FILE`",
	"EC PARAMETERS":   "this is SEC1: convert it with `openssl pkcs8 -topk8 -in FILE`",
	"SM2 PARAMETERS":  "this is SEC1: convert it with `openssl pkcs8 -topk8 -in FILE`",
	pemPrivateKey:     "this is a private key: keep it secret, and give the public one",
	pemEncrypted:      "this is a private key: keep it secret, and give the public one",
	pemPublicKey:      "this is a public key: give the private one",
	"CERTIFICATE":     "this is a certificate",
}

// decodePEM reads the only PEM block of text. It returns the block's type and content; the type is one of want.
func decodePEM(text []byte, want ...string) (string, []byte, error) {
	if len(text) > maxPEM {
		return "", nil, fmt.Errorf("sm: PEM of %d bytes is longer than %d", len(text), maxPEM)
	}
	block, rest := pem.Decode(text)
	if block == nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")) {
		return "", nil, fmt.Errorf("sm: no PEM: give a file that begins with -----BEGIN %s-----", want[0])
	}
	for _, w := range want {
		if block.Type != w {
			continue
		}
		if len(block.Headers) != 0 {
			return "", nil, errors.New("sm: PEM with header lines: give it without")
		}
		if len(bytes.TrimSpace(rest)) != 0 {
			return "", nil, errors.New("sm: something follows the PEM block: give one block alone")
		}
		return w, block.Bytes, nil
	}
	err := fmt.Errorf("sm: PEM block %q instead of %q", block.Type, want[0])
	if hint, ok := hints[block.Type]; ok {
		err = fmt.Errorf("%w: %s", err, hint)
	}
	return "", nil, err
}

func encodePEM(kind string, content []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
}
