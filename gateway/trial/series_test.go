package trial

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/conformance/sandbox"
	"tongma/gateway/client"
	"tongma/gateway/node"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// words are the values that each label of a metric of ours may have besides ids of systems. A label that is not here has no bound.
func words() map[string][]string {
	w := map[string][]string{
		"system":  {""},
		"from":    {"", "live", "cache", "stale"},
		"status":  {"", "00", "01", "10"},
		"outcome": {"verified", "expired", "not_found", "unrecognised", "refused", "unavailable"},
		"reason": {"missed", "epoch", "unsound", // of gaps in the notices
			"store", "late", "full", "lost", "closed", "caller", "other"}, // of refused evidence
		"kind": {"retry", "hedge", "subject", "scan", "document", "all", "verification", "search", "subject_request"},
		"result": {"hit", "hit_due", "stale", "last_resort", "miss", "error", "rejected", "skipped", "stored", "dropped", "failed",
			"heartbeat", "changes", "repeated", "missed", "undelivered", "sound", "sick", "sent", "lost"},
		"state": {"open", "sealed", "overdue", "destroyed"},
		"key":   {"gateway", "tls"},
		"at":    {"redis", "postgresql"},
		"route": {"none", "/v1/sessions", "/v1/verifications", "/v1/verifications/batch", "/v1/changes", "/v1/admin/systems", "/v1/admin/state", "/v1/admin/operations",
			"/v1/gateway", "/healthz", "/readyz"},
		"le": nil, // set by the program, and the same for all series of a metric
	}
	for _, r := range standard.Reasons {
		w["reason"] = append(w["reason"], string(r.Code))
	}
	for _, c := range wire.Codes {
		w["code"] = append(w["code"], c.Code)
	}
	return w
}

// crowd is a node with all systems and many callers.
type crowd struct {
	t       *testing.T
	node    *node.Node
	box     *sandbox.Sandbox
	key     *sm.PrivateKey
	systems []string
}

const callers = 200

func openCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, box: sandbox.New(sandbox.Options{})}
	urls := listen(t, c.box)
	var err error
	if c.key, err = sm.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	all, err := node.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cfg := &node.Config{
		Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", ID: "gw", Key: c.key, State: t.TempDir(), Log: slog.New(slog.DiscardHandler), Dialects: all, Systems: map[string]node.System{},
	}
	for _, d := range all {
		i := d.Info()
		c.systems = append(c.systems, i.System)
		for _, further := range i.Systems {
			c.systems = append(c.systems, further.ID)
		}
	}
	for _, id := range c.box.Distinct() {
		b := backendOf(t, c.box, id, urls[id])
		cfg.Systems[id] = node.System{Endpoint: b.Endpoint, Endpoints: b.Endpoints, Credentials: b.Credentials, PlaceIDs: b.PlaceIDs}
	}
	for i := range callers {
		cfg.Callers = append(cfg.Callers, registry.Party{
			ID: fmt.Sprint("caller-", i), KeyID: fmt.Sprint("key-", i), Key: c.key.Public(), Purposes: []string{registry.AllPurposes},
			Roles: standard.RolesOf(standard.RoleOfficer, standard.RolePlatform, standard.RoleOperator), Systems: c.systems,
		})
	}
	if c.node, err = node.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.node.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

// round has half of the callers do whatever can be done, in words that no other round has.
func (c *crowd) round(n int) {
	people := map[string][]sandbox.Person{}
	for _, system := range c.box.Distinct() {
		people[system] = c.box.People(system)
	}
	var all sync.WaitGroup
	defer all.Wait()
	work := make(chan int)
	for range 4 {
		all.Go(func() {
			for i := range work {
				c.one(n, i, people)
			}
		})
	}
	for i := range callers / 2 {
		work <- n*callers/2 + i
	}
	close(work)
}

