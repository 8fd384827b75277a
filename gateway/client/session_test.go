package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongma/standard/wire"
)

func TestAWrongClockIsMendedOnce(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		f := newFar(t)
		f.offset.Store(off.Milliseconds())
		c := f.client()
		for range 2 {
			if _, err := c.Verify(t.Context(), scan("a")); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.now().Sub(f.now()).Abs(); got > time.Second {
			t.Errorf("still off by %v", got)
		}
	}
}

func TestAClockIsNotMendedOnNobodysWord(t *testing.T) {
	f := newFar(t)
	c := f.client()
	tries := 0
	f.tamper = func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
		tries++
		w.WriteHeader(401)
		io.WriteString(w, `{"code":"40103","data":{"serverTime":1646100000000}}`)
	}
	_, err := c.Verify(t.Context(), scan("a"))
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Code != wire.CodeTime.Code {
		t.Errorf("%v", err)
	}
	if tries != 2 || c.offset.Load() != 0 {
		t.Errorf("%d tries, clock changed by %d ms", tries, c.offset.Load())
	}
}

func TestAGatewayThatHasJustStartedIsWaitedFor(t *testing.T) {
	f := newFar(t)
	f.offset.Store(-(time.Now().UnixMilli() % 5000) - 200) // the clocks stand 200 ms before a mark
	config := f.config()
	config.Now = f.now
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Verify(t.Context(), scan("a")); err != nil {
		t.Fatal(err)
	}
	f.restart()
	asked := 0
	f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		asked++
		next.ServeHTTP(w, r)
	}
	if _, err := c.Verify(t.Context(), scan("b")); err != nil || asked != 2 {
		t.Errorf("%v after %d requests, want success after 2", err, asked)
	}
}

func TestAGatewayIsNotWaitedForTooLong(t *testing.T) {
	f := newFar(t)
	c := f.client()
	f.tamper = func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
		now := time.Now().UnixMilli()
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"code":"40103","data":{"serverTime":%d,"notBefore":%d}}`, now, now+7000)
	}
	begin := time.Now()
	if _, err := c.Verify(t.Context(), scan("a")); err == nil || time.Since(begin) > time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestASessionRenewsItself(t *testing.T) {
	f := newFar(t)
	now := time.Now()
	var passed atomic.Int64
	clock := func() time.Time { return now.Add(time.Duration(passed.Load())) }
	config := f.config()
	config.Now = clock
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Session(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at       time.Duration
		sessions int64
	}{{0, 1}, {40 * time.Second, 1}, {50 * time.Second, 2}, {80 * time.Second, 2}, {10 * time.Minute, 3}} {
		passed.Store(int64(step.at))
		f.offset.Store(step.at.Milliseconds())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := c.Verify(t.Context(), scan("a")); err != nil {
					t.Errorf("after %v: %v", step.at, err)
				}
			})
		}
		wg.Wait()
		if got := f.sessions.Load(); got != step.sessions {
			t.Errorf("after %v: %d applications, want %d", step.at, got, step.sessions)
		}
	}
}

func TestASessionThatTheGatewayForgotIsReplaced(t *testing.T) {
	f := newFar(t)
	c := f.client()
	if err := c.Session(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	f.offset.Add((10 * time.Minute).Milliseconds()) // for the gateway the session is over, and our clock is wrong
	if _, err := c.Verify(t.Context(), scan("a")); err != nil {
		t.Error(err)
	}
	if got := f.sessions.Load(); got < 2 {
		t.Errorf("%d applications", got)
	}
}
