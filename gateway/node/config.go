package node

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/sm"
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
	// State is the folder that keeps how far each caller's time had come, so that a restart accepts no replay.
	State string
	// Drain is how long calls under way may take to be answered when the node stops; 0 means 10 s.
	Drain time.Duration
	// CacheEntries is how many records the memory holds; 0 means the gateway's default.
	CacheEntries int

	Dialects []adapters.Dialect // all that are known, configured or not
	Systems  map[string]System  // what is configured, by id; the others answer not_configured
	Callers  []registry.Party
}

// System is one system as configured.
type System struct {
	Endpoint    string            // the address that every call's path goes behind
	Endpoints   map[string]string // further ones, by the descriptor's names
	Credentials map[string]string
	Limits      adapters.Limits   // what is zero is the descriptor's
	PlaceIDs    map[string]string // what the system calls this gateway's place or device
}

// Load reads a configuration file and every descriptor, key and secret that it names. The error is a
// [descriptor.Findings] unless the file itself cannot be read.
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
	if len(r.findings) > 0 {
		slices.SortStableFunc(r.findings, func(a, b descriptor.Finding) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, r.findings
	}
	return cfg, nil
}

func (r *reader) config(cfg *Config, root *yaml.Node) {
	var dirs, systems, listen *yaml.Node
	keep := func(into **yaml.Node) func(*yaml.Node) { return func(n *yaml.Node) { *into = n } }
	r.members(root, "the configuration", map[string]func(*yaml.Node){
		"listen":      func(n *yaml.Node) { listen = n; r.address(&cfg.Listen, "listen")(n) },
		"tls":         func(n *yaml.Node) { r.tls(cfg, n) },
		"behindProxy": r.flag(&cfg.BehindProxy, "behindProxy"),
		"metrics":     r.address(&cfg.Metrics, "metrics"),
		"id":          r.id(&cfg.ID, "id"),
		"key":         func(n *yaml.Node) { cfg.Key = r.key(n) },
		"state":       r.path(&cfg.State, "state"),
		"drain":       r.duration(&cfg.Drain, "drain"),
		"cache": func(n *yaml.Node) {
			r.members(n, "cache", map[string]func(*yaml.Node){"entries": r.whole(&cfg.CacheEntries, "entries", 1, 100_000_000)})
		},
		"adapters": keep(&dirs),
		"systems":  keep(&systems),
		"callers":  func(n *yaml.Node) { r.items(n, "callers", func(n *yaml.Node) { r.caller(cfg, n) }) },
	}, "listen", "id", "key", "state", "callers")

	if listen != nil && cfg.TLS == nil && !cfg.BehindProxy && !isLoopback(cfg.Listen) {
		r.find(listen, "add  tls: {certificate: FILE, key: FILE}, or  behindProxy: true  behind a proxy that speaks TLS",
			"plain HTTP is for loopback addresses alone")
	}
	r.dialects(cfg, dirs)
	if systems != nil {
		r.systems(cfg, systems)
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
		if _, _, err := net.SplitHostPort(n.Value); err != nil {
			r.find(n, "write it like 127.0.0.1:8080", "%s is not an address with a port", what)
			return
		}
		*into = n.Value
	}
}

var validID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (r *reader) id(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if !validID.MatchString(n.Value) {
			r.find(n, "give 1 to 64 of A-Z a-z 0-9 . _ -", "%s cannot be sent as an id", what)
			return
		}
		*into = n.Value
	}
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
	chain, ok := r.read(certificate, "tls certificate")
	secret, ok2 := r.read(key, "tls key")
	if !ok || !ok2 {
		return
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		r.find(certificate, "give PEM files: the certificate with its chain, and its private key", "%v", err)
		return
	}
	cfg.TLS = &pair
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
	r.members(n, "a caller", map[string]func(*yaml.Node){
		"id":        r.id(&p.ID, "id"),
		"key":       r.id(&p.KeyID, "key"),
		"publicKey": func(n *yaml.Node) { p.Key = r.publicKey(n) },
		"roles":     func(n *yaml.Node) { p.Roles = r.roles(n) },
		"purposes":  r.texts(&p.Purposes, "purposes"),
		"services":  r.texts(&p.Services, "services"),
		"rate":      r.rate(&p.Rate, "rate"),
	}, "id", "key", "publicKey", "roles")
	if slices.ContainsFunc(cfg.Callers, func(q registry.Party) bool { return q.ID == p.ID && p.ID != "" }) {
		r.find(n, "give each caller an id of its own", "another caller has the id %q already", p.ID)
		return
	}
	cfg.Callers = append(cfg.Callers, p)
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

// dialects loads the built-in descriptors and those of the folders that the configuration adds.
func (r *reader) dialects(cfg *Config, dirs *yaml.Node) {
	builtin, err := Builtin()
	if err != nil {
		r.findings = append(r.findings, findingsOf(err)...)
	}
	cfg.Dialects = builtin
	if dirs == nil {
		return
	}
	r.items(dirs, "adapters", func(n *yaml.Node) {
		path, ok := r.scalar(n, "adapters")
		if !ok {
			return
		}
		dir := r.resolve(path)
		if _, err := os.Stat(filepath.Join(dir, "adapter.yaml")); errors.Is(err, fs.ErrNotExist) {
			r.find(n, "name a folder that holds an adapter.yaml", "no adapter.yaml in %s", dir)
			return
		}
		d, err := descriptor.Load(os.DirFS(dir), ".")
		if err != nil {
			for _, f := range findingsOf(err) {
				f.File = filepath.Join(dir, filepath.Base(f.File))
				r.findings = append(r.findings, f)
			}
			return
		}
		if system := d.Info().System; slices.ContainsFunc(cfg.Dialects, func(o adapters.Dialect) bool { return o.Info().System == system }) {
			r.find(n, "change its `system:`, or leave one out", "there is another adapter for the system %s", system)
			return
		}
		cfg.Dialects = append(cfg.Dialects, d)
	})
}

