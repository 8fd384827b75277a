package gateway

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tongma/adapters"
	"tongma/gateway/events"
	"tongma/gateway/freshness"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// Limits where neither the dialect nor the configuration has any. The timeout is shorter than a caller's usual patience, so that
// it is the system that is reported as slow.
var defaultLimits = adapters.Limits{Timeout: 2 * time.Second, Concurrency: 64, Body: 64 << 10}

// system is a dialect connected to its backend behind its guards. It is the adapter that stands in the catalogue.
type system struct {
	*upstream.Guarded
	keyer      adapters.Keyer // nil: its answers are neither remembered nor shared
	backend    Backend        // as configured
	info       adapters.Info
	identity   standard.System
	identities map[string]standard.System // by id: its own and those of the further systems that it answers for
	missing    []string
	asked      string // the backend's addresses, each quoted, on one line
	host       *upstream.Host
	life       freshness.Life
	marks      *freshness.SystemMarks
	meters     systemMeters
	trouble    trouble

	// users are the catalogue and the calls and flights that have it in use. When the last one has left, it is closed.
	users atomic.Int64
}

func (g *Gateway) connect(b Backend) (*system, error) {
	info := b.Dialect.Info()
	if err := checkNames(b, info); err != nil {
		return nil, err
	}
	limits := limitsOf(b)
	host, err := upstream.NewHost(upstream.HostConfig{
		Endpoint: b.Endpoint, Endpoints: b.Endpoints, Credentials: b.Credentials,
		Timeout: b.Limits.Timeout, MaxReply: b.Limits.Body, Connections: limits.Concurrency, Now: g.now,
		Tracer: g.tracer, System: info.System, Reach: b.Reach,
	})
	if err != nil {
		return nil, err
	}
	s := &system{
		backend:  b,
		info:     info,
		identity: standard.System{ID: info.System, Name: info.Name.Zh, Region: info.Region, Provenance: info.Provenance},
		missing:  missing(b, info),
		asked:    addressesOf(b),
		host:     host,
		life:     lifeOf(b.Life, info.Freshness),
		marks:    g.marks.Of(info.System, furtherIDs(info)...),
		meters:   g.meters.of(info.System),
	}
	s.users.Store(1)
	s.identities = identitiesOf(s.identity, info)
	adapter := b.Dialect.Open(host)
	s.keyer, _ = adapter.(adapters.Keyer)
	s.Guarded = upstream.Guard(adapter, info, upstream.GuardConfig{
		Limits: limits, Place: adapters.Place{IDs: b.PlaceIDs}, Watch: s.watch(g.log), Tracer: g.tracer,
	})
	return s, nil
}

