package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tongma/gateway"
	"tongma/standard"
	"tongma/standard/wire"
)

func recordDevice(into *string) func(context.Context, gateway.Call) (*standard.Verification, error) {
	return func(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
		*into = c.Request.Device
		return green(ctx, c)
	}
}

func TestTheGatewayIsToldWhoAsksAndWhatFor(t *testing.T) {
	s := start(t)
	var got gateway.Call
	s.verify = func(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
		got = c
		return green(ctx, c)
	}
	r := post(goodBody)
	r.rid = "gate"
	s.expect(s.sign(r), wire.CodeOK)
	if got.Caller.ID != "gate" || got.Caller.Roles != standard.RolesOf(standard.RoleGate) {
		t.Errorf("caller = %+v", got.Caller)
	}
	if got.Request.Purpose != "entry" {
		t.Errorf("purpose = %q, want the only one that is granted", got.Request.Purpose)
	}
	if got.BodySum == [32]byte{} {
		t.Error("no digest of the body")
	}
}

func TestRolesDecideWhoMayVerify(t *testing.T) {
	s := start(t)
	for rid, want := range map[string]*wire.Code{
		"gate": wire.CodeOK, "officer": wire.CodeOK, "medical": wire.CodeOK, "tester": wire.CodeOK,
		"platform": wire.CodeService, "privacy": wire.CodeService,
	} {
		r := post(goodBody)
		r.rid = rid
		s.expect(s.sign(r), want)
	}
}

// batchOf sends a batch and gives its items.
func (s *station) batchOf(rid string, items ...string) []map[string]any {
	s.t.Helper()
	r := post(`{"items":[` + strings.Join(items, ",") + `]}`)
	r.target, r.rid = pathBatch, rid
	a := s.expect(s.sign(r), wire.CodeOK)
	if !s.isSigned(r, a) {
		s.t.Error("not signed")
	}
	var got struct{ Items []map[string]any }
	if err := json.Unmarshal(a.Data, &got); err != nil {
		s.t.Fatal(err)
	}
	return got.Items
}

func TestABatchKeepsItsOrderAndEachItemItsOwnOutcome(t *testing.T) {
	s := start(t)
	s.verify = func(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
		switch c.Request.Scan {
		case "error":
			return nil, errors.New("secret inside")
		case "panic":
			panic("secret inside")
		case "region":
			return nil, &standard.Error{Kind: standard.KindRegion, Field: "place.region", What: "must be six digits"}
		}
		v, err := green(ctx, c)
		v.Salt = c.Request.Scan
		return v, err
	}
	items := []string{
		`{"scan":"a","place":{"region":"110000"}}`,
		`{"scan":"error","place":{"region":"110000"}}`,
		`{"scan":"b","place":{"region":"110000"}}`,
		`{"scan":"panic","place":{"region":"110000"}}`,
		`{"scan":"region","place":{"region":"1"}}`,
		`{"scan":"c","plaice":{"region":"110000"}}`,
		`[]`,
		`null`,
		`{"scan":"d","place":{"region":"110000"}}`,
	}
	got := s.batchOf("officer", items...)
	want := []string{"a", wire.CodeInternal.Code, "b", wire.CodeInternal.Code, wire.CodeRegion.Code, wire.CodeUnknown.Code, wire.CodeSyntax.Code, wire.CodeSyntax.Code, "d"}
	if len(got) != len(want) {
		t.Fatalf("%d items, want %d", len(got), len(want))
	}
	for i, item := range got {
		if item["salt"] != want[i] && item["code"] != want[i] {
			t.Errorf("item %d = %v, want %s", i, item, want[i])
		}
		if code, refused := item["code"]; refused && (item["message"] == "" || strings.Contains(fmt.Sprint(item["message"]), "secret")) {
			t.Errorf("item %d: code %v, message %v", i, code, item["message"])
		}
	}
}

func TestABatchIsBounded(t *testing.T) {
	s := start(t)
	item := `{"scan":"a","place":{"region":"110000"}}`
	for n, want := range map[int]*wire.Code{0: wire.CodeField, 1: wire.CodeOK, 50: wire.CodeOK, 51: wire.CodeField} {
		r := post(`{"items":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`)
		r.target = pathBatch
		s.expect(s.sign(r), want)
	}
	for _, body := range []string{`{}`, `{"items":null}`, `{"items":{}}`, `{"items":"a"}`} {
		r := post(body)
		r.target = pathBatch
		s.expect(s.sign(r), wire.CodeField)
	}
}

func TestABatchAsksForAFewAtATime(t *testing.T) {
	s := start(t)
	var running, most atomic.Int32
	var once sync.Once
	full := make(chan struct{})
	s.verify = func(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == batchWidth {
			once.Do(func() { close(full) })
		}
		<-full
		return green(ctx, c)
	}
	items := make([]string, maxItems)
	for i := range items {
		items[i] = `{"scan":"a","place":{"region":"110000"}}`
	}
	s.batchOf("officer", items...)
	if most.Load() > batchWidth {
		t.Errorf("%d at the same time", most.Load())
	}
}

func TestABatchCountsAsManyCallsAsItHasItems(t *testing.T) {
	s := start(t)
	item := `{"scan":"a","place":{"region":"110000"}}`
	got := s.batchOf("slow", item, item, item, item, item)
	for i, v := range got {
		if refused := v["code"] == wire.CodeCallerRate.Code; refused != (i >= 3) {
			t.Errorf("item %d = %v", i, v)
		}
	}
}

// blocking says when it has begun, and answers when it may.
func blocking(began, release chan struct{}) func(context.Context, gateway.Call) (*standard.Verification, error) {
	return func(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
		close(began)
		<-release
		return green(ctx, c)
	}
}
