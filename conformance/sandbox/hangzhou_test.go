package sandbox

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestZhejiangSignKnownAnswers(t *testing.T) {
	for _, v := range vectors(t).Zhejiang {
		if got := zhejiangSign(v.AppKey, v.Secret, v.RequestTime); got != v.Sign {
			t.Errorf("%s: %s, want %s", v.Name, got, v.Sign)
		}
	}
}

// hangzhouAt gives a client of hangzhou, whose clock and the backend's are *now, and the document number of the first person.
func hangzhouAt(t *testing.T, now *time.Time) (a *asker, byID string) {
	t.Helper()
	clock := func() time.Time { return *now }
	s := New(Options{Now: clock})
	return newAsker(t, s, Hangzhou, clock), `{"sfzh":"` + s.backends[Hangzhou].people[0].number + `"}`
}

func TestHangzhouSecretsRoll(t *testing.T) {
	now := noon
	a, ask := hangzhouAt(t, &now)
	expect := func(name, secret, code string) {
		t.Helper()
		if reply := a.dataCall("interfaceById", ask, secret); reply["code"] != code {
			t.Errorf("%s: %v %v, want %s", name, reply["code"], reply["msg"], code)
		}
	}
	expect("before any refresh", "", "14")
	first := a.refreshed(byKey, a.cred["appSecret"])
	if first.RequestSecretEndTime != noon.Add(15*time.Minute).UnixMilli() {
		t.Errorf("the request secret ends at %d", first.RequestSecretEndTime)
	}
	expect("fresh", first.RequestSecret, "00")
	expect("the refresh secret for a data call", first.RefreshSecret, "14")
	expect("a wrong secret", "wrong", "14")

	now = noon.Add(15*time.Minute - time.Millisecond)
	expect("just before its end", first.RequestSecret, "00")
	now = noon.Add(15 * time.Minute)
	expect("at its end", first.RequestSecret, "11")

	second := a.refreshed(bySecret, first.RefreshSecret)
	expect("the replaced secret", first.RequestSecret, "03")
	expect("the secret that replaced it", second.RequestSecret, "00")

	third := a.refreshed(byKey, a.cred["appSecret"])
	expect("a secret that another node replaced", second.RequestSecret, "03")
	expect("the newest", third.RequestSecret, "00")
	for range secretsKept {
		third = a.refreshed(bySecret, third.RefreshSecret)
	}
	expect("a secret replaced long ago", first.RequestSecret, "14")
}

func TestHangzhouRefreshIsSigned(t *testing.T) {
	now := noon
	a, _ := hangzhouAt(t, &now)
	first := a.refreshed(byKey, a.cred["appSecret"])
	second := a.refreshed(bySecret, first.RefreshSecret)
	tests := []struct {
		name, path, secret string
		after              time.Duration
		code               string
	}{
		{"by key with a wrong secret", byKey, "wrong", 0, "14"},
		{"by key with the refresh secret", byKey, second.RefreshSecret, 0, "14"},
		{"by secret with the app secret", bySecret, a.cred["appSecret"], 0, "14"},
		{"by a replaced refresh secret", bySecret, first.RefreshSecret, 0, "03"},
		{"by a refresh secret that has ended", bySecret, second.RefreshSecret, refreshSecretLife, "11"},
	}
	for _, tt := range tests {
		now = noon.Add(tt.after)
		_, body := a.do("POST", tt.path, "", a.signed(tt.secret)...)
		if reply := object(t, body); reply["code"] != tt.code || reply["datas"] != "" {
			t.Errorf("%s: %s", tt.name, body)
		}
	}
}

