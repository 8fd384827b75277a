package load

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what came of a load. Times are milliseconds but where a name says otherwise; shares are of all requests.
type Report struct {
	Plan        Load      `json:"plan"`
	Began       time.Time `json:"began"`
	Seconds     float64   `json:"seconds"`
	Interrupted bool      `json:"interrupted"` // stopped before its end
	Exhausted   bool      `json:"exhausted"`   // ended early, because there were no more scans that had not been used

	Requests int64   `json:"requests"` // those that were due
	Rate     float64 `json:"rate"`     // requests a second that had their answer or refusal
	Queued   int64   `json:"queued"`   // those sent more than 10 ms after they were due: no connection was free, or no time
	Good     int64   `json:"good"`     // answered with another outcome than unavailable
	GoodRate float64 `json:"goodRate"` // a second
	Latency  Latency `json:"latency"`  // of all requests, also those that failed

	Percentiles []Quantile `json:"percentiles"` // of Latency, the longest at the end

	By       []Dimension `json:"by"`
	Trust    Trust       `json:"trust"`
	Failures []string    `json:"failures"` // the first few

	Timeline []Point    `json:"timeline"`
	Curve    []Quantile `json:"curve"` // of Latency
	HDR      string     `json:"hdr"`   // the histogram of all, in µs: HdrHistogram V2, compressed, base64
}

// Load is a plan without its keys.
type Load struct {
	URL         string  `json:"url"`
	Gateway     string  `json:"gateway"`
	Caller      string  `json:"caller"`
	Sign        string  `json:"sign"`
	Rate        float64 `json:"rate"` // a second; 0: closed loop
	Connections int     `json:"connections"`
	Seconds     float64 `json:"seconds"`
	Hit         float64 `json:"hit"`
	Warm        int     `json:"warm"`
	Verify      float64 `json:"verify"`
	PatienceMs  float64 `json:"patienceMs"`
}

// Trust is what was found when answers were not believed. All but Checked and Differing includes the warming up.
type Trust struct {
	Checked     int64 `json:"checked"`     // signatures
	Forged      int64 `json:"forged"`      // replies that are not the gateway's
	FalseGreens int64 `json:"falseGreens"` // greens where the list says otherwise
	Differing   int64 `json:"differing"`   // other statuses than the list says, none of them green
	RetryAfter  int64 `json:"retryAfter"`  // refusals that say when to come again
}

// Latency is a summary of a histogram, to three digits.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Dimension is one way to count all requests.
type Dimension struct {
	Name string `json:"name"` // request, outcome, status, decision, from, http, code, system
	Rows []Row  `json:"rows"`
}

// Row is a part of all requests.
type Row struct {
	Name    string  `json:"name"`
	Count   int64   `json:"count"`
	Share   float64 `json:"share"`
	Latency Latency `json:"latency"`
}

// Point is a second of the run.
type Point struct {
	Second  float64 `json:"second"`  // since the beginning, at its end
	Good    float64 `json:"good"`    // a second
	Refused float64 `json:"refused"` // a second
	Failed  float64 `json:"failed"`  // a second: unavailable, unreachable, late, unsent, forged
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
}

// Quantile is a point of the cumulative distribution.
type Quantile struct {
	Q  float64 `json:"q"` // 0 to 1
	Ms float64 `json:"ms"`
}

// Failed says whether something came that must never come: a forged answer, or a false green.
func (r *Report) Failed() bool { return r.Trust.Forged > 0 || r.Trust.FalseGreens > 0 }

var dimensionNames = [dimensions]string{"request", "outcome", "status", "decision", "from", "http", "code", "system"}

