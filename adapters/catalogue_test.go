package adapters

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tongma/standard"
)

// forms is an adapter that has forms and no backend.
type forms []Form

func (f forms) Forms() []Form { return f }

func (forms) Verify(context.Context, *Query) (Result, error) { panic("no backend") }

func system(id string, list ...Form) Entry {
	return Entry{Info: Info{System: id}, Adapter: forms(list)}
}

func catalogue(t testing.TB, entries ...Entry) *Catalogue {
	t.Helper()
	c, err := NewCatalogue(entries)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCatalogueRefusesSystemsThatClaimOneScan(t *testing.T) {
	_, err := NewCatalogue([]Entry{
		system("suikang", Form{Opaque: 9}, suikangForm),
		system("yukang", Form{JSON: &JSONForm{Has: []string{"codeId"}}}, Form{Text: "V{x:digits}"}),
		system("other", Form{Text: "{y:alnum:2}"}, Form{Text: "V3"}),
	})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`system suikang, form 2, and system yukang, form 1, claim the same scan, such as "{\"codeId\":\"0\"}": put a key that one of them has into what the other lacks`,
		`system yukang, form 2, and system other, form 1, claim the same scan, such as "V0": write more of what differs literally`,
		`system yukang, form 2, and system other, form 2, claim the same scan, such as "V3"`,
		`system other, form 1, and system other, form 2, claim the same scan, such as "V3"`,
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("error has %d lines, want %d:\n%v", len(lines), len(want), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is\n%s, want\n%s", i+1, line, want[i])
		}
	}
}

func TestCatalogueRefusesFormsThatDoNotHoldAndSystemsWithoutAnIDOfTheirOwn(t *testing.T) {
	_, err := NewCatalogue([]Entry{system("a", Form{Text: "{x:hexx:3}"}, Form{}), system("a"), system("")})
	want := `system a, form 1: text, character 4: unknown class "hexx"; write hex, digits, alnum, b64 or any
system a, form 2: a form has exactly one of url, json, text, bytes, opaque and document; this one has none
system "a": every system needs an id of its own
system "": every system needs an id of its own`
	if err == nil || err.Error() != want {
		t.Errorf("error:\n%v\nwant:\n%s", err, want)
	}
}

func TestCatalogueKnowsItsSystems(t *testing.T) {
	c := catalogue(t,
		system("a", Form{Document: []string{"01", "03"}}, Form{Document: []string{"01"}}),
		system("b", suishenForm, Form{Document: []string{"03"}}))
	ids := func(entries []*Entry) (list []string) {
		for _, e := range entries {
			list = append(list, e.Info.System)
		}
		return list
	}
	if got := ids(slices.Collect(c.Entries())); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Entries = %v", got)
	}
	if e, ok := c.For("b"); !ok || e.Info.System != "b" {
		t.Errorf("For(b) = %v, %v", e, ok)
	}
	if e, ok := c.For("c"); ok {
		t.Errorf("For(c) = %v", e)
	}
	for idType, want := range map[string][]string{"01": {"a"}, "03": {"a", "b"}, "04": nil} {
		if got := ids(slices.Collect(c.ForDocument(idType))); !slices.Equal(got, want) {
			t.Errorf("ForDocument(%s) = %v, want %v", idType, got, want)
		}
	}
}

func TestARequestThatNamesASystemIsAskedOfThatSystemAlone(t *testing.T) {
	c := catalogue(t,
		system("beijing", Form{Text: "BJ{x:digits:4}"}, Form{Opaque: 12}),
		system("suishen", Form{Document: []string{"01"}}, suishenForm, shanghaiBytes))
	tests := []struct {
		scan, system string
		form         int // -1: not recognised
	}{
		{"BJ1234", "beijing", 0},
		{"whatever码", "beijing", 1},
		{"whatever码\r\n", "beijing", 1},
		{"whatever it is", "beijing", -1}, // too long
		{"two\r\ntwo", "beijing", -1},
		{"", "beijing", -1},
		{"\n", "beijing", -1},
		{"\xff", "beijing", -1},
		{"whatever", "suishen", -1},
		{"BJ1234", "suishen", -1},
		{suishenScan, "suishen", 1},
		{suishenScan, "beijing", -1},
	}
	for _, tt := range tests {
		e, _ := c.For(tt.system)
		var ticket Ticket
		if ok := e.Recognise(tt.scan, &ticket); ok != (tt.form >= 0) || ok && ticket.Form != tt.form {
			t.Errorf("%s.Recognise(%q) = %v, form %d; want form %d", tt.system, tt.scan, ok, ticket.Form, tt.form)
		}
	}
}

