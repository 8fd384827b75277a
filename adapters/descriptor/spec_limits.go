package descriptor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
)

func (r *reader) flag(n *yaml.Node, what string) bool {
	s := r.scalar(n, what)
	if s.text != "true" && s.text != "false" {
		r.find(s.at, what+" is neither true nor false", "write true or false")
	}
	return s.text == "true"
}

func (r *reader) duration(into *time.Duration, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s := r.scalar(n, what)
		d, err := time.ParseDuration(s.text)
		if err != nil || d <= 0 {
			r.find(s.at, what+" is not a time span", "write it like 500ms, 30s, 12m or 24h")
			return
		}
		*into = d
	}
}

func (r *reader) limits(l *adapters.Limits) func(*yaml.Node) {
	number := func(into *int, what string, low, high int) func(*yaml.Node) {
		return func(n *yaml.Node) {
			s := r.scalar(n, what)
			v, err := strconv.Atoi(s.text)
			if err != nil || v < low || v > high {
				r.find(s.at, fmt.Sprintf("%s is not a whole number from %d to %d", what, low, high), fmt.Sprintf("write for example %d", high))
				return
			}
			*into = v
		}
	}
	return func(n *yaml.Node) {
		r.fields(n, "limits", map[string]func(*yaml.Node){
			"timeout":     r.duration(&l.Timeout, "timeout"),
			"concurrency": number(&l.Concurrency, "concurrency", 1, 100000),
			"retry":       number(&l.Retry, "retry", 0, 1),
			"hedge":       r.duration(&l.Hedge, "hedge"),
			"rate": func(n *yaml.Node) {
				s := r.scalar(n, "rate")
				v, err := strconv.ParseFloat(strings.TrimSuffix(s.text, "/s"), 64)
				if err != nil || !strings.HasSuffix(s.text, "/s") || !(v > 0 && v <= 1e6) {
					r.find(s.at, "rate is not a number of calls a second", "write it like 500/s")
					return
				}
				l.Rate = v
			},
			"body": func(n *yaml.Node) {
				s := r.scalar(n, "body")
				v, ok := size(s.text)
				if !ok || v < 1 || v > 16<<20 {
					r.find(s.at, "body is not a size up to 16MiB", "write it like 64KiB")
					return
				}
				l.Body = v
			},
		})
	}
}

// size reads 512B, 64KiB, 1MiB.
func size(s string) (int64, bool) {
	for unit, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			v, err := strconv.ParseInt(digits, 10, 32)
			return v * factor, err == nil
		}
	}
	v, err := strconv.ParseInt(strings.TrimSuffix(s, "B"), 10, 32)
	return v, err == nil
}

func (r *reader) freshness(f *adapters.Freshness) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.fields(n, "freshness", map[string]func(*yaml.Node){
			"green":  r.duration(&f.Green, "green"),
			"yellow": r.duration(&f.Yellow, "yellow"),
			"red":    r.duration(&f.Red, "red"),
		})
	}
}

func (r *reader) effects(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.word("effects", "visit", "leave it out unless the backend records each call as a visit")(n)
		*into = n.Value == "visit"
	}
}

// word reads a key that has one possible value.
func (r *reader) word(key, only, mend string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var s string
		r.text(&s, key)(n)
		if s != only {
			r.find(at(n), key+" is not "+only, mend)
		}
	}
}
