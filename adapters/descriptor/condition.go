package descriptor

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v3"
)

// Conditions compiles expressions that say true or false over names that somebody else gives, such as the rules of a place. They are of
// the same language as those of descriptors, with the same bounds and the same findings, and without what only a dialect needs: time
// spans, digests, ciphers, keys, XML, and names of one's own. So there is one language to learn, and one place that keeps it safe.
type Conditions struct {
	names   types.Map
	options struct {
		plain, running []expr.Option
		functions      map[string]bool
	}
}

// conditionFunctions are what a condition may call besides expr's any, all, count, filter, map, first, last, sortBy and len.
var conditionFunctions = []string{"text", "int", "upper", "lower", "trim", "slice", "split", "join"}

// maxConditionWork is the budget of one condition, in bytes that are read or made.
const maxConditionWork = 256 << 10

// NewConditions takes for each name a value of its type, which it does not keep: text, a whole number, true or false, a float64, a
// map[string]any of them, or a []any whose first element shows what all are like.
func NewConditions(shown map[string]any) *Conditions {
	c := &Conditions{names: typesOf(shown)}
	table := slices.DeleteFunc(slices.Clone(textFunctions), func(f function) bool { return !slices.Contains(conditionFunctions, f.name) })
	c.options.plain, c.options.running, c.options.functions = optionsWith(table)
	return c
}

func typesOf(shown map[string]any) types.Map {
	m := types.Map{}
	for name, v := range shown {
		m[name] = typeOf(v)
	}
	return m
}

func typeOf(v any) types.Type {
	switch v := v.(type) {
	case map[string]any:
		return typesOf(v)
	case []any:
		return types.Array(typeOf(v[0]))
	}
	return types.TypeOf(v)
}

// Condition is a compiled one. It is safe for concurrent use.
type Condition struct {
	expression *expression
	reads      map[string]bool
}

// Compile compiles the expression that stands in n, without "=". The findings name the file.
func (c *Conditions) Compile(file string, n *yaml.Node) (*Condition, Findings) {
	run := &compiler{
		collector: collector{file: file}, options: c.options.plain, running: c.options.running, functions: c.options.functions,
		credentialUsed: map[string]bool{}, inputs: map[string]bool{}, reads: map[string]bool{}, owner: map[*binding]*step{}, later: map[*binding]bool{},
	}
	source := scalar{text: n.Value, whole: n.Value, isExpr: true, kind: n.Tag, at: at(n), style: n.Style}
	if strings.HasPrefix(source.text, "=") {
		run.find(source.at, "a condition is an expression already", "leave the = at its beginning out")
		return nil, run.findings
	}
	e := run.compile(&scope{names: maps.Clone(c.names), bindings: map[string]*binding{}, given: true}, source)
	switch {
	case e == nil:
		return nil, inWordsOfConditions(run.findings)
	case e.word != "true or false":
		run.find(source.at, "a condition says true or false, and this gives "+e.word, "compare it with something")
	case e.always != nil:
		run.find(source.at, "this condition is the same always", "read something of what is decided about, or leave the condition out")
	}
	if len(run.findings) > 0 {
		return nil, run.findings
	}
	return &Condition{e, run.reads}, nil
}

// inWordsOfConditions replaces mends that are of descriptors alone.
func inWordsOfConditions(findings Findings) Findings {
	for i := range findings {
		switch f := &findings[i]; f.Mend {
		case functionList:
			f.Mend = "the functions are " + strings.Join(slices.Sorted(slices.Values(slices.Concat(builtins, conditionFunctions))), ", ")
		case "bind the inner list to a name of its own":
			f.Mend = "write one after the other, joined by &&"
		case "bind parts of it to names":
			f.Mend = "make several rules of it"
		}
	}
	return findings
}

// Reads says whether the condition reads a name, or for "a.b" that member of it.
func (c *Condition) Reads(name string) bool { return c.reads[name] }

// String is the condition as it was written.
func (c *Condition) String() string { return c.expression.source.text }

// workbench is what running a condition needs; they are pooled.
type workbench struct {
	machine vm.VM
	budget  budget
}

var workbenches = sync.Pool{New: func() any { return new(workbench) }}

// Holds says whether the condition holds. env has a value for each name that it reads, and room for one more, which is the budget's. The
// error says in words of the language what cannot be computed, and holds no value.
func (c *Condition) Holds(env map[string]any) (bool, error) {
	w := workbenches.Get().(*workbench)
	defer workbenches.Put(w)
	w.budget.left = maxConditionWork
	env[budgetName] = &w.budget
	v, err := c.expression.run(&w.machine, env)
	delete(env, budgetName)
	if err != nil {
		return false, err
	}
	holds, ok := v.(bool)
	if !ok {
		return false, errors.New("this gives no true or false but " + word(v))
	}
	return holds, nil
}
