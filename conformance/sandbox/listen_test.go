package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, s *Sandbox) *Listeners {
	t.Helper()
	l, err := s.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return l
}

func readAll(resp *http.Response) (string, error) {
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// get fetches a token of suishen, whatever it is.
func get(url string) error {
	resp, err := http.Get(url + "/gateway/auth/accesstoken/create")
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func setFault(t *testing.T, url, body string) (int, map[string]string) {
	t.Helper()
	resp, err := http.Post(url+"/_sandbox/fault", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var reply map[string]string
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, reply
}

func TestListenersServeEachSystem(t *testing.T) {
	s := New(Options{})
	l := listen(t, s)
	for _, system := range systems {
		if url := l.URLs()[system]; !strings.HasPrefix(url, "http://127.0.0.1:") || get(url) != nil {
			t.Errorf("%s at %q does not answer", system, url)
		}
	}
	if _, err := s.Listen(nil); err == nil {
		t.Error("the sandbox listens twice")
	}
}

func TestRefusedConnectionsAreRefusedAndComeBack(t *testing.T) {
	l := listen(t, New(Options{}))
	url := l.URLs()[Suishen]
	if err := get(url); err != nil {
		t.Fatal(err)
	}
	// The call comes in by the port that it closes, and gets its reply.
	if status, reply := setFault(t, url, `{"kind":"refuse"}`); status != 200 || reply[Suishen] != "refuse" || reply[Suikang] != "off" {
		t.Fatalf("%d %v", status, reply)
	}
	if err := get(url); err == nil {
		t.Error("an old connection is still answered")
	}
	http.DefaultClient.CloseIdleConnections()
	if err := get(url); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
	if err := get(l.URLs()[Suikang]); err != nil {
		t.Errorf("another system: %v", err)
	}
	if status, reply := setFault(t, l.AdminURL(), `{"system":"suishen","kind":"off"}`); status != 200 || reply[Suishen] != "off" {
		t.Fatalf("%d %v", status, reply)
	}
	if err := get(url); err != nil {
		t.Errorf("after it is off: %v", err)
	}
}

func TestAFaultSetBeforehandHoldsWhenPortsOpen(t *testing.T) {
	l := listen(t, faulty(t, "refuse"))
	if err := get(l.URLs()[Suishen]); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
}

func TestResetConnectionsAreReset(t *testing.T) {
	l := listen(t, faulty(t, "reset"))
	if err := get(l.URLs()[Suishen]); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
	if status, _ := setFault(t, l.URLs()[Suishen], `{"kind":"off"}`); status != 200 || get(l.URLs()[Suishen]) != nil {
		t.Error("the fault cannot be ended")
	}
}

func TestHugeEndsWhenTheClientHasHadEnough(t *testing.T) {
	l := listen(t, faulty(t, "huge"))
	resp, err := http.Get(l.URLs()[Suishen])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
		t.Error(err)
	}
	resp.Body.Close() // what is left over is a leak, which TestMain finds
}

func TestCloseEndsCallsThatHang(t *testing.T) {
	s := faulty(t, "hang")
	l, err := s.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The backend asks for the body when it begins to hang.
	const n = 3
	hanging := make(chan struct{}, n)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { hanging <- struct{}{} }})
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, "POST", l.URLs()[Suishen], strings.NewReader("body"))
			r.Header.Set("Expect", "100-continue")
			if resp, err := http.DefaultClient.Do(r); err == nil {
				resp.Body.Close()
				t.Error("a hanging call is answered")
			}
		})
	}
	for range n {
		<-hanging
	}
	began := time.Now()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	calls.Wait()
	if took := time.Since(began); took >= closeWait {
		t.Errorf("Close took %s: it has told nobody to end", took)
	}
	http.DefaultClient.CloseIdleConnections()
	listen(t, s) // a closed sandbox can be opened again
}

func TestListenTakesLoopbackAddressesOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		if l, err := New(Options{}).Listen(map[string]string{Hangzhou: addr}); err == nil {
			l.Close()
			t.Errorf("%s is taken", addr)
		}
	}
	if _, err := New(Options{}).Listen(map[string]string{"nowhere": "127.0.0.1:0"}); err == nil {
		t.Error("an unknown system is taken")
	}
	l, err := New(Options{}).Listen(map[string]string{Suikang: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestAdminCalls(t *testing.T) {
	s := New(at(noon))
	fault := func(system string) http.Handler { return s.Handler(system) }
	tests := []struct {
		name    string
		handler http.Handler
		method  string
		body    string
		header  []string
		status  int
		holds   string
	}{
		{"own system", fault(Suikang), "POST", `{"kind":"hang"}`, jsonHeader, 200, `"suikang":"hang"`},
		{"another system", fault(Suikang), "POST", `{"system":"hangzhou","kind":"html"}`, jsonHeader, 200, `"hangzhou":"html"`},
		{"while it hangs", fault(Suikang), "GET", "", nil, 200, `"suikang":"hang"`},
		{"no fault", fault(Suikang), "POST", `{"kind":"off"}`, jsonHeader, 200, `"suikang":"off"`},
		{"unknown kind", fault(Suikang), "POST", `{"kind":"explode"}`, jsonHeader, 400, "unknown-status"},
		{"unknown system", fault(Suikang), "POST", `{"system":"x","kind":"off"}`, jsonHeader, 400, "hangzhou"},
		{"no system on the admin port", s.admin(""), "POST", `{"kind":"off"}`, jsonHeader, 400, "hangzhou"},
		{"not JSON", fault(Suikang), "POST", `kind=off`, jsonHeader, 400, "kind"},
		{"a form, as a web page could send", fault(Suikang), "POST", `kind=off`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, ""},
		{"DELETE", fault(Suikang), "DELETE", "", nil, 405, ""},
	}
	for _, tt := range tests {
		w := do(t, tt.handler, tt.method, "/_sandbox/fault", tt.body, tt.header...)
		if w.status != tt.status || !strings.Contains(w.body.String(), tt.holds) {
			t.Errorf("%s: %d %s", tt.name, w.status, w.body.String())
		}
	}
}

func TestAdminCallsComeFromThisMachineOnly(t *testing.T) {
	s := New(at(noon))
	for _, remote := range []string{"192.0.2.1:1", "", "@"} {
		r, _ := http.NewRequestWithContext(context.Background(), "GET", "/_sandbox/fault", nil)
		r.RemoteAddr = remote
		w := &capture{header: http.Header{}, status: 200}
		s.Handler(Suishen).ServeHTTP(w, r)
		if w.status != http.StatusForbidden {
			t.Errorf("from %q: %d", remote, w.status)
		}
	}
}
