package descriptor

import (
	"encoding/hex"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tongma/standard"
)

const inParts = `
verify:
  - post: /check
    multipart: {request: =scan, sign: =md5(scan), mode: "1"}
    headers: {x-digest: =md5(sent.body)}
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record: {status: =reply.status}
`

func TestAMultipartBodyHoldsItsFieldsWhateverTheyAre(t *testing.T) {
	for _, scan := range []string{"x", "a\r\n--boundary\r\nContent-Disposition: form-data; name=\"sign\"\r\n\r\nforged", "健康码", `"`, ""} {
		host, q := says(`{"code":"0","status":"00"}`), query("")
		q.Ticket.Scan = scan
		if _, err := parse(t, inParts).Open(host).Verify(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		c := host.calls[0]
		header := map[string]string{}
		for _, h := range c.Header {
			header[h.Name] = h.Value
		}
		md5 := func(x string) string { v, _ := digest("md5").run(x); return v.(string) }
		if got, want := parts(header["Content-Type"], c.Body), pairsOf(map[string]string{"request": scan, "sign": md5(scan), "mode": "1"}); got != want {
			t.Errorf("%q: sent %q, want %q", scan, got, want)
		}
		if !strings.HasPrefix(header["Content-Type"], "multipart/form-data; boundary=") || header["x-digest"] != md5(string(c.Body)) {
			t.Errorf("headers %v", header)
		}
		if strings.Index(string(c.Body), `name="request"`) > strings.Index(string(c.Body), `name="sign"`) {
			t.Error("the order is not that of the descriptor")
		}
	}
}

func TestFixturesCompareMultipartBodies(t *testing.T) {
	fixtures := `
- name: parts
  now: 2022-01-23T20:44:40+08:00
  random: [abcdefghijklmnopqrstuvwxyz012345]
  scan: SAMPLEx
  calls:
    - expect: {post: /check, multipart: {request: SAMPLEx, sign: 0bf0ff9b8b0b6b8c5cfeb0b1ad9a3d76, mode: "1"}}
      reply: {body: '{"code":"0","status":"00"}'}
  is: {outcome: verified}
`
	run := func(fixtures string) []Difference {
		fsys := fstest.MapFS{File: {Data: []byte(head + inParts)}, Fixtures: {Data: []byte(fixtures)}}
		out, err := RunFixtures(fsys, ".")
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Differences
	}
	sign, _ := digest("md5").run("SAMPLEx")
	right := strings.Replace(fixtures, "0bf0ff9b8b0b6b8c5cfeb0b1ad9a3d76", sign.(string), 1)
	if got := run(right); len(got) > 0 {
		t.Error(got)
	}
	if got := run(fixtures); len(got) != 1 || got[0].Field != "calls[0].multipart" {
		t.Error(got)
	}
}

// TestAStepCanCheckASignedPayloadWithoutACall: OpenSSL made the signature.
func TestAStepCanCheckASignedPayloadWithoutACall(t *testing.T) {
	src := head + `
credentials: {issuer: text}
verify:
  - let:
      signature: '=unhex(slice(ticket.token, 0, len(ticket.token) - 22))'
      payload: '=json(base)'
      base: '="{\"qrcode\":\"健康码\"}"'
    outcome:
      - {when: '=sm2verify(cred.issuer, base, signature)', is: verified}
      - {when: =true, is: unrecognised}
record:
  status: '=payload.qrcode == "健康码" ? "00" : "10"'
`
	d, err := Parse(File, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	forged, _ := hex.DecodeString(opensslSignature)
	forged[20] ^= 1
	for token, want := range map[string]standard.Outcome{
		opensslSignature:           standard.Verified,
		hex.EncodeToString(forged): standard.Unrecognised,
		strings.Repeat("0", 144):   standard.Unrecognised,
	} {
		host := &keyed{says(""), testSM2Public}
		res, err := d.Open(host).Verify(t.Context(), query(token+strings.Repeat("x", 22)))
		if err != nil || res.Outcome != want || len(host.calls) > 0 || !res.ObservedAt.IsZero() {
			t.Errorf("%v, %v, %d calls, want %s", res, err, len(host.calls), want)
		}
	}
}

// keyed is a stage with one credential.
type keyed struct {
	*stage
	key string
}

func (k *keyed) Credential(string) (string, bool) { return k.key, true }

func TestTripsAreTakenFromAList(t *testing.T) {
	d := parse(t, `
verify:
  - post: /check
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record:
  status: =reply.status
  trips:
    of: =reply.trips
    region: =it.region
    place: =it.place
    at: '=it.at == nil ? nil : time(it.at, "yyyy-MM-dd")'
`)
	verify := func(trips string) ([]standard.Trip, error) {
		res, err := d.Open(says(`{"code":"0","status":"00"`+trips+`}`)).Verify(t.Context(), query("x"))
		if err != nil {
			return nil, err
		}
		return res.Record.Trips, nil
	}
	got, err := verify(`,"trips":[{"region":310000,"place":"虹桥","at":"2022-01-20"},{"region":"999999"}]`)
	if err != nil || len(got) != 2 || got[0].Region != "310000" || got[0].Place != "虹桥" ||
		!got[0].At.Equal(time.Date(2022, 1, 20, 0, 0, 0, 0, standard.Zone)) || got[1] != (standard.Trip{}) {
		t.Error(got, err)
	}
	if got, err := verify(""); err != nil || got != nil {
		t.Error(got, err)
	}
	for trips, what := range map[string]string{
		`,"trips":"none"`:            "trips: a list is needed, and this is text",
		`,"trips":[{"place":["a"]}]`: "trips.place: text or a whole number is needed, and this is a list",
		`,"trips":[{"at":"20 Jan"}]`: "time: the text is not of that layout",
		`,"trips":["a"]`:             ".region is asked of text",
	} {
		_, err := verify(trips)
		wantFault(t, err, standard.ReasonFault, what)
	}
}

func TestHedgingIsALimit(t *testing.T) {
	d := parse(t, verified+"limits: {hedge: 300ms}\n")
	if got := d.Info().Limits.Hedge; got != 300*time.Millisecond {
		t.Error(got)
	}
	_, err := Parse(File, []byte(head+verified+"limits: {hedge: 300ms}\neffects: visit\n"))
	if err == nil || !strings.Contains(err.Error(), "limits.hedge would ask twice") {
		t.Error(err)
	}
}
