package api

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/standard/wire"
)

func (s *station) expect(r *request, code *wire.Code) *reply {
	s.t.Helper()
	a := s.send(r)
	if a.Code != code.Code || a.status != code.Status {
		s.t.Errorf("status %d, code %s (%s); want %s (%s)", a.status, a.Code, a.Message, code.Code, code.Name)
	}
	return a
}

// TestTheOrderOfChecks heaps all mistakes on one request and mends them one by one: each time the next check speaks.
func TestTheOrderOfChecks(t *testing.T) {
	s := start(t)
	stranger := newKey(t)
	r := post(`{"unknown":1}` + strings.Repeat(" ", wire.MaxBody))
	r.rid, r.key, r.nonce, r.time, r.signWith = "nobody", "k9", "short", s.now().Add(-time.Hour), stranger
	used := post(goodBody)
	used.rid, used.nonce = "slow", "0123456789abcdef"
	s.expect(s.sign(used), wire.CodeOK)
	for range 2000 {
		s.sources.Failed(localhost)
	}

	for _, step := range []struct {
		code   *wire.Code
		mend   func()
		signed bool
	}{
		{code: wire.CodeTooLarge, mend: func() { r.body = `{"unknown":1}` }},
		{code: wire.CodeHeader, mend: func() { r.nonce = "0123456789abcdef" }},
		{code: wire.CodeSourceRate, mend: func() { s.pass(time.Minute); r.time = s.now().Add(-time.Hour) }},
		{code: wire.CodeCaller, mend: func() { r.rid, r.key = "slow", "k1" }},
		{code: wire.CodeTime, mend: func() { r.time = s.now() }},
		{code: wire.CodeSignature, mend: func() { r.signWith = nil }},
		{code: wire.CodeReplay, signed: true, mend: func() {
			for range 3 {
				s.rates.Allow(s.party("slow"))
			}
			r.nonce = ""
		}},
		{code: wire.CodeCallerRate, signed: true, mend: func() { r.nonce, r.rid = "", "platform" }},
		{code: wire.CodeService, signed: true, mend: func() { r.nonce, r.rid = "", "gate" }},
		{code: wire.CodeUnknown, signed: true, mend: func() { r.nonce, r.body = "", goodBody }},
		{code: wire.CodeOK, signed: true, mend: func() {}},
	} {
		a := s.expect(s.sign(r), step.code)
		if got := s.isSigned(r, a); got != step.signed {
			t.Errorf("%s: signed is %v, want %v", step.code.Name, got, step.signed)
		}
		step.mend()
	}
}

func TestARequestIsAcceptedOnce(t *testing.T) {
	s := start(t)
	r := s.sign(post(goodBody))
	s.expect(r, wire.CodeOK)
	if a := s.expect(r, wire.CodeReplay); !s.isSigned(r, a) {
		t.Error("the refusal is not signed, though the signature was good")
	}
	again := post(goodBody)
	again.nonce, again.time = r.nonce, s.now().Add(time.Second)
	s.expect(s.sign(again), wire.CodeReplay)
	other := post(goodBody)
	other.nonce, other.rid = r.nonce, "tester"
	s.expect(s.sign(other), wire.CodeOK)
}

func TestAWronglySignedRequestUsesUpNoNonce(t *testing.T) {
	s := start(t)
	bad := post(goodBody)
	bad.nonce, bad.signWith = "0123456789abcdef", newKey(t)
	s.expect(s.sign(bad), wire.CodeSignature)
	good := post(goodBody)
	good.nonce = bad.nonce
	s.expect(s.sign(good), wire.CodeOK)
}

func TestAfterARestartNothingIsAcceptedAgain(t *testing.T) {
	with := newSetUp(t)
	first := startWith(t, with)
	first.pass(1 * time.Millisecond)
	r := first.sign(post(goodBody))
	first.expect(r, wire.CodeOK)

	second := startWith(t, with)
	second.pass(2 * time.Second)
	a := second.expect(r, wire.CodeTime)
	if second.isSigned(r, a) {
		t.Error("a refusal for the time is signed")
	}
	var clock wire.Clock
	if err := json.Unmarshal(a.Data, &clock); err != nil {
		t.Fatal(err)
	}
	if want := testTime.Add(5 * time.Second).UnixMilli(); clock.NotBefore != want || clock.ServerTime != second.now().UnixMilli() {
		t.Errorf("clock = %+v, want notBefore %d, serverTime %d", clock, want, second.now().UnixMilli())
	}
	fresh := post(goodBody)
	fresh.time = time.UnixMilli(clock.NotBefore)
	second.expect(second.sign(fresh), wire.CodeTime)
	fresh.nonce, fresh.time = "", time.UnixMilli(clock.NotBefore+1)
	second.expect(second.sign(fresh), wire.CodeOK)
	other := post(goodBody)
	other.rid = "tester"
	second.expect(second.sign(other), wire.CodeOK)
}

func TestARefusalForTheTimeTellsTheTime(t *testing.T) {
	s := start(t)
	r := post(goodBody)
	r.time = s.now().Add(-time.Hour)
	a := s.expect(s.sign(r), wire.CodeTime)
	if want := fmt.Sprintf(`{"serverTime":%d}`, s.now().UnixMilli()); string(a.Data) != want {
		t.Errorf("data = %s, want %s", a.Data, want)
	}
}

func TestWithoutADiskNothingPasses(t *testing.T) {
	with := newSetUp(t)
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	with.marks = filepath.Join(dir, "marks.json")
	s := startWith(t, with)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r := s.sign(post(goodBody))
	if a := s.expect(r, wire.CodeNonces); !s.isSigned(r, a) {
		t.Error("not signed")
	}
}

func TestACallerIsHeldToItsRate(t *testing.T) {
	s := start(t)
	send := func(code *wire.Code) {
		r := post(goodBody)
		r.rid = "slow"
		a := s.expect(s.sign(r), code)
		if !s.isSigned(r, a) {
			t.Error("not signed")
		}
		if code == wire.CodeCallerRate && a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	for range 3 {
		send(wire.CodeOK)
	}
	send(wire.CodeCallerRate)
	s.pass(time.Second)
	send(wire.CodeOK)
}

func TestASourceThatKeepsFailingIsNotHeard(t *testing.T) {
	s := start(t)
	for range 1999 {
		s.sources.Failed(localhost)
	}
	bad := post(goodBody)
	bad.signWith = newKey(t)
	s.expect(s.sign(bad), wire.CodeSignature)
	good := post(goodBody)
	a := s.expect(s.sign(good), wire.CodeSourceRate)
	if a.header.Get("Retry-After") == "" || s.isSigned(good, a) {
		t.Error("no Retry-After, or signed")
	}
	s.pass(time.Second)
	good.nonce, good.time = "", time.Time{}
	s.expect(s.sign(good), wire.CodeOK)
}

func TestABodyThatEndsTooEarlyIsRefused(t *testing.T) {
	s := start(t)
	c, err := net.Dial("tcp", s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", pathVerifications)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := s.read(c, "POST"); a.Code != wire.CodeSyntax.Code {
		t.Errorf("code %s (%s)", a.Code, a.Message)
	}
}
