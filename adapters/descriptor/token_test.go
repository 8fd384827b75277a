package descriptor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// issuer is a backend that gives tokens t1, t2, … and accepts the last one alone.
type issuer struct {
	mu       sync.Mutex
	given    int
	calls    map[string]int // by path
	old      []string       // what renewals showed
	takes    time.Duration  // how long a token's call takes
	answers  time.Duration  // how long the other call takes
	refuses  map[string]bool
	everyone bool // refuse every token
	value    string
}

func (s *issuer) Now() time.Time                   { return time.Now() }
func (s *issuer) Credential(string) (string, bool) { return "c", true }
func (s *issuer) Random(b []byte)                  { clear(b) }

func (s *issuer) Send(ctx context.Context, c *adapters.Call) (*adapters.Reply, error) {
	path, _, _ := strings.Cut(c.Target, "?")
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[path]++
	takes := s.takes
	if path == "/check" {
		takes = s.answers
	}
	s.mu.Unlock()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil, &adapters.Fault{Reason: standard.ReasonTimeout, Err: ctx.Err()}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == "/check" {
		if s.everyone || c.Header[0].Value != s.last() {
			return ok(`{"code":"token"}`), nil
		}
		return ok(`{"code":"0","status":"00"}`), nil
	}
	if s.refuses[path] {
		return ok(`{"code":"refused"}`), nil
	}
	if path == "/renew" {
		s.old = append(s.old, string(c.Body))
	}
	s.given++
	return ok(fmt.Sprintf(`{"code":"0","token":%q,"ends":%d}`, s.last(), time.Now().Add(time.Hour).Unix())), nil
}

func (s *issuer) last() string {
	if s.value != "" {
		return s.value
	}
	return fmt.Sprintf("t%d", s.given)
}

func (s *issuer) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

const withToken = `
tokens:
  access:
    obtain:
      get: /obtain
      outcome: [{when: '=json(body).code == "0"', is: next}, {when: '=json(body).code == "refused"', is: refused}]
    value: =json(body).token
    lives: 1h
    renew: 30m
verify:
  - post: /check
    headers: {x-token: =token.access}
    then: {reply: =json(body)}
    outcome:
      - {when: '=reply.code == "0"', is: verified}
      - {when: '=reply.code == "token"', is: renew, token: access}
record:
  status: =reply.status
`

var withRenewal = strings.Replace(withToken, "    value:", `    renewal:
      post: /renew
      raw: =old
      outcome: [{when: '=json(body).code == "0"', is: next}]
    value:`, 1)

func verify(t *testing.T, a adapters.Adapter) error {
	t.Helper()
	res, err := a.Verify(t.Context(), query("x"))
	if err == nil && (res.Outcome != standard.Verified || res.Record.Status != standard.Green) {
		t.Errorf("got %+v", res)
	}
	return err
}

func TestATokenIsFetchedOnceAndUsedUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{}
		a := parse(t, strings.Replace(withToken, "    renew: 30m\n", "", 1)).Open(s)
		for _, step := range []struct {
			sleep   time.Duration
			fetches int
		}{{0, 1}, {0, 1}, {59 * time.Minute, 1}, {time.Minute, 2}, {time.Hour - 1, 2}, {1, 3}} {
			time.Sleep(step.sleep)
			if err := verify(t, a); err != nil || s.count("/obtain") != step.fetches {
				t.Errorf("after %v: %v, %d fetches, want %d", step.sleep, err, s.count("/obtain"), step.fetches)
			}
		}
	})
}

func TestTheEarlierOfLivesAndExpiresEndsAToken(t *testing.T) {
	for change, ends := range map[string]time.Duration{
		"lives: 1h\n    expires: =fromSeconds(json(body).ends)\n": time.Hour, "lives: 2h\n    expires: =fromSeconds(json(body).ends)\n": time.Hour,
		"lives: 30m\n    expires: =fromSeconds(json(body).ends)\n": 30 * time.Minute, "expires: =fromSeconds(json(body).ends)\n": time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &issuer{}
			a := parse(t, strings.Replace(withToken, "lives: 1h\n    renew: 30m\n", change, 1)).Open(s)
			for _, at := range []struct {
				sleep time.Duration
				n     int
			}{{0, 1}, {ends - 1, 1}, {1, 2}} {
				time.Sleep(at.sleep)
				if err := verify(t, a); err != nil || s.count("/obtain") != at.n {
					t.Errorf("%s: %v, %d fetches after %v", change, err, s.count("/obtain"), at.sleep)
				}
			}
		})
	}
}

