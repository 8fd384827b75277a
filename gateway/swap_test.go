package gateway

import (
	"errors"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/wire"
)

// opening is a dialect that has something happen while it is connected.
type opening struct {
	*dialect
	meanwhile func()
}

func (o opening) Open(h adapters.Host) adapters.Adapter {
	o.meanwhile()
	return o.dialect.Open(h)
}

func TestAnOrderThatComesDuringASwapIsNotLost(t *testing.T) {
	backend := func(d adapters.Dialect) Backend { return Backend{Dialect: d, Endpoint: "http://127.0.0.1:1"} }
	g := open(t, Config{}, system1("sui", green("sui")))
	next := system1("sui", green("sui"))
	next.info.Digest = "2"
	done := make(chan error, 1)
	late := opening{system1("yue", green("yue")), func() { // the one before it has its mode already
		ordered := make(chan struct{})
		go func() {
			defer close(ordered)
			done <- g.Operate(t.Context(), "sui", wire.ActionOpen)
		}()
		select {
		case <-ordered:
		case <-time.After(50 * time.Millisecond): // it waits for the swap, as it should
		}
	}}
	if err := g.Swap([]Backend{backend(next), backend(late)}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if mode := g.Systems()[0].Guard.Mode; mode != upstream.ModeOpen {
		t.Errorf("an operator was told that it is forced open, and it is in mode %s", mode)
	}
}

func TestASwapThatFailsPromisesNothing(t *testing.T) {
	sui := system1("sui", green("sui"))
	g := open(t, Config{}, sui)
	next := Backend{Dialect: sui, Endpoint: "http://127.0.0.1:1", Heartbeat: time.Second}
	verify(t, g, callFor(scanOf("sui", 1)))
	if err := g.Swap([]Backend{next, {Dialect: system1("yue", green("yue")), Endpoint: "nowhere"}}); err == nil {
		t.Fatal("an endpoint that is none is taken")
	}
	if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Cache {
		t.Errorf("after a swap that failed its heartbeat is waited for: %s", v.Freshness.From)
	}
	if err := g.Swap([]Backend{next}); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, g, callFor(scanOf("sui", 1))); v.Freshness.From != standard.Live {
		t.Errorf("after a swap the heartbeat is not waited for: %s", v.Freshness.From)
	}
}

func TestAClosedGatewayTakesNoOtherBackends(t *testing.T) {
	g := open(t, Config{}, system1("sui", green("sui")))
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := system1("sui", green("sui"))
	next.info.Digest = "2"
	if err := g.Swap([]Backend{{Dialect: next, Endpoint: "http://127.0.0.1:1"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("nobody would ever close them: %v", err)
	}
}
