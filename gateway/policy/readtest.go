package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/adapters/strict"
	"tongma/standard"
)

// test is one of a file's own tests: a case, and what must be decided.
type test struct {
	name   string
	at     position
	given  Case
	action standard.Action
	rule   string // its id here, or with its region where it is another file's; "" for any
}

// maxTests bounds the tests of a file.
const maxTests = 1000

func (r *reader) tests(f *File, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxTests {
		r.find(at(n), "begin each with  - name: …", "tests must be a list of at most %d", maxTests)
		return
	}
	seen := map[string]bool{}
	for _, item := range n.Content {
		one := test{at: at(item)}
		var given *yaml.Node
		r.fields(item, "a test", map[string]func(*yaml.Node){
			"name":  func(n *yaml.Node) { one.name = r.text(n, "name") },
			"given": func(n *yaml.Node) { given = n },
			"decision": func(n *yaml.Node) {
				if i := r.word(n, "decision", actions); i >= 0 {
					one.action = standard.Action(actions[i])
				}
			},
			"rule": func(n *yaml.Node) { one.rule = r.text(n, "rule") },
		}, "name", "given", "decision", "rule")
		if seen[one.name] {
			r.find(one.at, "give each a name of its own", "there is another test %q", one.name)
		}
		if given != nil {
			one.given = r.given(f, given)
		}
		seen[one.name] = true
		f.tests = append(f.tests, one)
	}
}

// ParseCase reads a case as the tests of a file have it under given. What it leaves out is as in a test of f: at its first region, when it
// begins to hold, live, by a scan.
func ParseCase(name string, src []byte, f *File) (*Case, error) {
	r := &reader{file: name}
	root, findings := strict.Parse(name, src, strict.Rules{Size: maxFile, Empty: "write what a test has under given, such as  on: green", Broken: "indent with spaces"})
	if root == nil {
		return nil, findings
	}
	c := r.given(f, root)
	if err := r.findings.Err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// outcomes are what became of the call, by kind.
var outcomes = [kinds]standard.Outcome{
	standard.Verified, standard.Verified, standard.Verified, standard.Verified,
	standard.Expired, standard.NotFound, standard.Unrecognised, standard.Refused, standard.Unavailable,
}

var statuses = [kinds]standard.Status{green: standard.Green, yellow: standard.Yellow, red: standard.Red}

func (r *reader) given(f *File, n *yaml.Node) Case {
	v := &standard.Verification{Freshness: &standard.Freshness{From: standard.Live}, System: &standard.System{}}
	rec := &standard.Record{}
	c := Case{Verification: v, Record: rec, At: f.From, Mode: 1}
	if c.At.IsZero() {
		c.At = time.Date(2022, 3, 1, 10, 0, 0, 0, china)
	}
	if len(f.Regions) > 0 && f.Regions[0] != national {
		c.Place.Region = f.Regions[0]
	}
	var timed []func() // what is counted back from the moment of the check
	text := func(into *string, what string) func(*yaml.Node) {
		return func(n *yaml.Node) { *into = r.text(n, what) }
	}
	texts := func(into *[]string, what string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			for _, item := range r.items(n) {
				*into = append(*into, r.text(item, what))
			}
		}
	}
	r.fields(n, "what is given", map[string]func(*yaml.Node){
		"on": func(n *yaml.Node) {
			if i := r.word(n, "on", kindWords); i >= 0 {
				v.Outcome, v.Status = outcomes[i], statuses[i]
			}
		},
		"from": func(n *yaml.Node) {
			if i := r.word(n, "from", fromWords); i >= 0 {
				v.Freshness.From = standard.From(fromWords[i])
			}
		},
		"by": func(n *yaml.Node) { c.Document = r.word(n, "by", byWords) == int(byDocument) },
		"standing": func(n *yaml.Node) {
			if i := r.word(n, "standing", standingWords); i >= 0 {
				s := Standing(i)
				c.assumed = &s
			}
		},
		"mode":    func(n *yaml.Node) { c.Mode = r.whole(n, "mode", 1, maxMode) },
		"system":  func(n *yaml.Node) { r.givenSystem(v.System, n) },
		"others":  func(n *yaml.Node) { v.Others = r.givenOthers(n) },
		"at":      func(n *yaml.Node) { c.At = r.moment(n, "at") },
		"place":   text(&c.Place.Region, "place"),
		"site":    text(&c.Place.Site, "site"),
		"scene":   text(&c.Scene, "scene"),
		"purpose": text(&c.Purpose, "purpose"),
		"holder": func(n *yaml.Node) {
			r.fields(n, "holder", map[string]func(*yaml.Node){
				"nationality": text(&rec.Holder.Nationality, "nationality"), "region": text(&rec.Holder.Region, "region"), "idType": text(&rec.Holder.IDType, "idType"),
			})
		},
		"nucleic":     func(n *yaml.Node) { timed = append(timed, func() { rec.Health.Nucleic = r.givenTest(n, c.At) }) },
		"antibody":    func(n *yaml.Node) { timed = append(timed, func() { rec.Health.Antibody = r.givenTest(n, c.At) }) },
		"vaccine":     func(n *yaml.Node) { timed = append(timed, func() { rec.Health.Vaccine = r.givenVaccine(n, c.At) }) },
		"temperature": text(&rec.Health.Temperature, "temperature"),
		"symptoms":    texts(&rec.Health.Symptoms, "symptoms"),
		"riskAreas":   texts(&rec.Health.RiskAreas, "riskAreas"),
		"trips":       func(n *yaml.Node) { timed = append(timed, func() { rec.Trips = r.givenTrips(n, c.At) }) },
	}, "on")
	for _, f := range timed {
		f()
	}
	if v.Outcome != standard.Verified {
		c.Record = nil
	}
	return c
}

