package node

import (
	"log/slog"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/gateway/registry"
	"tongma/gateway/tracing"
)

// defaultSample is the share of calls that are followed if nothing is said.
const defaultSample = 0.01

// tracing reads where traces go. It comes after the callers and systems, which it may name.
func (r *reader) tracing(cfg *Config, n *yaml.Node) {
	c := &tracing.Config{Sample: defaultSample}
	r.members(n, "tracing", map[string]func(*yaml.Node){
		"endpoint": func(n *yaml.Node) {
			if tracing.ParseEndpoint(n.Value) != nil {
				r.find(n, "write it like http://127.0.0.1:4318/v1/traces", "endpoint is not the address of a collector")
				return
			}
			c.Endpoint = n.Value
		},
		"sample": func(n *yaml.Node) {
			share, err := strconv.ParseFloat(n.Value, 64)
			if err != nil || !(share >= 0 && share <= 1) {
				r.find(n, "write it like 0.01", "sample is not a share from 0 to 1")
				return
			}
			c.Sample = share
		},
		"trust": func(n *yaml.Node) {
			r.named(&c.Trust, "trust", n, "a caller", func(id string) bool {
				return slices.ContainsFunc(cfg.Callers, func(p registry.Party) bool { return p.ID == id })
			})
		},
		"send": func(n *yaml.Node) {
			r.named(&c.Send, "send", n, "a system", func(id string) bool {
				return slices.ContainsFunc(cfg.Dialects, func(d adapters.Dialect) bool { return d.Info().System == id })
			})
		},
	}, "endpoint")
	cfg.Tracing = c
}

// named reads a list of ids that are somewhere else in the configuration.
func (r *reader) named(into *[]string, what string, n *yaml.Node, whose string, known func(string) bool) {
	r.items(n, what, func(item *yaml.Node) {
		switch id, ok := r.scalar(item, what); {
		case !ok:
		case !known(id):
			r.find(item, "name those of this file", "%s names %q, which is not %s", what, id, whose)
		default:
			*into = append(*into, id)
		}
	})
}

// openTracing begins to send traces, if they are configured.
func (n *Node) openTracing(cfg *Config, logger *slog.Logger, watched prometheus.Registerer) error {
	if cfg.Tracing == nil {
		return nil
	}
	c := *cfg.Tracing
	c.Gateway, c.Log, c.Metrics = cfg.ID, logger, watched
	var err error
	n.tracer, err = tracing.Open(c)
	return err
}
