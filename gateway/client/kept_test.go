package client

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tongma/standard"
	"tongma/standard/wire"
)

// TestAKeptConnectionThatEndsIsNoticedByNobodyWhoMayAskTwice: the connection ends after the request has come, without an answer, as it does when
// the gateway closes an idle one at that moment.
func TestAKeptConnectionThatEndsIsNoticedByNobodyWhoMayAskTwice(t *testing.T) {
	referenced := func(text string) *standard.Request {
		r := scan(text)
		r.Reference = "ref-" + text
		return r
	}
	for name, c := range map[string]struct {
		ask   func(*Client) error
		begin string // of an answer that comes before the end
		ends  int    // how many requests in a row end so
		sent  int    // how many are sent then
		fails bool
	}{
		"a verification with a reference": {ask: func(c *Client) error { _, err := c.Verify(t.Context(), referenced("a")); return err }, ends: 1, sent: 2},
		"a batch of such":                 {ask: func(c *Client) error { return asked(t, c, referenced("a"), referenced("b")) }, ends: 1, sent: 2},
		"a look":                          {ask: func(c *Client) error { _, err := c.State(t.Context()); return err }, ends: 1, sent: 2},
		"a proof":                         {ask: func(c *Client) error { _, err := c.Prove(t.Context(), lost); return refusedFor(err, wire.CodeRoute) }, ends: 1, sent: 2},
		"a proof that never comes":        {ask: func(c *Client) error { _, err := c.Prove(t.Context(), lost); return err }, ends: 9, sent: 2, fails: true},
		"one without a reference":         {ask: func(c *Client) error { _, err := c.Verify(t.Context(), scan("a")); return err }, ends: 1, sent: 1, fails: true},
		"a batch that has one such":       {ask: func(c *Client) error { return asked(t, c, referenced("a"), scan("b")) }, ends: 1, sent: 1, fails: true},
		"a notice": {ask: func(c *Client) error {
			_, err := c.Notify(t.Context(), &standard.Notice{System: "suishen", Seq: 7})
			return err
		}, ends: 1, sent: 1, fails: true},
		"an answer that has begun":       {ask: func(c *Client) error { _, err := c.Verify(t.Context(), referenced("a")); return err }, begin: "HTTP/1.1 200", ends: 1, sent: 1, fails: true},
		"a new connection that ends too": {ask: func(c *Client) error { _, err := c.Verify(t.Context(), referenced("a")); return err }, ends: 9, sent: 2, fails: true},
	} {
		f := newFar(t)
		var mu sync.Mutex
		var nonces []string
		left := 0
		f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			nonces = append(nonces, r.Header.Get(wire.HeaderNonce))
			ends := left > 0
			left--
			mu.Unlock()
			if !ends {
				next.ServeHTTP(w, r)
				return
			}
			io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, c.begin)
			conn.Close()
		}
		client := f.client()
		if _, err := client.Verify(t.Context(), scan("before")); err != nil { // from now on there is a connection to keep
			t.Fatal(err)
		}
		nonces, left = nil, c.ends
		err := c.ask(client)
		if failed := errors.Is(err, ErrUnreachable); failed != c.fails || err != nil && !failed {
			t.Errorf("%s: %v", name, err)
		}
		if len(nonces) != c.sent || c.sent == 2 && nonces[0] == nonces[1] {
			t.Errorf("%s: sent with the nonces %s", name, strings.Join(nonces, ", "))
		}
	}
}

// lost is the id of nothing.
const lost = "01FX2D0000ABCDEFGHJKMNPQRS"

// refusedFor gives no error where a call was refused as it should be.
func refusedFor(err error, code *wire.Code) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok && refused.Code == code.Code {
		return nil
	}
	return err
}

func asked(t *testing.T, c *Client, requests ...*standard.Request) error {
	_, err := c.VerifyBatch(t.Context(), requests)
	return err
}
