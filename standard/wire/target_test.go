package wire_test

import (
	"net/url"
	"strings"
	"testing"

	"tongma/standard/wire"
)

func TestTargets(t *testing.T) {
	for _, target := range []string{
		"/", "/v1/verifications", "/v1/verifications/01J/proof", "/v1/trust-list?a=b&c=d", "/a.b/c..d/.e/...", "/a?b=../c&d=.", "/a?b=%E6%B5%8B&c=%20",
		"/a/", "/a?", "/a;b=c", "/~a:@!$&'()*+,=", "/" + strings.Repeat("a", 2047),
	} {
		if err := wire.CheckTarget(target); err != nil {
			t.Errorf("%q: %v", target, err)
		}
	}
	for _, target := range []string{
		"", "*", "v1", "http://a/v1", "a:443", "?a", "//", "/v1//verifications", "//a/v1", "/a?b=c//d",
		"/.", "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "/..?a", "/a/..?b",
		"/%2e%2e/a", "/%2E", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5C", `/a\b`, "/a%252fb", "/a%25", "/a?b=%2f",
		"/a%", "/a%2", "/a%zz", "/a%00", "/a%0a", "/a%1F", "/a%7f", "/a#b", "/a?b#c", "/a b", "/a\tb", "/a\nb", "/a\r", "/a\x00", "/a\x7f",
		`/a"b`, "/a<b>", "/a^b", "/a`b", "/a{b}", "/a|b", "/a[b]", "/a?b[]=c", "/测", "/a\xff", "/" + strings.Repeat("a", 2048),
	} {
		wantRefusal(t, target, wire.CheckTarget(target), wire.CodeTarget)
	}
}

func FuzzCheckTarget(f *testing.F) {
	for _, s := range []string{"/", "/v1/verifications?a=b", "/a/../b", "/%2e", "/a%2fb", "//", "/a#b", "/%41", `/0"000`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if wire.CheckTarget(target) != nil {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		if u.RequestURI() != target || u.Host != "" || strings.Contains(u.Path, "//") || strings.ContainsAny(u.Path, "\\\n\r\x00") ||
			u.JoinPath().Path != u.Path {
			t.Errorf("%q is also %q", target, u)
		}
	})
}

func BenchmarkCheckTarget(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.CheckTarget("/v1/verifications"); err != nil {
			b.Fatal(err)
		}
	}
}
