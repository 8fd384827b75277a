package descriptor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// head is the beginning of every descriptor of these tests.
const head = `
system: sample
version: 1.0.0
name: {zh: 样例, en: Sample}
region: "310000"
provenance: {is: synthetic}
recognise:
  - text: "SAMPLE{token:any}"
  - document: ["01"]
statuses: {"00": {is: green, text: 绿}, "01": {is: yellow}, "10": {is: red}}
`

func parse(t testing.TB, src string) *Descriptor {
	t.Helper()
	d, err := Parse(File, []byte(head+src))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// stage is a host whose backend is a function.
type stage struct {
	backend func(*adapters.Call) (*adapters.Reply, error)
	calls   []*adapters.Call
	drawn   byte
}

func (s *stage) Now() time.Time { return time.Now() }

func (s *stage) Credential(name string) (string, bool) { return "credential-" + name, name != "unset" }

func (s *stage) Random(b []byte) {
	for i := range b {
		s.drawn++
		b[i] = s.drawn
	}
}

func (s *stage) Send(_ context.Context, c *adapters.Call) (*adapters.Reply, error) {
	s.calls = append(s.calls, c)
	return s.backend(c)
}

// says plays replies in their order; the last one is repeated.
func says(bodies ...string) *stage {
	s := &stage{}
	s.backend = func(*adapters.Call) (*adapters.Reply, error) {
		return ok(bodies[min(len(s.calls), len(bodies))-1]), nil
	}
	return s
}

func ok(body string) *adapters.Reply {
	return &adapters.Reply{Status: 200, Header: http.Header{}, Body: []byte(body)}
}

// query asks about a scan of the sample system.
func query(scan string) *adapters.Query {
	q := &adapters.Query{}
	c, err := adapters.NewCatalogue([]adapters.Entry{{Info: adapters.Info{System: "sample"}, Adapter: forms{{Text: "SAMPLE{token:any}"}}}})
	if err != nil {
		panic(err)
	}
	c.Recognise("SAMPLE"+scan, &q.Ticket)
	return q
}

type forms []adapters.Form

func (f forms) Forms() []adapters.Form { return f }

func (forms) Verify(context.Context, *adapters.Query) (adapters.Result, error) {
	return adapters.Result{}, nil
}

// verified is a step and a record that take any reply of {"code": "0", "status": …}.
const verified = `
verify:
  - post: /check
    then: {reply: =json(body)}
    outcome:
      - {when: '=reply.code == "0"', is: verified}
record:
  status: =reply.status
`

func wantFault(t *testing.T, err error, reason standard.ReasonCode, what string) {
	t.Helper()
	var f *adapters.Fault
	if !errors.As(err, &f) || f.Reason != reason || !strings.Contains(f.Error(), what) {
		t.Errorf("got %v, want a fault %s with %q", err, reason, what)
	}
}

func TestNamesAreComputedOnlyWhenSomethingNeedsThem(t *testing.T) {
	src := `
verify:
  - post: /check
    let: {unused: =int(scan)}
    then: {broken: =json(body).a.b.c, reply: =json(body)}
    outcome:
      - {when: '=reply.code == "0"', is: verified}
      - {when: '=broken == "0"', is: verified}
record:
  let: {never: =int(scan)}
  status: =reply.status
`
	res, err := parse(t, src).Open(says(`{"code":"0","status":"00"}`)).Verify(t.Context(), query("x"))
	if err != nil || res.Record.Status != standard.Green {
		t.Error(res, err)
	}
	_, err = parse(t, src).Open(says(`{"code":"1","status":"00"}`)).Verify(t.Context(), query("x"))
	wantFault(t, err, standard.ReasonFault, "adapter.yaml:15:34: ")
}

func TestTheNamesOfASkippedStepAreNil(t *testing.T) {
	d := parse(t, `
verify:
  - when: =ticket.token == "first"
    post: /first
    let: {a: =scan}
    then: {b: =json(body)}
    outcome: [{when: '=b.code == "0"', is: next}]
  - post: /second
    then: {c: =json(body)}
    outcome: [{when: '=c.code == "0"', is: verified}]
record:
  status: '=a == nil && b == nil ? c.status : a == "SAMPLEfirst" ? b.status : "99"'
`)
	for scan, want := range map[string]standard.Status{"first": standard.Red, "other": standard.Green} {
		s := &stage{backend: func(c *adapters.Call) (*adapters.Reply, error) {
			return ok(map[string]string{"/first": `{"code":"0","status":"10"}`, "/second": `{"code":"0","status":"00"}`}[c.Target]), nil
		}}
		res, err := d.Open(s).Verify(t.Context(), query(scan))
		if err != nil || res.Record.Status != want {
			t.Errorf("%s: %+v, %v", scan, res.Record, err)
		}
	}
}

func TestTheNamesOfAStepThatIsNotReachedAreNil(t *testing.T) {
	d := parse(t, `
verify:
  - post: /first
    then: {a: =json(body)}
    outcome:
      - {when: '=a.code == "0"', is: verified}
      - {when: '=a.code == "1"', is: next}
  - post: /second
    then: {b: =json(body), c: =text(body)}
    outcome: [{when: '=b.code == "0"', is: verified}]
record:
  status: '=b == nil && c == nil ? a.own : b.status'
`)
	for first, want := range map[string]standard.Status{
		`{"code":"0","own":"10","status":"00"}`: standard.Red, `{"code":"1","own":"10"}`: standard.Green,
	} {
		res, err := d.Open(says(first, `{"code":"0","status":"00"}`)).Verify(t.Context(), query("x"))
		if err != nil || res.Record.Status != want {
			t.Errorf("%s: %+v, %v", first, res.Record, err)
		}
	}
}

func TestCommonNamesAreMadeAfreshForEachCall(t *testing.T) {
	s := says(`{"code":"0","status":"00"}`)
	res, err := parse(t, `
common:
  let: {nonce: =random.hex(8)}
  headers: {x-nonce: =nonce, x-sign: =md5(nonce)}
  query: {nonce: =nonce}
verify:
  - get: /first
    then: {a: =json(body)}
    outcome: [{when: '=a.code == "0"', is: next}]
  - get: /second
    then: {b: =json(body)}
    outcome: [{when: '=b.code == "0"', is: verified}]
record: {status: =b.status}
`).Open(s).Verify(t.Context(), query("x"))
	if err != nil || res.Outcome != standard.Verified {
		t.Fatal(res, err)
	}
	var nonces []string
	for _, c := range s.calls {
		nonce := c.Header[0].Value
		if c.Target[strings.Index(c.Target, "=")+1:] != nonce {
			t.Errorf("header and query differ within a call: %s, %s", c.Target, nonce)
		}
		nonces = append(nonces, nonce)
	}
	if len(nonces) != 2 || nonces[0] == nonces[1] || len(nonces[0]) != 8 {
		t.Errorf("nonces %q", nonces)
	}
}

func TestWhatLaterStepsNeedIsComputedBeforeTheNextReply(t *testing.T) {
	s := says(`{"code":"0","status":"00"}`, `{"code":"0","status":"10"}`)
	res, err := parse(t, `
verify:
  - get: /first
    then: {inner: =json(body), outer: =inner.status, code: =json(body).code}
    outcome: [{when: =http.status == 200, is: next}]
  - get: /second
    headers: {x-code: =code}
    outcome: [{when: =http.status == 200, is: verified}]
record: {status: =outer}
`).Open(s).Verify(t.Context(), query("x"))
	if err != nil || res.Record.Status != standard.Green {
		t.Errorf("%+v, %v: the record is of another reply", res.Record, err)
	}
}

// hostile are values that would change the structure of what they are put into, if they could.
var hostile = []string{
	"a/b", "../..", "..%2f..", "?x=y", "#f", "&x=y", "a=b", "a b", "a+b", "%00", "%zz", `"`, `\`, `"},"y":{"`, "'", ";", ",", ":", "@", "//", "健康", "\u2028", "🙂", "{x}", "[0]",
}

func TestNoValueChangesTheStructureOfACall(t *testing.T) {
	d := parse(t, `
verify:
  - post: /a/{ticket.token}/b
    query: {q: =ticket.token, "k&": v}
    headers: {x-token: =ticket.token, x-sent: '=sent.path + " " + sent.query'}
    json: {token: =ticket.token, "n\"": 7, list: [=ticket.token, true], same: {deep: '=[ticket.token]'}}
    outcome: [{when: =true, is: expired}]
  - post: /unused
    outcome: [{when: =true, is: verified}]
record: {status: =ticket.token}
`)
	forms := parse(t, `
verify:
  - put: /form
    form: {token: =ticket.token, "k&": "v="}
    outcome: [{when: =true, is: expired}]
  - post: /unused
    outcome: [{when: =true, is: verified}]
record: {status: =ticket.token}
`)
	for _, v := range hostile {
		s := says("{}")
		if _, err := d.Open(s).Verify(t.Context(), query(v)); err != nil {
			t.Errorf("%q: %v", v, err)
			continue
		}
		c := s.calls[0]
		u, err := url.ParseRequestURI(c.Target)
		if err != nil || u.Path != "/a/"+v+"/b" || strings.Count(c.Target, "/") != 3 {
			t.Errorf("%q: target %s, %v", v, c.Target, err)
		}
		if q := u.Query(); len(q) != 2 || q.Get("q") != v || q.Get("k&") != "v" || u.Fragment != "" {
			t.Errorf("%q: query %s", v, u.RawQuery)
		}
		var got map[string]any
		if err := json.Unmarshal(c.Body, &got); err != nil || len(got) != 4 || got["token"] != v || got[`n"`] != 7.0 || fmt.Sprint(got["list"]) != fmt.Sprint([]any{v, true}) {
			t.Errorf("%q: body %s, %v", v, c.Body, err)
		}
		if c.Header[0].Value != v || c.Header[1].Value != strings.Replace(c.Target, "?", " ", 1) || c.Header[2] != (adapters.HeaderField{Name: "Content-Type", Value: "application/json"}) {
			t.Errorf("%q: headers %q", v, c.Header)
		}

		s = says("{}")
		if _, err := forms.Open(s).Verify(t.Context(), query(v)); err != nil {
			t.Errorf("%q: %v", v, err)
			continue
		}
		if f, err := url.ParseQuery(string(s.calls[0].Body)); err != nil || len(f) != 2 || f.Get("token") != v || f.Get("k&") != "v=" {
			t.Errorf("%q: form %s, %v", v, s.calls[0].Body, err)
		}
	}
}

