package load

import (
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tongma/standard"
)

// What a histogram tells apart: microseconds up to two minutes, longer ones counted as that, to three digits.
const (
	lowest  = 1
	highest = 120_000_000
	digits  = 3
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(lowest, highest, digits) }

func record(h *hdrhistogram.Histogram, took time.Duration) {
	h.RecordValue(min(max(took.Microseconds(), lowest), highest)) // in range: it cannot fail
}

// The dimensions by which requests are counted, in the order of the report.
const (
	byKind = iota
	byOutcome
	byStatus
	byDecision
	byFrom
	byHTTP
	byCode
	bySystem
	dimensions
)

// other is what a value is counted as that the interface does not have, so that nobody fills a report or a memory from outside.
const other = "other"

// none is a status that is absent.
const none = "none"

// maxSystems is how many systems are told apart: their ids are the gateway's own.
const maxSystems = 64

var known = [dimensions]map[string]bool{
	byOutcome: set(string(standard.Verified), string(standard.Expired), string(standard.NotFound), string(standard.Unrecognised),
		string(standard.Refused), string(standard.Unavailable)),
	byStatus:   set(string(standard.Green), string(standard.Yellow), string(standard.Red), none),
	byDecision: set(string(standard.Pass), string(standard.Manual), string(standard.Deny)),
	byFrom:     set(string(standard.Live), string(standard.Cache), string(standard.Stale)),
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// labels says under which name v counts in each dimension; "" is not at all.
func (v *verdict) labels() [dimensions]string {
	var l [dimensions]string
	l[byKind] = kindNames[v.kind]
	if v.http != 0 {
		l[byHTTP] = strconv.Itoa(v.http)
	}
	l[byCode] = v.code
	if v.kind != answered {
		return l
	}
	l[byOutcome], l[byStatus], l[byDecision], l[byFrom], l[bySystem] = v.outcome, v.status, v.decision, v.from, v.system
	if l[byStatus] == "" {
		l[byStatus] = none
	}
	for d, names := range known {
		if names != nil && l[d] != "" && !names[l[d]] {
			l[d] = other
		}
	}
	return l
}

// counts are the numbers that are no histogram.
type counts struct {
	Good        int64 // see verdict.good
	Checked     int64 // signatures
	FalseGreens int64
	Differing   int64
	RetryAfter  int64 // refusals that say when to come again
}

func (c *counts) add(o counts) {
	c.Good += o.Good
	c.Checked += o.Checked
	c.FalseGreens += o.FalseGreens
	c.Differing += o.Differing
	c.RetryAfter += o.RetryAfter
}

// second is what happened since the last look.
type second struct {
	good, refused, failed int64
	took                  *hdrhistogram.Histogram
}

// shard is a part of the tally, so that connections do not wait for each other.
type shard struct {
	mu     sync.Mutex
	all    *hdrhistogram.Histogram
	by     [dimensions]map[string]*hdrhistogram.Histogram
	counts counts
	now    second
	shown  []string // what made the report fail, the first few
}

func newShard() *shard {
	s := &shard{all: newHistogram(), now: second{took: newHistogram()}}
	for d := range s.by {
		s.by[d] = map[string]*hdrhistogram.Histogram{}
	}
	return s
}

// maxShown is how many failures are told one by one.
const maxShown = 10

func (s *shard) add(v *verdict, item *Item, took time.Duration) {
	labels := v.labels()
	s.mu.Lock()
	defer s.mu.Unlock()
	record(s.all, took)
	record(s.now.took, took)
	for d, label := range labels {
		if label != "" {
			record(s.histogram(d, label), took)
		}
	}
	s.count(v)
	if what := v.failure(item); what != "" && len(s.shown) < maxShown {
		s.shown = append(s.shown, what)
	}
}

func (s *shard) histogram(dimension int, label string) *hdrhistogram.Histogram {
	m := s.by[dimension]
	h := m[label]
	if h == nil && dimension == bySystem && (len(m) >= maxSystems || len(label) > 64) {
		label = other
		h = m[label]
	}
	if h == nil {
		h = newHistogram()
		m[label] = h
	}
	return h
}

func (s *shard) count(v *verdict) {
	one := counts{Good: number(v.good()), Checked: number(v.checked), FalseGreens: number(v.falseGreen), Differing: number(v.differs)}
	one.RetryAfter = number(v.kind == refused && v.retryAfter)
	s.counts.add(one)
	switch {
	case v.good():
		s.now.good++
	case v.kind == refused:
		s.now.refused++
	default:
		s.now.failed++
	}
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// failure tells what must never happen, without a word about anybody.
func (v *verdict) failure(item *Item) string {
	switch {
	case v.kind == forged:
		return item.Name + ": the reply (HTTP status " + strconv.Itoa(v.http) + ") is not the gateway's"
	case v.falseGreen:
		return item.Name + ": green, and the list says otherwise (request " + v.requestID + ")"
	}
	return ""
}

// tally is all shards.
type tally []*shard

func newTally(shards int) tally {
	t := make(tally, shards)
	for i := range t {
		t[i] = newShard()
	}
	return t
}

// look gives what has happened since the last look, and begins anew.
func (t tally) look() second {
	sum := second{took: newHistogram()}
	for _, s := range t {
		s.mu.Lock()
		sum.good += s.now.good
		sum.refused += s.now.refused
		sum.failed += s.now.failed
		sum.took.Merge(s.now.took)
		s.now.good, s.now.refused, s.now.failed = 0, 0, 0
		s.now.took.Reset()
		s.mu.Unlock()
	}
	return sum
}

// merged is the tally as one shard. Nobody adds to it any more.
func (t tally) merged() *shard {
	sum := newShard()
	for _, s := range t {
		sum.all.Merge(s.all)
		for d, m := range s.by {
			for label, h := range m {
				sum.histogram(d, label).Merge(h)
			}
		}
		sum.counts.add(s.counts)
		sum.shown = append(sum.shown, s.shown[:min(len(s.shown), maxShown-len(sum.shown))]...)
	}
	return sum
}
