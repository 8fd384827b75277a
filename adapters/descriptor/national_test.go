package descriptor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// region is one of the systems that speak the dialect national: what holds for the dialect is shown of this one.
const region = "hubei"

const regionScan = "SYNTHETIC-HUBEI:00112233445566778899aabbccddeeff"

var regionNow = time.Date(2022, 4, 20, 1, 0, 0, 0, time.UTC)

// nationwide plays a platform whose answers a test spoils.
type nationwide struct {
	*platform
	spoil spoiler
}

// spoiler changes a signed reply to a request text.
type spoiler func(request []byte, r *adapters.Reply) *adapters.Reply

func (n *nationwide) Now() time.Time                        { return n.now }
func (n *nationwide) Credential(name string) (string, bool) { return platformCredential(name) }
func (n *nationwide) Random(b []byte)                       { clear(b) }

func (n *nationwide) Send(_ context.Context, c *adapters.Call) (*adapters.Reply, error) {
	reply := n.answer(c)
	if n.spoil != nil {
		reply = n.spoil(n.check(c), reply)
	}
	return reply, nil
}

// ask lets the region's adapter ask a platform that answers so.
func ask(t *testing.T, fx fixture, spoil spoiler) (adapters.Result, error) {
	t.Helper()
	d, err := Load(adapters.Builtin, region)
	if err != nil {
		t.Fatal(err)
	}
	fx.Scan, fx.Place.Region = regionScan, "110000"
	host := &nationwide{spoil: spoil, platform: &platform{&fx, &d.info, regionNow, func(field, want, got string) {
		t.Errorf("%s: want %s, got %s", field, want, got)
	}}}
	a := d.open(host)
	q := &adapters.Query{Place: adapters.PlaceOf(standard.Place{Region: "110000"}, nil)}
	if !fx.recognise(d, a, &q.Ticket) {
		t.Fatal("the region does not know its own scan")
	}
	return a.Verify(t.Context(), q)
}

// greenAnswer is what a green answer says, all of it.
func greenAnswer() map[string]any {
	return map[string]any{
		"outcome": "verified", "status": "00",
		"system": map[string]any{"id": region, "region": "420000", "colour": "green"},
		"holder": map[string]any{"name": "张*某", "idType": "01", "idNumber": "000***********9911", "sex": "1", "nationality": "156"},
		"health": map[string]any{
			"temperature": "36.5",
			"nucleic":     map[string]any{"result": "negative", "sampledAt": "2022-04-19T08:30:00+08:00", "institution": "某检测机构"},
			"vaccine":     map[string]any{"doses": 3, "lastAt": "2021-12-01"},
		},
		"others":    []any{map[string]any{"system": "wuhan", "region": "420100", "status": "01"}, map[string]any{"system": "x"}},
		"freshness": map[string]any{"from": "cache", "observedAt": "2022-04-20T08:59:50.5+08:00", "ageMs": 9500, "validUntil": "2022-04-20T09:00:20.250+08:00"},
	}
}

// A trace says of a line whether it is one of the descriptor or of its dialect.
func TestATraceOfADialectNamesItsFile(t *testing.T) {
	d, err := Load(adapters.Builtin, region)
	if err != nil {
		t.Fatal(err)
	}
	fx := fixture{Scan: regionScan, Answer: greenAnswer()}
	fx.Place.Region = "110000"
	host := &nationwide{platform: &platform{&fx, &d.info, regionNow, func(_, want, got string) { t.Errorf("want %s, got %s", want, got) }}}
	asked := 0
	a := d.OpenTraced(host, func(e Event) {
		if e.Line > 0 {
			asked++
			if e.File != "national.yaml" {
				t.Errorf("line %d is of %q: %s", e.Line, e.File, e.Source)
			}
		}
	})
	q := &adapters.Query{Place: adapters.PlaceOf(standard.Place{Region: "110000"}, nil)}
	if !fx.recognise(d, a.(*adapter), &q.Ticket) {
		t.Fatal("the region does not know its own scan")
	}
	if _, err := a.Verify(t.Context(), q); err != nil || asked == 0 {
		t.Errorf("%v, %d events with a line", err, asked)
	}
}

