package gateway

import (
	"errors"
	"io"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/standard"
)

func TestWhatIsToldOfASystemIsNoLongerServedFromMemory(t *testing.T) {
	d := system1("sui", green("sui"))
	d.info.Systems = []adapters.System{{ID: "further", Name: standard.Text{Zh: "另码", En: "further"}, Region: "310000"}}
	g := open(t, Config{}, d, system1("other", green("other")))
	from := func(system string) standard.From { return verify(t, g, callFor(scanOf(system, 1))).Freshness.From }
	from("other")
	for seq, n := range []freshness.Notice{
		{System: "sui", Changes: []freshness.Change{{Scan: scanOf("sui", 1)}}},
		{System: "further", Changes: []freshness.Change{{All: true}}},
	} {
		from("sui")
		if got := from("sui"); got != standard.Cache {
			t.Fatalf("before notice %d: %s", seq, got)
		}
		n.Seq = 1
		if r, err := g.Tell(t.Context(), &n); err != nil || r != (freshness.Receipt{First: true, Last: 1}) {
			t.Errorf("%s: %+v, %v", n.System, r, err)
		}
		if got := from("sui"); got != standard.Live {
			t.Errorf("after a notice of %s: %s", n.System, got)
		}
	}
	if got := from("other"); got != standard.Cache {
		t.Errorf("another system: %s", got)
	}
}

func TestNothingIsToldOfASystemThatIsNotThere(t *testing.T) {
	g := open(t, Config{}, system1("sui", green("sui")))
	_, err := g.Tell(t.Context(), &freshness.Notice{System: "nowhere", Seq: 1})
	if e, ok := errors.AsType[*standard.Error](err); !ok || e.Kind != standard.KindSystem {
		t.Errorf("%v", err)
	}
}

func TestASilentPlatformsGreensAreAskedForAnew(t *testing.T) {
	var up time.Duration
	d := system1("sui", green("sui"))
	g := open(t, Config{
		Uptime:   func() time.Duration { return up },
		Backends: []Backend{{Dialect: d, Endpoint: "http://127.0.0.1:1", Heartbeat: 10 * time.Second}},
	})
	look := func(want standard.From, when string) {
		t.Helper()
		if got := verify(t, g, callFor(scanOf("sui", 1))).Freshness.From; got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	heartbeat := func(seq uint64) {
		t.Helper()
		if _, err := g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	look(standard.Live, "at first")
	look(standard.Live, "nothing heard since the start")
	heartbeat(1)
	look(standard.Cache, "heard")
	up = 10 * time.Second
	look(standard.Cache, "heard as long ago as promised")
	up++
	look(standard.Live, "silent for longer")
	heartbeat(2)
	look(standard.Cache, "heard again")
}

// binary is a dialect whose codes are bytes.
type binary struct{ *dialect }

func (b binary) Open(adapters.Host) adapters.Adapter { return binaryAdapter{plainAdapter(b)} }

type binaryAdapter struct{ plainAdapter }

func (binaryAdapter) Forms() []adapters.Form {
	return []adapters.Form{{Bytes: &adapters.BytesForm{Starts: "BIN"}}}
}

func (binaryAdapter) WriteKey(w io.Writer, q *adapters.Query) { w.Write(q.Ticket.Bytes) }

func TestANoticeOfACodeMeansItAlsoWhereItCameAsBytes(t *testing.T) {
	g := open(t, Config{}, binary{system1("sui", green("sui"))})
	call := Call{Caller: Caller{ID: "c"}, Request: &standard.Request{ScanBytes: []byte("BIN1"), Place: standard.Place{Region: "110000"}}}
	verify(t, g, call)
	if v := verify(t, g, call); v.Freshness.From != standard.Cache {
		t.Fatalf("from %s", v.Freshness.From)
	}
	g.Tell(t.Context(), &freshness.Notice{System: "sui", Seq: 1, Changes: []freshness.Change{{Scan: "BIN1"}}})
	if v := verify(t, g, call); v.Freshness.From != standard.Live {
		t.Errorf("a code that came as bytes is served from %s after a notice of it", v.Freshness.From)
	}
}
