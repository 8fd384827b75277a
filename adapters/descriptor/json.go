package descriptor

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"sync"

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

// decoders are kept for the room that they have made for nested names.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

func fromJSON(x any) (any, error) {
	var r jsonReader
	var raw []byte
	switch x := x.(type) {
	case string:
		r.text, raw = x, []byte(x)
	case []byte:
		r.text, raw = string(x), x
	case map[string]any, []any:
		return x, nil
	default:
		return nil, typeError("text or bytes", x)
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if len(raw) > maxText {
		return nil, plain("the text has more than %d MiB", maxText>>20)
	}
	r.dec = decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(r.dec)
	// Of a buffer it makes no copy. That no key stands twice is seen when it is put into its map.
	r.dec.Reset(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return nil, plain("something stands behind the value")
	}
	return v, nil
}

// jsonReader decodes strictly: no duplicate keys, no invalid UTF-8, bounded in depth and size. What it gives are pieces of the
// text, so that a reply is in memory once.
type jsonReader struct {
	text   string
	dec    *jsontext.Decoder // of the same text
	values int
}

var errNotJSON = plain("the text is not JSON, or has a key twice, or is not UTF-8")

func (r *jsonReader) value(depth int) (any, error) {
	if r.values++; r.values > maxJSONValues || depth > maxJSONDepth {
		return nil, plain("more than %d values, or nested more than %d deep", maxJSONValues, maxJSONDepth)
	}
	switch r.dec.PeekKind() {
	case '"', '0':
		return r.scalar()
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	}
	tok, err := r.dec.ReadToken()
	switch {
	case err != nil:
		return nil, errNotJSON
	case tok.Kind() == 'n':
		return nil, nil
	}
	return tok.Bool(), nil
}

// scalar gives the next text, or the next number as it is written.
func (r *jsonReader) scalar() (string, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return "", errNotJSON
	}
	end := r.dec.InputOffset()
	piece := r.text[end-int64(len(raw)) : end]
	switch {
	case raw.Kind() == '0':
		return piece, nil
	case bytes.IndexByte(raw, '\\') < 0:
		return piece[1 : len(piece)-1], nil
	}
	plain, err := jsontext.AppendUnquote(nil, raw)
	return string(plain), err
}

func (r *jsonReader) object(depth int) (any, error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, errNotJSON
	}
	m := map[string]any{}
	for n := 1; r.dec.PeekKind() != '}'; n++ {
		name, err := r.scalar()
		if err != nil {
			return nil, err
		}
		if m[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
		if len(m) < n { // the key was there
			return nil, errNotJSON
		}
	}
	_, err := r.dec.ReadToken()
	return m, err
}

func (r *jsonReader) array(depth int) (any, error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, errNotJSON
	}
	list := []any{}
	for r.dec.PeekKind() != ']' {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if list = append(list, v); len(list) > maxList {
			return nil, plain("a list has more than %d elements", maxList)
		}
	}
	_, err := r.dec.ReadToken()
	return list, err
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
