package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tongma/gateway"
	"tongma/gateway/freshness"
	"tongma/standard"
	"tongma/standard/wire"
)

// refusing makes the gateway behind a station fail.
func refusing(err error) func(*station) {
	return func(s *station) {
		s.verify = func(context.Context, gateway.Call) (*standard.Verification, error) { return nil, err }
	}
}

// mistake is a request with one thing wrong, and how it is refused.
type mistake struct {
	name   string
	set    func(*station) // the server's part, if any
	before func(*request) // before it is signed
	after  func(*request)
	code   *wire.Code
	signed bool
}

// mistakes is the table of everything that can be wrong with a request. Each is a change of a good request: before it is signed, or
// after. The table reaches every return code that the interface can give.
var mistakes = []mistake{
	{name: "nothing wrong", code: wire.CodeOK, signed: true},
	{name: "nothing wrong, chunked", before: func(r *request) { r.chunked = true }, code: wire.CodeOK, signed: true},
	{name: "nothing wrong, charset", before: func(r *request) { r.header.Set("Content-Type", "application/json; charset=UTF-8") }, code: wire.CodeOK, signed: true},
	{name: "nothing wrong, 64 KiB", before: func(r *request) { r.body += strings.Repeat(" ", wire.MaxBody-len(r.body)) }, code: wire.CodeOK, signed: true},

	{name: "empty body", before: body(""), code: wire.CodeSyntax, signed: true},
	{name: "not JSON", before: body("scan=1"), code: wire.CodeSyntax, signed: true},
	{name: "cut JSON", before: body(goodBody[:len(goodBody)-1]), code: wire.CodeSyntax, signed: true},
	{name: "array", before: body("[]"), code: wire.CodeSyntax, signed: true},
	{name: "null", before: body("null"), code: wire.CodeSyntax, signed: true},
	{name: "text", before: body(`"scan"`), code: wire.CodeSyntax, signed: true},
	{name: "unknown member", before: body(`{"scan":"x","colour":"green","place":{"region":"110000"}}`), code: wire.CodeUnknown, signed: true},
	{name: "unknown member inside", before: body(`{"scan":"x","place":{"region":"110000","zone":""}}`), code: wire.CodeUnknown, signed: true},
	{name: "member in capitals", before: body(`{"Scan":"x","place":{"region":"110000"}}`), code: wire.CodeUnknown, signed: true},
	{name: "duplicate member", before: body(`{"scan":"x","scan":"x","place":{"region":"110000"}}`), code: wire.CodeDuplicate, signed: true},
	{name: "duplicate member, escaped", before: body(`{"scan":"x","\u0073can":"x","place":{"region":"110000"}}`), code: wire.CodeDuplicate, signed: true},
	{name: "trailing object", before: body(goodBody + `{}`), code: wire.CodeTrailing, signed: true},
	{name: "trailing text", before: body(goodBody + "\n.\n"), code: wire.CodeTrailing, signed: true},
	{name: "trailing NUL", before: body(goodBody + "\x00"), code: wire.CodeTrailing, signed: true},
	{name: "invalid UTF-8", before: body(`{"scan":"` + "\xff\xfe" + `","place":{"region":"110000"}}`), code: wire.CodeUTF8, signed: true},
	{name: "wrong type", before: body(`{"scan":5,"place":{"region":"110000"}}`), code: wire.CodeField, signed: true},
	{name: "empty member", before: body(`{"scan":"x","place":{"region":"110000"},"purpose":""}`), code: wire.CodeField, signed: true},
	{name: "null member", before: body(`{"scan":"x","place":{"region":"110000"},"operator":null}`), code: wire.CodeField, signed: true},
	{name: "scanBytes that is no base64", before: body(`{"scanBytes":"*","place":{"region":"110000"}}`), code: wire.CodeField, signed: true},

	{name: "missing header", after: func(r *request) { r.header.Del(wire.HeaderNonce) }, code: wire.CodeHeader},
	{name: "bad rid", before: func(r *request) { r.rid = "no body" }, code: wire.CodeHeader},
	{name: "short nonce", before: func(r *request) { r.nonce = "0123456789abcde" }, code: wire.CodeHeader},
	{name: "seconds for milliseconds", after: func(r *request) { r.header.Set(wire.HeaderRtime, "1646100000") }, code: wire.CodeHeader},
	{name: "unknown sign type", before: func(r *request) { r.signType = "RSA" }, code: wire.CodeHeader},
	{name: "sign that is no base64", after: func(r *request) { r.header.Set(wire.HeaderSign, "*") }, code: wire.CodeHeader},
	{name: "repeated header", after: func(r *request) { r.header.Add(wire.HeaderRid, r.rid) }, code: wire.CodeRepeated},
	{name: "double slash", before: func(r *request) { r.target = "/" + r.target }, code: wire.CodeTarget},
	{name: "dot segment", before: func(r *request) { r.target = "/v1/./verifications" }, code: wire.CodeTarget},
	{name: "encoded slash", before: func(r *request) { r.target = "/v1%2Fverifications" }, code: wire.CodeTarget},
	{name: "absolute form", before: func(r *request) { r.target = "http://127.0.0.1" + r.target }, code: wire.CodeTarget},

	{name: "subject", set: refusing(&standard.Error{Kind: standard.KindSubject, Field: "scan", What: "must be one"}), code: wire.CodeSubject, signed: true},
	{name: "region", set: refusing(&standard.Error{Kind: standard.KindRegion, Field: "place.region", What: "must be one"}), code: wire.CodeRegion, signed: true},
	{name: "document", set: refusing(&standard.Error{Kind: standard.KindDocument, Field: "document", What: "must be one"}), code: wire.CodeDocument, signed: true},
	{name: "system", set: refusing(&standard.Error{Kind: standard.KindSystem, Field: "system", What: "must be one"}), code: wire.CodeSystem, signed: true},
	{name: "field", set: refusing(&standard.Error{Kind: standard.KindField, Field: "waitMs", What: "must be one"}), code: wire.CodeField, signed: true},
	{name: "reference", set: refusing(&standard.Error{Kind: standard.KindReference, Field: "reference", What: "was used"}), code: wire.CodeReference, signed: true},
	{name: "wrapped error", set: refusing(errors.Join(errors.New("x"), &standard.Error{Kind: standard.KindField, Field: "waitMs", What: "must be one"})), code: wire.CodeField, signed: true},

	{name: "unsigned", after: func(r *request) { r.header = http.Header{"Content-Type": {"application/json"}} }, code: wire.CodeUnsigned},
	{name: "unknown caller", before: func(r *request) { r.rid = "nobody" }, code: wire.CodeCaller},
	{name: "wrong key id", before: func(r *request) { r.key = "k2" }, code: wire.CodeCaller},
	{name: "too old", before: func(r *request) { r.time = testTime.Add(-wire.Skew - time.Millisecond) }, code: wire.CodeTime},
	{name: "too new", before: func(r *request) { r.time = testTime.Add(wire.Skew + time.Millisecond) }, code: wire.CodeTime},
	{name: "just old enough", before: func(r *request) { r.time = testTime.Add(-wire.Skew) }, code: wire.CodeOK, signed: true},
	{name: "just new enough", before: func(r *request) { r.time = testTime.Add(wire.Skew) }, code: wire.CodeOK, signed: true},
	{name: "changed body", after: func(r *request) { r.body = strings.Replace(r.body, "110000", "120000", 1) }, code: wire.CodeSignature},
	{name: "changed target", after: func(r *request) { r.target += "?x=1" }, code: wire.CodeSignature},
	{name: "changed nonce", after: func(r *request) { r.header.Set(wire.HeaderNonce, "0123456789abcdef") }, code: wire.CodeSignature},
	{name: "another caller's id", after: func(r *request) { r.header.Set(wire.HeaderRid, "gate") }, code: wire.CodeSignature},
	{name: "no session", before: func(r *request) { r.signType, r.secret = wire.HMACSM3, &keys{} }, code: wire.CodeSession},

	{name: "role", before: func(r *request) { r.rid = "platform" }, code: wire.CodeService, signed: true},
	{name: "other roles", before: func(r *request) { r.rid = "privacy" }, code: wire.CodeService, signed: true},
	{name: "service", before: func(r *request) { r.rid = "query-only" }, code: wire.CodeService, signed: true},
	{name: "purpose", before: func(r *request) {
		r.rid, r.body = "gate", `{"scan":"x","purpose":"visit","place":{"region":"110000"}}`
	}, code: wire.CodePurpose, signed: true},
	{name: "purpose not chosen", before: func(r *request) { r.rid = "two-purposes" }, code: wire.CodePurpose, signed: true},

	{name: "no such route", before: func(r *request) { r.target = "/v2/verifications" }, code: wire.CodeRoute},
	{name: "method", before: func(r *request) { r.method = "PUT" }, code: wire.CodeMethod},
	{name: "too large", before: func(r *request) { r.body += strings.Repeat(" ", wire.MaxBody+1-len(r.body)) }, code: wire.CodeTooLarge},
	{name: "too large, chunked", before: func(r *request) { r.chunked = true; r.body += strings.Repeat(" ", wire.MaxBody+1-len(r.body)) }, code: wire.CodeTooLarge},
	{name: "too large by its length alone", after: func(r *request) { r.header.Set("Content-Length", "9999999999") }, code: wire.CodeTooLarge},
	{name: "form", before: func(r *request) { r.header.Set("Content-Type", "application/x-www-form-urlencoded") }, code: wire.CodeMedia},
	{name: "no media type", before: func(r *request) { r.header.Del("Content-Type") }, code: wire.CodeMedia},
	{name: "other charset", before: func(r *request) { r.header.Set("Content-Type", "application/json; charset=gbk") }, code: wire.CodeMedia},
	{name: "content coding", before: func(r *request) { r.header.Set("Content-Encoding", "gzip") }, code: wire.CodeCoding},

	{name: "a notice", before: notice(goodNotice), code: wire.CodeOK, signed: true},
	{name: "a notice of a gate", before: func(r *request) { notice(goodNotice)(r); r.rid = "gate" }, code: wire.CodeService, signed: true},
	{name: "a notice of another platform", before: func(r *request) { notice(goodNotice)(r); r.rid = "platform-2" }, code: wire.CodeOwner, signed: true},
	{name: "a notice of no system", before: notice(`{"system":"nowhere","seq":1,"changes":[]}`), code: wire.CodeSystem, signed: true},
	{name: "a notice of tomorrow", before: notice(`{"system":"suishen","seq":1,"changes":[{"all":true,"at":"2022-03-02T10:00:00+08:00"}]}`), code: wire.CodeFuture, signed: true},
	{name: "a notice of 1,001 changes", before: notice(crowd(1001)), code: wire.CodeCrowded, signed: true},
	{name: "a notice of 10,000 changes", before: notice(crowd(10_000)), code: wire.CodeTooLarge},
	{name: "a notice that not every node has heard", before: notice(goodNotice), set: func(s *station) {
		s.tell = func(*freshness.Notice) (freshness.Receipt, error) {
			return freshness.Receipt{}, fmt.Errorf("%w: secret inside", freshness.ErrFeed)
		}
	}, code: wire.CodeFeed, signed: true},

	{name: "an order", before: order(goodOrder), code: wire.CodeOK, signed: true},
	{name: "an order of a platform", before: func(r *request) { order(goodOrder)(r); r.rid = "platform" }, code: wire.CodeService, signed: true},
	{name: "an order for no system", before: order(`{"system":"nowhere","action":"open","reason":"r"}`), code: wire.CodeSystem, signed: true},
	{name: "an order without a reason", before: order(`{"system":"suishen","action":"open"}`), code: wire.CodeField, signed: true},
	{name: "an order that cannot be recorded", before: order(goodOrder), set: func(s *station) { os.Remove(s.record()) }, code: wire.CodeRecord, signed: true},

	{name: "inner trouble", set: refusing(errors.New("secret inside")), code: wire.CodeInternal, signed: true},
	{name: "inner panic", set: func(s *station) {
		s.verify = func(context.Context, gateway.Call) (*standard.Verification, error) { panic("secret inside") }
	}, code: wire.CodeInternal, signed: true},
	{name: "gateway closed", set: refusing(gateway.ErrClosed), code: wire.CodeDraining, signed: true},
	{name: "no evidence", set: refusing(fmt.Errorf("%w: the disk is full", gateway.ErrEvidence)), code: wire.CodeEvidence, signed: true},
	{name: "overloaded", set: func(s *station) { s.running.Store(maxRunning) }, code: wire.CodeOverloaded},
}

