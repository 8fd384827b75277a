package replay

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// measure registers what can be seen of the nonces: where they are kept, as this node knows it.
func (n *Nonces) measure(registry prometheus.Registerer) error {
	if registry == nil {
		return nil
	}
	for _, place := range []string{"redis", "postgresql"} {
		g := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "tongma_nonces_kept",
			Help:        "1 at the place where the nonces of requests are kept now, if this node can decide about them; 0 at both: it refuses.",
			ConstLabels: prometheus.Labels{"at": place},
		}, func() float64 {
			if v := n.view.Load(); v != nil && n.decides(v) && v.place() == place {
				return 1
			}
			return 0
		})
		if err := registry.Register(g); err != nil {
			return fmt.Errorf("replay: metrics: %w", err)
		}
	}
	return nil
}