func TestTheNationalAnswerBecomesTheRecord(t *testing.T) {
	res, err := ask(t, fixture{Answer: greenAnswer()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(res.Record)
	var got map[string]any
	_ = json.Unmarshal(text, &got)
	want := map[string]any{
		"status": "00",
		"system": map[string]any{"id": region, "region": "420000", "status": "00/green", "colour": "green", "text": "绿码", "provenance": "synthetic"},
		"holder": map[string]any{"name": "张*某", "idType": "01", "idNumber": "000***********9911", "sex": "1", "nationality": "156"},
		"health": map[string]any{
			"temperature": "36.5",
			"nucleic":     map[string]any{"result": "negative", "sampledAt": "2022-04-19T08:30:00+08:00", "institution": "某检测机构"},
			"vaccine":     map[string]any{"doses": 3, "lastAt": "2021-12-01"},
		},
		"others": []any{map[string]any{"system": region, "region": "420100", "status": "01"}, map[string]any{"system": region}},
	}
	compare("", want, any(got), func(field, want, got string) { t.Errorf("%s: want %s, got %s", field, want, got) })
	if want := time.Date(2022, 4, 20, 1, 0, 20, 250e6, time.UTC); !res.ValidUntil.Equal(want) {
		t.Errorf("it holds until %s, want %s", res.ValidUntil, want)
	}
}

// Each answer is signed as it should be; only one of them is green.
func TestWhatASignedAnswerMeans(t *testing.T) {
	tests := []struct {
		name   string
		change func(map[string]any)
		want   string // outcome, or the reason of a fault
		status standard.Status
	}{
		{"green", func(map[string]any) {}, "verified", standard.Green},
		{"expired", func(a map[string]any) { a["outcome"] = "expired" }, "expired", ""},
		{"not found", func(a map[string]any) { a["outcome"] = "not_found" }, "not_found", ""},
		{"not theirs", func(a map[string]any) { a["outcome"] = "unrecognised" }, "unrecognised", ""},
		{"refused", func(a map[string]any) { a["outcome"] = "refused" }, "refused", ""},
		{"unavailable", func(a map[string]any) {
			a["outcome"], a["reason"] = "unavailable", map[string]any{"code": "backend_timeout", "retryAfterMs": 1500}
		}, "backend_busy", ""},
		{"an outcome of a later profile", func(a map[string]any) { a["outcome"] = "probably" }, "backend_fault", ""},
		{"no outcome", func(a map[string]any) { a["outcome"] = nil }, "backend_fault", ""},
		{"a record that is stale there", func(a map[string]any) { a["freshness"].(map[string]any)["from"] = "stale" }, "backend_busy", ""},
		{"a green that is old there", func(a map[string]any) { a["freshness"].(map[string]any)["ageMs"] = 60001 }, "backend_busy", ""},
		{"an old red", func(a map[string]any) {
			a["freshness"].(map[string]any)["ageMs"], a["status"], a["system"].(map[string]any)["colour"] = 60001, "10", "red"
		}, "verified", standard.Red},
		{"an old red of which nobody says how old", func(a map[string]any) {
			delete(a["freshness"].(map[string]any), "ageMs")
			a["status"], a["system"].(map[string]any)["colour"] = "10", "red"
		}, "verified", standard.Red},
		{"a green of which nobody says how old", func(a map[string]any) { delete(a["freshness"].(map[string]any), "ageMs") }, "backend_fault", ""},
		{"a green of which nobody says whence", func(a map[string]any) { delete(a["freshness"].(map[string]any), "from") }, "backend_fault", ""},
		{"a green from where no profile knows", func(a map[string]any) { a["freshness"].(map[string]any)["from"] = "archive" }, "backend_fault", ""},
		{"no freshness", func(a map[string]any) { a["freshness"] = nil }, "backend_fault", ""},
		{"a freshness that has ended", func(a map[string]any) {
			a["freshness"].(map[string]any)["validUntil"] = "2022-04-20T08:59:59+08:00"
		}, "expired", ""},
		{"another system", func(a map[string]any) { a["system"].(map[string]any)["id"] = "hunan" }, "backend_fault", ""},
		{"another region", func(a map[string]any) { a["system"].(map[string]any)["region"] = "430000" }, "backend_fault", ""},
		{"an unknown status", func(a map[string]any) { a["status"] = "02" }, "verified", ""},
		{"an unknown colour", func(a map[string]any) { a["system"].(map[string]any)["colour"] = "violet" }, "verified", ""},
		{"a status without a colour", func(a map[string]any) { a["system"].(map[string]any)["colour"] = nil }, "verified", ""},
		{"a colour without a status", func(a map[string]any) { a["status"] = nil }, "verified", ""},
		{"a colour against its status", func(a map[string]any) { a["system"].(map[string]any)["colour"] = "red" }, "verified", ""},
	}
	for _, tt := range tests {
		answer := greenAnswer()
		tt.change(answer)
		res, err := ask(t, fixture{Answer: answer}, nil)
		got, status := string(res.Outcome), standard.Status("")
		if f, ok := err.(*adapters.Fault); ok {
			got = string(f.Reason)
			if tt.name == "unavailable" && f.RetryAfter != 1500*time.Millisecond {
				t.Errorf("try again after %s", f.RetryAfter)
			}
		}
		if res.Record != nil {
			status = res.Record.Status
		}
		if got != tt.want || status != tt.status {
			t.Errorf("%s: got %s %q, want %s %q", tt.name, got, status, tt.want, tt.status)
		}
	}
}

// resigned signs a reply anew: by key, for a gateway, an HTTP status and a request.
func resigned(t *testing.T, r *adapters.Reply, key *sm.PrivateKey, gateway string, status int, request []byte) *adapters.Reply {
	t.Helper()
	sign, err := key.Sign(wire.AppendAnswerText(nil, gateway, status, sm.Sum(request), r.Header.Get(wire.HeaderRtime), sm.Sum(r.Body)))
	if err != nil {
		t.Fatal(err)
	}
	wire.AnswerHead{Rtime: r.Header.Get(wire.HeaderRtime), Key: platformKey, SignType: wire.SM2, Sign: sign}.Put(r.Header)
	return r
}

// A green answer of which one bit, header or circumstance is another's is never green.
func TestNoGreenWithoutTheSignatureThatTiesItToTheRequest(t *testing.T) {
	stranger, err := sm2Private(fixtureScalar(9))
	if err != nil {
		t.Fatal(err)
	}
	_, own := platformKeys()
	sign := func(key *sm.PrivateKey, gateway string, status int) spoiler {
		return func(request []byte, r *adapters.Reply) *adapters.Reply {
			return resigned(t, r, key, gateway, status, request)
		}
	}
	after := func(change func(r *adapters.Reply)) spoiler {
		return func(_ []byte, r *adapters.Reply) *adapters.Reply { change(r); return r }
	}
	spoils := map[string]spoiler{
		"the answer to another request": func(request []byte, r *adapters.Reply) *adapters.Reply {
			return resigned(t, r, own, platformID, 200, append(request, '\n'))
		},
		"the answer of another gateway": sign(own, "another", 200),
		"signed by somebody else":       sign(stranger, platformID, 200),
		"signed with another status":    sign(own, platformID, 201),
		"sent with another status":      after(func(r *adapters.Reply) { r.Status = 201 }),
		"HTTP 500":                      after(func(r *adapters.Reply) { r.Status = 500 }),
		"HTTP 429":                      after(func(r *adapters.Reply) { r.Status = 429 }),
		"another time":                  after(func(r *adapters.Reply) { r.Header.Set(wire.HeaderRtime, "1650416400001") }),
		"no signature":                  after(func(r *adapters.Reply) { r.Header.Del(wire.HeaderSign) }),
		"a signature that is no base64": after(func(r *adapters.Reply) { r.Header.Set(wire.HeaderSign, "?") }),
		"no headers":                    after(func(r *adapters.Reply) { r.Header = http.Header{} }),
		"null":                          after(func(r *adapters.Reply) { r.Body = []byte("null") }),
	}
	for _, at := range []int{0, 1, 100, 200} {
		spoils[fmt.Sprintf("cut at %d", at)] = after(func(r *adapters.Reply) { r.Body = r.Body[:at] })
		spoils[fmt.Sprintf("a bit of byte %d", at)] = after(func(r *adapters.Reply) { r.Body[at] ^= 1 })
	}
	for name, spoil := range spoils {
		res, err := ask(t, fixture{Answer: greenAnswer()}, spoil)
		if err == nil || res.Record != nil {
			t.Errorf("%s: %s", name, res.Outcome)
		}
	}
	if res, err := ask(t, fixture{Answer: greenAnswer()}, sign(own, platformID, 200)); err != nil || res.Record.Status != standard.Green {
		t.Errorf("not even the right signature is taken: %v", err)
	}
}

// Every value that a signed answer has is replaced by others in turn, at any depth: what is green then still says green for this system.
func TestNoSpoiltNationalAnswerIsGreen(t *testing.T) {
	decisive := []string{".outcome", ".status", ".system", ".system.id", ".system.region", ".system.colour", ".freshness", ".freshness.from", ".freshness.ageMs"}
	tried := 0
	var spoil func(node map[string]any, at string)
	answer := greenAnswer()
	spoil = func(node map[string]any, at string) {
		for _, name := range slices.Sorted(maps.Keys(node)) {
			path, old := at+"."+name, node[name]
			for _, other := range []any{nil, "", "x", 7, true, []any{}, map[string]any{}} {
				if node[name] = other; !slices.Contains(decisive, path) {
					continue
				}
				tried++
				if res, err := ask(t, fixture{Answer: answer}, nil); err == nil && res.Record != nil && res.Record.Status == standard.Green && !(path == ".freshness.ageMs" && other == 7) {
					t.Errorf("green with %s = %v", path, other)
				}
			}
			if node[name] = old; path != ".others" {
				if inner, ok := old.(map[string]any); ok {
					spoil(inner, path)
				}
			}
		}
	}
	spoil(answer, "")
	if tried < 50 {
		t.Errorf("only %d answers were spoilt", tried)
	}
}

// Only that the service is refused, and that nobody has answered, is taken from what is no answer; the former only when it is signed.
func TestARefusalIsNoAnswer(t *testing.T) {
	_, own := platformKeys()
	for _, tt := range []struct {
		code           *wire.Code
		signed, naught string // what becomes of it with a signature, and without
	}{
		{wire.CodeService, "refused", "backend_fault"},
		{wire.CodePurpose, "refused", "backend_fault"},
		{wire.CodeCallerRate, "backend_busy", "backend_busy"},
		{wire.CodeEvidence, "backend_busy", "backend_busy"},
		{wire.CodeTime, "backend_fault", "backend_fault"},
		{wire.CodeSystem, "backend_fault", "backend_fault"},
		{wire.CodeInternal, "backend_fault", "backend_fault"},
	} {
		refuse := func(signed bool) spoiler {
			return func(request []byte, r *adapters.Reply) *adapters.Reply {
				body, err := json.Marshal(wire.Envelope{Code: tt.code.Code, Message: tt.code.En, RequestID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"})
				if err != nil {
					t.Fatal(err)
				}
				r.Status, r.Body = tt.code.Status, body
				r.Header.Set("Retry-After", "7")
				if !signed {
					return &adapters.Reply{Status: r.Status, Header: http.Header{"Retry-After": {"7"}}, Body: body}
				}
				return resigned(t, r, own, platformID, r.Status, request)
			}
		}
		for signed, want := range map[bool]string{true: tt.signed, false: tt.naught} {
			res, err := ask(t, fixture{Answer: map[string]any{}}, refuse(signed))
			got := string(res.Outcome)
			if f, ok := err.(*adapters.Fault); ok {
				got = string(f.Reason)
				if want == "backend_busy" && f.RetryAfter != 7*time.Second {
					t.Errorf("%s: try again after %s", tt.code.Code, f.RetryAfter)
				}
			}
			if got != want {
				t.Errorf("%s, signed %t: %s, want %s", tt.code.Code, signed, got, want)
			}
		}
	}
}
