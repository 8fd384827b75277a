package node

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/gateway/policy"
	"tongma/gateway/registry"
	"tongma/gateway/tracing"
	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Config is a node's configuration, checked: [Load] reads one from a file.
type Config struct {
	Listen string // host:port of the interface; port 0 takes a free one
	// Without TLS the interface is plain HTTP, which only a loopback address may have, or one that BehindProxy says stands behind a
	// proxy that speaks TLS.
	TLS         *tls.Certificate
	BehindProxy bool
	Metrics     string // host:port of /metrics, "" for none

	ID  string         // in every text that is signed, and in GET /v1/gateway
	Key *sm.PrivateKey // signs answers, seals sessions
	// State is the folder that keeps how far each caller's time had come, so that a restart accepts no replay, and what operators have done,
	// so that it puts nothing back that they have taken out of service.
	State string
	// Grace is for how long a node that is to stop goes on answering while /readyz says no, so that a load balancer sees it first; 0: none.
	Grace time.Duration
	// Drain is how long calls under way may take to be answered when the node stops; 0 means 10 s.
	Drain time.Duration
	// CacheRecords is how many records the memory holds; 0 means the gateway's default.
	CacheRecords int
	// Shared is where this node shares answers and change notices with others of the same gateway; nil: it is the only one.
	Shared *freshness.SharedConfig
	// OwnNonces is for nodes that share, but of which a load balancer leads each caller to the same one always: each remembers for itself which
	// requests it has accepted, and so needs nobody for that.
	OwnNonces bool
	// Store is the address of the database, "" for none; see package store.
	Store string
	// Evidence is how what was answered is kept in it; nil: it is not.
	Evidence *Evidence
	// Tracing is where traces of calls go; nil: there are none.
	Tracing *tracing.Config
	// Log is told of troubles, and at level debug of every call. Nil means standard error, from level info.
	Log *slog.Logger
	// SecondEngine says that the file asks for the second implementation of SM2, SM3 and SM4. Who links it gives it to [Config.Use].
	SecondEngine bool

	Dialects []adapters.Dialect // all that are known, configured or not
	Systems  map[string]System  // what is configured, by id; the others answer not_configured
	Callers  []registry.Party
	// Rules are those of the places of checks; nil: the national default alone.
	Rules *policy.Set
}

// System is one system as configured.
type System struct {
	Endpoint    string            // the address that every call's path goes behind
	Endpoints   map[string]string // further ones, by the descriptor's names
	Credentials map[string]string
	Reach       upstream.Reach    // where its calls may go beyond the public network, and how they are secured
	Limits      adapters.Limits   // what is zero is the descriptor's; a negative rate or retry is none
	Life        freshness.Life    // likewise: for how long answers are served from memory
	PlaceIDs    map[string]string // what the system calls this gateway's place or device
	Heartbeat   time.Duration     // how often its platform has promised to tell of changes at least; 0: it has not
}

