package events

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"slices"

	"tongma/standard"
	"tongma/standard/wire"
)

// Kind is what may be written in an attribute's place.
type Kind int

// The kinds.
const (
	System  Kind = iota + 1 // the id of one of the node's systems, or a list of such
	Party                   // the id of one of the node's callers
	Route                   // the path of one of the interface's routes
	Log                     // the name of an evidence log of the node
	Request                 // the id that the gateway has given to a call
	Code                    // a return code
	Word                    // one of the words that the declaration lists
	Count                   // a whole number from 0 to a billion
	Number                  // a whole number that a platform has given its notice, up to 15 digits
	Moment                  // a time
	Span                    // a time span
	Type                    // the type of any value, without the value
	Place                   // where in the program, from [PlaceOfPanic]
	Error                   // of an error what cannot hold a value, see [textOf]
	kinds
)

// kindTexts say what stands in a kind's place, for the operator's document.
var kindTexts = [kinds]standard.Text{
	System:  {Zh: "本节点的系统标识", En: "a system of this node"},
	Party:   {Zh: "本节点的调用方标识", En: "a caller of this node"},
	Route:   {Zh: "接口路径", En: "a path of the interface"},
	Log:     {Zh: "存证日志名", En: "an evidence log of this node"},
	Request: {Zh: "请求号（requestId）", En: "the requestId of a call"},
	Code:    {Zh: "返回码", En: "a return code"},
	Word:    {Zh: "所列词之一", En: "one of the words listed"},
	Count:   {Zh: "数量", En: "a count"},
	Number:  {Zh: "平台给通知的序号", En: "a platform's number"},
	Moment:  {Zh: "时刻", En: "a time"},
	Span:    {Zh: "时长", En: "a time span"},
	Type:    {Zh: "值的类型，不含值", En: "a value's type, not the value"},
	Place:   {Zh: "程序中的位置", En: "a place in the program"},
	Error:   {Zh: "错误，只含不带值的部分", En: "an error, as far as it holds no value"},
}

// Bounds of what is counted. A phone number is more than a billion, a document number longer than a platform's number.
const (
	maxCount  = 1_000_000_000
	maxNumber = 1_000_000_000_000_000
)

// withheld stands in the place of what is not written.
var withheld = slog.StringValue("[withheld]")

var ulid = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// IsRequest says whether an id is one that a gateway gives to a call.
func IsRequest(id string) bool { return ulid.MatchString(id) }

// written gives what may be written of v in the place of f.
func (n *known) written(f *Field, v slog.Value) slog.Value {
	v = v.Resolve()
	switch f.Kind {
	case System, Party, Route, Log:
		return n.writtenID(f.Kind, v)
	case Request:
		return writtenIf(v, IsRequest)
	case Code:
		return writtenIf(v, func(s string) bool {
			return slices.ContainsFunc(wire.Codes, func(c *wire.Code) bool { return c.Code == s })
		})
	case Word:
		return writtenIf(v, func(s string) bool { return slices.Contains(f.Words, s) })
	case Count:
		return writtenNumber(v, maxCount)
	case Number:
		return writtenNumber(v, maxNumber)
	case Moment:
		if v.Kind() == slog.KindTime {
			return v
		}
	case Span:
		if v.Kind() == slog.KindDuration {
			return v
		}
	case Type:
		return slog.StringValue(fmt.Sprintf("%T", v.Any()))
	case Place:
		if at, ok := v.Any().(place); ok {
			return slog.AnyValue([]string(at))
		}
	case Error:
		if err, ok := v.Any().(error); ok {
			return slog.StringValue(textOf(err))
		}
	}
	return withheld
}

// textIn gives the text of a value whose type is a string's, whatever its name.
func textIn(v slog.Value) (string, bool) {
	if v.Kind() == slog.KindString {
		return v.String(), true
	}
	if r := reflect.ValueOf(v.Any()); v.Kind() == slog.KindAny && r.Kind() == reflect.String {
		return r.String(), true
	}
	return "", false
}

func writtenIf(v slog.Value, ok func(string) bool) slog.Value {
	if s, is := textIn(v); is && ok(s) {
		return slog.StringValue(s)
	}
	return withheld
}

func (n *known) writtenID(k Kind, v slog.Value) slog.Value {
	if list, ok := v.Any().([]string); ok {
		if slices.ContainsFunc(list, func(id string) bool { return !n.has(k, id) }) {
			return withheld
		}
		return slog.AnyValue(slices.Clone(list))
	}
	return writtenIf(v, func(id string) bool { return n.has(k, id) })
}

func writtenNumber(v slog.Value, most uint64) slog.Value {
	switch v.Kind() {
	case slog.KindInt64:
		if i := v.Int64(); i >= 0 && uint64(i) <= most {
			return v
		}
	case slog.KindUint64:
		if v.Uint64() <= most {
			return v
		}
	}
	return withheld
}
