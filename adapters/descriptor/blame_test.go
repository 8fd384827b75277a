package descriptor

import (
	"errors"
	"testing"

	"tongma/adapters"
	"tongma/standard"
)

// TestWhatWasScannedOrToldIsNotTheBackendsIllness: whoever shows bad scans must not make a well system look sick.
func TestWhatWasScannedOrToldIsNotTheBackendsIllness(t *testing.T) {
	step := func(call string) string {
		return "\nverify:\n  - " + call + `
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record: {status: =reply.status}
`
	}
	after := `
verify:
  - post: /first
    then: {one: =json(body)}
    outcome: [{when: '=one.code == "0"', is: next}]
` + step("get: /check/{one.missing}")[len("\nverify:\n"):]
	for _, test := range []struct {
		name, src, scan string
		blameless       bool
	}{
		{"a path segment of the scan", step("get: /check/{ticket.token}"), "..", true},
		{"an empty path segment of the scan", step("get: /check/{trim(ticket.token)}"), " ", true},
		{"nil of the ticket in a body", step("post: /check\n    json: {d: =ticket.document}"), "x", true},
		{"nil of the ticket in a form", step("post: /check\n    form: {d: =ticket.document}"), "x", true},
		{"nil of the place in a query", step("get: /check\n    query: {d: =place.ids.device}"), "x", true},
		{"nil of the ticket in a raw body", step("post: /check\n    raw: =ticket.document"), "x", true},
		{"a control character in a header", step("get: /check\n    headers: {x: =text(unhex(ticket.token))}"), "0a", true},
		{"a name that cannot be computed of the scan", step("get: /check\n    let: {n: =int(scan)}\n    query: {n: =n}"), "x", true},
		{"a name that cannot be computed for a condition", step("when: =int(scan) > 1\n    get: /check"), "x", true},
		{"a token for a device without a name", perDevice, "x", true},
		{"a credential that is no key", "\ncredentials: {key: secret}" + step("get: /check\n    headers: {x: '=hex(sm2sign(cred.key, scan))'}"), "x", true},

		{"what the backend said in a path", after, "x", false},
		{"a reply without what it should have", step("get: /check\n    query: {d: =scan}"), "x", false},
		{"a token without what it should have", "\ntokens: {access: {obtain: {get: /token}, value: =json(body), lives: 1h}}" + step("get: /check\n    headers: {x: =token.access.missing}"), "x", false},
	} {
		_, err := parse(t, test.src).Open(says(`{"code":"0"}`)).Verify(t.Context(), query(test.scan))
		var f *adapters.Fault
		if !errors.As(err, &f) || f.Reason != standard.ReasonFault || f.Blameless != test.blameless {
			t.Errorf("%s: %#v, want blameless %v", test.name, err, test.blameless)
		}
	}
}
