package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tongma/gateway/freshness"
	"tongma/standard"
	"tongma/standard/wire"
)

// keepNotices has a station remember what it is told.
func keepNotices(s *station) *[]*freshness.Notice {
	told := new([]*freshness.Notice)
	s.tell = func(n *freshness.Notice) (freshness.Receipt, error) {
		*told = append(*told, n)
		return inOrder(n)
	}
	return told
}

// told sends a notice as a platform.
func (s *station) told(text string, code *wire.Code) *reply {
	s.t.Helper()
	r := post("")
	notice(text)(r)
	a := s.expect(s.sign(r), code)
	if code != wire.CodeTooLarge && !s.isSigned(r, a) {
		s.t.Errorf("not signed: %s", a.body)
	}
	return a
}

func TestTheGatewayIsToldWhatThePlatformNames(t *testing.T) {
	s := start(t)
	told := keepNotices(s)
	s.told(`{"system":"suishen","seq":9007199254740992,"changes":[
		{"subject":"0f0e","at":"2022-03-01T10:00:00+08:00"},
		{"scan":"SCAN\r\n","at":"2022-03-01T02:00:00.123456789Z"},
		{"document":{"type":"01","number":"000000450721998"},"at":"2022-03-01T10:03:00+08:00"},
		{"document":{"type":"06","number":"h1234567801"},"at":"1999-03-01T10:03:00-11:30"},
		{"all":true,"at":"2022-03-01T10:00:00+08:00"}]}`, wire.CodeOK)
	s.told(`{"system":"suishen","seq":1,"changes":[]}`, wire.CodeOK)
	want := []*freshness.Notice{
		{System: "suishen", Seq: standard.MaxSeq, Changes: []freshness.Change{
			{Subject: "0f0e"}, {Scan: "SCAN"}, {Document: "000000194507219983"}, {Document: "H12345678"}, {All: true},
		}},
		{System: "suishen", Seq: 1, Changes: []freshness.Change{}},
	}
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Error(diff)
	}
}

func TestTheAnswerSaysWhatBecameOfANotice(t *testing.T) {
	s := start(t)
	for receipt, want := range map[freshness.Receipt]string{
		{Last: 42}:                 `{"system":"suishen","seq":42,"last":42,"repeated":false,"missed":0}`,
		{Last: 45, Repeated: true}: `{"system":"suishen","seq":42,"last":45,"repeated":true,"missed":0}`,
		{Last: 42, Missed: 7}:      `{"system":"suishen","seq":42,"last":42,"repeated":false,"missed":7}`,
		{Last: 42, First: true}:    `{"system":"suishen","seq":42,"last":42,"repeated":false,"missed":0}`,
	} {
		s.tell = func(*freshness.Notice) (freshness.Receipt, error) { return receipt, nil }
		if a := s.told(goodNotice, wire.CodeOK); string(a.Data) != want {
			t.Errorf("%s, want %s", a.Data, want)
		}
	}
}