// enter keeps the system open until leave. It says no when the system is closed already.
func (s *system) enter() bool {
	for {
		n := s.users.Load()
		if n == 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave ends a use. The last one closes the system.
func (s *system) leave() {
	if s.users.Add(-1) == 0 {
		s.Guarded.Close()
		s.host.Close()
	}
}

func furtherIDs(info adapters.Info) []string {
	var ids []string
	for _, further := range info.Systems {
		ids = append(ids, further.ID)
	}
	return ids
}

// identitiesOf gives by their ids all systems whose records a dialect may give.
func identitiesOf(own standard.System, info adapters.Info) map[string]standard.System {
	all := map[string]standard.System{own.ID: own}
	for _, further := range info.Systems {
		all[further.ID] = standard.System{ID: further.ID, Name: further.Name.Zh, Region: further.Region, Provenance: info.Provenance}
	}
	return all
}

// watch turns what the guards see into metrics, and tells the operator of the breaker. How they stand is read where it is asked for.
func (s *system) watch(log *slog.Logger) upstream.Watch {
	m := &s.meters
	return upstream.Watch{
		State: func(to upstream.State) {
			events.Breaker.Tell(log, slog.String("system", s.info.System), slog.String("state", to.String()))
		},
		Took:    func(d time.Duration) { m.seconds.Observe(d.Seconds()) },
		Waited:  func(d time.Duration) { m.waited.Observe(d.Seconds()) },
		Refused: func(reason standard.ReasonCode) { m.refused.WithLabelValues(string(reason)).Inc() },
		Second:  func(kind upstream.Second) { m.second.WithLabelValues(string(kind)).Inc() },
		Probed: func(err error) {
			result := "sound"
			if err != nil {
				result = "sick"
			}
			m.probed.WithLabelValues(result).Inc()
		},
	}
}

// checkNames refuses what the dialect does not know: a misspelt name would otherwise be missed only when a traveller stands there.
func checkNames(b Backend, info adapters.Info) error {
	known := make([]string, len(info.Credentials))
	for i, c := range info.Credentials {
		known[i] = c.Name
	}
	if err := checkKnown("credential", slices.Sorted(maps.Keys(b.Credentials)), known); err != nil {
		return err
	}
	return checkKnown("endpoint", slices.Sorted(maps.Keys(b.Endpoints)), info.Endpoints)
}

func checkKnown(what string, given, known []string) error {
	for _, name := range given {
		if slices.Contains(known, name) {
			continue
		}
		if len(known) == 0 {
			return fmt.Errorf("%s %q is not one of its own: it has none", what, name)
		}
		return fmt.Errorf("%s %q is not one of its own: those are %s", what, name, strings.Join(known, ", "))
	}
	return nil
}

func missing(b Backend, info adapters.Info) []string {
	var list []string
	if b.Endpoint == "" {
		list = append(list, "endpoint")
	}
	for _, name := range info.Endpoints {
		if b.Endpoints[name] == "" {
			list = append(list, "endpoint "+name)
		}
	}
	for _, c := range info.Credentials {
		if _, ok := b.Credentials[c.Name]; !ok {
			list = append(list, "credential "+c.Name)
		}
	}
	return list
}

// addressesOf writes a backend's addresses on one line.
func addressesOf(b Backend) string {
	all := strconv.AppendQuote(nil, b.Endpoint)
	for _, name := range slices.Sorted(maps.Keys(b.Endpoints)) {
		all = strconv.AppendQuote(strconv.AppendQuote(all, name), b.Endpoints[name])
	}
	return string(all)
}

// limitsOf gives the limits in force for a backend.
func limitsOf(b Backend) adapters.Limits {
	return overlay(overlay(defaultLimits, b.Dialect.Info().Limits), b.Limits)
}

// lifeOf gives the life that an operator wants, and where nothing is said the descriptor's.
func lifeOf(own freshness.Life, descriptor adapters.Freshness) freshness.Life {
	own.Green = cmp.Or(own.Green, descriptor.Green)
	own.Yellow = cmp.Or(own.Yellow, descriptor.Yellow)
	own.Red = cmp.Or(own.Red, descriptor.Red)
	return own
}

// longest is for how long a mark must be remembered: an answer that was asked for before it may be under way and then be served.
func longest(backends []Backend) time.Duration {
	var most time.Duration
	for _, b := range backends {
		life := lifeOf(b.Life, b.Dialect.Info().Freshness)
		most = max(most, standard.MaxWaitMs*time.Millisecond+2*limitsOf(b).Timeout+life.Longest())
	}
	return most
}

// overlay gives base with whatever over sets. A rate or a retry below 0 is none.
func overlay(base, over adapters.Limits) adapters.Limits {
	if over.Timeout > 0 {
		base.Timeout = over.Timeout
	}
	if over.Concurrency > 0 {
		base.Concurrency = over.Concurrency
	}
	if over.Rate != 0 {
		base.Rate = over.Rate
	}
	if over.Body > 0 {
		base.Body = over.Body
	}
	if over.Retry != 0 {
		base.Retry = over.Retry
	}
	if over.Hedge != 0 {
		base.Hedge = over.Hedge
	}
	return base
}
