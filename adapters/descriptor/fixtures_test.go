package descriptor

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestAFixtureThatIsNoneIsToldInPlainWords(t *testing.T) {
	descriptor, err := os.ReadFile("../suishen/" + File)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ fixture, want string }{
		{"- name: a\n  nonsense: 1\n", `:1:3: not a fixture: it has no key "nonsense" (`},
		{"- name: a\n  calls: 3\n", ":1:3: not a fixture: a value is of the wrong kind `3` ("},
		{"- name: a\n- expect: 1\n  reply: 2\n", `:2:3: not a fixture: it has no key "expect"; it has no key "reply" (`},
		{"name: a\n", ":1:1: a fixture file must be a list"},
	} {
		fsys := fstest.MapFS{"x/" + File: {Data: descriptor}, "x/" + Fixtures: {Data: []byte(tt.fixture)}}
		_, err := RunFixtures(fsys, "x")
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "descriptor.") {
			t.Errorf("%q: %v, want %s", tt.fixture, err, tt.want)
		}
	}
}
