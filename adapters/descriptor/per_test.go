package descriptor

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// perDevice is a descriptor whose token belongs to a device.
const perDevice = `
tokens:
  access:
    per: =place.ids.device
    scope: node
    obtain: {post: /init, json: {sn: =per}}
    value: =json(body).token
    lives: 24h
verify:
  - post: /check
    json: {token: =token.access}
    then: {reply: =json(body)}
    outcome:
      - {when: '=reply.code == "0"', is: verified}
      - {when: '=reply.code == "token"', is: renew, token: access}
record: {status: =reply.status}
`

// initialiser gives each device a token of its own, such as "a-1", then "a-2", and takes those that it has not revoked.
func initialiser(revoked map[string]bool) *stage {
	s, given := &stage{}, map[string]int{}
	s.backend = func(c *adapters.Call) (*adapters.Reply, error) {
		body := string(c.Body)
		if c.Target == "/init" {
			sn := strings.TrimSuffix(strings.TrimPrefix(body, `{"sn":"`), `"}`)
			given[sn]++
			return ok(fmt.Sprintf(`{"token":"%s-%d"}`, sn, given[sn])), nil
		}
		token := strings.TrimSuffix(strings.TrimPrefix(body, `{"token":"`), `"}`)
		if revoked[token] {
			return ok(`{"code":"token"}`), nil
		}
		return ok(`{"code":"0","status":"00"}`), nil
	}
	return s
}

func sent(s *stage) string {
	var out []string
	for _, c := range s.calls {
		out = append(out, c.Target+string(c.Body))
	}
	s.calls = nil
	return strings.Join(out, " ")
}

func ofDevice(device string) *adapters.Query {
	q := query("x")
	q.Place.IDs = map[string]string{"device": device}
	return q
}

func TestATokenWithPerIsKeptForEachDevice(t *testing.T) {
	host := initialiser(map[string]bool{"a-1": true})
	a := parse(t, perDevice).Open(host)
	for _, step := range []struct{ device, want string }{
		{"b", `/init{"sn":"b"} /check{"token":"b-1"}`},
		{"a", `/init{"sn":"a"} /check{"token":"a-1"} /init{"sn":"a"} /check{"token":"a-2"}`}, // only a's is renewed
		{"b", `/check{"token":"b-1"}`},
		{"a", `/check{"token":"a-2"}`},
	} {
		if _, err := a.Verify(t.Context(), ofDevice(step.device)); err != nil {
			t.Fatal(step.device, err)
		}
		if got := sent(host); got != step.want {
			t.Errorf("device %s: sent %s, want %s", step.device, got, step.want)
		}
	}
}

func TestADeviceWithoutANameGetsNoToken(t *testing.T) {
	for _, device := range []string{"", "missing"} {
		host, q := initialiser(nil), ofDevice("")
		if device == "missing" {
			q.Place.IDs = nil
		}
		_, err := parse(t, perDevice).Open(host).Verify(t.Context(), q)
		wantFault(t, err, standard.ReasonFault, "per of token access")
		if got := sent(host); got != "" {
			t.Errorf("sent %s", got)
		}
	}
}

func TestTheTokensOfDevicesAreBounded(t *testing.T) {
	v := newTokenValues(&token{per: &operand{}})
	first, used := v.of("first"), v.of("used")
	for i := range maxKept {
		v.of(fmt.Sprint(i))
		v.of("used")
	}
	if v.each.Len() != maxKept {
		t.Errorf("%d values are kept", v.each.Len())
	}
	if v.of("first") == first {
		t.Error("the one that has not been used for longest is kept")
	}
	if v.of("used") != used {
		t.Error("one that is used all the time is not kept")
	}
}

func TestTheKeyHasWhatPerReads(t *testing.T) {
	d := parse(t, perDevice)
	if key(d, ofDevice("a")) == key(d, ofDevice("b")) {
		t.Error("two devices share an answer that came with the token of one")
	}
}

func TestFixturesGiveATokenToEveryDevice(t *testing.T) {
	host := initialiser(nil)
	a := parse(t, perDevice).open(host)
	a.kept["access"].give("given", time.Now())
	for _, device := range []string{"a", "b"} {
		if _, err := a.Verify(t.Context(), ofDevice(device)); err != nil {
			t.Fatal(err)
		}
		if got := sent(host); got != `/check{"token":"given"}` {
			t.Errorf("device %s: sent %s", device, got)
		}
	}
}

// TestATokenMayBeADifference: what a dialect needs of the backend's clock is a token like any other.
func TestATokenMayBeADifference(t *testing.T) {
	d := parse(t, `
tokens:
  span:
    scope: node
    obtain: {get: /timestamp}
    value: '=httpTime(http.header["date"]) - now'
    lives: 1h
  millis:
    scope: node
    obtain: {get: /timestamp}
    value: =int(json(body).time) - millis(now)
    lives: 1h
verify:
  - post: /check
    headers: {a: =text(seconds(now + token.span)), b: =text(millis(now) + token.millis)}
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record: {status: =reply.status}
`)
	synctest.Test(t, func(t *testing.T) {
		for _, off := range []time.Duration{-8 * time.Hour, 0, 90 * time.Second} { // a clock that agrees is no missing token
			there := time.Now().Add(off)
			host := &stage{}
			host.backend = func(c *adapters.Call) (*adapters.Reply, error) {
				if c.Target == "/timestamp" {
					r := ok(fmt.Sprintf(`{"time":%d}`, there.UnixMilli()))
					r.Header.Set("Date", there.UTC().Format(http.TimeFormat))
					return r, nil
				}
				return ok(`{"code":"0","status":"00"}`), nil
			}
			if _, err := d.Open(host).Verify(t.Context(), query("x")); err != nil {
				t.Fatal(off, err)
			}
			for _, h := range host.calls[len(host.calls)-1].Header {
				if want := map[string]string{"a": fmt.Sprint(there.Unix()), "b": fmt.Sprint(there.UnixMilli())}[h.Name]; h.Value != want {
					t.Errorf("a clock that is %v off: header %s is %s, want %s", off, h.Name, h.Value, want)
				}
			}
		}
	})
}
