package sandbox

import (
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"tongma/standard"
	"tongma/standard/sm"
)

const (
	yukangByCode = "/check-health-by-code-id"
	yukangByNo   = "/check-health-by-card-no-v1"
	yukangCard   = "/appointment-do/getHealthCardInfo/ykm"
)

// sm4Body is plain as a request's body.
func (a *asker) sm4Body(plain string) string {
	return text(map[string]string{"CipherText": a.sm4(plain)})
}

func (a *asker) sm4(plain string) string {
	a.t.Helper()
	key, err := hex.DecodeString(a.cred["sm4Key"])
	if err != nil {
		a.t.Fatal(err)
	}
	sealed, err := sm.EncryptECB(key, []byte(plain), sm.PKCS7)
	if err != nil {
		a.t.Fatal(err)
	}
	return strings.ToUpper(hex.EncodeToString(sealed))
}

// sm4Reply is what a reply's body holds.
func (a *asker) sm4Reply(body string) map[string]any {
	a.t.Helper()
	key, _ := hex.DecodeString(a.cred["sm4Key"])
	cipherText := str(object(a.t, body)["CipherText"])
	sealed, err := hex.DecodeString(cipherText)
	if err != nil || strings.ToUpper(cipherText) != cipherText {
		a.t.Fatalf("not upper-case hex: %s", body)
	}
	plain, err := sm.DecryptECB(key, sealed, sm.PKCS7)
	if err != nil {
		a.t.Fatalf("%v: %s", err, body)
	}
	return object(a.t, string(plain))
}

func (a *asker) yukangAsk(path, plain string) map[string]any {
	a.t.Helper()
	_, body := a.do("POST", path, a.sm4Body(plain), jsonHeader...)
	return a.sm4Reply(body)
}

func (a *asker) yukangHolder(cardID string) map[string]any {
	a.t.Helper()
	_, body := a.do("GET", yukangCard+"?ciphertext="+a.sm4(`{"healthCardId":`+quote(cardID)+`}`), "")
	return a.sm4Reply(body)
}

func (a *asker) yukang(p Person) found {
	a.t.Helper()
	if id, _, ok := strings.Cut(p.Scan, ":5000A0003"); ok {
		holder := a.yukangHolder(id)
		if holder["zjhm"] == nil {
			return yukangFound(holder)
		}
		return yukangFound(a.yukangAsk(yukangByNo, `{"cardNo":`+quote(str(holder["zjhm"]))+`}`))
	}
	id := p.Scan
	if strings.HasPrefix(p.Scan, "{") {
		scan := object(a.t, p.Scan)
		id = str(scan["codeId"])
		if out, err := time.ParseInLocation(time.DateTime, str(scan["outTime"]), beijing); err == nil && a.now().After(out) {
			return found{outcome: standard.Expired}
		}
	}
	reply := a.yukangAsk(yukangByCode, `{"codeId":`+quote(id)+`}`)
	if reply["code"] == "0" && reply["codeId"] != id {
		a.t.Errorf("the code %s is answered about as %v", id, reply["codeId"])
	}
	return yukangFound(reply)
}

func yukangFound(reply map[string]any) found {
	switch str(reply["code"]) {
	case "0":
		known := map[any]standard.Status{"green": "00", "yellow": "01", "red": "10"}
		return found{standard.Verified, known[reply["color"]], str(reply["name"]), str(reply["card_no"])}
	case "S1":
		return found{outcome: standard.Expired}
	case "S2":
		return found{outcome: standard.Unrecognised}
	case "S3":
		return found{outcome: standard.NotFound}
	}
	return found{outcome: standard.Unavailable}
}

func TestSM4HexKnownAnswers(t *testing.T) {
	for _, v := range vectors(t).SM4 {
		key, err := hex.DecodeString(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		if got := sm4Text(key, v.Plaintext); got != v.CipherText {
			t.Errorf("%s: %s, want %s", v.Name, got, v.CipherText)
		}
		if got, ok := sm4Plain(key, v.CipherText); !ok || string(got) != v.Plaintext {
			t.Errorf("%s opens to %q", v.Name, got)
		}
		if _, ok := sm4Plain(key, strings.ToLower(v.CipherText)); ok {
			t.Errorf("%s: lower case is taken", v.Name)
		}
	}
}

func TestYukangScanSaysUntilWhenItHolds(t *testing.T) {
	s := New(at(noon))
	scan := object(t, s.People(Yukang)[0].Scan)
	if len(scan) != 4 || scan["zoning"] != "500000" || len(str(scan["codeId"])) != 32 ||
		scan["lastReportTime"] != "2022-03-01 12:00:30" || scan["outTime"] != "2022-03-01 12:05:30" {
		t.Errorf("%v", scan)
	}
}

func TestYukangBackendKnowsHowLongACodeHolds(t *testing.T) {
	now := noon
	s := New(Options{Now: func() time.Time { return now }})
	a := newAsker(t, s, Yukang, nil)
	ask := `{"codeId":` + quote(str(object(t, s.People(Yukang)[0].Scan)["codeId"])) + `}`
	for after, code := range map[time.Duration]string{
		-5 * time.Second: "0", -6 * time.Second: "S2", 305 * time.Second: "0", 306 * time.Second: "S1", 24 * time.Hour: "S1",
	} {
		now = noon.Add(after)
		if got := a.yukangAsk(yukangByCode, ask); got["code"] != code {
			t.Errorf("after %s: %v", after, got)
		}
	}
}

func TestYukangCardTellsItsHolderAndNoColour(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Yukang, nil)
	for i, p := range s.People(Yukang) {
		who := s.backends[Yukang].people[i]
		if who.via != viaCard || who.fate != fine {
			continue
		}
		id, serial, ok := strings.Cut(p.Scan, ":5000A0003")
		if !ok || len(id) != 32 || len(serial) != 10 {
			t.Fatalf("scan %s", p.Scan)
		}
		got := a.yukangHolder(id)
		n := who.number
		if len(got) != 6 || got["aac003"] != who.name || got["zjhm"] != n || got["lxdh"] != who.phone ||
			got["birthday"] != n[6:10]+"-"+n[10:12]+"-"+n[12:14] || got["dz"] == "" {
			t.Errorf("%v", got)
		}
		if odd := strings.ContainsRune("13579", rune(n[16])); got["aac004"] != map[bool]string{true: "1", false: "2"}[odd] {
			t.Errorf("number %s, sex %v", n, got["aac004"])
		}
		return
	}
	t.Error("there is no such person")
}

