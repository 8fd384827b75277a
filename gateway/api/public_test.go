package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tongma/standard/wire"
)

func TestAnybodyMayKnowTheGatewayItself(t *testing.T) {
	s := start(t)
	s.pass(time.Second)
	a := s.get(pathGateway)
	want := `{"id":"tongma-test","keys":["` + s.cfg.Key.Public().ID() + `"],"serverTime":1646100001000,"profile":"tongma/1",` +
		`"systems":[{"id":"suishen","name":"随申码","region":"310000","provenance":"observed"}]}`
	if diff := cmp.Diff(want, string(a.Data)); diff != "" || a.status != 200 {
		t.Error(a.status, diff)
	}
	checkHygiene(t, s, a)
}

func TestPublicPathsAnswerGetAndHeadAlone(t *testing.T) {
	s := start(t)
	for _, path := range []string{pathGateway, pathHealth, pathReady, pathOpenAPI} {
		for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
			a := s.send(&request{method: method, target: path, header: http.Header{}})
			if a.status != want {
				t.Errorf("%s %s: %d, want %d", method, path, a.status, want)
			}
			if allow := a.header.Get("Allow"); want == 405 && !strings.Contains(allow, "GET") {
				t.Errorf("%s %s: Allow: %q", method, path, allow)
			}
			if a.header.Get(wire.HeaderSign) != "" {
				t.Errorf("%s %s: signed", method, path)
			}
		}
	}
}

func TestDrainingIsNotReadyAndStillAnswers(t *testing.T) {
	s := start(t)
	if a := s.get(pathReady); a.status != 200 {
		t.Fatalf("before: %d", a.status)
	}
	s.draining.Store(true)
	if a := s.get(pathReady); a.status != 503 || a.Code != wire.CodeDraining.Code {
		t.Errorf("draining: %d %s", a.status, a.Code)
	}
	if a := s.get(pathHealth); a.status != 200 {
		t.Errorf("draining is not ill: %d", a.status)
	}
	s.expect(s.sign(post(goodBody)), wire.CodeOK)
}

func TestANodeThatCanKeepNothingIsNotReady(t *testing.T) {
	s := start(t)
	var trouble error
	s.cfg.Ready = func() error { return trouble }
	if a := s.get(pathReady); a.status != 200 {
		t.Errorf("while it can: %d", a.status)
	}
	trouble = errors.New("the disk is full")
	if a := s.get(pathReady); a.status != 503 || a.Code != wire.CodeEvidence.Code {
		t.Errorf("while it cannot: %d %s", a.status, a.Code)
	}
	if a := s.get(pathHealth); a.status != 200 {
		t.Errorf("a restart would not help: %d", a.status)
	}
}

func TestMetricsHaveAListenerOfTheirOwn(t *testing.T) {
	s := start(t)
	s.expect(s.sign(post(goodBody)), wire.CodeOK)
	bad := post(goodBody)
	bad.rid = "nobody"
	s.expect(s.sign(bad), wire.CodeCaller)
	s.get("/" + strings.Repeat("x", 40))
	if a := s.get("/metrics"); a.status != 404 {
		t.Errorf("callers see the metrics: %d", a.status)
	}

	resp, err := http.Get("http://" + s.listen(s.ServeMetrics) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`tongma_requests_total{code="0",route="/v1/verifications"} 1`,
		`tongma_requests_total{code="40102",route="/v1/verifications"} 1`,
		`tongma_requests_total{code="40401",route="none"} 2`,
		`tongma_request_duration_seconds_count{route="/v1/verifications"} 2`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
	for _, private := range []string{"nobody", "officer", "xxxx"} {
		if strings.Contains(string(text), private) {
			t.Errorf("the metrics hold %q", private)
		}
	}
}

func TestShutdownLetsRunningCallsEnd(t *testing.T) {
	s := start(t)
	began, release := make(chan struct{}), make(chan struct{})
	s.verify = blocking(began, release)
	answer := make(chan *reply)
	r := s.sign(post(goodBody))
	go func() { answer <- s.send(r) }()
	<-began
	down := make(chan error)
	go func() { down <- s.Shutdown(context.Background()) }()
	for !s.draining.Load() {
	}
	close(release)
	if a := <-answer; a.Code != wire.CodeOK.Code || !s.isSigned(r, a) {
		t.Errorf("the running call ended with %s", a.Message)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestASlowBodyTakesNoPlace: with one place left, a caller that has sent half a body leaves it to one that has sent it all.
func TestASlowBodyTakesNoPlace(t *testing.T) {
	s := start(t)
	s.running.Store(maxRunning - 1)
	slow, err := net.Dial("tcp", s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n{", pathVerifications)
	// It says so when it begins to read the body.
	if line, err := bufio.NewReader(slow).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	s.expect(s.sign(post(goodBody)), wire.CodeOK)
}

func TestAPanicOfAPublicPathTellsNothing(t *testing.T) {
	s := start(t)
	s.cfg.Gateway = nil
	if a := s.get(pathGateway); a.status != 500 || a.Code != wire.CodeInternal.Code {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestTheLogHoldsNothingThatTheCallerChose(t *testing.T) {
	s := start(t)
	s.expect(s.sign(post(goodBody)), wire.CodeOK)
	s.get("/chosen/by/caller?chosen=too")
	log := s.log.String()
	for _, want := range []string{`"route":"/v1/verifications","code":"0"`, `"route":"none","code":"40401"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s", want)
		}
	}
	for _, private := range []string{"chosen", "officer", "s.sh.gov.cn"} {
		if strings.Contains(log, private) {
			t.Errorf("the log holds %q", private)
		}
	}
}
