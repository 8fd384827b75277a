package node

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/gateway/freshness/redistest"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// TestThreeNodesLoseNothingSayNothingFalseAndServeWhatOneOfThemCan runs three processes of the built binary on one Redis and one PostgreSQL, with
// load through all of them, while each part is killed and started again, and while a new version takes the place of the old, node by node.
// Every wait is for something that happens; how long it takes is only shown.
func TestThreeNodesLoseNothingSayNothingFalseAndServeWhatOneOfThemCan(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	c := startCountry(t)
	old, next := c.build("old"), c.build("new")
	for i := range c.nodes {
		c.start(i, old)
	}
	end := c.load(8)

	c.stage("all is well", quiet, func() { c.serve(0, 1, 2) })
	for i := range c.nodes {
		c.stage(fmt.Sprintf("node %d killed", i), quiet, func() {
			c.kill(i)
			c.serve((i+1)%3, (i+2)%3)
			c.start(i, old)
			c.serve(0, 1, 2)
		})
	}
	c.stage("Redis killed", troubled, func() {
		c.redis.Kill()
		c.noncesAt("postgresql")
		c.serve(0, 1, 2)
		c.redis.Restart() // it has nothing any more
		c.noncesAt("redis")
		c.serve(0, 1, 2)
	})
	c.stage("PostgreSQL killed", troubled, func() {
		killPostgres(t, c.postgres, c.url)
		c.silent(true)
		c.eventually("no node is ready", func() bool { return !c.ready(0) && !c.ready(1) && !c.ready(2) })
		c.silent(false)
		c.postgres.Restart(t)
		c.eventually("all nodes are ready", func() bool { return c.ready(0) && c.ready(1) && c.ready(2) })
		c.well()
		c.serve(0, 1, 2)
	})
	c.stage("a new version rolled in", quiet, func() {
		for i := range c.nodes {
			c.replace(i, next)
			c.serve(0, 1, 2) // beside the old ones
		}
	})
	end()
	c.lastLook()
	c.judge()
}

// grace is for how long a node that is to end goes on answering. It leaves time for a balancer that is itself kept waiting.
const grace = 2 * time.Second

// patience is for how long a caller goes from node to node while some could answer.
const patience = 10 * time.Second

// enough is how many answers show that a node serves.
const enough = 60

// country is what all nodes have: backends, Redis, PostgreSQL, keys; and what has been asked and answered so far.
type country struct {
	t        *testing.T
	dir      string
	backend  *httptest.Server
	redis    *redistest.Server
	postgres *storetest.Server
	url      string
	key      *sm.PrivateKey

	mu      sync.Mutex
	nodes   [3]*process
	welcome []*process // nodes that are ready, as a balancer sees it
	stages  []*tally   // the last is now
	mute    time.Time  // since when nothing may be answered, zero: it may
	wellAt  time.Time  // since when any node could answer, far ahead: none can at present
	turned  map[int]*turning
	latest  []int                   // who turned red
	told    map[string]verdict      // what was acknowledged, by id
	digests map[string]proof.Digest // of all answers that came, by id
	sent    []sent                  // requests that were answered, as they were sent
	asked   int                     // verifications that went out
	proved  int                     // answers
	wrong   map[string]int          // what must not be
}

const townDescriptor = `system: town
version: 1.0.0
name: {zh: 镇码, en: Town Code}
region: "310000"
zone: "+08:00"
provenance: {is: synthetic, from: [this test]}
recognise:
  - text: "town:{token:hex:8}"
verify:
  - post: /code/query
    json: {token: =ticket.token}
    then: {reply: =json(body)}
    outcome:
      - {when: '=reply.code == "0"', is: verified}
record:
  status: =reply.data.colour
  holder: {name: =reply.data.name, idType: "03", idNumber: =reply.data.number}
statuses:
  green: {is: green, text: 绿码}
  yellow: {is: yellow, text: 黄码}
  red: {is: red, text: 红码}
limits: {timeout: 2s, concurrency: 64, rate: 10000/s, body: 64KiB}
freshness: {green: 5m, yellow: 5m, red: 5m}
`