func TestYukangRefusesWhatIsNotEncryptedAsAgreed(t *testing.T) {
	s := New(at(noon))
	a := newAsker(t, s, Yukang, nil)
	plain := `{"codeId":` + quote(str(object(t, s.People(Yukang)[0].Scan)["codeId"])) + `}`
	good := a.sm4(plain)
	other := newAsker(t, s, Yukang, nil)
	other.cred["sm4Key"] = strings.Repeat("00", 16)
	body := func(cipherText string) string { return text(map[string]string{"CipherText": cipherText}) }
	for name, tt := range map[string]struct {
		method, target, body, code string
	}{
		"good":                      {"POST", yukangByCode, body(good), "0"},
		"lower case":                {"POST", yukangByCode, body(strings.ToLower(good)), "S9"},
		"another key":               {"POST", yukangByCode, other.sm4Body(plain), "S9"},
		"not encrypted":             {"POST", yukangByCode, plain, "S9"},
		"half a block":              {"POST", yukangByCode, body(good[:len(good)-2]), "S9"},
		"no hex":                    {"POST", yukangByCode, body("ZZ"), "S9"},
		"empty":                     {"POST", yukangByCode, body(""), "S9"},
		"not JSON inside":           {"POST", yukangByCode, a.sm4Body("codeId"), "S9"},
		"not JSON outside":          {"POST", yukangByCode, "{", "S9"},
		"name in another case":      {"POST", yukangByCode, strings.Replace(body(good), "CipherText", "cipherText", 1), "S9"},
		"an unknown number":         {"POST", yukangByNo, a.sm4Body(`{"cardNo":"00000000000000000X"}`), "S3"},
		"no number":                 {"POST", yukangByNo, a.sm4Body(`{}`), "S9"},
		"a card without a cipher":   {"GET", yukangCard, "", "S9"},
		"a card in plain":           {"GET", yukangCard + "?ciphertext=" + url.QueryEscape(`{"healthCardId":"0"}`), "", "S9"},
		"a code in place of a card": {"GET", yukangCard + "?ciphertext=" + a.sm4(strings.Replace(plain, "codeId", "healthCardId", 1)), "", "S2"},
	} {
		status, reply := a.do(tt.method, tt.target, tt.body, jsonHeader...)
		if inner := a.sm4Reply(reply); status != 200 || inner["code"] != tt.code || tt.code != "0" && inner["color"] != nil {
			t.Errorf("%s: %d %v", name, status, inner)
		}
	}
}

func TestYukangRoutes(t *testing.T) {
	a := newAsker(t, New(at(noon)), Yukang, nil)
	for name, tt := range map[string]struct {
		method, path string
		header       []string
		status       int
	}{
		"code by GET":  {"GET", yukangByCode, nil, 405},
		"card by POST": {"POST", yukangCard, jsonHeader, 405},
		"a form":       {"POST", yukangByNo, formHeader, 415},
		"another path": {"POST", yukangByNo + "2", jsonHeader, 404},
	} {
		if status, body := a.do(tt.method, tt.path, "{}", tt.header...); status != tt.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func FuzzSM4Plain(f *testing.F) {
	key := make([]byte, sm.CipherKeySize)
	f.Add(sm4Text(key, `{"codeId":"0"}`))
	f.Add(sm4Text(key, ""))
	f.Add(strings.Repeat("0", 2*sm.BlockSize))
	f.Add("zz")
	f.Fuzz(func(t *testing.T, cipherText string) {
		plain, ok := sm4Plain(key, cipherText)
		if ok && sm4Text(key, string(plain)) != cipherText {
			t.Errorf("%q opens to %q, which seals to something else", cipherText, plain)
		}
	})
}
