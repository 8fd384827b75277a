package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tongma/adapters"
)

// row is a line of the design's table of numbers; it gives one figure or two.
type row struct {
	number  string
	name    string
	measure func(*bench) ([]figure, error)
}

var rows = []row{
	{"1", "cached, session-signed", cachedBySession},
	{"2", "cached, SM2-signed", cachedBySM2},
	{"3", "live, session-signed", live},
	{"4", "latency added at half load", added},
	{"5", "forty systems", systems},
	{"6", "one backend hanging", hanging},
	{"7", "a thousand identical scans", identical},
	{"8", "a million records", million},
	{"9", "recognition", recognition},
	{"10", "expressions", expressions},
	{"11", "fixtures", fixtures},
	{"12", "a backend at its capacity", overload},
	{"13", "cached, evidence durable", durable},
	{"14", "what evidence costs", cost},
	{"15", "how long evidence is waited for", waited},
	{"16", "verifying an export", checking},
	{"17", "an entry on disk", size},
	{"18", "starting with ten million entries", start},
}

const (
	connections = 32
	codesCached = 1000
)

func cachedBySession(b *bench) ([]figure, error) {
	return cached(b, bySession, 0.6, "cached, session-signed, of a bare echo handler")
}

func cachedBySM2(b *bench) ([]figure, error) {
	return cached(b, bySM2, 0.8, "cached, SM2-signed, of an echo handler with one verify and one sign")
}

func cached(b *bench, by kind, bar float64, name string) ([]figure, error) {
	gateway, err := b.one()
	if err != nil {
		return nil, err
	}
	return b.cachedOf(gateway, "echo-"+string(by), by, connections, bar, name)
}

// cachedOf compares a gateway's answers from memory with an echo handler of that name which gives the same.
func (b *bench) cachedOf(gateway *child, echoName string, by kind, conns int, bar float64, name string) ([]figure, error) {
	s, err := newSigner(signerConfig{Key: b.callerKey, Gateway: gateway.address})
	if err != nil {
		return nil, err
	}
	j := job{Address: gateway.address, Kind: by, Requests: 1}
	scans := s.scans(j)
	var reply sample
	for range 2 { // the second time from memory
		if reply, err = once(gateway.address, s.requestFor(j, scans[0])); err != nil {
			return nil, err
		}
	}
	echo, err := b.child(echoName, "echo", echoConfig{Header: reply.Header, Body: reply.Body, SM2: by == bySM2})
	if err != nil {
		return nil, err
	}
	load := job{Kind: by, Scans: codesCached, Connections: conns}
	warm := load
	warm.Warm = true
	each, note, err := b.ratios(side{server: gateway, job: warm}, side{server: echo, job: load})
	return []figure{atLeast(bar, name, each, note)}, err
}

func live(b *bench) ([]figure, error) {
	gateway, err := b.one()
	if err != nil {
		return nil, err
	}
	kraken, err := b.child("kraken", "kraken", krakenConfig{Backend: b.children["backend"].address})
	if err != nil {
		return nil, err
	}
	each, note, err := b.ratios(
		side{server: gateway, job: job{Kind: bySession, Connections: connections}},
		side{server: kraken, job: job{Kind: passed, Connections: connections}})
	return []figure{atLeast(1, "live, session-signed, of KrakenD's engine passing the call through", each, note)}, err
}

const windowSeconds = 2

// halfLoad gives half of what the gateway takes when it is asked as fast as it answers.
func halfLoad(b *bench, gateway *child) (float64, error) {
	j := job{Address: gateway.address, Kind: bySession, Requests: 2 * trial, Connections: connections}
	var rates []float64
	for range 3 {
		o, err := b.drive(j)
		if err != nil {
			return 0, err
		}
		rates = append(rates, o.rate(j))
	}
	return median(rates) / 2, nil
}

