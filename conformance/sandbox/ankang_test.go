package sandbox

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

const ankangCheck = "/akm-sj-mgr/gate/check"

func (a *asker) ankangAsk(code string) string {
	return text(map[string]string{"qrCode": code, "cityNo": "340000000000", "siteId": a.cred["siteId"], "checkUsrName": "某核验员"})
}

func (a *asker) ankangReply(scan string) map[string]any {
	a.t.Helper()
	if m := regexp.MustCompile(`#/myAkm\?isScan=1&id=(.*)&cityNo=340000000000$`).FindStringSubmatch(scan); m != nil {
		scan = m[1]
	}
	_, body := a.do("POST", ankangCheck, a.ankangAsk(scan), jsonHeader...)
	return object(a.t, body)
}

func (a *asker) ankang(p Person) found {
	a.t.Helper()
	reply := a.ankangReply(p.Scan)
	if reply["flag"] != true {
		return found{outcome: standard.Unavailable}
	}
	inner := reply["data"].(map[string]any)
	if inner["flag"] == true && inner["errMsg"] == "" {
		data := inner["data"].(map[string]any)
		known := map[any]standard.Status{"1": "00", "2": "01", "3": "10"}
		return found{standard.Verified, known[data["healthLevel"]], str(data["name"]), str(data["idCardNo"])}
	}
	messages := map[any]standard.Outcome{
		"二维码已过期": standard.Expired, "未申领": standard.NotFound, "灰码": standard.Refused, "SYNTHETIC 非本系统二维码": standard.Unrecognised,
	}
	if o, ok := messages[inner["errMsg"]]; ok && inner["flag"] == false && inner["data"] == nil {
		return found{outcome: o}
	}
	return found{outcome: standard.Unavailable}
}

func TestAnkangScanHasItsParametersInTheFragment(t *testing.T) {
	want := regexp.MustCompile(`^https://akm\.ahzwfw\.gov\.cn/akm-sj-mgr/index\.html#/myAkm\?isScan=1&id=akm:qrcode:[0-9a-f]{32}&cityNo=340000000000$`)
	for _, p := range New(at(noon)).Everyone(Ankang) {
		if !want.MatchString(p.Scan) {
			t.Errorf("%s: %s", p.Note, p.Scan)
		}
	}
}

func TestAnkangRefusesRequestsThatItDoesNotTake(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Ankang, nil)
	scan := s.People(Ankang)[0].Scan
	code := scan[strings.Index(scan, "akm:qrcode:"):strings.Index(scan, "&cityNo")]
	good := a.ankangAsk(code)
	without := func(name string) string {
		return regexp.MustCompile(`"`+name+`":"[^"]*"`).ReplaceAllString(good, `"`+name+`":""`)
	}
	const bad = `{"flag":false,"errMsg":"SYNTHETIC`
	for name, tt := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		begins             string
	}{
		"good":                 {"POST", ankangCheck, good, jsonHeader, 200, `{"flag":true,"data":{"flag":true,"errMsg":"","data":{"idCardNo"`},
		"a city of Anhui":      {"POST", ankangCheck, strings.Replace(good, "340000000000", "340100000000", 1), jsonHeader, 200, `{"flag":true,"data":{"flag":true`},
		"another province":     {"POST", ankangCheck, strings.Replace(good, "340000000000", "320000000000", 1), jsonHeader, 200, bad},
		"a city of six digits": {"POST", ankangCheck, strings.Replace(good, "340000000000", "340000", 1), jsonHeader, 200, bad},
		"another site":         {"POST", ankangCheck, strings.Replace(good, a.cred["siteId"], strings.Repeat("0", 32), 1), jsonHeader, 200, bad},
		"no site":              {"POST", ankangCheck, without("siteId"), jsonHeader, 200, bad},
		"no city":              {"POST", ankangCheck, without("cityNo"), jsonHeader, 200, bad},
		"nobody checks":        {"POST", ankangCheck, without("checkUsrName"), jsonHeader, 200, bad},
		"no code":              {"POST", ankangCheck, without("qrCode"), jsonHeader, 200, `{"flag":true,"data":{"flag":false,"errMsg":"SYNTHETIC 非本系统二维码","data":null}}`},
		"the code's hex alone": {"POST", ankangCheck, strings.Replace(good, "akm:qrcode:", "", 1), jsonHeader, 200, `{"flag":true,"data":{"flag":false`},
		"not JSON":             {"POST", ankangCheck, "{", jsonHeader, 200, bad},
		"a form":               {"POST", ankangCheck, "qrCode=0", formHeader, 415, ""},
		"GET":                  {"GET", ankangCheck, "", nil, 405, ""},
		"another path":         {"POST", ankangCheck + "2", good, jsonHeader, 404, ""},
	} {
		status, body := a.do(tt.method, tt.path, tt.body, tt.header...)
		if status != tt.status || !strings.HasPrefix(body, tt.begins) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestAnkangTimesAreEightHoursAhead(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Ankang, nil)
	data := a.ankangReply(s.People(Ankang)[0].Scan)["data"].(map[string]any)["data"].(map[string]any)
	got, err := time.ParseInLocation("20060102150405", str(data["changeTime"]), beijing)
	if want := time.Date(2022, 2, 26, 16, 17, 41, 0, beijing); err != nil || !got.Add(-8*time.Hour).Equal(want) {
		t.Errorf("%v (%v), want eight hours after %s", data["changeTime"], err, want)
	}
}

func TestAnkangSaysWhichCodesAreNational(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Ankang, nil)
	sources := map[string]int{}
	for i, p := range s.People(Ankang) {
		if p.Outcome != standard.Verified {
			continue
		}
		who := s.backends[Ankang].people[i]
		data := a.ankangReply(p.Scan)["data"].(map[string]any)["data"].(map[string]any)
		want := map[bool]string{true: "2", false: "1"}[who.has(national)]
		if str(data["dataSource"]) != want || data["userPhone"] != who.phone || data["idCardNo"] != who.number || data["name"] != who.name {
			t.Errorf("%s: %v", p.Note, data)
		}
		if explained := data["colourReason"] != ""; explained != (p.Status == standard.Yellow || p.Status == standard.Red) {
			t.Errorf("%s: reason %q", p.Note, data["colourReason"])
		}
		sources[want]++
	}
	if len(sources) != 2 {
		t.Errorf("sources %v", sources)
	}
}
