package sandbox

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"tongma/standard"
)

const hebeiValidate = "/hbjkm/userHealth/validateInfo"

func (a *asker) hebeiReply(scan string) map[string]any {
	a.t.Helper()
	if u, err := url.Parse(scan); err == nil && u.Query().Get("QR") != "" {
		scan = u.Query().Get("QR")
	}
	_, body := a.do("POST", hebeiValidate, `{"bizExtData":`+quote(scan)+`}`, jsonHeader...)
	return object(a.t, body)
}

// hebeiNational is what stands in the string.
func (a *asker) hebeiNational(reply map[string]any) map[string]any {
	a.t.Helper()
	content := str(reply["data"].(map[string]any)["content"])
	return object(a.t, content)["data"].(map[string]any)
}

func first(list any) map[string]any { return list.([]any)[0].(map[string]any) }

func (a *asker) hebei(p Person) found {
	a.t.Helper()
	reply := a.hebeiReply(p.Scan)
	switch str(reply["errcode"]) {
	case "0":
		data := a.hebeiNational(reply)
		person := data["person"].(map[string]any)
		known := map[any]standard.Status{"00": "00", "01": "01", "10": "10"}
		return found{standard.Verified, known[first(data["healthyReport"])["healthyStaus"]], str(person["desensitizeName"]), str(person["desensitizeCardId"])}
	case "S1":
		return found{outcome: standard.Expired}
	case "S2":
		return found{outcome: standard.Unrecognised}
	}
	return found{outcome: standard.Unavailable}
}

func TestHebeiScanIsBase64InAURL(t *testing.T) {
	padded := 0
	for _, p := range New(at(noon)).Everyone(Hebei) {
		data, ok := strings.CutPrefix(p.Scan, "https://sjzhe.tgovcloud.com/qrcode/traffic/?QR=")
		value, err := url.QueryUnescape(data)
		if !ok || err != nil || strings.ContainsAny(data, "+/=") {
			t.Fatalf("%s: %s", p.Note, p.Scan)
		}
		if raw, err := base64.StdEncoding.DecodeString(value); err != nil || len(raw) != 16 || len(value) < 24 {
			t.Errorf("%s: %s", p.Note, p.Scan)
		}
		if strings.ContainsAny(value, "+/") {
			padded++
		}
	}
	if padded == 0 {
		t.Error("no value needs to be escaped")
	}
}

