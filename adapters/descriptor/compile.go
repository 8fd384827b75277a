package descriptor

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"tongma/adapters"
	"tongma/standard"
)

// compiler turns a spec into a Descriptor, with a finding for whatever is wrong.
type compiler struct {
	collector
	spec           *spec
	options        []expr.Option
	functions      map[string]bool // their names
	credentialUsed map[string]bool
	inputs         map[string]bool
	reads          map[string]bool    // all names that expressions read, and the first parts of dotted ones
	owner          map[*binding]*step // which step of verify a name belongs to
	step           *step              // the step that is being compiled, nil outside
	later          map[*binding]bool
}

func newCompiler(col collector, s *spec) *compiler {
	options, functions := options(s.zone)
	return &compiler{
		collector: col, spec: s, options: options, functions: functions,
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
	for _, t := range s.tokens {
		c.name(t.key, t.at)
		d.tokens[t.key] = c.token(t.key, t.value)
	}
	sc := c.steps(d, base)
	d.record = c.record(sc)
	for _, st := range d.steps {
		for _, b := range st.scope {
			if c.later[b] {
				st.later = append(st.later, b)
			}
		}
	}
	if s.probe != nil {
		d.probe = &probe{scan: c.operandAt(c.tokenScope(), s.probe.scan), is: map[string]bool{}}
		for _, w := range s.probe.is {
			d.probe.is[w] = true
		}
	}
	for _, cr := range s.credentials {
		if !c.credentialUsed[cr.key] {
			c.find(cr.at, fmt.Sprintf("credential %s is declared and not used", cr.key), "leave it out, or use cred."+cr.key)
		}
	}
	d.inputs, d.reads = slices.Sorted(maps.Keys(c.inputs)), c.reads
	return d
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
	if len(s.statuses) == 0 {
		c.find(s.at, "statuses has no row", "write every value that the system is known to give")
	}
	info := adapters.Info{
		System: s.system.text, Name: s.name, Region: s.region.text, Version: s.version.text,
		Provenance: provenances[s.provenance.is.text], Synthetic: s.provenance.synthetic, Sources: s.provenance.from,
		Endpoints: s.endpoints, Limits: s.limits, Freshness: s.freshness, Records: s.records,
	}
	if len(info.Synthetic) > 0 {
		info.Provenance = standard.FromSynthetic
	}
	for _, cr := range s.credentials {
		c.name(cr.key, cr.at)
		info.Credentials = append(info.Credentials, cr.value)
	}
	return info
}

func (c *compiler) name(name string, at position) {
	if !nameRule.MatchString(name) {
		c.find(at, fmt.Sprintf("%q is not a name", name), "a letter, then letters and digits, at most 32")
	}
}

// free says whether a name may be bound in a scope, or reports why not.
func (c *compiler) free(sc *scope, name string, at position) bool {
	_, taken := sc.names[name]
	switch {
	case c.functions[name]:
		c.find(at, name+" is the name of a function", "choose another")
	case taken || slices.Contains(groups, name) || slices.Contains(reserved, name):
		c.find(at, fmt.Sprintf("the name %s is taken already", name), "choose another")
	default:
		return true
	}
	return false
}

func members(names ...string) types.Map {
	m := types.Map{}
	for _, n := range names {
		m[n] = types.String
	}
	return m
}

// tokenScope is what a token's call may name: nothing of the person or the place, because one token serves all.
func (c *compiler) tokenScope() *scope {
	cred := types.Map{}
	for _, cr := range c.spec.credentials {
		cred[cr.key] = types.String
	}
	tables := types.Map{}
	for name := range c.spec.tables {
		tables[name] = types.Map{types.Extra: types.Any}
	}
	draw := types.TypeOf(func(int) (string, error) { return "", nil })
	return &scope{bindings: map[string]*binding{}, names: types.Map{
		"cred": cred, "tables": tables, "now": types.TypeOf(time.Time{}),
		"random": types.Map{"hex": draw, "alnum": draw, "digits": draw},
		"uuid":   types.TypeOf(func() string { return "" }),
	}}
}

// documentNames are the members of ticket that a document has. A scan has none of them, whatever stands in it.
var documentNames = []string{"document", "documentType", "name"}

// baseScope is what any expression of verify may name.
func (c *compiler) baseScope() *scope {
	sc := c.tokenScope()
	ticket := types.Map{}
	for _, name := range documentNames {
		ticket[name] = types.Any
	}
	for _, f := range c.spec.forms {
		for _, name := range f.form.Fields() {
			ticket[name] = types.Any
		}
	}
	token := types.Map{}
	for _, t := range c.spec.tokens {
		token[t.key] = types.Any
	}
	place := members("region", "site", "city", "cityName")
	place["ids"] = types.Map{types.Extra: types.Any}
	maps.Copy(sc.names, types.Map{
		"scan": types.Any, "ticket": ticket, "token": token, "place": place,
		"caller":   members("id", "device", "scene", "purpose"),
		"operator": members("id", "name", "department", "phone"),
	})
	return sc
}

// replied adds what is there once a call has been answered.
func (s *scope) replied() *scope {
	r := s.child()
	r.names["body"] = types.TypeOf([]byte(nil))
	r.names["http"] = types.Map{"status": types.Int, "header": types.Map{types.Extra: types.Any}}
	return r
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

// bind compiles names in the order of their needs and adds them to a copy of the scope.
func (c *compiler) bind(sc *scope, names []pair[scalar]) (*scope, []*binding) {
	sc = sc.child()
	pending := map[string]pair[scalar]{}
	for _, p := range names {
		c.name(p.key, p.at)
		if c.free(sc, p.key, p.at) {
			pending[p.key] = p
		}
	}
	var out []*binding
	var visit func(p pair[scalar], path []string)
	visit = func(p pair[scalar], path []string) {
		delete(pending, p.key)
		path = append(path, p.key)
		for _, need := range identifiers(p.value) {
			if slices.Contains(path, need) {
				c.find(p.at, "a circle of names: "+strings.Join(append(path, need), " → "), "a name cannot need itself")
				sc.names[p.key] = types.Any // so that whoever needs it has no finding of its own
				return
			}
			if q, ok := pending[need]; ok {
				visit(q, path)
			}
		}
		b := &binding{name: p.key, at: p.at, value: c.operand(sc, p.value)}
		sc.names[p.key] = types.String
		if e := b.value.expr; e != nil {
			sc.names[p.key] = e.kind
		} else if p.value.isExpr {
			sc.names[p.key] = types.Any // it did not compile; that has been said
		}
		sc.bindings[p.key] = b
		c.owner[b] = c.step
		out = append(out, b)
	}
	for _, p := range names {
		if q, ok := pending[p.key]; ok {
			visit(q, nil)
		}
	}
	return sc, out
}

// identifiers gives the names that an expression mentions; none if it does not parse, which compiling it will say.
func identifiers(s scalar) []string {
	if !s.isExpr {
		return nil
	}
	tree, err := parser.Parse(s.text)
	if err != nil {
		return nil
	}
	var out []string
	ast.Walk(&tree.Node, visitor(func(n ast.Node) {
		if id, ok := n.(*ast.IdentifierNode); ok {
			out = append(out, id.Value)
		}
	}))
	return out
}

func (c *compiler) steps(d *Descriptor, base *scope) *scope {
	sc, verified := base, false
	for i := range c.spec.verify {
		spec := &c.spec.verify[i]
		st := &step{}
		c.step = st
		if spec.when != nil {
			st.when = c.condition(sc, *spec.when, "when")
		}
		if spec.method == "" && (spec.endpoint.text != "" || spec.query != nil || spec.headers != nil || !spec.body.empty()) {
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
		if st.when != nil { // it may be skipped, and then its names are nil
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

// jsonLiteral gives a YAML literal as JSON has it: a number stays one when it is written as JSON writes it.
func jsonLiteral(s scalar) any {
	switch s.kind {
	case "!!bool":
		return s.text == "true"
	case "!!int":
		if n, err := strconv.Atoi(s.text); err == nil && strconv.Itoa(n) == s.text {
			return n
		}
	}
	return s.text
}

// condition compiles a when; a constant false is refused.
func (c *compiler) condition(sc *scope, s scalar, what string) *expression {
	e := c.wants(sc, s, what, "true or false", types.Bool)
	if e != nil && e.always != nil && !*e.always {
		c.find(s.at, what+" never holds", "leave it out")
	}
	return e
}

// call compiles a call. after is the scope in which its reply may be read; names are all that it binds.
func (c *compiler) call(sc *scope, spec *callSpec, common bool) (*call, []*binding, *scope) {
	out := &call{method: spec.method, endpoint: spec.endpoint.text}
	if e := spec.endpoint; e.text != "" && !slices.Contains(c.spec.endpoints, e.text) {
		c.find(e.at, fmt.Sprintf("endpoint %s is not declared", e.text), "add it to endpoints")
	}
	var query, headers, let []pair[scalar]
	if common {
		query, headers, let = c.spec.common.query, c.spec.common.headers, c.spec.common.let
	}
	query, headers, let = slices.Concat(query, spec.query), slices.Concat(headers, spec.headers), slices.Concat(let, spec.let)
	before, names := c.bind(sc, let)
	out.path = c.path(before, spec.path)
	out.query = c.pairs(before, query, "query")
	out.body = c.body(before, spec.body)
	sent := before.child()
	sent.names["sent"] = types.Map{"path": types.String, "query": types.String, "body": types.String}
	out.headers = c.headers(sent, headers, out.body)
	after, then := c.bind(before.replied(), spec.then)
	return out, append(names, then...), after
}

func (c *compiler) pairs(sc *scope, ps []pair[scalar], what string) []field {
	var out []field
	for _, p := range ps {
		out = append(out, field{p.key, c.wantsText(sc, p.value, what+" "+p.key)})
	}
	return out
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// refusedHeaders are HTTP's own business, not a dialect's.
var refusedHeaders = []string{"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "accept-encoding", "expect"}

func (c *compiler) headers(sc *scope, ps []pair[scalar], b body) []field {
	out := c.pairs(sc, ps, "header")
	typed := false
	for i, p := range ps {
		lower := strings.ToLower(p.key)
		switch {
		case !headerName.MatchString(p.key):
			c.find(p.at, fmt.Sprintf("%q is not the name of a header", p.key), "letters, digits and -")
		case slices.Contains(refusedHeaders, lower):
			c.find(p.at, fmt.Sprintf("the header %s is the gateway's own business", p.key), "leave it out")
		case !p.value.isExpr && strings.ContainsFunc(p.value.text, control):
			c.find(p.value.at, "a header cannot hold a control character", "write it on one line")
		}
		if slices.ContainsFunc(ps[:i], func(q pair[scalar]) bool { return strings.EqualFold(q.key, p.key) }) {
			c.find(p.at, fmt.Sprintf("the header %s stands here twice", p.key), "keep one")
		}
		typed = typed || lower == "content-type"
	}
	switch {
	case typed:
	case b.json != nil:
		out = append(out, field{"Content-Type", operand{literal: "application/json"}})
	case b.form != nil:
		out = append(out, field{"Content-Type", operand{literal: "application/x-www-form-urlencoded"}})
	}
	return out
}

var literalPath = regexp.MustCompile(`^[A-Za-z0-9/._~!$&'()*+,;=:@-]*`)

// path compiles /literal/{expression}/….
func (c *compiler) path(sc *scope, s scalar) []part {
	if s.isExpr || !strings.HasPrefix(s.text, "/") {
		c.find(s.place(0), "a path begins with /", "write it like /gateway/{ticket.codeId}/info; the host comes from the configuration")
		return nil
	}
	var out []part
	rest, offset := s.text, 0
	for rest != "" {
		lit, tail, open := strings.Cut(rest, "{")
		if n := len(literalPath.FindString(lit)); n < len(lit) {
			c.find(s.place(utf8.RuneCountInString(s.text[:offset+n])), "a path cannot have this character", "put what follows ? under query:, and leave % to the gateway")
		}
		if n := strings.Index(lit, "//"); n >= 0 {
			c.find(s.place(utf8.RuneCountInString(s.text[:offset+n])), "a path cannot have //", "write one /")
		}
		out = append(out, part{literal: lit})
		if !open {
			break
		}
		inner, after, closed := strings.Cut(tail, "}")
		if !closed {
			c.find(s.place(utf8.RuneCountInString(s.text[:offset+len(lit)])), "a { without its }", "write /before/{expression}/after")
			break
		}
		from := offset + len(lit) + 1
		value := c.wantsText(sc, s.part(from, from+len(inner)), "path")
		out = append(out, part{value: value.expr})
		offset = from + len(inner) + 1
		rest = after
	}
	for seg := range strings.SplitSeq(s.text, "/") {
		if seg == "." || seg == ".." {
			c.find(s.place(0), "a path cannot have . or .. for a segment", "leave it out")
		}
	}
	return out
}

func (c *compiler) body(sc *scope, b bodySpec) body {
	out := body{form: c.pairs(sc, b.form, "form"), raw: c.operandAt(sc, b.raw)}
	if b.json != nil {
		out.json = c.json(sc, b.json)
	}
	return out
}

func (c *compiler) json(sc *scope, j *jsonSpec) *jsonBody {
	out := &jsonBody{isMap: j.isMap}
	switch {
	case j.scalar != nil:
		o := c.operand(sc, *j.scalar)
		if !j.scalar.isExpr {
			o.literal = jsonLiteral(*j.scalar)
		}
		out.leaf = &o
	case j.isMap:
		for _, p := range j.object {
			out.object = append(out.object, jsonMember{p.key, c.json(sc, p.value)})
		}
	default:
		for _, item := range j.array {
			out.array = append(out.array, c.json(sc, item))
		}
	}
	return out
}

// outcome compiles the clauses of a step.
func (c *compiler) outcome(sc *scope, spec *callSpec) []clause {
	var out []clause
	seen := map[string]bool{}
	always := false
	for _, o := range spec.outcome {
		if always {
			c.find(o.at, "this clause is never reached: the one before it always holds", "leave it out, or move it up")
		}
		cl := clause{when: c.condition(sc, *o.when, "when"), is: o.is.text, token: o.token.text, after: c.after(sc, o.after)}
		if seen[o.when.text] {
			c.find(o.when.at, "this when stands above already", "leave it out")
		}
		seen[o.when.text] = true
		always = cl.when != nil && cl.when.always != nil && *cl.when.always
		if name := o.token.text; name != "" && !slices.ContainsFunc(c.spec.tokens, func(t pair[tokenSpec]) bool { return t.key == name }) {
			c.find(o.token.at, fmt.Sprintf("there is no token %s to renew", name), "declare it under tokens")
		}
		out = append(out, cl)
	}
	return out
}

// after compiles how long to wait: a time span, or a number of seconds.
func (c *compiler) after(sc *scope, s *scalar) *operand {
	if s == nil {
		return nil
	}
	o := c.operand(sc, *s)
	_, err := time.ParseDuration(s.text)
	e := o.expr
	if !s.isExpr && err != nil || e != nil && e.kind != types.Any && !slices.ContainsFunc(afterKinds, e.kind.Equal) {
		c.find(s.place(0), "after is neither a time span nor a number of seconds", `write it like 100ms or '=duration("2s")'`)
	}
	return &o
}

var afterKinds = []types.Type{types.TypeOf(time.Duration(0)), types.Int, types.String}

func (c *compiler) token(name string, spec tokenSpec) *token {
	t := &token{name: name, lives: spec.lives, renew: spec.renew}
	if spec.renew != 0 && spec.lives != 0 && spec.renew >= spec.lives {
		c.find(spec.at, "renew is not before the token's end", "renew at half of lives, for instance")
	}
	compile := func(call *callSpec, sc *scope) *tokenCall {
		if call.method == "" {
			c.find(call.at, "a token's call needs a method", "write get, post or put with a path")
			return nil
		}
		out := &tokenCall{}
		var after *scope
		out.call, out.scope, after = c.call(sc, call, call.common)
		out.outcome = c.outcome(after, call)
		for _, cl := range out.outcome {
			if cl.is == "renew" || cl.is == "retry" {
				c.find(call.at, "a token's call cannot say "+cl.is, "say next when the answer is good, and refused, busy or quota when it is not")
			}
		}
		out.value = c.wantsAny(after, *spec.value, "value")
		if spec.expires != nil {
			out.expires = c.wants(after, *spec.expires, "expires", "a time", types.TypeOf(time.Time{}))
		}
		return out
	}
	t.obtain = compile(spec.obtain, c.tokenScope())
	if spec.renewal != nil {
		sc := c.tokenScope()
		sc.names["old"] = types.Any
		t.renewal = compile(spec.renewal, sc)
	}
	return t
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
	r := &record{status: c.status(sc, *spec.status)}
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
		r.members = append(r.members, member{m.key, c.operand(sc, m.value)})
	}
	if o := spec.others; o != nil {
		each := sc.child()
		each.names["it"] = types.Any
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
