package adapters

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestConflictFindsAScanThatBothFormsMatch(t *testing.T) {
	url := func(u string, params ...string) Form {
		f := Form{URL: u}
		for i := 0; i < len(params); i += 2 {
			if f.Params == nil {
				f.Params = make(map[string]string)
			}
			f.Params[params[i]] = params[i+1]
		}
		return f
	}
	text := func(s string) Form { return Form{Text: s} }
	object := func(has string, lacks ...string) Form {
		return Form{JSON: &JSONForm{Has: strings.Fields(has), Lacks: lacks}}
	}
	closed := func(has, only string) Form {
		return Form{JSON: &JSONForm{Has: strings.Fields(has), Only: strings.Fields(only)}}
	}
	tests := []struct {
		name    string
		a, b    Form
		example string // "" if there is no conflict
	}{
		{"itself", suishenForm, suishenForm, "https://s.sh.gov.cn/" + strings.Repeat("0", 45)},
		{"lengths differ", suishenForm, url("https://s.sh.gov.cn/{token:hex:30}{at:digits:13}"), ""},
		{"lengths add up alike", suishenForm, url("https://s.sh.gov.cn/{token:hex:45}"), "https://s.sh.gov.cn/" + strings.Repeat("0", 45)},
		{"hosts differ", url("https://a.cn/{x:any}"), url("https://b.cn/{x:any}"), ""},
		{"schemes differ", url("https://a.cn/{x:any}"), url("http://a.cn/{x:any}"), ""},
		{"paths differ", url("https://a.cn/x/{x:any}"), url("https://a.cn/y/{x:any}"), ""},
		{"a place may be the other's literal", url("https://a.cn/{x:any}"), url("https://a.cn/code-{y:digits:2}"), "https://a.cn/code-00"},
		{"fragments differ", url("https://a.cn/#/x"), url("https://a.cn/"), ""},
		{"fragments may be alike", url("https://a.cn/#/{x:any}"), url("https://a.cn/#/go"), "https://a.cn/#/go"},
		{"parameter in both, disjoint", url("https://a.cn/", "t", "V1{x:hex:4}"), url("https://a.cn/", "t", "V2{x:hex:4}"), ""},
		{"parameter in both, not disjoint", url("https://a.cn/", "t", "V1{x:hex:4}"), url("https://a.cn/", "t", "{x:alnum:6}"), "https://a.cn/?t=V10000"},
		{"parameters of one each", url("https://a.cn/#/x", "q", "a b&{x:digits:1}"), url("https://a.cn/#/x", "p", "1"), "https://a.cn/?p=1&q=a%20b%260#/x"},
		{"parameter of one", hangzhouForm, url(hangzhouForm.URL), "https://h5.dingtalk.com/healthAct/index.html?qrCode=V2" + strings.Repeat("0", 32) + "#/result"},

		{"texts alike", text("V{x:digits}"), text("{y:alnum:3}"), "V00"},
		{"texts by class", text("{x:digits:4}"), text("{x:alnum:3}x"), ""},
		{"texts by length", text("{x:any:1-4}"), text("abcde"), ""},
		{"texts with ranges", text("{x:digits:2-9}-{y:any}"), text("{x:any:3}a{y:hex:1-2}"), "00-a0"},
		{"texts in two characters", text("码{x:digits}"), text("{x:any:3}1"), "码1"},

		{"json told apart", suikangForm, yukangForm, ""},
		{"json not told apart", object("codeId"), object("codeId outTime"), `{"codeId":"0","outTime":"0"}`},
		{"json with keys to quote", object("a"), object(`"`), `{"\"":"0","a":"0"}`},
		{"json with too many keys together", object("a b c d e f g h i"), object("j k l m n o p q"), ""},

		{"json closed against another's key", closed("a", "a b"), object("c"), ""},
		{"json closed, and both keys allowed", closed("a", "a b"), object("b"), `{"a":"0","b":"0"}`},
		{"json closed alike", closed("a", "a b"), closed("b", "a b c"), `{"a":"0","b":"0"}`},
		{"json closed apart", closed("a", "a"), closed("b", "b"), ""},

		{"bytes within bytes", shanghaiBytes, Form{Bytes: &BytesForm{"https://"}}, "https://s.sh.gov.cn/"},
		{"bytes apart", shanghaiBytes, Form{Bytes: &BytesForm{"http://"}}, ""},

		{"kinds differ", suishenForm, text("{x:any}"), ""},
		{"text is not an object", suikangForm, text("{x:any}"), ""},
		{"opaque", Form{Opaque: 9}, Form{Opaque: 9}, ""},
		{"document", Form{Document: []string{"01"}}, Form{Document: []string{"01"}}, ""},
		{"a form that does not hold", suishenForm, Form{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, pair := range [][2]Form{{tt.a, tt.b}, {tt.b, tt.a}} {
				example, conflict := Conflict(pair[0], pair[1])
				if conflict != (tt.example != "") || conflict && example != tt.example {
					t.Fatalf("Conflict = %q, %v; want %q", example, conflict, tt.example)
				}
				if conflict && !(claims(t, tt.a, example) && claims(t, tt.b, example)) {
					t.Errorf("example %q is not claimed by both", example)
				}
			}
		})
	}
}

