package sandbox

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Fault is a way in which a backend can misbehave.
type Fault struct {
	Kind string `json:"kind"`
	Zh   string `json:"zh"`
	En   string `json:"en"`
}

// Off is the kind that ends a fault.
const Off = "off"

// The kinds that more than their table row knows.
const (
	refuse        = "refuse"
	unknownStatus = "unknown-status"
)

// Faults is the table of faults, in the order in which they are documented.
func Faults() []Fault {
	list := make([]Fault, 0, len(faults))
	for _, f := range faults {
		list = append(list, f.Fault)
	}
	return list
}

// faults says for each kind what happens to a request; nil is nothing but the dialect's own answer.
var faults = []struct {
	Fault
	serve func(*backend, http.ResponseWriter, *http.Request)
}{
	{Fault{refuse, "拒绝连接", "connections are refused"}, reset},
	{Fault{"reset", "连接被重置", "the connection is reset after the request"}, reset},
	{Fault{"hang", "收到请求后不答复", "the request is read and never answered"}, hang},
	{Fault{"drip", "每 100 毫秒答复一个字节", "the true answer, a byte every 100 ms"}, drip},
	{Fault{"5xx", "答复 502", "HTTP 502 from a proxy in front"}, badGateway},
	{Fault{"busy", "答复繁忙(浙江为 18,河北为 errcode 1,国康码为 40006,其余为 429)", "the system's busy answer: code 18 for hangzhou, errcode 1 for hebei, code 40006 for guokang, HTTP 429 with Retry-After for the others"}, (*backend).busy},
	{Fault{"malformed", "JSON 残缺", "the true answer, cut in the middle of its JSON"}, malformed},
	{Fault{"truncated", "正文短于 Content-Length", "the true answer, shorter than its Content-Length"}, truncated},
	{Fault{"null", "正文为 null", "HTTP 200 with the body null (for suishen that means: not our code)"}, null},
	{Fault{"html", "以 200 答复网页", "HTTP 200 with a web page"}, page},
	{Fault{unknownStatus, "码色不在码表内", "a genuine answer with a colour that is in no table"}, nil},
	{Fault{"huge", "答复 100 MB", "an answer of 100 MB"}, huge},
}

func faultKnown(kind string) bool {
	for _, f := range faults {
		if f.Kind == kind {
			return true
		}
	}
	return false
}

func faultKinds() []string {
	kinds := make([]string, 0, len(faults))
	for _, f := range faults {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// ServeHTTP answers, when the request's turn has come, as the dialect does or as the fault wants it.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !b.line.wait(r.Context(), time.Now()) {
		b.busy(w, r)
		return
	}
	kind := b.kind()
	for _, f := range faults {
		if f.Kind == kind && f.serve != nil {
			f.serve(b, w, r)
			return
		}
	}
	b.dialect.ServeHTTP(w, r)
}

func (b *backend) busy(w http.ResponseWriter, r *http.Request) { b.dialect.busy(w, r) }

// reset ends the connection with RST. It is also what a request meets that comes over an old connection while new ones
// are refused, or where there is no listener to close.
func reset(_ *backend, w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) // bytes that are not yet sent are dropped, and the other side sees RST
	}
	conn.Close()
}

func hang(_ *backend, w http.ResponseWriter, r *http.Request) {
	// The server notices that a client has gone only when the body has been read.
	io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

const dripPause = 100 * time.Millisecond

func drip(b *backend, w http.ResponseWriter, r *http.Request) {
	answer := b.genuine(w, r)
	out := http.NewResponseController(w)
	tick := time.NewTicker(dripPause)
	defer tick.Stop()
	w.WriteHeader(answer.status)
	for answer.body.Len() > 0 {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-tick.C:
		}
		w.Write(answer.body.Next(1))
		out.Flush()
	}
}

func badGateway(_ *backend, w http.ResponseWriter, _ *http.Request) {
	writePage(w, http.StatusBadGateway, "502 Bad Gateway")
}

func page(_ *backend, w http.ResponseWriter, _ *http.Request) {
	writePage(w, http.StatusOK, "系统升级维护中")
}

func writePage(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, "<html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>\n")
}

func malformed(b *backend, w http.ResponseWriter, r *http.Request) {
	answer := b.genuine(w, r)
	w.WriteHeader(answer.status)
	w.Write(answer.body.Next(answer.body.Len() / 2))
}

// truncated sends all of the JSON, so that only the length tells that something is missing.
func truncated(b *backend, w http.ResponseWriter, r *http.Request) {
	answer := b.genuine(w, r)
	w.Header().Set("Content-Length", strconv.Itoa(answer.body.Len()+64))
	w.WriteHeader(answer.status)
	w.Write(answer.body.Bytes())
}

func null(_ *backend, w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, nil) }

// hugeSize is the size of the answer of the fault huge.
const hugeSize = 100 << 20

func huge(_ *backend, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	io.WriteString(w, `{"code":"`)
	chunk := bytes.Repeat([]byte("0"), 64<<10)
	for range hugeSize / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return // the client has had enough
		}
	}
	io.WriteString(w, `"}`)
}

// genuine lets the dialect answer and keeps the answer back, but for its headers.
func (b *backend) genuine(w http.ResponseWriter, r *http.Request) *capture {
	c := &capture{header: w.Header(), status: http.StatusOK}
	b.dialect.ServeHTTP(c, r)
	return c
}

type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(status int)      { c.status = status }
func (c *capture) Write(p []byte) (int, error) { return c.body.Write(p) }
