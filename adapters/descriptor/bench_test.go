package descriptor

import (
	"context"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"

	"tongma/adapters"
	"tongma/standard"
)

// BenchmarkVerify is a verification through each system that comes with Tongma, against its first fixture with a verified record:
// all of the dialect, and nothing of the network.
func BenchmarkVerify(b *testing.B) {
	for _, system := range systems {
		b.Run(system, func(b *testing.B) {
			d, fixtures := ownSystem(b, system)
			for _, fx := range fixtures {
				if fx.Is["outcome"] == string(standard.Verified) {
					benchmark(b, d, fx)
					return
				}
			}
			b.Fatal("no fixture of a verified record")
		})
	}
}

func benchmark(b *testing.B, d *Descriptor, fx fixture) {
	now, err := time.Parse(time.RFC3339Nano, fx.Now)
	if err != nil {
		b.Fatal(err)
	}
	replies := make([]*adapters.Reply, len(fx.Calls))
	for i, x := range fx.Calls {
		replies[i] = ok(x.Reply.Body)
	}
	host := &player{now: now, replies: replies, credentials: fx.Cred}
	a := d.open(host)
	for name, value := range fx.Token {
		a.kept[name].give(value, now)
	}
	q := fx.query()
	if !fx.recognise(d, a, &q.Ticket) {
		b.Fatal("not recognised")
	}
	b.ReportAllocs()
	for b.Loop() {
		host.next = 0
		if res, err := a.Verify(context.Background(), q); err != nil || res.Outcome != standard.Verified {
			b.Fatal(res, err)
		}
	}
}

// player is a host that gives replies at once.
type player struct {
	now         time.Time
	replies     []*adapters.Reply
	credentials map[string]string
	next        int
}

func (p *player) Now() time.Time { return p.now }

func (p *player) Credential(name string) (string, bool) { v, ok := p.credentials[name]; return v, ok }

func (p *player) Random(b []byte) { clear(b) }

func (p *player) Send(context.Context, *adapters.Call) (*adapters.Reply, error) {
	r := p.replies[min(p.next, len(p.replies)-1)]
	p.next++
	return r, nil
}

func BenchmarkExpressions(b *testing.B) {
	names := map[string]any{"reply": map[string]any{"code": "0"}, "ts": "1642941880", "secret": "demo-token-0001", "nonce": "0123456789abcdef0123456789abcdef", "body": []byte(`{"code":"0","data":"{\"type\":\"00\"}"}`)}
	for _, src := range []string{`reply.code == "0"`, `upper(sha256(ts + secret + nonce + ts))`, `json(json(body).data).type`} {
		b.Run(src, func(b *testing.B) {
			e, err := compileOver(src, names)
			if err != nil {
				b.Fatal(err)
			}
			var machine vm.VM
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.run(&machine, names); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
