package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/standard"
	"tongma/standard/wire"
)

func TestEveryAnswerIsCountedByWhatItSays(t *testing.T) {
	for _, sign := range []wire.SignType{wire.SM2, wire.HMACSM3} {
		for _, tt := range []struct {
			word                                          string
			kind                                          int
			outcome, status, decision, from, http, system string
			code                                          string
			good                                          int64
		}{
			{word: "green", outcome: "verified", status: "00", decision: "pass", from: "cache", http: "200", system: "suikang", good: 10},
			{word: "red", outcome: "verified", status: "10", decision: "deny", from: "cache", http: "200", system: "suikang", good: 10},
			{word: "odd", outcome: "verified", status: none, decision: "manual", from: "cache", http: "200", system: "suikang", good: 10},
			{word: "down", outcome: "unavailable", status: none, decision: "manual", http: "200"},
			{word: "refuse", kind: int(refused), http: "400", code: wire.CodeField.Code},
			{word: "busy", kind: int(refused), http: "503", code: wire.CodeOverloaded.Code},
		} {
			f := newFar(t)
			p := f.plan()
			p.Sign = sign
			r := f.run(p, &items{word: tt.word, n: 10})
			if !r.Exhausted || r.Interrupted || r.Requests != 10 || r.Latency.Max <= 0 || r.Trust.Checked != 10 || r.Failed() {
				t.Errorf("%s %s: %+v", sign, tt.word, r)
			}
			if r.Good != tt.good || r.count(byKind, kindNames[tt.kind]) != 10 {
				t.Errorf("%s %s: %d good, by kind %+v", sign, tt.word, r.Good, r.By[byKind])
			}
			for d, want := range map[int]string{byOutcome: tt.outcome, byStatus: tt.status, byDecision: tt.decision, byFrom: tt.from, byHTTP: tt.http, bySystem: tt.system, byCode: tt.code} {
				if rows := r.By[d].Rows; want == "" && len(rows) > 0 || want != "" && (len(rows) != 1 || r.count(d, want) != 10) {
					t.Errorf("%s %s: by %s: %+v, want %q alone", sign, tt.word, r.By[d].Name, rows, want)
				}
			}
			if tt.word == "busy" && r.Trust.RetryAfter != 10 {
				t.Errorf("%d refusals with Retry-After", r.Trust.RetryAfter)
			}
		}
	}
}

// replay sends what the server would have answered, with another body.
func replay(next http.Handler, w http.ResponseWriter, r *http.Request, change func(rec *httptest.ResponseRecorder) string) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := change(rec)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	io.WriteString(w, body)
}

