package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Config says which gateway to call, and as whom. HTTP and Now may be left out.
type Config struct {
	URL        string        // scheme and host; use https unless the gateway is on this machine
	GatewayID  string        // pinned, with its key: an answer of any other gateway is not believed
	GatewayKey *sm.PublicKey // pinned
	Rid        string        // the caller's id
	KeyID      string        // the id of the caller's key
	Key        *sm.PrivateKey
	HTTP       *http.Client     // nil: one of its own. Redirects are not followed in any case
	Now        func() time.Time // nil: time.Now
}

// Client calls one gateway as one caller. It is safe for concurrent use.
type Client struct {
	config Config
	base   string // scheme and host, nothing behind
	http   *http.Client
	offset atomic.Int64 // what to add to our clock to get the gateway's, in ms

	session  atomic.Pointer[session]
	applying chan struct{} // holds one while a session is applied for
	lifetime time.Duration // of sessions; guarded by applying
}

// New checks the configuration; it calls nobody yet.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("gateway URL: give one such as https://gateway.example")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, errors.New("gateway URL: give scheme and host alone, because the path is signed")
	case !wire.ValidID(c.GatewayID) || c.GatewayKey == nil:
		return nil, errors.New("gateway: give its id and public key")
	case !wire.ValidID(c.Rid) || !wire.ValidID(c.KeyID) || c.Key == nil:
		return nil, errors.New("caller: give its id, key id and private key")
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, Proxy: http.ProxyFromEnvironment}}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	own := *c.HTTP
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{config: c, base: u.Scheme + "://" + u.Host, http: &own, applying: make(chan struct{}, 1)}, nil
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// now is the gateway's time as far as we know it.
func (c *Client) now() time.Time {
	return c.config.Now().Add(time.Duration(c.offset.Load()) * time.Millisecond)
}

// Verify asks for one verification. Every outcome is an answer, so look at the verification's decision, not only at the error. A request with a
// reference is sent again where a kept connection ends before any of the answer has come.
func (c *Client) Verify(ctx context.Context, r *standard.Request) (*standard.Verification, error) {
	v := new(standard.Verification)
	if err := c.call(ctx, "/v1/verifications", r, v, r.Reference != ""); err != nil {
		return nil, err
	}
	return v, nil
}

// Item is what became of one request of a batch: either a verification, or a *[RefusedError].
type Item struct {
	Verification *standard.Verification
	Err          error
}

// unreferenced says whether the gateway would take the second of two such requests for another one.
func unreferenced(r *standard.Request) bool { return r == nil || r.Reference == "" }

// VerifyBatch asks for 1 to 50 verifications at once. The items are in the order of the requests.
func (c *Client) VerifyBatch(ctx context.Context, requests []*standard.Request) ([]Item, error) {
	body := struct {
		Items []*standard.Request `json:"items"`
	}{requests}
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := c.call(ctx, "/v1/verifications/batch", body, &answer, !slices.ContainsFunc(requests, unreferenced)); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(requests) {
		return nil, fmt.Errorf("%w: %d items for %d requests", ErrSignature, len(answer.Items), len(requests))
	}
	items := make([]Item, len(requests))
	for i, data := range answer.Items {
		var err error
		if items[i], err = readItem(data); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return items, nil
}

func readItem(data []byte) (Item, error) {
	var refused struct{ Code, Message string }
	if err := json.Unmarshal(data, &refused); err != nil {
		return Item{}, err
	}
	if refused.Code != "" {
		return Item{Err: &RefusedError{Code: refused.Code, Message: refused.Message, Signed: true}}, nil
	}
	v := new(standard.Verification)
	if err := json.Unmarshal(data, v); err != nil {
		return Item{}, err
	}
	return Item{Verification: v}, nil
}

// Notify tells of changes in the caller's own system, which needs the role platform. It is signed with SM2 also where there is a session.
// After [ErrUnreachable], and after a refusal for CodeFeed, nobody knows whether every node has heard it: tell the same notice again, with
// its number.
func (c *Client) Notify(ctx context.Context, n *standard.Notice) (*standard.NoticeReceipt, error) {
	told := *n
	if told.Changes == nil {
		told.Changes = []standard.Change{} // a heartbeat is written as one
	}
	r := new(standard.NoticeReceipt)
	if err := c.callSM2(ctx, "/v1/changes", told, r, false); err != nil {
		return nil, err
	}
	return r, nil
}

// callSM2 is call for what is signed with SM2 also where there is a session.
func (c *Client) callSM2(ctx context.Context, target string, body, data any, again bool) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	answer, err := c.exchange(ctx, nil, message{http.MethodPost, target, sent, again})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, data); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// call makes one call and decodes the answer's data. Again says that the gateway may get it twice.
func (c *Client) call(ctx context.Context, target string, body, data any, again bool) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	answer, err := c.inSession(ctx, message{http.MethodPost, target, sent, again})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, data); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// inSession is exchange in the session, if there is one. Where a refusal says that it has ended, it is renewed, and the call made again once.
func (c *Client) inSession(ctx context.Context, m message) (json.RawMessage, error) {
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := c.exchange(ctx, s, m)
	refused, ok := errors.AsType[*RefusedError](err)
	if ok && s != nil && refused.Code == wire.CodeSession.Code {
		if s, err = c.renew(ctx, s); err != nil {
			return nil, err
		}
		answer, err = c.exchange(ctx, s, m)
	}
	return answer, err
}