func TestHebeiRefusesRequestsThatItDoesNotTake(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Hebei, nil)
	u, err := url.Parse(s.People(Hebei)[0].Scan)
	if err != nil {
		t.Fatal(err)
	}
	value := u.Query().Get("QR")
	ask := func(v string) string { return `{"bizExtData":` + quote(v) + `}` }
	for name, tt := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		begins             string
	}{
		"good":                  {"POST", hebeiValidate, ask(value), jsonHeader, 200, `{"errcode":0,"errmsg":"","data":{"content":"{\"data\":{\"person\"`},
		"not base64":            {"POST", hebeiValidate, ask("*"), jsonHeader, 200, `{"errcode":"S2","errmsg":"SYNTHETIC`},
		"no padding":            {"POST", hebeiValidate, ask(strings.TrimRight(value, "=")), jsonHeader, 200, `{"errcode":"S2"`},
		"a line end":            {"POST", hebeiValidate, ask(value[:8] + "\n" + value[8:]), jsonHeader, 200, `{"errcode":"S2"`},
		"still escaped":         {"POST", hebeiValidate, ask(url.QueryEscape(value)), jsonHeader, 200, `{"errcode":"S2"`},
		"the whole scan":        {"POST", hebeiValidate, ask(u.String()), jsonHeader, 200, `{"errcode":"S2"`},
		"no value":              {"POST", hebeiValidate, `{}`, jsonHeader, 200, `{"errcode":"S9"`},
		"a name as annex A has": {"POST", hebeiValidate, strings.Replace(ask(value), "biz", "Biz", 1), jsonHeader, 200, `{"errcode":"S9"`},
		"not JSON":              {"POST", hebeiValidate, "{", jsonHeader, 200, `{"errcode":"S9"`},
		"a form":                {"POST", hebeiValidate, "bizExtData=0", formHeader, 415, ""},
		"GET":                   {"GET", hebeiValidate, "", nil, 405, ""},
		"another path":          {"POST", "/hbjkm/userHealth/validate", ask(value), jsonHeader, 404, ""},
	} {
		status, body := a.do(tt.method, tt.path, tt.body, tt.header...)
		if status != tt.status || !strings.HasPrefix(body, tt.begins) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestHebeiTellsTheDeclarationAndWhatTheProvinceAdds(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Hebei, nil)
	symptoms := []string{"1", "2^5", "2^3^7"}
	for i, p := range s.People(Hebei)[:3] {
		who := s.backends[Hebei].people[i]
		reply := a.hebeiReply(p.Scan)
		national := a.hebeiNational(reply)
		person, declared := national["person"].(map[string]any), first(national["yqReports"])
		if name := str(person["desensitizeName"]); name == who.name || utf8.RuneCountInString(name) != utf8.RuneCountInString(who.name) ||
			person["desensitizeCardId"] != who.number[:6]+"********"+who.number[14:] {
			t.Errorf("%v", person)
		}
		if declared["symptom"] != symptoms[i] || declared["xzqhfxdj"] != str(i+1) || declared["date"] != "2022-02-26" ||
			declared["temperature"] != "36.5" || declared["phone"] != who.phone {
			t.Errorf("%s: %v", p.Note, declared)
		}
		data := reply["data"].(map[string]any)
		want := map[bool]string{true: "阳性", false: "阴性"}[p.Status == standard.Red]
		if hsjc := data["hsjc"].(map[string]any); hsjc["hsjcjg"] != want || hsjc["hsjcsj"] != "2022-02-28 16:17:41" {
			t.Errorf("%s: %v", p.Note, hsjc)
		}
		if trips := data["xcgjAllList"].([]any); len(trips) != i%3 || len(trips) > 0 && first(trips)["date"] != "2022-02-27" {
			t.Errorf("%s: %v", p.Note, trips)
		}
		if clear := data["hasWarm"] == "未见异常"; clear != (p.Status == standard.Green) || data["isrjry"] != false {
			t.Errorf("%s: %v %v", p.Note, data["hasWarm"], data["isrjry"])
		}
		if _, there := data["ktjc"]; there != (i%2 == 0) {
			t.Errorf("%s: %v", p.Note, data["ktjc"])
		}
	}
}

func TestHebeiSaysWhoHasEnteredTheCountry(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Hebei, nil)
	for i, p := range s.People(Hebei) {
		if s.backends[Hebei].people[i].has(arrived) {
			if data := a.hebeiReply(p.Scan)["data"].(map[string]any); data["isrjry"] != true {
				t.Errorf("%v", data)
			}
			return
		}
	}
	t.Error("there is no such person")
}

func TestHebeiTakesItsTimeForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(at(noon))
		a := newAsker(t, s, Hebei, nil)
		waited := 0
		for i, p := range s.People(Hebei) {
			began := time.Now()
			a.ask(p)
			want := time.Duration(0)
			if s.backends[Hebei].people[i].has(slow) {
				want, waited = 1500*time.Millisecond, waited+1
			}
			if took := time.Since(began); took != want {
				t.Errorf("%s took %s, want %s", p.Note, took, want)
			}
		}
		if waited == 0 {
			t.Error("there is no such person")
		}
	})
}

func TestHebeiDoesNotWaitForAClientThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "POST", "/", nil)
		began := time.Now()
		defer func() {
			if got, took := recover(), time.Since(began); got != http.ErrAbortHandler || took != time.Second {
				t.Errorf("ended with %v after %s", got, took)
			}
		}()
		pause(r, slowPause)
	})
}

func FuzzHebeiCode(f *testing.F) {
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==")
	f.Add("AAAAAAAAAAAAAAAAAAAAAB==")
	f.Add("AAAA\nAAAAAAAAAAAAAAAAAA==")
	f.Add("")
	f.Fuzz(func(t *testing.T, data string) {
		if code := hebeiCode(data); code != "" && bizExtData(code) != data {
			t.Errorf("%q is taken for %s, which is written otherwise", data, code)
		}
	})
}
