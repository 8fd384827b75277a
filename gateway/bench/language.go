package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/conformance/sandbox"
	"tongma/gateway/node"
	"tongma/standard"
)

// These rows have one side: what the adapters alone cost, without a network, on one goroutine of this process.

// turns is how often each of them is measured.
const turns = 5

// benchmarked runs a benchmark several times and gives its times and the allocations of one operation. The collector has the room
// that a node gives it.
func benchmarked(op func(*testing.B)) (microseconds []float64, allocations float64) {
	headroom := make([]byte, 64<<20)
	defer runtime.KeepAlive(headroom)
	for range turns {
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			op(b)
		})
		microseconds = append(microseconds, float64(r.NsPerOp())/1000)
		allocations = float64(r.AllocsPerOp())
	}
	return microseconds, allocations
}

// formed is an adapter that only has forms.
type formed []adapters.Form

func (f formed) Forms() []adapters.Form { return f }

func (formed) Verify(context.Context, *adapters.Query) (adapters.Result, error) {
	return adapters.Result{}, fmt.Errorf("it has no backend")
}

// recognition finds the system of one scan of each kind among forty: those that come with Tongma and others of the same make.
func recognition(*bench) ([]figure, error) {
	dialects, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	var entries []adapters.Entry
	for _, d := range dialects {
		entries = append(entries, adapters.Entry{Info: d.Info(), Adapter: formed(d.Open(&replayed{}).Forms())})
	}
	for i := len(entries); i < 40; i++ {
		entries = append(entries, adapters.Entry{Info: adapters.Info{System: fmt.Sprintf("other%d", i)}, Adapter: formed{
			{URL: fmt.Sprintf("https://code%d.example/show/{token:hex:32}", i)},
			{JSON: &adapters.JSONForm{Has: []string{fmt.Sprintf("code%d", i)}, Only: []string{fmt.Sprintf("code%d", i)}}},
			{Text: fmt.Sprintf("OTHER%d:{token:hex:32}", i)},
		}})
	}
	catalogue, err := adapters.NewCatalogue(entries)
	if err != nil {
		return nil, err
	}
	token := strings.Repeat("0123456789abcdef", 2)
	var figures []figure
	for _, scan := range []struct{ kind, text string }{
		{"URL", "https://s.sh.gov.cn/" + token + "1642941877000"},
		{"JSON", `{"codeId":"` + token + `"}`},
		{"text", "SYNTHETIC-YKM:" + token},
	} {
		var t adapters.Ticket
		if _, ok := catalogue.Recognise(scan.text, &t); !ok {
			return nil, fmt.Errorf("the %s scan is not recognised", scan.kind)
		}
		each, allocations := benchmarked(func(b *testing.B) {
			for b.Loop() {
				catalogue.Recognise(scan.text, &t)
			}
		})
		figures = append(figures,
			atMost(1, "µs", "recognising a "+scan.kind+" scan among 40 systems", each, ""),
			atMost(0, "allocations", "allocations of that", []float64{allocations}, ""))
	}
	return figures, nil
}

// replayed is a host whose backend is the sandbox's the first time and its own memory from then on.
type replayed struct {
	backend *httptest.Server
	secrets map[string]string
	now     time.Time
	tape    []*adapters.Reply
	next    int
	taped   bool
}

func (h *replayed) Now() time.Time { return h.now }

func (h *replayed) Random(b []byte) { rand.Read(b) }

func (h *replayed) Credential(name string) (string, bool) {
	v, ok := h.secrets[name]
	return v, ok
}

func (h *replayed) Send(_ context.Context, c *adapters.Call) (*adapters.Reply, error) {
	if h.taped {
		h.next++
		return h.tape[h.next-1], nil
	}
	r := httptest.NewRequest(c.Method, c.Target, strings.NewReader(string(c.Body)))
	for _, f := range c.Header {
		r.Header.Set(f.Name, f.Value)
	}
	w := httptest.NewRecorder()
	h.backend.Config.Handler.ServeHTTP(w, r)
	reply := &adapters.Reply{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	h.tape = append(h.tape, reply)
	return reply, nil
}

// expressions verifies somebody green of every system with the backend's replies at hand: building requests, signing them, reading
// replies and making the record is what is left. The costliest system is told.
func expressions(*bench) ([]figure, error) {
	dialects, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := sandbox.New(sandbox.Options{Now: func() time.Time { return now }})
	var slowest, busiest figure
	slowest.Value, busiest.Value = math.Inf(-1), math.Inf(-1)
	for _, d := range dialects {
		each, allocations, err := dialectCost(d, s, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Info().System, err)
		}
		if f := atMost(15, "µs", "a verification's expressions, costliest system", each, d.Info().System); f.Value > slowest.Value {
			slowest = f
		}
		if f := atMost(150, "allocations", "allocations of them, costliest system", []float64{allocations}, d.Info().System); f.Value > busiest.Value {
			busiest = f
		}
	}
	return []figure{slowest, busiest}, nil
}

func dialectCost(d adapters.Dialect, s *sandbox.Sandbox, now time.Time) ([]float64, float64, error) {
	system := d.Info().System
	backend := httptest.NewUnstartedServer(s.Handler(system))
	h := &replayed{backend: backend, secrets: s.Credentials(system), now: now}
	a := d.Open(h)
	q := &adapters.Query{
		Place:    adapters.PlaceOf(standard.Place{Region: "330100", Site: "东站"}, s.PlaceIDs(system)),
		Operator: standard.Operator{ID: "1", Name: "张某某", Department: "东站", Phone: "13000000000"},
	}
	catalogue, err := adapters.NewCatalogue([]adapters.Entry{{Info: d.Info(), Adapter: a}})
	if err != nil {
		return nil, 0, err
	}
	if _, ok := catalogue.Recognise(s.People(system)[0].Scan, &q.Ticket); !ok {
		return nil, 0, fmt.Errorf("its first person is not recognised")
	}
	verify := func() error {
		h.next = 0
		if r, err := a.Verify(context.Background(), q); err != nil || r.Outcome != standard.Verified {
			return fmt.Errorf("outcome %q: %w", r.Outcome, err)
		}
		return nil
	}
	for range 2 { // the second time its tokens are there
		h.tape = nil
		if err := verify(); err != nil {
			return nil, 0, err
		}
	}
	h.taped = true
	each, allocations := benchmarked(func(b *testing.B) {
		for b.Loop() {
			if err := verify(); err != nil {
				b.Fatal(err)
			}
		}
	})
	return each, allocations, nil
}

// fixtures runs the fixtures of all systems that come with Tongma, as `tongma adapter test` does.
func fixtures(*bench) ([]figure, error) {
	dialects, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	var each []float64
	n := 0
	for range turns {
		began := time.Now()
		n = 0
		for _, d := range dialects {
			results, err := descriptor.RunFixtures(adapters.Builtin, d.Info().System)
			if err != nil {
				return nil, err
			}
			n += len(results)
		}
		each = append(each, time.Since(began).Seconds())
	}
	return []figure{atMost(2, "s", "the fixtures of all systems", each, fmt.Sprintf("%d fixtures", n))}, nil
}