func TestAControlCharacterReachesNoPathAndNoHeader(t *testing.T) {
	d := parse(t, `
verify:
  - get: /first
    then: {reply: =json(body)}
    outcome: [{when: =true, is: next}]
  - when: =reply.in == "path"
    get: /a/{reply.v}
    outcome: [{when: =true, is: expired}]
  - when: =reply.in == "header"
    get: /a
    headers: {x-v: =reply.v}
    outcome: [{when: =true, is: expired}]
  - get: /unused
    outcome: [{when: =true, is: verified}]
record: {status: =reply.v}
`)
	for in, values := range map[string][]string{
		"path":   {"a\r\nb", "a\nb", "a\x00b", "\x7f", "", ".", ".."},
		"header": {"a\r\nx: b", "a\nb", "a\rb", "a\x00b", "a\tb", "\x7f"},
	} {
		for _, v := range values {
			body, _ := json.Marshal(map[string]string{"in": in, "v": v})
			s := says(string(body))
			_, err := d.Open(s).Verify(t.Context(), query("x"))
			wantFault(t, err, standard.ReasonFault, in)
			if len(s.calls) != 1 {
				t.Errorf("%s %q was sent", in, v)
			}
		}
	}
}

// Each of these lets a member that the reply has not got reach something.
func TestNilReachesNothing(t *testing.T) {
	const first = `
tokens:
  access: {obtain: {get: /token}, value: =json(body).missing, lives: 1h}
verify:
  - get: /first
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: next}]
  - get: /second
    outcome: [{when: =true, is: verified}]
record:
  status: =reply.status
`
	for name, change := range map[string]string{
		"path":      "get: /second/{reply.missing}",
		"query":     "get: /second\n    query: {a: =reply.missing}",
		"header":    "get: /second\n    headers: {a: =reply.missing}",
		"form":      "post: /second\n    form: {a: =reply.missing}",
		"json":      "post: /second\n    json: {a: [=reply.missing]}",
		"raw":       "post: /second\n    raw: =reply.missing",
		"signature": "get: /second\n    headers: {a: =sha256(reply.missing)}",
		"joined":    "get: /second\n    headers: {a: '=\"a\" + reply.missing'}",
		"token":     "get: /second\n    headers: {a: =token.access}",
		"when":      "get: /second\n    when: =reply.missing",
		"compared":  "get: /second\n    when: '=reply.missing == \"0\"'",
		"contained": "get: /second\n    when: '=!(reply.missing contains \"0\")'",
	} {
		s := says(`{"code":"0","status":"00"}`)
		_, err := parse(t, strings.Replace(first, "get: /second", change, 1)).Open(s).Verify(t.Context(), query("x"))
		wantFault(t, err, standard.ReasonFault, "")
		for _, c := range s.calls {
			if strings.HasPrefix(c.Target, "/second") {
				t.Errorf("%s: it was sent", name)
			}
		}
	}
	for name, change := range map[string]string{
		"status": "status: =reply.missing", "subject": "status: =reply.status\n  subject: =reply.missing", "check": "status: =reply.status\n  check: =reply.missing",
		"check compared": "status: =reply.status\n  check: =reply.missing == scan", "expires": "status: =reply.status\n  expires: =reply.missing",
		"others":   "status: =reply.status\n  others: {of: '=[reply]', status: =it.missing}",
		"holder":   "status: =reply.status\n  holder: {name: =upper(reply.missing)}",
		"sampled":  "status: =reply.status\n  health: {nucleic: {sampledAt: =reply.code}}",
		"no list":  "status: =reply.status\n  health: {symptoms: =reply.code}",
		"no doses": "status: =reply.status\n  health: {vaccine: {doses: =reply.name}}",
		"a map":    "status: =reply",
	} {
		_, err := parse(t, strings.Replace(first, "status: =reply.status", change, 1)).Open(says(`{"code":"0","status":"00","name":"x"}`)).Verify(t.Context(), query("x"))
		if err == nil {
			t.Errorf("%s: no fault", name)
			continue
		}
		wantFault(t, err, standard.ReasonFault, "")
	}
}

