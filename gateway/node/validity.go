package node

import (
	"crypto/x509"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// showValidity has the metrics tell for how long the node's own keys still hold. Those of days are told by the evidence.
func (c *Config) showValidity(to prometheus.Registerer) error {
	ends := map[string]time.Time{"gateway": {}} // callers have pinned it: it holds until they pin another
	if c.TLS != nil {
		leaf, err := x509.ParseCertificate(c.TLS.Certificate[0])
		if err != nil {
			return fmt.Errorf("tls: certificate: %w", err)
		}
		ends["tls"] = leaf.NotAfter
	}
	for key, end := range ends {
		err := to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tongma_key_remaining_seconds", Help: "Time until a key of the node ends, below 0 after that: tls, gateway (+Inf: it has no end).",
			ConstLabels: prometheus.Labels{"key": key},
		}, func() float64 {
			if end.IsZero() {
				return math.Inf(1)
			}
			return time.Until(end).Seconds()
		}))
		if err != nil {
			return err
		}
	}
	return nil
}
