package upstream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tongma/adapters"
	"tongma/standard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is an adapter whose answer is a function.
type backend func(ctx context.Context) (adapters.Result, error)

func (b backend) Forms() []adapters.Form { return nil }

func (b backend) Verify(ctx context.Context, _ *adapters.Query) (adapters.Result, error) {
	return b(ctx)
}

var (
	well   = adapters.Result{Outcome: standard.NotFound, Reason: standard.ReasonNoHolder}
	limits = adapters.Limits{Timeout: time.Second, Concurrency: 4, Body: 1 << 16}
)

func ok(context.Context) (adapters.Result, error) { return well, nil }

func fails(reason standard.ReasonCode) backend {
	return func(context.Context) (adapters.Result, error) {
		return adapters.Result{}, &adapters.Fault{Reason: reason}
	}
}

// hangs until its context ends, as Host.Send does.
func hangs(ctx context.Context) (adapters.Result, error) {
	<-ctx.Done()
	return adapters.Result{}, faultOf(ctx.Err(), standard.ReasonUnreachable)
}

func ask(t *testing.T, a adapters.Adapter) standard.ReasonCode {
	t.Helper()
	result, err := a.Verify(t.Context(), &adapters.Query{})
	if err == nil && result != well {
		t.Fatalf("result %+v", result)
	}
	return reasonOf(err)
}

// expiring is a backend whose scans all say themselves that they have expired.
type expiring struct{ backend }

func (expiring) Screen(*adapters.Query) (adapters.Result, bool) {
	return adapters.Result{Outcome: standard.Expired, Reason: standard.ReasonScanExpired}, true
}

func TestAnExpiredScanIsExpiredHoweverSickItsSystemIs(t *testing.T) {
	a := Guard(expiring{func(context.Context) (adapters.Result, error) {
		t.Error("the backend was asked")
		return well, nil
	}}, adapters.Info{}, GuardConfig{Limits: limits})
	result, err := a.Verify(t.Context(), &adapters.Query{})
	if err != nil || result.Outcome != standard.Expired {
		t.Errorf("result %+v, error %v", result, err)
	}
}

func TestBreakerOpensWhenHalfOfManyCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		a := Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			n++
			if n%2 == 0 {
				return fails(standard.ReasonFault)(ctx)
			}
			return well, nil
		}), adapters.Info{}, GuardConfig{Limits: limits})
		for range breakerVolume {
			ask(t, a)
			time.Sleep(10 * time.Millisecond)
		}
		if r := ask(t, a); r != standard.ReasonBreaker {
			t.Errorf("reason %q", r)
		}
	})
}

func TestBreakerDoesNotCountWhatIsNotTheBackendsIllness(t *testing.T) {
	for _, reason := range []standard.ReasonCode{standard.ReasonBusy, standard.ReasonQuota, standard.ReasonUnset} {
		a := Guard(fails(reason), adapters.Info{}, GuardConfig{Limits: limits})
		for range 10 * breakerVolume {
			if r := ask(t, a); r != reason {
				t.Fatalf("%s became %s", reason, r)
			}
		}
	}
	unaskable := Guard(backend(func(context.Context) (adapters.Result, error) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonFault, Blameless: true}
	}), adapters.Info{}, GuardConfig{Limits: limits})
	for range 10 * breakerVolume {
		if r := ask(t, unaskable); r != standard.ReasonFault {
			t.Fatalf("scans of which no request can be made became %s", r)
		}
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	a := Guard(backend(func(ctx context.Context) (adapters.Result, error) { return adapters.Result{}, ctx.Err() }), adapters.Info{}, GuardConfig{Limits: limits})
	for range 10 * breakerVolume {
		if _, err := a.Verify(left, &adapters.Query{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller who left: %v", err)
		}
	}
}

func TestRetryOnlyWhereNothingWasAnsweredAndNothingIsRecorded(t *testing.T) {
	for _, c := range []struct {
		reason  standard.ReasonCode
		retry   int
		records bool
		calls   int
	}{
		{standard.ReasonUnreachable, 1, false, 2},
		{standard.ReasonUnreachable, 0, false, 1},
		{standard.ReasonUnreachable, 1, true, 1},
		{standard.ReasonFault, 1, false, 1},
		{standard.ReasonTimeout, 1, false, 1},
		{standard.ReasonBusy, 1, false, 1},
	} {
		calls := 0
		l := limits
		l.Retry = c.retry
		ask(t, Guard(backend(func(ctx context.Context) (adapters.Result, error) {
			calls++
			return fails(c.reason)(ctx)
		}), adapters.Info{Records: c.records}, GuardConfig{Limits: l}))
		if calls != c.calls {
			t.Errorf("%+v: %d calls", c, calls)
		}
	}
}
