package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

const guokangVerify = "/healthCode/verification"

// guokangAsk is what a device sends about a scan.
func (a *asker) guokangAsk(scan string) string {
	const nonce = "0123456789abcdef"
	sum := md5.Sum([]byte(scan + a.cred["sn"] + a.cred["authorizationCode"] + nonce))
	return `{"devValue":` + quote(scan) + `,"devSign":"1","sn":` + quote(a.cred["sn"]) + `,"currentBodyTemp":"","authorizationCode":` + quote(a.cred["authorizationCode"]) +
		`,"strCompanyAddress":"","nonce":"` + nonce + `","sign":"` + hex.EncodeToString(sum[:]) + `","source":"1"}`
}

func (a *asker) guokang(p Person) found {
	a.t.Helper()
	for range 2 {
		_, body := a.do("POST", guokangVerify, a.guokangAsk(p.Scan), jsonHeader...)
		reply := object(a.t, body)
		switch str(reply["code"]) {
		case "10000":
			data := object(a.t, reply["data"].(string))
			known := map[string]standard.Status{"0": "00", "1": "10", "10": "10"}
			return found{standard.Verified, known[str(data["qrCodeType"])], str(data["name"]), str(data["idCard"])}
		case "40007":
			return found{outcome: standard.Expired}
		case "S2":
			return found{outcome: standard.Unrecognised}
		case "40017":
			continue
		}
		break
	}
	return found{outcome: standard.Unavailable}
}

func TestGuokangRefusesDevicesThatItDoesNotKnow(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Guokang, func() time.Time { return noon })
	good := a.guokangAsk(s.People(Guokang)[0].Scan)
	for name, tt := range map[string]struct {
		method, body string
		header       []string
		status       int
		begins       string
	}{
		"good":              {"POST", good, jsonHeader, 200, `{"code":10000,"msg":"ok","data":"{\"qrCodeType\":\"0\"`},
		"another sign":      {"POST", strings.Replace(good, `"sign":"`, `"sign":"0`, 1), jsonHeader, 200, `{"code":10006`},
		"another device":    {"POST", strings.Replace(good, a.cred["sn"], "other", 1), jsonHeader, 200, `{"code":40000`},
		"another authority": {"POST", strings.Replace(good, a.cred["authorizationCode"], "other", 1), jsonHeader, 200, `{"code":40001`},
		"another source":    {"POST", strings.Replace(good, `"source":"1"`, `"source":"2"`, 1), jsonHeader, 200, `{"code":"S9"`},
		"no scan":           {"POST", a.guokangAsk(""), jsonHeader, 200, `{"code":"S9"`},
		"not JSON":          {"POST", "{", jsonHeader, 200, `{"code":"S9"`},
		"a form":            {"POST", "devValue=1", formHeader, 415, ""},
		"GET":               {"GET", "", nil, 405, ""},
	} {
		status, body := a.do(tt.method, guokangVerify, tt.body, tt.header...)
		if status != tt.status || !strings.HasPrefix(body, tt.begins) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestGuokangSaysWhatIsWrongBehindIt(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Guokang, func() time.Time { return noon })
	codes := map[string]int{}
	for _, p := range s.People(Guokang) {
		_, body := a.do("POST", guokangVerify, a.guokangAsk(p.Scan), jsonHeader...)
		codes[str(object(t, body)["code"])]++
	}
	for _, code := range []string{"10000", "40006", "40007", "40008", "40017", "40019"} {
		if codes[code] == 0 {
			t.Errorf("nobody gets %s: %v", code, codes)
		}
	}
}
