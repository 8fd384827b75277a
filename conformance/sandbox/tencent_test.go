package sandbox

import (
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

const (
	sichuanHealth  = "/papi/t/tphealthqrcode"
	sichuanNucleic = "/papi/t/tpgethsjcfromsichuan"
	fujianHealth   = "/ebus/jkm/healthcode-scanqr/healthcodescanqr/openapi/gatecheck/healthinfo"
)

func (a *asker) tencent(p Person, path string, header []string) found {
	a.t.Helper()
	_, body := a.do("POST", path, `{"qr_code":`+quote(p.Scan)+`}`, header...)
	reply := object(a.t, body)
	switch str(reply["errcode"]) {
	case "0":
		info := reply["data"].(map[string]any)["health_info"].(map[string]any)
		if info["qr_code"] != p.Scan {
			a.t.Errorf("the reply is about %v", info["qr_code"])
		}
		known := map[string]standard.Status{"00": "00", "01": "01", "10": "10"}
		status := known[str(info["risk_assessment_grade"])]
		if info["report_expired"] == true || info["is_isolation"] == "1" {
			status = standard.None
		}
		return found{standard.Verified, status, str(info["name"]), str(info["cid"])}
	case "S1":
		return found{outcome: standard.Expired}
	case "S2":
		return found{outcome: standard.Unrecognised}
	case "S3":
		return found{outcome: standard.NotFound}
	}
	return found{outcome: standard.Unavailable}
}

func TestSichuanHasNoWordButItsGreen(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sichuan, nil)
	numbers := 0
	for _, p := range s.Everyone(Sichuan) {
		_, body := a.do("POST", sichuanHealth, `{"qr_code":`+quote(p.Scan)+`}`, jsonHeader...)
		reply := object(t, body)
		if p.Outcome != standard.Verified {
			continue
		}
		if _, isText := reply["errcode"].(string); !isText {
			numbers++
		}
		grade := reply["data"].(map[string]any)["health_info"].(map[string]any)["risk_assessment_grade"]
		if grade != "00" && grade != "SYNTHETIC-02" {
			t.Errorf("%s: %v", p.Note, grade)
		}
	}
	if numbers == 0 {
		t.Error("no errcode is a number")
	}
}

func TestSichuanTellsTests(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Sichuan, nil)
	fractions, none := 0, 0
	for i, p := range s.People(Sichuan) {
		_, body := a.do("POST", sichuanNucleic, `{"qr_code":`+quote(p.Scan)+`}`, jsonHeader...)
		reply := object(t, body)
		if p.Outcome != standard.Verified {
			continue
		}
		tests := reply["data"].([]any)
		if s.backends[Sichuan].people[i].has(untested) {
			none++
			if len(tests) != 0 {
				t.Errorf("%s: %v", p.Note, tests)
			}
			continue
		}
		test := tests[0].(map[string]any)
		if len(tests) != 2 || test["hsjcjg"] != "阴性" || test["hsjcjq"] != test["hsjcjg"] || test["inDay7"] != true || !strings.HasPrefix(str(test["hscysj"]), "2022-02-27 16:17:41") {
			t.Errorf("%s: %v", p.Note, tests)
		}
		if strings.HasSuffix(str(test["hscysj"]), ".0") {
			fractions++
		}
	}
	if fractions == 0 || none == 0 {
		t.Errorf("%d times with a fraction, %d people without a test", fractions, none)
	}
}

func TestTencentRefusesRequestsThatItDoesNotTake(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Fujian, func() time.Time { return noon })
	good := `{"qr_code":` + quote(s.People(Fujian)[0].Scan) + `}`
	signed := append(a.tif(), jsonHeader...)
	for name, tt := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		begins             string
	}{
		"good":            {"POST", fujianHealth, good, signed, 200, `{"errcode":"0","errmsg":"SUCCESS"`},
		"not signed":      {"POST", fujianHealth, good, jsonHeader, 500, `{"code":400001,"msg":"鉴权参数不完整"}`},
		"another paasid":  {"POST", fujianHealth, good, append(append(a.tif(), jsonHeader...), "x-tif-paasid", "other"), 500, `{"code":400001,"msg":"鉴权失败"}`},
		"an old time":     {"POST", fujianHealth, good, append(append(a.tif(), jsonHeader...), "x-tif-timestamp", "1646100000"), 500, `{"code":400001,"msg":"鉴权失败"}`},
		"no code":         {"POST", fujianHealth, `{}`, signed, 200, `{"errcode":"S2"`},
		"not JSON":        {"POST", fujianHealth, `{`, signed, 200, `{"errcode":"S9"`},
		"GET":             {"GET", fujianHealth, "", signed, 405, ""},
		"Sichuan's paths": {"POST", sichuanHealth, good, signed, 404, ""},
	} {
		status, body := a.do(tt.method, tt.path, tt.body, tt.header...)
		if status != tt.status || !strings.HasPrefix(body, tt.begins) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
