package descriptor

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

var timeFunctions = []function{
	{"seconds", "seconds(t): seconds since 1970 as a number", onTime(func(t time.Time) any { return int(t.Unix()) }), sig(new(func(time.Time) int))},
	{"millis", "millis(t): milliseconds since 1970 as a number", onTime(func(t time.Time) any { return int(t.UnixMilli()) }), sig(new(func(time.Time) int))},
	{"fromSeconds", "fromSeconds(x): the time so many seconds after 1970", fromEpoch(func(n int64) time.Time { return time.Unix(n, 0) }), sig(new(func(any) time.Time))},
	{"fromMillis", "fromMillis(x): the time so many milliseconds after 1970", fromEpoch(time.UnixMilli), sig(new(func(any) time.Time))},
	{"httpTime", "httpTime(x): the time that the headers Date and Last-Modified write", onText(func(s string) (any, error) {
		t, err := http.ParseTime(s)
		return t, opaque(err, "the text is not a time as HTTP writes it")
	}), sig(new(func(string) time.Time))},
	{"duration", `duration(x): a time span such as "500ms", "60s", "24h"`, onText(func(s string) (any, error) {
		d, err := time.ParseDuration(s)
		return d, opaque(err, `write it like "60s"`)
	}), sig(new(func(string) time.Duration))},
}

// zoneFunctions are those that depend on the descriptor's zone; a compiler makes its own.
func zoneFunctions(zone *time.Location) []function {
	return []function{
		{"time", `time(text, layout): the time that text writes, in the descriptor's zone; layouts like "yyyy-MM-dd HH:mm:ss"`, func(args ...any) (any, error) {
			layout, err := goLayout(args[1].(string))
			if err != nil {
				return nil, err
			}
			t, err := time.ParseInLocation(layout, args[0].(string), zone)
			return t, opaque(err, "the text is not of that layout")
		}, sig(new(func(string, string) time.Time))},
		{"format", "format(t, layout): a time as text, in the descriptor's zone", func(args ...any) (any, error) {
			layout, err := goLayout(args[1].(string))
			if err != nil {
				return nil, err
			}
			return args[0].(time.Time).In(zone).Format(layout), nil
		}, sig(new(func(time.Time, string) string))},
		{"dayEnd", "dayEnd(t): the end of t's calendar day, in the descriptor's zone", func(args ...any) (any, error) {
			y, m, d := args[0].(time.Time).In(zone).Date()
			return time.Date(y, m, d+1, 0, 0, 0, 0, zone), nil
		}, sig(new(func(time.Time) time.Time))},
	}
}

func onTime(f func(time.Time) any) func(...any) (any, error) {
	return func(args ...any) (any, error) { return f(args[0].(time.Time)), nil }
}

// fromEpoch accepts what lies between the years 1970 and 9999, so that no arithmetic overflows.
func fromEpoch(f func(int64) time.Time) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		n, err := toInt(args[0])
		if err != nil {
			return nil, err
		}
		t := f(int64(n.(int)))
		if t.Year() < 1970 || t.Year() > 9999 {
			return nil, plain("the number is not a time after 1970 in this unit")
		}
		return t, nil
	}
}

// layoutParts are the parts of layouts as protocols write them, and as Go does. A fraction stands behind the seconds at the end.
var layoutParts = []struct{ part, inGo string }{
	{"yyyy", "2006"}, {"MM", "01"}, {"dd", "02"}, {"HH", "15"}, {"mm", "04"}, {"ss.SSS", "05.000"}, {"ss.S", "05.0"}, {"ss", "05"},
}

// translated keeps the layouts seen so far. Descriptors write them out, so they are few; an expression that makes ever new ones
// finds no room.
var translated struct {
	sync.Map
	n atomic.Int32
}

const maxTranslated = 256

func goLayout(layout string) (string, error) {
	if known, ok := translated.Load(layout); ok {
		return known.(string), nil
	}
	out, err := translateLayout(layout)
	if err == nil && translated.n.Load() < maxTranslated {
		translated.n.Add(1)
		translated.Store(layout, out)
	}
	return out, err
}

// translateLayout translates yyyy-MM-dd HH:mm:ss.SSS. A Z at the end stands for the zone that a text writes itself, as Z or +08:00.
func translateLayout(layout string) (string, error) {
	rest, zoned := strings.CutSuffix(layout, "Z")
	out := make([]byte, 0, 64)
next:
	for rest != "" && len(out) < 64 {
		for _, p := range layoutParts {
			after, ok := strings.CutPrefix(rest, p.part)
			if ok && (after == "" || !strings.Contains(p.part, ".")) {
				out, rest = append(out, p.inGo...), after
				continue next
			}
		}
		c, size := utf8.DecodeRuneInString(rest)
		if !strings.ContainsRune(" -/:T年月日时分秒", c) {
			break
		}
		out, rest = append(out, rest[:size]...), rest[size:]
	}
	if rest != "" {
		return "", plain("a layout is made of yyyy MM dd HH mm ss .SSS Z and separators")
	}
	if zoned {
		out = append(out, "Z07:00"...)
	}
	return string(out), nil
}