func TestBytesAreRecognisedByHowTheyStart(t *testing.T) {
	c := catalogue(t, system("a", suishenForm), system("b", shanghaiBytes), system("c", Form{Bytes: &BytesForm{"https://s.sh.gov.cn:"}}))
	for scan, want := range map[string]string{
		"https://s.sh.gov.cn/\x00\xff": "b",
		"https://s.sh.gov.cn/":         "b",
		"https://s.sh.gov.cn:1":        "c",
		"https://s.sh.gov.cn":          "",
		"":                             "",
		"\xff":                         "",
		"https://s.sh.gov.cn/" + strings.Repeat("0", 8192): "",
	} {
		var ticket Ticket
		e, ok := c.RecogniseBytes([]byte(scan), &ticket)
		if ok != (want != "") || ok && (e.Info.System != want || string(ticket.Bytes) != scan || ticket.Scan != "") {
			t.Errorf("RecogniseBytes(%.30q) = %v, want %q", scan, ok, want)
		}
		for other := range c.Entries() {
			if got := other.RecogniseBytes([]byte(scan), &ticket); got != (want == other.Info.System) {
				t.Errorf("%s.RecogniseBytes(%.30q) = %v", other.Info.System, scan, got)
			}
		}
	}
}

func TestDocumentsAreRecognisedByTheirType(t *testing.T) {
	c := catalogue(t, system("a", suishenForm, Form{Document: []string{"01"}}, Form{Opaque: 9}, Form{Document: []string{"03", "04"}}))
	e, _ := c.For("a")
	for idType, want := range map[string]int{"01": 1, "04": 3, "02": -1, "": -1} {
		var ticket Ticket
		d := &standard.Document{Type: idType}
		if ok := e.RecogniseDocument(d, &ticket); ok != (want >= 0) || ok && (ticket.Form != want || ticket.Document != d) {
			t.Errorf("RecogniseDocument(%q) = %v, form %d; want form %d", idType, ok, ticket.Form, want)
		}
	}
}

// many is n systems, of which the first six are real ones. Half of the others share a host.
func many(n int) []Entry {
	entries := []Entry{
		system("suishen", suishenForm), system("suikang", suikangForm), system("yukang", yukangForm),
		system("hangzhou", hangzhouForm), system("ankang", ankangForm), system("v2", Form{Text: "V2{token:hex:32}"}),
	}
	for i := len(entries); i < n; i++ {
		host := "code.gov.cn"
		if i%2 == 0 {
			host = fmt.Sprintf("code%d.gov.cn", i)
		}
		entries = append(entries, system(fmt.Sprintf("s%d", i),
			Form{URL: fmt.Sprintf("https://%s/p%d/{token:hex:32}", host, i)},
			Form{Text: fmt.Sprintf("S%02d:{token:hex:32}", i)},
			Form{JSON: &JSONForm{Has: []string{fmt.Sprintf("id%d", i), "code"}, Lacks: []string{"codeId"}}},
			Form{Bytes: &BytesForm{fmt.Sprintf("B%02d", i)}}))
	}
	for i := 6; i < len(entries); i++ {
		list := entries[i].Adapter.(forms)
		for j := 6; j < len(entries); j++ {
			if j != i {
				list[2].JSON.Lacks = append(list[2].JSON.Lacks, fmt.Sprintf("id%d", j))
			}
		}
	}
	return entries
}

func TestAnObjectIsComparedWithFewForms(t *testing.T) {
	for key, claims := range catalogue(t, many(40)...).objects {
		if len(claims) > 2 {
			t.Errorf("%d forms are compared with every object that has %q", len(claims), key)
		}
	}
}

func BenchmarkRecognise(b *testing.B) {
	scans := []struct{ kind, scan string }{
		{"url", suishenScan}, {"params", hangzhouScan}, {"json", suikangScan}, {"text", v2Scan},
	}
	for _, s := range scans {
		for _, n := range []int{1, 40} {
			entries := many(40)
			if n == 1 {
				entries = slices.DeleteFunc(entries, func(e Entry) bool { return !claims(b, e.Adapter.Forms()[0], s.scan) })
			}
			c := catalogue(b, entries...)
			b.Run(fmt.Sprintf("%s/systems=%d", s.kind, n), func(b *testing.B) {
				b.ReportAllocs()
				var ticket Ticket
				for b.Loop() {
					if _, ok := c.Recognise(s.scan, &ticket); !ok {
						b.Fatal("not recognised")
					}
				}
			})
		}
	}
}
