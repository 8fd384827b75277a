package sandbox

import (
	"testing"
	"time"

	"tongma/standard"
)

func TestEveryMintedCodeIsAnotherOneAndIsAnsweredAsPromised(t *testing.T) {
	s := New(at(noon))
	for _, system := range s.Systems() {
		a := newAsker(t, s, system, func() time.Time { return noon })
		seen := map[string]bool{}
		states := map[standard.Status]int{}
		for i := range uint32(300) {
			p := s.Mint(system, i<<24|i) // over the whole range of serials
			if seen[p.Scan] || p.Scan == "" {
				t.Fatalf("%s %d: the code %q has been made before", system, i, p.Scan)
			}
			seen[p.Scan] = true
			if got := a.ask(p); p.Outcome != standard.Verified || got.outcome != p.Outcome || got.status != p.Status {
				t.Errorf("%s %d: got %s %q, promised %s %q", system, i, got.outcome, got.status, p.Outcome, p.Status)
			}
			states[p.Status]++
		}
		all := states[standard.Green] >= 150 && states[standard.Yellow] > 0 && states[standard.Red] > 0
		for _, status := range s.Statuses(system) {
			if states[status] == 0 {
				t.Errorf("%s: no code has the status %s", system, status)
			}
		}
		if all != (len(wordless[system]) == 0) || states[standard.None] != 0 {
			t.Errorf("%s: the codes have the statuses %v", system, states)
		}
	}
}

func TestMintedCodesHoldForTheirLifetime(t *testing.T) {
	for _, system := range New(Options{}).Systems() {
		// At midnight in Beijing the day codes change: the shortest life that one can have.
		for _, minted := range []time.Time{noon, time.Date(2022, 3, 1, 23, 59, 59, 0, beijing)} {
			now := minted
			s := New(Options{Now: func() time.Time { return now }})
			a := newAsker(t, s, system, func() time.Time { return now })
			p := s.Mint(system, 7)
			now = minted.Add(Lifetime(system))
			if got := a.ask(p); got.outcome != standard.Verified {
				t.Errorf("%s: %s at the end of its lifetime", system, got.outcome)
			}
		}
	}
}

func TestASerialGivesTheSameCodeInEveryProcess(t *testing.T) {
	one, other := New(at(noon)), New(at(noon))
	for _, system := range one.Systems() {
		if one.Mint(system, 1<<31) != other.Mint(system, 1<<31) {
			t.Errorf("%s: two sandboxes differ", system)
		}
	}
}
