package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tongma/conformance/sandbox"
	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// post is a running node with a platform that runs suishen and sheni, and a real dialect's backend behind it.
type post struct {
	*client.Client
	t    *testing.T
	box  *sandbox.Sandbox
	node *Node
	key  *sm.PublicKey
	seq  uint64
}

// startPost runs a node whose configuration has these further lines for the system suishen.
func startPost(t *testing.T, more string) *post {
	t.Helper()
	box := sandbox.New(sandbox.Options{})
	backends, err := box.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backends.Close() })
	text := strings.Replace(good, "http://127.0.0.1:1", backends.URLs()[sandbox.Suishen], 1)
	text = strings.Replace(text, "roles: [gate]", "roles: [gate, platform], systems: [suishen, sheni]", 1)
	cfg, err := load(t, folder(t), text+more)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Systems["suishen"].Credentials["appId"] = box.Credentials(sandbox.Suishen)["appId"]
	cfg.Systems["suishen"].Credentials["appSecret"] = box.Credentials(sandbox.Suishen)["appSecret"]
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	c, err := client.New(client.Config{URL: n.URL(), GatewayID: "gw", GatewayKey: cfg.Key.Public(), Rid: "a", KeyID: "k", Key: cfg.Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &post{Client: c, t: t, box: box, node: n, key: cfg.Key.Public()}
}

// from verifies a scan and gives where the answer, which must be green, is from.
func (p *post) from(scan string) standard.From {
	p.t.Helper()
	v, err := p.Verify(p.t.Context(), &standard.Request{Scan: scan, Place: standard.Place{Region: "110000"}})
	if err != nil {
		p.t.Fatal(err)
	}
	if v.Status != standard.Green {
		p.t.Fatalf("%s %q %+v", v.Outcome, v.Status, v.Reason)
	}
	return v.Freshness.From
}

// green gives the scan of somebody green.
func (p *post) green() sandbox.Person {
	p.t.Helper()
	for _, who := range p.box.People(sandbox.Suishen) {
		if who.Scan != "" && who.Status == standard.Green {
			return who
		}
	}
	p.t.Fatal("nobody is green")
	return sandbox.Person{}
}

// tell tells the next notice.
func (p *post) tell(changes ...standard.Change) {
	p.t.Helper()
	p.seq++
	for i := range changes {
		changes[i].At = time.Now()
	}
	r, err := p.Notify(p.t.Context(), &standard.Notice{System: "suishen", Seq: p.seq, Changes: changes})
	if err != nil {
		p.t.Fatal(err)
	}
	if want := (standard.NoticeReceipt{System: "suishen", Seq: p.seq, Last: p.seq}); *r != want {
		p.t.Errorf("receipt %+v, want %+v", *r, want)
	}
}

func TestAfterAChangeTheSystemIsAskedAnew(t *testing.T) {
	p := startPost(t, "")
	who := p.green()
	for name, c := range map[string]struct {
		change standard.Change
		want   standard.From
	}{
		"the scan":             {standard.Change{Scan: who.Scan}, standard.Live},
		"another scan":         {standard.Change{Scan: "another"}, standard.Cache},
		"everything":           {standard.Change{All: true}, standard.Live},
		"a holder, by subject": {standard.Change{Subject: "S"}, standard.Live}, // suishen does not tell whose its answers are
	} {
		p.from(who.Scan)
		if from := p.from(who.Scan); from != standard.Cache {
			t.Fatalf("%s: before it the answer is %s", name, from)
		}
		p.tell(c.change)
		if from := p.from(who.Scan); from != c.want {
			t.Errorf("%s: after it the answer is %s, want %s", name, from, c.want)
		}
	}
	p.from(who.Scan)
	p.tell() // a heartbeat
	if from := p.from(who.Scan); from != standard.Cache {
		t.Errorf("after a heartbeat the answer is %s", from)
	}
	p.seq += 2 // two never came
	r, err := p.Notify(t.Context(), &standard.Notice{System: "suishen", Seq: p.seq + 1})
	if err != nil || r.Missed != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if from := p.from(who.Scan); from != standard.Live {
		t.Errorf("after missed notices the answer is %s", from)
	}
	r, err = p.Notify(t.Context(), &standard.Notice{System: "suishen", Seq: 1, Changes: []standard.Change{{Scan: who.Scan, At: time.Now()}}})
	if err != nil || !r.Repeated || r.Last != p.seq+1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if from := p.from(who.Scan); from != standard.Live {
		t.Errorf("after a notice that comes late the answer is %s", from)
	}
}

func TestWithoutThePromisedHeartbeatNoGreenComesFromMemory(t *testing.T) {
	p := startPost(t, "    heartbeat: 1h\n")
	who := p.green()
	p.from(who.Scan)
	if from := p.from(who.Scan); from != standard.Live {
		t.Errorf("before the first heartbeat the answer is %s", from)
	}
	p.tell()
	p.from(who.Scan)
	if from := p.from(who.Scan); from != standard.Cache {
		t.Errorf("after a heartbeat the answer is %s", from)
	}
}

func TestABadNoticeIsRefusedByARealNode(t *testing.T) {
	p := startPost(t, "")
	now := time.Now()
	many := make([]standard.Change, 10_000)
	for i := range many {
		many[i] = standard.Change{Subject: fmt.Sprint(i), At: now}
	}
	for name, c := range map[string]struct {
		notice standard.Notice
		code   *wire.Code
	}{
		"of another platform's system": {standard.Notice{System: "suikang", Seq: 1}, wire.CodeOwner},
		"of no system":                 {standard.Notice{System: "nowhere", Seq: 1}, wire.CodeSystem},
		"in the future":                {standard.Notice{System: "suishen", Seq: 1, Changes: []standard.Change{{All: true, At: now.Add(time.Hour)}}}, wire.CodeFuture},
		"of 1,001 changes":             {standard.Notice{System: "suishen", Seq: 1, Changes: many[:1001]}, wire.CodeCrowded},
		"of 10,000 changes":            {standard.Notice{System: "suishen", Seq: 1, Changes: many}, wire.CodeTooLarge},
		"without a number":             {standard.Notice{System: "suishen"}, wire.CodeField},
	} {
		_, err := p.Notify(t.Context(), &c.notice)
		refused, ok := errors.AsType[*client.RefusedError](err)
		if !ok || refused.Code != c.code.Code || refused.Todo() == "" {
			t.Errorf("a notice %s: %v", name, err)
		}
	}
	for _, system := range []string{"suishen", "sheni"} { // each has numbers of its own, and nothing refused has used one
		if r, err := p.Notify(t.Context(), &standard.Notice{System: system, Seq: 1, Changes: many[:1000]}); err != nil || r.Repeated || r.Missed > 0 {
			t.Errorf("a good one of %s: %+v, %v", system, r, err)
		}
	}
}
