package load

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sample is a report with something in each place.
func sample() *Report {
	s := newShard()
	for i := range 5000 {
		s.add(&verdict{kind: answered, checked: true, http: 200, outcome: "verified", status: "00", decision: "pass", from: "cache", system: "suikang"}, nil, time.Duration(i)*time.Microsecond)
	}
	s.add(&verdict{kind: refused, http: 503, code: "50303", retryAfter: true}, nil, 40*time.Millisecond)
	r := newReport(&Plan{URL: "http://127.0.0.1:8080", GatewayID: "far", Rid: "gate-7", Sign: "HMAC-SM3", Rate: 1000, Connections: 64, Duration: 5 * time.Second, Hit: 0.9, Warm: 100, Verify: 1}, s, newShard())
	r.Began = time.Date(2022, 1, 10, 8, 0, 0, 0, time.UTC)
	r.took(5 * time.Second)
	for i := range 5 {
		r.Timeline = append(r.Timeline, Point{Second: float64(i + 1), Good: 990, Refused: 8, Failed: 2, P50: 0.3, P99: 4})
	}
	return r
}

func html(t *testing.T, r *Report, chinese bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.WriteHTML(&out, chinese); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestThePageTellsWhatTheReportTells(t *testing.T) {
	page := html(t, sample(), false)
	for _, want := range []string{
		"Load report", "压力测试报告", "1,000/s", "5,001", "verified", "50303", "the gateway is overloaded", "网关过载", "suikang",
		`id="en" checked`, "prefers-color-scheme: dark", "@media print", "Nothing false", "p99.9 ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if page := html(t, sample(), true); !strings.Contains(page, `id="zh" checked`) || !strings.Contains(page, `<html lang="zh">`) {
		t.Error("the Chinese page does not begin in Chinese")
	}
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	page := html(t, sample(), false)
	if m := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|https?://`).FindAllString(strings.ReplaceAll(page, "http://127.0.0.1:8080", ""), -1); m != nil {
		t.Errorf("the page has %q", m)
	}
}

func TestWhatComesFromOutsideIsEscapedOnThePage(t *testing.T) {
	const evil = `</title></span><script>alert(1)</script>"'&`
	r := sample()
	r.Plan.URL, r.Plan.Gateway, r.Plan.Caller = evil, evil, evil
	r.Failures, r.Trust.Forged = []string{evil}, 1
	for d := range r.By {
		r.By[d].Rows = []Row{{Name: evil, Count: 1, Share: 1}}
	}
	page := html(t, r, false)
	if strings.Contains(page, "<script") || strings.Contains(page, evil) || strings.Count(page, "&lt;script&gt;") < 4+dimensions {
		t.Error("it is not")
	}
	if !strings.Contains(page, `class="verdict bad"`) || strings.Contains(page, "Nothing false") {
		t.Error("a failed report does not say so")
	}
}

func TestThePageOfAReportWithNothingInItIsDrawn(t *testing.T) {
	r := newReport(&Plan{}, newShard(), newShard())
	r.took(time.Second)
	r.Interrupted, r.Exhausted = true, true
	r.Timeline = []Point{{Second: 0.0001}}
	page := html(t, r, false)
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || !strings.Contains(page, "stopped before its end") || !strings.Contains(page, "ended early") {
		t.Error(page)
	}
}

// TestEveryDrawingIsWellFormed and stays within its frame.
func TestEveryDrawingIsWellFormed(t *testing.T) {
	drawings := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(html(t, sample(), false), -1)
	if len(drawings) != 3 {
		t.Fatalf("%d drawings", len(drawings))
	}
	for _, d := range drawings {
		dec := xml.NewDecoder(strings.NewReader(d))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, d)
			}
		}
		if strings.Contains(d, "ZgotmplZ") || strings.Contains(d, "NaN") || strings.Contains(d, "-0.") {
			t.Error(d)
		}
	}
}

func TestTheCurveReachesDownToASingleRequest(t *testing.T) {
	s := newShard()
	for range 999 {
		s.add(&verdict{}, nil, time.Millisecond)
	}
	s.add(&verdict{}, nil, time.Second)
	curve := curveOf(s.all)
	if len(curve) != 3*stepsPerNine+1 || curve[0].Q != 0 || math.Abs(curve[3*stepsPerNine].Q-0.999) > 1e-9 {
		t.Errorf("%d points, %v", len(curve), curve)
	}
	chart := newCurveChart(curve)
	if len(chart.Marks) != 3 || chart.X[2].Text != "99.9%" || chart.X[0].Text != "90%" || chart.X[1].Text != "99%" || chart.Marks[0].Text != "p90 1 ms" {
		t.Errorf("%+v", chart)
	}
}

func TestLongRunsAreDrawnInFewBarsThatAddUp(t *testing.T) {
	var timeline []Point
	for i := range 3599 {
		timeline = append(timeline, Point{Second: float64(i + 1), Good: float64(i % 100), P99: float64(i)})
	}
	points := thin(timeline, maxBars)
	sum, began := 0.0, 0.0
	for _, p := range points {
		sum += p.Good * (p.Second - began)
		began = p.Second
	}
	want := 0.0
	for _, p := range timeline {
		want += p.Good
	}
	if len(points) > maxBars || len(points) < maxBars*9/10 || math.Abs(sum-want) > 1e-6*want || points[len(points)-1].P99 != 3598 {
		t.Errorf("%d bars, %v requests of %v", len(points), sum, want)
	}
}

func TestAPointTooShortToTellARateGoesToTheOneBefore(t *testing.T) {
	list := whole([]Point{{Second: 1, Good: 100}, {Second: 2, Good: 100, P50: 1}, {Second: 2.1, Good: 310, P50: 2, P99: 3}})
	if len(list) != 2 || list[1].Second != 2.1 || math.Abs(list[1].Good-131/1.1) > 1e-9 || list[1].P50 != 1 || list[1].P99 != 3 {
		t.Errorf("%+v", list)
	}
	if list := whole([]Point{{Second: 1}, {Second: 2}}); len(list) != 2 {
		t.Errorf("%+v", list)
	}
	if list := whole([]Point{{Second: 0.1, Good: 5}}); len(list) != 1 {
		t.Errorf("%+v", list)
	}
}

func TestAxesHaveRoundMarks(t *testing.T) {
	for v, want := range map[float64]float64{1: 1, 990: 1000, 1001: 2000, 3.2: 4, 41: 60, 61: 80, 81: 100} {
		if got := nice(v); got != want {
			t.Errorf("%v: up to %v, want %v", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", 0.5: "0.5", 12.4: "12", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(v); got != want {
			t.Errorf("%v is written %q", v, got)
		}
	}
	for v, want := range map[float64]string{0.25: "250 µs", 1: "1 ms", 12.34: "12.3 ms", 1500: "1.5 s"} {
		if got := span(v); got != want {
			t.Errorf("%v is written %q", v, got)
		}
	}
}
