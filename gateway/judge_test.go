package gateway

import (
	"testing"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

func TestARecordIsBelievedOnlyOfTheSystemsThatItsDialectAnswersFor(t *testing.T) {
	s := &system{
		info:     adapters.Info{System: "yuekang"},
		identity: standard.System{ID: "yuekang", Name: "粤康码", Region: "440000"},
	}
	s.identities = identitiesOf(s.identity, adapters.Info{
		Provenance: standard.FromObserved, Systems: []adapters.System{{ID: "sheni", Name: standard.Text{Zh: "深i您"}, Region: "440300"}},
	})
	for id, want := range map[string]standard.System{
		"yuekang": {ID: "yuekang", Name: "粤康码", Region: "440000"},
		"sheni":   {ID: "sheni", Name: "深i您", Region: "440300", Provenance: standard.FromObserved},
		"suikang": {},
		"":        {},
	} {
		now := time.Now()
		got := judge(s, adapters.Result{
			Outcome: standard.Verified, ObservedAt: now,
			Record: &standard.Record{Status: standard.Green, System: standard.System{ID: id}},
		}, nil, now, now)
		if want.ID == "" {
			if got.outcome != standard.Unavailable || got.record != nil {
				t.Errorf("a record of %q is %s", id, got.outcome)
			}
			continue
		}
		if got.outcome != standard.Verified || got.record.System != want {
			t.Errorf("a record of %q is %s, of %+v", id, got.outcome, got.record)
		}
	}
}
