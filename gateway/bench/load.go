package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A job is a load on one server: its requests are made and signed before the time is taken.
type job struct {
	Address     string // host:port
	Kind        kind
	First       int  // index of the first system that is asked
	Systems     int  // how many are asked, in turn
	Scans       int  // distinct codes; 0: each request has its own
	Warm        bool // ask for each code once before the time is taken
	Slow        bool // codes that the backend takes its time for
	Requests    int
	Connections int     // kept alive, each with one request under way
	Rate        float64 // requests a second at even distances; 0: each connection sends as soon as it has its answer
}

// kind is how requests are made.
type kind string

const (
	bySession kind = "session" // verifications, MACed with a session's key
	bySM2     kind = "sm2"     // verifications, signed with the caller's key
	direct    kind = "direct"  // the dialect's own call, as a gateway makes it
	passed    kind = "passed"  // the same to a gateway that passes it through
)

// outcome is what became of a job. Answers other than "verified" are counted, and the first is shown.
type outcome struct {
	Seconds  float64
	P50, P99 time.Duration
	Max      time.Duration
	Wrong    int
	Shown    string
	// Breaker is the longest time that an answer of the breaker took, of those to requests made after its first one, and Turned
	// how many those were. Who asked before had to wait until the system was known to be ill.
	Breaker time.Duration
	Turned  int
	// Refused are the answers that say that the gateway is overloaded and when to come again, RefusedP99 and RefusedMax what they took.
	Refused                int
	RefusedP99, RefusedMax time.Duration
}

func (o *outcome) rate(j job) float64 { return float64(j.Requests) / o.Seconds }

// prepared is a job that is ready to be measured.
type prepared struct {
	job      job
	requests [][]byte
	conns    []*conn
}

// prepare warms up, makes the requests and connects.
func (s *signer) prepare(j job) (*prepared, error) {
	scans := s.scans(j)
	if j.Warm {
		warming := job{Address: j.Address, Kind: j.Kind, Requests: len(scans), Connections: j.Connections}
		p, err := connect(warming, s.requests(warming, scans))
		if err != nil {
			return nil, err
		}
		if _, err := p.measure(); err != nil {
			return nil, err
		}
	}
	return connect(j, s.requests(j, scans))
}

func connect(j job, requests [][]byte) (*prepared, error) {
	p := &prepared{job: j, requests: requests}
	for range j.Connections {
		c, err := dial(j.Address)
		if err != nil {
			p.close()
			return nil, err
		}
		p.conns = append(p.conns, c)
	}
	runtime.GC()
	return p, nil
}

func (p *prepared) close() {
	for _, c := range p.conns {
		c.Close()
	}
}

// measure sends all requests over the connections and closes these.
func (p *prepared) measure() (outcome, error) {
	defer p.close()
	j, requests, conns := p.job, p.requests, p.conns
	m := &meter{requests: requests, took: make([]time.Duration, len(requests)), due: make(chan int, len(requests)), began: make([]time.Time, len(requests))}
	var group sync.WaitGroup
	errs := make([]error, len(conns))
	begin := time.Now()
	for i, c := range conns {
		group.Go(func() {
			if j.Rate > 0 {
				errs[i] = m.paced(c)
			} else {
				errs[i] = m.closed(c)
			}
		})
	}
	if j.Rate > 0 {
		m.pace(begin, j.Rate)
	}
	group.Wait()
	elapsed := time.Since(begin)
	if err := errors.Join(errs...); err != nil {
		return outcome{}, err
	}
	slices.Sort(m.took)
	o := m.told
	o.breaker(m.turned)
	o.refusals(m.refused)
	o.Seconds, o.P50, o.P99, o.Max = elapsed.Seconds(), m.took[len(m.took)/2], m.took[len(m.took)*99/100], m.took[len(m.took)-1]
	return o, nil
}

// meter hands requests to connections and keeps how long each took.
type meter struct {
	requests [][]byte
	next     atomic.Int64
	due      chan int
	began    []time.Time
	took     []time.Duration

	mu     sync.Mutex
	told   outcome
	turned []turned // by an open breaker

	refused []time.Duration
}

// turned is an answer of an open breaker.
type turned struct {
	began time.Time
	took  time.Duration
}

// breaker fills in what is told of it.
func (o *outcome) breaker(answers []turned) {
	if len(answers) == 0 {
		return
	}
	open := answers[0].began.Add(answers[0].took)
	for _, a := range answers {
		if end := a.began.Add(a.took); end.Before(open) {
			open = end
		}
	}
	for _, a := range answers {
		if a.began.After(open) {
			o.Turned++
			o.Breaker = max(o.Breaker, a.took)
		}
	}
}

// refusals fills in what is told of them.
func (o *outcome) refusals(took []time.Duration) {
	if o.Refused = len(took); o.Refused == 0 {
		return
	}
	slices.Sort(took)
	o.RefusedP99, o.RefusedMax = took[len(took)*99/100], took[len(took)-1]
}

// closed sends the next request as soon as the last one is answered.
func (m *meter) closed(c *conn) error {
	for {
		i := int(m.next.Add(1)) - 1
		if i >= len(m.requests) {
			return nil
		}
		if err := m.exchange(c, i, time.Now()); err != nil {
			return err
		}
	}
}

// paced sends each request when it is due. Its time runs from then, also while it waits for a connection.
func (m *meter) paced(c *conn) error {
	for i := range m.due {
		if err := m.exchange(c, i, m.began[i]); err != nil {
			return err
		}
	}
	return nil
}

// pace says when each request is due. It sleeps by the system's clock, because Go's timers may be a millisecond late.
func (m *meter) pace(begin time.Time, rate float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(m.due)
	for i := range m.requests {
		due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			ts := syscall.NsecToTimespec(wait.Nanoseconds())
			syscall.Nanosleep(&ts, nil)
		}
		m.began[i] = time.Now()
		m.due <- i
	}
}

var (
	isVerified = []byte(`"outcome":"verified"`)
	isAnswered = []byte(`{"code":"0","data":"{`) // by the dialect
	isTurned   = []byte(`"code":"breaker_open"`)
	isRefused  = []byte(`{"code":"50303"`)
)

func (m *meter) exchange(c *conn, i int, began time.Time) error {
	body, err := c.do(m.requests[i])
	if err != nil {
		return err
	}
	m.took[i] = time.Since(began)
	if bytes.Contains(body, isVerified) || bytes.HasPrefix(body, isAnswered) {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes.HasPrefix(body, isRefused) && c.retryAfter {
		m.refused = append(m.refused, m.took[i])
		return nil
	}
	if m.told.Wrong == 0 {
		m.told.Shown = string(body)
	}
	m.told.Wrong++
	if bytes.Contains(body, isTurned) {
		m.turned = append(m.turned, turned{began, m.took[i]})
	}
	return nil
}

func startLoad(raw json.RawMessage) (string, func(json.RawMessage) (any, error), error) {
	var c signerConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", nil, err
	}
	s, err := newSigner(c)
	if err != nil {
		return "", nil, err
	}
	var next *prepared
	return "", func(raw json.RawMessage) (any, error) {
		var q loadQuestion
		if err := json.Unmarshal(raw, &q); err != nil {
			return nil, err
		}
		if q.Prepare == nil {
			return next.measure()
		}
		next, err = s.prepare(*q.Prepare)
		return nil, err
	}, nil
}

// loadQuestion has a job prepared, or without one the last job measured.
type loadQuestion struct{ Prepare *job }
