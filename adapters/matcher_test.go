package adapters

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	hex32        = "00112233445566778899aabbccddeeff"
	suishenScan  = "https://s.sh.gov.cn/" + hex32 + "1642941877000"
	hangzhouScan = "https://h5.dingtalk.com/healthAct/index.html?qrCode=V2" + hex32 + "#/result"
	ankangScan   = "https://akm.ahzwfw.gov.cn/akm-sj-mgr/index.html#/myAkm?isScan=1&id=akm:qrcode:" + hex32 + "&cityNo=340000000000"
	suikangScan  = `{"codeId":"c-1","lastReportTime":1642941877000}`
	yukangScan   = `{"codeId":"c-1","lastReportTime":"t","outTime":"2022-01-23 20:44:40","zoning":"500000"}`
	v2Scan       = "V2" + hex32
)

func TestRecogniseTakesAScanApart(t *testing.T) {
	c := catalogue(t, append(many(40),
		system("free", Form{Text: "free:{a:any}|{n:digits:2}"}, Form{Text: "free/{a:alnum}-{b:alnum:1-3}-{c:any}"}),
		system("site", Form{URL: "https://site.cn/a/{x:any}.png", Params: map[string]string{"t": "{t:any}"}}),
		system("v", Form{Text: "V{n:digits:1-3}"}),
		system("near", Form{Text: "{a:hex:3}!"}, Form{Text: "{b:hex:3}?"}),
		system("near-urls", Form{URL: "https://near.cn/{a:hex:3}", Params: map[string]string{"p": "1"}},
			Form{URL: "https://near.cn/{b:hex:3}", Params: map[string]string{"p": "2"}}))...)
	tests := []struct {
		name, scan, system string
		fields             string // name=value, joined by ;
	}{
		{"suishen", suishenScan, "suishen", "token=" + hex32 + ";at=1642941877000"},
		{"one line end", suishenScan + "\r\n", "suishen", "token=" + hex32 + ";at=1642941877000"},
		{"a lone LF", suishenScan + "\n", "suishen", "token=" + hex32 + ";at=1642941877000"},
		{"a lone CR", suishenScan + "\r", "suishen", "token=" + hex32 + ";at=1642941877000"},
		{"scheme and host in any case", "HTTPS://S.sh.GOV.cn/" + hex32 + "1642941877000", "suishen", "token=" + hex32 + ";at=1642941877000"},
		{"empty query and fragment", suishenScan + "?#", "suishen", "token=" + hex32 + ";at=1642941877000"},
		{"hangzhou", hangzhouScan, "hangzhou", "token=" + hex32},
		{"parameter in the fragment", "https://h5.dingtalk.com/healthAct/index.html#/result?x&qrCode=V2" + hex32, "hangzhou", "token=" + hex32},
		{"ankang", ankangScan, "ankang", "code=" + hex32},
		{"ankang, encoded", strings.ReplaceAll(ankangScan, "akm:qrcode:", "akm%3Aqrcode%3a"), "ankang", "code=" + hex32},
		{"suikang", suikangScan, "suikang", "codeId=c-1;lastReportTime=1642941877000"},
		{"yukang", yukangScan, "yukang", "codeId=c-1;outTime=2022-01-23 20:44:40;lastReportTime=t;zoning=500000"},
		{"JSON with spaces", "{ \"codeId\"\t:\r\n\"c\" }", "suikang", "codeId=c"},
		{"JSON with escapes", `{"code\u0049d":"a\/\u7801\n"}`, "suikang", "codeId=a/码\n"},
		{"JSON with other values", `{"a":{"codeId":[1,{}]},"b":null,"c":true,"d":false,"e":-1.50e+3,"codeId":""}`, "suikang", "codeId=;c=true;d=false;e=-1.50e+3"},
		{"text", v2Scan, "v2", "token=" + hex32},
		{"text among many", "S23:" + hex32, "s23", "token=" + hex32},
		{"text with a shorter beginning", "V3", "v", "n=3"},
		{"text with a longer beginning of another's", "V25", "v", "n=25"},
		{"text after a near miss", "abc?", "near", "b=abc"},
		{"URL after a near miss", "https://near.cn/abc?p=2", "near-urls", "b=abc"},
		{"a host of many systems", "https://code.gov.cn/p17/" + hex32, "s17", "token=" + hex32},
		{"any before a fixed rest", "free:码|12|34", "free", "a=码|12;n=34"},
		{"places that end by a character", "free/abc-1-2-3", "free", "a=abc;b=1;c=2-3"},
		{"plus stays, decoded once, UTF-8", "https://site.cn/a/b.png.png?t=+%2B%25E7%E7%A0%81", "site", "x=b.png;t=++%E7码"},
		{"a URL in a parameter, encoded", "https://site.cn/a/b.png?t=http%3A%2F%2Fx&u=%zz", "site", "x=b;t=http://x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ticket := Ticket{Form: 7, n: 3, Bytes: []byte("stale")}
			e, ok := c.Recognise(tt.scan, &ticket)
			if !ok {
				t.Fatal("not recognised")
			}
			var fields []string
			for name, value := range ticket.Fields {
				fields = append(fields, name+"="+value)
			}
			if diff := cmp.Diff(tt.fields, strings.Join(fields, ";")); e.Info.System != tt.system || diff != "" {
				t.Errorf("recognised as %s, fields %s", e.Info.System, diff)
			}
			if ticket.Scan != strings.TrimRight(tt.scan, "\r\n") || ticket.Bytes != nil || ticket.Form > 1 {
				t.Errorf("ticket is %+v", ticket)
			}
		})
	}
}

