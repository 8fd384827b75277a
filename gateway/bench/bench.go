package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tongma/adapters"
	"tongma/standard/sm"
)

// bench holds the processes of one run. They are started when a row first needs them, and all end with it.
type bench struct {
	dir       string // state of the gateways
	profiles  string // folder for profiles, "" for none
	key       string // of all gateways
	callerKey string
	callerPub string
	children  map[string]*child
}

func newBench(profiles string) (*bench, error) {
	dir, err := os.MkdirTemp("", "tongma-bench-")
	if err != nil {
		return nil, err
	}
	gateway, err := newKey()
	if err != nil {
		return nil, err
	}
	caller, err := sm.GenerateKey()
	if err != nil {
		return nil, err
	}
	private, err := caller.MarshalPEM(nil)
	if err != nil {
		return nil, err
	}
	public, err := caller.Public().MarshalPEM()
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, profiles: profiles, key: gateway, callerKey: string(private), callerPub: string(public), children: map[string]*child{}}, nil
}

func newKey() (string, error) {
	key, err := sm.GenerateKey()
	if err != nil {
		return "", err
	}
	pem, err := key.MarshalPEM(nil)
	return string(pem), err
}

func (b *bench) close() {
	for _, c := range b.children {
		c.stop()
	}
	os.RemoveAll(b.dir)
}

// child gives the process of that name, starting it if there is none.
func (b *bench) child(name, role string, config any) (*child, error) {
	if c, ok := b.children[name]; ok {
		return c, nil
	}
	c, err := spawn(role, config, b.profiles)
	if err != nil {
		return nil, err
	}
	b.children[name] = c
	return c, nil
}

func (b *bench) backend() (*child, error) { return b.child("backend", "backend", nil) }

// The limits of the systems that are measured. No rate is in the way, and nothing queues.
var (
	wide  = adapters.Limits{Concurrency: 2048, Rate: 1e6}
	brief = adapters.Limits{Concurrency: 64, Rate: 1e6, Timeout: 300 * time.Millisecond} // of systems that may hang
)

// gateway gives a gateway with that many systems.
func (b *bench) gateway(name string, systems int, limits adapters.Limits) (*child, error) {
	return b.gatewayOf(name, systems, limits, false)
}

// gatewayOf gives one that keeps evidence or does not.
func (b *bench) gatewayOf(name string, systems int, limits adapters.Limits, evidence bool) (*child, error) {
	backend, err := b.backend()
	if err != nil {
		return nil, err
	}
	state := filepath.Join(b.dir, name)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	return b.child(name, "gateway", gatewayConfig{
		State: state, Key: b.key, CallerKey: b.callerPub, Backend: backend.address, Systems: systems, Limits: limits, Evidence: evidence,
	})
}

func (b *bench) one() (*child, error) { return b.gateway("one", 1, wide) }

// load gives a process that makes load; a second one makes load beside the first.
func (b *bench) load(name string) (*child, error) {
	gateway, err := b.one()
	if err != nil {
		return nil, err
	}
	return b.child(name, "load", signerConfig{Key: b.callerKey, Gateway: gateway.address})
}

// drive has a load made. Every answer must be a verified one.
func (b *bench) drive(j job) (outcome, error) {
	load, err := b.prepare("load", j)
	if err != nil {
		return outcome{}, err
	}
	return verified(measured(load))
}

// attempt has a load made by the load process of that name, whatever the answers.
func (b *bench) attempt(name string, j job) (outcome, error) {
	load, err := b.prepare(name, j)
	if err != nil {
		return outcome{}, err
	}
	return measured(load)
}

// prepare has a load process make everything ready for a job.
func (b *bench) prepare(name string, j job) (*child, error) {
	load, err := b.load(name)
	if err != nil {
		return nil, err
	}
	return load, load.ask(loadQuestion{&j}, &struct{}{})
}

func measured(load *child) (o outcome, err error) {
	err = load.ask(loadQuestion{}, &o)
	return o, err
}

// verified makes an error of answers that are not.
func verified(o outcome, err error) (outcome, error) {
	if err == nil && o.Wrong > 0 {
		err = fmt.Errorf("%d answers are not verified, such as %s", o.Wrong, o.Shown)
	}
	return o, err
}

const (
	pairs    = 15
	slot     = 400 * time.Millisecond // about how long one side of a pair is loaded
	trial    = 2000                   // requests to find out how many fit into a slot
	mostEach = 100_000
)

// side is one of the two sides of a ratio.
type side struct {
	server *child
	job    job
	rates  []float64
	cpu    []float64 // µs of the server's a request
}

// turn loads the side once.
func (b *bench) turn(s *side, requests int) error {
	s.job.Address, s.job.Requests = s.server.address, requests
	load, err := b.prepare("load", s.job)
	if err != nil {
		return err
	}
	var before, after time.Duration
	if err := s.server.ask(struct{}{}, &before); err != nil {
		return err
	}
	o, err := verified(measured(load))
	if err != nil {
		return err
	}
	if err := s.server.ask(struct{}{}, &after); err != nil {
		return err
	}
	s.rates = append(s.rates, o.rate(s.job))
	s.cpu = append(s.cpu, float64((after-before).Microseconds())/float64(requests))
	return nil
}

// ratios loads two sides in turn and gives how the rate of the first is to that of the second, pair by pair.
func (b *bench) ratios(first, second side) ([]float64, string, error) {
	return b.pairs(&first, &second)
}

// pairs does the same and leaves in the sides what was measured of each.
func (b *bench) pairs(first, second *side) ([]float64, string, error) {
	requests := mostEach
	for _, s := range []*side{first, second} {
		for range 2 { // the first one is for the server to get ready
			if err := b.turn(s, trial); err != nil {
				return nil, "", err
			}
		}
		requests = min(requests, int(s.rates[1]*slot.Seconds()))
		s.rates, s.cpu = nil, nil
	}
	each := make([]float64, pairs)
	for i := range each {
		order := []*side{first, second}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			if err := b.turn(s, requests); err != nil {
				return nil, "", err
			}
		}
		each[i] = first.rates[i] / second.rates[i]
	}
	note := fmt.Sprintf("%.0f/s against %.0f/s; the server's CPU a call %.0f us against %.0f us",
		median(first.rates), median(second.rates), median(first.cpu), median(second.cpu))
	return each, note, nil
}
