package descriptor

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"

	"tongma/adapters"
	"tongma/standard"
)

// compiler turns a spec into a Descriptor, with a finding for whatever is wrong.
type compiler struct {
	collector
	spec           *spec
	options        []expr.Option   // to look at an expression
	running        []expr.Option   // to compile it
	functions      map[string]bool // their names
	credentialUsed map[string]bool
	inputs         map[string]bool
	reads          map[string]bool    // all names that expressions read, and the first parts of dotted ones
	owner          map[*binding]*step // which step of verify a name belongs to
	step           *step              // the step that is being compiled, nil outside
	later          map[*binding]bool
}

func newCompiler(col collector, s *spec) *compiler {
	options, running, functions := options(s.zone)
	return &compiler{
		collector: col, spec: s, options: options, running: running, functions: functions,
		credentialUsed: map[string]bool{}, inputs: map[string]bool{}, reads: map[string]bool{},
		owner: map[*binding]*step{}, later: map[*binding]bool{},
	}
}

var (
	systemID = regexp.MustCompile(`^[a-z][a-z0-9]{1,31}$`)
	version  = regexp.MustCompile(`^\d{1,4}\.\d{1,4}\.\d{1,4}$`)
	nameRule = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,31}$`)
)

var provenances = map[string]standard.Provenance{
	"standard": standard.FromStandard, "documented": standard.FromDocumented, "observed": standard.FromObserved,
	"profile": standard.FromProfile, "synthetic": standard.FromSynthetic,
}

// modes are the ways of recognition (互认方式), as the State Council's office numbered them in 2020.
var modes = map[string]int{"shared": 1, "conversion": 2, "national": 3}

func (c *compiler) descriptor() *Descriptor {
	s := c.spec
	d := &Descriptor{tokens: map[string]*token{}, statuses: s.statuses, tables: map[string]any{}}
	d.info = c.info()
	for name, t := range s.tables {
		rows := make(map[string]any, len(t))
		for k, v := range t {
			rows[k] = v
		}
		d.tables[name] = rows
	}
	base := c.baseScope()
	d.forms = c.forms(base)
	c.disjoint(d)
	if s.shared == nil {
		c.conversation(d, base)
	}
	if s.probe != nil {
		d.probe = &probe{scan: c.operandAt(c.tokenScope(), s.probe.scan), is: map[string]bool{}}
		for _, w := range s.probe.is {
			d.probe.is[w] = true
		}
	}
	if s.shared == nil {
		c.unused()
	}
	d.inputs, d.reads, d.bindings = slices.Sorted(maps.Keys(c.inputs)), c.reads, len(c.owner)
	if s.shared != nil {
		d.share(s.shared)
	}
	return d
}

// unused tells which credentials are declared and not used.
func (c *compiler) unused() {
	for _, cr := range c.spec.credentials {
		if !c.credentialUsed[cr.key] {
			c.find(cr.at, fmt.Sprintf("credential %s is declared and not used", cr.key), "leave it out, or use cred."+cr.key)
		}
	}
}

// conversation compiles how the backend is asked and what its answers mean.
func (c *compiler) conversation(d *Descriptor, base *scope) {
	for _, t := range c.spec.tokens {
		c.name(t.key, t.at)
		d.tokens[t.key] = c.token(t.key, t.value)
	}
	d.record = c.record(c.steps(d, base))
	for _, st := range d.steps {
		for _, b := range st.scope {
			if c.later[b] {
				st.later = append(st.later, b)
			}
		}
	}
}

// info checks and gathers what the catalogue needs to know.
func (c *compiler) info() adapters.Info {
	s := c.spec
	if !systemID.MatchString(s.system.text) {
		c.find(s.system.at, fmt.Sprintf("system %q is not an id", s.system.text), "2 to 32 lower-case letters and digits, such as suishen")
	}
	if !version.MatchString(s.version.text) {
		c.find(s.version.at, fmt.Sprintf("version %q is not a version", s.version.text), "write it like 1.0.0")
	}
	if _, ok := standard.LookupRegion(s.region.text); !ok {
		c.find(s.region.at, fmt.Sprintf("region %q is not in GB/T 2260", s.region.text), `six digits in quotes, such as "310000"`)
	}
	if is := s.provenance.is; provenances[is.text] == "" {
		c.find(is.at, fmt.Sprintf("provenance.is cannot be %q", is.text), "it is one of "+list(provenances))
	}
	if is := s.mode; is.text != "" && modes[is.text] == 0 {
		c.find(is.at, fmt.Sprintf("mode cannot be %q", is.text), "it is one of "+list(modes))
	}
	c.statuses()
	if s.records && s.limits.Hedge > 0 {
		c.find(s.at, "limits.hedge would ask twice, and effects: visit says that each call is recorded", "leave one of them out")
	}
	info := adapters.Info{
		System: s.system.text, Name: s.name, Region: s.region.text, Version: s.version.text, Dialect: s.dialect.text, Mode: cmp.Or(modes[s.mode.text], 1),
		Provenance: provenances[s.provenance.is.text], Synthetic: s.provenance.synthetic, Sources: s.provenance.from,
		Endpoints: s.endpoints, Limits: s.limits, Freshness: s.freshness, Records: s.records,
	}
	if len(info.Synthetic) > 0 {
		info.Provenance = standard.FromSynthetic
	}
	for _, g := range s.gives {
		info.Gives = append(info.Gives, g.text)
	}
	info.Systems = c.systems()
	for _, cr := range s.credentials {
		c.name(cr.key, cr.at)
		info.Credentials = append(info.Credentials, cr.value)
	}
	return info
}

// systems checks the further systems.
func (c *compiler) systems() []adapters.System {
	var out []adapters.System
	for _, s := range c.spec.systems {
		switch _, known := standard.LookupRegion(s.value.Region); {
		case !systemID.MatchString(s.key):
			c.find(s.at, fmt.Sprintf("system %q is not an id", s.key), "2 to 32 lower-case letters and digits, such as sheni")
		case s.key == c.spec.system.text:
			c.find(s.at, s.key+" is this system itself", "name the further ones alone")
		case !known:
			c.find(s.at, fmt.Sprintf("region %q is not in GB/T 2260", s.value.Region), `six digits in quotes, such as "440300"`)
		}
		out = append(out, s.value)
	}
	said := c.spec.record.system
	if len(out) > 0 && said == nil {
		c.find(c.spec.record.at, "record needs system, because the backend answers for several", "say of which the answer is, such as  system: '=tables.systems[reply.type]'")
	}
	if len(out) == 0 && said != nil {
		c.find(said.at, "system goes with systems only", "declare the further systems under systems, or leave it out")
	}
	return out
}

// given are what a system may give that has no status.
var given = map[string]struct{}{"nucleic": {}, "antibody": {}, "vaccine": {}}

// statuses checks that the table of statuses has rows, or that the descriptor says what the system gives instead.
func (c *compiler) statuses() {
	s := c.spec
	for _, g := range s.gives {
		if _, ok := given[g.text]; !ok {
			c.find(g.at, fmt.Sprintf("gives cannot be %q", g.text), "it is one of "+list(given))
		} else if !slices.ContainsFunc(s.record.members, func(m pair[scalar]) bool { return strings.HasPrefix(m.key, "health."+g.text+".") }) {
			c.find(g.at, fmt.Sprintf("record has no health.%s, which the system is said to give", g.text), "say where in the reply it stands")
		}
	}
	switch {
	case len(s.gives) == 0 && len(s.statuses) == 0:
		c.find(s.at, "statuses has no row", "write every value that the system is known to give")
	case len(s.gives) > 0 && (s.record.status != nil || len(s.statuses) > 0 || s.record.others != nil):
		c.find(s.gives[0].at, "gives is for a system without statuses, and this one has some", "leave gives out, or record.status, record.others and statuses")
	}
}

func (c *compiler) forms(base *scope) []form {
	var out []form
	for _, f := range c.spec.forms {
		if is := f.provenance; is.text != "" && provenances[is.text] == "" {
			c.find(is.at, fmt.Sprintf("provenance cannot be %q", is.text), "it is one of "+list(provenances))
		}
		for _, name := range f.form.Fields() {
			if slices.Contains(documentNames, name) {
				c.find(f.at, fmt.Sprintf("a scan cannot have a field %s: ticket.%s is a document's", name, name), "choose another name")
			}
		}
		e := form{Form: f.form, provenance: f.provenance.text}
		if f.expires != nil {
			e.expires = c.wants(base, *f.expires, "expires", "a time", types.TypeOf(time.Time{}))
			if e.expires != nil && len(e.expires.tokens) > 0 {
				c.find(f.expires.at, "expires cannot need a token", "a scan expires by itself, before anything is asked")
			}
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		c.find(c.spec.at, "recognise has no form", "say what this system's scans look like")
	}
	return out
}

// disjoint refuses two forms of this system that one scan could match.
func (c *compiler) disjoint(d *Descriptor) {
	_, err := adapters.NewCatalogue([]adapters.Entry{{Info: d.info, Adapter: &adapter{Descriptor: d}}})
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		what, mend, ok := strings.Cut(line, ": ")
		if !ok {
			mend = "leave one of them out"
		}
		c.find(c.spec.formsAt, what, mend)
	}
}

// wants compiles an expression that must give a type.
func (c *compiler) wants(sc *scope, s scalar, what, word string, t types.Type) *expression {
	if !s.isExpr {
		c.find(s.at, what+" must be an expression", "begin it with =")
		return nil
	}
	e := c.compile(sc, s)
	if e != nil && e.kind != types.Any && !e.kind.Equal(t) {
		mend := `compare it, such as x == "0"`
		if t.Equal(types.TypeOf(time.Time{})) {
			mend = "fromSeconds(x), fromMillis(x) and time(text, layout) make a time"
		}
		c.find(s.place(0), fmt.Sprintf("%s must be %s, and this is %s", what, word, e.word), mend)
	}
	return e
}

// wantsText compiles what must become text in a path, query, header, form, status or subject.
func (c *compiler) wantsText(sc *scope, s scalar, what string) operand {
	o := c.operand(sc, s)
	if e := o.expr; e != nil && e.kind != types.Any && !e.kind.Equal(types.String) && !e.kind.Equal(types.Int) {
		c.find(s.place(0), fmt.Sprintf("%s must be text or a number, and this is %s", what, e.word), "text(x), hex(x), base64(x), seconds(t) and format(t, layout) make text of other values")
	}
	return o
}

// operand compiles a literal or an expression.
func (c *compiler) operand(sc *scope, s scalar) operand {
	if s.isExpr {
		return operand{expr: c.compile(sc, s)}
	}
	return operand{literal: s.text}
}

func (c *compiler) operandAt(sc *scope, s *scalar) *operand {
	if s == nil {
		return nil
	}
	o := c.operand(sc, *s)
	return &o
}

func (c *compiler) steps(d *Descriptor, base *scope) *scope {
	sc, verified := base, false
	for i := range c.spec.verify {
		spec := &c.spec.verify[i]
		st := &step{}
		c.step = st
		runs := spec.when == nil && !verified
		if spec.when != nil {
			st.when = c.condition(sc, *spec.when, "when")
		}
		if spec.method == "" && (spec.endpoint.text != "" || spec.query != nil || spec.headers != nil || spec.body.kinds() > 0) {
			c.find(spec.at, "a step that sends something needs a method", "write get, post or put with a path")
		}
		var after *scope
		if spec.method != "" {
			st.call, st.scope, after = c.call(sc, spec, true)
		} else {
			var names []pair[scalar]
			names = append(append(names, spec.let...), spec.then...)
			after, st.scope = c.bind(sc, names)
		}
		st.outcome = c.outcome(after, spec)
		if len(spec.outcome) == 0 {
			c.find(spec.at, "a step needs outcome", "say what each answer of the backend means; what matches nothing is a fault")
		}
		for _, cl := range st.outcome {
			verified = verified || cl.is == "verified"
		}
		d.steps = append(d.steps, st)
		sc = after.child()
		if !runs { // it may be skipped or not reached, and then its names are nil
			for _, b := range st.scope {
				sc.names[b.name] = types.Any
			}
		}
		for _, name := range []string{"body", "http"} {
			delete(sc.names, name)
		}
		for _, p := range c.spec.common.let {
			delete(sc.names, p.key)
			delete(sc.bindings, p.key)
		}
	}
	c.step = nil
	if !verified {
		c.find(c.spec.verifyAt, "no step has a way to verified", "add a clause with  is: verified")
	}
	return sc
}

func (c *compiler) wantsAny(sc *scope, s scalar, what string) *expression {
	if !s.isExpr {
		c.find(s.at, what+" must be an expression", "begin it with =")
		return nil
	}
	return c.compile(sc, s)
}

func (c *compiler) record(sc *scope) *record {
	spec := c.spec.record
	sc, _ = c.bind(sc, spec.let)
	r := &record{}
	if s := spec.status; s != nil {
		o := c.status(sc, *s)
		r.status = &o
	}
	if s := spec.system; s != nil {
		o := c.wantsText(sc, *s, "system")
		if !s.isExpr || o.expr != nil && o.expr.constant {
			c.find(s.at, "system is the same always", "read it from the reply, or leave it and systems out")
		}
		r.system = &o
	}
	if s := spec.check; s != nil {
		r.check = c.condition(sc, *s, "check")
	}
	if s := spec.expires; s != nil {
		r.expires = c.wants(sc, *s, "expires", "a time", types.TypeOf(time.Time{}))
	}
	if s := spec.subject; s != nil {
		o := c.wantsText(sc, *s, "subject")
		r.subject = &o
	}
	for _, m := range spec.members {
		r.members = append(r.members, member{m.key, recordMembers[m.key], c.operand(sc, m.value)})
	}
	each := sc.child()
	each.names["it"] = types.Any
	if t := spec.trips; t != nil {
		r.trips = &trips{of: c.wantsAny(sc, *t.of, "trips.of"), region: c.operandAt(each, t.region), place: c.operandAt(each, t.place)}
		if t.at != nil {
			r.trips.at = c.wants(each, *t.at, "at", "a time", types.TypeOf(time.Time{}))
		}
	}
	if o := spec.others; o != nil {
		r.others = &others{of: c.wantsAny(sc, *o.of, "others.of"), region: c.operandAt(each, o.region), status: c.status(each, *o.status)}
	}
	return r
}

// status compiles an expression that gives the system's own word for a status.
func (c *compiler) status(sc *scope, s scalar) operand {
	o := c.wantsText(sc, s, "status")
	if !s.isExpr || o.expr != nil && o.expr.constant {
		c.find(s.place(0), "a status that is always the same would be a guess", "read it from the reply")
	}
	return o
}
