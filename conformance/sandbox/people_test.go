package sandbox

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard"
)

var update = flag.Bool("update", false, "write the golden files")

func at(now time.Time) Options { return Options{Now: func() time.Time { return now }} }

func TestEveryPersonGetsTheAnswerThatIsPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // for the slow ones
		s := New(at(noon))
		for _, system := range s.Systems() {
			a := newAsker(t, s, system, func() time.Time { return noon })
			for i, p := range s.Everyone(system) {
				got := a.ask(p)
				if got.outcome != p.Outcome || got.status != p.Status {
					t.Errorf("%s %d (%s): got %s %q, promised %s %q", system, i, p.Note, got.outcome, got.status, p.Outcome, p.Status)
				}
			}
		}
	})
}

func TestACodeOfAnotherSystemIsNotRecognised(t *testing.T) {
	s := New(at(noon))
	for _, system := range s.Distinct() {
		a := newAsker(t, s, system, func() time.Time { return noon })
		for _, other := range s.Systems() {
			p := s.People(other)[0]
			if p.System = system; other == system {
				continue
			}
			if got := a.ask(p); got.outcome != standard.Unrecognised || got.status != standard.None {
				t.Errorf("a code of %s at %s: %s %q", other, system, got.outcome, got.status)
			}
		}
	}
}

func TestPeopleShowEveryStateOfEverySystem(t *testing.T) {
	s := New(at(noon))
	states := map[[3]string]bool{}
	for _, system := range s.Systems() {
		people := s.People(system)
		if len(people) < 8 {
			t.Errorf("%s: %d people", system, len(people))
		}
		if people[0].Scan == "" {
			t.Errorf("%s: the first has no scan", system)
		}
		for i, p := range people {
			if (p.Scan == "") == (p.Document == nil) {
				t.Errorf("%s %d: not exactly one of scan and document", system, i)
			}
			if p.Note == "" || p.System != system {
				t.Errorf("%s %d: %+v", system, i, p)
			}
			if p.Scan != "" {
				states[[3]string{system, string(p.Outcome), string(p.Status)}] = true
			}
		}
	}
	if len(states) < 49 {
		t.Errorf("%d different states have a scan, want 49", len(states))
	}
}

func TestActionNeverPassesWhatIsNotGreenAlone(t *testing.T) {
	s := New(at(noon))
	for _, system := range s.Systems() {
		for i, p := range s.Everyone(system) {
			warned := s.backends[system].people[i].warned()
			want := standard.Manual
			switch {
			case p.Outcome == standard.Verified && p.Status == standard.Red:
				want = standard.Deny
			case p.Outcome == standard.Verified && p.Status == standard.Green && !warned:
				want = standard.Pass
			}
			if p.Action != want {
				t.Errorf("%s %d (%s): %s, want %s", system, i, p.Note, p.Action, want)
			}
		}
	}
}

func TestPeopleAreAFunctionOfSeedAndTime(t *testing.T) {
	one, other := New(at(noon)), New(at(noon.In(time.UTC)))
	seeded := New(Options{Seed: "another", Now: func() time.Time { return noon }})
	for _, system := range one.Systems() {
		if diff := cmp.Diff(one.Everyone(system), other.Everyone(system)); diff != "" {
			t.Errorf("%s: two sandboxes differ:\n%s", system, diff)
		}
		if one.People(system)[0].Scan == seeded.People(system)[0].Scan {
			t.Errorf("%s: another seed gives the same scan", system)
		}
	}
}

func TestPeopleGolden(t *testing.T) {
	const file = "testdata/people.golden"
	s := New(at(noon))
	var people []Person
	for _, system := range s.Distinct() {
		people = append(people, s.People(system)...)
	}
	got, err := json.MarshalIndent(people, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("people changed (go test -update writes the file anew):\n%s", diff)
	}
}

func TestPeopleBelongToNobody(t *testing.T) {
	number := regexp.MustCompile(`^000000(19|20)\d{6}99\d[0-9X]$`)
	phone := regexp.MustCompile(`^1300000\d{4}$`)
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} // GB 11643 as it is usually printed
	for _, system := range systems {
		seen := map[string]bool{}
		for _, p := range populate(defaultSeed, system) {
			sum := 0
			for i, w := range weights {
				sum += w * int(p.number[i]-'0')
			}
			if !number.MatchString(p.number) || "10X98765432"[sum%11] != p.number[17] {
				t.Errorf("%s %d: number %s", system, p.no, p.number)
			}
			if !phone.MatchString(p.phone) {
				t.Errorf("%s %d: phone %s", system, p.no, p.phone)
			}
			if seen[p.number] || seen[p.name] {
				t.Errorf("%s %d: %s %s is there twice", system, p.no, p.name, p.number)
			}
			seen[p.number], seen[p.name] = true, true
		}
	}
}

func TestScansRefreshAsTheirSystemsDo(t *testing.T) {
	tests := []struct {
		system         string
		lives, expired time.Duration // after noon: still answered; refused
	}{
		{Suishen, 65 * time.Second, 66 * time.Second},
		{Suikang, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Hangzhou, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Yuekang, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Yukang, 300 * time.Second, 301 * time.Second}, // by what stands in it, so that nobody asks
		{Sukang, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Ankang, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Hebei, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Beijing, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Guokang, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Gjgxjhpt, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Jilin, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Sichuan, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
		{Fujian, 12*time.Hour + 59*time.Minute, 13 * time.Hour},
	}
	for _, tt := range tests {
		now := noon
		s := New(Options{Now: func() time.Time { return now }})
		a := newAsker(t, s, tt.system, func() time.Time { return now })
		p := s.People(tt.system)[0]
		for after, want := range map[time.Duration]standard.Outcome{0: standard.Verified, tt.lives: standard.Verified, tt.expired: standard.Expired} {
			now = noon.Add(after)
			if got := a.ask(p).outcome; got != want {
				t.Errorf("%s after %s: %s, want %s", tt.system, after, got, want)
			}
		}
		now = noon.Add(tt.expired)
		if fresh := s.People(tt.system)[0]; fresh.Scan == p.Scan || a.ask(fresh).outcome != standard.Verified {
			t.Errorf("%s: no fresh scan after %s", tt.system, tt.expired)
		}
	}
}

func FuzzCode(f *testing.F) {
	s := newSealer("seed", "purpose")
	f.Add(s.seal(0, 0, 0))
	f.Add(s.seal(65535, -1, 1<<32-1))
	f.Add("00112233445566778899aabbccddeeff")
	f.Add("zz")
	f.Fuzz(func(t *testing.T, code string) {
		no, period, serial, ok := s.open(code)
		if ok && s.seal(no, period, serial) != code {
			t.Errorf("%q opens to %d, %d, %d, which seals to something else", code, no, period, serial)
		}
	})
}
