package sandbox

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestABackendAnswersNoMoreThanItsCapacityAndTheOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		if err := s.SetCapacity(Suikang, 100); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var mu sync.Mutex
		var took []time.Duration
		var group sync.WaitGroup
		for range 250 {
			group.Go(func() {
				if w := do(t, s.Handler(Suikang), "GET", "/", ""); w.status != http.StatusNotFound {
					t.Errorf("HTTP status %d", w.status)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(begin))
			})
		}
		group.Wait()
		for i, d := range took {
			if want := time.Duration(i) * 10 * time.Millisecond; d != want {
				t.Fatalf("request %d was answered after %s, want %s", i, d, want)
			}
		}
		other := time.Now()
		do(t, s.Handler(Sukang), "GET", "/", "")
		s.SetCapacity(Suikang, 0)
		for range 1000 {
			do(t, s.Handler(Suikang), "GET", "/", "")
		}
		if d := time.Since(other); d != 0 {
			t.Errorf("other systems, and this one without a bound, wait %s", d)
		}
	})
}

func TestALineThatIsTooLongGetsTheBusyAnswerAtOnce(t *testing.T) {
	var l line
	l.set(1)
	now := time.Unix(0, 0)
	for i := range 31 {
		if turn, ok := l.take(now); !ok || turn != now.Add(time.Duration(i)*time.Second) {
			t.Fatalf("turn %d: %s, %v", i, turn, ok)
		}
	}
	if _, ok := l.take(now); ok {
		t.Error("a turn after more than 30 s")
	}
	if _, ok := l.take(now.Add(time.Second)); !ok {
		t.Error("no turn when the line has become shorter")
	}
	if turn, _ := l.take(now.Add(time.Hour)); turn != now.Add(time.Hour) {
		t.Error("an idle backend saves up turns")
	}

	s := New(Options{})
	s.SetCapacity(Suikang, 1)
	s.backends[Suikang].line.free = time.Now().Add(time.Hour)
	if w := do(t, s.Handler(Suikang), "GET", "/", ""); w.status != http.StatusTooManyRequests {
		t.Errorf("HTTP status %d, want the busy answer", w.status)
	}
}

func TestWhoLeavesTheLineIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		l.set(1)
		l.take(time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begin := time.Now()
		l.wait(ctx, begin)
		if d := time.Since(begin); d != time.Millisecond {
			t.Errorf("waited %s", d)
		}
		if turn, _ := l.take(begin); turn != begin.Add(2*time.Second) {
			t.Error("who gave up has not taken a turn")
		}
	})
}

func TestCapacityIsSetOverTheAdminCall(t *testing.T) {
	for _, tt := range []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"by name", "", `{"system":"suikang","perSecond":1000}`, 200, `"suikang":1000`},
		{"on the system's port", Suikang, `{"perSecond":5}`, 200, `"suikang":5`},
		{"no bound", Suikang, `{"perSecond":0}`, 200, `"suikang":0`},
		{"no such system", "", `{"system":"nowhere","perSecond":1}`, 400, "no system"},
		{"negative", Suikang, `{"perSecond":-1}`, 400, "0 (no bound) to 1000000"},
		{"too large", Suikang, `{"perSecond":1000001}`, 400, "0 (no bound) to 1000000"},
		{"no number", Suikang, `{"perSecond":"1"}`, 400, "perSecond"},
	} {
		s := New(Options{})
		h := s.admin(tt.path)
		w := do(t, h, "POST", "/_sandbox/capacity", tt.body, jsonHeader...)
		if body := w.body.String(); w.status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s", tt.name, w.status, body)
		}
		if tt.status == 200 {
			if again := do(t, h, "GET", "/_sandbox/capacity", ""); !strings.Contains(again.body.String(), tt.want) {
				t.Errorf("%s: asked again: %s", tt.name, again.body.String())
			}
		}
	}
}
