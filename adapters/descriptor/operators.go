package descriptor

import (
	"slices"
	"strings"
	"time"
)

// same is ==: nil equals nil only, and comparing it, or values of different types, is a fault.
func same(args ...any) (any, error) {
	a, b := args[0], args[1]
	if a == nil && b == nil {
		return true, nil
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return a == b, nil
		}
	case bool:
		if b, ok := b.(bool); ok {
			return a == b, nil
		}
	case int:
		if b, ok := b.(int); ok {
			return a == b, nil
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Equal(b), nil
		}
	}
	return nil, plain("== compares %s with %s", word(a), word(b))
}

// memberOf is x.name: a member of a map, nil if the map has none of that name. Only a map has members.
func memberOf(args ...any) (any, error) {
	m, ok := args[0].(map[string]any)
	if !ok {
		return nil, plain(".%s is asked of %s", args[1], word(args[0]))
	}
	return m[args[1].(string)], nil
}

// in is in: whether a list has an element, or a map a key. Nil is in nothing, and asking for it is a fault.
func in(args ...any) (any, error) {
	switch args[0].(type) {
	case string, int, bool:
	default:
		return nil, plain("in looks for text, a whole number, true or false, and this is %s", word(args[0]))
	}
	switch all := args[1].(type) {
	case []any:
		return slices.Contains(all, args[0]), nil
	case map[string]any:
		key, _ := args[0].(string)
		_, ok := all[key]
		return ok, nil
	}
	return nil, plain("in looks into a list or a map, and this is %s", word(args[1]))
}

// textOperators are the operators that look into a text; where expr says no, nil is a fault.
var textOperators = map[string]func(s, part string) bool{
	"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
}

func onTexts(operator string, f func(s, part string) bool) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		s, ok := args[0].(string)
		part, ok2 := args[1].(string)
		if !ok || !ok2 {
			return nil, plain("%s needs text on both sides, and these are %s and %s", operator, word(args[0]), word(args[1]))
		}
		return f(s, part), nil
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
