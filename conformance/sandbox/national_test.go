package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// call makes a call as the national interface wants it, unless spoil changes that, and gives the text that was signed.
func (a *asker) call(body, nonce string, spoil func(*wire.Head)) (*capture, []byte) {
	a.t.Helper()
	private, err := sm.ParsePrivateKeyPEM([]byte(a.cred["privateKey"]+"\n"), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	head := wire.Head{Rid: a.cred["rid"], Key: a.cred["key"], Rtime: wire.Rtime(a.now()), Nonce: nonce, SignType: wire.SM2}
	text := wire.AppendRequestText(nil, a.cred["gateway"], "POST", "/v1/verifications", &head, sm.Sum([]byte(body)))
	if head.Sign, err = private.Sign(text); err != nil {
		a.t.Fatal(err)
	}
	if spoil != nil {
		spoil(&head)
	}
	header := http.Header{}
	head.Put(header)
	pairs := []string{"Content-Type", "application/json"}
	for name := range header {
		pairs = append(pairs, name, header.Get(name))
	}
	return do(a.t, a.handler, "POST", "/v1/verifications", body, pairs...), text
}

// dock calls a region's platform and gives its reply, with a member that says whether it is signed.
func (a *asker) dock(body, nonce string, spoil func(*wire.Head)) (int, map[string]any) {
	a.t.Helper()
	w, text := a.call(body, nonce, spoil)
	reply := object(a.t, w.body.String())
	answer, err := wire.ParseAnswerHead(w.header)
	if err != nil {
		return w.status, reply
	}
	public, err := sm.ParsePublicKeyPEM([]byte(a.cred["gatewayKey"]))
	if err != nil {
		a.t.Fatal(err)
	}
	if !public.Verify(wire.AppendAnswerText(nil, a.cred["gateway"], w.status, sm.Sum(text), answer.Rtime, sm.Sum(w.body.Bytes())), answer.Sign) {
		a.t.Error("the answer is not signed over the request")
	}
	reply["signed"] = true
	return w.status, reply
}

// nonces are drawn by counting.
var drawnNonces int

func nextNonce() string {
	drawnNonces++
	return "nonce-of-the-tests-" + strings.Repeat("0", 8) + wire.Rtime(time.UnixMilli(int64(1e12+drawnNonces)))
}

// docked asks a region's platform about a person.
func (a *asker) docked(p Person) found {
	a.t.Helper()
	ask := map[string]any{"place": map[string]string{"region": "110000"}, "system": p.System}
	if p.Document != nil {
		ask["document"] = p.Document
	} else {
		ask["scan"] = p.Scan
	}
	body, err := json.Marshal(ask)
	if err != nil {
		a.t.Fatal(err)
	}
	status, reply := a.dock(string(body), nextNonce(), nil)
	data, _ := reply["data"].(map[string]any)
	if status != http.StatusOK || reply["signed"] != true || data == nil {
		return found{outcome: standard.Unavailable}
	}
	got := found{outcome: standard.Outcome(str(data["outcome"]))}
	if holder, ok := data["holder"].(map[string]any); ok {
		got.name, got.idNumber = str(holder["name"]), str(holder["idNumber"])
	}
	if s, ok := data["status"]; ok {
		got.status = standard.Status(str(s))
	}
	return got
}

func TestAPlatformAnswersWhoeverSignsAsTheNationalInterfaceWants(t *testing.T) {
	s := New(at(noon))
	system := regions[0].id
	a := newAsker(t, s, system, func() time.Time { return noon })
	body := `{"scan":"` + s.People(system)[0].Scan + `","place":{"region":"110000"}}`
	status, reply := a.dock(body, "0123456789abcdef", nil)
	if data, _ := reply["data"].(map[string]any); status != 200 || reply["signed"] != true || data["status"] != "00" {
		t.Fatalf("%d %v", status, reply)
	}
	tests := []struct {
		name, body, nonce, code string
		spoil                   func(*wire.Head)
		signed                  bool
	}{
		{"a nonce again", body, "0123456789abcdef", "40105", nil, true},
		{"another caller", body, "1123456789abcdef", "40102", func(h *wire.Head) { h.Rid = "somebody" }, false},
		{"another key", body, "2123456789abcdef", "40102", func(h *wire.Head) { h.Key = "somebody" }, false},
		{"a time four minutes off", body, "3123456789abcdef", "40103", func(h *wire.Head) { h.Rtime = wire.Rtime(noon.Add(4 * time.Minute)) }, false},
		{"a time that is not signed", body, "4123456789abcdef", "40104", func(h *wire.Head) { h.Rtime = wire.Rtime(noon.Add(time.Second)) }, false},
		{"an unknown member", `{"scan":"x","more":1}`, "5123456789abcdef", "40001", nil, true},
		{"scan and document", `{"scan":"x","document":{"type":"01","number":"1","name":"x"}}`, "6123456789abcdef", "40010", nil, true},
		{"another system", `{"scan":"x","system":"suishen"}`, "7123456789abcdef", "40013", nil, true},
	}
	for _, tt := range tests {
		status, reply := a.dock(tt.body, tt.nonce, tt.spoil)
		if reply["code"] != tt.code || status == 200 || (reply["signed"] == true) != tt.signed {
			t.Errorf("%s: %d %v", tt.name, status, reply)
		}
	}
	if w := do(t, a.handler, "POST", "/v1/verifications", body, jsonHeader...); w.status != 401 {
		t.Errorf("unsigned: %d %s", w.status, w.body.String())
	}
}

func TestARegionsOwnColourHasNoNationalStatus(t *testing.T) {
	s := New(at(noon))
	for _, r := range regions {
		people := s.People(r.id)
		last := people[len(people)-1]
		if own := strings.Contains(last.Note, "no status"); own != (r.own != "") || own && (last.Status != standard.None || last.Action != standard.Manual) {
			t.Errorf("%s: %+v", r.id, last)
		}
	}
}

func TestForeignersHavePassportsAndLatinNames(t *testing.T) {
	for _, p := range New(at(noon)).Everyone("international") {
		if p.Document != nil && (p.Document.Type != "03" || !strings.HasPrefix(p.Document.Number, "E0000") || strings.Trim(p.Document.Name, "某ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ") != "") {
			t.Errorf("%+v", p.Document)
		}
	}
}
