package sandbox

import (
	"crypto/aes"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

const jilinSearch = "/api/v2/qr-color-search"

// jilinSeal is base64 of AES-ECB with PKCS #7.
func jilinSeal(key, text string) string {
	block, _ := aes.NewCipher([]byte(key))
	pad := 16 - len(text)%16
	raw := []byte(text + strings.Repeat(string(rune(pad)), pad))
	for i := 0; i < len(raw); i += 16 {
		block.Encrypt(raw[i:], raw[i:])
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (a *asker) jilinAsk(scan string) string {
	return `{"encrypt":"` + jilinSeal(a.cred["key"], `{"qrCode":`+quote(scan)+`}`) + `"}`
}

func (a *asker) jilinHeader() []string {
	return []string{"Content-Type", "application/json", "Service-Id", a.cred["serviceId"], "trace_id", "0", "timestamp", strconv.FormatInt(a.now().Unix(), 10),
		"nonce", "0", "client_source", a.cred["clientSource"], "interface_id", "FourColorQRAPP"}
}

func (a *asker) jilin(p Person) found {
	a.t.Helper()
	_, body := a.do("POST", jilinSearch, a.jilinAsk(p.Scan), a.jilinHeader()...)
	reply := object(a.t, body)
	switch str(reply["code"]) {
	case "000000":
		data := reply["data"].(map[string]any)
		if data["qrCode"] != p.Scan {
			a.t.Errorf("the reply is about %v", data["qrCode"])
		}
		known := map[string]standard.Status{"green": "00", "yellow": "01", "red": "10"}
		return found{standard.Verified, known[str(data["color"])], str(data["name"]), ""}
	case "S1":
		return found{outcome: standard.Expired}
	case "S2":
		return found{outcome: standard.Unrecognised}
	case "S3":
		return found{outcome: standard.NotFound}
	}
	return found{outcome: standard.Unavailable}
}

func TestJilinHasFourColours(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Jilin, func() time.Time { return noon })
	for i, want := range []string{"green", "yellow", "orange", "red"} {
		p := s.People(Jilin)[i]
		_, body := a.do("POST", jilinSearch, a.jilinAsk(p.Scan), a.jilinHeader()...)
		data := object(t, body)["data"].(map[string]any)
		if data["color"] != want || data["expireTime"] != "2022-03-01 12:10:30" || str(data["expireTimeNumber"]) != "600" {
			t.Errorf("%s: %v", p.Note, data)
		}
		if want == "orange" && (p.Status != standard.None || p.Action != standard.Manual) {
			t.Errorf("orange is %q, %s", p.Status, p.Action)
		}
	}
}

func TestJilinRefusesRequestsThatItDoesNotTake(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Jilin, func() time.Time { return noon })
	ask := a.jilinAsk(s.People(Jilin)[0].Scan)
	for name, tt := range map[string]struct {
		body   string
		header []string
		want   string
	}{
		"good":                   {ask, a.jilinHeader(), "000000"},
		"another service":        {ask, append(a.jilinHeader(), "Service-Id", "other"), "S5"},
		"another source":         {ask, append(a.jilinHeader(), "client_source", "other"), "S5"},
		"another interface":      {ask, append(a.jilinHeader(), "interface_id", "other"), "S5"},
		"an old time":            {ask, append(a.jilinHeader(), "timestamp", "1646100000"), "S5"},
		"a time in milliseconds": {ask, append(a.jilinHeader(), "timestamp", "1646107230000"), "S5"},
		"no trace":               {ask, append(a.jilinHeader(), "trace_id", ""), "S5"},
		"no nonce":               {ask, append(a.jilinHeader(), "nonce", ""), "S5"},
		"another key":            {`{"encrypt":"` + jilinSeal("another-key-0000", `{"qrCode":"x"}`) + `"}`, a.jilinHeader(), "S9"},
		"not base64":             {`{"encrypt":"*"}`, a.jilinHeader(), "S9"},
		"half a block":           {`{"encrypt":"AAAA"}`, a.jilinHeader(), "S9"},
		"nothing in it":          {`{"encrypt":"` + jilinSeal(a.cred["key"], `{}`) + `"}`, a.jilinHeader(), "S9"},
		"in the clear":           {`{"qrCode":"x"}`, a.jilinHeader(), "S9"},
	} {
		if _, body := a.do("POST", jilinSearch, tt.body, tt.header...); str(object(t, body)["code"]) != tt.want {
			t.Errorf("%s: %s", name, body)
		}
	}
}

func FuzzJilinOpen(f *testing.F) {
	f.Add(jilinSeal(credentials[Jilin]["key"], `{"qrCode":"x"}`))
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==")
	f.Add("")
	f.Fuzz(func(t *testing.T, encrypt string) {
		if scan, ok := jilinOpen(encrypt); ok == (scan == "") {
			t.Errorf("%q opens to %q, %v", encrypt, scan, ok)
		}
	})
}
