package freshness

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// sealer keeps texts from whoever keeps them for us. Each is encrypted by SM4-GCM under a key of its own, which is drawn from the
// sealer's by a random salt: no number of texts brings two nonces together.
type sealer struct {
	key  sm.Digest
	line string // and what all texts of this sealer belong to: the beginning of the additional data
}

// sealVersion is the first byte of whatever is sealed, so that a later form can be told from this one.
const sealVersion = 1

const (
	saltSize   = 16
	sealBefore = 1 + saltSize + sm.NonceSize // bytes before the ciphertext
)

// sealerOf makes the sealer of a line and a prefix. The secret has at least [MinSecret] bytes.
func sealerOf(secret []byte, line, prefix string) *sealer {
	return &sealer{key: derive(secret, line, prefix, "seal"), line: line + "\n" + prefix + "\n"}
}

func derive(secret []byte, parts ...string) sm.Digest {
	return sm.HMAC(secret, []byte(strings.Join(parts, "\n")))
}

// sealed appends the sealed form of plain. It opens only with the same place: whatever says where it belongs.
func (s *sealer) sealed(plain []byte, place string) ([]byte, error) {
	out := make([]byte, sealBefore, sealBefore+len(plain)+sm.TagSize)
	out[0] = sealVersion
	rand.Read(out[1:])
	body, err := sm.SealGCM(s.keyFor(out), out[1+saltSize:sealBefore], plain, []byte(s.line+place))
	if err != nil {
		return nil, err
	}
	return append(out, body...), nil
}

// opened gives what was sealed for this place, or [sm.ErrOpen].
func (s *sealer) opened(sealed []byte, place string) ([]byte, error) {
	if len(sealed) < sealBefore+sm.TagSize || sealed[0] != sealVersion {
		return nil, sm.ErrOpen
	}
	return sm.OpenGCM(s.keyFor(sealed), sealed[1+saltSize:sealBefore], sealed[sealBefore:], []byte(s.line+place))
}

func (s *sealer) keyFor(sealed []byte) []byte {
	key := sm.HMAC(s.key[:], slices.Clone(sealed[1:1+saltSize]))
	return key[:sm.CipherKeySize]
}

// keyCheck tells nodes with another secret apart before they read each other's notices. It gives nothing of the secret away.
func keyCheck(secret []byte, prefix string) string {
	sum := derive(secret, wire.LineChange, prefix, "check")
	return hex.EncodeToString(sum[:8])
}
