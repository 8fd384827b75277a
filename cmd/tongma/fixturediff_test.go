package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tongma/adapters/descriptor"
)

func TestDifferencesAreToldFieldByField(t *testing.T) {
	for name, c := range map[string]struct {
		in   descriptor.Difference
		want []descriptor.Difference
	}{
		"a text": {
			descriptor.Difference{Field: "outcome", Want: "verified", Got: "expired"},
			[]descriptor.Difference{{Field: "outcome", Want: "verified", Got: "expired"}},
		},
		"a JSON body": {
			descriptor.Difference{Field: "calls[0].json", Want: `{"a":{"b":["x",1]},"same":true}`, Got: `{"a":{"b":["x","1"]},"same":true,"new":null}`},
			[]descriptor.Difference{{Field: "calls[0].json.a.b[1]", Want: `1`, Got: `"1"`}, {Field: "calls[0].json.new", Want: nothing, Got: "null"}},
		},
		"a query": {
			descriptor.Difference{Field: "calls[0].query", Want: "a=1&b=2", Got: "a=1&b=3&c="},
			[]descriptor.Difference{{Field: "calls[0].query.b", Want: "2", Got: "3"}, {Field: "calls[0].query.c", Want: nothing, Got: ""}},
		},
		"a body that is no JSON": {
			descriptor.Difference{Field: "calls[0].json", Want: `{"a":1}`, Got: "a=1"},
			[]descriptor.Difference{{Field: "calls[0].json", Want: `{"a":1}`, Got: "a=1"}},
		},
		"bodies that differ in their order alone": {
			descriptor.Difference{Field: "calls[0].raw", Want: `{"a":1,"b":2}`, Got: `{"b":2,"a":1}`},
			[]descriptor.Difference{{Field: "calls[0].raw", Want: `{"a":1,"b":2}`, Got: `{"b":2,"a":1}`}},
		},
	} {
		if diff := cmp.Diff(c.want, byField([]descriptor.Difference{c.in})); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