// Load reads a configuration file and every descriptor, key and secret that it names. The error is a
// [strict.Findings] unless the file itself cannot be read.
func Load(path string) (*Config, error) {
	src, err := readSmall(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	r := &reader{file: path, dir: filepath.Dir(path)}
	cfg := &Config{Systems: map[string]System{}}
	if root, ok := r.root(src); ok {
		r.config(cfg, root)
	}
	if err := r.findings.Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

func (r *reader) config(cfg *Config, root *yaml.Node) {
	var dirs, systems, callers, listen, evidence, traces *yaml.Node
	keep := func(into **yaml.Node) func(*yaml.Node) { return func(n *yaml.Node) { *into = n } }
	r.members(root, "the configuration", map[string]func(*yaml.Node){
		"listen":      func(n *yaml.Node) { listen = n; r.address(&cfg.Listen, "listen")(n) },
		"tls":         func(n *yaml.Node) { r.tls(cfg, n) },
		"behindProxy": choice(r, &cfg.BehindProxy, "behindProxy", map[string]bool{"true": true, "false": false}),
		"metrics":     r.address(&cfg.Metrics, "metrics"),
		"id":          r.id(&cfg.ID, "id"),
		"key":         func(n *yaml.Node) { cfg.Key = r.key(n) },
		"state":       r.folder(&cfg.State, "state"),
		"grace":       r.duration(&cfg.Grace, "grace"),
		"drain":       r.duration(&cfg.Drain, "drain"),
		"cache": func(n *yaml.Node) {
			r.members(n, "cache", map[string]func(*yaml.Node){"records": r.whole(&cfg.CacheRecords, "records", 1, 100_000_000)})
		},
		"shared":   func(n *yaml.Node) { cfg.Shared = r.shared(cfg, n) },
		"store":    func(n *yaml.Node) { cfg.Store = r.store(n) },
		"evidence": func(n *yaml.Node) { evidence = n; cfg.Evidence = r.evidence(n) },
		"tracing":  keep(&traces),
		"log":      func(n *yaml.Node) { r.log(cfg, n) },
		"engine":   choice(r, &cfg.SecondEngine, "engine", map[string]bool{"fast": false, "second": true}),
		"rules":    func(n *yaml.Node) { cfg.Rules = r.rules(n) },
		"adapters": keep(&dirs),
		"systems":  keep(&systems),
		"callers":  keep(&callers),
	}, "listen", "id", "key", "state", "callers")

	if listen != nil && cfg.TLS == nil && !cfg.BehindProxy && !isLoopback(cfg.Listen) {
		r.find(listen, "add  tls: {certificate: FILE, key: FILE}, or  behindProxy: true  behind a proxy that speaks TLS",
			"plain HTTP is for loopback addresses alone")
	}
	r.checkEvidence(cfg, evidence)
	r.dialects(cfg, dirs)
	if callers != nil {
		r.items(callers, "callers", func(n *yaml.Node) { r.caller(cfg, n) })
	}
	if systems != nil {
		r.systems(cfg, systems)
	}
	if traces != nil {
		r.tracing(cfg, traces)
	}
}

// isLoopback says whether only this machine can reach a host:port.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r *reader) address(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		_, port, err := net.SplitHostPort(n.Value)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			r.find(n, "write it like 127.0.0.1:8080", "%s is not an address with a port", what)
			return
		}
		*into = n.Value
	}
}

func (r *reader) id(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if !wire.ValidID(n.Value) {
			r.find(n, "give 1 to 64 of A-Z a-z 0-9 . _ -", "%s cannot be sent as an id", what)
			return
		}
		*into = n.Value
	}
}

func (r *reader) log(cfg *Config, n *yaml.Node) {
	level := slog.LevelInfo
	choice(r, &level, "log", map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn})(n)
	cfg.Log = newLog(level)
}

func newLog(from slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: from}))
}

func (r *reader) tls(cfg *Config, n *yaml.Node) {
	var certificate, key *yaml.Node
	r.members(n, "tls", map[string]func(*yaml.Node){
		"certificate": func(v *yaml.Node) { certificate = v },
		"key":         func(v *yaml.Node) { key = v },
	}, "certificate", "key")
	if certificate == nil || key == nil {
		return
	}
	cfg.TLS = r.certificate(certificate, key)
}

// certificate reads a certificate with its chain and its private key.
func (r *reader) certificate(certificate, key *yaml.Node) *tls.Certificate {
	chain, ok := r.read(certificate, "tls certificate")
	secret, ok2 := r.read(key, "tls key")
	if !ok || !ok2 {
		return nil
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		r.find(certificate, "give PEM files: the certificate with its chain, and its private key", "%v", err)
		return nil
	}
	return &pair
}

