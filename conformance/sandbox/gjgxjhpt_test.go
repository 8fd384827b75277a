package sandbox

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

const (
	gjgxjhptRefresh = "/sysapi/auth/refreshappsecret"
	gjgxjhptProxy   = "/httpproxy"
)

func (a *asker) gjgxjhptSigned(secret string) (rtime, sign string) {
	rtime = strconv.FormatInt(a.now().UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(a.cred["sid"] + a.cred["rid"] + rtime))
	return rtime, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (a *asker) gjgxjhptHeader(secret string) []string {
	rtime, sign := a.gjgxjhptSigned(secret)
	return []string{"Content-Type", "application/json", "gjgxjhpt_rid", a.cred["rid"], "gjgxjhpt_sid", a.cred["sid"], "gjgxjhpt_rtime", rtime, "gjgxjhpt_sign", sign}
}

// gjgxjhptRefresh is the body of a refresh: the headers once more.
func (a *asker) gjgxjhptRefresh() string {
	rtime, sign := a.gjgxjhptSigned(a.cred["appKey"])
	return `{"gjgxjhpt_rid":"` + a.cred["rid"] + `","gjgxjhpt_sid":"` + a.cred["sid"] + `","gjgxjhpt_rtime":"` + rtime + `","gjgxjhpt_sign":"` + sign + `"}`
}

// gjgxjhptSecret fetches a secret and unwraps it.
func (a *asker) gjgxjhptSecret() string {
	a.t.Helper()
	_, body := a.do("POST", gjgxjhptRefresh, a.gjgxjhptRefresh(), a.gjgxjhptHeader(a.cred["appKey"])...)
	data, ok := object(a.t, body)["data"].(map[string]any)
	if !ok {
		a.t.Fatal(body)
	}
	raw, err := base64.StdEncoding.DecodeString(str(data["secret"]))
	block, _ := aes.NewCipher([]byte(a.cred["appKey"]))
	if err != nil || len(raw) != 48 {
		a.t.Fatalf("%v: %s", err, body)
	}
	for i := 0; i < len(raw); i += 16 {
		block.Decrypt(raw[i:], raw[i:])
	}
	return string(raw[:32])
}

func (a *asker) gjgxjhpt(p Person) found {
	a.t.Helper()
	ask := `{"qrCode":` + quote(p.Scan) + `}`
	if p.Document != nil {
		ask = `{"name":` + quote(p.Document.Name) + `,"idNumber":` + quote(p.Document.Number) + `}`
	}
	_, body := a.do("POST", gjgxjhptProxy, ask, a.gjgxjhptHeader(a.gjgxjhptSecret())...)
	reply := object(a.t, body)
	switch str(reply["code"]) {
	case "0":
		data := reply["data"].(map[string]any)
		known := map[string]standard.Status{"00": "00", "01": "01", "10": "10"}
		return found{standard.Verified, known[str(data["status"])], str(data["name"]), str(data["idNumber"])}
	case "S1":
		return found{outcome: standard.Expired}
	case "S2":
		return found{outcome: standard.Unrecognised}
	case "S3":
		return found{outcome: standard.NotFound}
	}
	return found{outcome: standard.Unavailable}
}

func TestGjgxjhptRefusesWhatIsNotSignedWithItsSecret(t *testing.T) {
	now := noon
	s := New(Options{Now: func() time.Time { return now }})
	a := newAsker(t, s, Gjgxjhpt, func() time.Time { return now })
	ask := `{"qrCode":` + quote(s.People(Gjgxjhpt)[0].Scan) + `}`
	code := func(header []string) string {
		_, body := a.do("POST", gjgxjhptProxy, ask, header...)
		return str(object(t, body)["code"])
	}
	if got := code(a.gjgxjhptHeader("")); got != "S5" {
		t.Errorf("before any secret: %s", got)
	}
	old := a.gjgxjhptSecret()
	if got := code(a.gjgxjhptHeader(old)); got != "0" {
		t.Errorf("with the secret: %s", got)
	}
	secret := a.gjgxjhptSecret()
	for name, tt := range map[string]struct {
		header []string
		want   string
	}{
		"good":                 {a.gjgxjhptHeader(secret), "0"},
		"the secret before":    {a.gjgxjhptHeader(old), "S5"},
		"the app key":          {a.gjgxjhptHeader(a.cred["appKey"]), "S5"},
		"another requester":    {append(a.gjgxjhptHeader(secret), "gjgxjhpt_rid", "other"), "E-106"},
		"another service":      {append(a.gjgxjhptHeader(secret), "gjgxjhpt_sid", "other"), "E-106"},
		"a time in seconds":    {append(a.gjgxjhptHeader(secret), "gjgxjhpt_rtime", "1646107230"), "S5"},
		"a time that was":      {append(a.gjgxjhptHeader(secret), "gjgxjhpt_rtime", "1646100000000"), "S5"},
		"no signature at all":  {jsonHeader, "E-106"},
		"not a word of base64": {append(a.gjgxjhptHeader(secret), "gjgxjhpt_sign", "*"), "S5"},
	} {
		if got := code(tt.header); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	now = noon.Add(time.Hour)
	if got := code(a.gjgxjhptHeader(secret)); got != "S5" {
		t.Errorf("when the secret has ended: %s", got)
	}
}

func TestGjgxjhptGivesNoSecretToAStranger(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Gjgxjhpt, func() time.Time { return noon })
	for name, tt := range map[string]struct {
		body   string
		header []string
		begins string
	}{
		"good":                       {a.gjgxjhptRefresh(), a.gjgxjhptHeader(a.cred["appKey"]), `{"code":"0"`},
		"another key":                {strings.Replace(a.gjgxjhptRefresh(), `_sign":"`, `_sign":"0`, 1), a.gjgxjhptHeader("0"), `{"code":"S9"`},
		"headers without their body": {`{}`, a.gjgxjhptHeader(a.cred["appKey"]), `{"code":"S9"`},
		"a body without its headers": {a.gjgxjhptRefresh(), jsonHeader, `{"code":"S9"`},
	} {
		if _, body := a.do("POST", gjgxjhptRefresh, tt.body, tt.header...); !strings.HasPrefix(body, tt.begins) {
			t.Errorf("%s: %s", name, body)
		}
	}
}
