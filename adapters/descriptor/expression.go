package descriptor

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"tongma/adapters"
)

// maxNodes bounds an expression: a running one cannot be stopped.
const maxNodes = 300

// builtins of expr that the language keeps. The others are off: what they do is either ours with narrower rules, or not needed.
var builtins = []string{"filter", "map", "first", "last", "sortBy", "any", "all", "count", "len"}

// expression is compiled once, when the descriptor is loaded.
type expression struct {
	program  *vm.Program
	source   scalar
	kind     types.Type // what it gives, as far as that is known
	word     string     // the same for people
	needs    []*binding // the names it uses that must be bound before it runs
	tokens   []string   // the tokens it reads
	http     bool       // it, or a name it needs, reads http.status
	heard    bool       // it, or a name it needs, reads what the backend has said
	constant bool       // it gives the same always
	always   *bool      // which, if that is true or false
}

// fault is trouble with what an operand gave. The backend is to blame for it only if it was asked before.
func (o operand) fault(what string) *adapters.Fault {
	f := fault(what)
	f.Blameless = o.expr == nil || !o.expr.heard
	return f
}

// binding is a name of let or then. It is computed when something first needs it.
type binding struct {
	name  string
	index int // among all of the descriptor
	at    position
	value operand
}

// operand is a literal or an expression.
type operand struct {
	literal any
	expr    *expression
}

// compile compiles src in a scope, or reports why not and gives nil.
func (c *compiler) compile(sc *scope, s scalar) *expression {
	rules := newRules()
	opts := append(slices.Clip(c.options), expr.Env(sc.names))
	_, err := expr.Compile(s.text, append(slices.Clip(opts), expr.Patch(rules))...)
	if err == nil {
		// With a patch, expr looks at an expression a second time, and then not into calls whose type it knows by now: what
		// is wrong with their arguments is told only without one.
		_, err = expr.Compile(s.text, opts...)
	}
	var program *vm.Program
	if err == nil && rules.what == "" { // what follows finds nothing wrong that has not been told in the descriptor's own words
		program, err = expr.Compile(s.text, append(slices.Clip(c.running), expr.Env(sc.running()), expr.Patch(newRules()), expr.Patch(&payer{c.functions}))...)
	}
	rules.finish()
	if rules.what != "" {
		c.find(s.place(rules.from), rules.what, rules.mend)
		return nil
	}
	if err != nil {
		c.refuse(sc, s, err)
		return nil
	}
	e := &expression{program: program, source: s, kind: kindOf(program.Node()), word: "something else"}
	if t := program.Node().Type(); t != nil {
		e.word = kindWord(t)
	}
	if c.literals(s) {
		return nil
	}
	if !c.readsAny(rules) {
		v, err := e.run(&vm.VM{}, map[string]any{budgetName: &budget{maxWork}})
		if err != nil {
			c.find(s.place(0), "this fails always: "+err.Error(), "read something of the reply, the scan or the place")
			return nil
		}
		e.constant = true
		if b, ok := v.(bool); ok {
			e.always = &b
		}
	}
	e.http = rules.reads["http.status"]
	e.heard = slices.ContainsFunc(backendWords, func(name string) bool { return rules.reads[name] })
	for _, read := range slices.Sorted(maps.Keys(rules.reads)) {
		root, member, dotted := strings.Cut(read, ".")
		c.reads[root], c.reads[read] = true, true
		if !dotted {
			c.need(sc, e, root)
			continue
		}
		switch root {
		case "token":
			name, _, _ := strings.Cut(member, ".")
			e.tokens = append(e.tokens, name)
		case "cred":
			c.credentialUsed[member] = true
		case "place", "caller", "operator":
			c.inputs[read] = true
		}
	}
	e.tokens = slices.Compact(e.tokens)
	return e
}

// kindOf says what type a name bound to this expression has.
func kindOf(n ast.Node) types.Type {
	t := n.Type()
	if t == nil || t.Kind() == reflect.Interface {
		return types.Any
	}
	return types.TypeOf(reflect.Zero(t).Interface())
}

