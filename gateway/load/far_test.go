package load

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tongma/gateway"
	"tongma/gateway/api"
	"tongma/gateway/freshness"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Systems is asked for as the server is made.
func (f *far) Systems() []gateway.System { return nil }

// far is a real server of the interface, in front of a gateway that answers by the scan's first word.
type far struct {
	api.Gateway // whatever else a gateway can do is not called here

	t       testing.TB
	key     *sm.PrivateKey
	caller  *sm.PrivateKey
	server  *api.Server
	http    *httptest.Server
	asked   atomic.Int64                                                    // verifications
	applied atomic.Int64                                                    // sessions
	ahead   time.Duration                                                   // its clock against ours
	tamper  func(next http.Handler, w http.ResponseWriter, r *http.Request) // with verifications on their way; nil: nothing
}

func (f *far) Verify(_ context.Context, c gateway.Call) (*standard.Verification, error) {
	f.asked.Add(1)
	word, _, _ := strings.Cut(c.Request.Scan, " ")
	v := &standard.Verification{
		ID: "01FX2D0000ABCDEFGHJKMNPQRS", Salt: "s", Outcome: standard.Verified,
		System:    &standard.System{ID: "suikang"},
		Freshness: &standard.Freshness{From: standard.Cache, ObservedAt: time.UnixMilli(1646100000000)},
		Decision:  standard.Decision{Action: standard.Manual, Rule: "default@1"},
	}
	switch word {
	case "green":
		v.Status, v.Colour, v.Decision.Action = standard.Green, standard.ColourGreen, standard.Pass
	case "red":
		v.Status, v.Colour, v.Decision.Action = standard.Red, standard.ColourRed, standard.Deny
	case "down":
		v.Outcome, v.System, v.Freshness = standard.Unavailable, nil, nil
		v.Reason = &standard.Reason{Code: standard.ReasonTimeout}
	case "refuse":
		return nil, &standard.Error{Kind: standard.KindField, Field: "scan", What: "is refused by this test"}
	case "busy":
		return nil, wire.Refuse(wire.CodeOverloaded, "")
	}
	return v, nil
}

func (f *far) Tell(context.Context, *freshness.Notice) (freshness.Receipt, error) {
	return freshness.Receipt{}, freshness.ErrFeed
}

func newKey(t testing.TB) *sm.PrivateKey {
	t.Helper()
	k, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newFar(t testing.TB) *far {
	t.Helper()
	f := &far{t: t, key: newKey(t), caller: newKey(t)}
	now := func() time.Time { return time.Now().Add(f.ahead) }
	nonces, err := registry.OpenNonces(filepath.Join(t.TempDir(), "marks.json"))
	if err != nil {
		t.Fatal(err)
	}
	parties, err := registry.NewParties([]registry.Party{{
		ID: "gate-7", KeyID: "k1", Key: f.caller.Public(), Roles: standard.RolesOf(standard.RoleGate), Purposes: []string{"*"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.server, err = api.New(api.Config{
		ID: "far", Key: f.key, Parties: parties, Nonces: nonces, Gateway: f,
		Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.http = httptest.NewServer(f)
	t.Cleanup(f.http.Close)
	return f
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == pathSessions:
		f.applied.Add(1)
	case f.tamper != nil:
		f.tamper(f.server, w, r)
		return
	}
	f.server.ServeHTTP(w, r)
}

// plan is a short closed loop.
func (f *far) plan() Plan {
	return Plan{
		URL: f.http.URL, GatewayID: "far", GatewayKey: f.key.Public(), Rid: "gate-7", KeyID: "k1", Key: f.caller, Sign: wire.HMACSM3,
		Connections: 2, Duration: time.Minute, Verify: 1, Patience: 5 * time.Second,
	}
}

// run runs the plan over the items.
func (f *far) run(p Plan, source Source) *Report {
	f.t.Helper()
	r, err := Run(f.t.Context(), p, source, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// items gives scans that begin with the word, n of them: a closed loop ends with the last.
type items struct {
	word   string
	n      int64
	expect *standard.Status
	until  time.Duration
	given  atomic.Int64
}

func (s *items) Next(now time.Time) (Item, bool) {
	i := s.given.Add(1)
	item := Item{Request: standard.Request{Scan: s.word + " " + strconv.FormatInt(i, 10), Place: standard.Place{Region: "110000"}}, Expect: s.expect, Name: "item " + strconv.FormatInt(i, 10)}
	if s.until != 0 {
		item.Until = now.Add(s.until)
	}
	return item, s.n == 0 || i <= s.n
}

func expect(s standard.Status) *standard.Status { return &s }
