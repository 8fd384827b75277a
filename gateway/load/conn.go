package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"tongma/standard/wire"
)

// idle is how long a connection is used again after its last request: gateways and what stands before them close idle ones, and a
// request that crosses with that cannot be sent again, as its nonce may have been used.
const idle = 15 * time.Second

// Bounds of a reply.
const (
	maxHead = 32 << 10 // bytes
	maxBody = 1 << 20
)

// dialer opens connections to the one gateway.
type dialer struct {
	address string // host:port
	host    string // as the Host header has it
	tls     *tls.Config
	net     net.Dialer
}

// newDialer refuses to call any address but loopback ones unless the plan names the host: whatever a name resolves to.
func newDialer(u *url.URL, remote bool) *dialer {
	port := u.Port()
	d := &dialer{host: u.Host}
	if u.Scheme == "https" {
		d.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	d.address = net.JoinHostPort(u.Hostname(), port)
	if !remote {
		d.net.Control = onlyLoopback
	}
	return d
}

var errNotLoopback = errors.New("the address is not of this machine")

func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return errNotLoopback
	}
	return nil
}

func (d *dialer) dial(ctx context.Context, deadline time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	c, err := d.net.DialContext(ctx, "tcp", d.address)
	if err != nil || d.tls == nil {
		return c, err
	}
	secure := tls.Client(c, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return secure, nil
}

// conn is a connection with one request under way at most. It is opened when it is needed, also again.
type conn struct {
	dialer  *dialer
	mu      sync.Mutex // guards changes of net and stopped
	net     net.Conn   // nil: not open
	stopped bool
	used    time.Time
	r       *bufio.Reader
	reply   reply
	body    []byte // backs reply.body
}

// reply is what came back. It is good until the next exchange.
type reply struct {
	status     int
	head       http.Header // what package wire reads of it
	retryAfter bool
	body       []byte
}

func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		c.net.Close()
		c.net = nil
	}
}

// interrupt ends an exchange that is under way. Other than the rest it may be called by any goroutine.
func (c *conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped = true; c.net != nil {
		c.net.Close()
	}
}

var errStopped = errors.New("stopped")

func (c *conn) open(ctx context.Context, deadline time.Time) error {
	opened, err := c.dialer.dial(ctx, deadline)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		opened.Close()
		return errStopped
	}
	if c.net = opened; c.r == nil {
		c.r = bufio.NewReaderSize(opened, 8<<10)
	} else {
		c.r.Reset(opened)
	}
	return nil
}

// do sends a request as it stands and reads its reply. After an error the connection is closed.
func (c *conn) do(ctx context.Context, request []byte, deadline time.Time) (*reply, error) {
	keep, err := c.exchange(ctx, request, deadline)
	if err != nil || !keep {
		c.close()
	}
	if err != nil {
		return nil, err
	}
	return &c.reply, nil
}

func (c *conn) exchange(ctx context.Context, request []byte, deadline time.Time) (keep bool, err error) {
	now := time.Now()
	if c.net != nil && now.Sub(c.used) > idle {
		c.close()
	}
	c.used = now
	if c.net == nil {
		if err := c.open(ctx, deadline); err != nil {
			return false, err
		}
	}
	if err := c.net.SetDeadline(deadline); err != nil {
		return false, err
	}
	if _, err := c.net.Write(request); err != nil {
		return false, err
	}
	return c.read()
}

// read reads a reply and says whether the connection can be used again.
func (c *conn) read() (keep bool, err error) {
	h, err := c.readHead()
	if err != nil {
		return false, err
	}
	switch {
	case h.chunked:
		err = c.readChunks()
	case h.length < 0: // until the end
		h.close = true
		c.reply.body, err = readAll(c.r)
	default:
		c.body = slices.Grow(c.body[:0], int(h.length))[:h.length]
		_, err = io.ReadFull(c.r, c.body)
		c.reply.body = c.body
	}
	return !h.close, err
}

func readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooLong
	}
	return body, err
}

// readChunks reads a chunked body and what trails it.
func (c *conn) readChunks() error {
	var err error
	if c.reply.body, err = readAll(httputil.NewChunkedReader(c.r)); err != nil {
		return err
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
	}
}

var (
	errTooLong = errors.New("the reply is longer than 1 MiB")
	errHead    = errors.New("the reply is not HTTP")
)

// framing is what the header says about the body.
type framing struct {
	length  int64 // -1: it does not say
	chunked bool
	close   bool
}

// readHead reads to the end of the header, past interim replies.
func (c *conn) readHead() (framing, error) {
	for {
		status, err := c.readStatus()
		if err != nil {
			return framing{}, err
		}
		c.reply.status, c.reply.retryAfter = status, false
		if c.reply.head == nil {
			c.reply.head = make(http.Header, 4)
		}
		clear(c.reply.head)
		f, err := c.readFields()
		if err != nil || status >= 200 {
			return f, err
		}
	}
}

func (c *conn) readStatus() (int, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200\n") || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, errHead
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil || status < 100 {
		return 0, errHead
	}
	return status, nil
}

func (c *conn) readFields() (framing, error) {
	f := framing{length: -1}
	for read := 0; ; {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return f, err
		}
		if read += len(line); read > maxHead {
			return f, errHead
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return f, f.check()
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return f, errHead
		}
		if err := c.take(&f, name, bytes.TrimSpace(value)); err != nil {
			return f, err
		}
	}
}

func (f *framing) check() error {
	if f.length > maxBody {
		return errTooLong
	}
	return nil
}

// wanted are the headers that package wire reads of an answer.
var wanted = map[string]bool{wire.HeaderRtime: true, wire.HeaderKey: true, wire.HeaderSignType: true, wire.HeaderSign: true}

// take keeps a header field if it is one that is looked at. A name is the same in any case.
func (c *conn) take(f *framing, name, value []byte) error {
	switch key := canonical(name); {
	case wanted[key]:
		c.reply.head[key] = append(c.reply.head[key], string(value))
	case key == "Content-Length":
		n, err := strconv.ParseUint(string(value), 10, 31)
		if err != nil || f.length >= 0 {
			return fmt.Errorf("%w: Content-Length", errHead)
		}
		f.length = int64(n)
	case key == "Transfer-Encoding":
		f.chunked = bytes.EqualFold(value, []byte("chunked"))
	case key == "Connection":
		f.close = bytes.EqualFold(value, []byte("close"))
	case key == "Retry-After":
		c.reply.retryAfter = len(value) > 0
	}
	return nil
}

// names spares an allocation where a name is spelled as gateways spell it.
var names = func() map[string]string {
	m := map[string]string{}
	for _, n := range []string{wire.HeaderRtime, wire.HeaderKey, wire.HeaderSignType, wire.HeaderSign,
		"Content-Length", "Transfer-Encoding", "Connection", "Retry-After", "Content-Type", "Cache-Control", "Date"} {
		m[n] = n
	}
	return m
}()

func canonical(name []byte) string {
	if n, ok := names[string(name)]; ok {
		return n
	}
	return textproto.CanonicalMIMEHeaderKey(string(name))
}
