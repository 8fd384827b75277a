package descriptor

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of what an expression may make.
const (
	maxText = 1 << 20 // bytes of a text or of bytes
	maxList = 1000    // elements of a list
)

// function is a function of the expression language. A failing one says what is wrong by the types of its arguments, never by
// their values: its message reaches logs.
type function struct {
	name  string
	usage string // how it is written, and what it gives
	run   func(args ...any) (any, error)
	types []any
}

// checked makes run safe to call with any arguments: it gets those of its types only, and its errors name it. expr checks what it
// knows at load; the types of what a backend sends are known only now.
func (f function) checked() func(...any) (any, error) {
	want := f.parameters()
	return func(args ...any) (any, error) {
		for i, t := range want {
			if t != nil && reflect.TypeOf(args[i]) != t {
				return nil, plain("%s: %s is needed, and this is %s", f.name, kindWord(t), word(args[i]))
			}
		}
		v, err := f.run(args...)
		if err != nil {
			return nil, plain("%s: %s", f.name, err)
		}
		return v, nil
	}
}

// parameters gives the type of each argument; nil where the function takes more than one.
func (f function) parameters() []reflect.Type {
	out := make([]reflect.Type, reflect.TypeOf(f.types[0]).Elem().NumIn())
	for i := range out {
		out[i] = reflect.TypeOf(f.types[0]).Elem().In(i)
		for _, overload := range f.types {
			if in := reflect.TypeOf(overload).Elem().In(i); in != out[i] || in.Kind() == reflect.Interface {
				out[i] = nil
				break
			}
		}
	}
	return out
}

// functions is the table of functions for a descriptor whose times without a zone are of this zone.
func functions(zone *time.Location) []function {
	return slices.Concat(textFunctions, jsonFunctions, timeFunctions, zoneFunctions(zone), digestFunctions, cipherFunctions, keyFunctions, markupFunctions)
}

var textFunctions = []function{
	{"text", "text(x): bytes (strict UTF-8), a number, true or false as text; text stays", one(toText), sig(new(func(any) string))},
	{"bytes", "bytes(x): the UTF-8 bytes of text", one(func(x any) (any, error) { return bytesOf(x) }), sig(new(func(any) []byte))},
	{"int", "int(x): the whole number that a text writes", one(toInt), sig(new(func(any) int))},
	{"upper", `upper(x): text in upper case`, onText(func(s string) (any, error) { return strings.ToUpper(s), nil }), sig(new(func(string) string))},
	{"lower", `lower(x): text in lower case`, onText(func(s string) (any, error) { return strings.ToLower(s), nil }), sig(new(func(string) string))},
	{"trim", `trim(x): text without white space at its ends`, onText(func(s string) (any, error) { return strings.TrimSpace(s), nil }), sig(new(func(string) string))},
	{"slice", "slice(x, a, b): characters a to b (not included) of text, or bytes of bytes", slice, sig(new(func(string, int, int) string), new(func([]byte, int, int) []byte))},
	{"pad", `pad(x, n, c): text made n characters long by c put before it`, pad, sig(new(func(string, int, string) string))},
	{"split", `split(x, sep): the parts of text between sep, as a list`, split, sig(new(func(string, string) []any))},
	{"join", `join(list, sep): the texts of a list with sep between`, join, sig(new(func([]any, string) string))},
	{"hex", "hex(x): lower-case hex of text or bytes", one(func(x any) (any, error) {
		b, err := bytesOf(x)
		return hex.EncodeToString(b), err
	}), sig(new(func(any) string))},
	{"unhex", "unhex(x): the bytes that hex writes", onText(func(s string) (any, error) {
		b, err := hex.DecodeString(s)
		return b, opaque(err, "the text is not hex")
	}), sig(new(func(string) []byte))},
	{"base64", "base64(x): standard base64 of text or bytes", one(func(x any) (any, error) {
		b, err := bytesOf(x)
		return base64.StdEncoding.EncodeToString(b), err
	}), sig(new(func(any) string))},
	{"unbase64", "unbase64(x): the bytes that standard base64 writes", onText(func(s string) (any, error) {
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		return b, opaque(err, "the text is not base64")
	}), sig(new(func(string) []byte))},
	{"urlencode", "urlencode(x): text as it is written in a query, spaces as %20", onText(func(s string) (any, error) {
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), nil
	}), sig(new(func(string) string))},
	{"form", "form(map): k=v&…, encoded, keys in order of their bytes", one(func(x any) (any, error) {
		return sortedPairs(x, func(k, v string) string { return url.QueryEscape(k) + "=" + url.QueryEscape(v) }, "&")
	}), sig(new(func(map[string]any) string))},
	{"sorted", `sorted(map, pair, join): k and v of each member put into pair ("k=v"), keys in order of their bytes, with join between`, sorted, sig(new(func(map[string]any, string, string) string))},
	{"maskMatch", `maskMatch(full, masked): whether masked, with its *, could stand for full; characters count`, maskMatch, sig(new(func(string, string) bool))},
}

func sig(types ...any) []any { return types }

// one makes a function of one argument.
func one(f func(any) (any, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) { return bounded(f(args[0])) }
}

