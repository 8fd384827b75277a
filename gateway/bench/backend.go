package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The paths of the dialect of 随申码.
const (
	pathToken   = "/gateway/auth/accesstoken/create"
	pathGetInfo = "/gateway/interface-sj-jkmjk/getInfo"
)

// slowToken begins the codes that the backend answers only after slowTime, so that a crowd can gather meanwhile.
const (
	slowToken = knownToken + "51055105"
	// knownToken begins the codes of all people there are: any other is nobody's, such as that of a breaker's probe.
	knownToken = "51055105"
	slowTime   = 300 * time.Millisecond
)

// backend answers for every system, as cheaply as HTTP allows: its cost is a part of both sides.
type backend struct {
	calls   atomic.Int64 // of getInfo
	hanging atomic.Pointer[hang]
	line    line
}

// line has calls wait for their turn, one after the other, as before a backend that has reached its capacity.
type line struct {
	mu    sync.Mutex
	every time.Duration // 0: nobody waits
	free  time.Time
}

func (l *line) wait(r *http.Request) {
	l.mu.Lock()
	if l.every == 0 {
		l.mu.Unlock()
		return
	}
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(l.every)
	turn := l.free.Sub(now)
	l.mu.Unlock()
	select {
	case <-time.After(turn):
	case <-r.Context().Done():
	}
}

func (l *line) hold(perSecond int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.every = 0
	if perSecond > 0 {
		l.every = time.Second / time.Duration(perSecond)
	}
}

// hang is a system that does not answer until it is over.
type hang struct {
	system string
	over   chan struct{}
}

// backendQuestion sets which system hangs, "" for none, and how many calls a second the backend takes, 0 for all.
type backendQuestion struct {
	Hang     string
	Capacity int
}

// backendAnswer says how often people were asked for so far.
type backendAnswer struct{ Calls int64 }

func startBackend(json.RawMessage) (string, func(json.RawMessage) (any, error), error) {
	b := &backend{}
	b.hanging.Store(&hang{})
	address, err := serve(b)
	return address, b.answer, err
}

func (b *backend) answer(raw json.RawMessage) (any, error) {
	var q backendQuestion
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, err
	}
	b.line.hold(q.Capacity)
	old := b.hanging.Swap(&hang{system: q.Hang, over: make(chan struct{})})
	if old.over != nil {
		close(old.over)
	}
	return backendAnswer{b.calls.Load()}, nil
}

// The reply to a scan, around the token that it repeats.
var (
	replyStart = []byte(`{"code":"0","data":"{\"xm\":\"张某某\",\"phone\":\"138****0000\",\"type\":\"00\",\"zjhm\":\"000000********0000\",\"dzzz\":\"1\",\"uuid\":\"`)
	replyEnd   = []byte(`\"}","message":""}`)
	jsonType   = []string{"application/json"}
)

const (
	tokenLength = 32
	msLength    = 13
)

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	system, path, _ := strings.Cut(r.URL.Path[1:], "/")
	if "/"+path == pathToken {
		io.WriteString(w, `{"access_token":"0123456789abcdef0123456789abcdef"}`)
		return
	}
	b.calls.Add(1)
	b.line.wait(r)
	var buf [512]byte
	n, _ := io.ReadFull(r.Body, buf[:])
	code := buf[:max(bytes.LastIndexByte(buf[:n], '"'), 0)]
	if len(code) < tokenLength+msLength {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	token := code[len(code)-tokenLength-msLength : len(code)-msLength]
	if bytes.HasPrefix(token, []byte(slowToken)) {
		time.Sleep(slowTime)
	}
	if h := b.hanging.Load(); h.system == system && h.over != nil {
		select {
		case <-h.over:
		case <-r.Context().Done():
			return
		}
	}
	if !bytes.HasPrefix(token, []byte(knownToken)) {
		io.WriteString(w, "null")
		return
	}
	reply := make([]byte, 0, 256)
	reply = append(append(append(reply, replyStart...), token...), replyEnd...)
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(reply))}
	w.Write(reply)
}
