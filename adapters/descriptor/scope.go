package descriptor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
)

// scope is what an expression may name.
type scope struct {
	names    types.Map
	bindings map[string]*binding
	given    bool // its names are those of a [Conditions], not of a descriptor
}

// running is the names of a scope with that of the budget, which no descriptor can write.
func (s *scope) running() types.Map {
	names := maps.Clone(s.names)
	names[budgetName] = types.TypeOf((*budget)(nil))
	return names
}

func (s *scope) child() *scope {
	return &scope{names: maps.Clone(s.names), bindings: maps.Clone(s.bindings)}
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

// tokenScope is what a token's call may name: nothing of the person or the place, because one token serves all whose per is the same.
func (c *compiler) tokenScope() *scope {
	cred := types.Map{}
	for _, cr := range c.spec.credentials {
		cred[cr.key] = types.String
	}
	tables := types.Map{}
	for name := range c.spec.tables {
		tables[name] = types.Map{types.Extra: types.Any}
	}
	draw := types.TypeOf(func(int) string { return "" })
	return &scope{bindings: map[string]*binding{}, names: types.Map{
		"cred": cred, "tables": tables, "now": types.TypeOf(time.Time{}),
		"random": types.Map{"hex": draw, "alnum": draw, "digits": draw},
		"uuid":   types.TypeOf(func() string { return "" }),
	}}
}

// perScope is what may say for whom a token is: nothing that changes with every scan or every moment.
func (c *compiler) perScope() *scope {
	sc := c.baseScope()
	for _, name := range []string{"scan", "ticket", "token", "now", "random", "uuid"} {
		delete(sc.names, name)
	}
	return sc
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
		b := &binding{name: p.key, index: len(c.owner), at: p.at, value: c.operand(sc, p.value)}
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
