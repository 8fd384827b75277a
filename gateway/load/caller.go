package load

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

const (
	pathVerifications = "/v1/verifications"
	pathSessions      = "/v1/sessions"
)

// caller is who asks: what all connections share.
type caller struct {
	plan    *Plan
	dialer  *dialer
	session atomic.Pointer[session] // nil: SM2
	offset  atomic.Int64            // what to add to our clock to get the gateway's, in ms
}

// session is one that the gateway has granted.
type session struct {
	id              string
	request, answer [32]byte
}

func newCaller(p *Plan) (*caller, error) {
	u, err := p.target()
	if err != nil {
		return nil, err
	}
	return &caller{plan: p, dialer: newDialer(u, p.Remote != "" && !Loopback(p.Remote))}, nil
}

func (c *caller) now() time.Time {
	return time.Now().Add(time.Duration(c.offset.Load()) * time.Millisecond)
}

// signer signs the requests of one connection and checks their answers.
type signer struct {
	*caller
	of        *session
	requests  hash.Hash // of the session
	answers   hash.Hash
	out, text []byte
	sum       sm.Digest // of the request text
	by        wire.SignType
}

// use makes ready for the session that is good now.
func (s *signer) use(of *session) {
	if s.by = wire.HMACSM3; of == nil {
		s.by = wire.SM2
	}
	if s.of != of && of != nil {
		s.requests, s.answers = sm.NewHMAC(of.request[:]), sm.NewHMAC(of.answer[:])
	}
	s.of = of
}

// request writes a signed request as it goes over the wire. It is good until the next one.
func (s *signer) request(path string, body []byte, bodySum sm.Digest) ([]byte, error) {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program instead
	head := wire.Head{Rid: s.plan.Rid, Key: s.plan.KeyID, Rtime: wire.Rtime(s.now()), Nonce: base64.RawURLEncoding.EncodeToString(nonce[:]), SignType: s.by}
	if s.of != nil {
		head.Key = s.of.id
	}
	s.text = wire.AppendRequestText(s.text[:0], s.plan.GatewayID, http.MethodPost, path, &head, bodySum)
	s.sum = sm.Sum(s.text)
	if err := s.sign(&head); err != nil {
		return nil, err
	}
	b := append(append(append(s.out[:0], "POST "...), path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, s.dialer.host...), "\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	for _, field := range [...][2]string{
		{wire.HeaderRid, head.Rid}, {wire.HeaderKey, head.Key}, {wire.HeaderRtime, head.Rtime}, {wire.HeaderNonce, head.Nonce}, {wire.HeaderSignType, string(head.SignType)},
	} {
		b = append(append(append(append(b, "\r\n"...), field[0]...), ": "...), field[1]...)
	}
	b = append(append(append(b, "\r\n"...), wire.HeaderSign...), ": "...)
	b = base64.StdEncoding.AppendEncode(b, head.Sign)
	s.out = append(append(b, "\r\n\r\n"...), body...)
	return s.out, nil
}

func (s *signer) sign(head *wire.Head) (err error) {
	if s.of == nil {
		head.Sign, err = s.plan.Key.Sign(s.text)
		return err
	}
	head.Sign = mac(s.requests, s.text)
	return nil
}

func mac(h hash.Hash, text []byte) []byte {
	h.Reset()
	h.Write(text)
	return h.Sum(make([]byte, 0, 32))
}

// checks says whether the gateway has signed r for the request that was made last.
func (s *signer) checks(r *reply) bool {
	head, err := wire.ParseAnswerHead(r.head)
	if err != nil || head.SignType != s.by {
		return false
	}
	s.text = wire.AppendAnswerText(s.text[:0], s.plan.GatewayID, r.status, s.sum, head.Rtime, sm.Sum(r.body))
	if s.of == nil {
		return s.plan.GatewayKey.Verify(s.text, head.Sign)
	}
	return sm.HMACEqual(mac(s.answers, s.text), head.Sign)
}

// ErrUnreachable says that the gateway cannot be reached, so that there is nothing to report.
var ErrUnreachable = errors.New("the gateway cannot be reached")

// ErrSignature says that who answers there is not the gateway.
var ErrSignature = errors.New("the answer is not signed by the gateway")

// RefusedError is the gateway's refusal to begin.
type RefusedError struct{ Code *wire.Code }

