package descriptor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"tongma/adapters"
	"tongma/standard"
)

// spec is a descriptor as it was read, before its expressions are compiled.
type spec struct {
	at         position
	system     scalar
	version    scalar
	name       standard.Text
	region     scalar
	dialect    scalar      // "": it has calls of its own
	shared     *Descriptor // what the dialect compiles to, for all systems that speak it
	mode       scalar      // "": shared data
	zone       *time.Location
	provenance struct {
		is              scalar
		from, synthetic []string
	}
	systems     []pair[adapters.System]
	gives       []scalar
	credentials []pair[adapters.Credential]
	endpoints   []string
	forms       []formSpec
	formsAt     position
	tokens      []pair[tokenSpec]
	common      callSpec
	verify      []callSpec
	verifyAt    position
	record      recordSpec
	statuses    map[string]statusRow
	tables      map[string]map[string]string
	limits      adapters.Limits
	freshness   adapters.Freshness
	records     bool
	probe       *probeSpec
}

type formSpec struct {
	at         position
	templates  map[string]scalar // by the name of the member that they are
	form       adapters.Form
	expires    *scalar
	provenance scalar
}

type probeSpec struct {
	at   position
	scan *scalar
	is   []string
}

func newSpec() *spec { return &spec{tables: map[string]map[string]string{}, zone: standard.Zone} }

// ownKeys are those that every descriptor needs.
var ownKeys = []string{"system", "version", "name", "region", "provenance", "recognise"}

func (r *reader) spec(root *yaml.Node) *spec {
	s := newSpec()
	s.at = at(root)
	known, what, needed := r.keys(s), "a descriptor", append(slices.Clone(ownKeys), "verify", "record")
	if hasKey(root, "dialect") {
		maps.DeleteFunc(known, func(key string, _ func(*yaml.Node)) bool { return slices.Contains(dialectKeys, key) })
		what, needed = "a descriptor of a dialect", ownKeys
	}
	r.fields(root, what, known, needed...)
	if s.dialect.text != "" {
		r.speak(s)
	}
	if s.gives == nil {
		r.needsStatus(root, s)
	}
	return s
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// keys says what reads each key of a descriptor into s.
func (r *reader) keys(s *spec) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"system":      r.literal(&s.system, "system"),
		"version":     r.literal(&s.version, "version"),
		"name":        r.name(&s.name),
		"region":      r.literal(&s.region, "region"),
		"dialect":     r.literal(&s.dialect, "dialect"),
		"mode":        r.literal(&s.mode, "mode"),
		"zone":        r.zone(&s.zone),
		"provenance":  r.provenance(s),
		"systems":     r.systems(&s.systems),
		"gives":       r.gives(&s.gives),
		"credentials": r.credentials(&s.credentials),
		"endpoints":   r.texts(&s.endpoints, "endpoints"),
		"recognise": func(n *yaml.Node) {
			s.formsAt = at(n)
			for _, item := range r.sequence(n, "recognise") {
				s.forms = append(s.forms, r.form(item))
			}
		},
		"tokens": func(n *yaml.Node) {
			for _, p := range r.mapping(n, "tokens") {
				s.tokens = append(s.tokens, pair[tokenSpec]{p.key, p.at, r.token(p.value)})
			}
		},
		"common": func(n *yaml.Node) { s.common = r.call(n, "common", "query", "headers", "let") },
		"verify": func(n *yaml.Node) {
			s.verifyAt = at(n)
			for _, item := range r.sequence(n, "verify") {
				s.verify = append(s.verify, r.call(item, "a step of verify",
					append(methods, "when", "endpoint", "query", "headers", "let", "json", "form", "multipart", "raw", "then", "outcome")...))
			}
		},
		"record":    func(n *yaml.Node) { s.record = r.record(n) },
		"statuses":  r.statuses(&s.statuses),
		"tables":    r.tables(s.tables),
		"limits":    r.limits(&s.limits),
		"freshness": r.freshness(&s.freshness),
		"effects":   r.effects(&s.records),
		"probe":     func(n *yaml.Node) { s.probe = r.probe(n) },
	}
}

// needsStatus: unless it says what else it gives, a system has statuses, and a record one of them.
func (r *reader) needsStatus(root *yaml.Node, s *spec) {
	const mend = ", or where the system has none, say what it gives instead, such as  gives: [nucleic]"
	if root.Kind == yaml.MappingNode && s.statuses == nil {
		r.find(s.at, `a descriptor needs "statuses"`, "add  statuses:"+mend)
	}
	if s.record.at.line > 0 && s.record.status == nil {
		r.find(s.record.at, `record needs "status"`, "add  status:"+mend)
	}
}

func (r *reader) name(into *standard.Text) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.fields(n, "name", map[string]func(*yaml.Node){
			"zh": r.text(&into.Zh, "name.zh"),
			"en": r.text(&into.En, "name.en"),
		}, "zh", "en")
	}
}

// systems reads the further systems that the dialect answers for.
func (r *reader) systems(into *[]pair[adapters.System]) func(*yaml.Node) {
	return func(n *yaml.Node) {
		for _, p := range r.mapping(n, "systems") {
			s := adapters.System{ID: p.key}
			r.fields(p.value, "a system", map[string]func(*yaml.Node){
				"name":   r.name(&s.Name),
				"region": r.text(&s.Region, "region"),
			}, "name", "region")
			*into = append(*into, pair[adapters.System]{p.key, p.at, s})
		}
	}
}