// newReport tells what was measured, and what went wrong while warming up.
func newReport(p *Plan, s, warmed *shard) *Report {
	r := &Report{
		Plan: Load{
			URL: p.URL, Gateway: p.GatewayID, Caller: p.Rid, Sign: string(p.Sign), Rate: p.Rate, Connections: p.Connections,
			Seconds: p.Duration.Seconds(), Hit: p.Hit, Warm: p.Warm, Verify: p.Verify, PatienceMs: ms(p.Patience.Microseconds()),
		},
		Requests: s.all.TotalCount(), Good: s.counts.Good, Latency: latencyOf(s.all), Percentiles: percentilesOf(s.all), Curve: curveOf(s.all),
		Failures: append([]string{}, slices.Concat(warmed.shown, s.shown)...),
		Trust: Trust{
			Checked: s.counts.Checked, Differing: s.counts.Differing, RetryAfter: s.counts.RetryAfter,
			FalseGreens: s.counts.FalseGreens + warmed.counts.FalseGreens, Forged: s.number(byKind, kindNames[forged]) + warmed.number(byKind, kindNames[forged]),
		},
	}
	r.Failures = r.Failures[:min(len(r.Failures), maxShown)]
	for d, name := range dimensionNames {
		r.By = append(r.By, Dimension{name, rowsOf(s.by[d], r.Requests)})
	}
	if text, err := s.all.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		r.HDR = string(text)
	}
	return r
}

// took sets how long the run took, and what follows from it.
func (r *Report) took(d time.Duration) {
	r.Seconds = d.Seconds()
	r.GoodRate = float64(r.Good) / r.Seconds
	r.Rate = float64(r.count(byKind, kindNames[answered])+r.count(byKind, kindNames[refused])) / r.Seconds
}

// count is the number of a row, 0 if there is none.
func (r *Report) count(dimension int, name string) int64 {
	for _, row := range r.By[dimension].Rows {
		if row.Name == name {
			return row.Count
		}
	}
	return 0
}

func (s *shard) number(dimension int, label string) int64 {
	if h := s.by[dimension][label]; h != nil {
		return h.TotalCount()
	}
	return 0
}

// rowsOf gives the largest first.
func rowsOf(m map[string]*hdrhistogram.Histogram, total int64) []Row {
	rows := make([]Row, 0, len(m))
	for name, h := range m {
		rows = append(rows, Row{name, h.TotalCount(), float64(h.TotalCount()) / float64(total), latencyOf(h)})
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return rows
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := func(percent float64) float64 { return ms(h.ValueAtPercentile(percent)) }
	return Latency{Mean: math.Round(h.Mean()) / 1000, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: ms(h.Max())}
}

func ms(us int64) float64 { return float64(us) / 1000 }

// percentilesOf gives the usual ones, as far as there are requests enough to tell them from the longest.
func percentilesOf(h *hdrhistogram.Histogram) []Quantile {
	list := []Quantile{}
	total := float64(h.TotalCount())
	if total == 0 {
		return list
	}
	for _, q := range []float64{0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999} {
		if (1-q)*total > 1-1e-6 {
			list = append(list, Quantile{q, ms(h.ValueAtPercentile(100 * q))})
		}
	}
	return append(list, Quantile{1, ms(h.Max())})
}

// stepsPerNine is how many points the curve has from 0 to 0.9, from there to 0.99, and so on.
const stepsPerNine = 12

// curveOf gives the distribution at even steps of the logarithm of what is above, down to a single request.
func curveOf(h *hdrhistogram.Histogram) []Quantile {
	curve := []Quantile{}
	total := float64(h.TotalCount())
	for i := 0; total > 0; i++ {
		above := math.Pow(10, -float64(i)/stepsPerNine)
		curve = append(curve, Quantile{1 - above, ms(h.ValueAtPercentile(100 * (1 - above)))})
		if above*total <= 1 {
			break
		}
	}
	return curve
}

// point is a second as the report has it; over is how long it was.
func (s *second) point(end, over time.Duration) Point {
	rate := func(n int64) float64 { return math.Round(float64(n)/max(over.Seconds(), 1e-3)*10) / 10 }
	l := latencyOf(s.took)
	return Point{Second: end.Seconds(), Good: rate(s.good), Refused: rate(s.refused), Failed: rate(s.failed), P50: l.P50, P99: l.P99}
}
