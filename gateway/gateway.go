package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/adapters"
	"tongma/gateway/events"
	"tongma/gateway/freshness"
	"tongma/gateway/policy"
	"tongma/gateway/tracing"
	"tongma/gateway/upstream"
	"tongma/standard"
)

// Config is what a gateway is made of.
type Config struct {
	Backends []Backend

	// Shared is where the nodes of one gateway share answers and change notices; nil: this is the only node.
	Shared *freshness.SharedConfig
	// CacheKey keys the digests that stand for scans and references in memory: 32 random bytes, its own for each node.
	// If nil, New draws one. Nodes that share have the key of what they share.
	CacheKey []byte
	// CacheRecords bounds the records in memory, about 410 bytes each; 0: 200,000.
	CacheRecords int
	// References bounds the requests with a reference that are remembered for a minute, about 2 KB each; 0: 50,000. Beyond it the
	// oldest are forgotten early.
	References int

	Evidence Evidence    // nil: none is kept
	Rules    *policy.Set // by which it is decided; nil: the national default alone

	Now     func() time.Time      // nil: time.Now
	Uptime  func() time.Duration  // by which ages are measured, whatever happens to the clock; nil: since New
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: nothing is registered
	Tracer  *tracing.Tracer       // nil: no traces
}

// Backend is a system with the configuration of its backend. A system without an endpoint, or without a credential that its
// dialect needs, is recognised all the same and answers that it is not configured.
type Backend struct {
	Dialect     adapters.Dialect
	Endpoint    string            // base URL of the backend
	Endpoints   map[string]string // further ones, by the names that the dialect gives them
	Credentials map[string]string
	Reach       upstream.Reach    // where its calls may go beyond the public network, and how they are secured
	Limits      adapters.Limits   // what is not 0 overrides the dialect's own; a rate, retry or hedge below 0 is none
	Life        freshness.Life    // likewise
	PlaceIDs    map[string]string // what the system calls this gateway's place or device
	// Heartbeat is how often the platform has promised to tell of changes at least, be it that there are none; 0: it has not. While it is
	// silent for longer, no green of the system is served from memory.
	Heartbeat time.Duration
}

const (
	defaultRecords    = 200_000
	defaultReferences = 50_000
	cacheKeyLength    = 32
)

// ErrClosed is the error of a call that came after [Gateway.Close].
var ErrClosed = errors.New("gateway: closed")

// Gateway verifies scans. It is safe for concurrent use.
type Gateway struct {
	live       atomic.Pointer[adapters.Catalogue] // its entries' adapters are *system; a call keeps the one it began with
	memory     *freshness.Cache
	marks      *freshness.Marks
	feed       freshness.Feed
	shared     *freshness.Shared // nil: no node shares its memory with this one
	digests    *digests
	flights    *flights
	references *references
	identities *identities
	evidence   Evidence // nil: none is kept
	rules      *policy.Set
	kept       time.Duration // of the caller's patience, for what follows a finding
	meters     *meters
	now        func() time.Time
	uptime     func() time.Duration
	log        *slog.Logger
	tracer     *tracing.Tracer

	swapping sync.Mutex // held by the one that changes the catalogue
	ended    bool       // guarded by swapping
}

