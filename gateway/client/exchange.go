package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

const (
	maxAnswer = 1 << 20         // bytes
	maxWait   = 6 * time.Second // for a gateway that has just started
)

// reply is what came back, not yet believed.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// envelope decodes the body but for its data.
func (r *reply) envelope() (e wire.Envelope, data json.RawMessage, err error) {
	e.Data = &data
	err = json.Unmarshal(r.body, &e)
	return e, data, err
}

// message is what a call sends.
type message struct {
	method string
	target string
	body   []byte // of a POST
	again  bool   // the gateway may get it twice: that changes nothing, or it knows the second by its reference
}

// exchange sends a message, signed, and gives the data of the signed answer. After a refusal for the request's time it mends the
// clock and tries once more; the mended clock is kept only if a signed answer shows that it is right.
func (c *Client) exchange(ctx context.Context, s *session, m message) (json.RawMessage, error) {
	data, clock, err := c.persist(ctx, s, m, c.now)
	if clock == nil {
		return data, err
	}
	local := c.config.Now()
	offset := time.UnixMilli(clock.ServerTime).Sub(local)
	wait := time.UnixMilli(clock.NotBefore + 1).Sub(local.Add(offset))
	if wait > maxWait || !sleep(ctx, wait) {
		return nil, err
	}
	data, _, err = c.persist(ctx, s, m, func() time.Time { return c.config.Now().Add(offset) })
	if refused, ok := errors.AsType[*RefusedError](err); err == nil || ok && refused.Signed {
		c.offset.Store(offset.Milliseconds())
	}
	return data, err
}

// sleep waits and says whether it could.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// persist makes one request, and where its connection had been kept and turns out to have ended, another on a new one. Nobody can tell
// whether the gateway ended it before the request came or after, so that is for messages alone that may come twice. The second has a nonce of its own.
func (c *Client) persist(ctx context.Context, s *session, m message, now func() time.Time) (json.RawMessage, *wire.Clock, error) {
	data, clock, err := c.attempt(ctx, s, m, now())
	if !m.again || !errors.Is(err, errEnded) || ctx.Err() != nil {
		return data, clock, err
	}
	c.http.CloseIdleConnections() // what else was kept has probably ended too
	return c.attempt(ctx, s, m, now())
}

// attempt makes one request. The clock is that of a refusal for the request's time.
func (c *Client) attempt(ctx context.Context, s *session, m message, at time.Time) (json.RawMessage, *wire.Clock, error) {
	req, err := c.request(ctx, m)
	if err != nil {
		return nil, nil, fmt.Errorf("request: %w", err)
	}
	requestSum, err := c.sign(req, s, m.target, m.body, at)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.send(req)
	if err != nil {
		return nil, nil, err
	}
	if len(r.header[wire.HeaderSign]) == 0 {
		clock, err := r.unsigned()
		return nil, clock, err
	}
	if err := c.check(r, s, requestSum); err != nil {
		return nil, nil, err
	}
	return r.signed()
}

// request makes what a message is sent in.
func (c *Client) request(ctx context.Context, m message) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, m.method, c.base+m.target, bytes.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	if m.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		return req, nil
	}
	// By itself net/http sends a GET again when a kept connection has ended, with the nonce that it had. It does not if there is a body that
	// can be read but once, be it an empty one.
	req.Body, req.GetBody = io.NopCloser(bytes.NewReader(nil)), nil
	return req, nil
}

