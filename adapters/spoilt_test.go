package adapters_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tongma/adapters/descriptor"
	"tongma/standard"
	"tongma/standard/sm"
)

// decisive says of each system's calls, by the beginning of their path, on which members of the reply its green rests: the code, the
// status, whose answer it is, and what these stand in. A reply in which one of them says anything else is never green.
var decisive = map[string]map[string][]string{
	"suishen": {
		"/gateway/interface-sj-jkmjk/getInfo": {".code", ".data", ".data.type", ".data.uuid"},
		"/gateway/interface-sj-ssmjm/getInfo": {".code", ".data", ".data[].type"},
	},
	"suikang": {
		"/ebus/wyj/healthy-thirdapi/qrc-code-status/":                        {".code", ".data", ".data.codeId", ".data.color"},
		"/ebus/wyj/prominent-citizens/v1/api/thirtparty/qrccode/infobycode/": {".code", ".data"},
	},
	"hangzhou": {
		"/gateway/api/001003001/dataSharing/interfaceByQr000.htm": {".code", ".datas", ".datas[]", ".datas[].mzt"},
		"/gateway/api/001003001/dataSharing/interfaceById000.htm": {".code", ".datas", ".datas[]", ".datas[].mzt", ".datas[].sfzh", ".datas[].xm"},
	},
	"yuekang": {
		"/api/hc/parseHealthyCode": {".code", ".data", ".data.color"},
	},
	"yukang": {
		"/check-health-by-code-id":              {".CipherText", ".CipherText.code", ".CipherText.codeId", ".CipherText.color"},
		"/appointment-do/getHealthCardInfo/ykm": {".CipherText", ".CipherText.zjhm", ".CipherText.aac003"},
		"/check-health-by-card-no-v1":           {".CipherText", ".CipherText.code", ".CipherText.color", ".CipherText.card_no", ".CipherText.name"},
	},
	"sukang": {
		"/jkm/thirdparty/parse": {".resCode", ".res", ".res.level"},
	},
	"ankang": {
		"/akm-sj-mgr/gate/check": {".flag", ".data", ".data.flag", ".data.data", ".data.data.healthLevel"},
	},
	"beijing": {
		"/jingxinju/jkb/businessTravel/getHealthCode": {".errcode", ".data", ".data.encourage", ".data.status"},
	},
	"guokang": {
		"/healthCode/verification": {".code", ".data", ".data.qrCodeType"},
	},
	"gjgxjhpt": {
		"/httpproxy": {".code", ".data", ".data.status"},
	},
	"jilin": {
		"/api/v2/qr-color-search": {".code", ".data", ".data.qrCode", ".data.color"},
	},
	"sichuan": {
		"/papi/t/tphealthqrcode": {".errcode", ".data", ".data.health_info", ".data.health_info.qr_code", ".data.health_info.risk_assessment_grade",
			".data.health_info.report_expired"},
		"/papi/t/tpgethsjcfromsichuan": {".errcode", ".data[].zjhm"},
	},
	"fujian": {
		"/ebus/jkm/": {".errcode", ".data", ".data.health_info", ".data.health_info.qr_code", ".data.health_info.risk_assessment_grade"},
	},
	"hebei": {
		"/hbjkm/userHealth/validateInfo": {".errcode", ".data", ".data.content", ".data.content.data", ".data.content.data.person",
			".data.content.data.healthyReport", ".data.content.data.healthyReport[].healthyStaus"},
	},
}

// TestNoSpoiltReplyIsGreen spoils the replies of every green fixture: each member at any depth, also inside JSON strings, left out
// or replaced by what else could stand there, the body cut at every byte, HTTP status 500. Fixtures with several codes a
// person are left out: which of them counts changes with the reply.
func TestNoSpoiltReplyIsGreen(t *testing.T) {
	for _, dir := range builtin(t) {
		if load(t, dir).Info().Dialect != "" {
			continue // the signed answers of a shared dialect are spoilt where it stands
		}
		t.Run(dir, func(t *testing.T) {
			fixtures := fixturesOf(t, dir)
			spoilt, answers := []map[string]any{}, map[string]bool{}
			for _, fx := range fixtures {
				is := fx["is"].(map[string]any)
				if is["status"] != "00" || is["others"] != nil {
					continue
				}
				last := lastReplies(fx)
				for path, call := range last {
					members := decidedBy(dir, path)
					body, _ := fx["calls"].([]any)[call].(map[string]any)["reply"].(map[string]any)["body"].(string)
					if members == nil || answers[path+body] {
						continue
					}
					answers[path+body] = true
					if len(answers) == 1 {
						spoilt = append(spoilt, spoil(fx, call, "not at all", 200, body))
					}
					spoilt = append(spoilt, spoiltReplies(t, fx, call, body, members)...)
				}
			}
			for path := range decisive[dir] {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(answers)), func(a string) bool { return strings.HasPrefix(a, path) }) {
					t.Errorf("no green fixture has a call of %s", path)
				}
			}
			green := stillGreen(t, read(t, dir, descriptor.File), spoilt)
			if len(green) == 0 || green[0] != spoilt[0]["name"] {
				t.Fatal("not even the reply that was not spoilt is green")
			}
			for _, name := range green[1:] {
				t.Error("green: " + name)
			}
			t.Logf("%d spoilt replies to %d answers", len(spoilt)-1, len(answers))
		})
	}
}

