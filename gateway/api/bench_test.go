package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tongma/adapters"
	"tongma/gateway"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// instant is a system that knows everybody and is green, without a backend.
type instant struct{}

func (instant) Info() adapters.Info {
	return adapters.Info{
		System: "suishen", Name: standard.Text{Zh: "随申码", En: "Suishen Code"}, Region: "310000", Provenance: standard.FromObserved,
		Freshness: adapters.Freshness{Green: time.Hour},
	}
}

func (instant) Open(adapters.Host) adapters.Adapter { return instant{} }

func (instant) Forms() []adapters.Form {
	return []adapters.Form{{URL: "https://s.sh.gov.cn/{token:hex:32}{at:digits:13}"}}
}

func (instant) WriteKey(w io.Writer, q *adapters.Query) { io.WriteString(w, q.Ticket.Scan) }

func (instant) Verify(context.Context, *adapters.Query) (adapters.Result, error) {
	return adapters.Result{Outcome: standard.Verified, ObservedAt: time.Now(), Record: &standard.Record{
		Status: standard.Green,
		System: standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Colour: "green", Text: "绿码", Provenance: standard.FromObserved},
		Holder: standard.Holder{Name: "测试某人", IDType: "01", IDNumber: "000000190001010000", Phone: "00000000000"},
	}}, nil
}

// bench is a gateway with everything real but the backend, and the caller.
type bench struct {
	b      testing.TB
	server *Server
	key    *sm.PrivateKey
	addr   string
	count  int
}

func newBench(b testing.TB) *bench {
	g, err := gateway.New(gateway.Config{Backends: []gateway.Backend{{Dialect: instant{}, Endpoint: "http://127.0.0.1:1"}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { g.Close(context.Background()) })
	nonces, err := registry.OpenNonces(filepath.Join(b.TempDir(), "marks.json"))
	if err != nil {
		b.Fatal(err)
	}
	t := &bench{b: b, key: newKey(b)}
	parties, err := registry.NewParties(testParties(t.key.Public()))
	if err != nil {
		b.Fatal(err)
	}
	t.server, err = New(Config{
		ID: testGateway, Key: newKey(b), Parties: parties, Nonces: nonces, Gateway: g,
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		b.Fatal(err)
	}
	t.addr = t.serve(t.server)
	return t
}

// serve answers on loopback with the same limits for both sides.
func (t *bench) serve(h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.b.Fatal(err)
	}
	s := t.server.httpServer(h)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.b.Cleanup(func() {
		s.Close()
		<-done
	})
	return l.Addr().String()
}

// requests makes n requests as they go over the wire, each signed and with a nonce of its own.
func (t *bench) requests(n int, g *grant, k *keys) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		t.count++
		head := wire.Head{Rid: "officer", Key: "k1", Rtime: wire.Rtime(time.Now()), Nonce: fmt.Sprintf("bench-%016d", t.count), SignType: wire.SM2}
		if k != nil {
			head.Key, head.SignType = g.Session, wire.HMACSM3
		}
		text := wire.AppendRequestText(nil, testGateway, "POST", pathVerifications, &head, sm.Sum([]byte(goodBody)))
		if k != nil {
			mac := sm.HMAC(k.request[:], text)
			head.Sign = mac[:]
		} else {
			var err error
			if head.Sign, err = t.key.Sign(text); err != nil {
				t.b.Fatal(err)
			}
		}
		h := http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(goodBody))}}
		head.Put(h)
		var b bytes.Buffer
		fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", pathVerifications, t.addr)
		h.Write(&b)
		fmt.Fprintf(&b, "\r\n%s", goodBody)
		all[i] = b.Bytes()
	}
	return all
}