// readsAny says whether an expression reads anything, functions aside.
func (c *compiler) readsAny(r *rules) bool {
	for name := range r.reads {
		if !c.functions[name] {
			return true
		}
	}
	return false
}

// run runs a compiled expression. Its error has words of this package alone, which hold no value.
func (e *expression) run(machine *vm.VM, env map[string]any) (any, error) {
	v, err := machine.Run(e.program, env)
	if err == nil {
		return v, nil
	}
	failed := failure{at: e.source.place(0), what: "this cannot be computed from what the backend sent"}
	var fe *file.Error
	if errors.As(err, &fe) {
		failed.at = e.source.place(fe.From)
	}
	var own plainError
	if errors.As(err, &own) {
		failed.what = string(own)
	}
	return nil, failed
}

// failure is what made an expression fail, and where.
type failure struct {
	at   position
	what string
}

func (f failure) Error() string { return f.what }

// need notes that e uses a name that is bound by let or then.
func (c *compiler) need(sc *scope, e *expression, name string) {
	b, ok := sc.bindings[name]
	if !ok {
		return
	}
	e.needs = append(e.needs, b)
	if of := b.value.expr; of != nil {
		e.http, e.heard = e.http || of.http, e.heard || of.heard
	}
	if owner := c.owner[b]; owner != nil && owner != c.step {
		c.later[b] = true
	}
}

// refuse reports an error of expr's compiler in words of the language.
func (c *compiler) refuse(sc *scope, s scalar, err error) {
	var fe *file.Error
	if !errors.As(err, &fe) {
		fe = &file.Error{Message: err.Error()}
	}
	at := s.place(fe.From)
	what, mend := c.explain(sc, s, fe)
	c.find(at, what, mend)
}

// options say which functions there are, and what of expr is off: as descriptors call them, and as they are called with a budget.
// The last result is the names of the functions.
func options(zone *time.Location) (plain, running []expr.Option, names map[string]bool) {
	return optionsWith(functions(zone))
}

// optionsWith is options for a table of functions.
func optionsWith(table []function) (plain, running []expr.Option, names map[string]bool) {
	names = map[string]bool{}
	both := []expr.Option{expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes)}
	for _, name := range builtins {
		both, names[name] = append(both, expr.EnableBuiltin(name)), true
	}
	plain = append(slices.Clip(both), expr.Function(plusName, plus, plusTypes...))
	running = append(slices.Clip(both), expr.Function(plusName, paying(plus, cost("")), withBudget(plusTypes)...), expr.Function(listName, throughList, listTypes...))
	for _, f := range table {
		names[f.name] = true
		plain = append(plain, expr.Function(f.name, f.checked(), f.types...))
		running = append(running, expr.Function(f.name, paying(f.checked(), cost(f.name)), withBudget(f.types)...))
	}
	return plain, running, names
}

// plusName is the name of the function that + is replaced by. No descriptor can write it.
const plusName = "_plus"

// rules walks an expression: it refuses what the language leaves out, makes == and + safe, and notes which names are read.
type rules struct {
	reads      map[string]bool
	bare       map[ast.Node]bool   // groups of names, until a member of them is named
	paths      map[ast.Node]string // what stands for a.b once that is replaced
	what, mend string
	from       int
}

func newRules() *rules { return &rules{paths: map[ast.Node]string{}} }

// groups are names that stand for nothing themselves: one of their members is always meant.
var groups = []string{"ticket", "place", "caller", "operator", "cred", "token", "random", "sent", "http", "tables"}

// backendWords are the names of what the backend has said.
var backendWords = []string{"body", "http", "token", "old"}

// reserved are the other names that the language has, in some places or in all; no name of a descriptor can be one of them.
var reserved = []string{"scan", "now", "uuid", "old", "per", "it", "body", "nil", "true", "false", "in", "not", "and", "or", "let", "if", "else", "matches", "contains", "startsWith", "endsWith"}

