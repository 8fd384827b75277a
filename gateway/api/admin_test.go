package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/gateway/registry"
	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/wire"
)

// ordered sends an order as the operator.
func (s *station) ordered(text string, code *wire.Code) *reply {
	s.t.Helper()
	return s.asked(pathSystems, text, code)
}

// asked sends a body to a path as the operator, and has the answer's signature checked.
func (s *station) asked(path, text string, code *wire.Code) *reply {
	s.t.Helper()
	r := post(text)
	r.target, r.rid = path, "operator"
	a := s.expect(s.sign(r), code)
	if !s.isSigned(r, a) {
		s.t.Errorf("not signed: %s", a.body)
	}
	return a
}

// lines gives the record as it is on disk.
func (s *station) lines() string {
	s.t.Helper()
	data, err := os.ReadFile(s.record())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// watched is a gateway that calls seen before it does what an operator wants, and fails as told.
type watched struct {
	Gateway
	seen func()
	err  error
}

func (w watched) Operate(ctx context.Context, system string, action wire.Action) error {
	w.seen()
	if w.err != nil {
		return w.err
	}
	return w.Gateway.Operate(ctx, system, action)
}

func TestAnOrderIsRecordedBeforeItIsDone(t *testing.T) {
	s := start(t)
	recorded := ""
	s.cfg.Gateway = watched{s.cfg.Gateway, func() { recorded = s.lines() }, nil}
	a := s.ordered(goodOrder, wire.CodeOK)
	want := `{"at":"2022-03-01T10:00:00+08:00","by":"operator","action":"open","system":"suishen","reason":"平台维护 until noon","requestId":"` + a.RequestID + `"}`
	if recorded != want+"\n" {
		t.Errorf("recorded\n%swant\n%s", recorded, want)
	}
	state := `{"system":"suishen","name":"随申码","region":"310000","mode":"open","held":` + want +
		`,"breaker":"closed","probe":false,"limit":64,"underWay":0,"queued":0,"retries":10}`
	if string(a.Data) != state {
		t.Errorf("answered\n%s\nwant\n%s", a.Data, state)
	}
}

func TestWhatHoldsIsToldUntilTheSystemIsPutBack(t *testing.T) {
	s := start(t)
	for _, c := range []struct{ action, mode, held string }{
		{"drain", "drain", "drain"}, {"open", "open", "open"}, {"open", "open", "open"}, {"warm", "auto", ""}, {"drain", "drain", "drain"}, {"auto", "auto", ""},
	} {
		var got wire.SystemState
		a := s.ordered(strings.Replace(goodOrder, "open", c.action, 1), wire.CodeOK)
		if err := json.Unmarshal(a.Data, &got); err != nil {
			t.Fatal(err)
		}
		held := ""
		if got.Held != nil {
			held = string(got.Held.Action)
		}
		if got.Mode != c.mode || held != c.held {
			t.Errorf("after %s: mode %s, held by %q", c.action, got.Mode, held)
		}
	}
	if n := strings.Count(s.lines(), "\n"); n != 6 {
		t.Errorf("%d operations are recorded, want 6", n)
	}
}

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	s := start(t)
	s.cfg.Gateway = watched{s.cfg.Gateway, func() { t.Error("it was done") }, nil}
	if err := os.Remove(s.record()); err != nil {
		t.Fatal(err)
	}
	if a := s.ordered(goodOrder, wire.CodeRecord); strings.Contains(string(a.body), s.dir) {
		t.Errorf("the answer tells where the record is: %s", a.body)
	}
	if log := s.log.String(); !strings.Contains(log, "operation not recorded") || !strings.Contains(log, s.record()) {
		t.Errorf("the log does not tell what is wrong: %s", log)
	}
}

// TestNoOrderIsRecordedBetweenAnotherAndItsDeed: else the last one recorded would not always be the one that holds.
func TestNoOrderIsRecordedBetweenAnotherAndItsDeed(t *testing.T) {
	s := start(t)
	done := false
	s.cfg.Gateway = watched{s.cfg.Gateway, func() {
		done = true
		if s.orders.TryLock() {
			s.orders.Unlock()
			t.Error("another order could be recorded now")
		}
	}, nil}
	s.ordered(goodOrder, wire.CodeOK)
	if !done {
		t.Error("the gateway was told nothing")
	}
}

// patient is a gateway that does nothing of what is not waited for any more, as one that tells other nodes.
type patient struct{ Gateway }

func (p patient) Operate(ctx context.Context, system string, action wire.Action) error {
	return errors.Join(ctx.Err(), p.Gateway.Operate(ctx, system, action))
}