func TestANearMissLeavesNothingInTheTicket(t *testing.T) {
	c := catalogue(t, system("a",
		Form{JSON: &JSONForm{Has: []string{"x", "y"}}},
		Form{JSON: &JSONForm{Has: []string{"x", "z"}, Lacks: []string{"y"}}},
		Form{JSON: &JSONForm{Has: []string{"y", "z"}, Lacks: []string{"x"}}}))
	var ticket Ticket
	if _, ok := c.Recognise(`{"x":"1","z":"2"}`, &ticket); !ok || ticket.Form != 1 || ticket.n != 2 || ticket.Field("x") != "1" || ticket.Field("z") != "2" {
		t.Errorf("Recognise = %v, %+v", ok, ticket)
	}
}

func TestRecogniseRefusesWhatIsNotExactlyACode(t *testing.T) {
	c := catalogue(t, append(many(40),
		system("any", Form{Text: "{a:any:1}-{b:any:1-5}"}),
		system("site", Form{URL: "https://site.cn/a/{x:any}", Params: map[string]string{"t": "{t:any}"}}))...)
	path := hex32 + "1642941877000"
	tests := []struct{ name, scan string }{
		{"nothing", ""},
		{"a line end", "\r\n"},
		{"two line ends", suishenScan + "\r\n\r\n"},
		{"a space behind", suishenScan + " "},
		{"a space before", " " + suishenScan},
		{"two scans", suishenScan + suishenScan},
		{"two scans in lines", v2Scan + "\r\n" + v2Scan + "\r\n"},
		{"two URLs, the first with an open end", "https://site.cn/a/1?t=2https://site.cn/a/1?t=2"},
		{"two objects", suikangScan + suikangScan},
		{"an object and a space", suikangScan + " "},
		{"an object and a line", suikangScan + "\r\n" + suikangScan},
		{"too long", "https://site.cn/a/1?t=" + strings.Repeat("1", maxScan)},

		{"http", "http://s.sh.gov.cn/" + path},
		{"another host", "https://s.sh.gov.cn.evil.cn/" + path},
		{"the host as user", "https://s.sh.gov.cn@evil.cn/" + path},
		{"user", "https://evil.cn@s.sh.gov.cn/" + path},
		{"port", "https://s.sh.gov.cn:443/" + path},
		{"a dot behind the host", "https://s.sh.gov.cn./" + path},
		{"backslash", `https://s.sh.gov.cn\/` + path},
		{"backslash for slash", `https:\\s.sh.gov.cn/` + path},
		{"host with a full-width letter", "https://ｓ.sh.gov.cn/" + path},
		{"host with a long s", "httpſ://s.sh.gov.cn/" + path},
		{"encoded host", "https://s%2Esh.gov.cn/" + path},
		{"no host", "https:///" + path},
		{"no path", "https://s.sh.gov.cn"},
		{"very long host", "https://" + strings.Repeat("a", 300) + "/"},
		{"two slashes", "https://s.sh.gov.cn//" + path},
		{"a dot segment", "https://s.sh.gov.cn/./" + path},
		{"encoded path", "https://s.sh.gov.cn/%30" + path[1:]},
		{"token too short", "https://s.sh.gov.cn/" + path[1:]},
		{"token not hex", "https://s.sh.gov.cn/g" + path[1:]},
		{"a slash in any", "https://site.cn/a/b/c?t=1"},
		{"any of nothing", "https://site.cn/a/?t=1"},
		{"a fragment that the form has not", suishenScan + "#/x"},
		{"no fragment where the form has one", "https://h5.dingtalk.com/healthAct/index.html?qrCode=V2" + hex32},
		{"control character in a parameter", "https://site.cn/a/b?t=%00"},
		{"not UTF-8 in a parameter", "https://site.cn/a/b?t=%E7"},
		{"backslash in a parameter", `https://site.cn/a/b?t=\`},
		{"bad encoding", "https://site.cn/a/b?t=%zz"},
		{"parameter missing", "https://site.cn/a/b"},
		{"parameter empty", "https://site.cn/a/b?t="},
		{"parameter twice", "https://site.cn/a/b?t=1&t=1"},
		{"parameter in query and fragment", "https://h5.dingtalk.com/healthAct/index.html?qrCode=V2" + hex32 + "#/result?qrCode=V2" + hex32},
		{"parameter again without a value", "https://site.cn/a/b?t=1&t"},
		{"encoded name", "https://site.cn/a/b?t=1&%74=2"},
		{"parameter in another case", "https://site.cn/a/b?T=1"},

		{"JSON key twice", `{"codeId":"1","codeId":"1"}`},
		{"JSON key twice, escaped", `{"codeId":"1","code\u0049d":"1"}`},
		{"JSON key twice within", `{"codeId":"1","x":{"a":1,"a":1}}`},
		{"JSON key that must lack, null", `{"codeId":"1","zoning":null}`},
		{"JSON key that must be, null", `{"codeId":null}`},
		{"JSON key that must be, an object", `{"codeId":{}}`},
		{"JSON key in another case", `{"codeid":"1"}`},
		{"JSON with 17 members", `{"codeId":"1","a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1}`},
		{"JSON with a comma too many", `{"codeId":"1",}`},
		{"JSON cut off", `{"codeId":"1"`},
		{"JSON cut off early", `{`},
		{"JSON not UTF-8", "{\"codeId\":\"\xff\"}"},
		{"JSON with half a surrogate", `{"codeId":"\ud800"}`},
		{"JSON with a control character", "{\"codeId\":\"\x01\"}"},
		{"JSON of another shape", `[{"codeId":"1"}]`},
		{"JSON with a byte order mark", "\ufeff" + suikangScan},
		{"JSON nested deep", `{"codeId":"1","x":` + strings.Repeat("[", 8000) + "}"},

		{"text in another case", "v2" + hex32},
		{"text with more", v2Scan + "0"},
		{"text cut within a character", "\xe7-\xa0\x81"},
		{"text with a control character", "1-\x00"},
		{"the last place too long", "1-123456"},
		{"text with DEL", "1-\x7f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var ticket Ticket
			if e, ok := c.Recognise(tt.scan, &ticket); ok {
				t.Errorf("recognised as %s", e.Info.System)
			}
		})
	}
}

// write makes a text of a template and the fields of a ticket.
func (t *template) write(ticket *Ticket) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal + ticket.Field(p.name))
	}
	return b.String()
}

