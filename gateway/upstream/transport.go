package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"
)

// transport makes HTTP/1.1 exchanges over connections that it keeps. Each exchange runs on its caller's goroutine from the first
// byte to the last: net/http's transport has two more for each connection and hands every call back and forth between the three,
// which was a fifth of what a verification costs. In return it does nothing that a backend does not need: no HTTP/2, no proxy,
// no compression, no second attempt of its own.
type transport struct {
	dialer net.Dialer
	reach  Reach
	tls    *tls.Config
	most   int           // connections kept for one address
	settle time.Duration // how long a connection rests before it is used again

	mu   sync.Mutex
	idle map[string][]*conn // by scheme and host, the one used last at the end
}

// Bounds of a connection.
const (
	idleTime       = 90 * time.Second // kept without being used
	maxReplyHeader = 64 << 10         // bytes, with the replies of class 1xx before it
	// settleTime is how long a connection rests between two calls. What a backend sends behind a whole reply, as a confused one does, has come by
	// then, and the connection is given up: it would be taken for the reply about the next person, and each later reply for that of one before.
	settleTime = 5 * time.Millisecond
	spareConns = 64 // kept besides those that calls need at once, because some rest
)

func newTransport(connections int, reach Reach) *transport {
	return &transport{
		dialer: net.Dialer{KeepAlive: 30 * time.Second},
		reach:  reach,
		tls:    reach.secured(),
		most:   connections + spareConns,
		settle: settleTime,
		idle:   map[string][]*conn{},
	}
}

// headerKey is the context key under which a call's header travels past resty, which would add to it and write its names in its
// own way: it goes out exactly as the adapter wrote it.
type headerKey struct{}

// RoundTrip implements [http.RoundTripper]. The connection is free for another call when the reply's body has been read to its
// end and closed.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.Scheme + "://" + r.URL.Host
	c := t.take(address)
	if c == nil {
		var err error
		if c, err = t.dial(r.Context(), r.URL); err != nil {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, err
		}
	}
	if header, ok := r.Context().Value(headerKey{}).(http.Header); ok {
		r.Header = header
	}
	if r.ContentLength == 0 {
		r.Body = http.NoBody // resty makes an empty body one of unknown length, which would go out in chunks
	}
	// An end of the context makes every operation on the connection fail from then on.
	stop := context.AfterFunc(r.Context(), func() { c.SetDeadline(past) })
	response, err := c.exchange(r)
	if err != nil {
		stop()
		c.Close()
		if ended := r.Context().Err(); ended != nil {
			err = ended
		}
		return nil, err
	}
	response.Body = &replyBody{
		ReadCloser: response.Body,
		ctx:        r.Context(),
		whole:      response.Body == http.NoBody,
		leave: func(whole bool) error {
			if stop() && whole && !response.Close && c.in.Buffered() == 0 {
				t.keep(address, c)
				return nil
			}
			return c.Close()
		},
	}
	return response, nil
}

func (t *transport) dial(ctx context.Context, u *url.URL) (*conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	socket, err := t.reach.dialer(t.dialer, u.Hostname()).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: socket, socket: socket}
	if u.Scheme == "https" {
		config := t.tls.Clone()
		config.ServerName = u.Hostname()
		secure := tls.Client(socket, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			socket.Close()
			return nil, err
		}
		c.Conn = secure
	}
	c.limit.R = c.Conn
	c.in, c.out = bufio.NewReader(&c.limit), bufio.NewWriter(c.Conn)
	return c, nil
}

// take gives the connection to address that was used last, has rested and can still be used, nil if there is none.
func (t *transport) take(address string) *conn {
	for {
		t.mu.Lock()
		idle := t.idle[address]
		last := len(idle) - 1
		for last >= 0 && time.Since(idle[last].since) < t.settle {
			last--
		}
		if last < 0 {
			t.mu.Unlock()
			return nil
		}
		c := idle[last]
		t.idle[address] = slices.Delete(idle, last, last+1)
		t.mu.Unlock()
		if time.Since(c.since) < idleTime && isQuiet(c.socket, c.since) && c.isDrained() {
			return c
		}
		c.Close()
	}
}

// keep leaves a connection for the next call, and gives up those that nobody has used for too long. Between calls nobody looks:
// a system that is not asked any more keeps what it has.
func (t *transport) keep(address string, c *conn) {
	c.since = time.Now()
	t.mu.Lock()
	idle := t.idle[address]
	old := 0
	for old < len(idle) && (c.since.Sub(idle[old].since) >= idleTime || len(idle)-old >= t.most) {
		idle[old].Close()
		old++
	}
	t.idle[address] = append(slices.Delete(idle, 0, old), c)
	t.mu.Unlock()
}

// CloseIdleConnections gives up the connections that no call is using.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, idle := range t.idle {
		for _, c := range idle {
			c.Close()
		}
	}
	clear(t.idle)
}

// conn is one connection.
type conn struct {
	net.Conn          // what is written and read, perhaps TLS
	socket   net.Conn // what is below it
	limit    io.LimitedReader
	in       *bufio.Reader
	out      *bufio.Writer
	since    time.Time // when it became idle
}

// past is a deadline that makes an operation on a connection fail at once.
var past = time.Unix(1, 0)

// isDrained says whether TLS holds nothing that it has taken off the socket already: one record may have more in it than the
// reply, and isQuiet does not see that. It does not wait.
func (c *conn) isDrained() bool {
	if c.Conn == c.socket {
		return true
	}
	c.SetReadDeadline(past)
	defer c.SetReadDeadline(time.Time{})
	var b [1]byte
	n, err := c.Read(b[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

var (
	errHeader = errors.New("the reply's header is too long")
	errStatus = errors.New("the reply has a status that is none, or changes the protocol")
)

// exchange writes a request and reads the header of its reply.
func (c *conn) exchange(r *http.Request) (*http.Response, error) {
	if err := errors.Join(r.Write(c.out), c.out.Flush()); err != nil {
		return nil, err
	}
	c.limit.N = maxReplyHeader
	for {
		response, err := http.ReadResponse(c.in, r)
		if err != nil && c.limit.N <= 0 {
			return nil, errHeader
		}
		if err != nil {
			return nil, err
		}
		switch code := response.StatusCode; {
		case code >= 200:
			c.limit.N = math.MaxInt64 // who reads the body bounds it
			return response, nil
		case code < 100, code == http.StatusSwitchingProtocols: // what follows is no HTTP that we asked for
			return nil, errStatus
		}
	}
}

// replyBody is a reply's body, which leaves its connection when it is closed.
type replyBody struct {
	io.ReadCloser
	ctx   context.Context
	whole bool // has been read to its end
	leave func(whole bool) error
}

func (b *replyBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.whole = true
	} else if err != nil && b.ctx.Err() != nil {
		err = b.ctx.Err()
	}
	return n, err
}

// Close does not read what is left of the body: the connection is then given up.
func (b *replyBody) Close() error { return b.leave(b.whole) }