// elsewhere are the codes that tests of their own provoke.
var elsewhere = []*wire.Code{
	wire.CodeReplay,     // TestARequestIsAcceptedOnce
	wire.CodeNonces,     // TestWithoutADiskNothingPasses
	wire.CodeSignType,   // TestASessionIsNotAppliedForWithASession
	wire.CodeSourceRate, // TestASourceThatKeepsFailingIsNotHeard
	wire.CodeCallerRate, // TestACallerIsHeldToItsRate
	wire.CodeNoEntry,    // TestAProofIsForWhoAskedAndForThoseWhoWatchAlone
	wire.CodeAnswered,   // TestARequestIsAnsweredOnce
}

// testTime is when every station starts.
var testTime = time.Date(2022, 3, 1, 10, 0, 0, 0, standard.Zone)

const goodNotice = `{"system":"suishen","seq":42,"changes":[{"scan":"https://s.sh.gov.cn/0123456789abcdef0123456789abcdef1646100000000","at":"2022-03-01T09:59:59+08:00"}]}`

func notice(text string) func(*request) {
	return func(r *request) { r.target, r.rid, r.body = pathChanges, "platform", text }
}

const goodOrder = `{"system":"suishen","action":"open","reason":"平台维护 until noon"}`

func order(text string) func(*request) {
	return func(r *request) { r.target, r.rid, r.body = pathSystems, "operator", text }
}

