package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// maxShown is how much of a list or a map is looked at, in bytes of its texts and one for each value. Few replies have as much, and a
// list of names that each hold the one before it eight times has more than any memory.
const maxShown = 64 << 10

// cutMark stands where the rest of a list or a map is not shown.
const cutMark = "…"

// beginning gives a list or a map as JSON, with what must be hidden hidden, and [cutMark] in place of all that is behind its first maxShown bytes.
func (c *curtain) beginning(v any) string {
	w := valueWriter{c: c, room: maxShown}
	w.value(v, 0)
	return w.out.String()
}

// valueWriter writes values until there is no more room. What has begun with some room left is written whole, unless it is a list or a map.
type valueWriter struct {
	c    *curtain
	room int
	out  bytes.Buffer
}

// full writes the mark where there is no more room.
func (w *valueWriter) full(depth int) bool {
	if w.room > 0 && depth <= maxNested {
		return false
	}
	w.out.WriteString(cutMark)
	return true
}

func (w *valueWriter) value(v any, depth int) {
	if w.full(depth) {
		return
	}
	w.room--
	switch v := v.(type) {
	case nil:
		w.out.WriteString("null")
	case bool:
		w.out.WriteString(strconv.FormatBool(v))
	case int:
		w.number(strconv.Itoa(v))
	case []any:
		w.list(v, depth)
	case map[string]any:
		w.object(v, depth)
	case string:
		w.room -= len(v)
		writeJSON(&w.out, w.c.textOrJSON(v))
	default:
		w.other(v, depth)
	}
}

// other writes what no JSON text has: bytes, a time, a time span, a list that the descriptor itself has.
func (w *valueWriter) other(v any, depth int) {
	raw, err := json.Marshal(v)
	if err != nil {
		writeJSON(&w.out, fmt.Sprintf("a %T", v))
		return
	}
	w.room -= len(raw)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	_ = w.c.jsonValue(dec, &w.out, depth) // it has just been written
}

func (w *valueWriter) list(list []any, depth int) {
	w.out.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if w.full(depth + 1) {
			break
		}
		w.value(item, depth+1)
	}
	w.out.WriteByte(']')
}

func (w *valueWriter) object(m map[string]any, depth int) {
	w.out.WriteByte('{')
	for i, name := range sortedKeys(m) {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if w.full(depth + 1) {
			break
		}
		w.room -= len(name)
		writeJSON(&w.out, w.c.memberName(name))
		w.out.WriteByte(':')
		w.value(m[name], depth+1)
	}
	w.out.WriteByte('}')
}

func (w *valueWriter) number(n string) {
	if w.c.harmless(n) {
		w.out.WriteString(n)
	} else {
		writeJSON(&w.out, w.c.text(n))
	}
}
