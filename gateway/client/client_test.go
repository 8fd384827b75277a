package client

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tongma/adapters"
	"tongma/gateway"
	"tongma/gateway/api"
	"tongma/gateway/evidence"
	"tongma/gateway/freshness"
	"tongma/gateway/registry"
	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// far is a real server of the interface, in front of a gateway that always answers the same.
type far struct {
	t         testing.TB
	dir       string
	key       *sm.PrivateKey
	caller    *sm.PrivateKey
	server    atomic.Pointer[api.Server]
	offset    atomic.Int64                                                    // its clock against ours, in ms
	sessions  atomic.Int64                                                    // applications that it saw
	signTypes sync.Map                                                        // sign types that it saw
	told      atomic.Pointer[freshness.Notice]                                // the last notice
	open      atomic.Bool                                                     // whether an operator has taken it out of service
	kept      *evidence.Log                                                   // nil: it keeps none
	tamper    func(next http.Handler, w http.ResponseWriter, r *http.Request) // what happens on the way; nil: nothing
	http      *httptest.Server
}

// Verify answers in green; a scan "refuse" is refused.
func (f *far) Verify(_ context.Context, c gateway.Call) (*standard.Verification, error) {
	if c.Request.Scan == "refuse" {
		return nil, &standard.Error{Kind: standard.KindField, Field: "scan", What: "is refused by this test"}
	}
	return &standard.Verification{
		ID: "01FX2D0000ABCDEFGHJKMNPQRS", Salt: c.Request.Scan, Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		Decision: standard.Decision{Action: standard.Pass, Rule: "default/green@1", Reason: standard.Text{Zh: "绿码", En: "green <&>"}},
	}, nil
}

func (f *far) Systems() []gateway.System {
	g := gateway.System{Info: adapters.Info{System: "suishen"}}
	if f.open.Load() {
		g.Guard.Mode = upstream.ModeOpen
	}
	return []gateway.System{g}
}

// Tell takes every notice but the first.
func (f *far) Tell(_ context.Context, n *freshness.Notice) (freshness.Receipt, error) {
	f.told.Store(n)
	if n.Seq == 1 {
		return freshness.Receipt{}, freshness.ErrFeed
	}
	return freshness.Receipt{Last: n.Seq, Missed: n.Seq - 2}, nil
}

// Operate takes every system out of service.
func (f *far) Operate(context.Context, string, wire.Action) error {
	f.open.Store(true)
	return nil
}

func (f *far) now() time.Time {
	return time.Now().Add(time.Duration(f.offset.Load()) * time.Millisecond)
}

