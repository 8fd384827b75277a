package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tongma/adapters/descriptor"
)

// nothing is what a difference says of a member that is not there.
const nothing = "nothing"

// byField takes differences between whole bodies and queries apart, so that only the fields that differ are shown.
func byField(differences []descriptor.Difference) []descriptor.Difference {
	var out []descriptor.Difference
	for _, d := range differences {
		want, got := fields(d.Field, d.Want), fields(d.Field, d.Got)
		if want == nil || got == nil {
			out = append(out, d)
			continue
		}
		before := len(out)
		for _, name := range union(want, got) {
			if w, g := orNothing(want, name), orNothing(got, name); w != g {
				out = append(out, descriptor.Difference{Field: d.Field + name, Want: w, Got: g})
			}
		}
		if len(out) == before { // they differ in what fields do not show
			out = append(out, d)
		}
	}
	return out
}

// fields gives the leaves of a JSON value, a query or a form by their path, nil if text is none of these.
func fields(field, text string) map[string]string {
	out := map[string]string{}
	if strings.HasSuffix(field, ".query") || strings.HasSuffix(field, ".form") {
		for pair := range strings.SplitSeq(text, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name != "" {
				out["."+name] = value
			}
		}
		return out
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&v) != nil || dec.More() {
		return nil
	}
	switch v.(type) {
	case map[string]any, []any:
		leaves("", v, out)
		return out
	}
	return nil
}

func leaves(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			leaves(path+"."+name, member, out)
		}
	case []any:
		for i, item := range v {
			leaves(fmt.Sprintf("%s[%d]", path, i), item, out)
		}
	default: // a text in quotes, so that "1" and 1 differ
		var text bytes.Buffer
		writeJSON(&text, v)
		out[path] = text.String()
	}
}

func union(a, b map[string]string) []string {
	names := maps.Clone(a)
	maps.Copy(names, b)
	return slices.Sorted(maps.Keys(names))
}

func orNothing(m map[string]string, name string) string {
	if v, ok := m[name]; ok {
		return v
	}
	return nothing
}
