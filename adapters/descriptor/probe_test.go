package descriptor

import (
	"errors"
	"strings"
	"testing"

	"tongma/adapters"
	"tongma/standard"
)

const probing = `
probe: {scan: '="SAMPLE" + random.hex(8)', is: [not_found, busy]}
`

const answersAll = `
verify:
  - post: /check
    form: {code: =scan}
    then: {reply: =json(body)}
    outcome:
      - {when: '=reply.code == "0"', is: verified}
      - {when: '=reply.code == "1"', is: not_found}
      - {when: '=reply.code == "2"', is: busy}
record:
  status: =reply.status
`

func TestAProbeAsksAboutACodeThatNobodyHas(t *testing.T) {
	d := parse(t, answersAll+probing)
	for reply, fails := range map[string]bool{
		`{"code":"1"}`: false, `{"code":"2"}`: false, `{"code":"0","status":"00"}`: true, `{"code":"9"}`: true, `{`: true,
	} {
		s := says(reply)
		p, ok := d.Open(s).(adapters.Prober)
		if !ok {
			t.Fatal("it cannot probe")
		}
		err := p.Probe(t.Context(), adapters.Place{})
		if (err != nil) != fails {
			t.Errorf("%s: %v", reply, err)
		}
		if len(s.calls) != 1 || !strings.Contains(string(s.calls[0].Body), "code=SAMPLE") {
			t.Errorf("%s: asked %d times", reply, len(s.calls))
		}
	}
}

func TestAProbeTellsTheBackendsTrouble(t *testing.T) {
	s := &stage{backend: func(*adapters.Call) (*adapters.Reply, error) {
		return nil, &adapters.Fault{Reason: standard.ReasonUnreachable}
	}}
	err := parse(t, answersAll+probing).Open(s).(adapters.Prober).Probe(t.Context(), adapters.Place{})
	var fault *adapters.Fault
	if !errors.As(err, &fault) || fault.Reason != standard.ReasonUnreachable {
		t.Error(err)
	}
}

func TestWithoutAProbeNothingIsProbed(t *testing.T) {
	if _, ok := parse(t, answersAll).Open(says("{}")).(adapters.Prober); ok {
		t.Error("it says that it can")
	}
}
