package freshness

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tongma/gateway/events"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// MinSecret is the least length of the secret that the nodes of one gateway share, in bytes.
const MinSecret = 32

// DefaultPrefix begins the names of all keys in Redis unless the configuration gives another.
const DefaultPrefix = "tongma"

// SharedConfig says where the nodes of one gateway share what they remember, and what they are told. All of them have the same.
type SharedConfig struct {
	// Addresses has one URL, redis://host:port/db or rediss:// for TLS, with user:password@ where needed; of a cluster some of its nodes.
	Addresses []string
	Cluster   bool
	Secret    []byte // at least MinSecret random bytes: whoever has them can read and forge everything in Redis
	Prefix    string // 1 to 64 of A-Z a-z 0-9 . _ - ; "" means DefaultPrefix. One Redis may serve several gateways, each with its own

	Now     func() time.Time      // nil: time.Now
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: nothing is registered
}

// Shared is what the nodes of one gateway share through Redis 6.2 or later: answers that one of them has fetched, and the change
// notices, which it is a [Feed] of. It is safe for concurrent use.
//
// Redis is not trusted with anything: it cannot read what it keeps, and what it changes, swaps or keeps back is noticed as README.md
// says. Without it a gateway is slower and never wrong: [Marks.Sure] is false after a second, so that no green comes from memory.
type Shared struct {
	client redis.UniversalClient // for answers
	feed   redis.UniversalClient // for notices, which must not wait behind answers
	marks  *Marks
	prefix string
	log    *slog.Logger
	now    func() time.Time
	meters *sharedMeters

	answers, notices *sealer
	names            sm.Digest
	check            string

	state, stream, seqs string // the names of the notices' keys

	gate  gate
	puts  chan put
	era   atomic.Pointer[era] // nil: answers are neither taken nor given
	order sync.Mutex          // of all that moves marks and era

	placed state         // the latest notice that the follower has marked; under order
	moved  chan struct{} // closed when there is a later one; under order

	stop context.CancelFunc
	done sync.WaitGroup
}

// era is a stretch in which no notice was missed here. Answers from Redis count only from its floor on, because marks that a node did
// not hear of cannot overtake anything.
type era struct {
	epoch string // of the notices; positions of different epochs have no order
	floor Position
}

// How long things may take.
const (
	getTime   = 50 * time.Millisecond  // a caller waits for Redis
	putTime   = 250 * time.Millisecond // a batch of answers waits
	tellTime  = time.Second            // a notice waits until it is marked here
	roundTime = time.Second            // the follower waits
	dialTime  = 500 * time.Millisecond
)

var prefixes = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ValidPrefix says whether the names of shared keys may begin with prefix.
func ValidPrefix(prefix string) bool { return prefixes.MatchString(prefix) }

// OpenShared begins to follow the notices, which marks are made from until [Shared.Close]. From now on marks are sure only while
// Redis says again and again that nothing was missed. A Redis that is not there is no error: it is looked for until it is.
func OpenShared(config SharedConfig, marks *Marks) (*Shared, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	options, err := config.options()
	if err != nil {
		return nil, err
	}
	meters, err := newSharedMeters(config.Metrics, marks)
	if err != nil {
		return nil, err
	}
	logging.Disable() // of go-redis: it writes past our log
	p := config.Prefix
	s := &Shared{
		client: redis.NewUniversalClient(options), feed: redis.NewUniversalClient(options), marks: marks, prefix: p, log: config.Log, now: config.Now, meters: meters,
		answers: sealerOf(config.Secret, wire.LineCache, p), notices: sealerOf(config.Secret, wire.LineChange, p),
		names: derive(config.Secret, wire.LineCache, p, "names"), check: keyCheck(config.Secret, p),
		state: p + ":{changes}:state", stream: p + ":{changes}:stream", seqs: p + ":{changes}:seqs",
		puts: make(chan put, maxPuts), moved: make(chan struct{}),
	}
	marks.Doubt()
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.done.Go(func() { s.follow(ctx) })
	s.done.Go(func() { s.write(ctx) })
	return s, nil
}

func (c SharedConfig) withDefaults() (SharedConfig, error) {
	if len(c.Secret) < MinSecret {
		return c, fmt.Errorf("freshness: the shared secret has %d bytes: give %d random ones", len(c.Secret), MinSecret)
	}
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if !ValidPrefix(c.Prefix) {
		return c, errors.New("freshness: the prefix of shared keys is not 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Log = events.Seal(c.Log)
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c, nil
}

// options reads the addresses. What go-redis would do on its own, such as trying again, is switched off: who calls it decides.
func (c *SharedConfig) options() (*redis.UniversalOptions, error) {
	if len(c.Addresses) == 0 || len(c.Addresses) > 1 && !c.Cluster {
		return nil, errors.New("freshness: give one address of a Redis, or those of a cluster")
	}
	o := &redis.UniversalOptions{
		IsClusterMode: c.Cluster, Protocol: 2, DisableIdentity: true, MaxRetries: -1, MaxRedirects: 3,
		DialTimeout: dialTime, DialerRetries: 1, ReadTimeout: roundTime, WriteTimeout: roundTime, ContextTimeoutEnabled: true,
		PoolSize: 32, PoolTimeout: getTime, PipelinePoolSize: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	for i, address := range c.Addresses {
		u, err := ParseAddress(address)
		if err != nil {
			return nil, err
		}
		o.Addrs = append(o.Addrs, u.Host)
		if i > 0 {
			continue
		}
		o.Username = u.User.Username()
		o.Password, _ = u.User.Password()
		if u.Scheme == "rediss" {
			o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12} // the name is that of each address
		}
		if db := strings.TrimPrefix(u.Path, "/"); db != "" {
			o.DB, _ = strconv.Atoi(db) // as ParseAddress has found it
		}
	}
	return o, nil
}

// errAddress says nothing of the address, which may hold a password.
var errAddress = errors.New("freshness: an address of Redis is not like redis://host:6379/0 or rediss://host:6379")

// ParseAddress reads the URL of a Redis and completes its port.
func ParseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errAddress
	}
	if db := strings.TrimPrefix(u.Path, "/"); db != "" {
		if n, err := strconv.Atoi(db); err != nil || n < 0 {
			return nil, errAddress
		}
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "6379")
	}
	return u, nil
}

// CacheKey is the key of the digests under which answers are remembered, the same on every node; see [SharedConfig].
func (s *Shared) CacheKey() []byte { return append([]byte(nil), s.names[:]...) }

// Close ends all that [OpenShared] began. The marks stay, and are sure for another second at most.
func (s *Shared) Close() error {
	s.stop()
	s.done.Wait()
	return errors.Join(s.client.Close(), s.feed.Close())
}