func TestHangzhouRefusesAWrongSignOrTime(t *testing.T) {
	now := noon
	a, ask := hangzhouAt(t, &now)
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	path := "/gateway/api/001003001/dataSharing/" + a.cred["interfaceById"] + ".htm"
	sign := func(appKey, requestTime string) []string {
		return []string{"Content-Type", "application/json", "appKey", appKey, "requestTime", requestTime, "sign", zhejiangSign(appKey, secret, requestTime)}
	}
	key, ms := a.cred["appKey"], func(d time.Duration) string { return strconv.FormatInt(noon.Add(d).UnixMilli(), 10) }
	upper := sign(key, ms(0))
	upper[7] = strings.ToUpper(upper[7])
	tests := []struct {
		name   string
		header []string
		code   string
	}{
		{"good", sign(key, ms(0)), "00"},
		{"15 minutes behind", sign(key, ms(-requestSkew)), "00"},
		{"15 minutes ahead", sign(key, ms(requestSkew)), "00"},
		{"more behind", sign(key, ms(-requestSkew-time.Millisecond)), "14"},
		{"more ahead", sign(key, ms(requestSkew+time.Millisecond)), "14"},
		{"14 digits", sign(key, "0"+ms(0)), "14"},
		{"seconds", sign(key, strconv.FormatInt(noon.Unix(), 10)), "14"},
		{"no number", sign(key, "123456789012x"), "14"},
		{"another appKey", sign("another", ms(0)), "14"},
		{"upper-case sign", upper, "14"},
		{"parts that run together otherwise", []string{"Content-Type", "application/json", "appKey", key + "1", "requestTime", ms(0), "sign", upper[7]}, "14"},
		{"nothing", []string{"Content-Type", "application/json"}, "14"},
	}
	for _, tt := range tests {
		if _, body := a.do("POST", path, ask, tt.header...); object(t, body)["code"] != tt.code {
			t.Errorf("%s: %s", tt.name, body)
		}
	}
}

func TestHangzhouTakesFieldsAsHeadersFormMultipartAndQuery(t *testing.T) {
	now := noon
	a, ask := hangzhouAt(t, &now)
	number := str(object(t, ask)["sfzh"])
	path := "/gateway/api/001003001/dataSharing/" + a.cred["interfaceById"] + ".htm"
	header := a.signed(a.refreshed(byKey, a.cred["appSecret"]).RequestSecret)
	fields := url.Values{"sfzh": {number}}
	var multi bytes.Buffer
	form := multipart.NewWriter(&multi)
	for i := 0; i < len(header); i += 2 {
		fields.Set(header[i], header[i+1])
		form.WriteField(header[i], header[i+1])
	}
	form.WriteField("sfzh", number)
	form.Close()
	tests := []struct {
		name, target, body string
		header             []string
	}{
		{"headers and JSON", path, ask, append([]string{"Content-Type", "application/json;charset=UTF-8"}, header...)},
		{"form", path, fields.Encode(), []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"multipart", path, multi.String(), []string{"Content-Type", form.FormDataContentType()}},
		{"query", path + "?" + fields.Encode(), "", nil},
	}
	for _, tt := range tests {
		if _, body := a.do("POST", tt.target, tt.body, tt.header...); !strings.Contains(body, "绿码") {
			t.Errorf("%s: %s", tt.name, body)
		}
	}
}

