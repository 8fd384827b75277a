package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"tongma/adapters"
	"tongma/gateway/upstream"
	"tongma/standard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// says is how a test's system answers.
type says func(ctx context.Context, q *adapters.Query) (adapters.Result, error)

// dialect is a system whose scans are its id, a colon and 8 hex digits.
type dialect struct {
	info  adapters.Info
	says  says
	keyed bool
}

func (d *dialect) Info() adapters.Info { return d.info }

func (d *dialect) Open(adapters.Host) adapters.Adapter {
	if d.keyed {
		return keyedAdapter{plainAdapter{d}}
	}
	return plainAdapter{d}
}

type plainAdapter struct{ *dialect }

func (a plainAdapter) Forms() []adapters.Form {
	return []adapters.Form{{Text: a.info.System + ":{token:hex:8}"}, {Document: []string{"01"}}}
}

func (a plainAdapter) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	return a.says(ctx, q)
}

type keyedAdapter struct{ plainAdapter }

func (keyedAdapter) WriteKey(w io.Writer, q *adapters.Query) { io.WriteString(w, q.Ticket.Scan) }

func system1(id string, f says) *dialect {
	return &dialect{
		info:  adapters.Info{System: id, Name: standard.Text{Zh: id + "码", En: id}, Region: "310000", Provenance: standard.FromSynthetic},
		says:  f,
		keyed: true,
	}
}

func record(system string, status standard.Status) *standard.Record {
	return &standard.Record{
		Status: status,
		System: standard.System{ID: system, Status: "1", Colour: "green", Text: "绿码"},
		Holder: standard.Holder{Name: "张某某", IDType: "01", IDNumber: "000000199001010000", Phone: "19900000000"},
	}
}

// green answers at once.
func green(system string) says {
	return func(context.Context, *adapters.Query) (adapters.Result, error) {
		return adapters.Result{Outcome: standard.Verified, Record: record(system, standard.Green), ObservedAt: time.Now()}, nil
	}
}

// hangs until the guards give it up.
func hangs(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	<-ctx.Done()
	return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnreachable}
}

func open(t testing.TB, config Config, dialects ...adapters.Dialect) *Gateway {
	t.Helper()
	for _, d := range dialects {
		config.Backends = append(config.Backends, Backend{Dialect: d, Endpoint: "http://127.0.0.1:1"})
	}
	g, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close(context.Background()) })
	return g
}

func scanOf(system string, n int) string { return fmt.Sprintf("%s:%08x", system, n) }

func callFor(scan string) Call {
	return Call{
		Caller:  Caller{ID: "c", Roles: standard.RolesOf(standard.RoleOfficer)},
		Request: &standard.Request{Scan: scan, Place: standard.Place{Region: "110000"}},
	}
}

