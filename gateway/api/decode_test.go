package api

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
	"tongma/standard/wire"
)

// details is all that a refusal of a body says besides its code: places and names of our own members, nothing that was sent.
var details = regexp.MustCompile(`^(|at byte \d+|the body must be an object|` +
	`null or an empty text, at byte \d+, is not a value: leave the member out|` +
	`(scan|scanBytes|document|place|system|operator|device|scene|purpose|reference|waitMs)(\.(type|number|name|region|site|id|department|phone))? has a value of the wrong type)$`)

func FuzzDecode(f *testing.F) {
	for _, m := range mistakes {
		r := post(goodBody)
		if m.before != nil {
			m.before(r)
		}
		if len(r.body) < 4096 {
			f.Add([]byte(r.body))
		}
	}
	f.Add([]byte(`{"scan":"\ud800","place":{"region":"110000"}}`))
	f.Add([]byte(`{"scanBytes":"AAE=","document":{"type":"01","number":"1","name":"测试"},"operator":{"id":"7"},"waitMs":50}`))
	f.Add([]byte(`{"place":{"region":"110000","site":null}}`))
	f.Add([]byte(`{"waitMs":1e3}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var got standard.Request
		err := decode(body, &got)
		if err != nil {
			refused, ok := err.(*wire.Refusal)
			if !ok || refused.Code.Status != 400 || !details.MatchString(refused.Detail) {
				t.Fatalf("%#v", err)
			}
			return
		}
		// Whatever passes is plain JSON, and means the same to a reader that is not strict.
		if !utf8.Valid(body) {
			t.Fatal("invalid UTF-8 passed")
		}
		var plain standard.Request
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("passed, but: %v", err)
		}
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Fatal(diff)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(again, []byte(`:""`)) {
			return // a member that must be there was not, which Request.Check will say
		}
		var second standard.Request
		if err := decode(again, &second); err != nil {
			t.Fatalf("%s does not pass again: %v", again, err)
		}
	})
}
