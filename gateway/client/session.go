package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tongma/standard/wire"
)

// session is a session that the gateway has granted.
type session struct {
	id              string
	request, answer [32]byte
	expires, renew  time.Time // in the gateway's time; renew is when the next one is applied for
}

// Session applies for a session and signs all further calls with it, in HMAC-SM3 instead of SM2. It is renewed by the first call in the
// last quarter of its lifetime, which the gateway wants to be 1 to 60 minutes.
func (c *Client) Session(ctx context.Context, lifetime time.Duration) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	s, err := c.apply(ctx, lifetime)
	if err != nil {
		return err
	}
	c.lifetime = lifetime
	c.session.Store(s)
	return nil
}

// lock waits until no other call applies for a session.
func (c *Client) lock(ctx context.Context) error {
	select {
	case c.applying <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
	}
}

func (c *Client) unlock() { <-c.applying }

// current gives the session to sign with, nil if none is wanted.
func (c *Client) current(ctx context.Context) (*session, error) {
	s := c.session.Load()
	if s == nil || c.now().Before(s.renew) {
		return s, nil
	}
	next, err := c.renew(ctx, s)
	if err != nil && c.now().Before(s.expires) {
		return s, nil // a later call will try again
	}
	return next, err
}

// renew replaces a session, unless another call has done so already.
func (c *Client) renew(ctx context.Context, old *session) (*session, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	if s := c.session.Load(); s != old {
		return s, nil
	}
	s, err := c.apply(ctx, c.lifetime)
	if err != nil {
		return nil, err
	}
	c.session.Store(s)
	return s, nil
}

// apply calls POST /v1/sessions (调用申请), which is signed with SM2 always.
func (c *Client) apply(ctx context.Context, lifetime time.Duration) (*session, error) {
	body, err := json.Marshal(map[string]any{"lifetimeS": int64(lifetime / time.Second)})
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	data, err := c.exchange(ctx, nil, message{http.MethodPost, "/v1/sessions", body, true})
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	var grant struct {
		Session string    `json:"session"`
		Expires time.Time `json:"expires"`
		Secret  string    `json:"secret"`
	}
	if err := json.Unmarshal(data, &grant); err != nil {
		return nil, fmt.Errorf("session: answer: %w", err)
	}
	secret, err := c.open(grant.Secret)
	if err != nil {
		return nil, fmt.Errorf("session: secret: %w", err)
	}
	s := &session{id: grant.Session, expires: grant.Expires, renew: grant.Expires.Add(-lifetime / 4)}
	s.request, s.answer = wire.SessionKeys(secret, s.id, c.config.Rid, c.config.GatewayID)
	return s, nil
}

// open decrypts a session's secret.
func (c *Client) open(text string) (*[32]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	secret, err := c.config.Key.Decrypt(sealed)
	if err != nil {
		return nil, err
	}
	if len(secret) != 32 {
		return nil, fmt.Errorf("%d bytes instead of 32", len(secret))
	}
	return (*[32]byte)(secret), nil
}