func TestWhatIsRecordedIsDoneThoughItsCallerHasHungUp(t *testing.T) {
	s := start(t)
	s.cfg.Gateway = patient{s.cfg.Gateway}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x := &call{s: s.Server, r: httptest.NewRequestWithContext(ctx, "POST", pathSystems, nil), party: &registry.Party{ID: "operator"}, began: s.now()}
	if err := s.carryOut(x, &wire.Order{System: "suishen", Action: wire.ActionForget, Reason: "wrong answers"}); err != nil {
		t.Errorf("recorded and not done: %v", err)
	}
	if n := strings.Count(s.lines(), "\n"); n != 1 {
		t.Errorf("%d operations are recorded", n)
	}
}

func TestABadOrderIsRefusedAndNotRecorded(t *testing.T) {
	s := start(t)
	s.cfg.Gateway = watched{s.cfg.Gateway, func() { t.Error("one was done") }, nil}
	of := func(reason string) string {
		text, err := json.Marshal(wire.Order{System: "suishen", Action: wire.ActionOpen, Reason: reason})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for text, want := range map[string]struct {
		code *wire.Code
		says string
	}{
		`{}`:                                                    {wire.CodeField, "system: name the system"},
		`{"action":"open","reason":"r"}`:                        {wire.CodeField, "system: name the system"},
		`{"system":"suishen","reason":"r"}`:                     {wire.CodeField, "action: must be one of open, drain, warm, auto"},
		`{"system":"suishen","action":"open"}`:                  {wire.CodeField, "reason: must say why"},
		strings.Replace(goodOrder, "open", "Open", 1):           {wire.CodeField, "action"},
		strings.Replace(goodOrder, "open", "close", 1):          {wire.CodeField, "action"},
		strings.Replace(goodOrder, `"open"`, `1`, 1):            {wire.CodeField, "action has a value of the wrong type"},
		strings.Replace(goodOrder, "suishen", "nowhere", 1):     {wire.CodeSystem, ""},
		strings.Replace(goodOrder, "suishen", "Suishen", 1):     {wire.CodeSystem, ""},
		strings.Replace(goodOrder, "suishen", "further", 1):     {wire.CodeSystem, ""},
		strings.Replace(goodOrder, "{", `{"by":"somebody",`, 1): {wire.CodeUnknown, ""},
		strings.Replace(goodOrder, "{", `{"action":"auto",`, 1): {wire.CodeDuplicate, ""},
		goodOrder + goodOrder:                                   {wire.CodeTrailing, ""},
		of(""):                                                  {wire.CodeField, ""},
		of(" r"):                                                {wire.CodeField, "reason"},
		of("a\nb"):                                              {wire.CodeField, "reason"},
		of("a\x1b[2Jb"):                                         {wire.CodeField, "reason"},
		of(strings.Repeat("码", wire.MaxReason+1)):               {wire.CodeField, "reason"},
		strings.Replace(goodOrder, "until", "\xff", 1):          {wire.CodeUTF8, ""},
		`[{"system":"suishen","action":"open","reason":"r"}]`:   {wire.CodeSyntax, ""},
		strings.Replace(goodOrder, `"reason":"平台维护 until noon"`, `"reason":null`, 1): {wire.CodeField, "null"},
	} {
		if a := s.ordered(text, want.code); !strings.Contains(a.Message, want.says) {
			t.Errorf("%s: %s, want %q", text, a.Message, want.says)
		}
	}
	if got := s.lines(); got != "" {
		t.Errorf("recorded: %s", got)
	}
	s.cfg.Gateway = s
	s.ordered(of(strings.Repeat("码", wire.MaxReason)), wire.CodeOK)
}

func TestOnlyOperatorsOperateAndNeverOverASession(t *testing.T) {
	s := start(t)
	for path, text := range map[string]string{pathSystems: goodOrder, pathState: `{}`, pathOperations: `{}`} {
		for rid, want := range map[string]*wire.Code{
			"operator": wire.CodeOK, "privacy": wire.CodeOK, // which is an operator too
			"operator-elsewhere": wire.CodeService, "platform": wire.CodeService, "officer": wire.CodeService, "gate": wire.CodeService,
			"medical": wire.CodeService, "tester": wire.CodeService, "query-only": wire.CodeService,
		} {
			r := post(text)
			r.target, r.rid = path, rid
			s.expect(s.sign(r), want)
		}
		k, g := s.apply("officer", `{}`)
		r := over(k, g, "officer")
		r.target, r.body = path, text
		s.expect(s.sign(r), wire.CodeSignType)
	}
	r := post(`{"services":["operate"]}`)
	r.target, r.rid = pathSessions, "operator"
	s.expect(s.sign(r), wire.CodeService)
	if n := strings.Count(s.lines(), "\n"); n != 2 {
		t.Errorf("%d operations are recorded, want 2", n)
	}
}

func TestTheStateIsWhatTheGuardsSay(t *testing.T) {
	s := start(t)
	at := testTime.Add(time.Minute + 1500*time.Microsecond)
	s.guard = upstream.Condition{
		Breaker: upstream.Open, OpenUntil: at.UTC(), Probe: true, RestUntil: at, RestReason: standard.ReasonBusy,
		Limit: 5, UnderWay: 4, Queued: 3, Retries: 2,
	}
	const want = `{"at":"2022-03-01T10:00:00+08:00","systems":[{"system":"suishen","name":"随申码","region":"310000","mode":"auto",` +
		`"breaker":"open","openUntil":"2022-03-01T10:01:00.001+08:00","probe":true,"restUntil":"2022-03-01T10:01:00.001+08:00",` +
		`"restReason":"backend_busy","limit":5,"underWay":4,"queued":3,"retries":2}]}`
	r := post(`{}`)
	r.target, r.rid = pathState, "operator"
	a := s.expect(s.sign(r), wire.CodeOK)
	if string(a.Data) != want {
		t.Errorf("%s\nwant\n%s", a.Data, want)
	}
	if err := described(t, loadOpenAPI(t), r, a); err != nil {
		t.Error(err)
	}
	s.asked(pathState, `{"x":1}`, wire.CodeUnknown)
	s.asked(pathState, ``, wire.CodeSyntax)
}

func TestTheRecordIsToldNewestFirst(t *testing.T) {
	s := start(t)
	told := func(text string) (actions []string) {
		t.Helper()
		var list wire.Operations
		if err := json.Unmarshal(s.asked(pathOperations, text, wire.CodeOK).Data, &list); err != nil {
			t.Fatal(err)
		}
		for _, op := range list.Operations {
			actions = append(actions, string(op.Action))
		}
		return actions
	}
	if a := s.asked(pathOperations, `{}`, wire.CodeOK); string(a.Data) != `{"operations":[]}` {
		t.Errorf("at first: %s", a.Data)
	}
	for _, action := range []string{"open", "drain", "warm"} {
		s.ordered(strings.Replace(goodOrder, "open", action, 1), wire.CodeOK)
	}
	if diff := cmp.Diff([]string{"warm", "drain", "open"}, told(`{}`)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"warm", "drain"}, told(`{"last":2}`)); diff != "" {
		t.Error(diff)
	}
	for range 60 {
		s.ordered(goodOrder, wire.CodeOK)
	}
	if n := len(told(`{}`)); n != defaultOperations {
		t.Errorf("%d operations where no number was asked for", n)
	}
	if n := len(told(`{"last":500}`)); n != 63 {
		t.Errorf("%d operations, want 63", n)
	}
	for _, text := range []string{`{"last":0}`, `{"last":-1}`, `{"last":501}`, `{"last":"1"}`, `{"last":1.5}`} {
		s.asked(pathOperations, text, wire.CodeField)
	}
}

