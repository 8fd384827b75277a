package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reachFolder is a folder with a certificate and its key besides.
func reachFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	pair, _ := certificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "tls.key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhereASystemsCallsMayGoIsRead(t *testing.T) {
	dir := reachFolder(t)
	cfg, err := load(t, dir, good+`    networks: [10.2.0.0/16, "fd00::/8"]
    tls: {ca: tls.pem, minimum: "1.3", certificate: tls.pem, key: tls.key.pem}
`)
	if err != nil {
		t.Fatal(err)
	}
	r := cfg.Systems["suishen"].Reach
	if want := []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("fd00::/8")}; !slices.Equal(r.Networks, want) {
		t.Errorf("networks: %v", r.Networks)
	}
	if r.Roots == nil || r.Minimum != tls.VersionTLS13 || r.Certificate == nil {
		t.Errorf("%+v", r)
	}
	cfg, err = load(t, dir, good)
	if err != nil {
		t.Fatal(err)
	}
	if r := cfg.Systems["suishen"].Reach; r.Networks != nil || r.Roots != nil || r.Minimum != 0 || r.Certificate != nil {
		t.Errorf("without the keys: %+v", r)
	}
	for text, want := range map[string]string{
		"networks: [10.2.0.1/16]":                   "not a network",
		"networks: [10.2.0.1]":                      "not a network",
		"networks: [everywhere]":                    "not a network",
		"networks: 10.2.0.0/16":                     "must be a list",
		"tls: {ca: none.pem}":                       "no such file",
		"tls: {ca: tls.key.pem}":                    "no certificate in it",
		`tls: {minimum: "1.1"}`:                     "none of its words",
		"tls: {certificate: tls.pem}":               "together",
		"tls: {key: tls.key.pem}":                   "together",
		"tls: {certificate: tls.pem, key: tls.pem}": "private key",
		"tls: {insecure: true}":                     `has no key "insecure"`,
	} {
		if _, err := load(t, dir, good+"    "+text+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