func TestABadNoticeIsRefusedAsAWholeAndSaysWhatIsWrong(t *testing.T) {
	const at = `"at":"2022-03-01T10:00:00+08:00"`
	one := func(change string) string {
		return `{"system":"suishen","seq":1,"changes":[{"subject":"S",` + at + `},` + change + `]}`
	}
	s := start(t)
	told := keepNotices(s)
	for text, want := range map[string]struct {
		code *wire.Code
		says string
	}{
		`{"system":"suishen","seq":1}`:                                                {wire.CodeField, "changes: give a list"},
		`{"system":"suishen","seq":1,"changes":null}`:                                 {wire.CodeField, "null"},
		`{"system":"suishen","seq":1,"changes":{}}`:                                   {wire.CodeField, "changes has a value of the wrong type"},
		`{"system":"suishen","changes":[]}`:                                           {wire.CodeField, "seq: must be 1"},
		`{"system":"suishen","seq":0,"changes":[]}`:                                   {wire.CodeField, "seq: must be 1"},
		`{"system":"suishen","seq":9007199254740993,"changes":[]}`:                    {wire.CodeField, "seq: must be 1"},
		`{"system":"suishen","seq":-1,"changes":[]}`:                                  {wire.CodeField, "seq has a value of the wrong type"},
		`{"system":"suishen","seq":1.5,"changes":[]}`:                                 {wire.CodeField, "seq has a value of the wrong type"},
		`{"system":"suishen","seq":"1","changes":[]}`:                                 {wire.CodeField, "seq has a value of the wrong type"},
		`{"system":"suishen","seq":18446744073709551616,"changes":[]}`:                {wire.CodeField, "seq has a value of the wrong type"},
		`{"seq":1,"changes":[]}`:                                                      {wire.CodeField, "system: name the system"},
		`{"system":"","seq":1,"changes":[]}`:                                          {wire.CodeField, "at byte 10"},
		`{"system":"nowhere","seq":1,"changes":[]}`:                                   {wire.CodeSystem, ""},
		`{"system":"Suishen","seq":1,"changes":[]}`:                                   {wire.CodeSystem, ""},
		`{"system":"further","seq":1,"changes":[]}`:                                   {wire.CodeOwner, ""},
		`{"system":"suishen","seq":1,"seq":2,"changes":[]}`:                           {wire.CodeDuplicate, ""},
		`{"system":"suishen","seq":1,"changes":[],"change":[]}`:                       {wire.CodeUnknown, ""},
		`{"system":"suishen","seq":1,"changes":[]}{}`:                                 {wire.CodeTrailing, ""},
		one(`{"subject":"S"}`):                                                        {wire.CodeField, "changes.1.at: say when"},
		one(`{` + at + `}`):                                                           {wire.CodeField, "changes.1.all: give exactly one"},
		one(`{"subject":"S","scan":"x",` + at + `}`):                                  {wire.CodeField, "changes.1.all: give exactly one"},
		one(`{"subject":"S","all":true,` + at + `}`):                                  {wire.CodeField, "changes.1.all: give exactly one"},
		one(`{"subject":"S","all":false,` + at + `}`):                                 {wire.CodeField, "changes.1.all: can only be true"},
		one(`{"all":1,` + at + `}`):                                                   {wire.CodeField, "changes.1.all has a value of the wrong type"},
		one(`{"subject":"` + strings.Repeat("字", 129) + `",` + at + `}`):              {wire.CodeField, "changes.1.subject: must have 1 to 128 characters"},
		one(`{"subject":"S ",` + at + `}`):                                            {wire.CodeField, "changes.1.subject: must not begin or end with"},
		one(`{"subject":"a\u0000",` + at + `}`):                                       {wire.CodeField, "changes.1.subject: must not contain control"},
		one(`{"scan":"` + strings.Repeat("x", 8193) + `",` + at + `}`):                {wire.CodeField, "changes.1.scan: must have 1 to 8192 bytes"},
		one(`{"scan":"a\u0000",` + at + `}`):                                          {wire.CodeField, "changes.1.scan: must be UTF-8 without NUL"},
		one(`{"scan":"\r\n",` + at + `}`):                                             {wire.CodeField, "changes.1.scan: must have 1"},
		one(`{"document":{"type":"01","number":"000000194507219984"},` + at + `}`):    {wire.CodeDocument, "changes.1.document.number: must end with the right check"},
		one(`{"document":{"type":"08","number":"1"},` + at + `}`):                     {wire.CodeDocument, "changes.1.document.type"},
		one(`{"document":{"number":"1"},` + at + `}`):                                 {wire.CodeDocument, "changes.1.document.type"},
		one(`{"document":{"type":"03"},` + at + `}`):                                  {wire.CodeDocument, "changes.1.document.number"},
		one(`{"document":{"type":"03","number":"E12345678","name":"张三"},` + at + `}`): {wire.CodeUnknown, ""},
		one(`{"subject":"S","at":"2022-03-01T10:00:00"}`):                             {wire.CodeField, "changes.1.at: must be a time with its zone"},
		one(`{"subject":"S","at":"2022-03-01"}`):                                      {wire.CodeField, "changes.1.at: must be a time"},
		one(`{"subject":"S","at":1646100000000}`):                                     {wire.CodeField, "changes.1.at has a value of the wrong type"},
		one(`{"subject":"S","at":"2022-02-30T10:00:00+08:00"}`):                       {wire.CodeField, "changes.1.at: must be a time"},
		one(`{"subject":"S","at":"2022-03-01T10:03:00.001+08:00"}`):                   {wire.CodeFuture, "changes.1.at"},
		one(`{"subject":"S","at":"9999-12-31T23:59:59Z"}`):                            {wire.CodeFuture, "changes.1.at"},
	} {
		if a := s.told(text, want.code); !strings.Contains(a.Message, want.says) {
			t.Errorf("%s: %s, want %q", text, a.Message, want.says)
		}
	}
	if len(*told) > 0 {
		t.Errorf("the gateway was told %d of them", len(*told))
	}
}