// onText makes a function of one text.
func onText(f func(string) (any, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) { return bounded(f(args[0].(string))) }
}

// bounded refuses a result that is too large.
func bounded(v any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	}
	if n > maxText {
		return nil, plain("the result has more than %d MiB", maxText>>20)
	}
	return v, nil
}

// plainError is an error in this package's own words, which hold no value. Errors of other packages may hold one: they are never told.
type plainError string

func (e plainError) Error() string { return string(e) }

func plain(format string, args ...any) error { return plainError(fmt.Sprintf(format, args...)) }

func typeError(want string, got any) error {
	return plain("%s is needed, and this is %s", want, word(got))
}

// opaque hides an error's own words, which could hold a value.
func opaque(err error, what string) error {
	if err == nil {
		return nil
	}
	return plainError(what)
}

// word names the type of a value for people.
func word(v any) string {
	if v == nil {
		return "nil"
	}
	return kindWord(reflect.TypeOf(v))
}

func kindWord(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "a time"
	case t == reflect.TypeFor[time.Duration]():
		return "a time span"
	case t == reflect.TypeFor[[]byte]():
		return "bytes"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number with a fraction"
	case reflect.Map:
		return "a map"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Func:
		return "a function"
	}
	return "something else"
}

func toText(x any) (any, error) {
	switch x := x.(type) {
	case string:
		return x, nil
	case []byte:
		if !utf8.Valid(x) {
			return nil, plain("the bytes are not UTF-8")
		}
		return string(x), nil
	case int:
		return strconv.Itoa(x), nil
	case bool:
		return strconv.FormatBool(x), nil
	}
	return nil, typeError("bytes or a whole number", x)
}

func bytesOf(x any) ([]byte, error) {
	switch x := x.(type) {
	case string:
		return []byte(x), nil
	case []byte:
		return x, nil
	}
	return nil, typeError("text or bytes", x)
}

func toInt(x any) (any, error) {
	switch x := x.(type) {
	case int:
		return x, nil
	case string:
		n, err := strconv.Atoi(x)
		return n, opaque(err, "the text is not a whole number")
	}
	return nil, typeError("text", x)
}

func slice(args ...any) (any, error) {
	a, b := args[1].(int), args[2].(int)
	switch x := args[0].(type) {
	case string:
		runes := []rune(x)
		if a < 0 || b < a || b > len(runes) {
			return nil, plain("the text is shorter than that")
		}
		return string(runes[a:b]), nil
	case []byte:
		if a < 0 || b < a || b > len(x) {
			return nil, plain("there are fewer bytes than that")
		}
		return x[a:b], nil
	}
	return nil, typeError("text or bytes", args[0])
}

func pad(args ...any) (any, error) {
	x, n, c := args[0].(string), args[1].(int), args[2].(string)
	if utf8.RuneCountInString(c) != 1 || n < 0 || n > maxText/utf8.UTFMax {
		return nil, plain("it pads with one character, to a length that is not negative")
	}
	return strings.Repeat(c, max(0, n-utf8.RuneCountInString(x))) + x, nil
}

func split(args ...any) (any, error) {
	x, sep := args[0].(string), args[1].(string)
	if sep == "" || strings.Count(x, sep) >= maxList {
		return nil, plain("the separator is empty, or there are more than %d parts", maxList)
	}
	var out []any
	for part := range strings.SplitSeq(x, sep) {
		out = append(out, part)
	}
	return out, nil
}

func join(args ...any) (any, error) {
	sep := args[1].(string)
	var b strings.Builder
	for i, item := range args[0].([]any) {
		s, ok := item.(string)
		if !ok {
			return nil, typeError("a list of text", item)
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
		if b.Len() > maxText {
			break
		}
	}
	return bounded(b.String(), nil)
}

func sorted(args ...any) (any, error) {
	pattern := args[1].(string)
	before, rest, ok := strings.Cut(pattern, "k")
	middle, after, ok2 := strings.Cut(rest, "v")
	if !ok || !ok2 {
		return nil, plain(`the pair needs a k and a v, such as "k=v"`)
	}
	return sortedPairs(args[0], func(k, v string) string { return before + k + middle + v + after }, args[2].(string))
}

func sortedPairs(x any, write func(k, v string) string, sep string) (any, error) {
	m := x.(map[string]any)
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	parts := make([]string, len(keys))
	size := 0
	for i, k := range keys {
		v, err := sink(m[k])
		if err != nil {
			return nil, err
		}
		parts[i] = write(k, v)
		if size += len(parts[i]) + len(sep); size > maxText {
			break
		}
	}
	return bounded(strings.Join(parts, sep), nil)
}

func maskMatch(args ...any) (any, error) {
	full, masked := []rune(args[0].(string)), []rune(args[1].(string))
	if len(full) != len(masked) || len(full) == 0 {
		return false, nil
	}
	shown := false
	for i, c := range masked {
		if c == '*' {
			continue
		}
		if c != full[i] {
			return false, nil
		}
		shown = true
	}
	return shown, nil
}

// sink gives a value as the text that a URL, header, form or table takes. Nil never passes.
func sink(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	}
	return "", typeError("text or a whole number", v)
}
