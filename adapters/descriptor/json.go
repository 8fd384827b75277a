package descriptor

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of a JSON text that an expression reads.
const (
	maxJSONDepth  = 64
	maxJSONValues = 50000
)

var jsonFunctions = []function{
	{"json", `json(x): what a JSON text says. Numbers become plain text, so that 0 and "0" compare alike; "" gives nil; a decoded value stays`, one(fromJSON), sig(new(func(any) any))},
	{"tojson", "tojson(x): the JSON text of a value, keys in order of their bytes", one(func(x any) (any, error) {
		b, err := appendJSON(nil, x)
		return string(b), err
	}), sig(new(func(any) string))},
}

func fromJSON(x any) (any, error) {
	var r jsonReader
	switch x := x.(type) {
	case string:
		r.text = x
	case []byte:
		r.text = string(x)
	case map[string]any, []any:
		return x, nil
	default:
		return nil, typeError("text or bytes", x)
	}
	if r.text == "" {
		return nil, nil
	}
	if len(r.text) > maxText {
		return nil, plain("the text has more than %d MiB", maxText>>20)
	}
	if !utf8.ValidString(r.text) {
		return nil, errNotJSON
	}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.next(); r.at < len(r.text) {
		return nil, plain("something stands behind the value")
	}
	return v, nil
}

// jsonReader decodes strictly: RFC 8259, no duplicate keys, bounded in depth and size. What it gives are pieces of the text, so that
// a reply is in memory once. It is our own, because jsontext's decoder takes half as long again; a fuzz test holds it against jsontext.
type jsonReader struct {
	text   string // UTF-8
	at     int
	values int
}

// byte gives the byte where the reader stands; behind the end 0, which JSON has nowhere.
func (r *jsonReader) byte() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// next goes behind white space, and gives the byte there.
func (r *jsonReader) next() byte {
	for {
		switch c := r.byte(); c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

var errNotJSON = plain("the text is not JSON, or has a key twice, or is not UTF-8")

func (r *jsonReader) value(depth int) (any, error) {
	if r.values++; r.values > maxJSONValues || depth > maxJSONDepth {
		return nil, plain("more than %d values, or nested more than %d deep", maxJSONValues, maxJSONDepth)
	}
	switch r.next() {
	case '"':
		return r.quoted()
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	}
	return r.number()
}

func (r *jsonReader) word(w string) error {
	if !strings.HasPrefix(r.text[r.at:], w) {
		return errNotJSON
	}
	r.at += len(w)
	return nil
}

// quoted gives the text that begins here.
func (r *jsonReader) quoted() (string, error) {
	begin, escaped := r.at, false
	for r.at++; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			if escaped {
				return unquote(r.text[begin:r.at])
			}
			return r.text[begin+1 : r.at-1], nil
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			return "", errNotJSON
		}
	}
	return "", errNotJSON
}

func unquote(quoted string) (string, error) {
	b, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return "", errNotJSON
	}
	return string(b), nil
}

// number gives the number that begins here, as it is written.
func (r *jsonReader) number() (string, error) {
	begin := r.at
	if r.byte() == '-' {
		r.at++
	}
	whole := r.at
	ok := r.digits() && (r.text[whole] != '0' || r.at == whole+1)
	if ok && r.byte() == '.' {
		r.at++
		ok = r.digits()
	}
	if c := r.byte(); ok && (c == 'e' || c == 'E') {
		r.at++
		if c := r.byte(); c == '+' || c == '-' {
			r.at++
		}
		ok = r.digits()
	}
	if !ok {
		return "", errNotJSON
	}
	return r.text[begin:r.at], nil
}

// digits goes behind digits, of which there must be one.
func (r *jsonReader) digits() bool {
	begin := r.at
	for c := r.byte(); '0' <= c && c <= '9'; c = r.byte() {
		r.at++
	}
	return r.at > begin
}

func (r *jsonReader) object(depth int) (any, error) {
	m := map[string]any{}
	for n := 0; ; n++ {
		if more, err := r.more(n, '}'); !more {
			return m, err
		}
		if r.next() != '"' {
			return nil, errNotJSON
		}
		name, err := r.quoted()
		if err != nil {
			return nil, err
		}
		if r.next() != ':' {
			return nil, errNotJSON
		}
		r.at++
		if m[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
		if len(m) == n { // the key was there
			return nil, errNotJSON
		}
	}
}

func (r *jsonReader) array(depth int) (any, error) {
	list := []any{}
	for n := 0; ; n++ {
		if more, err := r.more(n, ']'); !more {
			return list, err
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if list = append(list, v); len(list) > maxList {
			return nil, plain("a list has more than %d elements", maxList)
		}
	}
}

// more says whether another element follows the n that have been read of a list or an object, and goes to its beginning or behind
// the end. With n = 0, it stands before the opening bracket.
func (r *jsonReader) more(n int, closing byte) (bool, error) {
	if n == 0 {
		r.at++
		if r.next() != closing {
			return true, nil
		}
	}
	c := r.next()
	if c != closing && c != ',' {
		return false, errNotJSON
	}
	r.at++
	return c == ',', nil
}

// appendJSON writes a value. Nil inside a decoded value is null; nil itself never passes.
func appendJSON(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return nil, typeError("a value", v)
	}
	return appendMember(dst, v)
}

func appendMember(dst []byte, v any) ([]byte, error) {
	if len(dst) > maxText { // a list of names that each hold the last one twice doubles with every name
		return nil, plain("the text would have more than %d MiB", maxText>>20)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendQuote(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendMember(dst, item); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendQuote(dst, k); err != nil {
				return nil, err
			}
			if dst, err = appendMember(append(dst, ':'), v[k]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return nil, typeError("text, a number, true, false, a list or a map", v)
}

// appendQuote writes text as JSON has it.
func appendQuote(dst []byte, s string) ([]byte, error) {
	dst, err := jsontext.AppendQuote(dst, s)
	return dst, opaque(err, "a text is not UTF-8")
}
