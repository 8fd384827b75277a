package descriptor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/types"
)

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
	case typed && b.multipart != nil:
		c.find(ps[slices.IndexFunc(ps, func(p pair[scalar]) bool { return strings.EqualFold(p.key, "content-type") })].at,
			"the Content-Type of a multipart body names its boundary, which is drawn for each call", "leave the header out")
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
	out := body{form: c.pairs(sc, b.form, "form"), multipart: c.pairs(sc, b.multipart, "multipart"), raw: c.operandAt(sc, b.raw)}
	for _, p := range b.multipart {
		if p.key == "" || strings.ContainsFunc(p.key, control) || strings.ContainsAny(p.key, `"\\`) {
			c.find(p.at, fmt.Sprintf("%q is not the name of a part", p.key), "leave quotes and control characters out")
		}
	}
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
		cl := clause{when: c.condition(sc, *o.when, "when"), is: o.is.text, token: o.token.text, after: c.after(sc, o.after, o.is.text == "retry")}
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

// after compiles how long to wait: a time span, or a number of seconds. The gateway itself waits for a retry, and not for long.
func (c *compiler) after(sc *scope, s *scalar, retry bool) *operand {
	if s == nil {
		return nil
	}
	o := c.operand(sc, *s)
	span, err := time.ParseDuration(s.text)
	if !s.isExpr && err == nil && retry && span > maxAfter {
		c.find(s.place(0), fmt.Sprintf("a retry waits %s at most", maxAfter), "say busy, which tells the caller how long to wait")
	}
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
	sc := c.tokenScope()
	if spec.per != nil {
		o := c.wantsText(c.perScope(), *spec.per, "per")
		if !spec.per.isExpr || o.expr != nil && o.expr.constant {
			c.find(spec.per.at, "per is the same always", "leave it out, or say for what each value is, such as  per: =place.ids.device")
		}
		t.per, sc.names["per"] = &o, types.String
	}
	t.obtain = compile(spec.obtain, sc)
	if spec.renewal != nil {
		sc := sc.child()
		sc.names["old"] = types.Any
		t.renewal = compile(spec.renewal, sc)
	}
	return t
}
