package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const suishenScanPath = "/gateway/interface-sj-jkmjk/getInfo"

func TestSuishenGivesNoTokenForAWrongCredential(t *testing.T) {
	a := newAsker(t, New(at(noon)), Suishen, nil)
	for _, query := range []string{"", "?appId=demo-suishen", "?appId=demo-suishen&appSecret=wrong", "?appId=wrong&appSecret=made-up-suishen-secret"} {
		status, body := a.do("GET", "/gateway/auth/accesstoken/create"+query, "")
		if reply := object(t, body); status != 200 || reply["code"] != "S9" || reply["access_token"] != nil {
			t.Errorf("%q: %d %s", query, status, body)
		}
	}
}

func TestSuishenTokenLivesADay(t *testing.T) {
	now := noon
	s := New(Options{Now: func() time.Time { return now }})
	a := newAsker(t, s, Suishen, nil)
	token := a.suishenToken()
	for after, code := range map[time.Duration]string{0: "0", 24*time.Hour - time.Millisecond: "0", 24 * time.Hour: "GATEWAY0006"} {
		now = noon.Add(after)
		_, body := a.do("POST", suishenScanPath, `{"data":`+quote(s.People(Suishen)[0].Scan)+`}`, suishenHeader(token)...)
		if got := object(t, body)["code"]; got != code {
			t.Errorf("after %s: %s", after, body)
		}
	}
}

func TestSuishenRefusesWhatItsGatewayRefuses(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suishen, nil)
	token := a.suishenToken()
	good := `{"data":` + quote(s.People(Suishen)[0].Scan) + `}`
	header := func(name, value string) []string {
		h := suishenHeader(token)
		for i := 0; i < len(h); i += 2 {
			if h[i] == name {
				h[i+1] = value
			}
		}
		return h
	}
	forged := token[:16] + strings.Repeat("0", 32)
	tests := []struct {
		name         string
		method, path string
		header       []string
		body         string
		status       int
		contains     string
	}{
		{"good", "POST", suishenScanPath, suishenHeader(token), good, 200, `"code":"0"`},
		{"good, with the members of the newer call", "POST", suishenScanPath, suishenHeader(token), good[:len(good)-1] + `,"unit_id":"u","enStr":"e"}`, 200, `"code":"0"`},
		{"no token", "POST", suishenScanPath, header("access_token", ""), good, 200, `"code":"GATEWAY0006"`},
		{"token of another time", "POST", suishenScanPath, header("access_token", strings.Repeat("0", 16)+token[16:]), good, 200, `"code":"GATEWAY0006"`},
		{"forged token", "POST", suishenScanPath, header("access_token", forged), good, 200, `"code":"GATEWAY0006"`},
		{"other authority type", "POST", suishenScanPath, header("authoritytype", "1"), good, 200, `"code":"S9"`},
		{"other elements version", "POST", suishenScanPath, header("elementsVersion", "1.0"), good, 200, `"code":"S9"`},
		{"a form", "POST", suishenScanPath, header("Content-Type", "application/x-www-form-urlencoded"), "data=1", 415, "application/json"},
		{"not JSON", "POST", suishenScanPath, suishenHeader(token), `{"data":`, 200, `"code":"S9"`},
		{"a key twice", "POST", suishenScanPath, suishenHeader(token), `{"data":"","data":""}`, 200, `"code":"S9"`},
		{"too large", "POST", suishenScanPath, suishenHeader(token), `{"data":"` + strings.Repeat("0", maxBody) + `"}`, 413, "too large"},
		{"GET", "GET", suishenScanPath, suishenHeader(token), "", 405, ""},
		{"another path", "POST", "/gateway/interface-sj-other/getInfo", suishenHeader(token), good, 404, ""},
		{"POST for a token", "POST", "/gateway/auth/accesstoken/create", nil, "", 405, ""},
		{"identity in lower case", "POST", "/gateway/interface-sj-ssmjm/getInfo", suishenHeader(token), `{"xm":"张某","zjhm":"0"}`, 200, `"code":"S9"`},
		{"nucleic in upper case", "POST", "/gateway/interface-gj-xgfy-hsjcsjfwjk/getInfo", suishenHeader(token), `{"XM":"张某","ZJHM":"0"}`, 200, `"code":"S9"`},
	}
	for _, tt := range tests {
		status, body := a.do(tt.method, tt.path, tt.body, tt.header...)
		if status != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
}

