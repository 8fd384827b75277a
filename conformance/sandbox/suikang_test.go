package sandbox

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// vectors reads known answers that were computed elsewhere.
func vectors(t *testing.T) (v struct {
	TIF []struct {
		Name, Timestamp, Token, Nonce string
		Lower                         string `json:"signature_lower"`
	}
	Zhejiang []struct{ Name, AppKey, Secret, RequestTime, Sign string }
	SM4      []struct {
		Name, Plaintext string
		Key             string `json:"key_hex"`
		CipherText      string `json:"ciphertext_hex_upper"`
	} `json:"sm4_ecb_hex_upper"`
}) {
	t.Helper()
	b, err := os.ReadFile("testdata/backend_signing.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.TIF) != 8 || len(v.Zhejiang) != 7 || len(v.SM4) != 9 {
		t.Fatalf("vectors: %v", err)
	}
	return v
}

func TestTIFSignatureKnownAnswers(t *testing.T) {
	for _, v := range vectors(t).TIF {
		if got := tifSignature(v.Timestamp, v.Token, v.Nonce); got != v.Lower {
			t.Errorf("%s: %s, want %s", v.Name, got, v.Lower)
		}
	}
}

func TestSuikangRefusesWhatTIFRefuses(t *testing.T) {
	s := New(at(noon))
	path := suikangStatusPath + str(object(t, s.People(Suikang)[0].Scan)["codeId"]) + "?color=true"
	const incomplete, failed = "鉴权参数不完整", "鉴权失败"
	with := func(name, value string) func([]string) []string {
		return func(h []string) []string {
			for i := 0; i < len(h); i += 2 {
				if h[i] == name {
					h[i+1] = value
				}
			}
			return h
		}
	}
	tests := []struct {
		name   string
		skew   time.Duration // of the caller's clock
		change func([]string) []string
		msg    string // "": let through
	}{
		{"good", 0, nil, ""},
		{"signature in lower case", 0, func(h []string) []string { h[7] = strings.ToLower(h[7]); return h }, ""},
		{"180 s behind", -180 * time.Second, nil, ""},
		{"180 s ahead", 180 * time.Second, nil, ""},
		{"181 s behind", -181 * time.Second, nil, failed},
		{"181 s ahead", 181 * time.Second, nil, failed},
		{"milliseconds", 0, with("x-tif-timestamp", "1646107230000"), failed},
		{"no number", 0, with("x-tif-timestamp", "now"), failed},
		{"the least number", 0, with("x-tif-timestamp", "-9223372036854775808"), failed},
		{"another paasid", 0, with("x-tif-paasid", "another"), failed},
		{"another nonce than was signed", 0, with("x-tif-nonce", "00"), failed},
		{"wrong signature", 0, with("x-tif-signature", strings.Repeat("0", 64)), failed},
		{"no paasid", 0, with("x-tif-paasid", ""), incomplete},
		{"no timestamp", 0, with("x-tif-timestamp", ""), incomplete},
		{"no nonce", 0, with("x-tif-nonce", ""), incomplete},
		{"no signature", 0, with("x-tif-signature", ""), incomplete},
	}
	for _, tt := range tests {
		a := newAsker(t, s, Suikang, func() time.Time { return noon.Add(tt.skew) })
		header := a.tif()
		if tt.change != nil {
			header = tt.change(header)
		}
		status, body := a.do("POST", path, "", header...)
		reply := object(t, body)
		if tt.msg == "" {
			if status != 200 || str(reply["code"]) != "0" {
				t.Errorf("%s: %d %s", tt.name, status, body)
			}
			continue
		}
		if status != 500 || str(reply["code"]) != "400001" || !strings.HasPrefix(str(reply["msg"]), tt.msg) {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
}

func TestSuikangRoutes(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suikang, func() time.Time { return noon })
	id := str(object(t, s.People(Suikang)[0].Scan)["codeId"])
	tomorrow := str(object(t, New(at(noon.AddDate(0, 0, 1))).People(Suikang)[0].Scan)["codeId"])
	tests := []struct {
		name, method, path string
		status             int
		contains, lacks    string
	}{
		{"colour", "POST", suikangStatusPath + id + "?color=true", 200, `"color":"green"`, "name"},
		{"colour not asked for", "POST", suikangStatusPath + id, 200, `"code":0`, "green"},
		{"status by GET", "GET", suikangStatusPath + id + "?color=true", 405, "", "green"},
		{"holder by GET", "GET", suikangInfoPath + id, 200, `"idNumber":"000000`, "color"},
		{"holder by POST", "POST", suikangInfoPath + id, 200, `"idNumber":"000000`, "color"},
		{"no codeId", "POST", suikangStatusPath, 404, "", "code"},
		{"two segments", "POST", suikangStatusPath + id + "/x", 404, "", "code"},
		{"an encoded slash", "POST", suikangStatusPath + id + "%2Fx?color=true", 200, `"code":"S2"`, "green"},
		{"a codeId in upper case", "POST", suikangStatusPath + strings.ToUpper(id) + "?color=true", 200, `"code":"S2"`, "green"},
		{"a codeId of tomorrow", "POST", suikangStatusPath + tomorrow + "?color=true", 200, `"code":"S2"`, "green"},
		{"third party as others spell it", "GET", strings.Replace(suikangInfoPath, "thirtparty", "thirdparty", 1) + id, 404, "", "name"},
	}
	for _, tt := range tests {
		status, body := a.do(tt.method, tt.path, "", a.tif()...)
		if status != tt.status || !strings.Contains(body, tt.contains) || strings.Contains(body, tt.lacks) {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
}

func TestSuikangRefusesAHolderInBothCalls(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Suikang, func() time.Time { return noon })
	for _, p := range s.People(Suikang) {
		if p.Outcome == "verified" {
			continue
		}
		id := str(object(t, p.Scan)["codeId"])
		_, status := a.do("POST", suikangStatusPath+id+"?color=true", "", a.tif()...)
		_, info := a.do("POST", suikangInfoPath+id, "", a.tif()...)
		if status != info || !strings.HasPrefix(info, `{"code":"S`) {
			t.Errorf("%s: %s, but %s", p.Note, status, info)
		}
	}
}