func added(b *bench) ([]figure, error) {
	gateway, err := b.one()
	if err != nil {
		return nil, err
	}
	rate, err := halfLoad(b, gateway)
	if err != nil {
		return nil, err
	}
	through := job{Address: gateway.address, Kind: bySession, Requests: int(rate * windowSeconds), Connections: 2 * connections, Rate: rate}
	straight := through
	straight.Address, straight.Kind = b.children["backend"].address, direct

	var p50, p99, all50, all99, own50, own99 []float64
	for range pairs {
		own, err := b.drive(straight)
		if err != nil {
			return nil, err
		}
		all, err := b.drive(through)
		if err != nil {
			return nil, err
		}
		p50, p99 = append(p50, ms(all.P50-own.P50)), append(p99, ms(all.P99-own.P99))
		all50, all99 = append(all50, ms(all.P50)), append(all99, ms(all.P99))
		own50, own99 = append(own50, ms(own.P50)), append(own99, ms(own.P99))
	}
	note := func(all, own []float64) string {
		return fmt.Sprintf("%.2f ms through the gateway, %.2f ms without, at %.0f/s", median(all), median(own), rate)
	}
	return []figure{
		atMost(0.5, "ms", "latency added to the backend's at half load, p50", p50, note(all50, own50)),
		atMost(3, "ms", "latency added to the backend's at half load, p99", p99, note(all99, own99)),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

const manySystems = 40

func systems(b *bench) ([]figure, error) {
	one, err := b.one()
	if err != nil {
		return nil, err
	}
	forty, err := b.gateway("forty", manySystems, wide)
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, way := range []struct {
		name string
		job  job
	}{
		{"forty systems against one, cached", job{Kind: bySession, Scans: codesCached, Warm: true, Connections: connections}},
		{"forty systems against one, live", job{Kind: bySession, Connections: connections}},
	} {
		spread := way.job
		spread.Systems = manySystems
		each, note, err := b.ratios(side{server: forty, job: spread}, side{server: one, job: way.job})
		if err != nil {
			return nil, err
		}
		figures = append(figures, atLeast(0.95, way.name, each, note))
	}
	return figures, nil
}

const (
	crowdSystems = 8   // one that hangs, and the others
	hangingRate  = 100 // calls a second for the system that hangs
	hangSeconds  = 3   // ten times its timeout
	hangPairs    = 11
)

// hanging measures seven systems while another one hangs, beginning with the moment at which it starts to. In each pair it is another one,
// because a breaker that has just been open takes its time.
func hanging(b *bench) ([]figure, error) {
	const systems = hangPairs + crowdSystems - 1
	crowd, err := b.gateway("crowd", systems, brief)
	if err != nil {
		return nil, err
	}
	rate, err := halfLoad(b, crowd)
	if err != nil {
		return nil, err
	}
	rate /= 2 // two loads at once are more than one
	connected := job{Address: crowd.address, Kind: bySession, Systems: systems, Requests: trial, Connections: connections}
	if _, err := b.drive(connected); err != nil {
		return nil, err
	}
	var ratios, turned, before, during []float64
	for i := range hangPairs {
		others := job{
			Address: crowd.address, Kind: bySession, First: i + 1, Systems: crowdSystems - 1,
			Requests: int(rate * hangSeconds), Connections: 2 * connections, Rate: rate,
		}
		own := job{Address: crowd.address, Kind: bySession, First: i, Requests: hangingRate * hangSeconds, Connections: 2 * hangingRate, Rate: hangingRate}
		well, _, err := b.beside(others, own)
		if err != nil {
			return nil, err
		}
		if err := b.hang(systemID(i)); err != nil {
			return nil, err
		}
		ill, sick, err := b.beside(others, own)
		if err != nil {
			return nil, err
		}
		if sick.Turned == 0 {
			return nil, errors.New("the breaker of the hanging system has not opened")
		}
		if err := b.hang(""); err != nil {
			return nil, err
		}
		ratios, turned = append(ratios, float64(ill.P99)/float64(well.P99)), append(turned, ms(sick.Breaker))
		before, during = append(before, ms(well.P99)), append(during, ms(ill.P99))
	}
	return []figure{
		atMost(1.2, "", "p99 of the others while one backend hangs, of before", ratios,
			fmt.Sprintf("%.2f ms against %.2f ms, at %.0f/s", median(during), median(before), rate)),
		atMost(50, "ms", "slowest answer of an open breaker", turned, "to the callers of the system that hangs"),
	}, nil
}

// beside has two loads made at the same time. Those of the first must all be verified.
func (b *bench) beside(first, second job) (outcome, outcome, error) {
	if _, err := b.load("second load"); err != nil { // started before the other one is busy
		return outcome{}, outcome{}, err
	}
	var group sync.WaitGroup
	var o outcome
	var err error
	group.Go(func() { o, err = b.attempt("second load", second) })
	main, mainErr := b.drive(first)
	group.Wait()
	return main, o, errors.Join(mainErr, err)
}

func (b *bench) hang(system string) error {
	var a backendAnswer
	return b.children["backend"].ask(backendQuestion{Hang: system}, &a)
}

const (
	crowd       = 1000
	crowdRounds = 5
)

func identical(b *bench) ([]figure, error) {
	gateway, err := b.one()
	if err != nil {
		return nil, err
	}
	calls := func() (int64, error) {
		var a backendAnswer
		err := b.children["backend"].ask(backendQuestion{}, &a)
		return a.Calls, err
	}
	j := job{Address: gateway.address, Kind: bySession, Scans: 1, Slow: true, Requests: crowd, Connections: crowd}
	var each []float64
	for range crowdRounds {
		before, err := calls()
		if err != nil {
			return nil, err
		}
		if _, err := b.drive(j); err != nil {
			return nil, err
		}
		after, err := calls()
		if err != nil {
			return nil, err
		}
		each = append(each, float64(after-before))
	}
	f := atMost(1, "calls", "backend calls for 1,000 identical scans at once", each, "the most of all rounds counts")
	f.Value = slices.Max(each)
	return []figure{f}, nil
}

const (
	capacity       = 1000   // calls a second that the backend takes
	offered        = 10_000 // that it is offered
	overloadTime   = 4      // seconds
	overloadRounds = 5
)

// overload offers a gateway ten times what its backend takes.
func overload(b *bench) ([]figure, error) {
	gateway, err := b.gateway("held", 1, adapters.Limits{Concurrency: 64, Rate: 1e6})
	if err != nil {
		return nil, err
	}
	var a backendAnswer
	hold := func(perSecond int) error {
		return b.children["backend"].ask(backendQuestion{Capacity: perSecond}, &a)
	}
	if err := hold(capacity); err != nil {
		return nil, err
	}
	defer hold(0)
	j := job{Address: gateway.address, Kind: bySession, Requests: offered * overloadTime, Connections: 2 * capacity, Rate: offered}
	var good, neither, refused, slowest []float64
	for range overloadRounds {
		o, err := b.attempt("load", j)
		if err != nil {
			return nil, err
		}
		if o.Refused == 0 {
			return nil, fmt.Errorf("nothing was refused, and %d answers are not verified, such as %s", o.Wrong, o.Shown)
		}
		good, neither = append(good, float64(j.Requests-o.Refused-o.Wrong)/o.Seconds), append(neither, 100*float64(o.Wrong)/float64(j.Requests))
		refused, slowest = append(refused, ms(o.RefusedP99)), append(slowest, ms(o.RefusedMax))
	}
	var used memoryUse
	if err := gateway.ask(memoryQuestion{Memory: true}, &used); err != nil {
		return nil, err
	}
	rate := atLeast(900, "good answers of a backend that takes 1,000/s and is offered 10,000/s", good, "")
	rate.Unit = "/s"
	return []figure{
		rate,
		atMost(0.5, "%", "answers that are neither good nor such a refusal", neither, "their caller's patience ended while the backend was asked"),
		atMost(50, "ms", "the others are refused (503, Retry-After) within, p99", refused, fmt.Sprintf("the slowest %.0f ms", slices.Max(slowest))),
		atMost(640, "MB", "the most memory that the gateway has had meanwhile", []float64{float64(used.Most) / 1e6}, "resident"),
	}, nil
}

const records = 1_000_000

func million(*bench) ([]figure, error) {
	c, err := spawn("memory", nil, "")
	if err != nil {
		return nil, err
	}
	defer c.stop()
	var bytes int64
	if err := c.ask(records, &bytes); err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d bytes a record, with a holder, a test and a vaccination", bytes/records)
	return []figure{atMost(500, "MB", "live heap of a million cached records", []float64{float64(bytes) / 1e6}, note)}, nil
}
