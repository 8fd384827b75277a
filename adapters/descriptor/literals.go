package descriptor

import (
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// literals reports what can never work in an expression that compiles: a call of a function with literals alone that fails, and
// a layout that is none. What such a call gives does not depend on a reply, so neither need anybody wait for one to find out. It says whether it has reported anything.
func (c *compiler) literals(s scalar) (found bool) {
	tree, err := parser.Parse(s.text)
	if err != nil {
		return false // compiling it has told that
	}
	find := func(n ast.Node, what, mend string) {
		c.find(s.place(n.Location().From), what, mend)
		found = true
	}
	ast.Walk(&tree.Node, visitor(func(n ast.Node) {
		function, arguments := called(n)
		if !c.functions[function] {
			return
		}
		if at, ok := layoutOf(function, arguments); ok {
			if _, err := goLayout(at.Value); err != nil {
				find(at, "this is no layout: "+err.Error(), `write it like "yyyy-MM-dd HH:mm:ss"`)
			}
			return
		}
		if err := c.tryCall(n, arguments); err != nil {
			find(n, "this fails always: "+err.Error(), "see Functions in adapters/README.md for what it takes")
		}
	}))
	return found
}

// called gives which function a node calls with what. The parser takes some names of ours for expr's own functions.
func called(n ast.Node) (function string, arguments []ast.Node) {
	switch n := n.(type) {
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			return name.Value, n.Arguments
		}
	case *ast.BuiltinNode:
		return n.Name, n.Arguments
	}
	return "", nil
}

// layoutOf gives the layout that a call is made with, if it is a literal.
func layoutOf(function string, arguments []ast.Node) (*ast.StringNode, bool) {
	if function != "time" && function != "format" || len(arguments) != 2 {
		return nil, false
	}
	at, ok := arguments[1].(*ast.StringNode)
	return at, ok
}

// tryCall makes a call whose arguments are all literals.
func (c *compiler) tryCall(call ast.Node, arguments []ast.Node) error {
	for _, arg := range arguments {
		switch arg.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		default:
			return nil
		}
	}
	program, err := expr.Compile(call.String(), c.options...)
	if err != nil {
		return nil // the whole does not compile either, which is told with its place
	}
	_, err = (&expression{program: program}).run(&vm.VM{}, nil)
	return err
}