func TestALyingGatewayMakesTheReportFail(t *testing.T) {
	for _, tt := range []struct {
		name        string
		word        string
		expect      *standard.Status
		tamper      func(http.Handler, http.ResponseWriter, *http.Request)
		forged      bool
		falseGreens bool
	}{
		{name: "green where the list says red", word: "green", expect: expect(standard.Red), falseGreens: true},
		{name: "green where the list says no status", word: "green", expect: expect(standard.None), falseGreens: true},
		{name: "green where the list says green", word: "green", expect: expect(standard.Green)},
		{name: "green where the list says nothing", word: "green"},
		{name: "red where the list says green", word: "red", expect: expect(standard.Green)},
		{name: "another body", word: "red", forged: true, tamper: func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			replay(next, w, r, func(rec *httptest.ResponseRecorder) string {
				return strings.Replace(rec.Body.String(), `"10"`, `"00"`, 1)
			})
		}},
		{name: "no signature", word: "red", forged: true, tamper: func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			replay(next, w, r, func(rec *httptest.ResponseRecorder) string {
				rec.Header().Del(wire.HeaderSign)
				return rec.Body.String()
			})
		}},
		{name: "two signatures", word: "red", forged: true, tamper: func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			replay(next, w, r, func(rec *httptest.ResponseRecorder) string {
				rec.Header().Add(wire.HeaderSign, rec.Header().Get(wire.HeaderSign))
				return rec.Body.String()
			})
		}},
		{name: "a web page", word: "red", forged: true, tamper: func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }},
		{name: "a status twice", word: "red", forged: true, tamper: func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			replay(next, w, r, func(rec *httptest.ResponseRecorder) string {
				return strings.Replace(rec.Body.String(), `"status":"10"`, `"status":"10","status":"10"`, 1)
			})
		}},
		{name: "a refusal that is a success", word: "red", forged: true, tamper: func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"code":"40102"}`) }},
		{name: "endless", word: "red", forged: true, tamper: func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2<<20)) }},
		{name: "an unsigned refusal", word: "red", tamper: func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(429)
			io.WriteString(w, `{"code":"42901"}`)
		}},
		{name: "a proxy's trouble", word: "red", tamper: func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no upstream", http.StatusBadGateway)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFar(t)
			f.tamper = tt.tamper
			r := f.run(f.plan(), &items{word: tt.word, n: 4, expect: tt.expect})
			if (r.Trust.Forged > 0) != tt.forged || (r.Trust.FalseGreens > 0) != tt.falseGreens || r.Failed() != (tt.forged || tt.falseGreens) {
				t.Errorf("%+v", r.Trust)
			}
			if r.Failed() && (len(r.Failures) == 0 || r.Good != 0) {
				t.Errorf("failed with %q and %d good answers", r.Failures, r.Good)
			}
		})
	}
}

func TestOtherStatusesThanListedAreCountedAndDoNotFail(t *testing.T) {
	f := newFar(t)
	if r := f.run(f.plan(), &items{word: "red", n: 4, expect: expect(standard.Green)}); r.Trust.Differing != 4 || r.Failed() {
		t.Errorf("%+v", r.Trust)
	}
}

func TestALieWhileWarmingUpFailsToo(t *testing.T) {
	f := newFar(t)
	p := f.plan()
	p.Hit, p.Warm = 1, 3
	f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if f.asked.Load() < 3 {
			replay(next, w, r, func(rec *httptest.ResponseRecorder) string { return rec.Body.String() + " " })
			return
		}
		next.ServeHTTP(w, r)
	}
	p.Duration = 50 * time.Millisecond
	r := f.run(p, &items{word: "green"})
	if r.Trust.Forged != 3 || !r.Failed() || r.count(byKind, "forged") != 0 {
		t.Errorf("%+v, %+v", r.Trust, r.By[byKind])
	}
}

func TestASampleOfSignaturesIsCheckedIfSoPlanned(t *testing.T) {
	f := newFar(t)
	p := f.plan()
	p.Verify = 0.2
	r := f.run(p, &items{word: "green", n: 1000})
	if r.Trust.Checked < 100 || r.Trust.Checked > 300 {
		t.Errorf("%d of 1000 checked", r.Trust.Checked)
	}
}

func TestTheHitRatioIsDrawnFromTheWarmSet(t *testing.T) {
	f := newFar(t)
	p := f.plan()
	p.Hit, p.Warm = 0.75, 20
	var mu sync.Mutex
	times := map[string]int{}
	f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		mu.Lock()
		times[string(body)]++
		mu.Unlock()
		next.ServeHTTP(w, r)
	}
	r := f.run(p, &items{word: "green", n: 20 + 500})
	hits, fresh := 0, 0
	for _, n := range times {
		if n == 1 {
			fresh++
		} else {
			hits += n - 1 // once to warm up
		}
	}
	if share := float64(hits) / float64(r.Requests); len(times) != 520 || fresh < 500 || share < 0.68 || share > 0.82 {
		t.Errorf("%d of %d requests are hits (%.2f); %d different scans, %d asked once", hits, r.Requests, share, len(times), fresh)
	}
}

func TestAWarmScanThatRunsOutIsReplaced(t *testing.T) {
	now := time.Now()
	d := newDeck(&items{word: "green", until: time.Minute}, 1, 2, now)
	before := d.draw(now.Add(59 * time.Second)).Name
	if before != "item 1" && before != "item 2" {
		t.Errorf("drew %s", before)
	}
	for range 100 {
		if q := d.draw(now.Add(61 * time.Second)); q.Name == "item 1" || q.Name == "item 2" {
			t.Fatalf("drew %s, which has run out", q.Name)
		}
	}
	if n := d.fresh(now).Name; n != "item 5" {
		t.Errorf("the next is %s: each of the two was to be replaced once", n)
	}
}

// TestAGatewayThatStandsStillCostsEveryRequestThatWasDue is the promise about coordinated omission.
func TestAGatewayThatStandsStillCostsEveryRequestThatWasDue(t *testing.T) {
	f := newFar(t)
	var once sync.Once
	var still sync.RWMutex
	f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			still.Lock()
			time.AfterFunc(400*time.Millisecond, still.Unlock)
		})
		still.RLock()
		defer still.RUnlock()
		next.ServeHTTP(w, r)
	}
	p := f.plan()
	p.Rate, p.Duration, p.Connections = 200, 600*time.Millisecond, 1
	r := f.run(p, &items{word: "green"})
	if r.Requests != 120 || r.Good != 120 {
		t.Fatalf("%d requests, %d good", r.Requests, r.Good)
	}
	// 80 were due while it stood still, evenly: half of those, a third of all, are 200 ms late at least.
	if r.Latency.P50 < 80 || r.Latency.P90 < 200 || r.Latency.Max < 380 {
		t.Errorf("%+v", r.Latency)
	}
}

func TestWhatIsNotSentWithinThePatienceIsCounted(t *testing.T) {
	f := newFar(t)
	release := make(chan struct{})
	f.tamper = func(_ http.Handler, _ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}
	defer close(release)
	p := f.plan()
	p.Rate, p.Duration, p.Connections, p.Patience = 100, 300*time.Millisecond, 1, 100*time.Millisecond
	r := f.run(p, &items{word: "green"})
	lates, unsents := r.count(byKind, "late"), r.count(byKind, "unsent")
	if r.Requests != 30 || lates == 0 || lates+unsents != 30 || r.Good != 0 {
		t.Errorf("%d requests: %+v", r.Requests, r.By[byKind])
	}
	if r.Latency.P50 < 100 {
		t.Errorf("who got nothing seems to have waited for %v ms", r.Latency.P50)
	}

	w := &worker{run: &run{plan: &p}, shard: newShard()}
	w.send(t.Context(), nil, time.Now().Add(-150*time.Millisecond))
	if w.shard.number(byKind, "unsent") != 1 || w.shard.all.Max() < 150_000 || w.done.Load() != 1 {
		t.Error("what was due longer ago than anybody waits is not counted as unsent")
	}
}

func TestAStoppedRunReportsWhatWasDone(t *testing.T) {
	f := newFar(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hanging := make(chan struct{})
	f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if f.asked.Load() < 10 {
			next.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		hanging <- struct{}{}
		<-r.Context().Done()
	}
	go func() {
		<-hanging
		cancel()
	}()
	p := f.plan()
	p.Connections = 1
	begin := time.Now()
	r, err := Run(ctx, p, &items{word: "green"}, nil)
	if err != nil || !r.Interrupted || r.Requests != 10 || r.Good != 10 || time.Since(begin) > 4*time.Second {
		t.Errorf("%+v, %v after %s", r, err, time.Since(begin))
	}
}

func TestABeginningThatFailsIsTold(t *testing.T) {
	f := newFar(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct {
		name   string
		change func(*Plan)
		want   error
	}{
		{"nobody there", func(p *Plan) { p.URL = gone.URL }, ErrUnreachable},
		{"another gateway's key", func(p *Plan) { p.GatewayKey = newKey(t).Public() }, ErrSignature},
	} {
		p := f.plan()
		tt.change(&p)
		if _, err := Run(t.Context(), p, &items{word: "green"}, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for code, change := range map[*wire.Code]func(*Plan){
		wire.CodeCaller:    func(p *Plan) { p.Rid = "stranger" },
		wire.CodeSignature: func(p *Plan) { p.Key = newKey(t) },
	} {
		p := f.plan()
		change(&p)
		_, err := Run(t.Context(), p, &items{word: "green"}, nil)
		if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Code != code {
			t.Errorf("want %s: %v", code.Name, err)
		}
	}
}

func TestAWrongClockIsMended(t *testing.T) {
	f := newFar(t)
	f.ahead = time.Hour
	if r := f.run(f.plan(), &items{word: "green", n: 3}); r.Good != 3 {
		t.Errorf("%+v", r.By[byKind])
	}
}

func TestASessionIsReplacedBeforeItEnds(t *testing.T) {
	for duration, want := range map[time.Duration]time.Duration{time.Second: 2*time.Minute + time.Second, 30 * time.Minute: 32 * time.Minute, time.Hour: time.Hour} {
		p := Plan{Duration: duration}
		if p.lifetime() != want || p.renewal() >= p.lifetime() {
			t.Errorf("%s: a session of %s, replaced after %s", duration, p.lifetime(), p.renewal())
		}
	}
}

func TestAnAddressThatIsNotThisMachineIsNotCalled(t *testing.T) {
	for address, ok := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "127.9.9.9:80": true, "192.0.2.1:80": false, "[2001:db8::1]:443": false, "0.0.0.0:80": false} {
		if err := onlyLoopback("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	f := newFar(t)
	p := f.plan()
	_, port, _ := net.SplitHostPort(f.http.Listener.Addr().String())
	p.URL = "http://localhost:" + port
	f.run(p, &items{word: "green", n: 1})
}

func TestPlansThatCannotBeMeantAreRefused(t *testing.T) {
	f := newFar(t)
	for what, change := range map[string]func(*Plan){
		"rate":        func(p *Plan) { p.Rate = MaxRate + 1 },
		"connections": func(p *Plan) { p.Connections = MaxConnections + 1 },
		"duration":    func(p *Plan) { p.Duration = MaxDuration + 1 },
		"hit":         func(p *Plan) { p.Hit = 1.1 },
		"warm":        func(p *Plan) { p.Hit = 0.5 },
		"signatures":  func(p *Plan) { p.Verify = -1 },
		"patience":    func(p *Plan) { p.Patience = 0 },
		"sign":        func(p *Plan) { p.Sign = "none" },
		"caller":      func(p *Plan) { p.Key = nil },
		"gateway":     func(p *Plan) { p.GatewayID = "" },
		"URL":         func(p *Plan) { p.URL = "http://127.0.0.1/v1" },
		"this mach":   func(p *Plan) { p.URL = "https://gateway.example" },
		"allowed":     func(p *Plan) { p.URL, p.Remote = "https://gateway.example", "other.example" },
	} {
		p := f.plan()
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := f.plan()
	p.URL, p.Remote = "https://gateway.example", "gateway.example"
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}