// Builtin gives the dialects that are part of Tongma. They are compiled once.
func Builtin() ([]adapters.Dialect, error) {
	dialects, err := builtin()
	return slices.Clone(dialects), err
}

var builtin = sync.OnceValues(func() ([]adapters.Dialect, error) {
	dirs, err := fs.ReadDir(adapters.Builtin, ".")
	if err != nil {
		return nil, err
	}
	var dialects []adapters.Dialect
	for _, dir := range dirs {
		d, err := descriptor.Load(adapters.Builtin, dir.Name())
		if err != nil {
			return nil, err
		}
		dialects = append(dialects, d)
	}
	return dialects, nil
})

func findingsOf(err error) descriptor.Findings {
	var findings descriptor.Findings
	if errors.As(err, &findings) {
		return findings
	}
	return descriptor.Findings{{What: err.Error()}}
}

func (r *reader) systems(cfg *Config, n *yaml.Node) {
	r.entries(n, "systems", func(key, value *yaml.Node) {
		at := slices.IndexFunc(cfg.Dialects, func(d adapters.Dialect) bool { return d.Info().System == key.Value })
		if at < 0 {
			known := make([]string, 0, len(cfg.Dialects))
			for _, d := range cfg.Dialects {
				known = append(known, d.Info().System)
			}
			r.find(key, "there are "+strings.Join(known, ", ")+"; add the folder of another one under  adapters:", "no adapter for the system %q", key.Value)
			return
		}
		cfg.Systems[key.Value] = r.system(cfg.Dialects[at].Info(), value)
	})
}

func (r *reader) system(info adapters.Info, n *yaml.Node) System {
	s := System{Endpoints: map[string]string{}, Credentials: map[string]string{}}
	what := "system " + info.System
	r.members(n, what, map[string]func(*yaml.Node){
		"endpoint":    r.url(&s.Endpoint, "endpoint"),
		"endpoints":   func(n *yaml.Node) { r.endpoints(info, &s, n) },
		"credentials": func(n *yaml.Node) { r.credentials(info, &s, n) },
		"placeIds":    func(n *yaml.Node) { r.placeIDs(&s, n) },
		"limits": func(n *yaml.Node) {
			r.members(n, "limits", map[string]func(*yaml.Node){
				"timeout":     r.duration(&s.Limits.Timeout, "timeout"),
				"concurrency": r.whole(&s.Limits.Concurrency, "concurrency", 1, 100_000),
				"rate":        r.rate(&s.Limits.Rate, "rate"),
				"body":        r.size(&s.Limits.Body, "body", 16<<20),
				"retry":       r.whole(&s.Limits.Retry, "retry", 0, 1),
			})
		},
	}, "endpoint")
	for _, c := range info.Credentials {
		if _, ok := s.Credentials[c.Name]; !ok {
			r.find(n, "add  credentials: {"+c.Name+": …}", "%s needs the credential %q", what, c.Name)
		}
	}
	for _, name := range info.Endpoints {
		if _, ok := s.Endpoints[name]; !ok {
			r.find(n, "add  endpoints: {"+name+": URL}", "%s needs the endpoint %q", what, name)
		}
	}
	return s
}

func (r *reader) placeIDs(s *System, n *yaml.Node) {
	s.PlaceIDs = map[string]string{}
	r.entries(n, "placeIds", func(key, value *yaml.Node) {
		if id, ok := r.scalar(value, key.Value); ok {
			s.PlaceIDs[key.Value] = id
		}
	})
}

func (r *reader) endpoints(info adapters.Info, s *System, n *yaml.Node) {
	r.entries(n, "endpoints", func(key, value *yaml.Node) {
		if !slices.Contains(info.Endpoints, key.Value) {
			r.find(key, "leave it out", "the adapter of %s has no endpoint %q", info.System, key.Value)
			return
		}
		var u string
		r.url(&u, "endpoint "+key.Value)(value)
		s.Endpoints[key.Value] = u
	})
}

func (r *reader) credentials(info adapters.Info, s *System, n *yaml.Node) {
	r.entries(n, "credentials", func(key, value *yaml.Node) {
		at := slices.IndexFunc(info.Credentials, func(c adapters.Credential) bool { return c.Name == key.Value })
		switch {
		case at < 0:
			r.find(key, "leave it out", "the adapter of %s uses no credential %q", info.System, key.Value)
		case !info.Credentials[at].Secret && value.Kind == yaml.ScalarNode:
			text, _ := r.scalar(value, key.Value)
			s.Credentials[key.Value] = text
		default:
			secret, _ := r.secret(value, key.Value)
			s.Credentials[key.Value] = string(secret)
		}
	})
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