// claims says whether a form alone claims a scan, or its bytes.
func claims(t testing.TB, f Form, scan string) bool {
	t.Helper()
	c := catalogue(t, system("alone", f))
	var ticket Ticket
	_, ok := c.Recognise(scan, &ticket)
	if f.Bytes != nil {
		_, ok = c.RecogniseBytes([]byte(scan), &ticket)
	}
	return ok
}

// drawTemplate draws the parts of a template from few characters, so that two of them often meet.
func drawTemplate(t *rapid.T, label string) template {
	source := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
		"a", "0", "-", "{:digits:2}", "{:hex:1}", "{:any:3}", "{:hex}", "{:digits:1-3}", "{:alnum:2-4}", "{:any}",
	}), 1, 5).Draw(t, label), "")
	var named strings.Builder
	for i, c := range []byte(source) {
		named.WriteByte(c)
		if c == '{' {
			named.WriteString("p" + string(rune('a'+i)))
		}
	}
	tmpl, err := parseTemplate("text", named.String(), 0, textAlphabet)
	if err != nil {
		t.Skip("ambiguous")
	}
	return tmpl
}

// drawText draws a text that a template matches.
func drawText(t *rapid.T, tmpl *template) string {
	var b strings.Builder
	for i := range tmpl.parts {
		p := &tmpl.parts[i]
		b.WriteString(p.literal)
		if p.literal == "" {
			b.WriteString(rapid.StringOfN(rapid.RuneFrom([]rune("a0-f9z")), p.min, min(p.max, 5), -1).
				Filter(p.holds).Draw(t, "place"))
		}
	}
	return b.String()
}

func TestConflictOfTemplatesIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTemplate(t, "a"), drawTemplate(t, "b")
		scan := drawText(t, &a)
		if !a.match(scan, new(Ticket)) {
			t.Fatalf("%q does not match the template that it was drawn from", scan)
		}
		example, conflict := intersect(&a, &b)
		if conflict && !(a.match(example, new(Ticket)) && b.match(example, new(Ticket))) {
			t.Fatalf("example %q is not matched by both", example)
		}
		if !conflict && b.match(scan, new(Ticket)) {
			t.Fatalf("%q is matched by both, but no conflict was found", scan)
		}
	})
}

// longest are two templates of nearly the longest size, with nearly the most pairs of states that can be reached.
var longest = [2]Form{{Text: "{a:digits:1-511}-{b:digits:1-511}!"}, {Text: "{c:any:1-1023}?"}}

func TestConflictOfTheLongestTemplatesIsFound(t *testing.T) {
	if example, conflict := Conflict(longest[0], longest[1]); conflict {
		t.Errorf("Conflict = %q, want none", example)
	}
	if example, conflict := Conflict(longest[0], Form{Text: "{c:any:1-1023}!"}); example != "0-0!" {
		t.Errorf("Conflict = %q, %v; want 0-0!", example, conflict)
	}
}

func BenchmarkConflictOfTheLongestTemplates(b *testing.B) {
	for b.Loop() {
		Conflict(longest[0], longest[1])
	}
}
