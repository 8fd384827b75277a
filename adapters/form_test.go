package adapters

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The forms of real systems (facts of the dialects): a URL with places in the path, parameters in the query and in
// the fragment, JSON objects that differ in their keys only, and a binary code.
var (
	suishenForm   = Form{URL: "https://s.sh.gov.cn/{token:hex:32}{at:digits:13}"}
	hangzhouForm  = Form{URL: "https://h5.dingtalk.com/healthAct/index.html#/result", Params: map[string]string{"qrCode": "V2{token:hex:32}"}}
	ankangForm    = Form{URL: "https://akm.ahzwfw.gov.cn/akm-sj-mgr/index.html#/myAkm", Params: map[string]string{"id": "akm:qrcode:{code:hex:32}"}}
	suikangForm   = Form{JSON: &JSONForm{Has: []string{"codeId"}, Lacks: []string{"outTime", "zoning"}}}
	yukangForm    = Form{JSON: &JSONForm{Has: []string{"codeId", "outTime"}}}
	shanghaiBytes = Form{Bytes: &BytesForm{Starts: "https://s.sh.gov.cn/"}}
)

func TestCheckSaysWhatIsWrongWhereAndHowToMendIt(t *testing.T) {
	tests := []struct {
		name   string
		form   Form
		member string
		at     int
		says   string
	}{
		{"no kind", Form{}, "", -1, "this one has none"},
		{"two kinds", Form{URL: "https://a.cn/", Text: "x"}, "", -1, "[url text]"},
		{"params without url", Form{Text: "x", Params: map[string]string{"a": "b"}}, "params", -1, "url only"},

		{"another scheme", Form{URL: "ftp://a.cn/"}, "url", 0, "https://"},
		{"scheme in capitals", Form{URL: "HTTPS://a.cn/"}, "url", 0, "lower case"},
		{"host missing", Form{URL: "https:///x"}, "url", 8, "host"},
		{"host in capitals", Form{URL: "https://a.CN/"}, "url", 10, "lower-case"},
		{"port", Form{URL: "https://a.cn:443/"}, "url", 12, "without port"},
		{"user", Form{URL: "https://u@a.cn/"}, "url", 9, "user"},
		{"host not ASCII", Form{URL: "https://码.cn/"}, "url", 8, "literal"},
		{"place in the host", Form{URL: "https://{a:hex:3}.cn/"}, "url", 8, "literal"},
		{"host too long", Form{URL: "https://" + strings.Repeat("a", 254) + "/"}, "url", 8, "longer"},
		{"path missing", Form{URL: "https://a.cn"}, "url", 12, "path"},
		{"query in the url", Form{URL: "https://a.cn/x?a={b:hex:3}"}, "url", 14, "params"},
		{"query in the fragment", Form{URL: "https://a.cn/x#/y?a=1"}, "url", 17, "params"},
		{"percent in the path", Form{URL: "https://a.cn/%41"}, "url", 13, "unencoded"},
		{"second ://", Form{URL: "https://a.cn/http://b.cn/"}, "url", 17, "second"},
		{"empty parameter", Form{URL: "https://a.cn/", Params: map[string]string{"id": ""}}, "params.id", -1, "empty"},
		{"parameter's name", Form{URL: "https://a.cn/", Params: map[string]string{"i=d": "x"}}, "params.i=d", -1, "printable"},

		{"class", Form{URL: "https://a.cn/{token:hexx:32}"}, "url", 20, `"hexx"`},
		{"class in a parameter", Form{URL: "https://a.cn/", Params: map[string]string{"id": "V2{t:HEX:32}"}}, "params.id", 5, `"HEX"`},
		{"no class", Form{Text: "{a}"}, "text", 0, "{name:class}"},
		{"too many words", Form{Text: "{a:hex:3:4}"}, "text", 0, "{name:class}"},
		{"name", Form{Text: "x{1a:hex:3}"}, "text", 2, "begins with a letter"},
		{"name too long", Form{Text: "{" + strings.Repeat("a", 33) + ":hex:3}"}, "text", 1, "32"},
		{"length of none", Form{Text: "{a:hex:0}"}, "text", 7, "length"},
		{"length that is none", Form{Text: "{a:hex:+3}"}, "text", 7, "length"},
		{"empty range", Form{Text: "{a:hex:9-3}"}, "text", 7, "range"},
		{"open range", Form{Text: "{a:hex:9-}"}, "text", 7, "range"},
		{"too long", Form{Text: "{a:hex:1025}"}, "text", 7, "1024"},
		{"too long together", Form{Text: "{a:hex:600}{b:hex:600}"}, "text", -1, "1200"},
		{"brace not closed", Form{Text: "x{a:hex:3"}, "text", 1, "without a }"},
		{"brace not opened", Form{Text: "x}"}, "text", 1, "without a {"},
		{"control character", Form{Text: "a\nb"}, "text", 1, "control"},
		{"not UTF-8", Form{Text: "a\xff"}, "text", 0, "UTF-8"},
		{"text that is a URL", Form{Text: "Https://a.cn/x"}, "text", 0, "use url"},
		{"name twice", Form{URL: "https://a.cn/{id:hex:3}", Params: map[string]string{"p": "{id:hex:3}"}}, "url", -1, `"id"`},
		{"too many places", Form{Text: strings.Repeat("{a:hex:1}", 17)}, "text", -1, "17 places"},

		{"ambiguous by class", Form{Text: "x{a:hex}{b:digits:1-3}"}, "text", 1, "'0'"},
		{"ambiguous by literal", Form{Text: "{a:alnum:1-3}x{b:digits}"}, "text", 0, "{a}"},
		{"ambiguous over a fixed place", Form{Text: "{a:digits}{b:digits:2}-{c:digits}"}, "text", 0, "{a}"},
		{"any in the middle", Form{Text: "{a:any}-{b:digits}"}, "text", 0, "fixed length"},

		{"json without keys", Form{JSON: &JSONForm{Lacks: []string{"a"}}}, "json.has", -1, "at least one key"},
		{"json lacks nothing", Form{JSON: &JSONForm{Has: []string{"a"}, Lacks: []string{}}}, "json.lacks", -1, "at least one key"},
		{"json key twice", Form{JSON: &JSONForm{Has: []string{"a", "a"}}}, "json.has", -1, "twice"},
		{"json key empty", Form{JSON: &JSONForm{Has: []string{""}}}, "json.has", -1, "empty"},
		{"json key not UTF-8", Form{JSON: &JSONForm{Has: []string{"\xff"}}}, "json.has", -1, "UTF-8"},
		{"json only nothing", Form{JSON: &JSONForm{Has: []string{"a"}, Only: []string{}}}, "json.only", -1, "at least one key"},
		{"json only without what it has", Form{JSON: &JSONForm{Has: []string{"a", "b"}, Only: []string{"a", "c"}}}, "json.only", -1, `key "b" of has is not in only`},
		{"json only and lacks", Form{JSON: &JSONForm{Has: []string{"a"}, Only: []string{"a"}, Lacks: []string{"b"}}}, "json.lacks", -1, "take lacks away"},
		{"json has and lacks", Form{JSON: &JSONForm{Has: []string{"a"}, Lacks: []string{"a"}}}, "json.lacks", -1, "in has too"},
		{"json too many keys", Form{JSON: &JSONForm{Has: strings.Split("abcdefghijklmnopq", "")}}, "json.has", -1, "17 keys"},
		{"bytes of any kind", Form{Bytes: &BytesForm{}}, "bytes.starts", -1, "bytes"},
		{"opaque too long", Form{Opaque: 8193}, "opaque", -1, "8192"},
		{"opaque below zero", Form{Opaque: -1}, "opaque", -1, "8192"},
		{"document of no type", Form{Document: []string{}}, "document", -1, "id type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var fault *FormError
			if err := tt.form.Check(); !errors.As(err, &fault) {
				t.Fatalf("Check() = %v, want a *FormError", err)
			}
			if fault.Member != tt.member || fault.At != tt.at || !strings.Contains(fault.What, tt.says) {
				t.Errorf("Check() = %+v, want %s at %d saying %q", fault, tt.member, tt.at, tt.says)
			}
		})
	}
}