func (c *crowd) one(round, i int, people map[string][]sandbox.Person) {
	own := fmt.Sprintf("round-%d-%d", round, i)
	by, err := client.New(client.Config{URL: c.node.URL(), GatewayID: "gw", GatewayKey: c.key.Public(), Rid: fmt.Sprint("caller-", i), KeyID: fmt.Sprint("key-", i), Key: c.key, HTTP: once})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer by.Close()
	ask := func(r *standard.Request) {
		r.Place, r.Device, r.Scene, r.Purpose = standard.Place{Region: "440100", Site: own}, own, own, own
		r.Operator = &standard.Operator{ID: own, Name: "某" + own, Department: own, Phone: "13000000000"}
		by.Verify(c.t.Context(), r)
	}
	system := c.box.Distinct()[i%len(c.box.Distinct())]
	who := people[system][(i/len(c.box.Distinct()))%len(people[system])]
	for range 2 {
		if who.Scan != "" {
			ask(&standard.Request{Scan: who.Scan, Reference: own})
		} else {
			ask(&standard.Request{Document: who.Document, System: system})
		}
	}
	ask(&standard.Request{Scan: own})
	ask(&standard.Request{Scan: own, System: own})
	ask(&standard.Request{Scan: own, System: system})
	by.Notify(c.t.Context(), &standard.Notice{System: system, Seq: uint64(1000*round + i), Changes: []standard.Change{{Subject: own, At: time.Now()}}})
	by.Notify(c.t.Context(), &standard.Notice{System: own, Seq: 1, Changes: []standard.Change{{Subject: own, At: time.Now()}}})
	by.Operate(c.t.Context(), wire.Order{System: own, Action: wire.ActionAuto, Reason: own})
	for _, target := range []string{"/" + own, "/v1/verifications/" + own + "/proof", "/v1/gateway?" + own, "/v1/verifications/" + own + "?x=" + own} {
		if res, err := once.Get(c.node.URL() + target); err == nil {
			res.Body.Close()
		}
	}
	req, _ := http.NewRequest(own[:5]+"X", c.node.URL()+"/v1/verifications", strings.NewReader(own))
	if res, err := once.Do(req); err == nil {
		res.Body.Close()
	}
}

var sample = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? \S+$`)
var pair = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)

// series reads what the node shows: the labels of each series, by its text.
func (c *crowd) series() map[string]map[string]string {
	res, err := once.Get(c.node.MetricsURL())
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for line := range strings.Lines(string(text)) {
		m := sample.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		labels := map[string]string{}
		for _, p := range pair.FindAllStringSubmatch(m[2], -1) {
			labels[p[1]] = p[2]
		}
		all[m[1]+"{"+m[2]+"}"] = labels
	}
	return all
}

// TestMetricsHaveABound: a series is of a system and of words of ours, never of what somebody sends, and there are only so many.
func TestMetricsHaveABound(t *testing.T) {
	c := openCrowd(t)
	c.round(0)
	c.round(1)
	all := c.series()
	bound := words()
	bound["system"] = append(bound["system"], c.systems...)
	ours := 0
	for s, labels := range all {
		if strings.Contains(s, "caller-") || strings.Contains(s, "round") {
			t.Errorf("%s is of one caller, or of what it has sent", s)
		}
		if !strings.HasPrefix(s, "tongma_") {
			continue
		}
		ours++
		for label, value := range labels {
			if values, ok := bound[label]; !ok {
				t.Errorf("%s: nothing bounds the label %s", s, label)
			} else if values != nil && !slices.Contains(values, value) {
				t.Errorf("%s: %q is none of the words of %s", s, value, label)
			}
		}
	}
	most := 1000 + 200*len(c.systems)
	t.Logf("%d series of ours, %d in all, at most %d allowed for %d systems", ours, len(all), most, len(c.systems))
	if ours > most || ours < 300 {
		t.Errorf("%d series, want 300 to %d", ours, most)
	}
}
