package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

func newHost(t testing.TB, endpoint string) *Host {
	t.Helper()
	h, err := NewHost(HostConfig{Endpoint: endpoint, Connections: 4, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func serve(t testing.TB, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server
}

// raw answers every connection's first request with these bytes and closes it, with a reset if bytes is "".
func raw(t *testing.T, bytes string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.Copy(io.Discard, request.Body)
			}
			if bytes == "" {
				conn.(*net.TCPConn).SetLinger(0)
			}
			io.WriteString(conn, bytes)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "http://" + listener.Addr().String()
}

func TestSendMakesExactlyTheRequestOfTheCall(t *testing.T) {
	var got *http.Request
	var gotBody []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		gotBody, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Reply", "yes")
		w.WriteHeader(418)
		io.WriteString(w, "pot")
	})
	reply, err := newHost(t, server.URL+"/base/").Send(t.Context(), &adapters.Call{
		Method: "POST", Target: "/a%2Fb/c?x=1&y=%20z&x=2", MaxReply: 100,
		Header: []adapters.HeaderField{{Name: "x-tif-PAASID", Value: "p"}, {Name: "content-type", Value: "application/json"}, {Name: "user-agent", Value: "device/1"}},
		Body:   []byte(`{"scan":"…"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if reply.Status != 418 || string(reply.Body) != "pot" || reply.Header.Get("X-Reply") != "yes" {
		t.Errorf("reply %+v", reply)
	}
	if got.Method != "POST" || got.RequestURI != "/base/a%2Fb/c?x=1&y=%20z&x=2" || string(gotBody) != `{"scan":"…"}` {
		t.Errorf("%s %s %s", got.Method, got.RequestURI, gotBody)
	}
	want := http.Header{"X-Tif-Paasid": {"p"}, "Content-Type": {"application/json"}, "User-Agent": {"device/1"}, "Content-Length": {"14"}}
	if len(got.Header) != len(want) {
		t.Errorf("header %v", got.Header)
	}
	for name, values := range want {
		if fmt.Sprint(got.Header[name]) != fmt.Sprint(values) {
			t.Errorf("%s: %q, want %q", name, got.Header[name], values)
		}
	}
}

func TestHeaderNamesGoOutAsWritten(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	seen := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		n, _ := conn.Read(buf)
		seen <- string(buf[:n])
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}()
	_, err = newHost(t, "http://"+listener.Addr().String()).Send(t.Context(), &adapters.Call{
		Method: "GET", Target: "/", Header: []adapters.HeaderField{{Name: "appKey", Value: "k"}, {Name: "elementsVersion", Value: "1.00"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	request := <-seen
	for _, line := range []string{"\r\nappKey: k\r\n", "\r\nelementsVersion: 1.00\r\n"} {
		if !strings.Contains(request, line) {
			t.Errorf("%q is not in %q", line, request)
		}
	}
	if strings.Contains(request, "Accept-Encoding") {
		t.Errorf("compression is asked for: %q", request)
	}
}

func TestARedirectIsAReplyAndIsNotFollowed(t *testing.T) {
	called := false
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { called = true })
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	})
	h := newHost(t, server.URL)
	reply, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/"})
	if err != nil || reply.Status != http.StatusFound || called {
		t.Errorf("%+v, %v; followed: %v", reply, err, called)
	}
}

func TestNoCookieIsKept(t *testing.T) {
	var cookies []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
	})
	h := newHost(t, server.URL)
	for range 2 {
		if _, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/"}); err != nil {
			t.Fatal(err)
		}
	}
	if cookies[0]+cookies[1] != "" {
		t.Errorf("cookies sent: %q", cookies)
	}
}

func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	asked := false
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	t.Setenv("HTTP_PROXY", proxy.URL)
	newHost(t, "http://backend.invalid").Send(t.Context(), &adapters.Call{Method: "GET", Target: "/"})
	if asked {
		t.Error("a proxy is asked")
	}
}

func TestOnlyConfiguredEndpointsAreCalled(t *testing.T) {
	h := newHost(t, "http://127.0.0.1:1")
	for _, c := range []adapters.Call{
		{Target: "//evil.example/"},
		{Target: "@evil.example/"},
		{Target: ".evil.example/"},
		{Target: ":80@evil.example/"},
		{Target: "http://evil.example/"},
		{Target: ""},
		{Target: "/a b"},
		{Target: "/a\r\nHost: evil.example"},
		{Target: "/a#b"},
		{Target: "/\\evil.example"},
		{Target: "/码"},
		{Target: "/", Endpoint: "elsewhere"},
		{Target: "/", Header: []adapters.HeaderField{{Name: "host", Value: "evil.example"}}},
		{Target: "/", Header: []adapters.HeaderField{{Name: "content-length", Value: "5"}}},
		{Target: "/", Header: []adapters.HeaderField{{Name: "Transfer-Encoding", Value: "chunked"}}},
	} {
		c.Method = "GET"
		_, err := h.Send(t.Context(), &c)
		if r := reasonOf(err); r != standard.ReasonFault && r != standard.ReasonUnset {
			t.Errorf("%q %q %v: %v", c.Endpoint, c.Target, c.Header, err)
		}
	}
}

func TestASystemWithoutAnEndpointSaysSo(t *testing.T) {
	if _, err := newHost(t, "").Send(t.Context(), &adapters.Call{Method: "GET", Target: "/"}); reasonOf(err) != standard.ReasonUnset {
		t.Error(err)
	}
}

func TestEndpointsAreBareURLs(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:80", "ftp://a", "http://", "http://u:secret@a", "http://a?x=1", "http://a?", "http://a#f", "http://a b", "http://%zz"} {
		if _, err := NewHost(HostConfig{Endpoint: endpoint}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if _, err := NewHost(HostConfig{Endpoint: "http://a", Endpoints: map[string]string{"token": "nonsense"}}); err == nil || !strings.Contains(err.Error(), `"token"`) {
		t.Errorf("a bad named endpoint: %v", err)
	}
}

func TestTroubleHasItsReason(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	gone := make(chan struct{})
	hanging := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gone:
		case <-r.Context().Done():
		}
	})
	dripping := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		select {
		case <-gone:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(gone) })
	huge := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for piece := strings.Repeat("x", 4096); ; {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	})
	for _, c := range []struct {
		name, endpoint string
		reason         standard.ReasonCode
	}{
		{"refused", "http://" + closed.Addr().String(), standard.ReasonUnreachable},
		{"reset before anything", raw(t, ""), standard.ReasonUnreachable},
		{"name unknown", "http://backend.invalid", standard.ReasonUnreachable},
		{"hangs", hanging.URL, standard.ReasonTimeout},
		{"drips", dripping.URL, standard.ReasonTimeout},
		{"not HTTP", raw(t, "220 ftp 310000190001010000\r\n\r\n"), standard.ReasonFault},
		{"cut off", raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"half"), standard.ReasonFault},
		{"chunk cut off", raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{\"half"), standard.ReasonFault},
		{"a part", raw(t, "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}"), standard.ReasonFault},
		{"says it is long", raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"), standard.ReasonFault},
		{"is long", huge.URL, standard.ReasonFault},
		{"header too long", raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<17)+"\r\n\r\n"), standard.ReasonFault},
	} {
		_, err := newHost(t, c.endpoint).Send(t.Context(), &adapters.Call{
			Method: "POST", Target: "/q?secret=query", Body: []byte("secret body"), MaxReply: 1 << 10, Timeout: 150 * time.Millisecond,
			Header: []adapters.HeaderField{{Name: "token", Value: "secret token"}},
		})
		var fault *adapters.Fault
		if !errors.As(err, &fault) || fault.Reason != c.reason {
			t.Errorf("%s: %v, want %s", c.name, err, c.reason)
			continue
		}
		if text := fmt.Sprintf("%v %+v", err, fault); strings.Contains(text, "secret") || strings.Contains(text, "310000") {
			t.Errorf("%s: the error tells too much: %s", c.name, text)
		}
	}
}

func TestAnUntrustedCertificateIsAFault(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	_, err := newHost(t, server.URL).Send(t.Context(), &adapters.Call{Method: "GET", Target: "/"})
	if reasonOf(err) != standard.ReasonFault {
		t.Error(err)
	}
}

func TestAHeaderCannotBeSplit(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the request went out") })
	for _, f := range []adapters.HeaderField{{Name: "a", Value: "b\r\nc: d"}, {Name: "a\r\nb", Value: "c"}, {Name: "a", Value: "b\x00"}, {Name: "", Value: "x"}} {
		_, err := newHost(t, server.URL).Send(t.Context(), &adapters.Call{Method: "GET", Target: "/", Header: []adapters.HeaderField{f}})
		if err == nil {
			t.Errorf("%q was sent", f)
		}
	}
}

func TestNoMemoryIsMadeForAReplyThatSaysItIsTooLong(t *testing.T) {
	h := newHost(t, raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n"))
	if _, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/"}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestAReplyOfExactlyTheLimitIsRead(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if chunked {
				w.(http.Flusher).Flush()
			}
			io.WriteString(w, "0123456789")
		})
		h := newHost(t, server.URL)
		if reply, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/", MaxReply: 10}); err != nil || len(reply.Body) != 10 {
			t.Errorf("chunked %v: %v", chunked, err)
		}
		if _, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/", MaxReply: 9}); reasonOf(err) != standard.ReasonFault {
			t.Errorf("chunked %v: one byte too many: %v", chunked, err)
		}
	}
}

func TestTheConfigurationOverridesTheCallsLimits(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "0123456789") })
	h, err := NewHost(HostConfig{Endpoint: server.URL, MaxReply: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/", MaxReply: 10}); reasonOf(err) != standard.ReasonFault {
		t.Error(err)
	}
}

func TestACancelledCallIsNobodysFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	_, err := newHost(t, server.URL).Send(ctx, &adapters.Call{Method: "GET", Target: "/"})
	if !errors.Is(err, context.Canceled) || !isExcluded(err) {
		t.Error(err)
	}
}

func BenchmarkSend(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"code":"0","data":"{}"}`) })
	call := &adapters.Call{Method: "POST", Target: "/gateway/x?y=1", Body: []byte(`{"data":"https://s.sh.gov.cn/00112233445566778899aabbccddeeff1642941877000"}`), MaxReply: 1 << 16,
		Header: []adapters.HeaderField{{Name: "Content-Type", Value: "application/json"}, {Name: "access_token", Value: "T"}}}
	b.Run("host", func(b *testing.B) {
		h := newHost(b, server.URL)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Send(b.Context(), call); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http alone", func(b *testing.B) {
		client := &http.Client{Transport: newTransport(4, Reach{})}
		defer client.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			request, _ := http.NewRequestWithContext(b.Context(), call.Method, server.URL+call.Target, strings.NewReader(string(call.Body)))
			request.Header = http.Header{"Content-Type": {"application/json"}, "access_token": {"T"}}
			response, err := client.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
}
