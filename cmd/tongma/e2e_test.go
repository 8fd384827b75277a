package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tongma/conformance/sandbox"
	"tongma/standard"
)

// verify runs a person through the command line.
func (p *process) verify(t *testing.T, who sandbox.Person) standard.Verification {
	t.Helper()
	var v standard.Verification
	p.tongmaJSON(t, &v, verifying(who)...)
	return v
}

// verifyFresh is verify, and people before it, from any goroutine.
func (p *process) verifyFresh(i int) (v standard.Verification, err error) {
	var people []sandbox.Person
	if err := p.outputJSON(&people, "sandbox", "people"); err != nil {
		return v, err
	}
	err = p.outputJSON(&v, verifying(people[i])...)
	return v, err
}

// verifying is the command that verifies a person.
func verifying(who sandbox.Person) []string {
	if who.Document != nil {
		return []string{"verify", "--document", who.Document.Type + ":" + who.Document.Number, "--name", who.Document.Name, "--system", who.System}
	}
	return []string{"verify", who.Scan}
}

func (p *process) people(t *testing.T) []sandbox.Person {
	t.Helper()
	var people []sandbox.Person
	p.tongmaJSON(t, &people, "sandbox", "people")
	return people
}

// distinct says whether a system is one of those of which no two speak the same dialect: what holds for a dialect is shown of one.
func distinct(system string) bool { return slices.Contains(distinctSystems(), system) }

var distinctSystems = sync.OnceValue(func() []string { return sandbox.New(sandbox.Options{}).Distinct() })

// fresh gives the person of the same place in the list, with a scan of this moment.
func (p *process) fresh(t *testing.T, i int) sandbox.Person { return p.people(t)[i] }

func TestEverybodyOfTheSandboxIsVerifiedAsPromised(t *testing.T) {
	p := startDemo(t, t.TempDir())
	states := map[string]bool{}
	count := map[string]int{}
	last := ""
	for i := range p.people(t) {
		who := p.fresh(t, i)
		v := p.verify(t, who)
		if v.Outcome != who.Outcome || v.Status != who.Status || v.Decision.Action != who.Action {
			t.Errorf("%s (%s): %s %q %s, promised %s %q %s; reason %+v", who.System, who.Note,
				v.Outcome, v.Status, v.Decision.Action, who.Outcome, who.Status, who.Action, v.Reason)
		}
		if who.Scan != "" {
			states[fmt.Sprint(who.System, who.Outcome, who.Status)] = true
		} else if who.System != last {
			t.Errorf("%s: the first person has no scan", who.System)
		}
		count[who.System]++
		last = who.System
	}
	if len(states) < 15 {
		t.Errorf("%d different states have a scan, want 15", len(states))
	}
	if len(count) < 3 {
		t.Errorf("%d systems, want 3", len(count))
	}
	for system, n := range count {
		if n < 5 && distinct(system) {
			t.Errorf("%s: %d people, want 5", system, n)
		}
	}
	if err := p.end(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// TestABrokenBackendNeverGivesAStatus gives each fault to another system in turn, so that no breaker opens and answers for the backend.
func TestABrokenBackendNeverGivesAStatus(t *testing.T) {
	p := startDemo(t, t.TempDir())
	var greens []int // the first of each system
	seen := map[string]bool{}
	for i, who := range p.people(t) {
		if who.Status == standard.Green && who.Scan != "" && !seen[who.System] {
			seen[who.System] = true
			greens = append(greens, i)
		}
	}
	for n, f := range sandbox.Faults() {
		who := greens[n%len(greens)]
		system := p.fresh(t, who).System
		t.Run(f.Kind+"/"+system, func(t *testing.T) {
			if _, code := p.tongma(t, "sandbox", "fault", system, f.Kind); code != 0 {
				t.Fatalf("sandbox fault exits with %d", code)
			}
			v := p.verify(t, p.fresh(t, who))
			if v.Freshness != nil && v.Freshness.From == standard.Cache {
				t.Fatal("answered from memory")
			}
			if v.Status != standard.None || v.Decision.Action != standard.Manual || v.Reason != nil && v.Reason.Code == standard.ReasonBreaker {
				t.Errorf("%s %q %s %+v", v.Outcome, v.Status, v.Decision.Action, v.Reason)
			}
			if f.Kind == "hang" && v.Reason.Code != standard.ReasonTimeout {
				t.Errorf("%s, which does not say whose fault it is", v.Reason.Code)
			}
			if _, code := p.tongma(t, "sandbox", "fault", system, sandbox.Off); code != 0 {
				t.Fatalf("sandbox fault off exits with %d", code)
			}
		})
	}
}

// hostile is a backend that is wrong in one way, whatever it is asked.
var hostile = map[string]http.HandlerFunc{
	"empty":        func(http.ResponseWriter, *http.Request) {},
	"null":         says("null"),
	"not JSON":     says("绿码"),
	"bare status":  says(`"00"`),
	"green colour": says(`{"code":"0","data":"{\"type\":\"green\",\"color\":\"绿\",\"mzt\":\"绿\"}"}`),
	"digit":        says(`{"code":0,"data":{"type":0,"color":0,"mzt":0},"datas":[{"mzt":0}]}`),
	"duplicate":    says(`{"code":"1","code":"0","data":"{\"type\":\"10\",\"type\":\"00\"}"}`),
	"trailing":     says(`{"code":"0","data":"{\"type\":\"00\"}"}{}`),
	"half":         says(`{"code":"0","data":"{\"type\":\"00\"`),
	"a 500": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, `{"code":"0","data":"{\"type\":\"00\"}"}`)
	},
	"a redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	},
	"gzip": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "no gzip")
	},
	"not UTF-8": says("{\"code\":\"0\",\"data\":\"{\\\"type\\\":\\\"00\xff\\\"}\"}"),
	"deep":      says(strings.Repeat("[", 60_000)),
	"endless": func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	},
	"cut off": func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	},
	"silent": func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server would not notice that its client has gone
		<-r.Context().Done()
	},
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}
}