const threeConfig = `listen: 127.0.0.1:0
id: gw
key: gateway.key.pem
state: %[1]s
grace: %[2]v
drain: 10s
shared: {redis: 'redis://%[3]s', secret: {file: secrets/shared}}
store: {file: secrets/store}
evidence: {log: %[1]s, officer: officer.pub.pem, secret: {file: secrets/evidence}}
adapters: [adapters/town]
callers:
  - {id: gate, key: k, publicKey: callers/gate-1.pub.pem, roles: [gate]}
  - {id: town, key: k, publicKey: callers/gate-1.pub.pem, roles: [platform], systems: [town]}
systems:
  town: {endpoint: %[4]s}
`

func startCountry(t *testing.T) *country {
	t.Helper()
	c := &country{
		t: t, dir: folder(t), redis: redistest.Start(t), postgres: storetest.StartPostgres(t),
		turned: map[int]*turning{}, told: map[string]verdict{}, digests: map[string]proof.Digest{}, wrong: map[string]int{},
	}
	c.url = c.postgres.Database(t)
	c.backend = httptest.NewServer(http.HandlerFunc(c.answer))
	t.Cleanup(c.backend.Close)
	pem, err := os.ReadFile(filepath.Join(c.dir, "gateway.key.pem"))
	if err == nil {
		c.key, err = sm.ParsePrivateKeyPEM(pem, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.write("secrets/shared", strings.Repeat("s", 40))
	c.write("secrets/store", c.url)
	c.write("adapters/town/adapter.yaml", townDescriptor)
	for i := range c.nodes {
		if err := os.Mkdir(filepath.Join(c.dir, logOf(i)), 0o700); err != nil {
			t.Fatal(err)
		}
		c.write(logOf(i)+".yaml", fmt.Sprintf(threeConfig, logOf(i), grace, c.redis.Address, c.backend.URL))
	}
	t.Cleanup(func() {
		for _, p := range c.nodes {
			if p != nil {
				c.end(p)
			}
		}
		if t.Failed() {
			c.show()
		}
	})
	return c
}

// logOf names a node: its state folder, its log of evidence, its files here.
func logOf(i int) string { return fmt.Sprintf("node-%d", i) }

func (c *country) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		c.t.Fatal(err)
	}
}

// eventually waits for what comes about on a busy machine too.
func (c *country) eventually(what string, holds func() bool) {
	c.t.Helper()
	const within = 60 * time.Second
	for began := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > within {
			c.t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// ready says whether a node says that it is.
func (c *country) ready(i int) bool {
	c.mu.Lock()
	base := c.nodes[i].base
	c.mu.Unlock()
	return isReady(base)
}

var readyClient = http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func isReady(base string) bool {
	res, err := readyClient.Get(base + "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// serve waits until each of some nodes has answered often enough what was asked from now on.
func (c *country) serve(nodes ...int) {
	c.t.Helper()
	c.mu.Lock()
	for _, i := range nodes {
		c.nodes[i].since, c.nodes[i].served = time.Now(), 0
	}
	c.mu.Unlock()
	c.eventually(fmt.Sprintf("nodes %v serve", nodes), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, i := range nodes {
			if c.nodes[i].served < enough {
				return false
			}
		}
		return true
	})
}

// noncesAt waits until each node has said in its log that nonces are kept at a place now.
func (c *country) noncesAt(place string) {
	c.t.Helper()
	c.eventually("nonces are kept at "+place, func() bool {
		for i := range c.nodes {
			text, err := os.ReadFile(c.logFile(i))
			if err != nil {
				c.t.Fatal(err)
			}
			_, last, ok := strings.Cut(string(text[max(0, strings.LastIndex(string(text), "nonces are kept at")):]), "at=")
			if !ok || !strings.HasPrefix(last, place) {
				return false
			}
		}
		return true
	})
}

// silent says whether anything may be answered from now on.
func (c *country) silent(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = time.Time{}
	if yes {
		now := time.Now()
		c.mute, c.wellAt = now, now.Add(time.Hour)
	}
}

// well says that any node can answer again.
func (c *country) well() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wellAt = time.Now()
}

// show shows what the nodes have logged.
func (c *country) show() {
	for i := range c.nodes {
		text, _ := os.ReadFile(c.logFile(i))
		c.t.Logf("%s:\n%s", logOf(i), text)
	}
}