func TestAChangeInTheFutureIsRefusedWithTheGatewaysClock(t *testing.T) {
	s := start(t)
	a := s.told(`{"system":"suishen","seq":1,"changes":[{"all":true,"at":"2022-03-02T10:00:00+08:00"}]}`, wire.CodeFuture)
	if string(a.Data) != `{"serverTime":1646100000000}` {
		t.Errorf("data %s", a.Data)
	}
}

func TestANoticeTakesAThousandChangesAndNoMore(t *testing.T) {
	s := start(t)
	told := keepNotices(s)
	change := `{"document":{"type":"01","number":"000000194507219983"},"at":"2022-03-01T10:00:00.000+08:00"},`
	many := func(n int) string {
		return `{"system":"suishen","seq":1,"changes":[` + strings.TrimSuffix(strings.Repeat(change, n), ",") + `]}`
	}
	if len(many(1000)) < wire.MaxBody {
		t.Fatal("this fits into every body")
	}
	s.told(many(1000), wire.CodeOK)
	s.told(many(1001), wire.CodeCrowded)
	a := s.told(crowd(10_000), wire.CodeTooLarge)
	for _, hint := range []string{"all", "1,000"} {
		if !strings.Contains(wire.CodeTooLarge.Todo+wire.CodeCrowded.En, hint) {
			t.Errorf("%s does not tell %q", a.Message, hint)
		}
	}
	if len(*told) != 1 || len((*told)[0].Changes) != 1000 {
		t.Errorf("%d notices were told", len(*told))
	}
	full := many(1000)
	s.told(full+strings.Repeat(" ", wire.MaxNotice-len(full)), wire.CodeOK)
	s.told(full+strings.Repeat(" ", wire.MaxNotice+1-len(full)), wire.CodeTooLarge)
}

func TestOnlyAPlatformTellsAndOnlyOfItsOwn(t *testing.T) {
	s := start(t)
	told := keepNotices(s)
	of := func(system string) string { return strings.Replace(goodNotice, "suishen", system, 1) }
	for rid, systems := range map[string]map[string]*wire.Code{
		"platform":   {"suishen": wire.CodeOK, "further": wire.CodeOwner, "nowhere": wire.CodeSystem},
		"platform-2": {"suishen": wire.CodeOwner, "further": wire.CodeOK, "nowhere": wire.CodeSystem},
		"gate":       {"suishen": wire.CodeService}, "officer": {"suishen": wire.CodeService}, "medical": {"suishen": wire.CodeService},
		"tester": {"suishen": wire.CodeService}, "privacy": {"suishen": wire.CodeService},
	} {
		for system, want := range systems {
			r := post("")
			notice(of(system))(r)
			r.rid = rid
			s.expect(s.sign(r), want)
		}
	}
	if len(*told) != 2 {
		t.Errorf("%d notices were told, want 2", len(*told))
	}
}

func TestNoSessionIsGrantedForNoticesNorDoesOneServe(t *testing.T) {
	s := start(t)
	r := post(`{"services":["notify"]}`)
	r.target, r.rid = pathSessions, "platform"
	s.expect(s.sign(r), wire.CodeService)

	k, g := s.apply("officer", `{}`)
	r = over(k, g, "officer")
	r.target, r.body = pathChanges, goodNotice
	if a := s.expect(s.sign(r), wire.CodeSignType); !s.isSigned(r, a) {
		t.Error("not signed")
	}
}

func TestANoticeThatNotEveryNodeHasHeardIsToBeToldAgain(t *testing.T) {
	s := start(t)
	s.tell = func(*freshness.Notice) (freshness.Receipt, error) { return freshness.Receipt{}, freshness.ErrFeed }
	if a := s.told(goodNotice, wire.CodeFeed); a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
}

// TestANoticeOutlivesItsCaller: whoever hangs up has told it all the same.
func TestANoticeOutlivesItsCaller(t *testing.T) {
	s := start(t)
	var seen context.Context
	inner := s.cfg.Gateway
	s.cfg.Gateway = spying{inner, &seen}
	s.told(goodNotice, wire.CodeOK)
	if seen.Done() != nil {
		t.Error("the notice ends with its connection")
	}
}

type spying struct {
	Gateway
	ctx *context.Context
}

func (s spying) Tell(ctx context.Context, n *freshness.Notice) (freshness.Receipt, error) {
	*s.ctx = ctx
	return s.Gateway.Tell(ctx, n)
}