func (e *RefusedError) Error() string { return "refused: " + e.Code.Code + " " + e.Code.En }

// maxWait is how long a gateway that has just started may make a caller wait for its session.
const maxWait = 6 * time.Second

// meet applies for a session, SM2-signed, though none may be wanted: by it the gateway shows that it is the one that is pinned, that
// it knows the caller, and how far the clocks differ.
func (c *caller) meet(ctx context.Context) error {
	s, clock, err := c.apply(ctx)
	if clock != nil {
		wait := time.UnixMilli(clock.NotBefore + 1).Sub(time.UnixMilli(clock.ServerTime))
		if wait > maxWait {
			return err
		}
		c.offset.Store(time.Until(time.UnixMilli(clock.ServerTime)).Milliseconds())
		select {
		case <-time.After(max(wait, 0)):
		case <-ctx.Done():
			return ctx.Err()
		}
		s, _, err = c.apply(ctx)
	}
	if err != nil {
		return err
	}
	if c.plan.Sign == wire.HMACSM3 {
		c.session.Store(s)
	}
	return nil
}

// The lifetimes that a gateway grants.
const (
	shortSession = time.Minute
	longSession  = time.Hour
)

// lifetime is that of the sessions: as short as the plan allows.
func (p *Plan) lifetime() time.Duration {
	return min(max(p.Duration+2*time.Minute, shortSession), longSession).Truncate(time.Second)
}

// renewal is after how long a session is replaced.
func (p *Plan) renewal() time.Duration { return p.lifetime() * 3 / 4 }

// renew replaces sessions until ctx ends. Where that fails, the old one is used until it ends, and then refusals tell.
func (c *caller) renew(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(c.plan.renewal()):
		}
		if s, _, err := c.apply(ctx); err == nil {
			c.session.Store(s)
		}
	}
}

// applyTime is how long a session is waited for at least: nobody stands at a checkpoint meanwhile.
const applyTime = 5 * time.Second

// apply calls POST /v1/sessions once. The clock is that of a refusal for the request's time.
func (c *caller) apply(ctx context.Context) (*session, *wire.Clock, error) {
	body := fmt.Appendf(nil, `{"services":["verify"],"lifetimeS":%d}`, c.plan.lifetime()/time.Second)
	link := conn{dialer: c.dialer}
	defer link.close()
	by := signer{caller: c}
	by.use(nil)
	request, err := by.request(pathSessions, body, sm.Sum(body))
	if err != nil {
		return nil, nil, err
	}
	r, err := link.do(ctx, request, time.Now().Add(max(c.plan.Patience, applyTime)))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	signed := by.checks(r)
	var data json.RawMessage
	envelope := wire.Envelope{Data: &data}
	code := (*wire.Code)(nil)
	if json.Unmarshal(r.body, &envelope) == nil {
		code = codes[envelope.Code]
	}
	switch {
	case code == nil || code.Status != r.status || code == wire.CodeOK && !signed:
		return nil, nil, fmt.Errorf("%w (HTTP status %d)", ErrSignature, r.status)
	case code == wire.CodeTime:
		return nil, clockOf(data), &RefusedError{code}
	case code != wire.CodeOK:
		return nil, nil, &RefusedError{code}
	}
	granted, err := c.granted(data)
	return granted, nil, err
}

func clockOf(data []byte) *wire.Clock {
	clock := new(wire.Clock)
	if json.Unmarshal(data, clock) != nil || clock.ServerTime <= 0 || clock.NotBefore < 0 {
		return nil
	}
	return clock
}

// granted reads what a session's application was answered.
func (c *caller) granted(data []byte) (*session, error) {
	var grant struct {
		Session string `json:"session"`
		Secret  []byte `json:"secret"`
	}
	if err := json.Unmarshal(data, &grant); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	secret, err := c.plan.Key.Decrypt(grant.Secret)
	if err != nil || len(secret) != 32 {
		return nil, errors.New("session: its secret is not 32 bytes for the caller's key")
	}
	s := &session{id: grant.Session}
	s.request, s.answer = wire.SessionKeys((*[32]byte)(secret), s.id, c.plan.Rid, c.plan.GatewayID)
	return s, nil
}

// codes are the return codes by their digits.
var codes = func() map[string]*wire.Code {
	m := make(map[string]*wire.Code, len(wire.Codes))
	for _, c := range wire.Codes {
		m[c.Code] = c
	}
	return m
}()