func TestAHostileBackendNeverMakesAGreen(t *testing.T) {
	for name, handler := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := httptest.NewServer(handler)
			defer backend.Close()
			p := startDemo(t, t.TempDir(), "--upstream", backend.URL)
			people, asked := p.people(t), map[string][]int{}
			for i, who := range people {
				if len(asked[who.System]) < 3 && distinct(who.System) {
					asked[who.System] = append(asked[who.System], i)
				}
			}
			var all sync.WaitGroup
			for _, some := range asked { // at once: of a silent backend each answer is waited for
				all.Go(func() {
					for _, i := range some {
						v, err := p.verifyFresh(i)
						if err != nil || v.Status != standard.None || v.Decision.Action != standard.Manual {
							t.Errorf("%s (%s): %s %q %s %v", people[i].System, people[i].Note, v.Outcome, v.Status, v.Decision.Action, err)
						}
					}
				})
			}
			all.Wait()
			if _, code := p.tongma(t, "sandbox", "fault", "suishen", "hang"); code != exitUsage {
				t.Errorf("sandbox fault without a sandbox exits with %d", code)
			}
			backend.CloseClientConnections()
			if err := p.end(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
		})
	}
}

func TestARestartedDemoKeepsItsKeys(t *testing.T) {
	dir := t.TempDir()
	read := func() (all string) {
		for _, name := range []string{gatewayPubFile, callerKeyFile} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all += string(data)
		}
		return all
	}
	p := startDemo(t, dir)
	before := read()
	first := p.fresh(t, 0)
	p.verify(t, first)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = startDemo(t, dir)
	if read() != before {
		t.Error("the keys have changed")
	}
	p.verify(t, p.fresh(t, 0)) // also when the restarted gateway wants a later time first
	info, err := os.Stat(filepath.Join(dir, callerKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the private key's mode is %v", info.Mode())
	}
}

func TestVerifyTellsTroubleByItsExitCode(t *testing.T) {
	p := startDemo(t, t.TempDir())
	scan := p.fresh(t, 0).Scan
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"a scan nobody knows is an answer", []string{"verify", "hello"}, 0},
		{"the example of the help is somebody", []string{"verify", "--system", "suishen", "--document", "01:000000194507219983", "--name", "王某辛"}, 0},
		{"a region that does not exist is refused", []string{"verify", scan, "--place", "999999"}, exitTrouble},
		{"a document that cannot be is refused", []string{"verify", "--document", "01:123", "--name", "张某某", "--system", "suishen"}, exitTrouble},
		{"nothing to verify", []string{"verify"}, exitUsage},
		{"both", []string{"verify", scan, "--document", "01:1", "--name", "张某某"}, exitUsage},
		{"an unknown flag", []string{"verify", scan, "--colour"}, exitUsage},
	} {
		if _, code := p.tongma(t, tt.args...); code != tt.want {
			t.Errorf("%s: exits with %d, want %d", tt.name, code, tt.want)
		}
	}

	// Another gateway's key in place of the pinned one: its answers must not be believed.
	other := startDemo(t, t.TempDir())
	theirs, err := os.ReadFile(filepath.Join(other.dir, gatewayPubFile))
	if err != nil {
		t.Fatal(err)
	}
	pinned := filepath.Join(p.dir, gatewayPubFile)
	ours, err := os.ReadFile(pinned)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pinned, theirs, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := p.tongma(t, "verify", scan); code != exitTrouble || out != "" {
		t.Errorf("an answer by another key: exits with %d and prints %q", code, out)
	}
	if err := os.WriteFile(pinned, ours, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	if _, code := p.tongma(t, "verify", scan); code != exitUnreachable {
		t.Errorf("without a gateway: exits with %d", code)
	}
}
