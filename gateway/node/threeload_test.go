package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

const townsfolk = 800

// turning is somebody's turning red.
type turning struct {
	acknowledged time.Time // zero: not yet
	by           *process
}

// verdict is what a caller was told.
type verdict struct {
	log     string
	status  standard.Status
	outcome standard.Outcome
}

// sent is a request as it was on the wire.
type sent struct {
	header http.Header
	body   []byte
	path   string
}

// answer is the town's backend.
func (c *country) answer(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Token string }
	err := json.NewDecoder(r.Body).Decode(&asked)
	who, err2 := strconv.ParseInt(asked.Token, 16, 64)
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	status := c.statusOf(int(who))
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"code":"0","data":{"colour":%q,"name":"张某某","number":%q}}`, status.Colour(), passportOf(int(who)))
}

// statusAtFirst is how the town knows somebody at first: of four people two are green, one of whom may turn red.
func statusAtFirst(who int) standard.Status {
	return [...]standard.Status{standard.Green, standard.Green, standard.Yellow, standard.Red}[who%4]
}

// statusOf is how the town knows somebody now.
func (c *country) statusOf(who int) standard.Status {
	if c.turned[who] != nil {
		return standard.Red
	}
	return statusAtFirst(who)
}

// load begins to ask, to tell and to replay. What it gives ends that.
func (c *country) load(callers int) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range c.nodes {
		all.Go(func() { c.balance(ctx, i) })
	}
	for range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				c.ask()
				time.Sleep(5 * time.Millisecond) // the machine has other work
			}
		})
	}
	all.Go(func() { c.replay(ctx) })
	all.Go(func() { c.turnPeople(ctx) })
	end = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	c.t.Cleanup(end)
	return end
}

// balance follows whether a node is ready, as a load balancer does.
func (c *country) balance(ctx context.Context, i int) {
	for ctx.Err() == nil {
		c.mu.Lock()
		p := c.nodes[i]
		c.mu.Unlock()
		ready := isReady(p.base)
		c.mu.Lock()
		c.welcome = slices.DeleteFunc(c.welcome, func(q *process) bool { return q == p || q.log == p.log })
		if ready {
			c.welcome = append(c.welcome, p)
		}
		c.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

// pick gives a node to ask, another one than was tried last: one that is ready, or where none is, any.
func (c *country) pick(not *process) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range [][]*process{c.welcome, c.nodes[:]} {
		others := slices.DeleteFunc(slices.Clone(from), func(p *process) bool { return p == not })
		if len(others) > 0 {
			return others[rand.N(len(others))]
		}
	}
	return not
}

// ask asks about somebody until a node answers, and keeps what it was told.
func (c *country) ask() {
	began := time.Now()
	c.mu.Lock()
	who := rand.N(townsfolk)
	if n := len(c.latest); n > 0 && rand.N(3) == 0 {
		who = c.latest[max(0, n-1-rand.N(10))]
	}
	c.mu.Unlock()
	request := requestFor(who)
	request.Reference = fmt.Sprintf("r-%d", rand.Uint64())
	var last *process // that was tried
	for tried := 1; ; tried++ {
		p := c.pick(last)
		last = p
		at := time.Now()
		v, err := c.verify(p, request)
		if err == nil {
			c.keep(p, at, who, v)
			c.answered(p, at, began)
			return
		}
		c.failed(p, at, err)
		if c.hopeless(began) {
			return
		}
		time.Sleep(time.Duration(min(tried, 5)) * 20 * time.Millisecond)
	}
}

func (c *country) verify(p *process, r *standard.Request) (*standard.Verification, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return p.caller.Verify(ctx, r)
}

// keep judges what was said about somebody to a request that began at a time.
func (c *country) keep(p *process, at time.Time, who int, v *standard.Verification) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mute.IsZero() && at.After(c.mute) {
		c.wrong["an answer though no evidence can be kept"]++
	}
	if v.Evidence == nil || v.Evidence.Entry != v.ID || v.Evidence.Log != p.log {
		c.wrong["an answer without evidence in the log of its node"]++
		return
	}
	if _, again := c.told[v.ID]; again {
		c.wrong["two answers with one id"]++
	}
	c.told[v.ID] = verdict{v.Evidence.Log, v.Status, v.Outcome}
	now := c.turned[who]
	switch {
	case v.Outcome != standard.Verified:
		c.wrong[fmt.Sprintf("the town knows, and the outcome is %s", v.Outcome)]++
	case v.Status == c.statusOf(who):
	case now == nil || v.Status != statusAtFirst(who):
		c.wrong[fmt.Sprintf("%s is said to be %s", c.statusOf(who).Colour(), v.Status.Colour())]++
	case now.knownAt(p, at):
		c.wrong["green after a notice of red was acknowledged"]++
	}
}

// knownAt says whether a node must know of it: the one that was told at once, every other within a second.
func (r *turning) knownAt(p *process, at time.Time) bool {
	from := r.acknowledged
	if from.IsZero() {
		return false
	}
	if p != r.by {
		from = from.Add(time.Second)
	}
	return at.After(from)
}

// turnPeople has people turn red, one by one, and tells any node until one has taken it.
func (c *country) turnPeople(ctx context.Context) {
	for seq := uint64(1); ctx.Err() == nil && 4*seq < townsfolk; seq++ {
		who := int(4 * seq)
		r := &turning{}
		c.mu.Lock()
		c.turned[who] = r
		c.mu.Unlock()
		for p := c.pick(nil); ctx.Err() == nil; p = c.pick(p) {
			at := time.Now()
			_, err := p.platform.Notify(ctx, &standard.Notice{System: "town", Seq: seq, Changes: []standard.Change{{Scan: scanOf(who), At: at}}})
			if err == nil {
				c.mu.Lock()
				r.acknowledged, r.by = time.Now(), p
				c.latest = append(c.latest, who)
				c.mu.Unlock()
				break
			}
			if ctx.Err() == nil {
				c.failed(p, at, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// recorder keeps requests that were answered, and the digests of their answers.
type recorder struct {
	*http.Transport
	c *country
}

const verifications = "/v1/verifications"

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	if req.URL.Path == verifications {
		r.c.mu.Lock()
		r.c.asked++
		r.c.mu.Unlock()
	}
	again := req.Clone(req.Context())
	again.Body, again.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	res, err := r.Transport.RoundTrip(again)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	r.c.heard(sent{req.Header.Clone(), body, req.URL.Path}, answer)
	return res, nil
}

func (c *country) heard(s sent, answer []byte) {
	var envelope struct {
		Code string
		Data json.RawMessage
	}
	var v struct{ ID string }
	if json.Unmarshal(answer, &envelope) != nil || envelope.Code != wire.CodeOK.Code {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, s)
	if s.path == verifications && json.Unmarshal(envelope.Data, &v) == nil {
		c.digests[v.ID] = sm.Sum(envelope.Data)
	}
}

// replay sends what was accepted to any node again, as somebody would who has recorded it: at times of just now, at times of long ago.
func (c *country) replay(ctx context.Context) {
	thief := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		c.mu.Lock()
		p := c.nodes[rand.N(len(c.nodes))]
		var s sent
		if n := len(c.sent); n > 0 {
			s = c.sent[max(0, n-1-rand.N(4000))]
		}
		c.mu.Unlock()
		if s.header == nil {
			continue
		}
		req, err := http.NewRequest(http.MethodPost, p.base+s.path, bytes.NewReader(s.body))
		if err != nil {
			c.t.Error(err)
			return
		}
		req.Header = s.header
		res, err := thief.Do(req)
		if err != nil {
			continue // it is killed just now
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		var envelope struct{ Code string }
		json.Unmarshal(body, &envelope)
		c.replayed(envelope.Code)
	}
}