// givenSystem reads a system: its id, or id and region and its own words.
func (r *reader) givenSystem(s *standard.System, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		s.ID = r.text(n, "system")
		return
	}
	text := func(into *string, what string) func(*yaml.Node) {
		return func(n *yaml.Node) { *into = r.text(n, what) }
	}
	var provenance string
	r.fields(n, "system", map[string]func(*yaml.Node){
		"id": text(&s.ID, "id"), "region": text(&s.Region, "region"), "status": text(&s.Status, "status"), "colour": text(&s.Colour, "colour"),
		"text": text(&s.Text, "text"), "provenance": text(&provenance, "provenance"),
	}, "id")
	s.Provenance = standard.Provenance(provenance)
}

// givenOthers reads the holder's other codes by their colours.
func (r *reader) givenOthers(n *yaml.Node) (others []standard.Other) {
	for _, item := range r.items(n) {
		if i := r.word(item, "others", kindWords[:none+1]); i >= 0 {
			others = append(others, standard.Other{System: "another", Status: statuses[i]})
		}
	}
	return others
}

func (r *reader) givenTest(n *yaml.Node, now time.Time) *standard.Test {
	t := &standard.Test{Result: standard.TestUnknown}
	r.fields(n, "a test of the body", map[string]func(*yaml.Node){
		"result": func(n *yaml.Node) { t.Result = standard.TestResult(r.text(n, "result")) },
		"hours":  func(n *yaml.Node) { t.SampledAt = now.Add(-time.Duration(r.whole(n, "hours", 0, 100_000)) * time.Hour) },
	}, "result")
	return t
}

func (r *reader) givenVaccine(n *yaml.Node, now time.Time) *standard.Vaccine {
	v := &standard.Vaccine{}
	r.fields(n, "vaccine", map[string]func(*yaml.Node){
		"doses": func(n *yaml.Node) { v.Doses = r.whole(n, "doses", 0, 20) },
		"days": func(n *yaml.Node) {
			v.LastAt = now.In(china).AddDate(0, 0, -r.whole(n, "days", 0, 10_000)).Format(time.DateOnly)
		},
	}, "doses")
	return v
}

func (r *reader) givenTrips(n *yaml.Node, now time.Time) (trips []standard.Trip) {
	for _, item := range r.items(n) {
		var t standard.Trip
		r.fields(item, "a trip", map[string]func(*yaml.Node){
			"region": func(n *yaml.Node) { t.Region = r.text(n, "region") },
			"place":  func(n *yaml.Node) { t.Place = r.text(n, "place") },
			"days":   func(n *yaml.Node) { t.At = now.AddDate(0, 0, -r.whole(n, "days", 0, 10_000)) },
		})
		trips = append(trips, t)
	}
	return trips
}

// result is what came of a test.
type result struct {
	decision standard.Decision
	decided  string // the id of the rule of the test's own file that decided, "" if it was another's
}

// run runs one of f's tests among all files of the set.
func (s *Set) run(f *File, t *test) result {
	d := s.Decide(&t.given)
	region, rest, _ := strings.Cut(d.Rule, "/")
	id, version, _ := strings.Cut(rest, "@")
	if version == strconv.Itoa(f.Version) && slices.Contains(f.Regions, region) {
		return result{d, id}
	}
	return result{d, ""}
}

// as says whether the result is what the test wants.
func (r result) as(t *test) bool {
	return r.decision.Action == t.action && (r.decision.Rule == t.rule || r.decided == t.rule)
}
