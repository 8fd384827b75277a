package upstream

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongma/adapters"
)

// counted serves f and counts the connections that are made for it.
func counted(t *testing.T, f http.HandlerFunc) (string, *atomic.Int64) {
	t.Helper()
	var made atomic.Int64
	server := httptest.NewUnstartedServer(f)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, &made
}

func get(h *Host) (string, error) {
	reply, err := h.Send(context.Background(), &adapters.Call{Method: "GET", Target: "/", MaxReply: 1 << 10})
	if err != nil {
		return "", err
	}
	return string(reply.Body), nil
}

func TestOneConnectionServesCallAfterCall(t *testing.T) {
	for name, f := range map[string]http.HandlerFunc{
		"with a length": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") },
		"chunked":       func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); io.WriteString(w, "ok") },
		"empty":         func(w http.ResponseWriter, _ *http.Request) {},
		"no content":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"after an interim reply": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "ok")
		},
	} {
		url, made := counted(t, f)
		h := newHost(t, url)
		h.transport.settle = 0
		for range 5 {
			if _, err := get(h); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if made.Load() != 1 {
			t.Errorf("%s: %d connections for five calls", name, made.Load())
		}
	}
}

func TestACallSaysItsLength(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		for _, body := range []string{"", "{}"} {
			if method == "GET" && body != "" {
				continue // has none
			}
			server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				if len(r.TransferEncoding) > 0 || r.ContentLength != int64(len(body)) {
					t.Errorf("%s with %q: length %d, coding %q", method, body, r.ContentLength, r.TransferEncoding)
				}
			})
			if _, err := newHost(t, server.URL).Send(t.Context(), &adapters.Call{Method: method, Target: "/", Body: []byte(body)}); err != nil {
				t.Errorf("%s: %v", method, err)
			}
		}
	}
}

func TestAConnectionIsGivenUp(t *testing.T) {
	for name, f := range map[string]http.HandlerFunc{
		"that the backend closes":    func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") },
		"of which the reply is long": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 2<<10)) },
	} {
		url, made := counted(t, f)
		h := newHost(t, url)
		get(h)
		get(h)
		if made.Load() != 2 {
			t.Errorf("%s: %d connections for two calls", name, made.Load())
		}
	}
}

// scripted speaks on its connections, one after the other, what speak does. It ends with the test.
func scripted(t *testing.T, speak func(n int, c net.Conn, request func())) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for n := 0; ; n++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				buf := make([]byte, 4096)
				speak(n, c, func() { c.Read(buf) })
			})
		}
	})
	t.Cleanup(func() { listener.Close(); group.Wait() })
	return "http://" + listener.Addr().String()
}

func reply(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// TestWhatNobodyAskedForAnswersNobody: bytes that a backend sends after a reply could be another person's.
func TestWhatNobodyAskedForAnswersNobody(t *testing.T) {
	sent := make(chan struct{}, 4)
	for name, first := range map[string]func(c net.Conn){
		"with the reply": func(c net.Conn) { io.WriteString(c, reply("own")+reply("another's")) },
		"after the reply": func(c net.Conn) {
			io.WriteString(c, reply("own"))
			<-sent
			io.WriteString(c, reply("another's"))
			sent <- struct{}{}
		},
		"and it closes": func(c net.Conn) { io.WriteString(c, reply("own")); <-sent; c.Close(); sent <- struct{}{} },
	} {
		url := scripted(t, func(n int, c net.Conn, request func()) {
			request()
			if n > 0 {
				io.WriteString(c, reply("own"))
				request()
				return
			}
			first(c)
			request()
		})
		h := newHost(t, url)
		if body, err := get(h); body != "own" || err != nil {
			t.Errorf("%s: first %q, %v", name, body, err)
		}
		if name != "with the reply" {
			sent <- struct{}{} // go on
			<-sent             // done
		}
		if body, err := get(h); body != "own" || err != nil {
			t.Errorf("%s: then %q, %v", name, body, err)
		}
		h.Close()
	}
}

// TestWhatTLSHasReadAheadAnswersNobody: one TLS record can hold a reply and more, of which the socket then shows nothing.
func TestWhatTLSHasReadAheadAnswersNobody(t *testing.T) {
	certificate, roots := selfSigned(t)
	url := scripted(t, func(n int, c net.Conn, request func()) {
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}, DynamicRecordSizingDisabled: true})
		buf := make([]byte, 4096)
		for first := n == 0; ; first = false {
			if _, err := secure.Read(buf); err != nil {
				return
			}
			text := reply(strings.Repeat("o", 12<<10)) // so long that its end is read past our own buffer
			if first {
				text += reply("another's")
			}
			io.WriteString(secure, text)
		}
	})
	h := newHost(t, "https"+strings.TrimPrefix(url, "http"))
	defer h.Close()
	h.transport.tls.RootCAs = roots
	for i := range 4 {
		reply, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/", MaxReply: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		if body := strings.Trim(string(reply.Body), "o"); body != "" {
			t.Errorf("call %d was answered %q", i, body)
		}
	}
}