// crowd is a notice of many changes.
func crowd(n int) string {
	change := `{"subject":"S","at":"2022-03-01T10:00:00+08:00"},`
	return `{"system":"suishen","seq":1,"changes":[` + strings.TrimSuffix(strings.Repeat(change, n), ",") + `]}`
}

func body(text string) func(*request) { return func(r *request) { r.body = text } }

// make makes the mistake: at whom, how, and what comes of it.
func (m mistake) make(t *testing.T) (*station, *request, *reply) {
	s := start(t)
	if m.set != nil {
		m.set(s)
	}
	r := post(goodBody)
	if m.before != nil {
		m.before(r)
	}
	s.sign(r)
	if m.after != nil {
		m.after(r)
	}
	return s, r, s.send(r)
}

func TestEveryMistakeHasItsCode(t *testing.T) {
	provoked := map[*wire.Code]bool{}
	for _, c := range elsewhere {
		provoked[c] = true
	}
	for _, m := range mistakes {
		provoked[m.code] = true
		t.Run(m.name, func(t *testing.T) {
			s, r, a := m.make(t)
			if a.Code != m.code.Code || a.status != m.code.Status {
				t.Errorf("status %d, code %s (%s); want %d, %s", a.status, a.Code, a.Message, m.code.Status, m.code.Code)
			}
			if got := s.isSigned(r, a); got != m.signed {
				t.Errorf("signed: %v, want %v", got, m.signed)
			}
			checkHygiene(t, s, a)
		})
	}
	for _, c := range wire.Codes {
		if !provoked[c] {
			t.Errorf("no mistake has the code %s (%s)", c.Code, c.Name)
		}
	}
}