func FuzzRecognise(f *testing.F) {
	for _, scan := range []string{suishenScan, hangzhouScan, ankangScan, suikangScan, yukangScan, v2Scan, "S07:" + hex32,
		"https://code.gov.cn/p7/" + hex32, "https://site.cn/a/b?t=%E7%A0%81", `{"id8":1,"code":"\u0031"}`, "free:码|12", "\r\n", "https://"} {
		f.Add(scan)
	}
	entries := append(many(40),
		system("free", Form{Text: "free:{a:any}|{n:digits:2}"}, Form{Text: "{a:digits:1-5}-{b:alnum:1-3}-{c:any}"}),
		system("site", Form{URL: "https://site.cn/a/{x:alnum}.{y:any}", Params: map[string]string{"t": "{t:any}", "u": "u{u:b64:1-9}"}}))
	all := catalogue(f, entries...)
	var alone []*Catalogue
	for _, e := range entries {
		for _, form := range e.Adapter.Forms() {
			alone = append(alone, catalogue(f, system(e.Info.System, form)))
		}
	}
	f.Fuzz(func(t *testing.T, scan string) {
		var ticket Ticket
		e, ok := all.Recognise(scan, &ticket)
		var claimants []string
		for _, c := range alone {
			var own Ticket
			if e, ok := c.Recognise(scan, &own); ok {
				claimants = append(claimants, e.Info.System)
				own.Form = ticket.Form
				if diff := cmp.Diff(ticket, own, cmp.AllowUnexported(Ticket{}, field{})); diff != "" {
					t.Errorf("alone the form takes something else out: %s", diff)
				}
			}
		}
		if len(claimants) > 1 || ok != (len(claimants) == 1) || ok && claimants[0] != e.Info.System {
			t.Fatalf("Recognise: %v; claimed by %v", ok, claimants)
		}
		if ok {
			checkTicket(t, e, &ticket)
		}
	})
}