func TestFieldsAreWhatAFormTakesOutOfAScan(t *testing.T) {
	tests := []struct {
		form Form
		want []string
	}{
		{suishenForm, []string{"token", "at"}},
		{hangzhouForm, []string{"token"}},
		{Form{URL: "https://a.cn/{a:any}-{b:hex:3}#/{c:digits}", Params: map[string]string{"z": "{d:any}", "y": "{e:b64}{f:hex:3}"}},
			[]string{"a", "b", "c", "e", "f", "d"}},
		{yukangForm, []string{"codeId", "outTime"}},
		{Form{Text: "V2{token:hex:32}"}, []string{"token"}},
		{shanghaiBytes, nil},
		{Form{Opaque: 512}, nil},
		{Form{Document: []string{"01"}}, nil},
		{Form{}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.form.Fields()); diff != "" {
			t.Errorf("Fields() of %+v: %s", tt.form, diff)
		}
	}
}

func TestFormErrorCountsCharactersFromOne(t *testing.T) {
	err := Form{Text: "}"}.Check()
	if want := "text, character 1: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Check() = %v, want it to begin with %q", err, want)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("https://s.sh.gov.cn/{token:hex:32}{at:digits:13}", "", "")
	f.Add("https://a.cn/x#/y/{a:any}", "V2{token:b64:1-64}&=%", "")
	f.Add("http://a.cn/:{a:b64:2}", "", "")
	f.Add("", "", "码{a:any:1-3}{b:digits}")
	f.Fuzz(func(t *testing.T, url, param, text string) {
		form := Form{URL: url, Text: text}
		if param != "" {
			form.Params = map[string]string{"p": param}
		}
		example, conflict := Conflict(form, form)
		if err := form.Check(); conflict != (err == nil) {
			t.Fatalf("Check: %v; conflict with itself: %v", err, conflict)
		}
		if conflict && !claims(t, form, example) {
			t.Errorf("does not claim its own example %q", example)
		}
	})
}
