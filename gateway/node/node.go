package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"tongma/gateway"
	"tongma/gateway/api"
	"tongma/gateway/events"
	"tongma/gateway/evidence"
	"tongma/gateway/registry"
	"tongma/gateway/replay"
	"tongma/gateway/store"
	"tongma/gateway/tracing"
	"tongma/standard/wire"
)

// defaultDrain is how long calls under way may take to be answered when the node stops.
const defaultDrain = 10 * time.Second

// The files in Config.State.
const (
	marksFile      = "marks.json"       // how far each caller's time had come
	operationsFile = "operations.jsonl" // what operators have done
)

// Node is one gateway with its listeners. [New] makes it, [Node.Run] serves it.
type Node struct {
	state    *os.File        // the lock of the state folder
	store    *store.Store    // nil: none
	evidence *evidence.Log   // nil: none
	tracer   *tracing.Tracer // nil: no traces
	nonces   *replay.Nonces  // nil: this node has its own
	gateway  *gateway.Gateway
	server   *api.Server
	public   net.Listener
	metrics  net.Listener // nil: none
	secure   bool
	grace    time.Duration
	drain    time.Duration

	// headroom is never touched, and so takes address space but no memory. What lives in a gateway is small next to what its calls
	// throw away, and the collector, which runs when as much has been thrown away as lives, would disturb more than one call in a
	// hundred for some milliseconds.
	headroom []byte
}

// headroom is how much may be thrown away between two collections even if nothing lives.
const headroom = 256 << 20

// headroomWithin leaves the most of a limit (GOMEMLIMIT) to what lives: to the limit, address space is memory.
func headroomWithin(limit int64) int64 { return min(headroom, limit/4) }

// New builds a node and opens its listeners, which do not answer before [Node.Run]. On an error nothing stays open.
func New(cfg *Config) (*Node, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	logger := cfg.Log
	if logger == nil {
		logger = newLog(slog.LevelInfo)
	}
	logger = events.Seal(logger)
	n := &Node{secure: cfg.TLS != nil, grace: cfg.Grace, drain: cmp.Or(cfg.Drain, defaultDrain), headroom: make([]byte, headroomWithin(debug.SetMemoryLimit(-1)))}
	if err := n.open(cfg, logger); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// open makes the parts of a node, each from those before it.
func (n *Node) open(cfg *Config, logger *slog.Logger) error {
	if err := n.lockState(cfg.State); err != nil {
		return err
	}
	watched := prometheus.NewRegistry()
	watched.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	parties, err := registry.NewParties(cfg.Callers)
	if err != nil {
		return err
	}
	operations, err := registry.OpenOperations(filepath.Join(cfg.State, operationsFile), logger)
	if err != nil {
		return err
	}
	if err := n.openEvidence(cfg, logger, watched); err != nil {
		return err
	}
	nonces, err := n.openNonces(cfg, logger, watched)
	if err != nil {
		return err
	}
	if err := errors.Join(cfg.showValidity(watched), n.openTracing(cfg, logger, watched)); err != nil {
		return err
	}
	gate := gateway.Config{
		Backends: cfg.backends(), CacheRecords: cfg.CacheRecords, Shared: cfg.Shared, Log: logger, Metrics: watched, Tracer: n.tracer,
		Rules: cfg.Rules,
	}
	served := api.Config{
		ID: cfg.ID, Key: cfg.Key, Parties: parties, Nonces: nonces, Operations: operations, Now: time.Now, Log: logger, Metrics: watched, Tracer: n.tracer,
		Ready: n.ready,
	}
	if n.evidence != nil {
		gate.Evidence, served.Evidence = n.evidence, n.evidence
	}
	if n.gateway, err = gateway.New(gate); err != nil {
		return err
	}
	hold(n.gateway, operations.Held(), logger)
	served.Gateway = n.gateway
	if n.server, err = api.New(served); err != nil {
		return err
	}
	return n.listen(cfg)
}

// openTime is for how long a store may keep a start waiting. Another node's hold on a log ends by itself within that.
const openTime = 30 * time.Second

// openEvidence opens the store and the log of evidence in it, as far as they are configured.
func (n *Node) openEvidence(cfg *Config, logger *slog.Logger, watched prometheus.Registerer) error {
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	var err error
	if cfg.Store != "" {
		if n.store, err = store.Open(ctx, cfg.Store); err != nil {
			return err
		}
	}
	if e := cfg.Evidence; e != nil {
		n.evidence, err = evidence.Open(ctx, evidence.Config{
			Store: n.store, Name: e.Log, State: cfg.State, Key: cfg.Key, Secret: e.Secret,
			Officer: e.Officer, Retention: e.Retention, Keep: e.Keep, Log: logger, Metrics: watched,
		})
	}
	return err
}

// openNonces gives what keeps replays out: what all nodes share, or this one's own.
func (n *Node) openNonces(cfg *Config, logger *slog.Logger, watched prometheus.Registerer) (api.Nonces, error) {
	if cfg.Shared == nil || cfg.OwnNonces {
		return registry.OpenNonces(filepath.Join(cfg.State, marksFile))
	}
	c := replay.Config{Redis: *cfg.Shared, Log: logger, Metrics: watched}
	if n.store != nil && n.store.Kind == store.Postgres {
		c.Database = n.store.Write
	}
	var err error
	n.nonces, err = replay.Open(c)
	return n.nonces, err
}

// ready says why this node can answer nothing at present, nil if it can.
func (n *Node) ready() error {
	if n.nonces != nil {
		if err := n.nonces.Ready(); err != nil {
			return err
		}
	}
	if n.evidence != nil {
		return n.evidence.Ready()
	}
	return nil
}

// hold takes out of service again what an operator had taken out before the node ended.
func hold(g *gateway.Gateway, held map[string]wire.Operation, log *slog.Logger) {
	for _, id := range slices.Sorted(maps.Keys(held)) {
		op := held[id]
		event := events.StaysOut
		if err := g.Operate(context.Background(), id, op.Action); err != nil {
			event = events.OutAndGone
		}
		events.Know(log, events.System, id) // it was one of ours when that was recorded, and so was who did it
		events.Know(log, events.Party, op.By)
		event.Tell(log, slog.String("system", id), slog.Any("action", op.Action), slog.String("party", op.By), slog.Time("since", op.At))
	}
}

// check refuses what [Load] would have refused with a line.
func (c *Config) check() error {
	switch {
	case c.Key == nil:
		return errors.New("the gateway needs a key")
	case c.Evidence != nil && c.Store == "":
		return errors.New("evidence needs a store")
	case c.TLS == nil && !c.BehindProxy && !isLoopback(c.Listen):
		return fmt.Errorf("listen %s: plain HTTP is for loopback addresses alone: give a certificate, or say that a proxy speaks TLS", c.Listen)
	}
	info, err := os.Stat(c.State)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("state: %s is not a folder", c.State)
	}
	return nil
}

