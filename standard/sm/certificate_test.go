package sm_test

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

// issued is an authority and what it issued, valid in 2022.
type issued struct {
	authorityKey, key *sm.PrivateKey
	authority, leaf   *sm.Certificate
	request           *sm.CertificateRequest
}

var (
	newYear = time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	summer  = newYear.AddDate(0, 6, 0)
	yearEnd = newYear.AddDate(1, 0, 0)
)

func issue(t *testing.T) issued {
	t.Helper()
	i := issued{authorityKey: newKey(t), key: newKey(t)}
	root, err := sm.NewAuthority(i.authorityKey, pkix.Name{Country: []string{"CN"}, CommonName: "测试机构"}, newYear, yearEnd)
	if err != nil {
		t.Fatal(err)
	}
	i.authority = parseCertificate(t, root)
	request, err := sm.NewCertificateRequest(i.key, pkix.Name{Organization: []string{"测试平台"}, CommonName: "gate-1"})
	if err != nil {
		t.Fatal(err)
	}
	if i.request, err = sm.ParseCertificateRequest(request); err != nil {
		t.Fatal(err)
	}
	leaf, err := i.authority.Issue(i.authorityKey, i.request, newYear, yearEnd)
	if err != nil {
		t.Fatal(err)
	}
	i.leaf = parseCertificate(t, leaf)
	return i
}

func parseCertificate(t *testing.T, text []byte) *sm.Certificate {
	t.Helper()
	c, err := sm.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := c.MarshalPEM(); err != nil || !bytes.Equal(back, text) {
		t.Errorf("a certificate is written otherwise than it was read (%v)", err)
	}
	return c
}

func TestACertificateIsTrustedThroughItsAuthorityOnly(t *testing.T) {
	onBothEngines(t, func(t *testing.T) {
		i, other := issue(t), issue(t)
		if !i.leaf.Key.Equal(i.key.Public()) || i.leaf.Subject.CommonName != "gate-1" || i.leaf.Issuer.CommonName != "测试机构" || i.leaf.Authority || !i.authority.Authority {
			t.Errorf("the certificate says something else: %+v", i.leaf)
		}
		roots := []*sm.Certificate{other.authority, i.authority}
		if err := i.leaf.Verify(summer, roots); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"another authority of the same name": i.leaf.Verify(summer, []*sm.Certificate{other.authority}),
			"no authority":                       i.leaf.Verify(summer, nil),
			"before its time":                    i.leaf.Verify(newYear.Add(-time.Second), roots),
			"after its time":                     i.leaf.Verify(yearEnd.Add(time.Second), roots),
			"an authority that is between only":  i.leaf.Verify(summer, []*sm.Certificate{other.authority}, i.authority),
		} {
			if err == nil {
				t.Errorf("%s: trusted", name)
			}
		}
		if !i.leaf.SignedBy(i.authority.Key) || i.leaf.SignedBy(other.authority.Key) || i.leaf.SignedBy(nil) {
			t.Error("SignedBy takes the wrong key for the right one")
		}
		slow, err := i.authority.Key.With(second.Engine)
		if err != nil || !i.leaf.SignedBy(slow) {
			t.Errorf("the second engine does not agree (%v)", err)
		}
	})
}