// gives reads what a system without statuses is asked for.
func (r *reader) gives(into *[]scalar) func(*yaml.Node) {
	return func(n *yaml.Node) {
		for _, item := range r.sequence(n, "gives") {
			var s scalar
			r.literal(&s, "gives")(item)
			*into = append(*into, s)
		}
		if len(*into) == 0 {
			r.find(at(n), "gives is empty", "leave it out where the system has statuses")
		}
	}
}

func (r *reader) zone(into **time.Location) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s := r.scalar(n, "zone")
		t, err := time.Parse("-07:00", s.text)
		if err != nil {
			r.find(s.at, "zone is not an offset", `write it like "+08:00"`)
			return
		}
		_, offset := t.Zone()
		*into = time.FixedZone(s.text, offset)
	}
}

func (r *reader) provenance(s *spec) func(*yaml.Node) {
	return func(n *yaml.Node) {
		p := &s.provenance
		r.fields(n, "provenance", map[string]func(*yaml.Node){
			"is":        r.literal(&p.is, "provenance.is"),
			"from":      r.texts(&p.from, "provenance.from"),
			"synthetic": r.texts(&p.synthetic, "provenance.synthetic"),
		}, "is")
	}
}

func (r *reader) credentials(into *[]pair[adapters.Credential]) func(*yaml.Node) {
	return func(n *yaml.Node) {
		for _, p := range r.mapping(n, "credentials") {
			var kind string
			r.text(&kind, "credential "+p.key)(p.value)
			if kind != "text" && kind != "secret" {
				r.find(at(p.value), fmt.Sprintf("credential %s is neither text nor secret", p.key), "write secret for whatever must never be printed, else text")
			}
			*into = append(*into, pair[adapters.Credential]{p.key, p.at, adapters.Credential{Name: p.key, Secret: kind != "text"}})
		}
	}
}

func (r *reader) form(n *yaml.Node) formSpec {
	f := formSpec{at: at(n), templates: map[string]scalar{}}
	template := func(into *string, what string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			r.text(into, what)(n)
			f.templates[what] = scalar{text: *into, at: at(n), style: n.Style, whole: n.Value}
		}
	}
	var opaque string
	failed := false
	r.fields(n, "a form of recognise", map[string]func(*yaml.Node){
		"url":  template(&f.form.URL, "url"),
		"text": template(&f.form.Text, "text"),
		"params": func(n *yaml.Node) {
			f.form.Params = map[string]string{}
			for _, p := range r.mapping(n, "params") {
				var v string
				template(&v, "params."+p.key)(p.value)
				f.form.Params[p.key] = v
			}
		},
		"json": func(n *yaml.Node) {
			f.form.JSON = &adapters.JSONForm{}
			r.fields(n, "json", map[string]func(*yaml.Node){
				"has":   r.texts(&f.form.JSON.Has, "has"),
				"lacks": r.texts(&f.form.JSON.Lacks, "lacks"),
				"only":  r.texts(&f.form.JSON.Only, "only"),
			}, "has")
		},
		"bytes": func(n *yaml.Node) {
			f.form.Bytes = &adapters.BytesForm{}
			r.fields(n, "bytes", map[string]func(*yaml.Node){"starts": r.text(&f.form.Bytes.Starts, "starts")}, "starts")
		},
		"opaque": func(n *yaml.Node) {
			r.fields(n, "opaque", map[string]func(*yaml.Node){"max": r.text(&opaque, "max")}, "max")
			var err error
			if f.form.Opaque, err = strconv.Atoi(opaque); err != nil || f.form.Opaque < 1 {
				r.find(at(n), "opaque.max is not a number of bytes", "write for example {max: 512}")
				failed = true
			}
		},
		"document":   r.texts(&f.form.Document, "document"),
		"expires":    r.value(&f.expires, "expires"),
		"provenance": r.literal(&f.provenance, "provenance"),
	})
	if err := f.form.Check(); err != nil && !failed {
		r.find(f.place(err), err.Error(), "see the forms of scans in adapters/README.md")
	}
	return f
}

// place says where in the file the fault of a form is.
func (f *formSpec) place(err error) position {
	var fe *adapters.FormError
	if !errors.As(err, &fe) {
		return f.at
	}
	s, ok := f.templates[fe.Member]
	switch {
	case !ok:
		return f.at
	case fe.At < 0 || fe.At > len(s.text):
		return s.at
	}
	return s.place(utf8.RuneCountInString(s.text[:fe.At]))
}

func (r *reader) tables(into map[string]map[string]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		for _, p := range r.mapping(n, "tables") {
			table := map[string]string{}
			for i, row := range r.mapping(p.value, "table "+p.key) {
				if k := p.value.Content[2*i]; k.Tag != "!!str" {
					r.find(row.at, fmt.Sprintf("%s would be a number or a word of YAML's own", row.key), fmt.Sprintf("quote it: %q", row.key))
				}
				var v string
				r.text(&v, p.key+" "+row.key)(row.value)
				table[row.key] = v
			}
			into[p.key] = table
		}
	}
}

func (r *reader) probe(n *yaml.Node) *probeSpec {
	p := &probeSpec{at: at(n)}
	r.fields(n, "probe", map[string]func(*yaml.Node){
		"scan": r.value(&p.scan, "scan"),
		"is":   r.texts(&p.is, "is"),
	}, "scan", "is")
	for _, w := range p.is {
		if _, ok := outcomes[w]; !ok || w == "next" || w == "retry" || w == "renew" {
			r.find(p.at, fmt.Sprintf("no outcome of a probe is called %q", w), "it is one of busy, expired, not_found, quota, refused, unrecognised, verified")
		}
	}
	return p
}