// checkTicket says whether the scan can be made again of the form and what was taken out of the scan.
func checkTicket(t *testing.T, e *Entry, ticket *Ticket) {
	p, err := e.Adapter.Forms()[ticket.Form].compile()
	if err != nil {
		t.Fatal(err)
	}
	switch p.kind {
	case kindText:
		if again := p.text.write(ticket); again != ticket.Scan {
			t.Errorf("the ticket makes %q", again)
		}
	case kindURL:
		u, _ := parseURL(ticket.Scan)
		if path, fragment := p.path.write(ticket), p.fragment.write(ticket); !strings.EqualFold(p.site, u.site) || path != u.path || fragment != u.fragment {
			t.Errorf("the ticket makes %q, %q, %q", p.site, path, fragment)
		}
		for i := range p.params {
			if v, again := &p.params[i], p.params[i].value.write(ticket); again != mustParam(&u, v.name) {
				t.Errorf("the ticket makes %s=%q", v.name, again)
			}
		}
	case kindJSON:
		checkObject(t, ticket)
	}
}

func mustParam(u *urlScan, name string) string {
	value, _ := u.param(name)
	return value
}

// checkObject compares the ticket with what encoding/json reads.
func checkObject(t *testing.T, ticket *Ticket) {
	var members map[string]any
	d := json.NewDecoder(strings.NewReader(ticket.Scan))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || d.InputOffset() != int64(len(ticket.Scan)) {
		t.Fatalf("encoding/json: %v", err)
	}
	want := make(map[string]string)
	for name, value := range members {
		switch v := value.(type) {
		case string:
			want[name] = v
		case json.Number:
			want[name] = v.String()
		case bool:
			want[name] = map[bool]string{true: "true", false: "false"}[v]
		}
	}
	got := make(map[string]string)
	for name, value := range ticket.Fields {
		got[name] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields: %s", diff)
	}
}

func TestAClosedJSONFormClaimsNoObjectWithAnotherKey(t *testing.T) {
	c := catalogue(t,
		system("closed", Form{JSON: &JSONForm{Has: []string{"id"}, Only: []string{"id", "name", "more"}}}),
		system("open", Form{JSON: &JSONForm{Has: []string{"code"}}}))
	for scan, want := range map[string]string{
		`{"id":"1"}`:                        "closed",
		`{"more":{"code":1},"id":"1"}`:      "closed",
		`{"id":"1","name":"a","more":null}`: "closed",
		`{"name":"a"}`:                      "",
		`{"id":"1","zoning":null}`:          "",
		`{"id":"1","code":"2"}`:             "open",
	} {
		var ticket Ticket
		e, ok := c.Recognise(scan, &ticket)
		if ok != (want != "") || ok && e.Info.System != want {
			t.Errorf("%s: %v, want %q", scan, ok, want)
		}
	}
}
