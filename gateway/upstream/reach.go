package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"tongma/adapters"
	"tongma/standard"
)

// Reach is where a system's calls may go beyond the public network, and how they are secured. The zero one is for a backend on the public network whose
// certificate any machine trusts.
//
// An endpoint whose host is an address, or localhost, may be called wherever that is: it stands in the configuration. A name leads where its DNS says at the
// moment, so each address is looked at when it is dialled: one that is not public must be within Networks.
type Reach struct {
	Networks    []netip.Prefix   // that are not public and to which a name may lead
	Roots       *x509.CertPool   // who vouches for the backend's certificate; nil: whom this machine trusts
	Minimum     uint16           // version of TLS, as package crypto/tls has it; 0: 1.2
	Certificate *tls.Certificate // by which the backend knows the gateway; nil: none
}

// Everywhere is the networks of those who name the endpoint themselves, at a prompt say.
var Everywhere = prefixes("0.0.0.0/0", "::/0")

// secured is how connections of this reach speak TLS.
func (r *Reach) secured() *tls.Config {
	config := &tls.Config{MinVersion: max(r.Minimum, tls.VersionTLS12), NextProtos: []string{"http/1.1"}, RootCAs: r.Roots}
	if r.Certificate != nil {
		config.Certificates = []tls.Certificate{*r.Certificate}
	}
	return config
}

// errElsewhere is the error of a name that leads where no call may go. It does not say where that is: such a name may be a stranger's.
var errElsewhere = &adapters.Fault{
	Reason: standard.ReasonUnreachable,
	What:   "the endpoint's name leads to an address that is not public: if it belongs there, list its network under the system's networks",
}

// dialer dials an endpoint's host.
func (r *Reach) dialer(base net.Dialer, host string) *net.Dialer {
	if _, err := netip.ParseAddr(host); err == nil {
		return &base
	}
	local := strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
	base.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errElsewhere
		}
		if ip := at.Addr().Unmap().WithZone(""); !isPublic(ip) && !(local && ip.IsLoopback()) && !within(r.Networks, ip) {
			return errElsewhere
		}
		return nil
	}
	return &base
}

// public is what is handed out for the public network, and special what of that is not globally reachable by IANA's registries of special purposes, or may
// have any other address behind it (6to4, Teredo). NAT64 is not in 2000::/3.
var (
	public  = prefixes("0.0.0.0/0", "2000::/3")
	special = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// within says whether an address is in one of some networks.
func within(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// isPublic says whether an address is of the public network.
func isPublic(ip netip.Addr) bool { return within(public, ip) && !within(special, ip) }
