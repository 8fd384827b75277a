package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/conformance/sandbox"
	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/wire"
)

// watch is a node with an operator, real dialects and their backends, that can be ended and started again on the same folder.
type watch struct {
	*client.Client
	t   *testing.T
	dir string
	box *sandbox.Sandbox
	at  map[string]string
	log lines
	end func()
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{t: t, dir: folder(t), box: sandbox.New(sandbox.Options{})}
	backends, err := w.box.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backends.Close() })
	w.at = backends.URLs()
	w.start()
	return w
}

// config is the node's configuration.
func (w *watch) config() *Config {
	w.t.Helper()
	cfg, err := load(w.t, w.dir, strings.Replace(good, "roles: [gate]", "roles: [gate, operator]", 1))
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Log = slog.New(slog.NewTextHandler(&w.log, nil))
	for _, id := range []string{sandbox.Suishen, sandbox.Sukang} {
		cfg.Systems[id] = System{Endpoint: w.at[id], Credentials: w.box.Credentials(id), PlaceIDs: w.box.PlaceIDs(id)}
	}
	return cfg
}

// start starts the node, which ends with end or with the test.
func (w *watch) start() {
	w.t.Helper()
	cfg := w.config()
	if err := os.RemoveAll(filepath.Join(cfg.State, marksFile)); err != nil { // or everybody would have to wait for 5 s
		w.t.Fatal(err)
	}
	n, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	w.Client, err = client.New(client.Config{URL: n.URL(), GatewayID: "gw", GatewayKey: cfg.Key.Public(), Rid: "a", KeyID: "k", Key: cfg.Key})
	if err != nil {
		w.t.Fatal(err)
	}
	w.end = sync.OnceFunc(func() {
		w.Close()
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(func() { w.end() })
}

// order does something about a system and says how it then stands.
func (w *watch) order(system string, action wire.Action) *wire.SystemState {
	w.t.Helper()
	state, err := w.Operate(w.t.Context(), wire.Order{System: system, Action: action, Reason: "r"})
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

func (w *watch) state() *wire.State {
	w.t.Helper()
	state, err := w.State(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

func (w *watch) system(id string) *wire.SystemState {
	w.t.Helper()
	for _, s := range w.state().Systems {
		if s.System == id {
			return &s
		}
	}
	w.t.Fatalf("no system %s", id)
	return nil
}

// outcome verifies somebody green of a system whose code was not scanned before.
func (w *watch) outcome(system string) (standard.Outcome, standard.ReasonCode) {
	w.t.Helper()
	for _, who := range w.box.People(system) {
		if who.Scan == "" || who.Status != standard.Green {
			continue
		}
		v, err := w.Verify(w.t.Context(), &standard.Request{Scan: who.Scan, Place: standard.Place{Region: "110000", Site: "s"},
			Operator: &standard.Operator{ID: "o", Name: "某人", Department: "d", Phone: "13000000000"}})
		if err != nil {
			w.t.Fatal(err)
		}
		if v.Reason != nil {
			return v.Outcome, v.Reason.Code
		}
		return v.Outcome, ""
	}
	w.t.Fatal("nobody is green")
	return "", ""
}

// expect has both systems verified: how suishen must answer, and that the other is untouched.
func (w *watch) expect(when string, outcome standard.Outcome, reason standard.ReasonCode) {
	w.t.Helper()
	if o, r := w.outcome(sandbox.Suishen); o != outcome || r != reason {
		w.t.Errorf("%s: suishen is %s %s, want %s %s", when, o, r, outcome, reason)
	}
	if o, r := w.outcome(sandbox.Sukang); o != standard.Verified {
		w.t.Errorf("%s: sukang is %s %s", when, o, r)
	}
}

func TestWhatAnOperatorTakesOutStaysOutOverARestart(t *testing.T) {
	for _, action := range []wire.Action{wire.ActionOpen, wire.ActionDrain} {
		t.Run(string(action), func(t *testing.T) {
			w := newWatch(t)
			if state := w.order(sandbox.Suishen, action); state.Mode != string(action) || state.Held.By != "a" {
				t.Errorf("%+v", state)
			}
			w.expect("taken out", standard.Unavailable, standard.ReasonSuspended)
			w.end()
			w.start()
			if !strings.Contains(w.log.String(), `msg="a system stays out of service until an operator puts it back" system=suishen action=`+string(action)+` party=a`) {
				t.Errorf("the log does not tell: %s", w.log.String())
			}
			w.expect("after a restart", standard.Unavailable, standard.ReasonSuspended)
			if state := w.order(sandbox.Suishen, wire.ActionAuto); state.Mode != "auto" || state.Held != nil {
				t.Errorf("%+v", state)
			}
			w.expect("put back", standard.Verified, "")
			w.end()
			w.start()
			w.expect("put back, after a restart", standard.Verified, "")
			if list, err := w.Operations(t.Context(), 10); err != nil || len(list) != 2 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

func TestAWarmedSystemIsAskedAgain(t *testing.T) {
	w := newWatch(t)
	w.order(sandbox.Suishen, wire.ActionOpen)
	w.expect("taken out", standard.Unavailable, standard.ReasonSuspended)
	after := w.order(sandbox.Suishen, wire.ActionWarm)
	for begun := time.Now(); after.Breaker != "closed" && time.Since(begun) < 10*time.Second; { // it must pass its probe first
		after = w.system(sandbox.Suishen)
	}
	w.expect("warmed", standard.Verified, "")
	for _, s := range w.state().Systems {
		if set := s.System == sandbox.Suishen || s.System == sandbox.Sukang; set != (len(s.Missing) == 0) || s.Mode != "auto" || s.Limit < 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheRecordIsReadBeforeANodeStarts(t *testing.T) {
	w := newWatch(t)
	w.order(sandbox.Suishen, wire.ActionOpen)
	w.end()
	path := filepath.Join(w.config().State, operationsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{}\n" + string(whole))
	if n, err := New(w.config()); err == nil || !strings.Contains(err.Error(), "line 1, is no operation") {
		if err == nil {
			err = errors.Join(errors.New("it started"), n.Close())
		}
		t.Error(err)
	}
	write(strings.Replace(string(whole), sandbox.Suishen, "gone", 1) + string(whole) + `{"at":"20`)
	w.start()
	for _, want := range []string{"unfinished line", "not there any more"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log does not tell %q", want)
		}
	}
	w.expect("after a crash", standard.Unavailable, standard.ReasonSuspended)
}
