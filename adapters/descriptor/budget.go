package descriptor

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
)

// budget is what the expressions of one run of a descriptor may still cost, in bytes that are read or made. Bounds of each value alone
// would let a list of a thousand texts have a gigabyte, and a thousand digests take a minute.
//
// Functions get it as their first argument, which no descriptor writes: it is put there when an expression is compiled.
type budget struct{ left int }

// maxWork is the budget of a run. The built-in descriptors need less than a hundredth of it.
const maxWork = 32 << 20

const (
	budgetName = "_budget"
	listName   = "_list" // the function that a list goes through on its way into map, filter and so on
)

func (b *budget) spend(n int) error {
	if b == nil {
		return nil
	}
	if b.left -= n; b.left < 0 {
		return plain("too much is computed: one verification may read and make %d MiB in all", maxWork>>20)
	}
	return nil
}

// Costs that the size of an argument does not tell.
const (
	costOfCall  = 32
	costOfValue = 100       // of a decoded JSON text or of XML: what it takes in memory
	costOfKey   = 16 << 10  // of an operation with an SM2 key: tens of microseconds
	costOfRSA   = 256 << 10 // of one with an RSA key: a millisecond
	costOfNode  = 16        // of one part of an expression, for each element of a list
)

// paying makes a function that gets a budget before its arguments, and takes from it what the call costs and what it makes. The machine
// gives nil where there is no budget.
func paying(f func(...any) (any, error), cost func([]any) int) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		b, _ := args[0].(*budget)
		if err := b.spend(cost(args[1:])); err != nil {
			return nil, err
		}
		v, err := f(args[1:]...)
		if err == nil {
			err = b.spend(sizeOf(v))
		}
		return v, err
	}
}

// cost is what a call of a function costs, whatever it makes.
func cost(name string) func([]any) int {
	return func(args []any) int {
		n := costOfCall
		for _, a := range args {
			n += sizeOf(a)
		}
		switch name {
		case "json", "xml":
			n += min(n/2, maxJSONValues) * costOfValue
		case "sm2sign", "sm2verify", "sm2encrypt", "sm2decrypt":
			n += costOfKey
		case "rsasign", "rsaprivate":
			n += (1 + n/100) * costOfRSA
		}
		return n
	}
}

// sizeOf is the size of a text or of bytes, and of a list without what its elements hold.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case []any:
		return 16 * len(v)
	}
	return 16
}

var budgetType = reflect.TypeFor[*budget]()

// withBudget gives the types of a function that gets a budget first, and behind them those without one: the last ones are told of in
// findings.
func withBudget(functionTypes []any) []any {
	var all []any
	for _, t := range functionTypes {
		of := reflect.TypeOf(t).Elem()
		in := []reflect.Type{budgetType}
		for i := range of.NumIn() {
			in = append(in, of.In(i))
		}
		var out []reflect.Type
		for i := range of.NumOut() {
			out = append(out, of.Out(i))
		}
		all = append(all, reflect.New(reflect.FuncOf(in, out, of.IsVariadic())).Interface())
	}
	return append(all, functionTypes...)
}

// throughList is what a list goes through before each of its elements is looked at: it pays for that.
func throughList(args ...any) (any, error) {
	b, _ := args[0].(*budget)
	if list, ok := args[1].([]any); ok {
		return list, b.spend(len(list) * args[2].(int) * costOfNode)
	}
	return args[1], nil
}

var listTypes = sig(new(func(*budget, any, int) any))

// payer puts the budget into the calls of functions, when all else has been looked at.
type payer struct{ functions map[string]bool }

// eachOf are the builtins that look at each element of a list.
var eachOf = map[string]bool{"map": true, "filter": true, "sortBy": true, "any": true, "all": true, "count": true}

func (p *payer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || callee.Value != plusName && !p.functions[callee.Value] || len(n.Arguments) == 0 || isBudget(n.Arguments[0]) {
			return
		}
		ast.Patch(node, &ast.CallNode{ // a new one: expr knows the arguments of the other already
			Callee: &ast.IdentifierNode{Value: callee.Value}, Arguments: append([]ast.Node{&ast.IdentifierNode{Value: budgetName}}, n.Arguments...),
		})
	case *ast.BuiltinNode:
		if !eachOf[n.Name] || len(n.Arguments) == 0 {
			return
		}
		parts := 1
		for _, a := range n.Arguments[1:] {
			ast.Walk(&a, visitor(func(ast.Node) { parts++ }))
		}
		through := &ast.CallNode{Callee: &ast.IdentifierNode{Value: listName}, Arguments: []ast.Node{
			&ast.IdentifierNode{Value: budgetName}, n.Arguments[0], &ast.IntegerNode{Value: parts},
		}}
		through.SetLocation(n.Arguments[0].Location())
		n.Arguments[0] = through
	}
}

func isBudget(n ast.Node) bool {
	id, ok := n.(*ast.IdentifierNode)
	return ok && id.Value == budgetName
}
