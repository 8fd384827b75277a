package api

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// How long a session may hold, in seconds.
const (
	minLifetime     = 60
	defaultLifetime = 900
	maxLifetime     = 3600
)

// maxSessions is how many opened sessions are kept at hand. Others are opened again from their ids when they come back.
const maxSessions = 1 << 14

// session is an opened session, ready to check requests and to sign answers.
type session struct {
	wire.Session
	requests, answers *sm.MAC

	// Most requests of a session begin alike, with its long id among the rest: that part of their texts is worked in once.
	beginning  []byte
	begun      *sm.Begun
	requestsOn *sm.MAC // of texts behind the beginning
}

// newSession makes the keys of a session ready, and what verifications with it begin with.
func (s *Server) newSession(id string, opened wire.Session) *session {
	request, answer := wire.SessionKeys(&opened.Secret, id, opened.Rid, s.cfg.ID)
	head := wire.Head{Rid: opened.Rid, Key: id, SignType: wire.HMACSM3}
	beginning := wire.AppendRequestBeginning(nil, s.cfg.ID, http.MethodPost, pathVerifications, &head)
	return &session{
		Session: opened, requests: sm.NewMAC(request[:], nil), answers: sm.NewMAC(answer[:], nil),
		beginning: beginning, begun: sm.Begin(beginning), requestsOn: sm.NewMAC(request[:], beginning),
	}
}

// digestRequest gives the digest of the request text in b, and its MAC.
func (s *session) digestRequest(b *buffers) (sum, mac sm.Digest) {
	rest, ok := bytes.CutPrefix(b.text, s.beginning)
	if !ok {
		return b.digest(b.text), b.mac(s.requests, b.text)
	}
	sum = b.digestBehind(s.begun, rest)
	return sum, b.mac(s.requestsOn, rest)
}

func (s *session) allows(service string) bool { return slices.Contains(s.Services, service) }

// openSession opens a session's id, or finds it opened. Only ids that this gateway's key has sealed are kept, so nobody
// can fill the cache with inventions.
func (s *Server) openSession(id string) (*session, error) {
	if known, ok := s.sessions.Get(id); ok {
		return known, nil
	}
	opened, err := wire.OpenSession(s.sealKey, id)
	if err != nil {
		return nil, err
	}
	known := s.newSession(id, opened)
	s.sessions.Add(id, known)
	return known, nil
}

// application is the body of POST /v1/sessions.
type application struct {
	Services  []string `json:"services,omitempty"`
	LifetimeS int64    `json:"lifetimeS,omitempty"`
	Device    string   `json:"device,omitempty"`
}

// grant is its answer.
type grant struct {
	Session  string    `json:"session"`
	Services []string  `json:"services"`
	Expires  time.Time `json:"expires"`
	Secret   string    `json:"secret"` // base64 of the session's 32 bytes, encrypted to the caller's key
}

// applySession answers POST /v1/sessions (调用申请).
func (s *Server) applySession(x *call) (any, error) {
	a := application{LifetimeS: defaultLifetime}
	if err := decode(x.body, &a); err != nil {
		return nil, err
	}
	services, err := a.check(servicesOf(x.party))
	if err != nil {
		return nil, err
	}
	session := wire.Session{
		Rid:      x.party.ID,
		KeyID:    x.party.KeyID,
		Device:   a.Device,
		Services: services,
		Expires:  x.began.Add(time.Duration(a.LifetimeS) * time.Second).Truncate(time.Second),
	}
	rand.Read(session.Secret[:])
	id, err := wire.SealSession(s.sealKey, session)
	if err != nil {
		return nil, &standard.Error{Kind: standard.KindField, Field: "device", What: "is too long for a session's id"}
	}
	secret, err := x.party.Key.Encrypt(session.Secret[:])
	if err != nil {
		return nil, fmt.Errorf("encrypt a session's secret: %w", err)
	}
	return &grant{
		Session:  id,
		Services: services,
		Expires:  standard.Millis(session.Expires),
		Secret:   base64.StdEncoding.EncodeToString(secret),
	}, nil
}

// check gives the services to be granted, of those that the caller may use.
func (a *application) check(may []string) ([]string, error) {
	switch {
	case a.LifetimeS < minLifetime || a.LifetimeS > maxLifetime:
		return nil, &standard.Error{Kind: standard.KindField, Field: "lifetimeS", What: "must be 60 to 3600 seconds"}
	case a.Device != "" && !isDevice(a.Device):
		return nil, &standard.Error{Kind: standard.KindField, Field: "device", What: "must have at most 64 printable characters and 128 bytes, no outer space"}
	case len(a.Services) > len(granted):
		return nil, wire.Refuse(wire.CodeService, "")
	}
	if len(a.Services) == 0 {
		a.Services = may
	}
	for i, name := range a.Services {
		if !slices.Contains(may, name) || slices.Contains(a.Services[:i], name) {
			return nil, wire.Refuse(wire.CodeService, "")
		}
	}
	if len(a.Services) == 0 {
		return nil, wire.Refuse(wire.CodeService, "")
	}
	return a.Services, nil
}

// isDevice says whether a device's name fits into a session's id, and can be shown.
func isDevice(name string) bool {
	return len(name) <= 128 && utf8.RuneCountInString(name) <= 64 && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// sealKey derives what session ids are sealed with from the gateway's own key, so that there is one secret to keep.
func sealKey(k *sm.PrivateKey) (wire.SealKey, error) {
	pem, err := k.MarshalPEM(nil)
	if err != nil {
		return wire.SealKey{}, fmt.Errorf("session key: %w", err)
	}
	return wire.NewSealKey(pem), nil
}