func (c *Config) backends() []gateway.Backend {
	backends := make([]gateway.Backend, 0, len(c.Dialects))
	for _, d := range c.Dialects {
		s := c.Systems[d.Info().System]
		backends = append(backends, gateway.Backend{
			Dialect: d, Endpoint: s.Endpoint, Endpoints: s.Endpoints, Credentials: s.Credentials, Reach: s.Reach, Limits: s.Limits, PlaceIDs: s.PlaceIDs,
			Life: s.Life, Heartbeat: s.Heartbeat,
		})
	}
	return backends
}

func (n *Node) listen(cfg *Config) error {
	var err error
	if n.public, err = net.Listen("tcp", cfg.Listen); err != nil {
		return err
	}
	if cfg.TLS != nil {
		n.public = tls.NewListener(n.public, &tls.Config{
			Certificates: []tls.Certificate{*cfg.TLS}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		})
	}
	if cfg.Metrics != "" {
		n.metrics, err = net.Listen("tcp", cfg.Metrics)
	}
	return err
}

// URL is where this machine reaches the interface.
func (n *Node) URL() string { return baseURL(n.public.Addr().String(), n.secure) }

// MetricsURL is where the metrics are, "" if nowhere.
func (n *Node) MetricsURL() string {
	if n.metrics == nil {
		return ""
	}
	return baseURL(n.metrics.Addr().String(), false) + "/metrics"
}

// Run answers calls until ctx ends. Then /readyz says no, and for the configured grace all is answered as before, so that whoever stands
// before the node can lead callers elsewhere; after it no new connection is taken, and calls under way are answered within the configured
// time. It returns nil if all of them were, and closes the node in every case. Call it once.
func (n *Node) Run(ctx context.Context) error {
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	var group errgroup.Group
	serve := func(f func(net.Listener) error, l net.Listener) {
		group.Go(func() error {
			defer cancel() // one that cannot serve ends all
			return f(l)
		})
	}
	serve(n.server.Serve, n.public)
	if n.metrics != nil {
		serve(n.server.ServeMetrics, n.metrics)
	}
	<-serving.Done()

	if n.grace > 0 && ctx.Err() != nil {
		n.server.Leave()
		time.Sleep(n.grace)
	}
	draining, stop := context.WithTimeout(context.WithoutCancel(ctx), n.drain)
	defer stop()
	err := n.server.Shutdown(draining)
	return errors.Join(err, group.Wait(), n.release(draining))
}

// release ends what is behind the listeners. What is written last is closed last.
func (n *Node) release(ctx context.Context) error {
	var errs []error
	if n.gateway != nil {
		errs = append(errs, n.gateway.Close(ctx))
	}
	if n.evidence != nil {
		errs = append(errs, n.evidence.Close(ctx))
	}
	if n.nonces != nil {
		errs = append(errs, n.nonces.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	errs = append(errs, n.tracer.Close(ctx), n.unlockState())
	return errors.Join(errs...)
}

// Close releases what [New] has opened, for a node that is never run.
func (n *Node) Close() error {
	errs := []error{n.release(context.Background())}
	for _, l := range []net.Listener{n.public, n.metrics} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