func TestHangzhouRefusesRequestsThatNoInterfaceTakes(t *testing.T) {
	now := noon
	a, ask := hangzhouAt(t, &now)
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	base := "/gateway/api/001003001/dataSharing/"
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"another interface", "POST", base + "0123456789abcdef.htm", ask, 404, ""},
		{"no .htm", "POST", base + a.cred["interfaceById"], ask, 404, ""},
		{"GET", "GET", base + a.cred["interfaceById"] + ".htm", "", 405, ""},
		{"refresh by GET", "GET", byKey, "", 405, ""},
		{"not JSON", "POST", base + a.cred["interfaceById"] + ".htm", "{", 200, "S9"},
		{"no number", "POST", base + a.cred["interfaceById"] + ".htm", "{}", 200, "S9"},
		{"a lower-case x", "POST", base + a.cred["interfaceById"] + ".htm", `{"sfzh":"00000000000000000x"}`, 200, "S9"},
		{"an unknown number", "POST", base + a.cred["interfaceById"] + ".htm", `{"sfzh":"00000000000000000X"}`, 200, "00"},
		{"no V2", "POST", base + a.cred["interfaceByQr"] + ".htm", `{"qrCode":"V300112233445566778899aabbccddeeff"}`, 200, "S2"},
		{"another type of document", "POST", base + a.cred["interfaceRealTime"] + ".htm", `{"cityNo":"330100","idcardNo":"0","idcardType":"PASSPORT"}`, 200, "S9"},
		{"too large", "POST", base + a.cred["interfaceById"] + ".htm", strings.Repeat(" ", maxBody) + ask, 413, ""},
	}
	for _, tt := range tests {
		status, body := a.do(tt.method, tt.path, tt.body, a.signed(secret, jsonHeader...)...)
		if status != tt.status || tt.code != "" && object(t, body)["code"] != tt.code {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
}

func TestHangzhouRecords(t *testing.T) {
	now := noon
	a, ask := hangzhouAt(t, &now)
	reply := a.dataCall("interfaceById", ask, a.refreshed(byKey, a.cred["appSecret"]).RequestSecret)
	record := list(t, reply["datas"].(string))[0]
	if record["sfzh"] != object(t, ask)["sfzh"] || record["mzt"] != "绿码" || record["mffd"] != "杭州市" || record["zjgxsj"] != "2022-02-26 16:17:41" || len(str(record["sjh"])) != 11 {
		t.Errorf("%v", record)
	}
	if str(reply["dataCount"]) != "1" || reply["data"] != "" || reply["requestId"] == "" {
		t.Errorf("%v", reply)
	}
}

func TestHangzhouEmptyAnswerMeansAskAgain(t *testing.T) {
	now := noon
	a, _ := hangzhouAt(t, &now)
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	s := New(at(noon))
	for i, p := range s.People(Hangzhou) {
		if s.backends[Hangzhou].people[i].has(emptyOnce) {
			code := p.Scan[strings.Index(p.Scan, "V2"):strings.Index(p.Scan, "#")]
			for n := range 4 {
				reply := a.dataCall("interfaceByQr", `{"qrCode":"`+code+`"}`, secret)
				if empty := reply["datas"] == ""; reply["code"] != "00" || empty != (n%2 == 0) {
					t.Errorf("answer %d: %v", n, reply)
				}
			}
			return
		}
	}
	t.Error("there is no such person")
}

func TestHangzhouRepeatsTheDisplayedCodeWithEachCityAndByIDNone(t *testing.T) {
	now := noon
	a, _ := hangzhouAt(t, &now)
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	p := New(at(noon)).People(Hangzhou)[0]
	code := p.Scan[strings.Index(p.Scan, "V2"):strings.Index(p.Scan, "#")]
	byQR := str(a.dataCall("interfaceByQr", `{"qrCode":"`+code+`"}`, secret)["datas"])
	if n := strings.Count(byQR, `"sfzh"`); n == 0 || strings.Count(byQR, `"qrCode":"`+code+`"`) != n {
		t.Errorf("by QR: %s", byQR)
	}
	number := New(at(noon)).backends[Hangzhou].people[0].number
	if byID := str(a.dataCall("interfaceById", `{"sfzh":"`+number+`"}`, secret)["datas"]); !strings.Contains(byID, number) || strings.Contains(byID, "qrCode") {
		t.Errorf("by ID: %s", byID)
	}
}

func TestHangzhouDatasIsTheListItselfForSome(t *testing.T) {
	now := noon
	a, _ := hangzhouAt(t, &now)
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	bare := 0
	for _, p := range New(at(noon)).backends[Hangzhou].people {
		if p.fate == gone || p.has(emptyOnce) {
			continue
		}
		_, isList := a.dataCall("interfaceById", `{"sfzh":"`+p.number+`"}`, secret)["datas"].([]any)
		if isList != p.has(bareDatas) {
			t.Errorf("%d: a list %t, want %t", p.no, isList, p.has(bareDatas))
		}
		if isList {
			bare++
		}
	}
	if bare == 0 {
		t.Error("there is no such person")
	}
}

func TestHangzhouRealTimeAnswersForOneCity(t *testing.T) {
	now := noon
	a, _ := hangzhouAt(t, &now)
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	two := New(at(noon)).backends[Hangzhou].people[4] // 温州市 yellow, 杭州市 green
	for city, level := range map[string]string{"330100": "green", "330300": "yellow", "330200": ""} {
		reply := a.dataCall("interfaceRealTime", `{"cityNo":"`+city+`","idcardNo":"`+two.number+`","idcardType":"IDENTITY_CARD","phone":""}`, secret)
		inner := object(t, reply["datas"].(string))
		if level == "" {
			if inner["success"] != false {
				t.Errorf("%s: %v", city, inner)
			}
			continue
		}
		data := inner["data"].(map[string]any)
		if data["level"] != level || data["cityNo"] != city || !strings.HasPrefix(str(data["qrCodeText"]), "https://h5.dingtalk.com/healthAct/index.html?qrCode=V2") {
			t.Errorf("%s: %v", city, data)
		}
	}
}