func TestNoticesAreCountedAndLoggedWithoutWhomTheyName(t *testing.T) {
	s := start(t)
	const canary = "CANARY-4711"
	text := `{"system":"suishen","seq":42,"changes":[{"subject":"` + canary + `","at":"2022-03-01T10:00:00+08:00"},` +
		`{"scan":"` + canary + `","at":"2022-03-01T10:00:00+08:00"},{"document":{"type":"99","number":"` + canary + `"},"at":"2022-03-01T10:00:00+08:00"}]}`
	beat := `{"system":"suishen","seq":42,"changes":[]}`
	for _, c := range []struct {
		text    string
		receipt freshness.Receipt
		err     error
	}{
		{text, freshness.Receipt{Last: 42}, nil},
		{text, freshness.Receipt{Last: 42, Missed: 7}, nil},
		{text, freshness.Receipt{Last: 42, Repeated: true}, nil},
		{text, freshness.Receipt{}, fmt.Errorf("%w: no Redis", freshness.ErrFeed)},
		{beat, freshness.Receipt{Last: 42}, nil},
		{beat, freshness.Receipt{Last: 42, Missed: 1}, nil},
	} {
		s.tell = func(*freshness.Notice) (freshness.Receipt, error) { return c.receipt, c.err }
		code := wire.CodeOK
		if c.err != nil {
			code = wire.CodeFeed
		}
		s.told(c.text, code)
	}
	s.told(strings.Replace(text, `"seq":42`, `"seq":0`, 1), wire.CodeField)

	log := s.log.String()
	for _, line := range []string{
		`"party":"platform","system":"suishen","result":"changes","seq":42,"last":42,"missed":0,"subject":1,"scan":1,"document":1,"all":0}`,
		`"level":"WARN","msg":"change notice undelivered"`,
		`"result":"missed","seq":42,"last":42,"missed":7,`,
		`"result":"repeated",`, `"result":"heartbeat",`, `"result":"undelivered",`, `could not be given to every node`,
	} {
		if !strings.Contains(log, line) {
			t.Errorf("the log has no %s", line)
		}
	}
	res, err := http.Get("http://" + s.listen(s.ServeMetrics) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	metrics := string(page)
	for _, line := range []string{
		`tongma_change_notices_total{result="changes",system="suishen"} 1`,
		`tongma_change_notices_total{result="missed",system="suishen"} 2`,
		`tongma_change_notices_total{result="repeated",system="suishen"} 1`,
		`tongma_change_notices_total{result="heartbeat",system="suishen"} 1`,
		`tongma_change_notices_total{result="undelivered",system="suishen"} 1`,
		`tongma_changes_total{kind="subject",system="suishen"} 3`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics have no %s", line)
		}
	}
	if strings.Contains(log+metrics, canary) {
		t.Error("the log or the metrics name somebody")
	}
}

// FuzzReadNotice: whatever passes keeps every bound, and is the same when it is told again.
func FuzzReadNotice(f *testing.F) {
	f.Add([]byte(goodNotice))
	f.Add([]byte(`{"system":"suishen","seq":1,"changes":[]}`))
	f.Add([]byte(`{"system":"suishen","seq":1e3,"changes":[{"all":true,"at":"2022-03-01T10:00:00+24:00"}]}`))
	f.Add([]byte(`{"system":"suishen","seq":1,"changes":[{"document":{"type":"06","number":"h1234567801"},"at":"2022-03-01T10:00:00Z"},{"scan":"x\n","at":"2022-03-01T10:00:00Z"}]}`))
	f.Add([]byte(`{"system":"suishen","seq":1,"changes":[{"subject":"\ud800","at":"2022-03-01t10:00:00z"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := readNotice(body, testTime)
		if err != nil {
			return
		}
		if n.Seq < 1 || n.Seq > standard.MaxSeq || n.System == "" || n.Changes == nil || len(n.Changes) > standard.MaxChanges {
			t.Fatalf("%+v passed", n)
		}
		for _, c := range n.Changes {
			if c.At.IsZero() || c.At.After(testTime.Add(wire.Skew)) || !utf8.ValidString(c.Subject+c.Scan) || len(c.Scan) > standard.MaxScan {
				t.Fatalf("%+v passed", c)
			}
		}
		again, err := json.Marshal(n)
		if err != nil {
			t.Skip(err) // a year that JSON cannot write
		}
		second, err := readNotice(again, testTime)
		if err != nil {
			t.Fatalf("%s does not pass again: %v", again, err)
		}
		if diff := cmp.Diff(n, second, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Fatal(diff)
		}
	})
}
