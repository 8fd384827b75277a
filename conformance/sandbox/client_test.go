package sandbox

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

// noon is the time of most tests: a working day, far from midnight in Beijing.
var noon = time.Date(2022, 3, 1, 12, 0, 30, 0, time.FixedZone("CST", 8*3600))

// asker is a client of one backend, written from the facts and not from this package's code.
type asker struct {
	t       *testing.T
	handler http.Handler
	now     func() time.Time
	cred    map[string]string
	place   map[string]string
}

func newAsker(t *testing.T, s *Sandbox, system string, now func() time.Time) *asker {
	return &asker{t, s.Handler(system), now, s.Credentials(system), s.PlaceIDs(system)}
}

// do sends one request over the handler and gives status and body.
func (a *asker) do(method, target, body string, header ...string) (int, string) {
	a.t.Helper()
	w := do(a.t, a.handler, method, target, body, header...)
	return w.status, w.body.String()
}

func do(t *testing.T, h http.Handler, method, target, body string, header ...string) *capture {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr, r.RequestURI = "127.0.0.1:1", target // as a server has them
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := &capture{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	return w
}

// object decodes a JSON object; numbers and text alike become text.
func object(t *testing.T, body string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil && err != io.EOF {
		t.Fatalf("not a JSON object: %v: %s", err, body)
	}
	return o
}

func list(t *testing.T, text string) []map[string]any {
	t.Helper()
	var l []map[string]any
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("not a JSON list: %v: %s", err, text)
	}
	return l
}

func str(v any) string { return fmt.Sprint(v) }

// found is what a client made of an answer.
type found struct {
	outcome        standard.Outcome
	status         standard.Status
	name, idNumber string
}

var (
	jsonHeader = []string{"Content-Type", "application/json"}
	formHeader = []string{"Content-Type", "application/x-www-form-urlencoded"}
)

// suishen

func (a *asker) suishenToken() string {
	a.t.Helper()
	_, body := a.do("GET", "/gateway/auth/accesstoken/create?appId="+url.QueryEscape(a.cred["appId"])+"&appSecret="+url.QueryEscape(a.cred["appSecret"]), "")
	token, _ := object(a.t, body)["access_token"].(string)
	if token == "" {
		a.t.Fatalf("no access token: %s", body)
	}
	return token
}

