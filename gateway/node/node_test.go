package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tongma/gateway/client"
	"tongma/standard"
)

// A pool of go-redis whose Redis was gone when it was closed looks for it once more, a second later, and ends then.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// get gives the status of a GET, on a connection of its own.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestANodeServesUntilItIsToldToEnd(t *testing.T) {
	cfg, err := load(t, folder(t), good+"metrics: 127.0.0.1:0\n")
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()

	if status, _ := get(t, n.URL()+"/readyz"); status != 200 {
		t.Errorf("/readyz: %d", status)
	}
	if status, body := get(t, n.URL()+"/v1/gateway"); status != 200 || !strings.Contains(body, `"gw"`) || !strings.Contains(body, "suishen") {
		t.Errorf("/v1/gateway: %d %s", status, body)
	}
	if status, body := get(t, n.MetricsURL()); status != 200 || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %d", status)
	}
	if status, _ := get(t, n.URL()+"/metrics"); status != 404 {
		t.Errorf("the callers' listener shows metrics: %d", status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(n.URL(), "http://")); err == nil {
		c.Close()
		t.Error("the listener is still open")
	}
}

// blocking is a backend of suishen that says when it is asked, and answers when it is let.
func blocking(t *testing.T) (url string, asked, let chan struct{}) {
	t.Helper()
	asked, let = make(chan struct{}, 8), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/create") {
			io.WriteString(w, `{"access_token":"T"}`)
			return
		}
		asked <- struct{}{}
		<-let
		io.WriteString(w, "null")
	}))
	t.Cleanup(backend.Close)
	return backend.URL, asked, let
}

func TestACallUnderWayIsAnsweredWhenTheNodeEnds(t *testing.T) {
	dir := folder(t)
	url, asked, let := blocking(t)
	cfg, err := load(t, dir, strings.Replace(good, "http://127.0.0.1:1", url, 1)+"drain: 5s\n")
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()

	// The test's folder has one key for all.
	c, err := client.New(client.Config{URL: n.URL(), GatewayID: "gw", GatewayKey: cfg.Key.Public(), Rid: "a", KeyID: "k", Key: cfg.Key})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := make(chan error, 1)
	go func() {
		scan := fmt.Sprintf("https://s.sh.gov.cn/%032x%d", 0, time.Now().UnixMilli())
		v, err := c.Verify(context.Background(), &standard.Request{Scan: scan, Place: standard.Place{Region: "110000"}, WaitMs: 5000})
		if err == nil && v.Outcome != standard.Unrecognised {
			err = fmt.Errorf("outcome %s", v.Outcome)
		}
		answers <- err
	}()
	<-asked
	cancel()
	close(let)
	if err := <-answers; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestWhatCannotStartLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name  string
		spoil func(*Config)
		want  string
	}{
		{"the port is taken", func(c *Config) { c.Listen = taken.Addr().String() }, "in use"},
		{"the metrics' port is taken", func(c *Config) { c.Metrics = taken.Addr().String() }, "in use"},
		{"plain HTTP for everybody", func(c *Config) { c.Listen = "0.0.0.0:0" }, "loopback"},
		{"no state", func(c *Config) { c.State = filepath.Join(c.State, "nowhere") }, "state"},
		{"no key", func(c *Config) { c.Key = nil }, "key"},
		{"two systems claim one scan", func(c *Config) { c.Dialects = append(c.Dialects, c.Dialects[0]) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := load(t, folder(t), good)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Listen = freeAddress(t)
			free := cfg.Listen
			tt.spoil(cfg)
			n, err := New(cfg)
			if err == nil {
				err = errors.Join(errors.New("it started"), n.Close())
				t.Fatal(err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			l, err := net.Listen("tcp", free)
			if err != nil {
				t.Fatalf("the listener is still open: %v", err)
			}
			l.Close()
		})
	}
}

// freeAddress gives a loopback address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
