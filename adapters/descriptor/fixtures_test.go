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
		{"- name: a\n", `:1:3: the fixture promises nothing, and so proves nothing (say what becomes of it, such as  is: {outcome: `},
		{"- name: a\n  is: {outcome: unrecognised}\n- name: b\n  is: {}\n", ":3:3: the fixture promises nothing"},
		{"- name: a\n  is:\n", ":1:3: the fixture promises nothing"},
		{"name: a\n", ":1:1: a fixture file must be a list"},
	} {
		fsys := fstest.MapFS{"x/" + File: {Data: descriptor}, "x/" + Fixtures: {Data: []byte(tt.fixture)}}
		_, err := RunFixtures(fsys, "x")
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "descriptor.") {
			t.Errorf("%q: %v, want %s", tt.fixture, err, tt.want)
		}
	}
}

func TestAFixtureThatFailsSaysWhatWasHeldAgainstTheBackend(t *testing.T) {
	descriptor, err := os.ReadFile("../suishen/" + File)
	if err != nil {
		t.Fatal(err)
	}
	fixture := `- name: a
  now: 2022-01-23T20:44:40+08:00
  cred: {appId: a, appSecret: s}
  token: {access: T}
  scan: https://s.sh.gov.cn/00112233445566778899aabbccddeeff1642941877000
  calls:
    - expect: {post: /gateway/interface-sj-jkmjk/getInfo, json: {data: "https://s.sh.gov.cn/00112233445566778899aabbccddeeff1642941877000"}}
      reply: {body: '{"code":"7"}'}
  is: {outcome: verified, expires: 1}
`
	fsys := fstest.MapFS{"x/" + File: {Data: descriptor}, "x/" + Fixtures: {Data: []byte(fixture)}}
	results, err := RunFixtures(fsys, "x")
	if err != nil || len(results) != 1 {
		t.Fatal(results, err)
	}
	if r := results[0]; !strings.Contains(r.Fault, "no clause of outcome holds") || r.Differences[0].Field != "is" || r.Differences[0].Got != "expires" {
		t.Errorf("%+v", r)
	}
}