func TestAPartyCannotIssue(t *testing.T) {
	i := issue(t)
	for name, c := range map[string]struct {
		call func() ([]byte, error)
		want string
	}{
		"a party":           {func() ([]byte, error) { return i.leaf.Issue(i.key, i.request, newYear, yearEnd) }, "only an authority"},
		"another key":       {func() ([]byte, error) { return i.authority.Issue(i.key, i.request, newYear, yearEnd) }, "does not belong"},
		"too early":         {func() ([]byte, error) { return i.authority.Issue(i.authorityKey, i.request, newYear.Add(-1), yearEnd) }, "when its authority is not"},
		"too long":          {func() ([]byte, error) { return i.authority.Issue(i.authorityKey, i.request, newYear, yearEnd.Add(1)) }, "when its authority is not"},
		"back to front":     {func() ([]byte, error) { return i.authority.Issue(i.authorityKey, i.request, yearEnd, newYear) }, "end before it begins"},
		"no request":        {func() ([]byte, error) { return i.authority.Issue(i.authorityKey, nil, newYear, yearEnd) }, "no key"},
		"without a key":     {func() ([]byte, error) { return sm.NewAuthority(nil, pkix.Name{}, newYear, yearEnd) }, "no key"},
		"of nobody":         {func() ([]byte, error) { return sm.NewAuthority(i.key, pkix.Name{}, newYear, yearEnd) }, "common name"},
		"request of nobody": {func() ([]byte, error) { return sm.NewCertificateRequest(i.key, pkix.Name{}) }, "common name"},
		"an empty country": {func() ([]byte, error) {
			return sm.NewCertificateRequest(i.key, pkix.Name{CommonName: "gate-1", Country: []string{" "}})
		}, "leave it out"},
		"request of no key": {func() ([]byte, error) { return sm.NewCertificateRequest(nil, pkix.Name{}) }, "no key"},
	} {
		if _, err := c.call(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// The library takes an algorithm identifier with parameters, which gives one certificate two encodings.
func TestACertificateHasOneEncodingOfItsAlgorithm(t *testing.T) {
	i := issue(t)
	text, err := i.leaf.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	algorithm := []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75}
	for name, c := range map[string]struct {
		algorithm []byte
		good      bool
	}{
		"as it was":       {algorithm, true},
		"with parameters": {append(append([]byte{0x30, 0x0c}, algorithm[2:]...), 0x05, 0x00), false},
	} {
		var parts struct {
			TBS, Algorithm asn1.RawValue
			Signature      asn1.BitString
		}
		if _, err := asn1.Unmarshal(decodePEM(t, text), &parts); err != nil {
			t.Fatal(err)
		}
		parts.TBS.Bytes = bytes.Replace(parts.TBS.Bytes, algorithm, c.algorithm, 1)
		parts.TBS.FullBytes = nil
		tbs, err := asn1.Marshal(parts.TBS)
		if err != nil {
			t.Fatal(err)
		}
		parts.TBS = asn1.RawValue{FullBytes: tbs}
		parts.Algorithm = asn1.RawValue{FullBytes: c.algorithm}
		sig, err := i.authorityKey.Sign(tbs)
		if err != nil {
			t.Fatal(err)
		}
		parts.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
		content, err := asn1.Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := sm.ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := again.Verify(summer, []*sm.Certificate{i.authority}); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoChangedByteOfARequestOrCertificateGoesUnnoticed(t *testing.T) {
	i := issue(t)
	text, err := sm.NewCertificateRequest(i.key, pkix.Name{CommonName: "gate-1"})
	if err != nil {
		t.Fatal(err)
	}
	eachChange(t, text, func(changed []byte) bool {
		_, err := sm.ParseCertificateRequest(changed)
		return err == nil
	})
	text, err = i.leaf.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	eachChange(t, text, func(changed []byte) bool {
		c, err := sm.ParseCertificate(changed)
		return err == nil && c.Verify(summer, []*sm.Certificate{i.authority}) == nil
	})
}

// eachChange spoils each byte in turn, and adds one.
func eachChange(t *testing.T, text []byte, accepts func([]byte) bool) {
	t.Helper()
	block, _ := pem.Decode(text)
	if !accepts(text) {
		t.Fatal("refused unchanged")
	}
	for i := range block.Bytes {
		block.Bytes[i] ^= 1
		if accepts(pem.EncodeToMemory(block)) {
			t.Errorf("byte %d of %d changed: accepted", i, len(block.Bytes))
		}
		block.Bytes[i] ^= 1
	}
	block.Bytes = append(block.Bytes, 0)
	if accepts(pem.EncodeToMemory(block)) {
		t.Error("a byte too many: accepted")
	}
}

func TestPEMOfAnotherKindIsNoCertificate(t *testing.T) {
	i := issue(t)
	text, err := i.leaf.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sm.ParseCertificateRequest(text); err == nil || !strings.Contains(err.Error(), "this is a certificate") {
		t.Errorf("a certificate as a request: %v", err)
	}
	key, err := i.key.Public().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sm.ParseCertificate(key); err == nil {
		t.Error("a key as a certificate")
	}
}
