package wire

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"tongma/standard/sm"
)

// SessionKeys derives the two keys of a session: the caller MACs requests with the first, the gateway answers with the
// second. Each is HMAC-SM3(secret, text) where the text is the lines
//
//	tongma/1 session
//	request | answer
//	SESSION
//	RID
//	GATEWAY
//
// joined as in [AppendRequestText].
func SessionKeys(secret *[32]byte, session, rid, gateway string) (request, answer [32]byte) {
	return sessionKey(secret, "request", session, rid, gateway), sessionKey(secret, "answer", session, rid, gateway)
}

func sessionKey(secret *[32]byte, use, session, rid, gateway string) [32]byte {
	text := make([]byte, 0, 128+maxSession)
	text = append(text, LineSession...)
	text = appendLine(text, use)
	text = appendLine(text, session)
	text = appendLine(text, rid)
	text = appendLine(text, gateway)
	return sm.HMAC(secret[:], text)
}

// Session (会话) is what a session id holds. The id is all of it, sealed, so that any node of a gateway can open it
// without a store.
type Session struct {
	Rid      string    // whose it is
	KeyID    string    // the key that it was applied for with: it ends with the key
	Device   string    // the device that it belongs to, "" if none
	Services []string  // what it may be used for: names without spaces
	Expires  time.Time // whole milliseconds; compare it with your own clock
	Secret   [32]byte
}

// SealKey seals session ids. All nodes of a gateway have the same.
type SealKey [16]byte

// NewSealKey derives the SM4 key from the gateway's seal secret: the first 16 bytes of HMAC-SM3(secret, "tongma/1 seal").
func NewSealKey(secret []byte) SealKey {
	sum := sm.HMAC(secret, []byte(LineSeal))
	return SealKey(sum[:16])
}

const (
	nonceSize     = 12
	sessionFormat = 1
	sessionFixed  = 1 + 8 + 32 // format, expiry, secret
)

var errSessionTooLong = errors.New("session: does not fit into an id of 512 characters: shorten the device's name")

var sessionBase64 = base64.RawURLEncoding.Strict()

// SealSession makes the session's id: base64url of a random nonce and the session under SM4-GCM. It fails if a member is
// too long for an id of 512 characters.
func SealSession(key SealKey, s Session) (string, error) {
	plain := make([]byte, 0, 256)
	plain = append(plain, sessionFormat)
	plain = binary.BigEndian.AppendUint64(plain, uint64(s.Expires.UnixMilli()))
	plain = append(plain, s.Secret[:]...)
	for _, text := range [...]string{s.Rid, s.KeyID, s.Device, strings.Join(s.Services, " ")} {
		if len(text) > math.MaxUint8 {
			return "", errSessionTooLong
		}
		plain = append(append(plain, byte(len(text))), text...)
	}
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // never fails: crypto/rand ends the program instead
	sealed, err := sm.SealGCM(key[:], nonce, plain, []byte(LineSeal))
	if err != nil {
		return "", err
	}
	id := sessionBase64.EncodeToString(append(nonce, sealed...))
	if len(id) > maxSession {
		return "", errSessionTooLong
	}
	return id, nil
}

// OpenSession opens an id that this gateway sealed. Whether the session is still valid is for the caller to check. The error
// is a *[Refusal] of [CodeSession] and does not say why.
func OpenSession(key SealKey, id string) (Session, error) {
	s, ok := openSession(key, id)
	if !ok {
		return Session{}, Refuse(CodeSession, "")
	}
	return s, nil
}

func openSession(key SealKey, id string) (Session, bool) {
	if !isIDText(id, 1, maxSession) { // the decoder would skip line ends
		return Session{}, false
	}
	raw, err := sessionBase64.DecodeString(id)
	if err != nil || len(raw) < nonceSize {
		return Session{}, false
	}
	plain, err := sm.OpenGCM(key[:], raw[:nonceSize], raw[nonceSize:], []byte(LineSeal))
	if err != nil || len(plain) < sessionFixed || plain[0] != sessionFormat {
		return Session{}, false
	}
	var s Session
	s.Expires = time.UnixMilli(int64(binary.BigEndian.Uint64(plain[1:9])))
	s.Secret = [32]byte(plain[9:sessionFixed])
	rest := plain[sessionFixed:]
	var services string
	for _, text := range [...]*string{&s.Rid, &s.KeyID, &s.Device, &services} {
		if len(rest) == 0 || len(rest) <= int(rest[0]) {
			return Session{}, false
		}
		end := 1 + int(rest[0])
		*text, rest = string(rest[1:end]), rest[end:]
	}
	s.Services = strings.Fields(services)
	return s, len(rest) == 0
}
