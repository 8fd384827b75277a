package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// showValidity has the metrics tell for how long the node's own keys still hold. Those of days are told by the evidence.
func (c *Config) showValidity(to prometheus.Registerer) error {
	certificates := map[string]*tls.Certificate{"tls": c.TLS}
	for id, system := range c.Systems {
		certificates["system "+id] = system.Reach.Certificate
	}
	ends := map[string]time.Time{"gateway": {}} // callers have pinned it: it holds until they pin another
	for key, certificate := range certificates {
		if certificate == nil {
			continue
		}
		leaf, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			return fmt.Errorf("%s: certificate: %w", key, err)
		}
		ends[key] = leaf.NotAfter
	}
	for key, end := range ends {
		err := to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tongma_key_remaining_seconds", Help: "Time until a key of the node ends, below 0 after that: tls, gateway (+Inf: it has no end), and system ID, by which that system knows the node.",
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
