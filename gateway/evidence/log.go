package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/gateway/store"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Config is what a log is made of.
type Config struct {
	Store  *store.Store
	Name   string         // of the log: 1 to 64 characters of A-Z a-z 0-9 . _ -, another one for each node
	State  string         // the node's own folder
	Key    *sm.PrivateKey // the gateway's, which signs groups
	Secret []byte         // wraps the days' keys in the store: at least 32 bytes, the same on all nodes of one store

	// Officer is the privacy officer's key. The days' keys and what travellers ask for are sealed to it.
	Officer *sm.PublicKey
	// Retention is how long after its day a day's entries can be tied to a person, by the officer; 0: 30 days. Requests of travellers are kept as long.
	Retention time.Duration
	// Keep is for how long the entries themselves are kept; of older ones the hash is left, so that the chain stays whole. 0: for good.
	Keep time.Duration

	Now     func() time.Time      // nil: time.Now
	Uptime  func() time.Duration  // by which clocks are judged; nil: since Open
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: nothing is registered
}

const (
	defaultRetention = 30 * 24 * time.Hour
	minSecret        = 32
)

func (c *Config) complete() error {
	switch {
	case c.Store == nil || c.Key == nil || c.State == "":
		return errors.New("evidence: a store, a key and a state folder are needed")
	case !wire.ValidID(c.Name):
		return errors.New("evidence: log must have 1 to 64 characters of A-Z a-z 0-9 . _ -")
	case c.Officer == nil:
		return errors.New("evidence: the privacy officer's public key is needed (evidence: officer)")
	case len(c.Secret) < minSecret:
		return fmt.Errorf("evidence: the secret must have at least %d bytes", minSecret)
	case c.Retention < 0 || c.Keep < 0:
		return errors.New("evidence: retention and keep must not be below 0")
	}
	if c.Retention == 0 {
		c.Retention = defaultRetention
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Uptime == nil {
		begin := time.Now()
		c.Uptime = func() time.Duration { return time.Since(begin) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return nil
}

// Log is the log of one node, and a way into the logs of all nodes that share its store. It is safe for concurrent use.
type Log struct {
	config Config
	store  *store.Store
	insert *sql.Stmt // see putRow
	lease  lease
	days   *days
	meters *meters
	named  slog.Attr // the log, in what is told

	waiting waiting
	wake    chan struct{}         // there is a group to write
	state   atomic.Pointer[error] // what is wrong, as the writer knows
	away    atomic.Bool           // the lease could not be renewed
	chain   *proof.Chain          // the writer's own
	groups  atomic.Uint64         // that are stored

	position position      // how far the index is
	behind   chan struct{} // many entries are not in it
	length   uint64        // entries of the log, when the chain was loaded

	tidying sync.Mutex
	steady  steady
	unclean bool // something was deleted that the database may hold still

	end     context.CancelFunc
	running sync.WaitGroup
}

var _ gateway.Evidence = (*Log)(nil)

// Open opens the log of this node and begins to write it. It takes the same time for a long log as for a short one. It fails with [ErrTaken],
// [ErrEnded] or [ErrTampered], and where the store cannot be read.
func Open(ctx context.Context, config Config) (*Log, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	events.Know(config.Log, events.Log, config.Name)
	mine, err := openHolder(config.State, config.Name)
	if err != nil {
		return nil, err
	}
	l := &Log{config: config, store: config.Store, named: slog.String("log", config.Name), wake: make(chan struct{}, 1), behind: make(chan struct{}, 1),
		unclean: config.Store.Kind == store.SQLite} // in case that it was killed before it could
	l.lease = lease{db: l.store.Write, now: nows[l.store.Kind], log: config.Name, mine: mine}
	l.days = newDays(l)
	l.waiting.wait = longestWait
	l.waiting.late = l.late
	if err := l.begin(ctx); err != nil {
		if l.insert != nil {
			l.insert.Close()
		}
		l.lease.free(ctx) // if it was taken
		mine.close()
		return nil, fmt.Errorf("evidence: log %s: %w", config.Name, err)
	}
	return l, nil
}

func (l *Log) begin(ctx context.Context) error {
	var err error
	if l.steady, err = l.newSteady(ctx); err != nil {
		return err
	}
	if err := l.lease.wait(ctx); err != nil {
		return err
	}
	if l.insert, err = l.store.Write.PrepareContext(ctx, insertRow); err != nil {
		return err
	}
	if err := l.loadChain(ctx); err != nil {
		return err
	}
	if err := l.keepSigner(); err != nil {
		return err
	}
	if err := l.loadPosition(ctx); err != nil {
		return err
	}
	if l.meters, err = newMeters(l.config.Metrics, l); err != nil {
		return err
	}
	running, end := context.WithCancel(context.Background())
	l.end = end
	l.running.Go(func() { l.write(running) })
	l.running.Go(func() { l.hold(running) })
	l.running.Go(func() { l.keepHouse(running) })
	return nil
}

// Name is that of the log.
func (l *Log) Name() string { return l.config.Name }

// Ready is nil while entries are kept, or says why they are not: the node should then be given no calls.
func (l *Log) Ready() error {
	switch why := l.state.Load(); {
	case why != nil:
		return *why
	case l.away.Load():
		return errStore
	case l.waiting.refusal() != nil:
		return errLate
	case l.days.failing(leaseRenew):
		return errNoKey
	}
	return nil
}

// Close writes what waits, for as long as ctx lasts, and gives the lease back. Appends after it fail.
func (l *Log) Close(ctx context.Context) error {
	err := l.waiting.close(ctx)
	l.end()
	l.running.Wait()
	l.insert.Close()
	l.meters.leave(l.config.Metrics)
	l.days.forgetAll()
	l.lease.mine.mark(l.groups.Load())
	if freed := l.lease.free(ctx); err == nil {
		err = freed
	}
	l.lease.mine.close()
	return err
}

// hold renews the lease. A log that is lost is asked for again.
func (l *Log) hold(ctx context.Context) {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if errors.Is(l.Ready(), errLost) {
			continue // the writer takes it again
		}
		renewing, cancel := context.WithTimeout(ctx, leaseRenew)
		mine, err := l.lease.renew(renewing)
		cancel()
		if ctx.Err() == nil {
			l.found(mine, err)
		}
	}
}

// found is told of the lease.
func (l *Log) found(mine bool, err error) {
	away := l.away.Swap(err != nil)
	switch {
	case err != nil && !away && l.state.Load() == nil:
		events.EvidenceStopped.Tell(l.config.Log, l.named, slog.Any("err", err))
	case err == nil && away && l.state.Load() == nil:
		events.EvidenceResumed.Tell(l.config.Log, l.named)
	}
	if err == nil && !mine {
		l.lose()
		return
	}
	if err := l.lease.mine.mark(l.groups.Load()); err != nil {
		events.EvidenceUntidy.Tell(l.config.Log, l.named, slog.Any("err", err))
	}
}