func TestSuishenAnswersNullForWhatIsNotItsCode(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suishen, nil)
	scan := s.People(Suishen)[0].Scan
	tests := map[string]string{
		"no URL":             "V2" + scan,
		"empty":              "",
		"http":               strings.Replace(scan, "https", "http", 1),
		"upper-case token":   "https://s.sh.gov.cn/" + strings.ToUpper(scan[20:]),
		"another minute":     scan[:52] + fmt.Sprint(noon.Add(-time.Minute).UnixMilli()),
		"a digit more":       scan + "0",
		"a code of hangzhou": s.People(Hangzhou)[0].Scan,
		"a random token":     "https://s.sh.gov.cn/00112233445566778899aabbccddeeff" + fmt.Sprint(noon.UnixMilli()),
	}
	for name, data := range tests {
		if _, body := a.do("POST", suishenScanPath, `{"data":`+quote(data)+`}`, suishenHeader(a.suishenToken())...); body != "null" {
			t.Errorf("%s: %s", name, body)
		}
	}
}

func TestSuishenCodeOfALaterMinuteIsNotHonoured(t *testing.T) {
	s := New(at(noon))
	later := New(at(noon.Add(time.Minute)))
	a := newAsker(t, s, Suishen, nil)
	if got := a.ask(later.People(Suishen)[0]); got.outcome == "verified" {
		t.Errorf("a code of the next minute is %s", got.outcome)
	}
}

func TestSuishenMasksAndPutsJSONInsideAString(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suishen, nil)
	p := s.backends[Suishen].people[0]
	scan := s.People(Suishen)[0].Scan
	_, body := a.do("POST", suishenScanPath, `{"data":`+quote(scan)+`}`, suishenHeader(a.suishenToken())...)
	inner := object(t, object(t, body)["data"].(string))
	want := map[string]string{
		"xm": p.name, "phone": p.phone[:3] + "****" + p.phone[7:], "type": "00",
		"zjhm": p.number[:6] + "********" + p.number[14:], "dzzz": "1", "uuid": scan[20:52],
	}
	if fmt.Sprint(inner) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", inner, want)
	}
}

func TestSuishenCodeIsANumberForSome(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suishen, nil)
	for _, p := range s.People(Suishen) {
		if !strings.Contains(p.Note, "number for its code") {
			continue
		}
		_, body := a.do("POST", suishenScanPath, `{"data":`+quote(p.Scan)+`}`, suishenHeader(a.suishenToken())...)
		if !strings.HasPrefix(body, `{"code":0,`) {
			t.Error(body)
		}
		return
	}
	t.Error("there is no such person")
}

func TestSuishenNucleicIsANumberOutsideAndTextInside(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suishen, nil)
	red := s.backends[Suishen].people[2]
	for name, tt := range map[string]struct{ xm, code, result string }{
		"known":      {red.name, "200", "阳性"},
		"wrong name": {"某某", "S3", ""},
	} {
		body := `{"xm":` + quote(tt.xm) + `,"zjhm":` + quote(red.number) + `}`
		status, reply := a.do("POST", "/gateway/interface-gj-xgfy-hsjcsjfwjk/getInfo", body, suishenHeader(a.suishenToken())...)
		if status != http.StatusOK || !strings.HasPrefix(reply, `{"code":200,`) {
			t.Errorf("%s: %d %s", name, status, reply)
		}
		inner := object(t, object(t, reply)["data"].(string))
		if inner["code"] != tt.code {
			t.Errorf("%s: inner code %v", name, inner["code"])
		}
		if data, _ := inner["data"].(map[string]any); tt.result != "" && (data["hsjcjg"] != tt.result || data["hsjcsj"] != "2022-02-28 16:17:41") {
			t.Errorf("%s: %v", name, data)
		}
	}
}

func FuzzSuishenScan(f *testing.F) {
	f.Add("https://s.sh.gov.cn/00112233445566778899aabbccddeeff1642941877000")
	f.Add("https://s.sh.gov.cn/00112233445566778899aabbccddeeff0000000000000")
	f.Add("https://s.sh.gov.cn/")
	f.Add("")
	f.Fuzz(func(t *testing.T, scan string) {
		token, ms, ok := parseSuishen(scan)
		if ok && fmt.Sprintf("https://s.sh.gov.cn/%s%013d", token, ms) != scan {
			t.Errorf("%q is taken for %s, %d", scan, token, ms)
		}
	})
}
