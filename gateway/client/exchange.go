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
	"net/http"
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

// exchange sends a body, signed, and gives the data of the signed answer. After a refusal for the request's time it mends the
// clock and tries once more; the mended clock is kept only if a signed answer shows that it is right.
func (c *Client) exchange(ctx context.Context, s *session, target string, body []byte) (json.RawMessage, error) {
	data, clock, err := c.attempt(ctx, s, target, body, c.now())
	if clock == nil {
		return data, err
	}
	local := c.config.Now()
	offset := time.UnixMilli(clock.ServerTime).Sub(local)
	wait := time.UnixMilli(clock.NotBefore + 1).Sub(local.Add(offset))
	if wait > maxWait || !sleep(ctx, wait) {
		return nil, err
	}
	data, _, err = c.attempt(ctx, s, target, body, c.config.Now().Add(offset))
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

// attempt makes one request. The clock is that of a refusal for the request's time.
func (c *Client) attempt(ctx context.Context, s *session, target string, body []byte, at time.Time) (json.RawMessage, *wire.Clock, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("request: %w", err)
	}
	requestSum, err := c.sign(req, s, target, body, at)
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
	data, err := r.signed()
	return data, nil, err
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
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "identity") // the signature is over the body as sent
	return sm.Sum(text), nil
}

func (c *Client) send(req *http.Request) (*reply, error) {
	resp, err := c.http.Do(req)
	if err != nil {
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

// signed reads an answer whose signature is right.
func (r *reply) signed() (json.RawMessage, error) {
	e, data, err := r.envelope()
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if e.Code != wire.CodeOK.Code {
		return nil, &RefusedError{Code: e.Code, Signed: true, Message: e.Message, RequestID: e.RequestID}
	}
	return data, nil
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
	clock := new(wire.Clock)
	if err := json.Unmarshal(data, clock); err != nil || clock.ServerTime <= 0 || clock.NotBefore < 0 {
		return nil, refused
	}
	return clock, refused
}
