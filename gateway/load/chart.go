package load

import (
	"fmt"
	"math"
	"strings"
)

// The drawing area of every chart, in units of its viewBox; the axes' texts stand outside of it.
const (
	chartWidth  = 640
	chartHeight = 180
)

// tick is a line of a grid and what stands beside it.
type tick struct {
	At   float64
	Text string
}

// mark is a point with what it means.
type mark struct {
	X, Y float64
	Text string
}

// logScale maps values to heights by their logarithm, over whole decades around all of them.
type logScale struct{ low, high float64 } // exponents of ten

func newLogScale(values []float64) logScale {
	s := logScale{math.Inf(1), math.Inf(-1)}
	for _, v := range values {
		if v > 0 {
			s.low, s.high = min(s.low, math.Floor(math.Log10(v))), max(s.high, math.Ceil(math.Log10(v)))
		}
	}
	if s.low > s.high {
		return logScale{0, 1}
	}
	if s.low == s.high {
		s.high++
	}
	return s
}

// y is the height of v, from the top. What is nothing stands at the bottom.
func (s logScale) y(v float64) float64 {
	if v <= 0 {
		return chartHeight
	}
	share := (math.Log10(v) - s.low) / (s.high - s.low)
	return round(chartHeight * (1 - min(max(share, 0), 1)))
}

func (s logScale) ticks() []tick {
	var list []tick
	for e := s.low; e <= s.high; e++ {
		v := math.Pow(10, e)
		list = append(list, tick{s.y(v), span(v)})
	}
	return list
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// span writes milliseconds as people do.
func span(ms float64) string {
	switch {
	case ms >= 999.5:
		return fmt.Sprintf("%.3g s", ms/1000)
	case ms >= 1:
		return fmt.Sprintf("%.3g ms", ms)
	}
	return fmt.Sprintf("%.0f µs", ms*1000)
}

// line writes a path through points.
func line(points []mark) string {
	var b strings.Builder
	for i, p := range points {
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, p.X, p.Y)
	}
	return b.String()
}

// curveChart is the distribution of the latency.
type curveChart struct {
	Line  string
	Marks []mark
	X, Y  []tick
}

func newCurveChart(curve []Quantile) curveChart {
	values := make([]float64, len(curve))
	for i, q := range curve {
		values[i] = q.Ms
	}
	scale := newLogScale(values)
	c := curveChart{Y: scale.ticks()}
	nines := max(float64(len(curve)-1)/stepsPerNine, 1)
	points := make([]mark, 0, len(curve))
	for i, q := range curve {
		points = append(points, mark{X: round(chartWidth * float64(i) / stepsPerNine / nines), Y: scale.y(q.Ms)})
		if i > 0 && i%stepsPerNine == 0 {
			p := points[i]
			p.Text = "p" + percent(i/stepsPerNine) + " " + span(q.Ms)
			c.Marks = append(c.Marks, p)
			c.X = append(c.X, tick{p.X, percent(i/stepsPerNine) + "%"})
		}
	}
	c.Line = line(points)
	return c
}

// percent writes how much is n nines: 90, 99, 99.9.
func percent(n int) string {
	if n == 1 {
		return "90"
	}
	text := strings.Repeat("9", n)
	if n == 2 {
		return text
	}
	return text[:2] + "." + text[2:]
}

// maxBars is how many points of time are drawn; more are put together.
const maxBars = 120

// timeChart is what happened when.
type timeChart struct {
	Bars     []bar
	Y        []tick // requests a second
	P50, P99 string
	Latency  []tick
	X        []tick
}

// bar is a while of the run: three parts upon each other.
type bar struct {
	X, Width              float64
	Good, Refused, Failed part
	Text                  string
}

type part struct{ Y, Height float64 }

func newTimeChart(timeline []Point) timeChart {
	points := thin(timeline, maxBars)
	top, latencies, end := 1.0, []float64{}, 1.0
	for _, p := range points {
		top = max(top, p.Good+p.Refused+p.Failed)
		latencies = append(latencies, p.P50, p.P99)
		end = p.Second
	}
	top = nice(top)
	scale := newLogScale(latencies)
	c := timeChart{Latency: scale.ticks()}
	for i := range 5 {
		v := top * float64(i) / 4
		c.Y = append(c.Y, tick{round(chartHeight * (1 - v/top)), grouped(v)})
		c.X = append(c.X, tick{round(chartWidth * float64(i) / 4), fmt.Sprintf("%.3g s", end*float64(i)/4)})
	}
	p50, p99 := make([]mark, 0, len(points)), make([]mark, 0, len(points))
	began := 0.0
	for _, p := range points {
		x, right := chartWidth*began/end, chartWidth*p.Second/end
		b := bar{X: round(x), Width: round(max(right-x-1, 0.5))}
		b.Good = stack(chartHeight, p.Good, top)
		b.Refused = stack(b.Good.Y, p.Refused, top)
		b.Failed = stack(b.Refused.Y, p.Failed, top)
		b.Text = fmt.Sprintf("%.0f s: %s/s 有效 good, %s/s 拒绝 refused, %s/s 失败 failed, p50 %s, p99 %s",
			p.Second, grouped(p.Good), grouped(p.Refused), grouped(p.Failed), span(p.P50), span(p.P99))
		c.Bars = append(c.Bars, b)
		if p.P99 > 0 {
			middle := round((x + right) / 2)
			p50, p99 = append(p50, mark{X: middle, Y: scale.y(p.P50)}), append(p99, mark{X: middle, Y: scale.y(p.P99)})
		}
		began = p.Second
	}
	c.P50, c.P99 = line(p50), line(p99)
	return c
}

// stack puts a part upon what ends at y.
func stack(y, v, top float64) part {
	h := round(chartHeight * v / top)
	return part{round(y - h), h}
}

// nice is the next number of one digit and zeros, so that the axis has round marks.
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if m*unit >= v {
			return m * unit
		}
	}
	return v
}

// thin puts neighbours together until at most n are left: rates as a mean over their time, latencies as the worst of them.
func thin(points []Point, n int) []Point {
	each := (len(points) + n - 1) / n
	if each <= 1 {
		return points
	}
	var list []Point
	began := 0.0
	for i := 0; i < len(points); i += each {
		sum := together(began, points[i:min(i+each, len(points))])
		began = sum.Second
		list = append(list, sum)
	}
	return list
}

// together makes one of neighbours, the first of which began at that second.
func together(began float64, group []Point) Point {
	sum := Point{Second: group[len(group)-1].Second}
	last, whole := began, sum.Second-began
	for _, p := range group {
		share := (p.Second - last) / whole
		sum.Good += p.Good * share
		sum.Refused += p.Refused * share
		sum.Failed += p.Failed * share
		sum.P50, sum.P99 = max(sum.P50, p.P50), max(sum.P99, p.P99)
		last = p.Second
	}
	return sum
}

// shortest is how long a point of time must be, in seconds, to tell a rate.
const shortest = 0.25

// whole puts a last point that is too short to the one before.
func whole(points []Point) []Point {
	n := len(points)
	if n < 2 || points[n-1].Second-points[n-2].Second >= shortest {
		return points
	}
	began := 0.0
	if n > 2 {
		began = points[n-3].Second
	}
	sum := together(began, points[n-2:])
	sum.P50 = points[n-2].P50 // of the many, not of the few
	return append(points[:n-2], sum)
}

// grouped writes a number with a comma after each three digits.
func grouped(v float64) string {
	if v != 0 && v < 10 && v != math.Trunc(v) {
		return fmt.Sprintf("%.1f", v)
	}
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
