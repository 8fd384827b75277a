package api

import (
	"strings"
	"testing"
	"time"

	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/wire"
)

// over makes a request that is signed with a session.
func over(k *keys, g *grant, rid string) *request {
	r := post(goodBody)
	r.rid, r.key, r.secret = rid, g.Session, k
	return r
}

func TestASessionSignsRequestsAndAnswers(t *testing.T) {
	s := start(t)
	k, g := s.apply("officer", `{"services":["verify"],"lifetimeS":900}`)
	if want := testTime.Add(15 * time.Minute); !g.Expires.Equal(want) || len(g.Services) != 1 || g.Services[0] != "verify" {
		t.Errorf("granted %v until %v, want verify until %v", g.Services, g.Expires, want)
	}
	for range 2 {
		r := s.sign(over(k, g, "officer"))
		if a := s.expect(r, wire.CodeOK); !s.isSigned(r, a) {
			t.Error("the answer is not signed with the session's answer key")
		}
		if a := s.expect(r, wire.CodeReplay); !s.isSigned(r, a) {
			t.Error("the refusal is not signed with the session's answer key")
		}
	}
}

func TestASessionEndsWithItsTime(t *testing.T) {
	s := start(t)
	k, g := s.apply("officer", `{"lifetimeS":60}`)
	s.pass(60*time.Second - time.Millisecond)
	s.expect(s.sign(over(k, g, "officer")), wire.CodeOK)
	s.pass(time.Millisecond)
	r := s.sign(over(k, g, "officer"))
	if a := s.expect(r, wire.CodeSession); s.isSigned(r, a) {
		t.Error("signed with a session that has ended")
	}
}

func TestASessionIsItsCallersAlone(t *testing.T) {
	s := start(t)
	k, g := s.apply("officer", `{}`)
	s.expect(s.sign(over(k, g, "tester")), wire.CodeSession)
	bad := s.sign(over(&keys{}, g, "officer"))
	if a := s.expect(bad, wire.CodeSignature); s.isSigned(bad, a) {
		t.Error("signed though the MAC was wrong")
	}
	swapped := *k
	swapped.request = k.answer
	s.expect(s.sign(over(&swapped, g, "officer")), wire.CodeSignature)
}

func TestASessionSurvivesARestartButNotItsCallerOrKey(t *testing.T) {
	with := newSetUp(t)
	first := startWith(t, with)
	k, g := first.apply("officer", `{}`)
	send := func(s *station) *reply {
		s.pass(10 * time.Second) // past the mark
		return s.send(s.sign(over(k, g, "officer")))
	}
	if a := send(startWith(t, with)); a.Code != wire.CodeOK.Code {
		t.Errorf("after a restart: %s", a.Message)
	}

	removed := with
	removed.parties = with.parties[1:]
	if a := send(startWith(t, removed)); a.Code != wire.CodeSession.Code {
		t.Errorf("after the caller was removed: %s", a.Message)
	}

	rekeyed := with
	rekeyed.parties = append([]registry.Party{}, with.parties...)
	rekeyed.parties[0].KeyID = "k2"
	if a := send(startWith(t, rekeyed)); a.Code != wire.CodeSession.Code {
		t.Errorf("after the caller's key was replaced: %s", a.Message)
	}

	foreign := with
	foreign.key = newKey(t)
	if a := send(startWith(t, foreign)); a.Code != wire.CodeSession.Code {
		t.Errorf("at a gateway with another key: %s", a.Message)
	}
}

func TestASessionIsNotAppliedForWithASession(t *testing.T) {
	s := start(t)
	k, g := s.apply("officer", `{}`)
	r := over(k, g, "officer")
	r.target, r.body = pathSessions, `{}`
	if a := s.expect(s.sign(r), wire.CodeSignType); !s.isSigned(r, a) {
		t.Error("not signed")
	}
}

func TestADevicesSessionSpeaksForThatDevice(t *testing.T) {
	s := start(t)
	var device string
	s.verify = recordDevice(&device)
	k, g := s.apply("officer", `{"device":"闸机 7"}`)
	for body, want := range map[string]*wire.Code{
		`{"scan":"x","place":{"region":"110000"}}`:                   wire.CodeOK,
		`{"scan":"x","place":{"region":"110000"},"device":"闸机 7"}`:   wire.CodeOK,
		`{"scan":"x","place":{"region":"110000"},"device":"gate 8"}`: wire.CodeField,
	} {
		device = ""
		r := over(k, g, "officer")
		r.body = body
		s.expect(s.sign(r), want)
		if want == wire.CodeOK && device != "闸机 7" {
			t.Errorf("%s: the gateway was told device %q", body, device)
		}
	}
}

func TestAnApplicationIsChecked(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		rid, body string
		code      *wire.Code
	}{
		{"officer", `{}`, wire.CodeOK},
		{"officer", `{"lifetimeS":60}`, wire.CodeOK},
		{"officer", `{"lifetimeS":3600,"services":["verify"],"device":"gate-1"}`, wire.CodeOK},
		{"officer", `{"lifetimeS":59}`, wire.CodeField},
		{"officer", `{"lifetimeS":3601}`, wire.CodeField},
		{"officer", `{"lifetimeS":0}`, wire.CodeField},
		{"officer", `{"lifetimeS":-60}`, wire.CodeField},
		{"officer", `{"lifetimeS":9223372036854775807}`, wire.CodeField},
		{"officer", `{"device":"` + strings.Repeat("d", 65) + `"}`, wire.CodeField},
		{"officer", `{"device":"` + strings.Repeat("机", 43) + `"}`, wire.CodeField},
		{"officer", `{"device":"a\nb"}`, wire.CodeField},
		{"officer", `{"device":" a"}`, wire.CodeField},
		{"officer", `{"services":["query"]}`, wire.CodeService},
		{"officer", `{"services":["verify","verify"]}`, wire.CodeService},
		{"officer", `{"services":["apply"]}`, wire.CodeService},
		{"officer", `{"service":"verify"}`, wire.CodeUnknown},
		{"platform", `{}`, wire.CodeService},
		{"query-only", `{}`, wire.CodeService},
	} {
		r := post(c.body)
		r.target, r.rid = pathSessions, c.rid
		a := s.expect(s.sign(r), c.code)
		if !s.isSigned(r, a) {
			t.Errorf("%s: not signed", c.body)
		}
	}
}

func TestALongestSessionFitsIntoItsHeader(t *testing.T) {
	with := newSetUp(t)
	long := strings.Repeat("r", 64)
	with.parties = append(with.parties, registry.Party{
		ID: long, KeyID: strings.Repeat("k", 64), Key: with.caller.Public(), Roles: standard.RolesOf(standard.RoleOfficer), Purposes: []string{"*"},
	})
	s := startWith(t, with)
	r := post(`{"device":"` + strings.Repeat("机", 42) + `"}`)
	r.target, r.rid, r.key = pathSessions, long, strings.Repeat("k", 64)
	k, g := s.openGrant(long, s.expect(s.sign(r), wire.CodeOK))
	s.expect(s.sign(over(k, g, long)), wire.CodeOK)
}

func TestASessionSignsWhatBeginsOtherwiseThanMostOfItsRequests(t *testing.T) {
	s := start(t)
	k, g := s.apply("officer", `{}`)
	r := over(k, g, "officer")
	r.target = pathVerifications + "?a=b"
	if a := s.expect(s.sign(r), wire.CodeOK); !s.isSigned(r, a) {
		t.Error("the answer is not signed with the session's answer key")
	}
}
