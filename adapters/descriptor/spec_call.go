package descriptor

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// callSpec is one call, or a step without one. `common` is read into it too.
type callSpec struct {
	at       position
	when     *scalar
	method   string
	path     scalar
	endpoint scalar
	common   bool
	query    []pair[scalar]
	headers  []pair[scalar]
	let      []pair[scalar]
	then     []pair[scalar]
	body     bodySpec
	outcome  []outcomeSpec
}

// bodySpec is the body of a call: at most one of its members is set.
type bodySpec struct {
	json      *jsonSpec
	form      []pair[scalar]
	multipart []pair[scalar]
	raw       *scalar
}

// kinds counts the members that are set.
func (b bodySpec) kinds() int {
	n := 0
	for _, has := range []bool{b.json != nil, b.form != nil, b.multipart != nil, b.raw != nil} {
		if has {
			n++
		}
	}
	return n
}

// jsonSpec is a JSON value with expressions for leaves.
type jsonSpec struct {
	scalar *scalar
	object []pair[*jsonSpec]
	array  []*jsonSpec
	isMap  bool
}

type outcomeSpec struct {
	at    position
	when  *scalar
	is    scalar
	token scalar
	after *scalar
}

type tokenSpec struct {
	at              position
	obtain, renewal *callSpec
	value, expires  *scalar
	per             *scalar
	lives, renew    time.Duration
}

var methods = []string{"get", "post", "put"}

// outcomes are the words that a clause may say.
var outcomes = map[string]struct{}{
	"verified": {}, "next": {}, "expired": {}, "not_found": {}, "unrecognised": {}, "refused": {},
	"busy": {}, "quota": {}, "retry": {}, "renew": {},
}

func (r *reader) token(n *yaml.Node) tokenSpec {
	t := tokenSpec{at: at(n)}
	call := func(into **callSpec, what string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			c := r.call(n, what, append(methods, "endpoint", "common", "query", "headers", "let", "json", "form", "multipart", "raw", "then", "outcome")...)
			*into = &c
		}
	}
	r.fields(n, "a token", map[string]func(*yaml.Node){
		"obtain":  call(&t.obtain, "obtain"),
		"renewal": call(&t.renewal, "renewal"),
		"value":   r.value(&t.value, "value"),
		"expires": r.value(&t.expires, "expires"),
		"lives":   r.duration(&t.lives, "lives"),
		"renew":   r.duration(&t.renew, "renew"),
		"per":     r.value(&t.per, "per"),
		"scope":   r.word("scope", "node", "leave it out unless the token belongs to one machine"),
	}, "obtain", "value")
	if t.expires == nil && t.lives == 0 {
		r.find(t.at, "a token needs lives or expires", "say how long it lives, such as  lives: 24h")
	}
	return t
}

// call reads a call with the keys that are allowed here.
func (r *reader) call(n *yaml.Node, what string, allowed ...string) callSpec {
	c := callSpec{at: at(n)}
	all := map[string]func(*yaml.Node){
		"when":      r.value(&c.when, "when"),
		"endpoint":  r.literal(&c.endpoint, "endpoint"),
		"common":    func(n *yaml.Node) { c.common = r.flag(n, "common") },
		"query":     r.values(&c.query, "query"),
		"headers":   r.values(&c.headers, "headers"),
		"let":       r.values(&c.let, "let"),
		"then":      r.values(&c.then, "then"),
		"json":      func(n *yaml.Node) { c.body.json = r.json(n) },
		"form":      r.values(&c.body.form, "form"),
		"multipart": r.values(&c.body.multipart, "multipart"),
		"raw":       r.value(&c.body.raw, "raw"),
		"outcome": func(n *yaml.Node) {
			for _, item := range r.sequence(n, "outcome") {
				c.outcome = append(c.outcome, r.outcome(item))
			}
		},
	}
	for _, m := range methods {
		all[m] = func(n *yaml.Node) {
			if c.method != "" {
				r.find(at(n), "a call has one method, and this is the second", "make a step of each call")
			}
			c.method, c.path = strings.ToUpper(m), r.scalar(n, m)
		}
	}
	known := map[string]func(*yaml.Node){}
	for _, k := range allowed {
		known[k] = all[k]
	}
	r.fields(n, what, known)
	if c.body.kinds() > 1 {
		r.find(c.at, "a call has one body, and this has more", "keep one of json, form, multipart, raw")
	}
	return c
}

func (r *reader) json(n *yaml.Node) *jsonSpec {
	switch n.Kind {
	case yaml.MappingNode:
		j := &jsonSpec{isMap: true}
		for _, p := range r.mapping(n, "json") {
			j.object = append(j.object, pair[*jsonSpec]{p.key, p.at, r.json(p.value)})
		}
		return j
	case yaml.SequenceNode:
		j := &jsonSpec{}
		for _, item := range n.Content {
			j.array = append(j.array, r.json(item))
		}
		return j
	}
	s := r.scalar(n, "json")
	return &jsonSpec{scalar: &s}
}

func (r *reader) outcome(n *yaml.Node) outcomeSpec {
	o := outcomeSpec{at: at(n)}
	r.fields(n, "a clause of outcome", map[string]func(*yaml.Node){
		"when":  r.value(&o.when, "when"),
		"is":    r.literal(&o.is, "is"),
		"token": r.literal(&o.token, "token"),
		"after": r.value(&o.after, "after"),
	}, "when", "is")
	word := o.is.text
	if _, ok := outcomes[word]; !ok && word != "" {
		r.find(o.is.at, fmt.Sprintf("no outcome is called %q", word), "it is one of "+list(outcomes))
	}
	if (word == "renew") != (o.token.text != "") {
		r.find(o.at, "renew and token go together", "write  is: renew, token: NAME")
	}
	if o.after != nil && word != "retry" && word != "busy" && word != "quota" {
		r.find(o.after.at, "after goes with retry, busy and quota only", "leave it out")
	}
	return o
}
