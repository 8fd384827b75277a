package descriptor

import (
	"slices"
	"strings"
	"time"
)

// The functions that operators are replaced by take anything, and panic with a [plainError] at what they cannot do.

// same is ==: nil equals nil only, and comparing it, or values of different types, is a fault.
func same(a, b any) bool {
	if a == nil && b == nil {
		return true
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return a == b
		}
	case bool:
		if b, ok := b.(bool); ok {
			return a == b
		}
	case int:
		if b, ok := b.(int); ok {
			return a == b
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Equal(b)
		}
	}
	panic(plain("== compares %s with %s", word(a), word(b)))
}

// memberOf is x.name: a member of a map, nil if the map has none of that name. Only a map has members.
func memberOf(x, name any) any {
	m, ok := x.(map[string]any)
	if !ok {
		panic(plain(".%s is asked of %s", name, word(x)))
	}
	return m[name.(string)]
}

// memberIfAny is x?.name: nil has no members.
func memberIfAny(x, name any) any {
	if x == nil {
		return nil
	}
	return memberOf(x, name)
}

// in is in: whether a list has an element, or a map a key. Nil is in nothing, and asking for it is a fault.
func in(x, all any) bool {
	switch x.(type) {
	case string, int, bool:
	default:
		panic(plain("in looks for text, a whole number, true or false, and this is %s", word(x)))
	}
	switch all := all.(type) {
	case []any:
		return slices.Contains(all, x)
	case map[string]any:
		key, _ := x.(string)
		_, ok := all[key]
		return ok
	}
	panic(plain("in looks into a list or a map, and this is %s", word(all)))
}

// textOperators are the operators that look into a text; where expr says no, nil is a fault.
var textOperators = map[string]func(s, part string) bool{
	"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
}

func onTexts(operator string) func(a, b any) bool {
	f := textOperators[operator]
	return func(a, b any) bool {
		s, ok := a.(string)
		part, ok2 := b.(string)
		if !ok || !ok2 {
			panic(plain("%s needs text on both sides, and these are %s and %s", operator, word(a), word(b)))
		}
		return f(s, part)
	}
}

var plusTypes = sig(new(func(string, string, ...string) string), new(func(time.Time, time.Duration) time.Time), new(func(time.Duration, time.Duration) time.Duration), new(func(int, int) int))

// plus is +: text to text, of which there may be more than two, a time span to a time or a time span, number to number.
func plus(args ...any) (any, error) {
	switch a := args[0].(type) {
	case string:
		return concat(args)
	case time.Time:
		if b, ok := args[1].(time.Duration); ok {
			return a.Add(b), nil
		}
	case time.Duration:
		if b, ok := args[1].(time.Duration); ok {
			return a + b, nil
		}
	case int:
		if b, ok := args[1].(int); ok {
			return a + b, nil
		}
	}
	return nil, plain("+ cannot join %s and %s", word(args[0]), word(args[1]))
}

// concat joins texts in one piece of memory.
func concat(parts []any) (any, error) {
	n := 0
	for _, p := range parts {
		s, ok := p.(string)
		if !ok {
			return nil, plain("+ cannot join text and %s", word(p))
		}
		if n += len(s); n > maxText {
			return nil, plain("+ would make a text of more than %d MiB", maxText>>20)
		}
	}
	var b strings.Builder
	b.Grow(n)
	for _, p := range parts {
		b.WriteString(p.(string))
	}
	return b.String(), nil
}