func verify(t testing.TB, g *Gateway, c Call) *standard.Verification {
	t.Helper()
	v, err := g.Verify(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func reasonOf(v *standard.Verification) standard.ReasonCode {
	if v.Reason == nil {
		return ""
	}
	return v.Reason.Code
}

func TestAGreenScanIsVerifiedDecidedAndMasked(t *testing.T) {
	g := open(t, Config{}, system1("sui", green("sui")))
	v := verify(t, g, callFor(scanOf("sui", 1)))
	if v.Outcome != standard.Verified || v.Status != standard.Green || v.Colour != standard.ColourGreen || v.Reason != nil {
		t.Errorf("%+v", v)
	}
	if v.Decision.Action != standard.Pass || v.Decision.Rule != "default/green@1" {
		t.Errorf("decision %+v", v.Decision)
	}
	if want := (standard.System{ID: "sui", Name: "sui码", Region: "310000", Status: "1", Colour: "green", Text: "绿码", Provenance: standard.FromSynthetic}); *v.System != want {
		t.Errorf("system %+v", *v.System)
	}
	if v.Holder == nil || strings.Contains(v.Holder.IDNumber, "19900101") || v.Holder.Phone != "" || v.Health != nil {
		t.Errorf("holder %+v, health %+v", v.Holder, v.Health)
	}
	if v.Freshness.From != standard.Live || len(v.ID) != 26 || len(v.Salt) != 22 {
		t.Errorf("%+v %q %q", v.Freshness, v.ID, v.Salt)
	}
}

func TestASecondLookIsServedFromMemoryWithItsAgeAndItsCallersRights(t *testing.T) {
	now := time.Date(2022, 3, 1, 10, 0, 0, 0, standard.Zone)
	clock := func() time.Time { return now }
	start, asked := now, 0
	uptime := func() time.Duration { return now.Sub(start) }
	g := open(t, Config{Now: clock, Uptime: uptime}, system1("sui", func(context.Context, *adapters.Query) (adapters.Result, error) {
		asked++
		return adapters.Result{Outcome: standard.Verified, Record: record("sui", standard.Green), ObservedAt: now}, nil
	}))
	first := verify(t, g, callFor(scanOf("sui", 1)))
	now = now.Add(5 * time.Second)
	gate := callFor(scanOf("sui", 1))
	gate.Caller.Roles = standard.RolesOf(standard.RoleGate)
	second := verify(t, g, gate)
	if asked != 1 || second.Freshness.From != standard.Cache || second.Freshness.AgeMs != 5000 || !second.Freshness.ObservedAt.Equal(first.Freshness.ObservedAt) {
		t.Errorf("asked %d, %+v", asked, second.Freshness)
	}
	if second.ID == first.ID || second.Salt == first.Salt {
		t.Error("two answers share an id or a salt")
	}
	if first.Holder.IDNumber == "" || second.Holder.IDNumber != "" {
		t.Errorf("officer sees %+v, gate sees %+v", first.Holder, second.Holder)
	}
	now = now.Add(25 * time.Second)
	if v := verify(t, g, gate); asked != 2 || v.Freshness.From != standard.Live {
		t.Errorf("a green of 30 s: asked %d, %+v", asked, v.Freshness)
	}
}

func TestWhatIsNotVerifiedIsNotRemembered(t *testing.T) {
	asked := 0
	g := open(t, Config{}, system1("sui", func(context.Context, *adapters.Query) (adapters.Result, error) {
		asked++
		return adapters.Result{Outcome: standard.NotFound, Reason: standard.ReasonNoHolder}, nil
	}))
	for range 2 {
		v := verify(t, g, callFor(scanOf("sui", 1)))
		if v.Outcome != standard.NotFound || v.System.ID != "sui" || v.Decision.Action != standard.Manual || v.Freshness != nil {
			t.Errorf("%+v", v)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAnAdapterWithoutAKeyIsAskedEveryTime(t *testing.T) {
	asked := 0
	d := system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
		asked++
		return green("sui")(ctx, q)
	})
	d.keyed = false
	g := open(t, Config{}, d)
	for range 3 {
		verify(t, g, callFor(scanOf("sui", 1)))
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}

func TestWhoIsAsked(t *testing.T) {
	person := &standard.Document{Type: "01", Number: "11010119900307002X", Name: "张某某"}
	other := &standard.Document{Type: "03", Number: "E12345678", Name: "张某某"}
	g := open(t, Config{}, system1("sui", green("sui")), system1("yue", green("yue")))
	for _, c := range []struct {
		name     string
		scan     string
		bytes    []byte
		document *standard.Document
		system   string
		outcome  standard.Outcome
		reason   standard.ReasonCode
		refused  standard.Kind
	}{
		{name: "the system that claims it", scan: scanOf("sui", 1), outcome: standard.Verified},
		{name: "nobody", scan: "hello", outcome: standard.Unrecognised, reason: standard.ReasonUnclaimed},
		{name: "nobody for bytes", bytes: []byte{1, 2}, outcome: standard.Unrecognised, reason: standard.ReasonUnclaimed},
		{name: "the named one", scan: scanOf("sui", 1), system: "sui", outcome: standard.Verified},
		{name: "another than the named one", scan: scanOf("sui", 1), system: "yue", outcome: standard.Unrecognised, reason: standard.ReasonUnclaimed},
		{name: "the named one for bytes", bytes: []byte{1}, system: "yue", outcome: standard.Unrecognised, reason: standard.ReasonUnclaimed},
		{name: "one that does not exist", scan: scanOf("sui", 1), system: "nowhere", refused: standard.KindSystem},
		{name: "by document", document: person, system: "sui", outcome: standard.Verified},
		{name: "by document, unnamed", document: person, refused: standard.KindSystem},
		{name: "by a document it does not know", document: other, system: "sui", refused: standard.KindSystem},
		{name: "nothing", refused: standard.KindSubject},
	} {
		call := callFor(c.scan)
		call.Request.ScanBytes, call.Request.Document, call.Request.System = c.bytes, c.document, c.system
		v, err := g.Verify(t.Context(), call)
		var refusal *standard.Error
		if c.refused != "" {
			if !errors.As(err, &refusal) || refusal.Kind != c.refused {
				t.Errorf("%s: %+v, %v", c.name, v, err)
			}
			continue
		}
		if err != nil || v.Outcome != c.outcome || reasonOf(v) != c.reason {
			t.Errorf("%s: %+v, %v", c.name, v, err)
		}
		if c.outcome == standard.Unrecognised && (v.System != nil || v.Decision.Action != standard.Manual) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestASystemHearsWhereItIsAskedFrom(t *testing.T) {
	var got adapters.Query
	d := system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
		got = *q
		return green("sui")(ctx, q)
	})
	g := open(t, Config{Backends: []Backend{{Dialect: d, PlaceIDs: map[string]string{"device": "D1"}}}})
	call := callFor(scanOf("sui", 0xabc))
	r := call.Request
	r.Place = standard.Place{Region: "330106", Site: "gate 3"}
	r.Operator = &standard.Operator{ID: "o"}
	r.Device, r.Scene, r.Purpose = "d", "s", "p"
	verify(t, g, call)
	if got.Ticket.Field("token") != "00000abc" || got.Place.Region != "330106" || got.Place.City != "330100" || got.Place.CityName != "杭州市" ||
		got.Place.Site != "gate 3" || got.Place.IDs["device"] != "D1" || got.Operator.ID != "o" ||
		got.Caller != (adapters.Caller{ID: "c", Device: "d", Scene: "s", Purpose: "p"}) {
		t.Errorf("%+v", got)
	}
}

func TestAConfigurationThatCannotBeRightDoesNotStart(t *testing.T) {
	d := system1("sui", green("sui"))
	d.info.Credentials = []adapters.Credential{{Name: "appId"}}
	for _, c := range []struct {
		config Config
		says   string
	}{
		{Config{Backends: []Backend{{Dialect: d, Endpoint: "nonsense"}}}, "system sui: endpoint"},
		{Config{Backends: []Backend{{Dialect: d, Credentials: map[string]string{"appid": "a"}}}}, `credential "appid" is not one of its own: those are appId`},
		{Config{Backends: []Backend{{Dialect: d, Endpoints: map[string]string{"x": "http://a"}}}}, `endpoint "x" is not one of its own: it has none`},
		{Config{Backends: []Backend{{Dialect: d}, {Dialect: d}}}, "sui"},
		{Config{CacheKey: []byte("short")}, "32 random"},
		{Config{CacheRecords: -1}, "cache"},
		{Config{References: -1}, "references"},
	} {
		if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v does not say %q", err, c.says)
		}
	}
}

func TestSystemsSayWhatTheyLack(t *testing.T) {
	d := system1("sui", green("sui"))
	d.info.Credentials = []adapters.Credential{{Name: "appId"}, {Name: "appSecret", Secret: true}}
	g := open(t, Config{Backends: []Backend{{Dialect: d, Credentials: map[string]string{"appId": "a"}}}}, system1("yue", green("yue")))
	s := g.Systems()
	if len(s) != 2 || fmt.Sprint(s[0].Missing) != "[endpoint credential appSecret]" || s[1].Missing != nil || s[1].Guard.Breaker != upstream.Closed || s[1].Info.System != "yue" {
		t.Errorf("%+v", s)
	}
}

func TestNothingPersonalIsLoggedOrCounted(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	registry := prometheus.NewRegistry()
	secrets := []string{"0000beef", "张某某", "19900101", "secret"}
	n := 0
	d := system1("sui", func(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
		n++
		switch n {
		case 1:
			panic("secret " + q.Ticket.Scan)
		case 2:
			return adapters.Result{}, errors.New("secret " + q.Ticket.Scan)
		case 3:
			return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonFault, What: "reply has no code", Err: errors.New("secret")}
		}
		return green("sui")(ctx, q)
	})
	log := slog.New(slog.NewJSONHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(b)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	var up time.Duration
	g := open(t, Config{Log: log, Metrics: registry, Uptime: func() time.Duration { return up }}, d)
	for range 5 {
		up += troubleEvery
		verify(t, g, callFor(scanOf("sui", 0xbeef)))
	}
	for _, want := range []string{"adapter panicked", "plainAdapter", "*errors.errorString", "reply has no code"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, &out)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	everything := out.String() + fmt.Sprint(families)
	for _, secret := range secrets {
		if strings.Contains(everything, secret) {
			t.Errorf("%q is told:\n%s", secret, everything)
		}
	}
	if c := testutil.ToFloat64(g.meters.verifications.of(answerLabels{"sui", "verified", "00", "cache"})); c != 1 {
		t.Errorf("%v answers from memory are counted", c)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestTroubleIsToldOnceInAWhile(t *testing.T) {
	var out bytes.Buffer
	var up time.Duration
	g := open(t, Config{Log: slog.New(slog.NewTextHandler(&out, nil)), Uptime: func() time.Duration { return up }},
		system1("sui", func(context.Context, *adapters.Query) (adapters.Result, error) {
			return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonBusy}
		}))
	for range 50 {
		verify(t, g, callFor(scanOf("sui", 1)))
	}
	up += troubleEvery
	verify(t, g, callFor(scanOf("sui", 1)))
	if lines := strings.Count(out.String(), "backend trouble"); lines != 2 || !strings.Contains(out.String(), "untold=49") {
		t.Errorf("%d lines:\n%s", lines, &out)
	}
}
