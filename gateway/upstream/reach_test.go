package upstream

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestWhatIsNotPublicIsTold(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "223.5.5.5": true, "100.63.255.255": true, "172.32.0.1": true, "2400:3200::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "0.0.0.0": false, "192.0.2.1": false, "198.19.0.1": false, "224.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false,
		"2001::1": false, "2001:db8::1": false, "fec0::1": false, "100::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t", text, got)
		}
	}
}

// leading has every name lead to an address, as the DNS of a stranger may.
func leading(h *Host, to string) {
	h.transport.dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerNames(theirs, netip.MustParseAddr(to))
		return ours, nil
	}}
}

// answerNames answers questions of DNS as they come in over a stream: two bytes of length before each message.
func answerNames(c net.Conn, to netip.Addr) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		ask := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, ask); err != nil {
			return
		}
		end := 12
		for ask[end] != 0 {
			end += int(ask[end]) + 1
		}
		kind := binary.BigEndian.Uint16(ask[end+1:])
		reply := append(ask[:2:2], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
		reply = append(reply, ask[12:end+5]...)
		if address := to.AsSlice(); kind == 1 && to.Is4() || kind == 28 && to.Is6() {
			reply[7] = 1
			reply = append(reply, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(address)))
			reply = append(reply, address...)
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func hostAt(t *testing.T, endpoint string, reach Reach) *Host {
	t.Helper()
	h, err := NewHost(HostConfig{Endpoint: endpoint, Connections: 1, Reach: reach})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func TestANameLeadsToNoPrivateAddressUnlessThatIsConfigured(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	port := server.Listener.Addr().(*net.TCPAddr).Port
	at := func(host string) string {
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = net.JoinHostPort(host, u.Port())
		return u.String()
	}
	networks := func(all ...string) Reach { return Reach{Networks: prefixes(all...)} }
	for _, c := range []struct {
		name, host, leads string
		reach             Reach
		want              bool
	}{
		{"an address is configured as it is", "127.0.0.1", "", Reach{}, true},
		{"localhost is what it is", "localhost", "", Reach{}, true},
		{"a name leads to loopback", "backend.example", "127.0.0.1", Reach{}, false},
		{"a name below localhost is a name", "backend.localhost.example", "127.0.0.1", Reach{}, false},
		{"a name leads to the metadata of a cloud", "backend.example", "169.254.169.254", Reach{}, false},
		{"another network is configured", "backend.example", "127.0.0.1", networks("10.0.0.0/8", "127.0.1.0/24"), false},
		{"the network is configured", "backend.example", "127.0.0.1", networks("10.0.0.0/8", "127.0.0.0/8"), true},
		{"an address within an address", "backend.example", "::ffff:127.0.0.1", Reach{}, false},
		{"all are", "backend.example", "127.0.0.1", Reach{Networks: Everywhere}, true},
	} {
		h := hostAt(t, at(c.host), c.reach)
		if c.leads != "" {
			leading(h, c.leads)
		}
		_, err := get(h)
		if (err == nil) != c.want {
			t.Errorf("%s: %v (port %d)", c.name, err, port)
		}
		if err != nil && (!errors.Is(err, errElsewhere) || strings.Contains(err.Error(), c.leads)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// secure is a backend that speaks TLS, and gives what its caller has shown.
func secure(t *testing.T, config *tls.Config) (*httptest.Server, Reach) {
	t.Helper()
	own, roots := selfSigned(t)
	config.Certificates = []tls.Certificate{own}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			io.WriteString(w, "known")
		}
	}))
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, Reach{Roots: roots}
}

func TestABackendIsKnownByItsOwnAuthority(t *testing.T) {
	server, reach := secure(t, &tls.Config{})
	if _, err := get(hostAt(t, server.URL, reach)); err != nil {
		t.Error(err)
	}
	if _, err := get(hostAt(t, server.URL, Reach{})); err == nil {
		t.Error("a certificate that nobody vouches for is taken")
	}
}

func TestAnOlderTLSThanConfiguredIsRefused(t *testing.T) {
	server, reach := secure(t, &tls.Config{MaxVersion: tls.VersionTLS12})
	if _, err := get(hostAt(t, server.URL, reach)); err != nil {
		t.Error(err)
	}
	reach.Minimum = tls.VersionTLS13
	if _, err := get(hostAt(t, server.URL, reach)); err == nil {
		t.Error("TLS 1.2 is spoken where 1.3 is demanded")
	}
	reach.Minimum = tls.VersionTLS10
	server, older := secure(t, &tls.Config{MaxVersion: tls.VersionTLS11})
	older.Minimum = tls.VersionTLS10
	if _, err := get(hostAt(t, server.URL, older)); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestABackendKnowsTheGatewayByItsCertificate(t *testing.T) {
	server, reach := secure(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert})
	if _, err := get(hostAt(t, server.URL, reach)); err == nil {
		t.Error("no certificate was asked for")
	}
	ours, _ := selfSigned(t)
	reach.Certificate = &ours
	if body, err := get(hostAt(t, server.URL, reach)); err != nil || body != "known" {
		t.Errorf("%q, %v", body, err)
	}
}
