package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/load"
	"tongma/standard/wire"
)

// loadFlags are the flags of load.
type loadFlags struct {
	dir, url, gateway, gatewayKey, rid, key, keyID, remote string

	scans, place, mix string
	sign              string
	rate              perSecond
	closed            bool
	hit, verify       share
	html              string
	json              bool
	warm, connections int
	duration          time.Duration
	patience          time.Duration
}

func loadCommand() *cobra.Command {
	f := loadFlags{rate: 100, hit: 0.9, verify: 1}
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Put a load on your own gateway and say how it carries it",
		Long: `Sends verifications to a gateway at a constant rate, or as fast as its connections allow, and tells what
came back: how many, how fast, with which outcome, decision and freshness, and whether all of it was true.
Every answer's signature is checked. A green where the list expects something else is a failure.

WHOM IT ASKS
  Without --url, the gateway of the demo in --dir, as its caller, about people of the sandbox: each code is
  another one, and what must come of it is known. With --url, your own: give --gateway, --gateway-key, --rid,
  --key and --scans. The keys of https come from the system (SSL_CERT_FILE adds to them).

  It calls this machine alone. Any other host must be named with --allow-remote, and on a terminal it asks
  once more. Load nobody's gateway but your own.

WHAT IT ASKS ABOUT
  --hit is the share of requests about a warm set that was asked about once before, and so can be in the
  gateway's memory; the others are about scans that were never used before. --warm is the set's size. A file of
  --scans has one scan a line, or a JSON object a line:

    {"scan":"…","expect":"00","system":"suikang","place":"440100","operator":{"name":"…"}}

  Only scan is needed. expect is 00, 01, 10 or none (or green, yellow, red); place is a region of GB/T 2260. If
  scans that were never used run out, so does the load. With --scans, --hit is 1 unless it is given: then the
  whole file is the warm set.

HOW IT SENDS
  The loop is open: requests are due at even distances of --rate, and a latency runs from when its request was
  due, so that a gateway that stands still is seen to (no coordinated omission). What finds no free connection
  within --patience is counted as unsent. With --closed, each connection sends when it has its answer: that finds
  out how much can be carried, not how long callers wait. A connection is opened when it is needed.

  Requests are MACed by a session, or signed with --sign sm2. Checking all answers costs what the gateway pays
  for signing them, so that --verify 1% spares the machine where both run on one.

WHAT IT COSTS
  On a machine of two cores that it shares with what it calls, it can do about 35,000 requests a second with a
  session and 9,000 with SM2, all answers checked (BenchmarkCeiling, against a bare handler). Near that it
  measures itself.

LIMITS
  --rate 100,000/s, --connections 10,000, --duration 1h, --patience 1m. Ctrl-C stops it and prints what was done.

EXIT STATUS
  0   it ran, whatever was refused, late or unavailable
  1   a false green or a reply that is not the gateway's; or it was refused from the beginning
  2   the command line cannot be meant
  3   the gateway cannot be reached`,
		Example: `  tongma load
  tongma load --rate 2000/s --duration 1m --hit 95% --html load.html
  tongma load --closed --connections 32 --duration 20s --mix suishen=5,suikang=3
  tongma load --json --sign sm2 --verify 1% | jq .latency
  tongma load --url https://gateway.example --allow-remote gateway.example --gateway gateway.example --gateway-key gateway.pub.pem --rid station-east --key gate-1.key.pem --scans scans.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", defaultDir, "the folder `DIR` of a running demo")
	flags.StringVar(&f.url, "url", "", "your own gateway's `URL`, instead of a demo")
	flags.StringVar(&f.gateway, "gateway", "", "its `ID`")
	flags.StringVar(&f.gatewayKey, "gateway-key", "", "its public key, a PEM `FILE`")
	flags.StringVar(&f.rid, "rid", "", "the caller's `ID`")
	flags.StringVar(&f.key, "key", "", "the caller's private key, a PEM `FILE`")
	flags.StringVar(&f.keyID, "key-id", "", "the `ID` of that key at the gateway (default: what `tongma keys show` prints)")
	flags.StringVar(&f.remote, "allow-remote", "", "the `HOST` of --url, if it is not this machine")
	flags.StringVar(&f.scans, "scans", "", "what to ask about, a `FILE`")
	flags.StringVar(&f.place, "place", defaultPlace, "where the checks happen: a `REGION` of GB/T 2260")
	flags.StringVar(&f.mix, "mix", "", "shares of the demo's systems, such as `suishen=5,suikang=3` (default: all alike)")
	flags.Var(&f.hit, "hit", "the share of requests about the warm set, `0.9` or 90%")
	flags.IntVar(&f.warm, "warm", 0, "how many scans the warm set has, `N` (default 1000; the whole file at --hit 1)")
	flags.StringVar(&f.sign, "sign", "session", "`session` or sm2")
	flags.Var(&f.rate, "rate", "requests a second, `N/s`, or N/min")
	flags.BoolVar(&f.closed, "closed", false, "a closed loop instead of a rate")
	flags.IntVar(&f.connections, "connections", 0, "at most `N` connections at a time (default: a tenth of the rate, at least 64; 16 with --closed)")
	flags.DurationVar(&f.duration, "duration", 10*time.Second, "for how long, such as 90s or 5m")
	flags.DurationVar(&f.patience, "patience", 5*time.Second, "how long an answer is waited for")
	flags.Var(&f.verify, "verify", "the share of answers whose signature is checked, `1%` or 0.01")
	flags.StringVar(&f.html, "html", "", "write the report as a page into `FILE`")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	cmd.MarkFlagsMutuallyExclusive("mix", "scans")
	return cmd
}

// run runs the load and prints its report.
func (f *loadFlags) run(cmd *cobra.Command) error {
	switch given := cmd.Flags().Changed; {
	case f.closed && given("rate"):
		return misuse("leave one of them out", "--closed sends as soon as answers come, and so has no --rate")
	case f.connections < 1 && given("connections"):
		return misuse("leave --connections out for as many as the rate needs", "connections: 1 to %d", load.MaxConnections)
	}
	if f.scans != "" && !cmd.Flags().Changed("hit") {
		f.hit = 1
	}
	plan, info, err := f.plan()
	if err != nil {
		return err
	}
	source, err := f.source(plan, info)
	if err != nil {
		return err
	}
	if err := plan.Check(); err != nil {
		hint := "see `tongma load --help`"
		if errors.Is(err, load.ErrRemote) {
			hint = "it calls this machine alone; --allow-remote HOST names another one that is yours"
		}
		return misuse(hint, "%w", err)
	}
	page, err := f.page()
	if err != nil {
		return err
	}
	announce(cmd.ErrOrStderr(), plan)
	if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), plan.Remote); err != nil {
		return err
	}
	watch, done := watcher(cmd.ErrOrStderr(), plan)
	report, err := load.Run(cmd.Context(), *plan, source, watch)
	done()
	if err != nil {
		return f.trouble(err)
	}
	return f.print(cmd.OutOrStdout(), page, report)
}

// print writes the report to where it is wanted.
func (f *loadFlags) print(out io.Writer, page *os.File, report *load.Report) error {
	if page != nil {
		if err := errors.Join(report.WriteHTML(page, speaksChinese()), page.Close()); err != nil {
			return fail(fmt.Errorf("%s: %w", f.html, err), "")
		}
	}
	if f.json {
		if err := printJSON(out, report); err != nil {
			return fail(err, "")
		}
	} else {
		printLoad(out, report)
	}
	if report.Failed() {
		return errFindings
	}
	return nil
}

// page opens the page's file before anything is sent, so that no report is lost to a typing mistake.
func (f *loadFlags) page() (*os.File, error) {
	if f.html == "" {
		return nil, nil
	}
	file, err := os.Create(f.html)
	if err != nil {
		return nil, misuse("name a file that you may write with --html", "%w", err)
	}
	return file, nil
}

// plan makes a plan of the flags; info is that of the demo, nil with a gateway of the user's own.
func (f *loadFlags) plan() (*load.Plan, *demoInfo, error) {
	plan := &load.Plan{
		Remote: f.remote, Rate: float64(f.rate), Connections: f.connections, Duration: f.duration,
		Hit: float64(f.hit), Warm: f.warm, Verify: float64(f.verify), Patience: f.patience,
	}
	if f.closed {
		plan.Rate = 0
	} else if plan.Rate == 0 {
		return nil, nil, misuse("give --rate, or --closed", "a rate of 0 sends nothing")
	}
	if plan.Connections == 0 {
		plan.Connections = enough(plan.Rate)
	}
	switch f.sign {
	case "session":
		plan.Sign = wire.HMACSM3
	case "sm2":
		plan.Sign = wire.SM2
	default:
		return nil, nil, misuse("--sign session, or --sign sm2", "no way of signing %q", f.sign)
	}
	if f.url == "" {
		info, err := f.demoPlan(plan)
		return plan, info, err
	}
	return plan, nil, f.ownPlan(plan)
}

// enough is how many connections a rate needs whose answers take 100 ms.
func enough(rate float64) int {
	if rate == 0 {
		return 16
	}
	return min(max(64, int(rate/10)), load.MaxConnections)
}

// demoPlan completes the plan for the gateway of a demo.
func (f *loadFlags) demoPlan(plan *load.Plan) (*demoInfo, error) {
	if f.gateway != "" || f.gatewayKey != "" || f.rid != "" || f.key != "" || f.keyID != "" {
		return nil, misuse("give --url too", "--gateway, --gateway-key, --rid, --key and --key-id are of a gateway with --url")
	}
	info, err := readDemo(f.dir)
	if err != nil {
		return nil, err
	}
	if plan.Key, err = readPrivateKey(filepath.Join(f.dir, callerKeyFile), nil); err != nil {
		return nil, noDemo(f.dir, err)
	}
	if plan.GatewayKey, err = readPublicKey(filepath.Join(f.dir, gatewayPubFile)); err != nil {
		return nil, noDemo(f.dir, err)
	}
	plan.URL, plan.GatewayID, plan.Rid, plan.KeyID = info.Gateway.URL, info.Gateway.ID, info.Caller.ID, info.Caller.Key
	return info, nil
}

// ownPlan completes the plan for a gateway of the user's own.
func (f *loadFlags) ownPlan(plan *load.Plan) (err error) {
	if f.gateway == "" || f.gatewayKey == "" || f.rid == "" || f.key == "" || f.scans == "" {
		return misuse("see `tongma load --help`, WHOM IT ASKS", "with --url give --gateway, --gateway-key, --rid, --key and --scans")
	}
	if plan.Key, err = readPrivateKey(f.key, nil); err != nil {
		return misuse("--key is the caller's private key", "%w", err)
	}
	if plan.GatewayKey, err = readPublicKey(f.gatewayKey); err != nil {
		return misuse("--gateway-key is the gateway's public key", "%w", err)
	}
	plan.URL, plan.GatewayID, plan.Rid = f.url, f.gateway, f.rid
	if plan.KeyID = f.keyID; plan.KeyID == "" {
		plan.KeyID = plan.Key.Public().ID()
	}
	return nil
}

// trouble gives what stopped a load before its beginning its exit code.
func (f *loadFlags) trouble(err error) error {
	refused, isRefused := errors.AsType[*load.RefusedError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return fail(errors.New("stopped before anything was measured"), "")
	case isRefused:
		return fail(err, refused.Code.Todo)
	case errors.Is(err, load.ErrSignature):
		return fail(err, "another gateway answers there than the pinned key names, or something in between")
	case errors.Is(err, load.ErrUnreachable) && f.url == "":
		return &failure{exitUnreachable, err, "is the demo running? start `tongma demo --dir " + f.dir + "`"}
	case errors.Is(err, load.ErrUnreachable):
		return &failure{exitUnreachable, err, "does it listen at " + f.url + "?"}
	}
	return fail(err, "")
}

// perSecond is a rate as people write it: 100, 100/s, 6000/min.
type perSecond float64

func (p *perSecond) String() string { return strconv.FormatFloat(float64(*p), 'f', -1, 64) + "/s" }
func (p *perSecond) Type() string   { return "rate" }

func (p *perSecond) Set(text string) error {
	number, unit, _ := strings.Cut(text, "/")
	per, ok := map[string]float64{"": 1, "s": 1, "min": 60}[unit]
	v, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	if err != nil || !ok || !(v >= 0 && v <= 1e9) {
		return errors.New("write it like 100/s or 6000/min")
	}
	*p = perSecond(v / per)
	return nil
}

// share is a part of all, as people write it: 0.9 or 90%.
type share float64

func (s *share) String() string { return strconv.FormatFloat(100*float64(*s), 'g', 6, 64) + "%" }
func (s *share) Type() string   { return "share" }

func (s *share) Set(text string) error {
	number, isPercent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if isPercent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return errors.New("write it like 0.9 or 90%")
	}
	*s = share(v)
	return nil
}