// key reads the gateway's private key: the path of a PEM file, or {file: …} or {env: …} with, where it is encrypted, a password.
func (r *reader) key(n *yaml.Node) *sm.PrivateKey {
	var data, password []byte
	ok := false
	if n.Kind == yaml.ScalarNode {
		if strings.Contains(n.Value, "-----BEGIN") {
			r.find(n, "put the PEM into a file and name the file here", "key is a secret and must not stand in this file")
			return nil
		}
		data, ok = r.read(n, "key")
	} else {
		source := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
		r.entries(n, "key", func(k, v *yaml.Node) {
			if k.Value == "password" {
				password, _ = r.secret(v, "password")
				return
			}
			source.Content = append(source.Content, k, v)
		})
		data, ok = r.secret(source, "key")
	}
	if !ok {
		return nil
	}
	key, err := sm.ParsePrivateKeyPEM(data, password)
	if err != nil {
		r.find(n, "make one with  tongma keys gen --out FILE", "key: %v", err)
		return nil
	}
	return key
}

func (r *reader) caller(cfg *Config, n *yaml.Node) {
	var p registry.Party
	var systems *yaml.Node
	r.members(n, "a caller", map[string]func(*yaml.Node){
		"id":        r.id(&p.ID, "id"),
		"key":       r.id(&p.KeyID, "key"),
		"publicKey": func(n *yaml.Node) { p.Key = r.publicKey(n) },
		"roles":     func(n *yaml.Node) { p.Roles = r.roles(n) },
		"purposes":  r.texts(&p.Purposes, "purposes"),
		"services":  r.texts(&p.Services, "services"),
		"systems":   func(n *yaml.Node) { systems = n; r.ownSystems(cfg, &p, n) },
		"rate":      r.rate(&p.Rate, "rate"),
	}, "id", "key", "publicKey", "roles")
	if slices.ContainsFunc(cfg.Callers, func(q registry.Party) bool { return q.ID == p.ID && p.ID != "" }) {
		r.find(n, "give each caller an id of its own", "another caller has the id %q already", p.ID)
		return
	}
	if systems != nil && !p.Roles.Has(standard.RolePlatform) {
		r.find(systems, "give it the role platform, or leave systems out", "only a platform runs systems")
	}
	cfg.Callers = append(cfg.Callers, p)
}

// ownSystems reads the systems of which a platform may tell changes.
func (r *reader) ownSystems(cfg *Config, p *registry.Party, n *yaml.Node) {
	r.items(n, "systems", func(item *yaml.Node) {
		id, ok := r.scalar(item, "systems")
		switch {
		case !ok:
		case !slices.ContainsFunc(cfg.Dialects, func(d adapters.Dialect) bool { return answersFor(d.Info(), id) }):
			r.find(item, "see `tongma adapter list`", "no adapter answers for the system %q", id)
		default:
			p.Systems = append(p.Systems, id)
		}
	})
}

func answersFor(info adapters.Info, system string) bool {
	return info.System == system || slices.ContainsFunc(info.Systems, func(s adapters.System) bool { return s.ID == system })
}

func (r *reader) publicKey(n *yaml.Node) *sm.PublicKey {
	data, ok := r.read(n, "publicKey")
	if !ok {
		return nil
	}
	key, err := sm.ParsePublicKeyPEM(data)
	if err != nil {
		r.find(n, "give the caller's SM2 public key as PEM, as  openssl pkey -pubout  writes it", "publicKey: %v", err)
	}
	return key
}

func (r *reader) roles(n *yaml.Node) standard.Roles {
	var set standard.Roles
	r.items(n, "roles", func(item *yaml.Node) {
		role, err := standard.ParseRoles(item.Value)
		if err != nil {
			r.find(item, "", "%v", err)
		}
		set |= role
	})
	return set
}

// Use has an engine do all the arithmetic of this program, with the keys of the configuration too. It is for the start, before [New].
func (c *Config) Use(e sm.Engine) error {
	sm.Use(e)
	key, err := c.Key.With(e)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	c.Key = key
	for i := range c.Callers {
		p := &c.Callers[i]
		if p.Key, err = p.Key.With(e); err != nil {
			return fmt.Errorf("caller %s: publicKey: %w", p.ID, err)
		}
	}
	return nil
}

// URL is where this machine reaches the interface: an address that stands for all of them becomes the loopback one.
func (c *Config) URL() string { return baseURL(c.Listen, c.TLS != nil) }

func baseURL(address string, secure bool) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	if secure {
		return "https://" + address
	}
	return "http://" + address
}