// lastReplies gives the last call of a fixture to each path. Earlier ones are those that the system refused.
func lastReplies(fx map[string]any) map[string]int {
	last := map[string]int{}
	calls, _ := fx["calls"].([]any)
	for i, c := range calls {
		expect := c.(map[string]any)["expect"].(map[string]any)
		for _, method := range []string{"get", "post", "put"} {
			if path, ok := expect[method].(string); ok {
				last[path] = i
			}
		}
	}
	return last
}

// decidedBy gives the members of a call's reply on which green rests, nil for a call that is not in the table.
func decidedBy(system, path string) []string {
	for prefix, members := range decisive[system] {
		if strings.HasPrefix(path, prefix) {
			return members
		}
	}
	return nil
}

func spoiltReplies(t *testing.T, fx map[string]any, call int, body string, members []string) []map[string]any {
	t.Helper()
	out := []map[string]any{spoil(fx, call, "HTTP status 500", 500, body)}
	for i := range len(body) {
		out = append(out, spoil(fx, call, fmt.Sprintf("cut after %d bytes", i), 200, body[:i]))
	}
	cred, _ := fx["cred"].(map[string]any)
	key, _ := cred["sm4Key"].(string)
	var value any
	dec := json.NewDecoder(strings.NewReader(ciphered(t, body, key, opened)))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants(value, "") {
		if m.at == "" || slices.Contains(members, m.at) {
			out = append(out, spoil(fx, call, m.at+" "+m.what, 200, ciphered(t, encoded(m.value), key, sealed)))
		}
	}
	return out
}

// ciphered opens or seals the CipherText of a reply, so that what is inside is spoilt like JSON in a string. Any other reply
// stays as it is.
func ciphered(t *testing.T, body, key string, by func(key, text []byte) ([]byte, error)) string {
	t.Helper()
	var reply struct{ CipherText *string }
	if key == "" || json.Unmarshal([]byte(body), &reply) != nil || reply.CipherText == nil {
		return body
	}
	secret, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := by(secret, []byte(*reply.CipherText))
	if err != nil {
		t.Fatal(err)
	}
	return encoded(map[string]any{"CipherText": string(text)})
}

func opened(key, text []byte) ([]byte, error) {
	raw, err := hex.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	return sm.DecryptECB(key, raw, sm.PKCS7)
}

func sealed(key, text []byte) ([]byte, error) {
	raw, err := sm.EncryptECB(key, text, sm.PKCS7)
	return []byte(strings.ToUpper(hex.EncodeToString(raw))), err
}

// spoil is a fixture with another reply to one of its calls.
func spoil(fx map[string]any, call int, what string, status int, body string) map[string]any {
	out := maps.Clone(fx)
	calls := slices.Clone(fx["calls"].([]any))
	calls[call] = map[string]any{
		"expect": calls[call].(map[string]any)["expect"],
		"reply":  map[string]any{"status": status, "body": body},
	}
	out["name"] = fmt.Sprintf("%s; reply %d spoilt: %s", fx["name"], call, what)
	out["calls"], out["is"] = calls, map[string]any{"outcome": standard.Verified, "status": standard.Green}
	return out
}

// mutant is a JSON value of which one member, at a path such as .data[].type, says something else.
type mutant struct {
	at, what string
	value    any
}

// others are what could stand in a member's place: other types, and the words for colours and codes of other systems.
var others = []any{nil, true, 0, 1, 200, "", " ", "0", "1", "2", "3", "00", "01", "10", "03", "11", "green", "绿码", "S1", "null", "x", map[string]any{}, []any{}}

// mutants gives a value with each member below it left out and replaced, also in JSON that stands in a string.
func mutants(v any, at string) (out []mutant) {
	for _, other := range others {
		if plain(other) != plain(v) {
			out = append(out, mutant{at, "becomes " + encoded(other), other})
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			with := func(m mutant) { c := maps.Clone(v); c[k] = m.value; out = append(out, mutant{m.at, m.what, c}) }
			less := maps.Clone(v)
			delete(less, k)
			out = append(out, mutant{at + "." + k, "is left out", less})
			for _, m := range mutants(member, at+"."+k) {
				with(m)
			}
		}
	case []any:
		for i, element := range v {
			out = append(out, mutant{at + "[]", "is left out", slices.Delete(slices.Clone(v), i, i+1)})
			for _, m := range mutants(element, at+"[]") {
				c := slices.Clone(v)
				c[i] = m.value
				out = append(out, mutant{m.at, m.what, c})
			}
		}
	case string:
		var inner any
		if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
			if json.Unmarshal([]byte(v), &inner) == nil {
				for _, m := range mutants(inner, at) {
					out = append(out, mutant{m.at, m.what + ", inside its string", encoded(m.value)})
				}
			}
		}
	}
	return out
}

// plain gives a value as a dialect reads it: a number is the text that writes it.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int, json.Number:
		return fmt.Sprint(v)
	}
	return encoded(v)
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only what JSON has is encoded
	}
	return string(text)
}

// batch is how many fixtures are run at once; a fixture file has a limit.
const batch = 100

// stillGreen runs fixtures and names those that come out verified and green.
func stillGreen(t *testing.T, adapter []byte, fixtures []map[string]any) (green []string) {
	t.Helper()
	for some := range slices.Chunk(fixtures, batch) {
		results, err := run(t, folder(adapter, []byte(encoded(some))), ".")
		if err != nil || len(results) != len(some) {
			t.Fatalf("%d of %d fixtures ran: %v", len(results), len(some), err)
		}
		for _, r := range results {
			differs := func(d descriptor.Difference) bool { return d.Field == "outcome" || d.Field == "status" }
			if !slices.ContainsFunc(r.Differences, differs) {
				green = append(green, r.Name)
			}
		}
	}
	return green
}
