package descriptor

import (
	"strings"
	"testing"

	"tongma/standard"
)

// several is the body of a descriptor that answers for two systems.
const several = `
systems:
  other: {name: {zh: 另一码, en: Other}, region: "440300"}
verify:
  - post: /check
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record:
  system: '=reply.type == "2" ? "sample" : reply.type == "3" ? "third" : "other"'
  status: =reply.status
`

func TestARecordIsOfOneOfTheDescriptorsSystems(t *testing.T) {
	d := parse(t, several)
	for kind, want := range map[string]standard.System{
		"2": {ID: "sample", Name: "样例", Region: "310000"},
		"1": {ID: "other", Name: "另一码", Region: "440300"},
	} {
		res, err := d.Open(says(`{"code":0,"type":`+kind+`,"status":"00"}`)).Verify(t.Context(), query("x"))
		if err != nil {
			t.Fatal(err)
		}
		want.Status, want.Colour, want.Text, want.Provenance = "00", "green", "绿", standard.FromSynthetic
		if res.Record.System != want {
			t.Errorf("type %s is %+v, want %+v", kind, res.Record.System, want)
		}
	}
	for reply, what := range map[string]string{
		`{"code":0,"type":3,"status":"00"}`: "record.system: this is none of the descriptor's systems",
		`{"code":0,"status":"00"}`:          "adapter.yaml:",
	} {
		_, err := d.Open(says(reply)).Verify(t.Context(), query("x"))
		wantFault(t, err, standard.ReasonFault, what)
	}
	if got := d.Info().Systems; len(got) != 1 || got[0].ID != "other" || got[0].Region != "440300" {
		t.Errorf("Info has %+v", got)
	}
}

// withoutStatus is a descriptor of a system that has no colours, only tests.
var withoutStatus = head[:strings.Index(head, "statuses:")] + `
gives: [nucleic]
verify:
  - post: /check
    then: {reply: =json(body)}
    outcome: [{when: '=reply.code == "0"', is: verified}]
record:
  holder: {name: =reply.name}
  health: {nucleic: {result: '=tables.results[reply.result]'}}
tables:
  results: {阴性: negative, 阳性: positive}
`

func TestASystemWithoutStatusesNeverGivesOne(t *testing.T) {
	d, err := Parse(File, []byte(withoutStatus))
	if err != nil {
		t.Fatal(err)
	}
	res, err := d.Open(says(`{"code":"0","name":"张三","result":"阴性","status":"00"}`)).Verify(t.Context(), query("x"))
	if err != nil {
		t.Fatal(err)
	}
	rec := res.Record
	if res.Outcome != standard.Verified || rec.Status != standard.None || rec.System.Status != "" || rec.System.Colour != "" {
		t.Errorf("%s, %+v", res.Outcome, rec.System)
	}
	if rec.Health.Nucleic.Result != standard.TestNegative {
		t.Errorf("the test is %+v", rec.Health.Nucleic)
	}
}