func (r *rules) refuse(n ast.Node, what, mend string) {
	if r.what == "" {
		r.what, r.mend, r.from = what, mend, n.Location().From
	}
}

func (r *rules) read(name string) {
	if r.reads == nil {
		r.reads = map[string]bool{}
	}
	r.reads[name] = true
}

// Visit is called for each node after its children.
func (r *rules) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if strings.HasPrefix(n.Value, "_") || strings.HasPrefix(n.Value, "$") {
			r.refuse(n, "a name cannot begin with _ or $", "use a name of the language, or one that let or then binds")
		}
		r.read(n.Value)
		if slices.Contains(groups, n.Value) {
			if r.bare == nil {
				r.bare = map[ast.Node]bool{}
			}
			r.bare[n] = true
		}
	case *ast.MemberNode:
		r.member(node, n)
	case *ast.ChainNode:
		r.chain(node, n)
	case *ast.SliceNode:
		r.refuse(n, "[a:b] is not part of the language", "use slice(x, a, b): it counts characters of text and bytes of bytes")
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		r.refuse(n, "let and ; are not part of an expression", "bind the name under let: or then: of the step")
	case *ast.BuiltinNode:
		r.builtin(n)
	case *ast.BinaryNode:
		r.binary(node, n)
	}
}

// member notes a.b as read. A dotted name stands for more than its root, so the root alone is noted too.
func (r *rules) member(node *ast.Node, n *ast.MemberNode) {
	path, ok := r.dotted(n)
	if ok {
		r.read(path)
		delete(r.bare, n.Node)
		if name, ok := strings.CutPrefix(path, "http.header."); ok && name != strings.ToLower(name) {
			r.refuse(n.Property, "the names of headers are in lower case here", fmt.Sprintf("write http.header[%q]", strings.ToLower(name)))
		}
	}
	if !optional(n) && ofMap(n) {
		replace(node, memberOf, n.Node, n.Property)
		if ok {
			r.paths[*node] = path
		}
	}
}

// chain looks at a?.b, with nothing behind it that a nil would skip.
func (r *rules) chain(node *ast.Node, n *ast.ChainNode) {
	if m, ok := n.Node.(*ast.MemberNode); ok && !optional(m.Node) && ofMap(m) {
		replace(node, memberIfAny, m.Node, m.Property)
	}
}

// ofMap says whether a member can only be one of a map: not of a list, and not a function that is called where it stands.
func ofMap(n *ast.MemberNode) bool {
	if t := n.Type(); t != nil && t.Kind() == reflect.Func {
		return false
	}
	_, named := n.Property.(*ast.StringNode)
	return named || known(n.Node) && n.Node.Type().Kind() == reflect.Map
}

// optional says whether a chain of members has a ?. in it, which decides about the rest of the chain.
func optional(n ast.Node) bool {
	m, ok := n.(*ast.MemberNode)
	return ok && (m.Optional || optional(m.Node))
}

// finish refuses a group of names of which no member was named, when the whole expression has been seen.
func (r *rules) finish() {
	for n := range r.bare {
		name := n.(*ast.IdentifierNode).Value
		r.refuse(n, name+" stands for nothing by itself", "name a member of it: "+name+".…")
	}
}

func (r *rules) dotted(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.CallNode:
		path, ok := r.paths[n]
		return path, ok
	case *ast.MemberNode:
		root, ok := r.dotted(n.Node)
		prop, isText := n.Property.(*ast.StringNode)
		if ok && isText {
			return root + "." + prop.Value, true
		}
	case *ast.ChainNode:
		return r.dotted(n.Node)
	}
	return "", false
}

