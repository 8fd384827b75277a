package sandbox

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// faulty gives a sandbox whose systems all have the fault.
func faulty(t *testing.T, kind string) *Sandbox {
	t.Helper()
	s := New(at(noon))
	for _, system := range systems {
		if err := s.SetFault(system, kind); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// token is a call that each system answers without further ado.
func token(t *testing.T, s *Sandbox, system string) *capture {
	t.Helper()
	a := newAsker(t, s, system, func() time.Time { return noon })
	if _, ok := regionOf(system); ok {
		w, _ := a.call(`{"scan":"x"}`, nextNonce(), nil)
		return w
	}
	switch system {
	case Suishen:
		return do(t, a.handler, "GET", "/gateway/auth/accesstoken/create?appId=demo-suishen&appSecret=made-up-suishen-secret", "")
	case Suikang:
		return do(t, a.handler, "POST", suikangStatusPath+str(object(t, s.People(system)[0].Scan)["codeId"])+"?color=true", "", a.tif()...)
	case Yuekang:
		return do(t, a.handler, "POST", yuekangInit, a.yuekangInit(), jsonHeader...)
	case Yukang:
		return do(t, a.handler, "POST", yukangByCode, a.sm4Body(`{"codeId":"0"}`), jsonHeader...)
	case Sukang:
		return do(t, a.handler, "POST", sukangParse, a.sukangForm("https://example.invalid/").Encode(), formHeader...)
	case Ankang:
		return do(t, a.handler, "POST", ankangCheck, a.ankangAsk("akm:qrcode:0"), jsonHeader...)
	case Guokang:
		return do(t, a.handler, "POST", guokangVerify, a.guokangAsk("x"), jsonHeader...)
	case Gjgxjhpt:
		return do(t, a.handler, "POST", gjgxjhptRefresh, a.gjgxjhptRefresh(), a.gjgxjhptHeader(a.cred["appKey"])...)
	case Jilin:
		return do(t, a.handler, "POST", jilinSearch, a.jilinAsk("x"), a.jilinHeader()...)
	case Sichuan:
		return do(t, a.handler, "POST", sichuanHealth, `{"qr_code":"x"}`, jsonHeader...)
	case Fujian:
		return do(t, a.handler, "POST", fujianHealth, `{"qr_code":"x"}`, append(a.tif(), jsonHeader...)...)
	case Beijing:
		return do(t, a.handler, "GET", jkbTime, "")
	case Hebei:
		return do(t, a.handler, "POST", hebeiValidate, `{"bizExtData":"0"}`, jsonHeader...)
	}
	return do(t, a.handler, "POST", byKey, "", a.signed(a.cred["appSecret"])...)
}

func TestFaultsAnswer(t *testing.T) {
	tests := []struct {
		kind        string
		status      int
		contentType string
		holds       func(body string) bool
	}{
		{Off, 200, "application/json", func(b string) bool { return strings.HasSuffix(b, "}") }},
		{"5xx", 502, "text/html", func(b string) bool { return strings.Contains(b, "502") }},
		{"malformed", 200, "application/json", func(b string) bool { return strings.HasPrefix(b, `{"`) && !strings.HasSuffix(b, "}") }},
		{"null", 200, "application/json", func(b string) bool { return b == "null" }},
		{"html", 200, "text/html", func(b string) bool { return strings.HasPrefix(b, "<html>") }},
	}
	for _, tt := range tests {
		s := faulty(t, tt.kind)
		for _, system := range systems {
			w := token(t, s, system)
			if w.status != tt.status || !strings.HasPrefix(w.header.Get("Content-Type"), tt.contentType) || !tt.holds(w.body.String()) {
				t.Errorf("%s %s: %d %s, %d bytes", system, tt.kind, w.status, w.header.Get("Content-Type"), w.body.Len())
			}
		}
	}
}

// counter is an answer of which only the length is kept.
type counter struct {
	header http.Header
	n      int
}

func (c *counter) Header() http.Header         { return c.header }
func (c *counter) WriteHeader(int)             {}
func (c *counter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }

func TestFaultHugeIsAHundredMegabytes(t *testing.T) {
	w := &counter{header: http.Header{}}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
	faulty(t, "huge").Handler(Suikang).ServeHTTP(w, r)
	if w.n < 100_000_000 || w.n > 110_000_000 {
		t.Errorf("%d bytes", w.n)
	}
}

func TestFaultTruncatedPromisesMoreThanItSends(t *testing.T) {
	s := faulty(t, "truncated")
	l := listen(t, s)
	resp, err := http.Get(l.URLs()[Suishen] + "/gateway/auth/accesstoken/create")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := readAll(resp)
	if err == nil || !strings.HasSuffix(body, "}") || resp.ContentLength != int64(len(body)+64) {
		t.Errorf("error %v, length %d, body %s", err, resp.ContentLength, body)
	}
}

func TestFaultBusyIsTheSystemsOwn(t *testing.T) {
	s := faulty(t, "busy")
	for _, system := range []string{Suishen, Suikang, Yuekang, Yukang, Sukang, Ankang, Beijing, Gjgxjhpt, Jilin, Sichuan, Fujian} {
		if w := token(t, s, system); w.status != 429 || w.header.Get("Retry-After") != "2" {
			t.Errorf("%s: %d, Retry-After %q", system, w.status, w.header.Get("Retry-After"))
		}
	}
	a := newAsker(t, s, Hangzhou, func() time.Time { return noon })
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret // secrets are given all the same
	if reply := a.dataCall("interfaceById", "{}", secret); reply["code"] != "18" || reply["datas"] != "" {
		t.Errorf("hangzhou: %v", reply)
	}
	if w := token(t, s, Guokang); w.status != 200 || !strings.HasPrefix(w.body.String(), `{"code":40006,`) {
		t.Errorf("guokang: %d %s", w.status, w.body.String())
	}
	if w := token(t, s, Hebei); w.status != 200 || !strings.HasPrefix(w.body.String(), `{"errcode":1,"errmsg":"当前用户过多"`) {
		t.Errorf("hebei: %d %s", w.status, w.body.String())
	}
}

func TestFaultUnknownStatusIsNoColourForAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // for the slow ones
		s := faulty(t, unknownStatus)
		for _, system := range systems {
			a := newAsker(t, s, system, func() time.Time { return noon })
			for _, p := range s.Everyone(system) {
				if got := a.ask(p); got.outcome != p.Outcome || got.status != "" {
					t.Errorf("%s (%s): %s %q", system, p.Note, got.outcome, got.status)
				}
			}
		}
	})
}

