package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"tongma/gateway"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDescriptionIsValidOpenAPI31(t *testing.T) {
	doc := loadOpenAPI(t)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %q", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	a := start(t).get(pathOpenAPI)
	if a.status != 200 || !bytes.Equal(a.body, openAPI) || a.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("status %d, %d bytes of %s", a.status, len(a.body), a.header.Get("Content-Type"))
	}
}

func TestTheDescriptionHasExactlyTheRoutesOfTheServer(t *testing.T) {
	var described, served []string
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for _, r := range startKeeping(t).echo.Routes() {
		if r.Method != http.MethodHead {
			served = append(served, r.Method+" "+strings.Replace(r.Path, ":id", "{id}", 1))
		}
	}
	slices.Sort(described)
	slices.Sort(served)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Error(diff)
	}
}

// document gives the description as plain values.
func document(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(doc) // numbers alike, whoever read them
	if err != nil {
		t.Fatal(err)
	}
	doc = nil
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDescriptionKnowsEveryReturnCode(t *testing.T) {
	code := document(t)["components"].(map[string]any)["schemas"].(map[string]any)["Refusal"].(map[string]any)["properties"].(map[string]any)["code"].(map[string]any)
	var want []any
	for _, c := range wire.Codes[1:] {
		want = append(want, c.Code)
		if !strings.Contains(code["description"].(string), "`"+c.Code+"` "+c.En+" ("+c.Zh+"): "+c.Todo) {
			t.Errorf("code %s is not described in the words of the table", c.Code)
		}
	}
	if diff := cmp.Diff(want, code["enum"]); diff != "" {
		t.Error(diff)
	}
}

func TestTheDescriptionHasTheSchemasOfTheStandard(t *testing.T) {
	described := document(t)["components"].(map[string]any)["schemas"].(map[string]any)
	for name, schema := range map[string][]byte{"Request": standard.SchemaRequest(), "Verification": standard.SchemaVerification()} {
		var root map[string]any
		if err := json.Unmarshal(schema, &root); err != nil {
			t.Fatal(err)
		}
		parts, _ := root["$defs"].(map[string]any)
		for part, value := range parts {
			component := strings.ToUpper(part[:1]) + part[1:]
			if diff := cmp.Diff(asComponent(value), described[component]); diff != "" {
				t.Errorf("%s: %s", component, diff)
			}
		}
		for _, own := range []string{"$defs", "$id", "$schema"} {
			delete(root, own)
		}
		if diff := cmp.Diff(asComponent(root), described[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheExampleOfAProofHolds(t *testing.T) {
	file, err := os.ReadFile("../../standard/proof/testdata/gateway.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := sm.ParsePublicKeyPEM(file)
	if err != nil {
		t.Fatal(err)
	}
	answered := loadOpenAPI(t).Paths.Find(pathProof).Get.Responses.Status(200).Value.Content.Get("application/json").Example
	p, err := proof.ParseProof([]byte(asJSON(t, answered.(map[string]any)["data"])))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Verify(proof.KeysOf(key)); err != nil {
		t.Error(err)
	}
}

// asComponent rewrites the references of a schema to those of components.
func asComponent(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, member := range v {
			m[k] = asComponent(member)
			if ref, ok := member.(string); ok && k == "$ref" {
				part := strings.TrimPrefix(ref, "#/$defs/")
				m[k] = "#/components/schemas/" + strings.ToUpper(part[:1]) + part[1:]
			}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = asComponent(v[i])
		}
		return list
	}
	return v
}

// described compares a reply to r with the description.
func described(t *testing.T, doc *openapi3.T, r *request, a *reply) error {
	t.Helper()
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(r.method, "http://127.0.0.1"+r.target, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.header
	route, params, err := router.FindRoute(req)
	if err != nil {
		t.Fatal(err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if a.status == 200 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return err
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	return openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(a.body))
}

// samples are calls of every route, with answers of every kind.
func samples(t *testing.T, k *keeping) map[string]func() (*request, *reply) {
	s := k.station
	entry, asked := k.keep("gate", traveller), k.ask(goodAsk)
	k.asked(pathAnswerAsked, k.answer(asked.ID), wire.CodeOK, nil)
	k.ask(strings.Replace(goodAsk, `"document":{"type":"01","number":"000000194507219983"}`, `"subject":"traveller-1"`, 1))
	signed := func(target, rid, body string) func() (*request, *reply) {
		return func() (*request, *reply) {
			r := post(body)
			r.target, r.rid = target, rid
			s.sign(r)
			return r, s.send(r)
		}
	}
	get := func(target string) func() (*request, *reply) {
		return func() (*request, *reply) {
			return &request{method: "GET", target: target, header: http.Header{}}, s.get(target)
		}
	}
	return map[string]func() (*request, *reply){
		"verified":       signed(pathVerifications, "medical", goodBody),
		"unavailable":    signed(pathVerifications, "officer", `{"scan":"dead","place":{"region":"110000"}}`),
		"batch":          signed(pathBatch, "officer", `{"items":[`+goodBody+`,{"scan":"dead","place":{"region":"110000"}},`+goodBody+`]}`),
		"batch, limited": signed(pathBatch, "slow", `{"items":[`+strings.TrimSuffix(strings.Repeat(goodBody+",", 5), ",")+`]}`),
		"session":        signed(pathSessions, "officer", `{"services":["verify"],"lifetimeS":60,"device":"gate 7"}`),
		"notice":         signed(pathChanges, "platform", goodNotice),
		"heartbeat":      signed(pathChanges, "platform", `{"system":"suishen","seq":43,"changes":[]}`),
		"future":         signed(pathChanges, "platform", `{"system":"suishen","seq":1,"changes":[{"all":true,"at":"2022-03-02T10:00:00Z"}]}`),
		"order":          signed(pathSystems, "operator", goodOrder),
		"state":          signed(pathState, "operator", `{}`),
		"operations":     signed(pathOperations, "operator", `{"last":1}`),
		"all operations": signed(pathOperations, "operator", `{}`),
		"proof": func() (*request, *reply) {
			r := proofOf("gate", entry.ID)
			s.sign(r)
			return r, s.send(r)
		},
		"no proof": func() (*request, *reply) {
			r := proofOf("officer", entry.ID)
			s.sign(r)
			return r, s.send(r)
		},
		"keys":           signed(pathKeys, "privacy", goodDays),
		"search":         signed(pathSearch, "privacy", asJSON(t, k.searching(traveller))),
		"ask":            signed(pathAsk, "platform", goodAsk),
		"asked state":    signed(pathAskedState, "platform", `{"id":"`+asked.ID+`"}`),
		"asked":          signed(pathAsked, "privacy", `{"all":true}`),
		"answered twice": signed(pathAnswerAsked, "privacy", k.answer(asked.ID)),
		"gateway":        get(pathGateway),
		"openapi":        get(pathOpenAPI),
		"health":         get(pathHealth),
		"ready":          get(pathReady),
		"unknown caller": signed(pathVerifications, "nobody", goodBody),
		"unknown member": signed(pathVerifications, "officer", `{"x":1}`),
		"forbidden":      signed(pathVerifications, "platform", goodBody),
		"too often": func() (*request, *reply) {
			for range 3 {
				s.rates.Allow(s.party("slow"))
			}
			return signed(pathVerifications, "slow", goodBody)()
		},
		"too old": func() (*request, *reply) {
			r := post(goodBody)
			r.time = s.now().Add(-time.Hour)
			s.sign(r)
			return r, s.send(r)
		},
		"session-signed": func() (*request, *reply) {
			k, g := s.apply("officer", `{}`)
			r := s.sign(over(k, g, "officer"))
			return r, s.send(r)
		},
		"draining": func() (*request, *reply) {
			s.draining.Store(true)
			defer s.draining.Store(false)
			return get(pathReady)()
		},
	}
}

func sampleStation(t *testing.T) *keeping {
	s := startKeeping(t)
	s.verify = func(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
		v, err := green(ctx, c)
		if c.Request.Scan == "dead" {
			v = &standard.Verification{
				ID: v.ID, Salt: v.Salt, Outcome: standard.Unavailable, Reason: standard.ReasonBreaker.Reason(time.Second), System: v.System,
				Decision: standard.Decision{Action: standard.Manual, Rule: "default/unavailable@1", Reason: standard.Text{Zh: "无法核验", En: "cannot be verified"}},
			}
		}
		return v, err
	}
	return s
}

func TestRealAnswersAreAsDescribed(t *testing.T) {
	s, doc := sampleStation(t), loadOpenAPI(t)
	for name, sample := range samples(t, s) {
		r, a := sample()
		if err := described(t, doc, r, a); err != nil {
			t.Errorf("%s: %v\n%s", name, err, a.body)
		}
	}
}

func TestEveryMistakeIsAnsweredAsDescribed(t *testing.T) {
	doc := loadOpenAPI(t)
	for _, m := range mistakes {
		if m.code == wire.CodeRoute || m.code == wire.CodeMethod || m.code == wire.CodeTarget {
			continue // no route of the description
		}
		_, r, a := m.make(t)
		if a.status == 200 {
			continue
		}
		if err := described(t, doc, r, a); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestBrokenAnswersAreNotAsDescribed(t *testing.T) {
	s, doc := sampleStation(t), loadOpenAPI(t)
	all := samples(t, s)
	for _, c := range []struct{ sample, old, new string }{
		{"verified", `"code":"0"`, `"code":"1"`},
		{"verified", `"code":"0"`, `"code":"40001"`},
		{"verified", `"status":"00"`, `"status":"02"`},
		{"verified", `"colour":"green","system"`, `"colour":"red","system"`},
		{"verified", `"outcome":"verified"`, `"outcome":"unavailable"`},
		{"verified", `"outcome":"verified"`, `"outcome":"fine"`},
		{"verified", `"id":"01`, `"id":"Z1`},
		{"verified", `"holder":{`, `"holder":{"phone":"1",`},
		{"verified", `"ageMs":`, `"age":1,"ageMs":`},
		{"verified", `,"requestId":`, `,"request":`},
		{"unavailable", `"reason":{"code":"breaker_open"`, `"reason":{"code":"unclaimed"`},
		{"unavailable", `"outcome":"unavailable"`, `"outcome":"unavailable","status":"00"`},
		{"unavailable", `"action":"manual"`, `"action":"pass"`},
		{"batch", `"items":[`, `"items":[{},`},
		{"batch", `"items":[`, `"items":[{"code":"0","message":"x"},`},
		{"session", `"session":"`, `"session":"+`},
		{"gateway", `"keys":["`, `"keys":["x`},
		{"gateway", `"region":"310000"`, `"region":"31"`},
		{"too old", `"serverTime":`, `"time":`},
		{"too old", `"data":{`, `"data":{"x":1,`},
		{"forbidden", `"code":"40301"`, `"code":"40399"`},
		{"notice", `"missed":0`, `"missed":-1`},
		{"notice", `"last":42`, `"last":42,"first":true`},
		{"notice", `"repeated":false`, `"repeated":0`},
		{"order", `"mode":"open"`, `"mode":"warm"`},
		{"order", `"by":"operator"`, `"by":"the operator"`},
		{"order", `"limit":64`, `"limit":-1`},
		{"order", `"breaker":"closed",`, ``},
		{"state", `"systems":[{`, `"systems":[{"colour":"green",`},
		{"operations", `"action":"open"`, `"action":"close"`},
		{"operations", `"at":"2022-03-01T`, `"at":"01.03.2022T`},
		{"future", `"serverTime":`, `"time":`},
		{"proof", `"number":0`, `"number":4096`},
		{"proof", `"path":[]`, `"path":null`},
		{"proof", `"key":"`, `"key":"x`},
		{"no proof", `"code":"40402"`, `"code":"40403"`},
		{"keys", `"part":0`, `"part":-1`},
		{"keys", `"sealed":"`, `"wrapped":"`},
		{"search", `"entries":[{`, `"entries":[{"holder":"x",`},
		{"search", `"found":`, `"founds":`},
		{"ask", `"entry":"`, `"entry":"x`},
		{"asked state", `"answered":"`, `"answered":"on `},
		{"asked", `"requests":[{`, `"requests":[{"document":{},`},
		{"answered twice", `"code":"40902"`, `"code":"40903"`},
	} {
		r, a := all[c.sample]()
		if !bytes.Contains(a.body, []byte(c.old)) {
			t.Errorf("%s: no %s in %s", c.sample, c.old, a.body)
			continue
		}
		a.body = bytes.Replace(a.body, []byte(c.old), []byte(c.new), 1)
		if described(t, doc, r, a) == nil {
			t.Errorf("%s: %s for %s is as described", c.sample, c.new, c.old)
		}
	}
	for _, name := range []string{wire.HeaderSign, wire.HeaderRtime, "Cache-Control"} {
		r, a := all["verified"]()
		a.header.Del(name)
		if described(t, doc, r, a) == nil {
			t.Errorf("without %s it is as described", name)
		}
	}
}