// checkHygiene looks at what every reply has to keep.
func checkHygiene(t *testing.T, s *station, a *reply) {
	t.Helper()
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("may be stored by caches")
	}
	if got := a.header.Get("Server"); got != "" {
		t.Errorf("tells its software: %s", got)
	}
	if len(a.RequestID) != 26 {
		t.Errorf("requestId %q", a.RequestID)
	}
	if a.status >= 400 && a.Envelope.Data != nil && string(a.Data) != "" && a.Code != wire.CodeTime.Code && a.Code != wire.CodeFuture.Code {
		t.Errorf("a refusal has data: %s", a.Data)
	}
	for _, private := range []string{"secret inside", "s.sh.gov.cn", "0123456789abcdef0123456789abcdef1646100000000"} {
		if strings.Contains(string(a.body), private) {
			t.Errorf("the reply holds %q", private)
		}
	}
	for _, private := range []string{"s.sh.gov.cn", `"officer"`, `"gate"`} {
		if strings.Contains(s.log.String(), private) {
			t.Errorf("the log holds %q: %s", private, s.log.String())
		}
	}
}

func TestWhoFindsNoPlaceIsToldWhenToComeAgain(t *testing.T) {
	for after, want := range map[time.Duration]string{0: "1", time.Second: "1", 2500 * time.Millisecond: "3", 5 * time.Minute: "300"} {
		s := start(t)
		s.verify = func(context.Context, gateway.Call) (*standard.Verification, error) {
			return nil, &gateway.Overload{RetryAfter: after}
		}
		if a := s.expect(s.sign(post(goodBody)), wire.CodeOverloaded); a.header.Get("Retry-After") != want {
			t.Errorf("%v: Retry-After: %q", after, a.header.Get("Retry-After"))
		}
	}
}