// sign puts the headers and gives the digest of the request text, which the answer must be signed over.
func (c *Client) sign(req *http.Request, s *session, target string, body []byte, at time.Time) (sm.Digest, error) {
	var nonce [16]byte
	rand.Read(nonce[:])
	head := wire.Head{
		Rid:      c.config.Rid,
		Key:      c.config.KeyID,
		Rtime:    wire.Rtime(at),
		Nonce:    base64.RawURLEncoding.EncodeToString(nonce[:]),
		SignType: wire.SM2,
	}
	if s != nil {
		head.Key, head.SignType = s.id, wire.HMACSM3
	}
	text := wire.AppendRequestText(nil, c.config.GatewayID, req.Method, target, &head, sm.Sum(body))
	if s != nil {
		mac := sm.HMAC(s.request[:], text)
		head.Sign = mac[:]
	} else {
		var err error
		if head.Sign, err = c.config.Key.Sign(text); err != nil {
			return sm.Digest{}, fmt.Errorf("sign: %w", err)
		}
	}
	head.Put(req.Header)
	req.Header.Set("Accept-Encoding", "identity") // the signature is over the body as sent
	return sm.Sum(text), nil
}

// errEnded says that a kept connection ended without a byte of the answer.
var errEnded = errors.New("the connection had been kept, and ended")

func (c *Client) send(req *http.Request) (*reply, error) {
	var kept, answered atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:              func(conn httptrace.GotConnInfo) { kept.Store(conn.Reused) },
		GotFirstResponseByte: func() { answered.Store(true) },
	}))
	resp, err := c.http.Do(req)
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); kept.Load() && !answered.Load() && !(ok && timeout.Timeout()) {
			err = fmt.Errorf("%w: %w", errEnded, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the answer breaks off: %w", ErrUnreachable, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%w: it is longer than 1 MiB", ErrSignature)
	}
	return &reply{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// check verifies the signature of an answer, by the same type as that of its request.
func (c *Client) check(r *reply, s *session, requestSum sm.Digest) error {
	head, err := wire.ParseAnswerHead(r.header)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	text := wire.AppendAnswerText(nil, c.config.GatewayID, r.status, requestSum, head.Rtime, sm.Sum(r.body))
	if s == nil {
		if head.SignType != wire.SM2 || !c.config.GatewayKey.Verify(text, head.Sign) {
			return ErrSignature
		}
		return nil
	}
	mac := sm.HMAC(s.answer[:], text)
	if head.SignType != wire.HMACSM3 || !sm.HMACEqual(mac[:], head.Sign) {
		return ErrSignature
	}
	return nil
}

// signed reads an answer whose signature is right. The clock is that of a refusal for the request's time.
func (r *reply) signed() (json.RawMessage, *wire.Clock, error) {
	e, data, err := r.envelope()
	if err != nil {
		return nil, nil, fmt.Errorf("answer: %w", err)
	}
	if e.Code == wire.CodeOK.Code {
		return data, nil, nil
	}
	refused := &RefusedError{Code: e.Code, Signed: true, Message: e.Message, RequestID: e.RequestID}
	if e.Code != wire.CodeTime.Code {
		return nil, nil, refused
	}
	return nil, clockOf(data), refused
}

// clockOf reads what a refusal for the time tells; nil if that is no clock.
func clockOf(data json.RawMessage) *wire.Clock {
	clock := new(wire.Clock)
	if err := json.Unmarshal(data, clock); err != nil || clock.ServerTime <= 0 || clock.NotBefore < 0 {
		return nil
	}
	return clock
}

// unsigned reads a reply that anybody on the way could have made. It can be a refusal, of which the code is taken over and, for
// the one that is about the time, the clock.
func (r *reply) unsigned() (*wire.Clock, error) {
	e, data, err := r.envelope()
	if err != nil || e.Code == "" {
		if r.status >= http.StatusBadGateway {
			return nil, fmt.Errorf("%w: HTTP status %d from something before it", ErrUnreachable, r.status)
		}
		return nil, fmt.Errorf("%w: it is no answer of a gateway (HTTP status %d)", ErrSignature, r.status)
	}
	code := codeOf(e.Code)
	if code == nil || code == wire.CodeOK || code.Status != r.status {
		return nil, fmt.Errorf("%w: it has no signature", ErrSignature)
	}
	refused := &RefusedError{Code: code.Code, Message: code.Zh + " (" + code.En + ")"}
	if code != wire.CodeTime {
		return nil, refused
	}
	return clockOf(data), refused
}
