package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tongma/adapters/descriptor"
	"tongma/gateway/upstream"
	"tongma/standard/sm"
)

func TestTracesAreConfigured(t *testing.T) {
	cfg, err := load(t, folder(t), good)
	if err != nil || cfg.Tracing != nil {
		t.Fatalf("%v: traces without being configured: %+v", err, cfg.Tracing)
	}
	cfg, err = load(t, folder(t), good+"tracing: {endpoint: 'https://collector.example/v1/traces', sample: 0.5, trust: [a], send: [suishen]}\n")
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Tracing
	if c.Endpoint != "https://collector.example/v1/traces" || c.Sample != 0.5 || len(c.Trust) != 1 || c.Trust[0] != "a" || len(c.Send) != 1 || c.Send[0] != "suishen" {
		t.Errorf("%+v", c)
	}
	if cfg, err = load(t, folder(t), good+"tracing: {endpoint: 'http://127.0.0.1:4318/v1/traces'}\n"); err != nil || cfg.Tracing.Sample != defaultSample || cfg.Tracing.Trust != nil || cfg.Tracing.Send != nil {
		t.Errorf("%v, %+v", err, cfg.Tracing)
	}
}

func TestTracesThatCannotBeMeantAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{sample: 1}":                                   "endpoint",
		"{endpoint: 'collector:4318'}":                  "endpoint is not the address of a collector",
		"{endpoint: 'http://u:secret@collector/v1'}":    "endpoint is not the address of a collector",
		"{endpoint: 'http://c/v1/traces', sample: 2}":   "sample is not a share",
		"{endpoint: 'http://c/v1/traces', sample: NaN}": "sample is not a share",
		"{endpoint: 'http://c/v1/traces', trust: [b]}":  `trust names "b", which is not a caller`,
		"{endpoint: 'http://c/v1/traces', trust: a}":    "trust must be a list",
		"{endpoint: 'http://c/v1/traces', send: [xx]}":  `send names "xx", which is not a system`,
		"{endpoint: 'http://c/v1/traces', header: x}":   "header",
	} {
		_, err := load(t, folder(t), good+"tracing: "+text+"\n")
		var findings descriptor.Findings
		if !errors.As(err, &findings) || !strings.Contains(findings.Error(), want) || strings.Contains(findings.Error(), "secret@") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestTheMetricsTellForHowLongKeysHold(t *testing.T) {
	key, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	pair, end := certificate(t)
	metrics := prometheus.NewRegistry()
	systems := map[string]System{"suishen": {Reach: upstream.Reach{Certificate: pair}}, "suikang": {}}
	if err := (&Config{Key: key, TLS: pair, Systems: systems}).showValidity(metrics); err != nil {
		t.Fatal(err)
	}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		switch left := m.GetGauge().GetValue(); m.GetLabel()[0].GetValue() {
		case "gateway":
			if !math.IsInf(left, 1) {
				t.Errorf("the gateway's key ends in %v s", left)
			}
		case "tls", "system suishen":
			if want := end.Seconds(); left > want || left < want-60 {
				t.Errorf("the certificate ends in %v s, want %v", left, want)
			}
		default:
			t.Errorf("another key: %v", m)
		}
	}
	if len(families[0].GetMetric()) != 3 {
		t.Errorf("%v", families)
	}
}

// certificate makes a TLS certificate that holds for an hour.
func certificate(t *testing.T) (*tls.Certificate, time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, time.Hour
}
