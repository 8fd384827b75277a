package sandbox

import (
	"net/url"
	"strings"
	"testing"

	"tongma/standard"
)

const sukangParse = "/jkm/thirdparty/parse"

func (a *asker) sukangForm(scan string) url.Values {
	return url.Values{
		"url": {scan}, "source": {a.cred["source"]}, "token": {a.cred["token"]},
		"position": {"一号口"}, "verifierDept": {"某单位"}, "verifierName": {"某核验员"}, "verifierPhone": {"13000000000"},
	}
}

func (a *asker) sukangAsk(form url.Values) (map[string]any, string) {
	a.t.Helper()
	_, body := a.do("POST", sukangParse, form.Encode(), formHeader...)
	return object(a.t, body), body
}

// sukangRes is the content of a reply in either of its forms.
func (a *asker) sukangRes(reply map[string]any) map[string]any {
	a.t.Helper()
	if inner, isText := reply["res"].(string); isText {
		return object(a.t, inner)
	}
	return reply["res"].(map[string]any)
}

func (a *asker) sukang(p Person) found {
	a.t.Helper()
	reply, _ := a.sukangAsk(a.sukangForm(p.Scan))
	switch str(reply["resCode"]) {
	case "0":
		res := a.sukangRes(reply)
		known := map[any]standard.Status{"绿码": "00", "黄码": "01", "红码": "10"}
		return found{standard.Verified, known[res["level"]], str(res["name"]), str(res["idcardNo"])}
	case "111":
		return found{outcome: standard.Expired}
	case "112":
		return found{outcome: standard.Unrecognised}
	case "119":
		return found{outcome: standard.Refused}
	}
	return found{outcome: standard.Unavailable}
}

func TestSukangAsksWhoCallsAndWhoVerifies(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sukang, nil)
	scan := s.People(Sukang)[0].Scan
	tests := map[string]string{"token": "116", "source": "118", "url": "1", "position": "1", "verifierDept": "1", "verifierName": "1", "verifierPhone": "1"}
	for name, code := range tests {
		for how, change := range map[string]func(url.Values){
			"missing": func(f url.Values) { f.Del(name) },
			"empty":   func(f url.Values) { f.Set(name, "") },
		} {
			form := a.sukangForm(scan)
			change(form)
			if reply, body := a.sukangAsk(form); reply["resCode"] != code || reply["res"] != "" || reply["resMessage"] == "" {
				t.Errorf("%s %s: %s", name, how, body)
			}
		}
	}
	for name, code := range map[string]string{"token": "116", "source": "118"} {
		form := a.sukangForm(scan)
		form.Set(name, "another")
		if reply, body := a.sukangAsk(form); reply["resCode"] != code {
			t.Errorf("another %s: %s", name, body)
		}
	}
}

func TestSukangTakesAFormInTheBodyOnly(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sukang, nil)
	form := a.sukangForm(s.People(Sukang)[0].Scan)
	for name, tt := range map[string]struct {
		method, target, body string
		header               []string
		status               int
		holds                string
	}{
		"a form":       {"POST", sukangParse, form.Encode(), formHeader, 200, "绿码"},
		"the query":    {"POST", sukangParse + "?" + form.Encode(), "", formHeader, 200, `"resCode":"116"`},
		"JSON":         {"POST", sukangParse, `{"url":""}`, jsonHeader, 415, ""},
		"GET":          {"GET", sukangParse + "?" + form.Encode(), "", nil, 405, ""},
		"another path": {"POST", "/jkm/thirdparty/other", form.Encode(), formHeader, 404, ""},
		"malformed":    {"POST", sukangParse, "url=%zz", formHeader, 400, ""},
		"too large":    {"POST", sukangParse, "url=" + strings.Repeat("0", maxBody), formHeader, 400, ""},
	} {
		status, body := a.do(tt.method, tt.target, tt.body, tt.header...)
		if status != tt.status || !strings.Contains(body, tt.holds) || tt.holds != "绿码" && strings.Contains(body, "绿码") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestSukangTakesTheCodeFromItsOwnURLOnly(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sukang, nil)
	scan := s.People(Sukang)[0].Scan
	for name, tt := range map[string]struct{ scan, code string }{
		"as scanned":            {scan, "0"},
		"with a token and uuid": {strings.Replace(scan, "?", "?token=t&uuid=u&", 1) + "&v=2#top", "0"},
		"http":                  {strings.Replace(scan, "https", "http", 1), "112"},
		"another host":          {strings.Replace(scan, ".cn", ".cn.example", 1), "112"},
		"another page":          {strings.Replace(scan, "jkmIndex", "index", 1), "112"},
		"a user in front":       {strings.Replace(scan, "https://", "https://u@", 1), "112"},
		"the code twice":        {scan + "&qrCode=00112233445566778899aabbccddeeff", "112"},
		"no code":               {scan[:strings.Index(scan, "?")], "112"},
		"upper case":            {scan[:strings.Index(scan, "=")+1] + strings.ToUpper(scan[strings.Index(scan, "=")+1:]), "112"},
		"the code alone":        {scan[strings.Index(scan, "=")+1:], "112"},
		"no URL":                {"https://%zz", "112"},
	} {
		if reply, body := a.sukangAsk(a.sukangForm(tt.scan)); reply["resCode"] != tt.code {
			t.Errorf("%s: %s", name, body)
		}
	}
}

