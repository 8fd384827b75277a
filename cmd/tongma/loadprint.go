package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"tongma/gateway/load"
)

// announce says beforehand what a load will do.
func announce(w io.Writer, p *load.Plan) {
	how := fmt.Sprintf("as fast as %d connections allow for %s", p.Connections, p.Duration)
	if p.Rate > 0 {
		how = fmt.Sprintf("%s a second for %s, %s in all, over at most %d connections", digits(p.Rate), p.Duration, digits(float64(p.Planned())), p.Connections)
	}
	fmt.Fprintf(w, "tongma load will verify %s\nat %s (%s) as %s", how, p.URL, tame(p.GatewayID), p.Rid)
	if p.Hit > 0 {
		fmt.Fprintf(w, ", %s of it about at most %s scans that it asks about once before", percentOf(p.Hit), digits(float64(p.Warm)))
	}
	fmt.Fprint(w, ".\nCtrl-C stops it.\n\n")
}

// confirm asks, on a terminal and beyond this machine, whether that host is meant.
func confirm(ctx context.Context, in io.Reader, w io.Writer, host string) error {
	if host == "" || load.Loopback(host) || !isTerminal(in) {
		return nil
	}
	return confirmHost(ctx, in, w, host)
}

func confirmHost(ctx context.Context, in io.Reader, w io.Writer, host string) error {
	fmt.Fprintf(w, "That is not this machine. Is it yours to load? Type its host's name to go on: ")
	typed := make(chan string, 1)
	go func() { // reading a terminal cannot be broken off: where Ctrl-C comes first, it ends with the process
		line, _ := bufio.NewReader(io.LimitReader(in, 1024)).ReadString('\n')
		typed <- strings.TrimSpace(line)
	}()
	select {
	case name := <-typed:
		if name == host {
			return nil
		}
	case <-ctx.Done():
	}
	return fail(fmt.Errorf("%s is not confirmed, nothing was sent", host), "")
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// watcher shows on a terminal how far a load is; done takes that away.
func watcher(w io.Writer, p *load.Plan) (watch func(load.Progress), done func()) {
	if !isTerminal(w) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(p.Duration.Milliseconds(),
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30), progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true))
	watch = func(now load.Progress) {
		if now.Warming {
			bar.Describe(fmt.Sprintf("warming up, %s of %s", digits(float64(now.Done)), digits(float64(now.Planned))))
			return
		}
		bar.Describe(fmt.Sprintf("%s good, %s refused, %s failed a second, p99 %s",
			digits(now.Last.Good), digits(now.Last.Refused), digits(now.Last.Failed), millis(now.Last.P99)))
		bar.Set64(min(now.Elapsed, p.Duration-time.Millisecond).Milliseconds())
	}
	return watch, func() { bar.Finish() }
}

// speaksChinese says whether the user's language is Chinese, by the environment.
func speaksChinese() bool {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return strings.HasPrefix(v, "zh")
		}
	}
	return false
}

// printLoad writes a report for people.
func printLoad(w io.Writer, r *load.Report) {
	loop := fmt.Sprintf("closed loop, %d connections", r.Plan.Connections)
	if r.Plan.Rate > 0 {
		loop = fmt.Sprintf("open loop, %s/s, at most %d connections; latency from when each request was due", digits(r.Plan.Rate), r.Plan.Connections)
	}
	fmt.Fprintf(w, "%s (%s) as %s, %s\n%s\n", tame(r.Plan.URL), tame(r.Plan.Gateway), r.Plan.Caller, r.Plan.Sign, loop)
	fmt.Fprintf(w, "%.1f s, %s good answers a second, %s answers and refusals a second\n", r.Seconds, digits(r.GoodRate), digits(r.Rate))
	if r.Interrupted {
		fmt.Fprintln(w, "stopped before its end: this is what was done until then")
	}
	if r.Exhausted {
		fmt.Fprintln(w, "ended early: there were no more scans that had not been used")
	}
	fmt.Fprintln(w)
	printLatencies(w, r.Percentiles)
	fmt.Fprintln(w)
	printDimensions(w, r)
	fmt.Fprintln(w)
	printTrust(w, r)
}

// barWidth is the width of the longest bar, in cells.
const barWidth = 40

// printLatencies draws percentiles, each bar by the logarithm of its time.
func printLatencies(w io.Writer, list []load.Quantile) {
	if len(list) == 0 {
		return
	}
	longest, shortest := list[len(list)-1].Ms, list[0].Ms
	var rows [][]string
	for _, q := range list {
		name := "p" + strconv.FormatFloat(100*q.Q, 'g', 6, 64)
		if q.Q == 1 {
			name = "longest"
		}
		cells := barWidth
		if longest > shortest {
			cells = 1 + int(math.Round((barWidth-1)*math.Log(q.Ms/shortest)/math.Log(longest/shortest)))
		}
		rows = append(rows, []string{name, millis(q.Ms), strings.Repeat("▇", cells)})
	}
	printTable(w, []string{"LATENCY", "", "LOGARITHMIC"}, rows)
}

func printDimensions(w io.Writer, r *load.Report) {
	rows := [][]string{latencyRow("all requests", r.Requests, 1, r.Latency)}
	for _, d := range r.By {
		for i, row := range d.Rows {
			name := ""
			if i == 0 {
				name = d.Name
			}
			rows = append(rows, latencyRow(columns.FillRight(name, 10)+tame(row.Name), row.Count, row.Share, row.Latency))
		}
	}
	printTable(w, []string{"", "COUNT", "SHARE", "P50", "P90", "P99", "P99.9", "LONGEST"}, rows)
}

func latencyRow(name string, count int64, share float64, l load.Latency) []string {
	return []string{name, digits(float64(count)), percentOf(share), millis(l.P50), millis(l.P90), millis(l.P99), millis(l.P999), millis(l.Max)}
}

func printTrust(w io.Writer, r *load.Report) {
	fmt.Fprintf(w, "signatures     %s checked (%s of all answers), %s replies are not the gateway's\n", digits(float64(r.Trust.Checked)), percentOf(r.Plan.Verify), digits(float64(r.Trust.Forged)))
	fmt.Fprintf(w, "false greens   %s\n", digits(float64(r.Trust.FalseGreens)))
	fmt.Fprintf(w, "other statuses %s than the list has, none of them green\n", digits(float64(r.Trust.Differing)))
	if r.Queued > 0 {
		fmt.Fprintf(w, "sent late      %s by more than 10 ms: all connections were in use, or this machine is busy\n", digits(float64(r.Queued)))
	}
	if r.Trust.RetryAfter > 0 {
		fmt.Fprintf(w, "Retry-After    on %s refusals\n", digits(float64(r.Trust.RetryAfter)))
	}
	if !r.Failed() {
		return
	}
	fmt.Fprintln(w, "\nFAILED: there were answers that must never be")
	for _, what := range r.Failures {
		fmt.Fprintln(w, "  "+tame(what))
	}
}

// digits writes a number with commas, and one decimal if it is small.
func digits(v float64) string {
	if v < 10 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func percentOf(share float64) string { return strconv.FormatFloat(100*share, 'g', 3, 64) + "%" }

// duration writes milliseconds as people do.
func millis(ms float64) string {
	switch {
	case ms >= 999.5:
		return strconv.FormatFloat(ms/1000, 'g', 3, 64) + "s"
	case ms >= 1:
		return strconv.FormatFloat(ms, 'g', 3, 64) + "ms"
	}
	return strconv.FormatFloat(ms*1000, 'f', 0, 64) + "µs"
}