// load sends all requests over a few connections and gives the time it took. Every answer must have the status 200.
func (t *bench) load(addr string, requests [][]byte) time.Duration {
	const connections = 16
	conns := make([]net.Conn, connections)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.b.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	runtime.GC()
	var wg sync.WaitGroup
	begin := time.Now()
	for i, c := range conns {
		wg.Go(func() {
			r := bufio.NewReader(c)
			for j := i; j < len(requests); j += connections {
				if _, err := c.Write(requests[j]); err != nil {
					t.b.Error(err)
					return
				}
				if err := skipAnswer(r); err != nil {
					t.b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// skipAnswer reads one answer with as little work as possible, so that both sides have the processor.
func skipAnswer(r *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("answered %q", line)
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[16:]))); err != nil {
				return err
			}
		case len(line) == 2:
			_, err := r.Discard(length)
			return err
		}
	}
}

// sample gives the body of a real answer.
func (t *bench) sample(request []byte) []byte {
	c, err := net.Dial("tcp", t.addr)
	if err != nil {
		t.b.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		t.b.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.b.Fatalf("%v, %d %s", err, resp.StatusCode, body)
	}
	return body
}

// ratio runs both sides turn by turn with the same requests and gives the median of the bare side's time over ours.
func (t *bench) ratio(bare string, requests func() [][]byte) float64 {
	const turns = 21
	ratios := make([]float64, 0, turns)
	for range turns {
		all := requests()
		theirs := t.load(bare, all)
		ours := t.load(t.addr, all)
		ratios = append(ratios, float64(theirs)/float64(ours))
	}
	slices.Sort(ratios)
	return ratios[turns/2]
}

// BenchmarkRatioSession compares a cached verification, signed with a session, with a bare echo handler that returns the same bytes. The bar
// is 0.6.
func BenchmarkRatioSession(b *testing.B) {
	t := newBench(b)
	g, k := t.apply()
	body := t.sample(t.requests(1, g, k)[0])
	e := echo.New()
	e.POST(pathVerifications, func(c echo.Context) error { return c.Blob(http.StatusOK, "application/json", body) })
	bare := t.serve(e)
	for b.Loop() {
		b.ReportMetric(t.ratio(bare, func() [][]byte { return t.requests(8_000, g, k) }), "ratio")
	}
}

// BenchmarkRatioSM2 compares a cached verification, request and answer signed with SM2, with a bare echo handler that does one SM2 verification and
// one signature. The bar is 0.8.
func BenchmarkRatioSM2(b *testing.B) {
	t := newBench(b)
	body := t.sample(t.requests(1, nil, nil)[0])
	key, text := newKey(b), bytes.Repeat([]byte("x"), 300)
	sign, err := key.Sign(text)
	if err != nil {
		b.Fatal(err)
	}
	e := echo.New()
	e.POST(pathVerifications, func(c echo.Context) error {
		if !key.Public().Verify(text, sign) {
			return echo.ErrUnauthorized
		}
		if _, err := key.Sign(text); err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "application/json", body)
	})
	bare := t.serve(e)
	for b.Loop() {
		b.ReportMetric(t.ratio(bare, func() [][]byte { return t.requests(3_000, nil, nil) }), "ratio")
	}
}

// apply makes a session without going over the wire.
func (t *bench) apply() (*grant, *keys) {
	p, ok := t.server.cfg.Parties.Find("officer", "k1")
	if !ok {
		t.b.Fatal("no officer")
	}
	x := &call{s: t.server, began: time.Now(), party: p, buffers: newBuffers()}
	x.body = []byte(`{}`)
	data, err := t.server.applySession(x)
	if err != nil {
		t.b.Fatal(err)
	}
	g := data.(*grant)
	opened, err := wire.OpenSession(t.server.sealKey, g.Session)
	if err != nil {
		t.b.Fatal(err)
	}
	k := &keys{}
	k.request, k.answer = wire.SessionKeys(&opened.Secret, g.Session, p.ID, testGateway)
	return g, k
}

// BenchmarkHandler is one cached verification without the network.
func BenchmarkHandler(b *testing.B) {
	t := newBench(b)
	g, k := t.apply()
	for _, by := range []struct {
		name string
		k    *keys
	}{{"session", k}, {"SM2", nil}} {
		b.Run(by.name, func(b *testing.B) {
			raw := t.requests(b.N, g, by.k)
			requests := make([]*http.Request, b.N)
			for i := range requests {
				r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw[i])))
				if err != nil {
					b.Fatal(err)
				}
				requests[i] = r
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, r := range requests {
				w := &discard{header: http.Header{}}
				t.server.ServeHTTP(w, r)
				if w.status != 200 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// discard is a response that goes nowhere.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