func suishenHeader(token string) []string {
	return []string{"Content-Type", "application/json", "access_token", token, "authoritytype", "2", "elementsVersion", "1.00"}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func (a *asker) suishen(p Person) found {
	a.t.Helper()
	header := suishenHeader(a.suishenToken())
	known := map[string]standard.Status{"00": "00", "01": "01", "10": "10"}
	if p.Document != nil {
		_, body := a.do("POST", "/gateway/interface-sj-ssmjm/getInfo", `{"XM":`+quote(p.Document.Name)+`,"ZJHM":`+quote(p.Document.Number)+`}`, header...)
		reply := object(a.t, body)
		types, isList := reply["data"].([]any)
		switch {
		case str(reply["code"]) != "0" || !isList:
			return found{outcome: standard.Unavailable}
		case len(types) == 0:
			return found{outcome: standard.NotFound}
		}
		return found{standard.Verified, known[str(types[0].(map[string]any)["type"])], "", ""}
	}
	_, body := a.do("POST", "/gateway/interface-sj-jkmjk/getInfo", `{"data":`+quote(p.Scan)+`}`, header...)
	if body == "null" {
		return found{outcome: standard.Unrecognised}
	}
	reply := object(a.t, body)
	switch str(reply["code"]) {
	case "0":
		person := object(a.t, reply["data"].(string))
		return found{standard.Verified, known[str(person["type"])], str(person["xm"]), str(person["zjhm"])}
	case "1":
		return found{outcome: standard.Expired}
	}
	return found{outcome: standard.Unavailable}
}

// suikang

func (a *asker) tif() []string {
	const nonce = "0123456789abcdef0123456789abcdef"
	ts := strconv.FormatInt(a.now().Unix(), 10)
	sum := sha256.Sum256([]byte(ts + a.cred["token"] + nonce + ts))
	return []string{"x-tif-paasid", a.cred["paasId"], "x-tif-timestamp", ts, "x-tif-nonce", nonce, "x-tif-signature", strings.ToUpper(hex.EncodeToString(sum[:]))}
}

const (
	suikangStatusPath = "/ebus/wyj/healthy-thirdapi/qrc-code-status/"
	suikangInfoPath   = "/ebus/wyj/prominent-citizens/v1/api/thirtparty/qrccode/infobycode/"
)

func (a *asker) suikang(p Person) found {
	a.t.Helper()
	id := url.PathEscape(p.Scan)
	if strings.HasPrefix(p.Scan, "{") {
		id = str(object(a.t, p.Scan)["codeId"])
	}
	_, body := a.do("POST", suikangStatusPath+id+"?color=true", "", a.tif()...)
	reply := object(a.t, body)
	refusals := map[string]standard.Outcome{"S1": standard.Expired, "S2": standard.Unrecognised, "S3": standard.NotFound, "S4": standard.Refused}
	if o, ok := refusals[str(reply["code"])]; ok {
		return found{outcome: o}
	}
	if str(reply["code"]) != "0" {
		return found{outcome: standard.Unavailable}
	}
	known := map[string]standard.Status{"green": "00", "yellow": "01", "red": "10"}
	status := known[str(reply["data"].(map[string]any)["color"])]
	_, body = a.do("GET", suikangInfoPath+id, "", a.tif()...)
	holder := object(a.t, body)["data"].(map[string]any)
	return found{standard.Verified, status, str(holder["name"]), str(holder["idNumber"])}
}

// hangzhou

func (a *asker) signed(secret string, more ...string) []string {
	t := strconv.FormatInt(a.now().UnixMilli(), 10)
	sum := md5.Sum([]byte(a.cred["appKey"] + secret + t))
	return append([]string{"appKey", a.cred["appKey"], "requestTime", t, "sign", hex.EncodeToString(sum[:])}, more...)
}

func (a *asker) refreshed(path, secret string) secretPair {
	a.t.Helper()
	h := a.signed(secret)
	form := url.Values{h[0]: {h[1]}, h[2]: {h[3]}, h[4]: {h[5]}}
	_, body := a.do("POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var reply struct {
		Code  string
		Datas secretPair
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil || reply.Code != "00" {
		a.t.Fatalf("no secrets: %v: %s", err, body)
	}
	return reply.Datas
}

const (
	byKey    = "/gateway/app/refreshTokenByKey.htm"
	bySecret = "/gateway/app/refreshTokenBySec.htm"
)

func (a *asker) dataCall(id, body, secret string) map[string]any {
	a.t.Helper()
	_, reply := a.do("POST", "/gateway/api/001003001/dataSharing/"+a.cred[id]+".htm", body, a.signed(secret, jsonHeader...)...)
	return object(a.t, reply)
}

func (a *asker) hangzhou(p Person) found {
	a.t.Helper()
	secret := a.refreshed(byKey, a.cred["appSecret"]).RequestSecret
	id, body := "interfaceById", ""
	if p.Document != nil {
		body = `{"sfzh":` + quote(p.Document.Number) + `}`
	} else {
		code := p.Scan
		if u, err := url.Parse(p.Scan); err == nil {
			code = u.Query().Get("qrCode")
		}
		id, body = "interfaceByQr", `{"qrCode":`+quote(code)+`}`
	}
	var reply map[string]any
	for range 3 {
		if reply = a.dataCall(id, body, secret); reply["datas"] != "" {
			break
		}
	}
	if o, ok := map[string]standard.Outcome{"S1": standard.Expired, "S2": standard.Unrecognised}[str(reply["code"])]; ok {
		return found{outcome: o}
	}
	datas, isText := reply["datas"].(string)
	if !isText {
		b, _ := json.Marshal(reply["datas"])
		datas = string(b)
	}
	if str(reply["code"]) != "00" || datas == "" {
		return found{outcome: standard.Unavailable}
	}
	var latest map[string]any
	for _, r := range list(a.t, datas) {
		if latest == nil || str(r["zjgxsj"]) > str(latest["zjgxsj"]) {
			latest = r
		}
	}
	if latest == nil || p.Document != nil && latest["xm"] != p.Document.Name {
		return found{outcome: standard.NotFound}
	}
	known := map[string]standard.Status{"绿码": "00", "黄码": "01", "红码": "10"}
	return found{standard.Verified, known[str(latest["mzt"])], str(latest["xm"]), str(latest["sfzh"])}
}

// ask lets the client of p's system verify p.
func (a *asker) ask(p Person) found {
	a.t.Helper()
	if _, ok := regionOf(p.System); ok {
		return a.docked(p)
	}
	switch p.System {
	case Suishen:
		return a.suishen(p)
	case Suikang:
		return a.suikang(p)
	case Yuekang:
		return a.yuekang(p)
	case Yukang:
		return a.yukang(p)
	case Sukang:
		return a.sukang(p)
	case Ankang:
		return a.ankang(p)
	case Hebei:
		return a.hebei(p)
	case Beijing:
		return a.beijing(p)
	case Guokang:
		return a.guokang(p)
	case Gjgxjhpt:
		return a.gjgxjhpt(p)
	case Jilin:
		return a.jilin(p)
	case Sichuan:
		return a.tencent(p, sichuanHealth, jsonHeader)
	case Fujian:
		return a.tencent(p, fujianHealth, append(a.tif(), jsonHeader...))
	}
	return a.hangzhou(p)
}