func TestOrdersAreLoggedWithoutTheirReasons(t *testing.T) {
	s := start(t)
	a := s.ordered(strings.Replace(goodOrder, "until noon", "CANARY", 1), wire.CodeOK)
	log := s.log.String()
	for _, want := range []string{`"level":"WARN","msg":"operation"`, `"party":"operator"`, `"system":"suishen"`, `"action":"open"`, a.RequestID} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in %s", want, log)
		}
	}
	if strings.Contains(log, "CANARY") || strings.Contains(log, "平台") {
		t.Errorf("the reason is logged: %s", log)
	}
}

func TestASystemThatHasJustLeftIsNoneAndInnerTroubleIsNoAnswer(t *testing.T) {
	for err, code := range map[error]*wire.Code{
		&standard.Error{Kind: standard.KindSystem, Field: "system", What: "is not one of this gateway"}: wire.CodeSystem,
		errors.New("secret inside"): wire.CodeInternal,
	} {
		s := start(t)
		s.cfg.Gateway = watched{s.cfg.Gateway, func() {}, err}
		s.ordered(goodOrder, code)
		if strings.Contains(s.log.String(), `"msg":"operation"`) {
			t.Errorf("%v: the log says that it was done", err)
		}
	}
}

func TestWithoutARecordNothingOfOperatorsIsServed(t *testing.T) {
	s := start(t)
	c := s.cfg
	c.Operations = nil
	s.echo = (&Server{cfg: c, meters: s.meters, unrouted: s.unrouted}).routes()
	for _, path := range []string{pathSystems, pathState, pathOperations} {
		r := post(`{}`)
		r.target, r.rid = path, "operator"
		s.expect(s.sign(r), wire.CodeRoute)
	}
}
