package node

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/strict"
)

// reader walks the configuration and gathers a finding for whatever is not as it should be, so that all are told at once.
type reader struct {
	file     string // as in findings
	dir      string // what paths are relative to
	findings strict.Findings
}

func (r *reader) find(n *yaml.Node, mend, format string, args ...any) {
	r.findings = append(r.findings, strict.Finding{
		File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1), What: fmt.Sprintf(format, args...), Mend: mend,
	})
}

// members reads a mapping by a table of its keys; what names it in findings.
func (r *reader) members(n *yaml.Node, what string, table map[string]func(*yaml.Node), required ...string) {
	seen := r.entries(n, what, func(key, value *yaml.Node) {
		if read, ok := table[key.Value]; ok {
			read(value)
			return
		}
		r.find(key, "it has "+strings.Join(slices.Sorted(maps.Keys(table)), ", "), "%s has no key %q", what, key.Value)
	})
	for _, k := range required {
		if seen != nil && !seen[k] {
			r.find(n, "add a line  "+k+": …", "%s needs %q", what, k)
		}
	}
}

// entries calls each for every entry of a mapping and gives the keys; nil if it is not a mapping.
func (r *reader) entries(n *yaml.Node, what string, each func(key, value *yaml.Node)) map[string]bool {
	if n.Kind != yaml.MappingNode {
		r.find(n, "write  key: value  lines below it", "%s must be a mapping", what)
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.find(key, "write a name", "a key of %s must be a single value", what)
			continue
		}
		seen[key.Value] = true
		each(key, value)
	}
	return seen
}

// items calls each for every item of a list.
func (r *reader) items(n *yaml.Node, what string, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.find(n, "begin each item with  - ", "%s must be a list", what)
		return
	}
	for _, item := range n.Content {
		each(item)
	}
}

// scalar gives a single value as it is written.
func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		r.find(n, "write one value", "%s must be a single value", what)
		return "", false
	}
	return n.Value, true
}

func (r *reader) texts(into *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.items(n, what, func(item *yaml.Node) {
			if s, ok := r.scalar(item, what); ok {
				*into = append(*into, s)
			}
		})
	}
}

// folder reads the path of a folder that is there. It is relative to the configuration file.
func (r *reader) folder(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		path, ok := r.scalar(n, what)
		if !ok {
			return
		}
		*into = r.resolve(path)
		if info, err := os.Stat(*into); err != nil || !info.IsDir() {
			r.find(n, "make it, for the gateway's user alone", "%s: there is no folder %s", what, *into)
		}
	}
}

func (r *reader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}

// choice reads one of the words of a table.
func choice[T any](r *reader, into *T, what string, table map[string]T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		value, ok := table[n.Value]
		if !ok {
			r.find(n, "write one of "+strings.Join(slices.Sorted(maps.Keys(table)), ", "), "%s is none of its words", what)
			return
		}
		*into = value
	}
}

func (r *reader) duration(into *time.Duration, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d, err := time.ParseDuration(n.Value)
		if err != nil || d <= 0 {
			r.find(n, "write it like 500ms, 30s or 5m", "%s is not a time span", what)
			return
		}
		*into = d
	}
}

func (r *reader) whole(into *int, what string, low, high int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.Atoi(n.Value)
		if err != nil || v < low || v > high {
			r.find(n, "", "%s is not a whole number from %d to %d", what, low, high)
			return
		}
		*into = v
	}
}

// rate reads calls a second: 500/s or 500.
func (r *reader) rate(into *float64, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "/s"), 64)
		if err != nil || !(v >= 0 && v <= 1e6) {
			r.find(n, "write it like 500/s; 0 is no limit", "%s is not a number of calls a second", what)
			return
		}
		*into = v
	}
}

// size reads bytes: 512, 64KiB or 1MiB.
func (r *reader) size(into *int64, what string, high int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		digits, factor := n.Value, int64(1)
		for unit, f := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
			if d, ok := strings.CutSuffix(n.Value, unit); ok {
				digits, factor = d, f
			}
		}
		v, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || v < 1 || v*factor > high {
			r.find(n, "write it like 64KiB", "%s is not a size up to %d bytes", what, high)
			return
		}
		*into = v * factor
	}
}

// url reads the address of a backend: a scheme, a host and perhaps the path that all its calls begin with.
func (r *reader) url(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		u, err := url.Parse(n.Value)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			r.find(n, "write it like https://backend.example/base", "%s is not a plain http or https address", what)
			return
		}
		*into = strings.TrimSuffix(n.Value, "/")
	}
}

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// secret reads {file: PATH} or {env: NAME}.
func (r *reader) secret(n *yaml.Node, what string) ([]byte, bool) {
	if n.Kind != yaml.MappingNode {
		r.find(n, "write {file: PATH} or {env: NAME} and put the value there", "%s is a secret and must not stand in this file", what)
		return nil, false
	}
	var file, env *yaml.Node
	r.members(n, what, map[string]func(*yaml.Node){
		"file": func(v *yaml.Node) { file = v },
		"env":  func(v *yaml.Node) { env = v },
	})
	switch {
	case (file == nil) == (env == nil):
		r.find(n, "write {file: PATH} or {env: NAME}", "%s needs exactly one of file and env", what)
		return nil, false
	case env != nil:
		value := os.Getenv(env.Value)
		if value == "" {
			r.find(env, "export "+env.Value+" before the start", "%s: the environment has no %s", what, env.Value)
			return nil, false
		}
		return []byte(value), true
	}
	data, ok := r.read(file, what)
	return []byte(strings.TrimRight(string(data), "\r\n")), ok
}

// read reads a small file that the configuration names.
func (r *reader) read(n *yaml.Node, what string) ([]byte, bool) {
	path, ok := r.scalar(n, what)
	if !ok {
		return nil, false
	}
	data, err := readSmall(r.resolve(path), maxSecret)
	if err != nil {
		r.find(n, "paths are relative to this file's folder", "%s: %v", what, err)
		return nil, false
	}
	return data, true
}
