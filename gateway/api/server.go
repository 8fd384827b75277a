package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/gateway/evidence"
	"tongma/gateway/freshness"
	"tongma/gateway/registry"
	"tongma/gateway/tracing"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Limits of the HTTP server. A call may take ten seconds of the caller's own patience; the rest is for slow networks.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// maxRunning is how many signed calls whose body has come may be under way at once. It bounds the memory that they take.
const maxRunning = 4096

// Gateway is what answers behind the interface; a [*gateway.Gateway] does.
type Gateway interface {
	Verify(ctx context.Context, call gateway.Call) (*standard.Verification, error)
	Systems() []gateway.System
	// Tell has a change notice marked, see [gateway.Gateway.Tell]. Its error may be [freshness.ErrFeed].
	Tell(ctx context.Context, n *freshness.Notice) (freshness.Receipt, error)
	// Operate does what an operator wants of a system. Its error is a [*standard.Error] if there is no such system.
	Operate(ctx context.Context, system string, action wire.Action) error
}

// Nonces are the nonces of accepted requests: a [*registry.Nonces] remembers those of this node, a [*replay.Nonces] those of all.
type Nonces interface {
	// Floor gives the time at or below which nothing is accepted from a caller, the zero time if there is no bound.
	Floor(caller string) time.Time
	// Take notes a nonce. Whatever its error is, the request must be refused. It is told apart by those of package registry.
	Take(caller, nonce string, at time.Time) error
}

// Config is what a server needs. All of it is required but where nil is said to mean something.
type Config struct {
	ID      string         // the gateway's id; it stands in every signed text
	Key     *sm.PrivateKey // signs answers, and seals sessions: nodes with the same key honour each other's
	Parties *registry.Parties
	Nonces  Nonces
	Gateway Gateway
	// Operations is the record of what operators do. Nil: nothing of theirs is served.
	Operations *registry.Operations
	// Evidence is where answers are kept, which the gateway does. Nil: nothing of it is served.
	Evidence *evidence.Log
	// Ready says why answers cannot be kept at present, nil if they can: a node that could answer nothing should be asked nothing. Nil: none are.
	Ready   func() error
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *prometheus.Registry // gets this package's metrics, and is what ServeMetrics shows
	Tracer  *tracing.Tracer      // nil: no traces
}

// Server is the HTTP side of a gateway. Make it with [New].
type Server struct {
	cfg      Config
	keyID    string
	sealKey  wire.SealKey
	sources  *registry.Sources
	rates    *registry.Rates
	sessions *lru.Cache[string, *session]
	buffers  sync.Pool // of *buffers
	meters   meters
	unrouted *routeMeter
	running  atomic.Int64 // signed calls whose body has come
	draining atomic.Bool
	lookups  lookups
	orders   sync.Mutex // held while one is recorded and done, so that the last one recorded is the one that holds
	echo     *echo.Echo
	public   *http.Server
	metrics  *http.Server
}

// New makes a server that is ready as soon as it is served.
func New(c Config) (*Server, error) {
	switch {
	case !wire.ValidID(c.ID):
		return nil, errors.New("gateway id: give 1 to 64 of A-Z a-z 0-9 . _ -")
	case c.Key == nil || c.Parties == nil || c.Nonces == nil || c.Gateway == nil || c.Now == nil || c.Log == nil || c.Metrics == nil:
		return nil, errors.New("api: incomplete configuration")
	}
	c.Log = events.Seal(c.Log)
	events.Know(c.Log, events.Party, c.Parties.IDs()...)
	events.Know(c.Log, events.Route, unrouted)
	systems := c.Gateway.Systems()
	for i := range systems {
		events.Know(c.Log, events.System, idsOf(&systems[i])...)
	}
	seal, err := sealKey(c.Key)
	if err != nil {
		return nil, err
	}
	sessions, err := lru.New[string, *session](maxSessions)
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	s := &Server{
		cfg:      c,
		keyID:    c.Key.Public().ID(),
		sealKey:  seal,
		sources:  registry.NewSources(c.Now),
		rates:    registry.NewRates(c.Now),
		sessions: sessions,
		lookups:  newLookups(),
	}
	if s.meters, err = newMeters(c.Metrics, systems); err != nil {
		return nil, err
	}
	s.unrouted = s.meters.route(unrouted)
	s.buffers.New = func() any { return newBuffers() }
	s.echo = s.routes()
	s.public = s.httpServer(s)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{}))
	s.metrics = s.httpServer(mux)
	return s, nil
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          events.ForHTTP(s.cfg.Log),
	}
}

// ServeHTTP answers one request. Most programs use [Server.Serve], which also sets limits on slow clients.
// Request-targets that could mean one thing here and another to whoever stands before us are refused before they find a route.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	if err := wire.CheckTarget(r.RequestURI); err != nil {
		s.lost(w, r, err)
		return
	}
	s.echo.ServeHTTP(w, r)
}

// Serve answers callers until [Server.Shutdown], then returns nil.
func (s *Server) Serve(l net.Listener) error { return serve(s.public, l) }

// ServeMetrics shows the metrics at /metrics until [Server.Shutdown], then returns nil. Its listener should not be reachable
// for callers.
func (s *Server) ServeMetrics(l net.Listener) error { return serve(s.metrics, l) }

func serve(h *http.Server, l net.Listener) error {
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Leave makes /readyz say no, and has each connection end with its next answer, so that callers go elsewhere. All calls are answered as before.
func (s *Server) Leave() { s.draining.Store(true) }

// Shutdown makes /readyz say no on connections that are open, closes the listeners and waits for running calls, at most until ctx
// ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Leave()
	return errors.Join(s.public.Shutdown(ctx), s.metrics.Shutdown(ctx))
}