func TestAGoodTokenIsServedWhileOneCallerRenewsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{takes: time.Second, value: "same"}
		a := parse(t, withRenewal).Open(s)
		if err := verify(t, a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		for range 20 {
			began := time.Now()
			if err := verify(t, a); err != nil || time.Since(began) != 0 {
				t.Errorf("%v: somebody waited %v for a renewal", err, time.Since(began))
			}
		}
		synctest.Wait()
		if n := s.count("/renew"); n != 1 {
			t.Errorf("%d renewals at once", n)
		}
		time.Sleep(2 * time.Second)
		if err := verify(t, a); err != nil || s.count("/renew") != 1 || s.count("/obtain") != 1 {
			t.Error(err, s.calls)
		}
		if len(s.old) != 1 || s.old[0] != "same" {
			t.Errorf("the renewal showed %q", s.old)
		}
	})
}

func TestWhenRenewalFailsObtainRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{refuses: map[string]bool{"/renew": true}}
		a := parse(t, withRenewal).Open(s)
		if err := verify(t, a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := verify(t, a); err != nil || s.count("/renew") != 1 || s.count("/obtain") != 2 {
			t.Error(err, s.calls)
		}
	})
}

func TestARefusedTokenIsRenewedOnceAndTheCallMadeOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{}
		a := parse(t, withToken).Open(s)
		if err := verify(t, a); err != nil {
			t.Fatal(err)
		}
		s.given++ // somebody else has fetched one, and ours ended with it
		if err := verify(t, a); err != nil || s.count("/check") != 3 || s.count("/obtain") != 2 {
			t.Error(err, s.calls)
		}
		s.everyone = true
		err := verify(t, a)
		wantFault(t, err, standard.ReasonFault, "refuses a token that it has just given")
		if s.count("/check") != 5 || s.count("/obtain") != 3 {
			t.Error(s.calls)
		}
	})
}

func TestAHundredRefusalsAtOnceRenewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{takes: time.Second, answers: time.Second}
		a := parse(t, withRenewal).Open(s)
		if err := verify(t, a); err != nil {
			t.Fatal(err)
		}
		s.given++
		var failed atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if verify(t, a) != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if failed.Load() != 0 || s.count("/renew") != 1 || s.count("/obtain") != 1 || s.count("/check") != 201 {
			t.Errorf("%d failed, %v", failed.Load(), s.calls)
		}
	})
}

func TestALateRefusalOfAnOldTokenRenewsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{}
		a := parse(t, withToken).Open(s)
		if err := verify(t, a); err != nil {
			t.Fatal(err)
		}
		s.answers = 5 * time.Second
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := verify(t, a); err != nil { // it is refused when somebody else has a new token already
				t.Error(err)
			}
		})
		synctest.Wait()
		s.mu.Lock()
		s.answers, s.given = 0, s.given+1
		s.mu.Unlock()
		if err := verify(t, a); err != nil || s.count("/obtain") != 2 {
			t.Error(err, s.calls)
		}
		wg.Wait()
		if s.count("/obtain") != 2 {
			t.Errorf("%d fetches", s.count("/obtain"))
		}
	})
}

func TestAFailureToFetchIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{refuses: map[string]bool{"/obtain": true}}
		a := parse(t, withToken).Open(s)
		for range 3 {
			wantFault(t, verify(t, a), standard.ReasonFault, "token access: the backend says refused")
		}
		if s.count("/check") != 0 || s.count("/obtain") != 3 {
			t.Error(s.calls)
		}
		s.refuses = nil
		if err := verify(t, a); err != nil {
			t.Error(err)
		}
	})
}

// panicking is a backend whose host breaks down at every token's call.
type panicking struct{ issuer }

