package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/registry"
)

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
		s := r.system(cfg.Dialects[at].Info(), value)
		if s.Heartbeat > 0 && !slices.ContainsFunc(cfg.Callers, func(p registry.Party) bool { return p.Runs(key.Value) }) {
			r.find(value, "name it in the  systems:  of a caller with the role platform, or leave heartbeat out",
				"system %s has a heartbeat, and no caller may tell of its changes", key.Value)
		}
		cfg.Systems[key.Value] = s
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
		"networks":    r.networks(&s.Reach.Networks),
		"tls":         func(n *yaml.Node) { r.reachTLS(&s.Reach, n) },
		"heartbeat":   r.duration(&s.Heartbeat, "heartbeat"),
		"limits": func(n *yaml.Node) {
			r.members(n, "limits", map[string]func(*yaml.Node){
				"timeout":     r.duration(&s.Limits.Timeout, "timeout"),
				"concurrency": r.whole(&s.Limits.Concurrency, "concurrency", 1, 100_000),
				"rate":        func(n *yaml.Node) { r.rate(&s.Limits.Rate, "rate")(n); s.Limits.Rate = orNone(s.Limits.Rate) },
				"body":        r.size(&s.Limits.Body, "body", 16<<20),
				"retry": func(n *yaml.Node) {
					r.whole(&s.Limits.Retry, "retry", 0, 1)(n)
					s.Limits.Retry = orNone(s.Limits.Retry)
				},
				"hedge": r.durationOrNone(&s.Limits.Hedge, "hedge"),
			})
		},
		"freshness": func(n *yaml.Node) {
			r.members(n, "freshness", map[string]func(*yaml.Node){
				"green":      r.durationOrNone(&s.Life.Green, "green"),
				"yellow":     r.durationOrNone(&s.Life.Yellow, "yellow"),
				"red":        r.durationOrNone(&s.Life.Red, "red"),
				"negative":   r.durationOrNone(&s.Life.Negative, "negative"),
				"revalidate": r.durationOrNone(&s.Life.Revalidate, "revalidate"),
				"ifError":    r.durationOrNone(&s.Life.IfError, "ifError"),
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

// orNone tells a 0 that somebody has written from a limit that is left out.
func orNone[T int | float64 | time.Duration](limit T) T {
	if limit == 0 {
		return -1
	}
	return limit
}

// durationOrNone reads a time span, or a 0 that somebody has written.
func (r *reader) durationOrNone(into *time.Duration, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Value == "0" || n.Value == "0s" {
			*into = orNone(time.Duration(0))
			return
		}
		r.duration(into, what)(n)
	}
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