// restart makes a new server on the same state, as after a crash.
func (f *far) restart() {
	f.t.Helper()
	nonces, err := registry.OpenNonces(filepath.Join(f.dir, "marks.json"))
	if err != nil {
		f.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	operations, err := registry.OpenOperations(filepath.Join(f.dir, "operations.jsonl"), log)
	if err != nil {
		f.t.Fatal(err)
	}
	parties, err := registry.NewParties([]registry.Party{{
		ID: "gate-7", KeyID: "k1", Key: f.caller.Public(), Roles: standard.RolesOf(standard.RoleGate, standard.RolePlatform, standard.RoleOperator, standard.RolePrivacy), Purposes: []string{"*"}, Systems: []string{"suishen"},
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := api.New(api.Config{
		ID: "far", Key: f.key, Parties: parties, Nonces: nonces, Gateway: f, Operations: operations, Evidence: f.kept,
		Now: f.now, Log: log, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.server.Store(s)
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.signTypes.Store(r.Header.Get(wire.HeaderSignType), true)
	if r.URL.Path == "/v1/sessions" {
		f.sessions.Add(1)
	}
	if f.tamper != nil {
		f.tamper(f.server.Load(), w, r)
		return
	}
	f.server.Load().ServeHTTP(w, r)
}

func newFar(t testing.TB) *far {
	t.Helper()
	f := &far{t: t, dir: t.TempDir(), key: newKey(t), caller: newKey(t)}
	f.restart()
	f.http = httptest.NewServer(f)
	t.Cleanup(f.http.Close)
	return f
}

func newKey(t testing.TB) *sm.PrivateKey {
	t.Helper()
	k, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (f *far) config() Config {
	return Config{URL: f.http.URL, GatewayID: "far", GatewayKey: f.key.Public(), Rid: "gate-7", KeyID: "k1", Key: f.caller}
}

func (f *far) client() *Client {
	f.t.Helper()
	c, err := New(f.config())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	return c
}

func scan(text string) *standard.Request {
	return &standard.Request{Scan: text, Place: standard.Place{Region: "110000"}}
}

func TestAVerificationComesBackAsTheGatewayGaveIt(t *testing.T) {
	f := newFar(t)
	want, _ := f.Verify(t.Context(), gateway.Call{Request: scan("a")})
	for _, how := range []string{"SM2", "HMAC-SM3"} {
		c := f.client()
		if how == "HMAC-SM3" {
			if err := c.Session(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		f.signTypes.Clear()
		got, err := c.Verify(t.Context(), scan("a"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(standard.Verification{})); diff != "" {
			t.Error(diff)
		}
		f.signTypes.Range(func(used, _ any) bool {
			if used != how {
				t.Errorf("signed with %v, want %s", used, how)
			}
			return true
		})
	}
}

func TestABatchComesBackInOrderWithItsRefusals(t *testing.T) {
	items, err := newFar(t).client().VerifyBatch(t.Context(), []*standard.Request{scan("a"), scan("refuse"), scan("b")})
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 3 || items[0].Verification.Salt != "a" || items[2].Verification.Salt != "b" || items[0].Err != nil {
		t.Errorf("items = %+v", items)
	}
	refused, ok := errors.AsType[*RefusedError](items[1].Err)
	if !ok || refused.Code != wire.CodeField.Code || !refused.Signed || items[1].Verification != nil {
		t.Errorf("item 1 = %+v", items[1])
	}
}

func TestANoticeIsToldAsThePlatformSaysIt(t *testing.T) {
	f := newFar(t)
	c := f.client()
	if err := c.Session(t.Context(), time.Minute); err != nil { // notices are signed with SM2 all the same
		t.Fatal(err)
	}
	f.signTypes.Clear()
	at := time.Now().Add(-time.Second)
	n := &standard.Notice{System: "suishen", Seq: 5, Changes: []standard.Change{
		{Subject: "S", At: at}, {Scan: "SCAN", At: at}, {Document: &standard.ChangedDocument{Type: "06", Number: "h1234567801"}, At: at}, {All: true, At: at},
	}}
	r, err := c.Notify(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if want := (standard.NoticeReceipt{System: "suishen", Seq: 5, Last: 5, Missed: 3}); *r != want {
		t.Errorf("receipt %+v, want %+v", *r, want)
	}
	want := &freshness.Notice{System: "suishen", Seq: 5, Changes: []freshness.Change{{Subject: "S"}, {Scan: "SCAN"}, {Document: "H12345678"}, {All: true}}}
	if diff := cmp.Diff(want, f.told.Load()); diff != "" {
		t.Error(diff)
	}
	if _, mac := f.signTypes.Load("HMAC-SM3"); mac {
		t.Error("signed with the session")
	}
	if r, err := c.Notify(t.Context(), &standard.Notice{System: "suishen", Seq: 6}); err != nil || r.Seq != 6 {
		t.Errorf("a heartbeat: %+v, %v", r, err)
	}
	refused, ok := errors.AsType[*RefusedError](second(c.Notify(t.Context(), &standard.Notice{System: "suishen", Seq: 1})))
	if !ok || refused.Code != wire.CodeFeed.Code || !refused.Signed {
		t.Errorf("not given to every node: %+v", refused)
	}
}

func TestAnOperatorSeesAndDoesOverSM2Alone(t *testing.T) {
	f := newFar(t)
	c := f.client()
	if err := c.Session(t.Context(), time.Minute); err != nil { // what operators do is signed with SM2 all the same
		t.Fatal(err)
	}
	f.signTypes.Clear()
	if state, err := c.State(t.Context()); err != nil || len(state.Systems) != 1 || state.Systems[0].Mode != "auto" || state.At.IsZero() {
		t.Errorf("at first: %+v, %v", state, err)
	}
	order := wire.Order{System: "suishen", Action: wire.ActionOpen, Reason: `平台 says "down" <&>`}
	after, err := c.Operate(t.Context(), order)
	if err != nil || after.Mode != "open" || after.Held == nil || after.Held.Reason != order.Reason || after.Held.By != "gate-7" {
		t.Errorf("after the order: %+v, %v", after, err)
	}
	for n, want := range map[int]string{0: wire.CodeField.Code, 1: "", wire.MaxOperations: "", wire.MaxOperations + 1: wire.CodeField.Code} {
		list, err := c.Operations(t.Context(), n)
		code := ""
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			code = refused.Code
		}
		if code != want || want == "" && (len(list) != 1 || list[0] != *after.Held) {
			t.Errorf("the last %d: %+v, %v", n, list, err)
		}
	}
	order.System = "nowhere"
	refused, ok := errors.AsType[*RefusedError](second(c.Operate(t.Context(), order)))
	if !ok || refused.Code != wire.CodeSystem.Code || !refused.Signed {
		t.Errorf("an order for no system: %+v", refused)
	}
	if _, mac := f.signTypes.Load("HMAC-SM3"); mac {
		t.Error("signed with the session")
	}
}

func second[T any](_ T, err error) error { return err }

func TestARefusalSaysWhetherItIsSure(t *testing.T) {
	f := newFar(t)
	_, err := f.client().Verify(t.Context(), scan("refuse"))
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || !refused.Signed || refused.Code != wire.CodeField.Code || !strings.Contains(refused.Message, "refused by this test") || len(refused.RequestID) != 26 {
		t.Errorf("signed refusal: %#v", err)
	}

	stranger := f.config()
	stranger.Rid = "stranger"
	c, err := New(stranger)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Verify(t.Context(), scan("a"))
	refused, ok = errors.AsType[*RefusedError](err)
	if !ok || refused.Signed || refused.Code != wire.CodeCaller.Code || refused.Todo() != wire.CodeCaller.Todo {
		t.Errorf("unsigned refusal: %#v", err)
	}
}

// record runs the handler and gives what it would have answered.
func record(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	return rec
}

func replay(w http.ResponseWriter, rec *httptest.ResponseRecorder, body string) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	io.WriteString(w, body)
}

func TestWhatIsTamperedWithIsNotBelieved(t *testing.T) {
	var earlier *httptest.ResponseRecorder
	for _, c := range []struct {
		name   string
		tamper func(http.Handler, http.ResponseWriter, *http.Request)
		want   error
	}{
		{"another body", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			replay(w, rec, strings.Replace(rec.Body.String(), `"salt":"a"`, `"salt":"b"`, 1))
		}, ErrSignature},
		{"another status", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			rec.Code = 201
			replay(w, rec, rec.Body.String())
		}, ErrSignature},
		{"another time", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			rec.Header().Set(wire.HeaderRtime, "1646100000000")
			replay(w, rec, rec.Body.String())
		}, ErrSignature},
		{"the answer to an earlier request", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			if earlier == nil {
				earlier = rec
			}
			replay(w, earlier, earlier.Body.String())
		}, ErrSignature},
		{"no signature", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			rec.Header().Del(wire.HeaderSign)
			replay(w, rec, rec.Body.String())
		}, ErrSignature},
		{"half a signature", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			rec.Header().Del(wire.HeaderRtime)
			replay(w, rec, rec.Body.String())
		}, ErrSignature},
		{"two signatures", func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			rec := record(next, r)
			rec.Header().Add(wire.HeaderSign, rec.Header().Get(wire.HeaderSign))
			replay(w, rec, rec.Body.String())
		}, ErrSignature},
		{"a redirect", func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, ErrSignature},
		{"a web page", func(_ http.Handler, w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, ErrSignature},
		{"a refusal that is a success", func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"code":"40102"}`)
		}, ErrSignature},
		{"a code that nobody knows", func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"code":"40099","message":"click here"}`)
		}, ErrSignature},
		{"endless", func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
			for range 40 {
				w.Write(make([]byte, 64<<10))
			}
		}, ErrSignature},
		{"a proxy's trouble", func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no upstream", http.StatusBadGateway)
		}, ErrUnreachable},
		{"cut", func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, ErrUnreachable},
	} {
		for _, how := range []string{"SM2", "HMAC-SM3"} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				f := newFar(t)
				client := f.client()
				if how == "HMAC-SM3" {
					if err := client.Session(t.Context(), time.Minute); err != nil {
						t.Fatal(err)
					}
				}
				earlier = nil
				f.tamper = c.tamper
				if c.name == "the answer to an earlier request" {
					if _, err := client.Verify(t.Context(), scan("a")); err != nil {
						t.Fatal(err)
					}
				}
				v, err := client.Verify(t.Context(), scan("a"))
				if !errors.Is(err, c.want) || v != nil {
					t.Errorf("%v, %v; want %v", v, err, c.want)
				}
			})
		}
	}
}

