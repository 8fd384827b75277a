package sandbox

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

const (
	yuekangInit  = "/api/hc/init"
	yuekangParse = "/api/hc/parseHealthyCode"
)

func (a *asker) yuekangInit() string {
	return text(map[string]string{"etp_id": a.cred["etpId"], "secret_key": a.cred["secretKey"], "sn": a.place["device"]})
}

func (a *asker) yuekangToken() string {
	a.t.Helper()
	_, body := a.do("POST", yuekangInit, a.yuekangInit(), jsonHeader...)
	reply := object(a.t, body)
	if str(reply["code"]) != "0" {
		a.t.Fatalf("no token: %s", body)
	}
	return str(reply["data"].(map[string]any)["token"])
}

func (a *asker) yuekangParse(token, scan string) map[string]any {
	a.t.Helper()
	_, body := a.do("POST", yuekangParse, text(map[string]string{"token": token, "qrcode": scan}), jsonHeader...)
	return object(a.t, body)
}

func (a *asker) yuekang(p Person) found {
	a.t.Helper()
	reply := a.yuekangParse(a.yuekangToken(), p.Scan)
	switch str(reply["code"]) {
	case "0":
		data := reply["data"].(map[string]any)
		known := map[any]standard.Status{"green": "00", "yellow": "01", "red": "10"}
		return found{standard.Verified, known[data["color"]], str(data["name"]), str(data["idNumber"])}
	case "2002":
		return found{outcome: standard.Unrecognised}
	case "2003":
		return found{outcome: standard.Expired}
	}
	return found{outcome: standard.Unavailable}
}

func TestYuekangGivesNoTokenToAStranger(t *testing.T) {
	a := newAsker(t, New(at(noon)), Yuekang, nil)
	for name, tt := range map[string]struct{ body, code string }{
		"wrong secret":          {`{"etp_id":"demo-yuekang","secret_key":"wrong","sn":"SYNTHETIC-SN-0001"}`, "S9"},
		"wrong enterprise":      {`{"etp_id":"wrong","secret_key":"made-up-yuekang-secret","sn":"SYNTHETIC-SN-0001"}`, "S9"},
		"unknown device":        {`{"etp_id":"demo-yuekang","secret_key":"made-up-yuekang-secret","sn":"SYNTHETIC-SN-9999"}`, "1012"},
		"no device":             {`{"etp_id":"demo-yuekang","secret_key":"made-up-yuekang-secret"}`, "1012"},
		"names in another case": {`{"etpId":"demo-yuekang","secretKey":"made-up-yuekang-secret","sn":"SYNTHETIC-SN-0001"}`, "S9"},
		"not JSON":              {`{`, "S9"},
	} {
		status, body := a.do("POST", yuekangInit, tt.body, jsonHeader...)
		if reply := object(t, body); status != 200 || str(reply["code"]) != tt.code || reply["data"] != nil {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestYuekangTokenEndsWithTimeAndWithTheNextOfItsDevice(t *testing.T) {
	now := noon
	s := New(Options{Now: func() time.Time { return now }})
	a := newAsker(t, s, Yuekang, nil)
	other := newAsker(t, s, Yuekang, nil)
	other.place = map[string]string{"device": "SYNTHETIC-SN-0002"}
	scan := s.People(Yuekang)[0].Scan
	code := func(token string) string { return str(a.yuekangParse(token, scan)["code"]) }

	first := a.yuekangToken()
	theirs := other.yuekangToken()
	if code(first) != "0" || code(theirs) != "0" {
		t.Error("a token of one device ends that of another")
	}
	second := a.yuekangToken()
	if first == second || code(first) != "S5" || code(second) != "0" || code(theirs) != "0" {
		t.Errorf("after another init: %s, %s, another device %s", code(first), code(second), code(theirs))
	}
	now = noon.Add(2*time.Hour - time.Second)
	if got := code(second); got != "0" {
		t.Errorf("just before two hours: %s", got)
	}
	now = noon.Add(2 * time.Hour)
	if got := code(second); got != "S5" {
		t.Errorf("after two hours: %s", got)
	}
	for _, token := range []string{"", strings.Repeat("0", 32)} {
		if got := code(token); got != "S5" {
			t.Errorf("token %q: %s", token, got)
		}
	}
}

func TestYuekangTellsWhoseCodeItIsAndItsTests(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Yuekang, nil)
	token := a.yuekangToken()
	moment := regexp.MustCompile(`^2022-0[123]-\d\d \d\d:\d\d:\d\d$`)
	flags, types := map[string]bool{}, map[string]bool{}
	for i, p := range s.People(Yuekang) {
		if p.Outcome != standard.Verified {
			continue
		}
		who := s.backends[Yuekang].people[i]
		data := a.yuekangParse(token, p.Scan)["data"].(map[string]any)
		want := map[bool]string{true: "1", false: "2"}[who.has(sheni)]
		if str(data["type"]) != want || data["name"] != who.name || data["idNumber"] != who.number || data["showTime"] != "2022-03-01 12:00:30" {
			t.Errorf("%s: %v", p.Note, data)
		}
		flag, doses := data["hsDateFlag"].(string), data["vaccine"].(string)
		if tested := moment.MatchString(str(data["hsDateTime"])); tested == who.has(untested) || tested == (flag == "") || tested == (data["hsResult"] == "") {
			t.Errorf("%s: test %v %v %v", p.Note, data["hsDateTime"], flag, data["hsResult"])
		}
		if (doses == "0") != (data["vaccineDate"] == "") {
			t.Errorf("%s: %s doses on %v", p.Note, doses, data["vaccineDate"])
		}
		flags[flag], types[want] = true, true
	}
	if len(flags) != 4 || len(types) != 2 {
		t.Errorf("flags %v, types %v", flags, types)
	}
}

func TestYuekangColourIsANumberForSome(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Yuekang, nil)
	for _, p := range s.People(Yuekang) {
		if strings.HasPrefix(p.Note, "a number") {
			colour := a.yuekangParse(a.yuekangToken(), p.Scan)["data"].(map[string]any)["color"]
			if _, isNumber := colour.(json.Number); !isNumber || p.Status != standard.None {
				t.Errorf("colour %v, promised %q", colour, p.Status)
			}
			return
		}
	}
	t.Error("there is no such person")
}

func TestYuekangRoutes(t *testing.T) {
	a := newAsker(t, New(at(noon)), Yuekang, nil)
	for name, tt := range map[string]struct {
		method, path, body string
		header             []string
		status             int
	}{
		"GET":          {"GET", yuekangInit, "", nil, 405},
		"another path": {"POST", "/api/hc/parseHealthCode", "{}", jsonHeader, 404}, // Healthy is the real spelling
		"a form":       {"POST", yuekangParse, "token=0", formHeader, 415},
		"too large":    {"POST", yuekangParse, `{"token":"` + strings.Repeat("0", maxBody) + `"}`, jsonHeader, 413},
	} {
		if status, body := a.do(tt.method, tt.path, tt.body, tt.header...); status != tt.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