func TestOnlyTheExactTextOfATableIsAStatus(t *testing.T) {
	for said, want := range map[string]standard.Status{
		`"00"`: standard.Green, `"01"`: standard.Yellow, `"10"`: standard.Red, `10`: standard.Red,
		`0`: standard.None, `"0"`: standard.None, `" 00"`: standard.None, `"００"`: standard.None, `"green"`: standard.None, `""`: standard.None, `"` + strings.Repeat("0", 99) + `"`: standard.None,
	} {
		res, err := parse(t, verified).Open(says(`{"code":"0","status":`+said+`}`)).Verify(t.Context(), query("x"))
		if err != nil || res.Record.Status != want {
			t.Errorf("%s: %+v, %v, want %q", said, res.Record, err, want)
			continue
		}
		if len(res.Record.System.Status) > 32 {
			t.Errorf("%s: the system's word is kept at full length", said)
		}
	}
}

func TestOutside2xxOnlyClausesThatReadTheStatusCount(t *testing.T) {
	d := parse(t, `
verify:
  - post: /check
    then: {reply: =text(body), busy: =http.status == 503}
    outcome:
      - {when: =http.status == 404, is: not_found}
      - {when: =busy, is: busy, after: 3s}
      - {when: =true, is: verified}
record: {status: "=reply"}
`)
	for status, want := range map[int]string{
		200: "verified", 204: "verified", 299: "verified", 404: "not_found", 503: "busy: the backend says so",
		199: "fault", 300: "fault", 302: "fault", 400: "fault", 401: "fault", 500: "fault", 0: "fault",
	} {
		s := &stage{backend: func(*adapters.Call) (*adapters.Reply, error) {
			return &adapters.Reply{Status: status, Header: http.Header{"Location": {"https://example.cn/"}}, Body: []byte("00")}, nil
		}}
		res, err := d.Open(s).Verify(t.Context(), query("x"))
		got := string(res.Outcome)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%d gave %s, want %s", status, got, want)
		}
		if len(s.calls) != 1 {
			t.Errorf("%d: %d calls; a redirect is a reply like any other", status, len(s.calls))
		}
	}
}