func TestAnotherGatewayIsNotBelieved(t *testing.T) {
	f := newFar(t)
	other := f.config()
	other.GatewayKey = newKey(t).Public()
	c, err := New(other)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Verify(t.Context(), scan("a")); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	other = f.config()
	other.GatewayID = "near"
	if c, err = New(other); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Verify(t.Context(), scan("a"))
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Code != wire.CodeSignature.Code {
		t.Errorf("another id: %v", err)
	}
}

func TestNobodyThereIsUnreachable(t *testing.T) {
	f := newFar(t)
	c := f.client()
	f.http.Close()
	if _, err := c.Verify(t.Context(), scan("a")); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Verify(ctx, scan("a")); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestABadConfigurationIsRefused(t *testing.T) {
	f := newFar(t)
	for name, change := range map[string]func(*Config){
		"no URL":         func(c *Config) { c.URL = "" },
		"no scheme":      func(c *Config) { c.URL = "gateway.example" },
		"ftp":            func(c *Config) { c.URL = "ftp://gateway.example" },
		"path":           func(c *Config) { c.URL += "/v1" },
		"query":          func(c *Config) { c.URL += "?a=b" },
		"password":       func(c *Config) { c.URL = "http://a:b@gateway.example" },
		"no gateway id":  func(c *Config) { c.GatewayID = "" },
		"no gateway key": func(c *Config) { c.GatewayKey = nil },
		"no rid":         func(c *Config) { c.Rid = "" },
		"bad key id":     func(c *Config) { c.KeyID = "a\nb" },
		"no key":         func(c *Config) { c.Key = nil },
	} {
		config := f.config()
		change(&config)
		if _, err := New(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	slash := f.config()
	slash.URL += "/"
	if _, err := New(slash); err != nil {
		t.Errorf("slash at the end: %v", err)
	}
}