// New connects every system and compiles all their forms into one catalogue. Its error names the system and says what is
// wrong with its configuration.
func New(config Config) (*Gateway, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	memory, err := freshness.New(config.CacheRecords, config.Uptime)
	if err != nil {
		return nil, fmt.Errorf("gateway: cache: %w", err)
	}
	marks := freshness.NewMarks(longest(config.Backends), config.Uptime)
	references, err := newReferences(config.References)
	if err != nil {
		return nil, fmt.Errorf("gateway: references: %w", err)
	}
	g := &Gateway{
		memory:     memory,
		marks:      marks,
		feed:       freshness.NewLocal(marks),
		digests:    newDigests(config.CacheKey),
		flights:    newFlights(),
		references: references,
		identities: newIdentities(rand.Reader),
		evidence:   config.Evidence,
		rules:      cmp.Or(config.Rules, policy.National()),
		kept:       answerTime,
		now:        config.Now,
		uptime:     config.Uptime,
		log:        config.Log,
		tracer:     config.Tracer,
	}
	if g.evidence != nil {
		g.kept += keepTime
	}
	if g.meters, err = newMeters(config.Metrics, g); err != nil {
		return nil, err
	}
	catalogue, err := g.open(config.Backends)
	if err != nil {
		return nil, err
	}
	promise(catalogue)
	g.live.Store(catalogue)
	if config.Shared != nil {
		if err := g.share(*config.Shared, config.Metrics); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// share begins to share memory and notices with other nodes.
func (g *Gateway) share(config freshness.SharedConfig, metrics prometheus.Registerer) error {
	config.Now, config.Log, config.Metrics = g.now, g.log, metrics
	shared, err := freshness.OpenShared(config, g.marks)
	if err != nil {
		return err
	}
	g.shared, g.feed = shared, shared
	g.digests = newDigests(shared.CacheKey())
	return nil
}

func (c Config) withDefaults() (Config, error) {
	if c.CacheKey == nil {
		c.CacheKey = make([]byte, cacheKeyLength)
		rand.Read(c.CacheKey)
	}
	if len(c.CacheKey) != cacheKeyLength {
		return c, fmt.Errorf("gateway: the cache key has %d bytes: give %d random ones", len(c.CacheKey), cacheKeyLength)
	}
	if c.CacheRecords == 0 {
		c.CacheRecords = defaultRecords
	}
	if c.References == 0 {
		c.References = defaultReferences
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Uptime == nil {
		start := time.Now()
		c.Uptime = func() time.Duration { return time.Since(start) }
	}
	c.Log = events.Seal(c.Log)
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c, nil
}

// open connects the backends. What is connected already and configured the same stays as it is.
func (g *Gateway) open(backends []Backend) (*adapters.Catalogue, error) {
	var entries []adapters.Entry
	var unset []string
	var faults []error
	for _, b := range backends {
		info := b.Dialect.Info()
		events.Know(g.log, events.System, append(furtherIDs(info), info.System)...)
		s, err := g.keepOrConnect(b)
		if err != nil {
			faults = append(faults, fmt.Errorf("system %s: %w", b.Dialect.Info().System, err))
			continue
		}
		if len(s.missing) > 0 {
			unset = append(unset, s.info.System)
		}
		entries = append(entries, adapters.Entry{Info: s.info, Adapter: s})
	}
	catalogue, err := adapters.NewCatalogue(entries)
	if err := errors.Join(append(faults, err)...); err != nil {
		for _, e := range entries {
			g.giveUp(e.Adapter.(*system))
		}
		return nil, err
	}
	if len(unset) > 0 {
		events.NotConfigured.Tell(g.log, slog.Any("systems", unset))
	}
	return catalogue, nil
}

// promise has the marks of all systems know what their platforms have promised.
func promise(c *adapters.Catalogue) {
	for e := range c.Entries() {
		s := e.Adapter.(*system)
		s.marks.Promise(s.backend.Heartbeat)
	}
}

// keepOrConnect gives the system of a backend: the one that is there if nothing about it has changed, or a new one.
func (g *Gateway) keepOrConnect(b Backend) (*system, error) {
	old, err := g.system(b.Dialect.Info().System)
	if err != nil {
		return g.connect(b)
	}
	if same(old.backend, b) {
		return old, nil
	}
	s, err := g.connect(b)
	if err == nil {
		s.Switch(old.Condition().Mode) // an operator's will outlives a configuration
	}
	return s, err
}

// same says whether two backends are one.
func same(a, b Backend) bool {
	digests := a.Dialect.Info().Digest == b.Dialect.Info().Digest
	a.Dialect, b.Dialect = nil, nil
	return digests && reflect.DeepEqual(a, b)
}

// giveUp leaves a system that is not in the catalogue.
func (g *Gateway) giveUp(s *system) {
	if now, err := g.system(s.info.System); err != nil || now != s {
		s.leave()
	}
}

// system gives a system of the catalogue.
func (g *Gateway) system(id string) (*system, error) {
	if c := g.live.Load(); c != nil {
		if e, ok := c.For(id); ok {
			return e.Adapter.(*system), nil
		}
	}
	return nil, &standard.Error{Kind: standard.KindSystem, Field: "system", What: "is not one of this gateway"}
}

// Swap puts other backends in the place of all: new ones, others for those that have changed, none for those that are not named. Calls
// go on with the system that they began with, which is closed when the last of them has ended. After an error all is as it was; it is
// [ErrClosed] after [Gateway.Close].
func (g *Gateway) Swap(backends []Backend) error {
	g.swapping.Lock()
	defer g.swapping.Unlock()
	if g.ended {
		return ErrClosed
	}
	g.marks.Keep(longest(backends))
	next, err := g.open(backends)
	if err != nil {
		return err
	}
	promise(next)
	old := g.live.Swap(next)
	for e := range old.Entries() {
		g.giveUp(e.Adapter.(*system))
	}
	return nil
}

// System is what may be known of a system that the gateway serves.
type System struct {
	Info    adapters.Info
	Missing []string // what it is not configured with: "endpoint", "credential appId", …
	Guard   upstream.Condition
}

// Systems lists all systems, in the order of the configuration.
func (g *Gateway) Systems() []System {
	var list []System
	for e := range g.live.Load().Entries() {
		s := e.Adapter.(*system)
		list = append(list, System{Info: s.info, Missing: s.missing, Guard: s.Condition()})
	}
	return list
}

// Close refuses new calls and waits for the flights that are under way, until ctx ends; those that are left are then cancelled
// and its error returned.
func (g *Gateway) Close(ctx context.Context) error {
	err := g.flights.close(ctx)
	if g.shared != nil {
		g.shared.Close()
	}
	g.swapping.Lock()
	defer g.swapping.Unlock()
	if !g.ended {
		g.ended = true
		for e := range g.live.Load().Entries() {
			e.Adapter.(*system).leave()
		}
	}
	return err
}

// Caller is who asks: a party that the outside has authenticated.
type Caller struct {
	ID    string
	Roles standard.Roles // what it may see of a record
}

// Call is one verification that a caller asks for.
type Call struct {
	Caller  Caller
	Request *standard.Request // Verify puts its document into normal form
	BodySum [32]byte          // digest of the request as it came, by which two with the same reference are compared
	Batch   bool              // it is one of many: whoever stands at a checkpoint comes before it
}

func (c *Call) priority() upstream.Priority {
	if c.Batch {
		return upstream.Batch
	}
	return upstream.Checkpoint
}