func TestOneTLSConnectionServesCallAfterCall(t *testing.T) {
	certificate, roots := selfSigned(t)
	var made atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			made.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	h := newHost(t, server.URL)
	defer h.Close()
	h.transport.tls.RootCAs = roots
	h.transport.settle = 0
	for range 5 {
		if body, err := get(h); body != "ok" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	}
	if made.Load() != 1 {
		t.Errorf("%d connections for five calls", made.Load())
	}
}

// selfSigned makes a certificate for 127.0.0.1 and the roots that trust it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestOnlyAnInterimReplyIsReadOver(t *testing.T) {
	for _, status := range []string{"000 Nothing", "042 Answer", "101 Switching Protocols"} {
		url := raw(t, "HTTP/1.1 "+status+"\r\n\r\n"+reply("ok"))
		if body, err := get(newHost(t, url)); err == nil {
			t.Errorf("%s: %q", status, body)
		}
	}
}

func TestInterimRepliesHaveAnEnd(t *testing.T) {
	url := raw(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1<<14)+reply("ok"))
	if _, err := get(newHost(t, url)); err == nil {
		t.Error("16,384 interim replies were read")
	}
}

// A backend that answers one call twice would shift every later answer to the next person.
func TestASecondReplyToOneCallIsNobodysAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answered := make(chan struct{}, 1) // a call, and that twice
	serve := func(c net.Conn) {
		defer c.Close()
		for in := bufio.NewReader(c); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			who := reply(r.URL.Query().Get("who"))
			io.WriteString(c, who)
			time.Sleep(time.Millisecond)
			io.WriteString(c, who)
			answered <- struct{}{}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	h := newHost(t, "http://"+l.Addr().String())
	h.transport.settle = 0 // the test says itself when the second reply has come
	for i := range 50 {
		who := strconv.Itoa(i)
		got, err := h.Send(t.Context(), &adapters.Call{Method: "GET", Target: "/?who=" + who})
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Body) != who {
			t.Fatalf("asked about %s, answered about %s", who, got.Body)
		}
		<-answered
	}
}

func TestAConnectionRestsBeforeItsNextCall(t *testing.T) {
	url, made := counted(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	for _, c := range []struct {
		settle time.Duration
		want   int64
	}{{time.Hour, 3}, {0, 1}} {
		h := newHost(t, url)
		if h.transport.settle != settleTime {
			t.Fatalf("a connection rests %v, want %v", h.transport.settle, settleTime)
		}
		h.transport.settle = c.settle
		before := made.Load()
		for range 3 {
			if _, err := get(h); err != nil {
				t.Fatal(err)
			}
		}
		if n := made.Load() - before; n != c.want {
			t.Errorf("3 calls with a rest of %v: %d connections, want %d", c.settle, n, c.want)
		}
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	const most, calls = 3, spareConns + 10
	var group sync.WaitGroup
	all := make(chan struct{})
	var here atomic.Int64
	url, _ := counted(t, func(http.ResponseWriter, *http.Request) {
		if here.Add(1) == calls {
			close(all)
		}
		<-all
	})
	h, err := NewHost(HostConfig{Endpoint: url, Connections: most})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for range calls {
		group.Go(func() {
			if _, err := get(h); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for address, idle := range h.transport.idle {
		if len(idle) != most+spareConns {
			t.Errorf("%s: %d idle connections, want %d", address, len(idle), most+spareConns)
		}
	}
}

func TestACallThatIsGivenUpWithinTheBodyIsNobodysFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	_, err := newHost(t, server.URL).Send(ctx, &adapters.Call{Method: "GET", Target: "/"})
	if !errors.Is(err, context.Canceled) || !isExcluded(err) {
		t.Error(err)
	}
}