func TestABackendMayAskTwiceForAnotherTry(t *testing.T) {
	d := parse(t, `
verify:
  - post: /check
    then: {reply: =json(body)}
    outcome:
      - {when: '=reply.code == "again"', is: retry, after: =reply.after}
      - {when: '=reply.code == "0"', is: verified}
record: {status: =reply.status}
`)
	for _, test := range []struct {
		asks  int
		after string
		calls int
		took  time.Duration
	}{
		{0, "1s", 1, 0}, {1, "100ms", 2, 100 * time.Millisecond}, {2, "1s", 3, 2 * time.Second}, {3, "1s", 3, 2 * time.Second},
		{1, "1h", 2, maxAfter}, {1, "-1h", 2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{}
			s.backend = func(*adapters.Call) (*adapters.Reply, error) {
				if len(s.calls) <= test.asks {
					return ok(`{"code":"again","after":"` + test.after + `"}`), nil
				}
				return ok(`{"code":"0","status":"00"}`), nil
			}
			began := time.Now()
			res, err := d.Open(s).Verify(t.Context(), query("x"))
			if test.asks > maxAgain {
				wantFault(t, err, standard.ReasonFault, "keeps asking")
			} else if err != nil || res.Outcome != standard.Verified {
				t.Error(res, err)
			}
			if took := time.Since(began); len(s.calls) != test.calls || took != test.took {
				t.Errorf("%+v: %d calls in %v", test, len(s.calls), took)
			}
		})
	}
}

func TestWhoeverWaitsToTryAgainCanLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := parse(t, strings.Replace(verified, "is: verified", "is: retry, after: 2s}\n      - {when: =true, is: verified", 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := d.Open(says(`{"code":"0","status":"00"}`)).Verify(ctx, query("x"))
		wantFault(t, err, standard.ReasonTimeout, "while waiting to try again")
		if time.Since(began) != time.Second {
			t.Error("it waited on for", time.Since(began))
		}
	})
}

func TestHowLongToWaitIsReadWithinBounds(t *testing.T) {
	for after, want := range map[string]time.Duration{
		"3s": 3 * time.Second, `'=duration("2s")'`: 2 * time.Second, "=int(reply.n)": 7 * time.Second, "=reply.span": 5 * time.Second,
		"=reply.missing": 0, "=reply.status": 0, "=int(reply.big)": 24 * time.Hour, "=int(reply.past)": 0, "=reply.longest": 24 * time.Hour, "=reply.before": 0,
	} {
		d := parse(t, strings.Replace(verified, "is: verified", "is: busy, after: "+after+"}\n      - {when: '=reply.code == \"9\"', is: verified", 1))
		_, err := d.Open(says(`{"code":"0","status":"x","n":"7","span":"5s","big":9999999999,"past":-7,"longest":"1000h","before":"-5s"}`)).Verify(t.Context(), query("x"))
		var f *adapters.Fault
		if !errors.As(err, &f) || f.Reason != standard.ReasonBusy || f.RetryAfter != want {
			t.Errorf("%s: %v, %+v, want busy for %v", after, err, f, want)
		}
	}
}

func TestAScanThatHasExpiredIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at 2000-01-01T00:00:00Z
		d, err := Parse(File, []byte(strings.Replace(head, `"SAMPLE{token:any}"`, `"SAMPLE{token:any}"
    expires: =fromSeconds(ticket.token)`, 1)+strings.Replace(verified, "status: =reply.status", "status: =reply.status\n  expires: =fromSeconds(reply.until)", 1)))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().Unix()
		for _, test := range []struct {
			scan, until int64
			outcome     standard.Outcome
			calls       int
			valid       int64
		}{
			{-1, 60, standard.Expired, 0, 0}, {0, 60, standard.Expired, 0, 0}, {1, 60, standard.Verified, 1, 1}, {60, 30, standard.Verified, 1, 30},
			{60, 90, standard.Verified, 1, 60}, {60, 0, standard.Expired, 1, 0}, {60, -9, standard.Expired, 1, 0},
		} {
			s := says(fmt.Sprintf(`{"code":"0","status":"00","until":%d}`, now+test.until))
			res, err := d.Open(s).Verify(t.Context(), query(fmt.Sprint(now+test.scan)))
			if err != nil || res.Outcome != test.outcome || len(s.calls) != test.calls || (test.outcome != standard.Verified) != (res.Record == nil) {
				t.Errorf("%+v: %+v, %v, %d calls", test, res, err, len(s.calls))
			}
			if test.valid != 0 && res.ValidUntil.Unix() != now+test.valid {
				t.Errorf("%+v: valid until %v", test, res.ValidUntil)
			}
		}
	})
}

func TestAScanCannotPassForADocument(t *testing.T) {
	d, err := Parse(File, []byte(strings.Replace(head, `text: "SAMPLE{token:any}"`, `json: {has: [code]}`, 1)+`
verify:
  - when: =ticket.document == nil && ticket.name == nil && ticket.documentType == nil
    post: /check
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record: {status: =reply.status}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := says(`{"code":"0","status":"01"}`)
	a := d.Open(s)
	c, err := adapters.NewCatalogue([]adapters.Entry{{Info: d.Info(), Adapter: a}})
	if err != nil {
		t.Fatal(err)
	}
	q := &adapters.Query{}
	if _, ok := c.Recognise(`{"code":"c","document":"000000199001010000","documentType":"01","name":"张三"}`, &q.Ticket); !ok {
		t.Fatal("not recognised")
	}
	res, err := a.Verify(t.Context(), q)
	if err != nil || res.Outcome != standard.Verified || len(s.calls) != 1 {
		t.Error(res, err)
	}
}

func TestACredentialThatIsMissingIsSaidByNameAndNothingIsSent(t *testing.T) {
	s := says(`{}`)
	_, err := parse(t, "credentials: {unset: secret}\n"+strings.Replace(verified, "post: /check", "post: /check\n    headers: {x: =cred.unset}", 1)).Open(s).Verify(t.Context(), query("x"))
	wantFault(t, err, standard.ReasonUnset, "credential unset is not configured")
	if len(s.calls) != 0 {
		t.Error("it was sent")
	}
}

func TestABackendsFaultIsGivenOnAsItIs(t *testing.T) {
	want := &adapters.Fault{Reason: standard.ReasonTimeout, What: "no reply"}
	s := &stage{backend: func(*adapters.Call) (*adapters.Reply, error) { return nil, want }}
	if _, err := parse(t, verified).Open(s).Verify(t.Context(), query("x")); err != want {
		t.Error(err)
	}
}
