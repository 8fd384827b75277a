package trial

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"tongma/standard"
)

// history is what everybody saw. Times are ticks of the world's clock, which rises with every event.
type history struct {
	states  [][]state // by resident
	replies []reply
	answers []answer
	notices []notice
	atOnce  int // questions of one key under way at once, at most
	swaps   int

	systems func(resident int) string
}

// state is somebody's colour from a time on.
type state struct {
	at     int64
	status standard.Status
}

// reply is what a backend said. Its number is its place in the list.
type reply struct {
	resident     int
	status       standard.Status
	begun, ended int64
	at           time.Time // when it began
}

// answer is what a caller got.
type answer struct {
	*standard.Verification
	resident         int
	with             string // the scan, or the document's number
	repeats          bool   // perhaps the answer of an earlier call, by its reference
	called, returned int64
	at               time.Time // when it was called
	took             time.Duration
}

// notice is what a platform told.
type notice struct {
	system           string
	resident         int    // or everybody
	with             string // the one scan that is meant, "" for all
	called, returned int64
}

const everybody = -1

func (h *history) concerns(n *notice, a *answer) bool {
	if n.resident == everybody {
		return n.system == h.systems(a.resident)
	}
	return n.resident == a.resident && (n.with == "" || n.with == a.with)
}

// faults says what in the history must never be.
func (h *history) faults() (faults []string) {
	if h.atOnce > 1 {
		faults = append(faults, fmt.Sprintf("one question was under way %d times at once", h.atOnce))
	}
	for i := range h.answers {
		if what := h.fault(&h.answers[i]); what != "" {
			faults = append(faults, what)
		}
	}
	return faults
}

func (h *history) fault(a *answer) string {
	if a.Outcome != standard.Verified {
		if a.Decision.Action == standard.Pass {
			return fmt.Sprintf("outcome %s passes", a.Outcome)
		}
		return ""
	}
	number, err := strconv.Atoi(a.System.Text)
	if err != nil || number < 0 || number >= len(h.replies) {
		return fmt.Sprintf("an answer of no reply: %q", a.System.Text)
	}
	r := &h.replies[number]
	switch {
	case r.resident != a.resident:
		return fmt.Sprintf("resident %d got the answer of %d", a.resident, r.resident)
	case r.status != a.Status:
		return fmt.Sprintf("reply %d said %q and was served as %q", number, r.status, a.Status)
	case r.begun > a.returned:
		return fmt.Sprintf("reply %d was served before it was asked for", number)
	case !h.was(r):
		return fmt.Sprintf("reply %d said %q, which was true at no time in between", number, r.status)
	}
	for i := range h.notices {
		if n := &h.notices[i]; n.returned < a.called && r.begun < n.called && h.concerns(n, a) {
			return fmt.Sprintf("%q from %s: asked for at %d, before the notice of %d to %d, and served to a call of %d to %d",
				a.Status, a.Freshness.From, r.begun, n.called, n.returned, a.called, a.returned)
		}
	}
	return h.age(a, r)
}

// was says whether a reply was true at some time between its request and itself.
func (h *history) was(r *reply) bool {
	states := h.states[r.resident]
	for i, s := range states {
		if s.status == r.status && s.at < r.ended && (i+1 == len(states) || states[i+1].at > r.begun) {
			return true
		}
	}
	return false
}

// age finds answers that are older than they may be, or say.
func (h *history) age(a *answer, r *reply) string {
	age := time.Duration(a.Freshness.AgeMs) * time.Millisecond
	passed := a.Decision.Action == standard.Pass
	switch {
	case passed && (a.Status != standard.Green || a.Freshness.From == standard.Stale):
		return fmt.Sprintf("%q from %s passes", a.Status, a.Freshness.From)
	case a.repeats:
		return "" // the same answer, for a minute
	case passed && a.Freshness.From == standard.Cache && age > worldGreen+slack: // it was fresh when it was looked up, on a machine that may be busy
		return fmt.Sprintf("passed with an answer of %s", age)
	case a.at.Sub(r.at) > age+time.Millisecond:
		return fmt.Sprintf("an answer that is at least %s old says %s", a.at.Sub(r.at), age)
	case a.took > 200*time.Millisecond+slack:
		return fmt.Sprintf("answered after %s", a.took)
	}
	return ""
}

// TestTheCheckerSeesWhatMustNeverBe shows it histories that are wrong in one way each.
func TestTheCheckerSeesWhatMustNeverBe(t *testing.T) {
	now := time.Now()
	sound := func() *history {
		return &history{
			states:  [][]state{{{0, standard.Green}, {20, standard.Red}}, {{0, standard.Green}}},
			replies: []reply{{0, standard.Green, 10, 12, now}, {1, standard.Green, 30, 31, now}},
			answers: []answer{{
				Verification: &standard.Verification{
					Outcome: standard.Verified, Status: standard.Green, System: &standard.System{Text: "0"},
					Freshness: &standard.Freshness{From: standard.Cache, AgeMs: 20}, Decision: standard.Decision{Action: standard.Pass},
				},
				resident: 0, with: "a", called: 40, returned: 41, at: now.Add(10 * time.Millisecond),
			}},
			notices: []notice{{"north", 1, "", 21, 22}, {"north", 0, "b", 21, 22}, {"south", everybody, "", 21, 22}, {"north", 0, "", 5, 6}, {"north", 0, "", 38, 42}},
			atOnce:  1,
			systems: func(int) string { return "north" },
		}
	}
	for name, spoil := range map[string]func(*history){
		"":                             func(*history) {},
		"two at once":                  func(h *history) { h.atOnce = 2 },
		"after a notice of the holder": func(h *history) { h.notices[0].resident = 0 },
		"after a notice of the scan":   func(h *history) { h.notices[1].with = "a" },
		"after a notice of all":        func(h *history) { h.notices[2].system = "north" },
		"after a notice that is told":  func(h *history) { h.notices[4].returned = 39 },
		"another's answer":             func(h *history) { h.answers[0].System.Text = "1" },
		"nobody's answer":              func(h *history) { h.answers[0].System.Text = "2" },
		"another colour":               func(h *history) { h.answers[0].Status = standard.Red },
		"no longer true":               func(h *history) { h.replies[0].begun, h.replies[0].ended = 21, 23 },
		"not true yet":                 func(h *history) { h.states[0] = []state{{0, standard.Red}, {13, standard.Green}} },
		"told before it was asked":     func(h *history) { h.answers[0].called, h.answers[0].returned = 8, 9 },
		"a stale pass":                 func(h *history) { h.answers[0].Freshness.From = standard.Stale },
		"too old":                      func(h *history) { h.answers[0].Freshness.AgeMs = (worldGreen + slack).Milliseconds() + 1 },
		"older than it says":           func(h *history) { h.answers[0].at = now.Add(50 * time.Millisecond) },
		"too late":                     func(h *history) { h.answers[0].took = time.Second },
		"a pass for nothing":           func(h *history) { h.answers[0].Outcome = standard.Unavailable },
	} {
		h := sound()
		spoil(h)
		if got := h.faults(); (len(got) > 0) != (name != "") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
