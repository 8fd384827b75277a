package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/conformance/sandbox"
	"tongma/gateway"
	"tongma/gateway/api"
	"tongma/gateway/load"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/sm"
)

// liar is a gateway to which everybody is green.
type liar struct {
	api.Gateway
	first atomic.Pointer[func()] // called when somebody is verified
}

func (l *liar) Systems() []gateway.System { return nil }

func (l *liar) Verify(context.Context, gateway.Call) (*standard.Verification, error) {
	if f := l.first.Swap(nil); f != nil {
		(*f)()
	}
	return &standard.Verification{
		ID: "01FX2D0000ABCDEFGHJKMNPQRS", Salt: "s", Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		Decision: standard.Decision{Action: standard.Pass, Rule: "default/green@1"},
	}, nil
}

// listen serves a gateway of the interface and gives a demo's folder that leads to it. tamper changes the body of every answer to a
// verification after it was signed.
func (l *liar) listen(t *testing.T, tamper bool) (dir string) {
	t.Helper()
	dir = t.TempDir()
	key, caller := keptKey(t, dir, gatewayKeyFile), keptKey(t, dir, callerKeyFile)
	pub, err := key.Public().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, gatewayPubFile), pub, 0o644); err != nil {
		t.Fatal(err)
	}
	nonces, err := registry.OpenNonces(filepath.Join(dir, "marks.json"))
	if err != nil {
		t.Fatal(err)
	}
	info := demoInfo{Systems: []string{sandbox.Suishen, sandbox.Suikang}}
	info.Gateway.ID, info.Caller.ID, info.Caller.Key = demoGatewayID, demoCallerID, caller.Public().ID()
	parties, err := registry.NewParties([]registry.Party{{
		ID: demoCallerID, KeyID: info.Caller.Key, Key: caller.Public(), Roles: standard.RolesOf(standard.RoleOfficer), Purposes: []string{registry.AllPurposes},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(api.Config{
		ID: demoGatewayID, Key: key, Parties: parties, Nonces: nonces, Gateway: l,
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !tamper || r.URL.Path != "/v1/verifications" {
			server.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.Write(bytes.Replace(rec.Body.Bytes(), []byte(`"salt":"s"`), []byte(`"salt":"S"`), 1))
	}))
	t.Cleanup(far.Close)
	info.Gateway.URL = far.URL
	if err := info.write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func keptKey(t *testing.T, dir, name string) *sm.PrivateKey {
	t.Helper()
	key, err := keepKey(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// command runs a command line in this process.
func command(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// scansFile writes a file of scans.
func scansFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scans")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestALoadOnALyingGatewayExitsWithOne(t *testing.T) {
	green := scansFile(t, "somebody", `{"scan":"somebody else","expect":"00"}`)
	for _, tt := range []struct {
		name   string
		tamper bool
		args   []string
		code   int
		says   string
	}{
		{"the list says nothing else", false, []string{"--scans", green}, 0, `false greens +0`},
		{"the sandbox's people are not all green", false, nil, exitTrouble, `(suishen|suikang), code \d+: green, and the list says otherwise`},
		{"the list says red", false, []string{"--scans", scansFile(t, "somebody", `{"scan":"code-of-a-red-person","expect":"red"}`)}, exitTrouble, `line 2: green, and the list says otherwise \(request 01`},
		{"the list says none", false, []string{"--scans", scansFile(t, `{"scan":"code","expect":"none"}`)}, exitTrouble, `line 1: green`},
		{"answers are changed on their way", true, []string{"--scans", green}, exitTrouble, `the reply \(HTTP status 200\) is not the gateway's`},
		{"answers to SM2 are changed on their way", true, []string{"--scans", green, "--sign", "sm2"}, exitTrouble, `FAILED`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := new(liar).listen(t, tt.tamper)
			html := filepath.Join(dir, "load.html")
			args := append([]string{"load", "--dir", dir, "--closed", "--duration", "100ms", "--connections", "2", "--html", html}, tt.args...)
			out, errs, code := command(args...)
			if code != tt.code || !regexp.MustCompile(tt.says).MatchString(out) {
				t.Errorf("exits with %d and says\n%s%s", code, out, errs)
			}
			page, err := os.ReadFile(html)
			if err != nil || bytes.Contains(page, []byte(`"verdict bad"`)) != (tt.code != 0) {
				t.Errorf("the page does not say so too: %v", err)
			}
			if strings.Contains(out+errs+string(page), "code-of-a-red-person") {
				t.Error("the report tells a scan")
			}
		})
	}
}

func TestAStoppedLoadReportsWhatWasDone(t *testing.T) {
	l := new(liar)
	dir := l.listen(t, false)
	cmd := exec.Command(binary(t), "load", "--dir", dir, "--rate", "1000/s", "--duration", "1m", "--hit", "0", "--json", "--scans", scansFile(t, slices.Repeat([]string{"x"}, 80_000)...))
	asked := make(chan struct{})
	first := func() { close(asked) }
	var out bytes.Buffer
	cmd.Stdout = &out
	l.first.Store(&first)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
	var r load.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || !r.Interrupted || r.Seconds > 30 {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestTheDemoCarriesALoadOfItsPeople puts a real one on it and finds nothing false.
func TestTheDemoCarriesALoadOfItsPeople(t *testing.T) {
	p := startDemo(t, t.TempDir())
	out, err := exec.Command(binary(t), "load", "--dir", p.dir, "--rate", "100/s", "--duration", "1s", "--warm", "50", "--hit", "50%", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var r load.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	froms := map[string]int64{}
	for _, d := range r.By {
		for _, row := range d.Rows {
			if d.Name == "from" {
				froms[row.Name] = row.Count
			}
		}
	}
	if r.Requests != 100 || r.Good < 90 || r.Failed() || r.Trust.Differing != 0 || froms["live"] < 20 || froms["cache"] < 20 {
		t.Errorf("%+v", r)
	}
}

func TestScansAreReadAsLinesOrAsObjects(t *testing.T) {
	list, err := parseScans(strings.NewReader(strings.Join([]string{
		"https://s.sh.gov.cn/0123\r",
		"",
		`{"codeId":"0123"}`, // a scan of suikang
		`{"scan":"{\"codeId\":\"0123\"}","expect":"10","system":"suikang","place":"440100","operator":{"name":"某人"}}`,
		` leading and trailing blanks `,
		`{"scan":"x","expect":"none"}`,
		`[1]`,
	}, "\n")), "110000")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range list.items {
		expect := "-"
		if item.Expect != nil {
			expect = "=" + string(*item.Expect)
		}
		got = append(got, strings.Join([]string{item.Name, item.Request.Scan, item.Request.System, item.Request.Place.Region, expect}, "|"))
	}
	want := []string{
		"line 1|https://s.sh.gov.cn/0123||110000|-", `line 3|{"codeId":"0123"}||110000|-`, `line 4|{"codeId":"0123"}|suikang|440100|=10`,
		"line 5| leading and trailing blanks ||110000|-", "line 6|x||110000|=", "line 7|[1]||110000|-",
	}
	if !slices.Equal(got, want) || list.items[2].Request.Operator.Name != "某人" {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for i := range want {
		if item, ok := list.Next(time.Now()); !ok || item.Name != list.items[i].Name {
			t.Errorf("item %d: %v %v", i, item.Name, ok)
		}
	}
	if _, ok := list.Next(time.Now()); ok {
		t.Error("more items than lines")
	}
}

func TestScansThatCannotBeMeantAreRefusedWithoutTellingThem(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no scans",
		"\n ":                             "",
		`{"scan":"secret","expect":"20"}`: "line 1: expect must be",
		"x\n" + `{"scan":"secret","colour":"green"}`: "line 2: not an object",
		`{"scan":"secret","scan":"secret"}`:          "line 1: not an object",
		`{"scan":""}`:                                "line 1: not an object",
		`{"scan":{"secret":1}}`:                      "line 1: not an object",
		`{"scan":"secret","expect":00}`:              "",
		strings.Repeat("secret", maxScanLine):        "token too long",
	} {
		_, err := parseScans(strings.NewReader(text), "110000")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func FuzzParseScans(f *testing.F) {
	f.Add("x\n{\"scan\":\"y\",\"expect\":\"01\"}\n")
	f.Add("{\"codeId\":\"0\"}\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseScans(strings.NewReader(text), "110000")
		if err == nil && len(list.items) == 0 {
			t.Error("an empty list is taken")
		}
	})
}

func TestRatesAndSharesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]perSecond{"100": 100, "1,000/s": 1000, "6000/min": 100, "0.5/s": 0.5} {
		var got perSecond
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]share{"0.9": 0.9, "90%": 0.9, "1%": 0.01, "1": 1, "0": 0} {
		var got share
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "x", "NaN", "1/h", "Inf", "101%", "1.1", "1e400"} {
		if err := new(share).Set(text); err == nil {
			t.Errorf("the share %q is taken", text)
		}
		if err := new(perSecond).Set(text); err == nil && text != "1.1" {
			t.Errorf("the rate %q is taken", text)
		}
	}
}

func TestTheMixOfSystemsFollowsItsShares(t *testing.T) {
	info := &demoInfo{Systems: []string{sandbox.Suishen, sandbox.Suikang, sandbox.Yukang}}
	c, err := newCrowd(info, "suishen=3,suikang=1", "110000")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	seen := map[string]bool{}
	now := time.Now()
	for range 2000 {
		item, _ := c.Next(now)
		if seen[item.Request.Scan] {
			t.Fatal("a scan comes twice")
		}
		seen[item.Request.Scan] = true
		system, _, _ := strings.Cut(item.Name, ",")
		count[system]++
		if life := item.Until.Sub(now); item.Expect == nil || life < 50*time.Second || life > time.Hour {
			t.Fatalf("%+v", item)
		}
	}
	if n := count[sandbox.Suikang]; n < 400 || n > 600 || count[sandbox.Suishen]+n != 2000 {
		t.Errorf("%v", count)
	}
	for _, mix := range []string{"suishen", "suishen=0", "suishen=x", "nowhere=1", "suishen=1,", "suishen=1001"} {
		if _, err := newCrowd(info, mix, "110000"); err == nil {
			t.Errorf("the mix %q is taken", mix)
		}
	}
}

func TestAnotherHostIsAskedForByName(t *testing.T) {
	for typed, ok := range map[string]bool{"gateway.example\n": true, " gateway.example \r\n": true, "gateway.example": true, "yes\n": false, "\n": false, "": false} {
		var out bytes.Buffer
		if err := confirmHost(t.Context(), strings.NewReader(typed), &out, "gateway.example"); (err == nil) != ok {
			t.Errorf("%q: %v", typed, err)
		}
	}
	never, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := confirmHost(ctx, never, io.Discard, "gateway.example"); err == nil {
		t.Error("Ctrl-C goes on")
	}
	never.Close()
	if err := confirm(t.Context(), strings.NewReader(""), io.Discard, "gateway.example"); err != nil {
		t.Errorf("a script that names the host is asked: %v", err)
	}
}

func TestLatenciesAreWrittenAsPeopleDo(t *testing.T) {
	for ms, want := range map[float64]string{0.031: "31µs", 1: "1ms", 12.34: "12.3ms", 999.6: "1s", 61_000: "61s"} {
		if got := millis(ms); got != want {
			t.Errorf("%v is written %q", ms, got)
		}
	}
}