// builtin refuses a predicate inside a predicate: their cost would multiply.
func (r *rules) builtin(n *ast.BuiltinNode) {
	for _, arg := range n.Arguments {
		p, ok := arg.(*ast.PredicateNode)
		if !ok {
			continue
		}
		ast.Walk(&p.Node, visitor(func(inner ast.Node) {
			if _, ok := inner.(*ast.PredicateNode); ok {
				r.refuse(inner, "a predicate inside a predicate is not part of the language", "bind the inner list to a name of its own")
			}
		}))
	}
	if f, ok := builtin.Index[n.Name]; ok && !slices.Contains(builtins, builtin.Names[f]) {
		r.refuse(n, n.Name+" is not part of the language", functionList)
	}
}

type visitor func(ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }

func (r *rules) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "..", "matches", "**", "^":
		r.refuse(n, n.Operator+" is not part of the language", "operators are == != < > <= >= in contains startsWith endsWith ! && || + - * / % ?: ?? ?.")
	case "==", "!=":
		if isNil(n.Left) || isNil(n.Right) {
			return // asks whether a value is there
		}
		r.numberLiteral(n)
		if known(n.Left) && known(n.Right) {
			if n.Left.Type() != n.Right.Type() && !(number(n.Left) && number(n.Right)) {
				r.refuse(n, fmt.Sprintf("compares %s with %s, which is never so", kindWord(n.Left.Type()), kindWord(n.Right.Type())), "make both sides one type: text(x), int(x), time(text, layout)")
			}
			return
		}
		replace(node, same, n.Left, n.Right)
		if n.Operator == "!=" {
			ast.Patch(node, &ast.UnaryNode{Operator: "!", Node: *node})
			(*node).SetType(reflect.TypeFor[bool]())
		}
	case "<", ">", "<=", ">=":
		r.numberLiteral(n)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok && !known(n.Left) && slices.ContainsFunc(list.Nodes, literal) {
			r.refuseNumber(n)
		}
		replace(node, in, n.Left, n.Right)
	case "contains", "startsWith", "endsWith":
		replace(node, onTexts(n.Operator), n.Left, n.Right)
	case "+":
		if number(n.Left) && number(n.Right) {
			return
		}
		t := n.Type()
		ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: plusName}, Arguments: append(terms(n.Left), n.Right)})
		(*node).SetType(t)
	}
}

// terms gives what a text is joined from, so that a + b + c is one call; of anything else, itself.
func terms(n ast.Node) []ast.Node {
	if call, ok := n.(*ast.CallNode); ok && n.Type().Kind() == reflect.String {
		if f, ok := call.Callee.(*ast.IdentifierNode); ok && f.Value == plusName {
			return call.Arguments
		}
	}
	return []ast.Node{n}
}

// replace puts a call of our own function in the place of a node, whose type stays. Functions of these two types are called without
// a list of their arguments, and panic with what is wrong: the machine makes an error of it.
func replace[T func(a, b any) any | func(a, b any) bool](node *ast.Node, function T, a, b ast.Node) {
	callee := &ast.ConstantNode{Value: function}
	callee.SetType(reflect.TypeOf(function))
	call := &ast.CallNode{Callee: callee, Arguments: []ast.Node{a, b}}
	call.SetNature(*(*node).Nature())
	ast.Patch(node, call)
}

// numberLiteral refuses to compare a number written here with a value that may be text: json gives numbers as text.
func (r *rules) numberLiteral(n *ast.BinaryNode) {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if literal(side[0]) && !known(side[1]) {
			r.refuseNumber(n)
		}
	}
}

func (r *rules) refuseNumber(n ast.Node) {
	r.refuse(n, "compares a number with a value that json gives as text", `compare with text, such as "0", or use int(x)`)
}

func literal(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.UnaryNode:
		return literal(n.Node)
	}
	return false
}

func isNil(n ast.Node) bool { _, ok := n.(*ast.NilNode); return ok }

func known(n ast.Node) bool {
	t := n.Type()
	return t != nil && t.Kind() != reflect.Interface
}

func number(n ast.Node) bool {
	if !known(n) {
		return false
	}
	switch n.Type().Kind() {
	case reflect.Int, reflect.Int64, reflect.Float64:
		return n.Type().PkgPath() == ""
	}
	return false
}
