package descriptor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
)

var systems = []string{"suishen", "suikang", "hangzhou", "yuekang", "yukang", "sukang", "ankang", "hebei", "beijing", "guokang", "gjgxjhpt", "jilin", "sichuan", "fujian"}

// ownSystem loads a system that comes with Tongma, with its fixtures.
func ownSystem(t testing.TB, system string) (*Descriptor, []fixture) {
	t.Helper()
	d, err := Load(adapters.Builtin, system)
	if err != nil {
		t.Fatal(err)
	}
	src, err := adapters.Builtin.ReadFile(system + "/" + Fixtures)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{collector: collector{file: Fixtures}}
	var out []fixture
	for _, item := range r.sequence(r.document(src), "fixtures") {
		var fx fixture
		if err := decode(item, &fx); err != nil {
			t.Fatal(err)
		}
		out = append(out, fx)
	}
	if len(out) == 0 || r.err() != nil {
		t.Fatalf("%d fixtures, %v", len(out), r.err())
	}
	return d, out
}

// play runs a fixture without holding the outcome against it.
func (fx fixture) play(t testing.TB, d *Descriptor) map[string]any {
	now, err := time.Parse(time.RFC3339Nano, fx.Now)
	if err != nil {
		t.Fatal(err)
	}
	a := d.open(newScript(&fx, d, now, func(string, string, string) {}))
	for name, value := range fx.Token {
		a.kept[name].give(value, now)
	}
	return fx.verify(d, a)
}

// with gives the fixture with another body in one of its replies.
func (fx fixture) with(call int, body string) fixture {
	fx.Calls = slices.Clone(fx.Calls)
	fx.Calls[call].Reply.Body = body
	return fx
}

// Every leaf of every reply, also of JSON inside text, is replaced by a canary in turn, and every key too.
func TestNoFaultOfABuiltinSystemHoldsAValue(t *testing.T) {
	for _, system := range systems {
		d, fixtures := ownSystem(t, system)
		faults := 0
		for _, fx := range fixtures {
			for i := range fx.Calls {
				for _, body := range spoilt(fx.Calls[i].Reply.Body) {
					synctest.Test(t, func(t *testing.T) {
						got := fx.with(i, body).play(t, d)
						if what, _ := got["fault"].(string); what != "" {
							faults++
							if strings.Contains(what, "kanarien") || strings.Contains(what, "7777") {
								t.Errorf("%s, %q: %s", system, fx.Name, what)
							}
						}
					})
				}
			}
		}
		if faults < 20 {
			t.Errorf("%s: only %d faults", system, faults)
		}
	}
}

// spoilt gives a JSON text many times, each with something in it replaced.
func spoilt(body string) []string {
	out := []string{canary, `"` + canary + `"`, `{"` + canary + `":"` + canary + `"}`, `["` + canary + `"]`, "<" + canary + ">"}
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return out
	}
	write := func(v any) string {
		b, _ := json.Marshal(v)
		return string(b)
	}
	for _, other := range []any{canary, nil, []any{canary}, map[string]any{canary: canary}, 7, true, `{"` + canary + `":"` + canary + `"}`, `{"a":1,"a":"` + canary} {
		replaceEach(v, other, func(whole any) { out = append(out, write(whole)) })
	}
	return out
}

// replaceEach calls each with the value once for each of its leaves, with that leaf replaced.
func replaceEach(v, other any, each func(any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, old := range v {
			replaceEach(old, other, func(n any) { v[k] = n; each(v) })
			v[k] = other
			each(v)
			v[k] = old
		}
	case []any:
		for i, old := range v {
			replaceEach(old, other, func(n any) { v[i] = n; each(v) })
			v[i] = other
			each(v)
			v[i] = old
		}
	case string:
		var inner any
		if json.Unmarshal([]byte(v), &inner) == nil && strings.ContainsAny(v, "{[") {
			replaceEach(inner, other, func(n any) {
				b, _ := json.Marshal(n)
				each(string(b))
			})
		}
	}
}