func TestFaultDripTakesATenthOfASecondForAByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulty(t, "drip")
		began := time.Now()
		w := token(t, s, Suikang)
		if took, want := time.Since(began), time.Duration(w.body.Len())*dripPause; took != want || !strings.HasSuffix(w.body.String(), "}") {
			t.Errorf("%d bytes took %s: %s", w.body.Len(), took, w.body.String())
		}
	})
}

func TestFaultsEndWhenTheClientGoes(t *testing.T) {
	for _, kind := range []string{"hang", "drip"} {
		synctest.Test(t, func(t *testing.T) {
			s := faulty(t, kind)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan any)
			go func() {
				defer func() { ended <- recover() }()
				r, _ := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1/gateway/auth/accesstoken/create", strings.NewReader(""))
				s.Handler(Suishen).ServeHTTP(&capture{header: http.Header{}}, r)
			}()
			time.Sleep(time.Second) // of the bubble's clock
			select {
			case <-ended:
				t.Errorf("%s ended by itself", kind)
				return
			default:
			}
			cancel()
			if got := <-ended; got != http.ErrAbortHandler {
				t.Errorf("%s ended with %v", kind, got)
			}
		})
	}
}

func TestSetFaultKnowsItsTable(t *testing.T) {
	s := New(at(noon))
	want := strings.Fields("refuse reset hang drip 5xx busy malformed truncated null html unknown-status huge")
	if got := faultKinds(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("faults %v, want %v", got, want)
	}
	for _, f := range Faults() {
		if f.Zh == "" || f.En == "" {
			t.Errorf("%s has no words", f.Kind)
		}
		if err := s.SetFault(Suishen, f.Kind); err != nil || s.Fault(Suishen) != f.Kind || s.Fault(Suikang) != Off {
			t.Errorf("%s: %v, %s", f.Kind, err, s.Fault(Suishen))
		}
	}
	for _, bad := range [][2]string{{"nowhere", "hang"}, {Suishen, "explode"}, {Suishen, ""}} {
		if err := s.SetFault(bad[0], bad[1]); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}
