package sandbox

import (
	"time"

	"tongma/standard"
)

// Person is somebody of the sandbox: what they show at this moment, and what a correct gateway makes of it at 110000 under
// the default rules. Either Scan or Document is set.
type Person struct {
	System   string             `json:"system"`
	Scan     string             `json:"scan,omitempty"`
	Document *standard.Document `json:"document,omitempty"`
	Outcome  standard.Outcome   `json:"outcome"`
	Status   standard.Status    `json:"status"` // "": none
	Action   standard.Action    `json:"action"`
	Note     string             `json:"note"`
}

// People gives one person of each kind that a system has, the first with a scan. Their scans are fresh now: those of suishen
// live for a minute. The list depends on the seed and the time alone, so any process can compute it.
func (s *Sandbox) People(system string) []Person { return s.list(system, len(castOf(system))) }

// Everyone gives all people of a system, those of [Sandbox.People] first.
func (s *Sandbox) Everyone(system string) []Person { return s.list(system, population) }

func (s *Sandbox) list(system string, n int) []Person {
	b, ok := s.backends[system]
	if !ok {
		return nil
	}
	now := b.now()
	list := make([]Person, 0, n)
	for _, p := range b.people[:n] {
		list = append(list, b.show(p, now))
	}
	return list
}

// show is what p shows and what should become of it.
func (b *backend) show(p *person, now time.Time) Person {
	shown := Person{System: b.id, Outcome: p.outcome(), Status: p.status(), Action: p.action(), Note: p.note}
	switch p.via {
	case viaScan, viaCard:
		shown.Scan = b.dialect.scan(p, now, 0)
	case viaDocument:
		shown.Document = &standard.Document{Type: b.idType, Number: p.number, Name: p.name}
	case viaWrongName:
		shown.Document = &standard.Document{Type: b.idType, Number: p.number, Name: "某" + p.name}
	}
	return shown
}

// idCard is the type of a resident identity card, WS 364.3 CV02.01.101.
const idCard = "01"

// colour is what a code looks like. Each dialect has words of its own for it.
type colour string

const (
	green  colour = "green"
	yellow colour = "yellow"
	red    colour = "red"
	odd    colour = "odd" // a value that is in no table

	numbered colour = "numbered" // yuekang: a number, of which nobody knows what it means
	grey     colour = "grey"     // yukang: a report that is out of order
	blue     colour = "blue"     // nanhai: nobody says what it means
	popup    colour = "popup"    // yukang: a pop-up stands in the colour's place
)

// statuses has no row for a colour without a status.
var statuses = map[colour]standard.Status{green: standard.Green, games: standard.Green, yellow: standard.Yellow, red: standard.Red, red1: standard.Red}

// via is how a person is asked about.
type via int

const (
	viaScan via = iota
	viaDocument
	viaWrongName // the number is right and the name is not
	viaCard      // yukang: by the scan of an electronic health card
)

// fate is what stands between a person and an answer.
type fate int

const (
	fine     fate = iota
	lapsed        // shows a code whose time has run out
	replaced      // shows a code that looks fresh, and has been refreshed since: only the backend knows
	alien         // shows a code that looks like the system's and is not
	gone          // the system has no record of them
	declined      // the system will not tell
	degraded      // the system answers for them only in its degraded form
)

var outcomes = map[fate]standard.Outcome{
	fine:     standard.Verified,
	lapsed:   standard.Expired,
	replaced: standard.Expired,
	alien:    standard.Unrecognised,
	gone:     standard.NotFound,
	declined: standard.Refused,
	degraded: standard.Unavailable,
}

// person is one of the synthetic people.
type person struct {
	no                  int
	name, number, phone string
	trait
}

// trait is what makes a person interesting.
type trait struct {
	note   string
	via    via
	fate   fate
	codes  []cityCode // at least one; only hangzhou gives more than one
	quirks quirk
	check  string // "X": the last character of the number
}

// cityCode is a code that a city has given a person.
type cityCode struct {
	city    string
	colour  colour
	daysAgo int // when it was last updated, at least 1
}

// quirk is an oddity of the answer that a correct client takes.
type quirk int

const (
	intCode    quirk = 1 << iota // suishen, sukang, and others: "code", "resCode", the status is a number
	bareDatas                    // hangzhou, sukang: "datas", "res" is the value itself and not its JSON text
	emptyOnce                    // hangzhou, guokang: every other answer means: ask again
	sheni                        // yuekang: the code is one of 深i您
	untested                     // yuekang, sichuan: there is no nucleic-acid test
	moreParams                   // sukang: the scan has more parameters than the code
	national                     // ankang: the code comes from the national service
	slow                         // hebei: the answer takes its time
	arrived                      // hebei: has entered the country
)

func (p *person) has(q quirk) bool { return p.quirks&q != 0 }

// chosen is the code that counts where no city of the holder is near: the one updated last.
func (p *person) chosen() cityCode {
	latest := p.codes[0]
	for _, c := range p.codes {
		if c.daysAgo < latest.daysAgo {
			latest = c
		}
	}
	return latest
}

func (p *person) outcome() standard.Outcome {
	if p.via == viaWrongName {
		return standard.NotFound
	}
	return outcomes[p.fate]
}

func (p *person) status() standard.Status {
	if p.outcome() != standard.Verified {
		return standard.None
	}
	return statuses[p.chosen().colour]
}

func (p *person) action() standard.Action {
	switch {
	case p.status() == standard.Red:
		return standard.Deny
	case p.status() == standard.Green && !p.warned():
		return standard.Pass
	}
	return standard.Manual
}

// warned says whether any code of the person is yellow or red.
func (p *person) warned() bool {
	for _, c := range p.codes {
		if s := statuses[c.colour]; s == standard.Yellow || s == standard.Red {
			return true
		}
	}
	return false
}

// nucleicResult is the result of p's test.
func (p *person) nucleicResult() string {
	if p.codes[0].colour == red {
		return "阳性"
	}
	return "阴性"
}

// sex is what p's number says, as GB/T 2261.1 writes it: 1 male, 2 female.
func (p *person) sex() string {
	if (p.number[16]-'0')%2 == 1 {
		return "1"
	}
	return "2"
}