func (s *panicking) Send(ctx context.Context, c *adapters.Call) (*adapters.Reply, error) {
	if strings.HasPrefix(c.Target, "/obtain") {
		panic("canary")
	}
	return s.issuer.Send(ctx, c)
}

func TestAPanicWhileATokenIsFetchedIsAFaultAndEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := parse(t, withToken).Open(&panicking{})
		for range 2 { // the second time: whoever fetches next is not kept waiting
			err := verify(t, a)
			wantFault(t, err, standard.ReasonFault, "token access: its fetch has panicked")
			if strings.Contains(err.Error(), "canary") {
				t.Error(err)
			}
		}
	})
}

func TestWhoeverLeavesTakesNoTokenFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{takes: 3 * time.Second}
		a := parse(t, withToken).Open(s)
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := a.Verify(ctx, query("x"))
			wantFault(t, err, standard.ReasonTimeout, "while waiting for token access")
		})
		time.Sleep(time.Millisecond)
		wg.Go(func() {
			began := time.Now()
			if err := verify(t, a); err != nil || time.Since(began) > 3*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
		wg.Go(func() { // one that waits behind the fetch and leaves
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := a.Verify(ctx, query("x"))
			wantFault(t, err, standard.ReasonTimeout, "while waiting for token access")
		})
		wg.Wait()
		if s.count("/obtain") != 1 {
			t.Error(s.calls)
		}
	})
}

func TestAFetchThatHangsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{takes: time.Hour}
		began := time.Now()
		wantFault(t, verify(t, parse(t, withToken).Open(s)), standard.ReasonTimeout, "token access")
		if took := time.Since(began); took != tokenFetch {
			t.Error("it took", took)
		}
	})
}

func TestWhatIsNoTokenIsNotKept(t *testing.T) {
	for name, test := range map[string]struct{ change, reply, want string }{
		"nothing":        {"", `{"code":"0"}`, "value gave nothing"},
		"an empty text":  {"", `{"code":"0","token":""}`, "value gave nothing"},
		"null":           {"", `null`, ""},
		"not JSON":       {"", `<html>`, "not JSON"},
		"expired":        {"expires: =fromSeconds(json(body).ends)", `{"code":"0","token":"a","ends":"1"}`, "it has expired already"},
		"no end":         {"expires: =fromSeconds(json(body).ends)", `{"code":"0","token":"a"}`, "fromSeconds: text is needed, and this is nil"},
		"another answer": {"", `{"code":"7"}`, "no clause of outcome holds"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := parse(t, strings.Replace(withToken, "renew: 30m", test.change, 1))
			s := says(test.reply)
			_, err := d.Open(s).Verify(t.Context(), query("x"))
			wantFault(t, err, standard.ReasonFault, test.want)
			if len(s.calls) != 1 {
				t.Errorf("%s: %d calls", name, len(s.calls))
			}
		})
	}
	s := &stage{backend: func(*adapters.Call) (*adapters.Reply, error) {
		return &adapters.Reply{Status: 500, Body: []byte(`{"token":"a"}`)}, nil
	}}
	bare := "\ntokens: {access: {obtain: {get: /obtain}, value: =json(body).token, lives: 1h}}" + withToken[strings.Index(withToken, "\nverify"):]
	_, err := parse(t, bare).Open(s).Verify(t.Context(), query("x"))
	wantFault(t, err, standard.ReasonFault, "token access: HTTP status outside 2xx")
}

// A token is a secret, and whatever a reply holds may be one.
func TestNoFaultOfATokenHoldsItsValue(t *testing.T) {
	for _, reply := range []string{
		`{"code":"` + canary + `","token":"` + canary + `"}`, `{"code":"0","token":{"a":"` + canary + `"}}`, `{"code":"0","token":["` + canary + `"]}`,
		`{"code":"0","` + canary + `":1,"` + canary + `":2}`, canary, `{"code":{"` + canary + `":1}}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := parse(t, withToken).Open(says(reply)).Verify(t.Context(), query("x"))
			var f *adapters.Fault
			if !errors.As(err, &f) || leaks(f) {
				t.Errorf("%s: %v", reply, err)
			}
		})
	}
}
