package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tongma/conformance/sandbox"
	"tongma/gateway/client"
	"tongma/gateway/freshness/redistest"
	"tongma/standard"
)

// metricsOfTheBinary gives what the built binary shows on /metrics with everything configured, after answers from its system and
// from memory, none from a system in trouble, and one for a scan that nobody claims.
func metricsOfTheBinary(t *testing.T) string {
	t.Helper()
	redis := redistest.Start(t)
	box := sandbox.New(sandbox.Options{})
	backends, err := box.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer backends.Close()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"gateway.key.pem", "gate.key.pem", "officer.key.pem"} {
		if out, err := exec.Command(binary(t), "keys", "gen", "--out", in(name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.Mkdir(in("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	listen, metrics := freeAddress(t), freeAddress(t)
	config := fmt.Sprintf(`listen: %s
metrics: %s
id: gw
key: gateway.key.pem
state: state
log: warn
shared: {redis: 'redis://%s', secret: {env: SECRET}}
store: sqlite:tongma.db
evidence: {log: node-1, officer: officer.pub.pem, secret: {env: SECRET}}
tracing: {endpoint: 'http://127.0.0.1:1/v1/traces', sample: 0}
systems:
  suishen:
    endpoint: %s
    credentials: {appId: %s, appSecret: {env: SUISHEN_SECRET}}
callers:
  - {id: station, key: gate-1, publicKey: gate.pub.pem, roles: [gate]}
`, listen, metrics, redis.Address, backends.URLs()[sandbox.Suishen], box.Credentials(sandbox.Suishen)["appId"])
	if err := os.WriteFile(in("tongma.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "SUISHEN_SECRET="+box.Credentials(sandbox.Suishen)["appSecret"], "SECRET="+strings.Repeat("s", 32))
	serve := exec.Command(binary(t), "serve", "--config", in("tongma.yaml"))
	serve.Env, serve.Stderr = env, os.Stderr
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		serve.Process.Kill()
		serve.Wait()
	}()
	waitServed(t, env, in("tongma.yaml"))
	gatewayKey, err := readPublicKey(in("gateway.pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := readPrivateKey(in("gate.key.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: "http://" + listen, GatewayID: "gw", GatewayKey: gatewayKey, Rid: "station", KeyID: "gate-1", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	people := box.People(sandbox.Suishen)
	redistest.Eventually(t, 20*time.Second, "an answer from memory", func() bool { // the node follows the notices a moment after its start
		v, err := c.Verify(context.Background(), &standard.Request{Scan: people[0].Scan, Place: standard.Place{Region: "110000"}})
		if err != nil {
			t.Fatal(err)
		}
		return v.Freshness != nil && v.Freshness.From == standard.Cache
	})
	if err := box.SetFault(sandbox.Suishen, sandbox.Faults()[0].Kind); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(context.Background(), &standard.Request{Scan: people[1].Scan, Place: standard.Place{Region: "110000"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(context.Background(), &standard.Request{Scan: "nobody's", Place: standard.Place{Region: "110000"}}); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// rules is a file of Prometheus rules.
type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

var (
	labelOf   = regexp.MustCompile(`\$labels\.(\w+)`)
	legendOf  = regexp.MustCompile(`\{\{ *(\w+) *\}\}`)
	namesIn   = regexp.MustCompile(`\btongma_\w+`)
	variables = strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$system", ".*")
	valuesOf  = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	familyOf  = regexp.MustCompile(`_(bucket|sum|count)$`)
	holdsFor  = regexp.MustCompile(`^[1-9]\d*[smh]$`)
	templates = regexp.MustCompile(`\{\{ (\$labels\.\w+|\$value( \| humanize(Percentage|Duration)?)?) \}\}`)
)

// TestAlertsAndDashboardFitTheBinary: each expression reads as PromQL, and each metric and label in it is really exported.
func TestAlertsAndDashboardFitTheBinary(t *testing.T) {
	page := metricsOfTheBinary(t)
	e := readExported(page)
	text := readText(t, top+"/deploy/alerts/tongma.yml")
	var r rules
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		t.Fatal(err)
	}
	shown := checkAlerts(t, e, &r)
	shown += checkDashboard(t, e, readText(t, top+"/deploy/grafana/tongma.json"))
	looked := namesIn.FindAllString(shown, -1)
	for _, name := range slices.Sorted(maps.Keys(e.types)) {
		if strings.HasPrefix(name, "tongma_") && !slices.ContainsFunc(looked, func(l string) bool { return l == name || familyOf.ReplaceAllString(l, "") == name }) {
			t.Errorf("%s is in no alert and on no panel: nobody looks at it", name)
		}
	}
}

// checkAlerts gives all their expressions.
func checkAlerts(t *testing.T, e *exported, r *rules) (shown string) {
	seen := map[string]bool{}
	for _, g := range r.Groups {
		for _, a := range g.Rules {
			v, err := checkPromQL(e, a.Expr)
			switch {
			case err != nil:
				t.Errorf("%s: %v", a.Alert, err)
			case !v.filters:
				t.Errorf("%s: its expression compares nothing, and so would always fire", a.Alert)
			}
			if a.Alert == "" || seen[a.Alert] || a.For != "" && !holdsFor.MatchString(a.For) {
				t.Errorf("%q: no name, another's, or no time span %q", a.Alert, a.For)
			}
			seen[a.Alert] = true
			shown += a.Expr + "\n"
			if len(a.Labels) != 1 || !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
				t.Errorf("%s: the labels are %v", a.Alert, a.Labels)
			}
			if got := slices.Sorted(maps.Keys(a.Annotations)); !slices.Equal(got, []string{"do", "do_zh", "summary", "summary_zh"}) {
				t.Errorf("%s: the annotations are %v", a.Alert, got)
			}
			for name, text := range a.Annotations {
				for _, m := range labelOf.FindAllStringSubmatch(text, -1) {
					if !v.labels[m[1]] {
						t.Errorf("%s: %s names the label %s, which the expression does not give", a.Alert, name, m[1])
					}
				}
				if strings.Contains(templates.ReplaceAllString(text, ""), "{{") {
					t.Errorf("%s: %s has a template that is not known here", a.Alert, name)
				}
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("%d alerts", len(seen))
	}
	return shown
}

// dashboard is as much of Grafana's format as is looked at.
type dashboard struct {
	UID    string  `json:"uid"`
	Panels []chart `json:"panels"`
	Vars   struct {
		List []struct{ Name, Type, Query string } `json:"list"`
	} `json:"templating"`
}

type chart struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct{ Expr, LegendFormat string }
}

// checkDashboard gives all its expressions.
func checkDashboard(t *testing.T, e *exported, text string) (shown string) {
	var d dashboard
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&d); err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Vars.List {
		if m := valuesOf.FindStringSubmatch(v.Query); v.Type == "query" && (m == nil || !slices.ContainsFunc(e.series[m[1]], func(l map[string]string) bool { return l[m[2]] != "" })) {
			t.Errorf("the variable %s has no values: %s", v.Name, v.Query)
		}
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" || p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %d %q is not whole", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x > 23 {
					t.Fatalf("%q lies over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			v, err := checkPromQL(e, variables.Replace(target.Expr))
			if err != nil {
				t.Errorf("%s: %s: %v", p.Title, target.Expr, err)
			}
			for _, m := range legendOf.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !v.labels[m[1]] {
					t.Errorf("%s: the legend names the label %s, which the expression does not give", p.Title, m[1])
				}
			}
			shown += target.Expr + "\n"
		}
	}
	if d.UID != "tongma" || len(ids) < 30 {
		t.Errorf("dashboard %q of %d panels", d.UID, len(ids))
	}
	return shown
}
