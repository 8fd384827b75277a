package load

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tongma/standard/wire"
)

// read reads one reply out of a text and gives what is left of it.
func read(text string) (*reply, bool, string, error) {
	c := &conn{r: bufio.NewReaderSize(strings.NewReader(text), 8<<10)}
	keep, err := c.read()
	rest, _ := io.ReadAll(c.r)
	return &c.reply, keep, string(rest), err
}

func TestRepliesAreReadHoweverTheyAreFramed(t *testing.T) {
	for _, tt := range []struct {
		name, text, body string
		status           int
		keep, ok         bool
	}{
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}next", "{}", 200, true, true},
		{"lower case", "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}next", "{}", 200, true, true},
		{"chunks", "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\nnext", "{}", 503, true, true},
		{"until the end", "HTTP/1.1 200 OK\r\n\r\n{}next", "{}next", 200, false, true},
		{"closed after it", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n{}", "{}", 200, false, true},
		{"after an interim one", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}next", "{}", 200, true, true},
		{"not HTTP", "SSH-2.0-OpenSSH_9.6\r\n", "", 0, false, false},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "", 0, false, false},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "", 0, false, false},
		{"too long", "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n{}", "", 0, false, false},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "", 0, false, false},
		{"an endless line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 10_000), "", 0, false, false},
		{"an endless head", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 10_000), "", 0, false, false},
		{"no colon", "HTTP/1.1 200 OK\r\nX\r\n\r\n", "", 0, false, false},
	} {
		r, keep, rest, err := read(tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && (string(r.body) != tt.body || r.status != tt.status || keep != tt.keep || keep && rest != "next") {
			t.Errorf("%s: %d %q, %v, then %q", tt.name, r.status, r.body, keep, rest)
		}
	}
}

func TestAReplyKeepsNothingOfTheOneBefore(t *testing.T) {
	c := &conn{r: bufio.NewReader(strings.NewReader(
		"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nX-Tongma-Sign: a\r\nContent-Length: 3\r\n\r\nabc" +
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nd"))}
	c.read()
	if !c.reply.retryAfter || len(c.reply.head[wire.HeaderSign]) != 1 {
		t.Errorf("%+v", c.reply)
	}
	if keep, err := c.read(); !keep || err != nil || c.reply.retryAfter || len(c.reply.head) != 0 || string(c.reply.body) != "d" {
		t.Errorf("%+v, %v", c.reply, err)
	}
}

func TestAConnectionIsUsedAgainAndOpenedAgain(t *testing.T) {
	opened := map[string]bool{}
	last := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		opened[r.RemoteAddr] = true
		if last {
			w.Header().Set("Connection", "close")
		}
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	c := conn{dialer: newDialer(u, false)}
	defer c.close()
	get := func() {
		t.Helper()
		if _, err := c.do(t.Context(), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), time.Now().Add(5*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	get()
	get()
	if last = true; len(opened) != 1 {
		t.Errorf("%d connections for two requests", len(opened))
	}
	get()
	get()
	if last = false; len(opened) != 2 {
		t.Errorf("%d connections, of which one was closed", len(opened))
	}
	get()
	c.used = time.Now().Add(-idle - time.Second)
	get()
	if len(opened) != 4 {
		t.Errorf("%d connections, of which two were closed and one was idle", len(opened))
	}
}

func TestAnHTTPSGatewayIsCalledIfItsCertificateHolds(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = nil
	defer s.Close()
	u, _ := url.Parse(s.URL)
	d := newDialer(u, false)
	if _, err := d.dial(context.Background(), time.Now().Add(5*time.Second)); err == nil {
		t.Error("a certificate of nobody is believed")
	}
	d.tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c, err := d.dial(context.Background(), time.Now().Add(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for text, want := range map[string]string{"https://gateway.example": "gateway.example:443", "http://[::1]": "[::1]:80", "http://127.0.0.1:8080": "127.0.0.1:8080"} {
		u, _ := url.Parse(text)
		if got := newDialer(u, true).address; got != want {
			t.Errorf("%s is called at %s", text, got)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 999 \n\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &conn{r: bufio.NewReader(bytes.NewReader(text))}
		if _, err := c.read(); err == nil && (c.reply.status < 200 || len(c.reply.body) > maxBody) {
			t.Errorf("%d with %d bytes", c.reply.status, len(c.reply.body))
		}
	})
}

// BenchmarkCeiling is what the generator can do at most: its requests go to a bare handler that has one reply ready, which has all that
// an answer has, so that signing, reading and checking cost what they cost. Handler and generator share the machine.
func BenchmarkCeiling(b *testing.B) {
	for _, sign := range []wire.SignType{wire.HMACSM3, wire.SM2} {
		b.Run(string(sign), func(b *testing.B) {
			f := newFar(b)
			var canned []byte
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			f.tamper = func(next http.Handler, w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) }
			p := f.plan()
			p.Sign, p.Connections = sign, 16
			canned = capture(b, f, p)
			go serveCanned(ln, canned)
			defer ln.Close()
			c, err := newCaller(&p)
			if err != nil {
				b.Fatal(err)
			}
			if err := c.meet(b.Context()); err != nil {
				b.Fatal(err)
			}
			c.dialer.address = ln.Addr().String()
			r := &run{plan: &p, caller: c, deck: newDeck(&items{word: "green"}, 1, 1000, time.Now())}
			r.begin()
			b.ReportAllocs()
			b.ResetTimer()
			r.each(b.Context(), p.Connections, func(w *worker) {
				for w.done.Load() < int64(b.N) {
					w.ask(b.Context(), r.deck.draw(time.Now()), time.Now())
				}
			})
			b.StopTimer()
			if n := r.tally.merged().counts.Checked; n < int64(b.N) {
				b.Errorf("only %d signatures checked", n)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// capture gives the reply to a verification as it goes over the wire.
func capture(b *testing.B, f *far, p Plan) []byte {
	b.Helper()
	c, err := newCaller(&p)
	if err != nil {
		b.Fatal(err)
	}
	if err := c.meet(b.Context()); err != nil {
		b.Fatal(err)
	}
	item, _ := (&items{word: "green"}).Next(time.Now())
	q := newQuestion(item)
	s := signer{caller: c}
	s.use(c.session.Load())
	request, err := s.request(pathVerifications, q.body, q.sum)
	if err != nil {
		b.Fatal(err)
	}
	link, err := net.Dial("tcp", f.http.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer link.Close()
	link.Write(request)
	buf := make([]byte, 64<<10)
	n, err := link.Read(buf)
	if err != nil {
		b.Fatal(err)
	}
	return buf[:n]
}

// serveCanned answers every read with the reply.
func serveCanned(ln net.Listener, reply []byte) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 64<<10)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
				if _, err := c.Write(reply); err != nil {
					return
				}
			}
		}()
	}
}
