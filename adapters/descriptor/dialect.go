package descriptor

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
)

// dialects are what several systems speak in the same words. Each is a file of the language without what is a system's own.
//
//go:embed dialects/*.yaml
var dialectFiles embed.FS

const dialectFolder = "dialects"

// Dialects names the dialects that a descriptor can be of.
func Dialects() []string {
	files, _ := dialectFiles.ReadDir(dialectFolder) // it is embedded, so it is there
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// dialectKeys are what a dialect says; a descriptor of that dialect says them no more. Of limits and freshness it may have its own. The statuses of
// a dialect are those that every descriptor of it must have too.
var dialectKeys = []string{"credentials", "endpoints", "tokens", "common", "verify", "record", "tables", "effects", "gives", "systems"}

// ownTable is the table in which a dialect reads which system it speaks for.
const ownTable = "own"

// sharedDialect is a dialect as it was read: a spec without what is a system's own.
type sharedDialect struct {
	spec     *spec
	compiled *Descriptor // its tokens, steps and record
	src      []byte
	err      error
}

// dialectsRead has a *sharedDialect by its name: a dialect is read once for all systems that speak it.
var dialectsRead sync.Map

// dialect gives a dialect of this package.
func dialect(name string) (*sharedDialect, bool) {
	if !slices.Contains(Dialects(), name) {
		return nil, false
	}
	if d, ok := dialectsRead.Load(name); ok {
		return d.(*sharedDialect), true
	}
	d := readDialect(name + ".yaml")
	dialectsRead.Store(name, d)
	return d, true
}

func readDialect(file string) *sharedDialect {
	src, err := dialectFiles.ReadFile(path.Join(dialectFolder, file))
	if err != nil {
		return &sharedDialect{err: err}
	}
	d := &sharedDialect{src: src}
	r := &reader{collector{file: file}, file}
	d.spec = r.dialect(src)
	if d.err = r.err(); d.err == nil {
		d.compiled, d.err = compileDialect(file, d.spec)
	}
	return d
}

// compileDialect compiles what all systems of a dialect have in common, once for all of them: it is most of what a start takes.
func compileDialect(file string, of *spec) (*Descriptor, error) {
	s := newSpec()
	s.take(of)
	c := newCompiler(collector{file: file}, s)
	d := &Descriptor{tokens: map[string]*token{}}
	for _, cr := range s.credentials {
		c.name(cr.key, cr.at)
	}
	c.conversation(d, c.baseScope())
	c.unused()
	d.inputs, d.reads, d.bindings = slices.Sorted(maps.Keys(c.inputs)), c.reads, len(c.owner)
	return d, c.err()
}

// share gives a descriptor what its dialect has compiled to.
func (d *Descriptor) share(of *Descriptor) {
	d.tokens, d.steps, d.record, d.bindings = of.tokens, of.steps, of.record, of.bindings
	maps.Copy(d.reads, of.reads)
	d.inputs = slices.Compact(slices.Sorted(slices.Values(slices.Concat(d.inputs, of.inputs))))
}

// dialect reads the file of a dialect. What it holds says in faults which file it is of.
func (r *reader) dialect(src []byte) *spec {
	s := newSpec()
	root := r.document(src)
	if root == nil {
		return s
	}
	known := r.keys(s)
	maps.DeleteFunc(known, func(key string, _ func(*yaml.Node)) bool {
		return !slices.Contains(dialectKeys, key) && !slices.Contains([]string{"statuses", "limits", "freshness"}, key)
	})
	r.fields(root, "a dialect", known, "verify", "record")
	return s
}

// speak completes the spec of a descriptor by what its dialect says.
func (r *reader) speak(s *spec) {
	d, ok := dialect(s.dialect.text)
	if !ok {
		r.find(s.dialect.at, fmt.Sprintf("there is no dialect %q", s.dialect.text), "it is one of "+strings.Join(Dialects(), ", "))
		return
	}
	if d.err != nil {
		r.find(s.dialect.at, d.err.Error(), "this is a fault of Tongma's own")
		return
	}
	for _, word := range slices.Sorted(maps.Keys(d.spec.statuses)) {
		if is := d.spec.statuses[word].status; s.statuses != nil && s.statuses[word].status != is {
			r.find(s.dialect.at, fmt.Sprintf("statuses does not say that %q is %s", word, is.Colour()),
				fmt.Sprintf("add  %q: {is: %s}  to it: the holder's other codes are read by it too", word, is.Colour()))
		}
	}
	s.take(d.spec)
	s.shared = d.compiled
}

// take puts what a dialect says where a descriptor of its own says it.
func (s *spec) take(of *spec) {
	s.gives, s.credentials, s.endpoints, s.tokens = of.gives, of.credentials, of.endpoints, of.tokens
	s.common, s.verify, s.verifyAt, s.record, s.records = of.common, of.verify, of.verifyAt, of.record, of.records
	s.tables = maps.Clone(of.tables)
	s.tables[ownTable] = map[string]string{"system": s.system.text, "region": s.region.text}
	if s.limits == (adapters.Limits{}) {
		s.limits = of.limits
	}
	if s.freshness == (adapters.Freshness{}) {
		s.freshness = of.freshness
	}
}

// dialectSource is the text of the descriptor's dialect, nil without one: another dialect is another descriptor.
func (s *spec) dialectSource() []byte {
	if d, ok := dialect(s.dialect.text); ok {
		return d.src
	}
	return nil
}