func TestSukangCodeAndContentEachHaveTwoForms(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sukang, nil)
	forms := map[string]bool{}
	for i, p := range s.Everyone(Sukang) {
		who := s.backends[Sukang].people[i]
		if p.Outcome == standard.Unrecognised { // of whom the backend knows nothing
			continue
		}
		_, body := a.sukangAsk(a.sukangForm(p.Scan))
		number := !strings.HasPrefix(body, `{"resCode":"`)
		if number != who.has(intCode) {
			t.Errorf("%s: %s", p.Note, body)
		}
		object := strings.Contains(body, `"res":{`)
		if object != (who.has(bareDatas) && p.Outcome == standard.Verified) {
			t.Errorf("%s: %s", p.Note, body)
		}
		forms[str(number)+str(object)] = true
	}
	if len(forms) != 4 {
		t.Errorf("forms %v", forms)
	}
}

func TestSukangTellsTestsOfEveryOtherPerson(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sukang, nil)
	for i, p := range s.People(Sukang)[:3] {
		who := s.backends[Sukang].people[i]
		reply, _ := a.sukangAsk(a.sukangForm(p.Scan))
		res := a.sukangRes(reply)
		if res["phone"] != who.phone || res["idcardNo"] != who.number || res["name"] != who.name {
			t.Errorf("%v", res)
		}
		hs, tested := res["hs"].(map[string]any)
		if tested != (i%2 == 0) {
			t.Errorf("%d: %v", i, res)
		}
		if !tested {
			continue
		}
		data := hs["data"].(map[string]any)
		want := map[bool]string{true: "阳性", false: "阴性"}[p.Status == standard.Red]
		if hs["status"] != "0" || hs["msg"] != "查询成功" || data["hsjcjg"] != want || data["hsjcsj"] != "2022-02-28 16:17:41" || data["hsjcjgmc"] == "" {
			t.Errorf("%v", hs)
		}
		if kt := res["kt"].(map[string]any); kt["data"] != nil || kt["status"] != "1" || res["currentTime"] != "2022-03-01 12:00:30" {
			t.Errorf("%v", res)
		}
	}
}

func FuzzSukangCode(f *testing.F) {
	f.Add("https://jsstm.jszwfw.gov.cn/jkmIndex.html?qrCode=00112233445566778899aabbccddeeff")
	f.Add("https://jsstm.jszwfw.gov.cn/jkmIndex.html?token=&uuid=")
	f.Add("https://jsstm.jszwfw.gov.cn/jkmIndex.html?qrCode=a;qrCode=b")
	f.Add("")
	f.Fuzz(func(t *testing.T, scan string) {
		if code := sukangCode(scan); code != "" && !strings.HasPrefix(strings.ToLower(scan), "https://jsstm.jszwfw.gov.cn/") {
			t.Errorf("%q is taken for %s", scan, code)
		}
	})
}
