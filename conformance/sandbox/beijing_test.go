package sandbox

import (
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"tongma/standard"
)

const (
	jkbTime = "/auth-server/system/timestamp/"
	jkbCode = "/jingxinju/jkb/businessTravel/getHealthCode"
)

// beijingHeader is signed by the gateway's own clock, which is asked for.
func (a *asker) beijingHeader() []string {
	a.t.Helper()
	_, body := a.do("GET", jkbTime, "")
	ms, err := strconv.ParseInt(str(object(a.t, body)["data"]), 10, 64)
	if err != nil {
		a.t.Fatal(body)
	}
	theirs := *a
	theirs.now = func() time.Time { return time.UnixMilli(ms) }
	return append(theirs.tif(), "x-tif-did", a.cred["did"], "sid", a.cred["sid"])
}

func (a *asker) beijing(p Person) found {
	a.t.Helper()
	_, body := a.do("GET", jkbCode+"?encourage="+url.QueryEscape(p.Scan), "", a.beijingHeader()...)
	reply := object(a.t, body)
	switch str(reply["errcode"]) {
	case "BIS:10200":
		data := reply["data"].(map[string]any)
		if data["encourage"] != p.Scan {
			a.t.Errorf("the reply is about %v", data["encourage"])
		}
		known := map[string]standard.Status{"0": "00", "30": "00", "1": "01", "2": "10"}
		return found{standard.Verified, known[str(data["status"])], str(data["name"]), str(data["idNumber"])}
	case "S1":
		return found{outcome: standard.Expired}
	case "S2":
		return found{outcome: standard.Unrecognised}
	case "S3":
		return found{outcome: standard.NotFound}
	case "BIF:10401", "BIF:10403":
		return found{outcome: standard.Refused}
	}
	return found{outcome: standard.Unavailable}
}

func TestBeijingRefusesWhatIsNotSignedByItsOwnClock(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Beijing, func() time.Time { return noon })
	target := jkbCode + "?encourage=" + url.QueryEscape(s.People(Beijing)[0].Scan)
	session := []string{"x-tif-did", a.cred["did"], "sid", a.cred["sid"]}
	for name, tt := range map[string]struct {
		method, target string
		header         []string
		status         int
		code           string
	}{
		"good":                     {"GET", target, a.beijingHeader(), 200, "BIS:10200"},
		"by one's own clock":       {"GET", target, append(a.tif(), session...), 200, "AGW.1433"},
		"not signed":               {"GET", target, session, 200, "AGW.1401"},
		"a nonce that is not so":   {"GET", target, append(a.beijingHeader(), "x-tif-nonce", "0"), 200, "AGW.1401"},
		"another paasid":           {"GET", target, append(a.beijingHeader(), "x-tif-paasid", "other"), 200, "AGW.1401"},
		"a time that is no number": {"GET", target, append(a.beijingHeader(), "x-tif-timestamp", "noon"), 200, "AGW.1433"},
		"no session":               {"GET", target, append(a.beijingHeader(), "sid", "other"), 200, "BIF:10401"},
		"another device":           {"GET", target, append(a.beijingHeader(), "x-tif-did", "other"), 200, "BIF:10401"},
		"no code":                  {"GET", jkbCode, a.beijingHeader(), 200, "S9"},
		"POST":                     {"POST", target, a.beijingHeader(), 405, ""},
		"another path":             {"GET", "/jingxinju/jkb/businessTravel/getBaseData", a.beijingHeader(), 404, ""},
	} {
		status, body := a.do(tt.method, tt.target, "", tt.header...)
		if status != tt.status || tt.code != "" && object(t, body)["errcode"] != tt.code {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestBeijingTellsEveryStateThatIsKnown(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Beijing, func() time.Time { return noon })
	var states []string
	numbers := 0
	for _, p := range s.People(Beijing) {
		_, body := a.do("GET", jkbCode+"?encourage="+url.QueryEscape(p.Scan), "", a.beijingHeader()...)
		data, ok := object(t, body)["data"].(map[string]any)
		if !ok {
			continue
		}
		if _, isText := data["status"].(string); !isText {
			numbers++
		}
		states = append(states, str(data["status"]))
	}
	for _, want := range []string{"0", "1", "2", "-3", "4", "-7", "51", "41", "30", "-1"} {
		if !slices.Contains(states, want) {
			t.Errorf("nobody has the state %s: %v", want, states)
		}
	}
	if numbers < 3 {
		t.Errorf("%d states are numbers", numbers)
	}
}
