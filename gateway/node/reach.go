package node

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"

	"go.yaml.in/yaml/v3"

	"tongma/gateway/upstream"
)

// networks reads the networks, not public ones, to which the names of a system's endpoints may lead.
func (r *reader) networks(into *[]netip.Prefix) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.items(n, "networks", func(item *yaml.Node) {
			network, err := netip.ParsePrefix(item.Value)
			if err != nil || network != network.Masked() {
				r.find(item, "write it like 10.2.0.0/16, with nothing behind the prefix", "networks: %q is not a network", item.Value)
				return
			}
			*into = append(*into, network)
		})
	}
}

// reachTLS reads how calls to a system are secured.
func (r *reader) reachTLS(into *upstream.Reach, n *yaml.Node) {
	var certificate, key *yaml.Node
	r.members(n, "tls", map[string]func(*yaml.Node){
		"ca":          func(n *yaml.Node) { into.Roots = r.roots(n) },
		"minimum":     choice(r, &into.Minimum, "minimum", map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}),
		"certificate": func(v *yaml.Node) { certificate = v },
		"key":         func(v *yaml.Node) { key = v },
	})
	switch {
	case certificate != nil && key != nil:
		into.Certificate = r.certificate(certificate, key)
	case certificate != nil || key != nil:
		r.find(n, "give both, or neither", "tls needs certificate and key together")
	}
}

// roots reads the certificates of those who vouch for a backend.
func (r *reader) roots(n *yaml.Node) *x509.CertPool {
	text, ok := r.read(n, "tls ca")
	if !ok {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		r.find(n, "give the PEM file of the certificate, or of several, that the backend's own goes back to", "tls ca: there is no certificate in it")
	}
	return roots
}
