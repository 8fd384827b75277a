package sm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

const (
	pemCertificate = "CERTIFICATE"
	pemRequest     = "CERTIFICATE REQUEST"
)

// signedWith is sm2-with-sm3 (GM/T 0006), the one signature algorithm of certificates and requests here. Parameters are absent.
var signedWith = element(tagSequence, []byte{0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75}) // 1.2.156.10197.1.501

// CertificateRequest is a PKCS#10 request whose signature was found good: who asks holds the private key.
type CertificateRequest struct {
	Subject pkix.Name
	Key     *PublicKey
}

// NewCertificateRequest writes a request for key as PEM, to be sent to an authority. The subject must say something.
func NewCertificateRequest(key *PrivateKey, subject pkix.Name) ([]byte, error) {
	signer, err := newX509Signer(key)
	if err != nil {
		return nil, err
	}
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	content, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{Subject: subject}, signer)
	if err != nil {
		return nil, fmt.Errorf("sm: making the certificate request: %w", err)
	}
	return encodePEM(pemRequest, content), nil
}

// ParseCertificateRequest reads one PEM block CERTIFICATE REQUEST and checks its signature. What the request wants besides
// subject and key is not read, so that nobody can ask himself into being an authority.
func ParseCertificateRequest(text []byte) (*CertificateRequest, error) {
	_, content, err := decodePEM(text, pemRequest)
	if err != nil {
		return nil, err
	}
	request, err := smx509.ParseCertificateRequest(content)
	if err != nil {
		return nil, fmt.Errorf("sm: reading the certificate request: %w", err)
	}
	key, err := ParsePublicKey(request.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, err
	}
	if !signedBy(key, content, request.RawTBSCertificateRequest, request.Signature) {
		return nil, errors.New("sm: the certificate request is not signed by its own key with SM2 and SM3")
	}
	return &CertificateRequest{Subject: request.Subject, Key: key}, nil
}

// Certificate is an X.509 certificate of an SM2 key. Reading one does not check who signed it: [Certificate.Verify] does.
type Certificate struct {
	Subject, Issuer     pkix.Name
	Serial              *big.Int
	NotBefore, NotAfter time.Time
	Authority           bool // may sign certificates
	Key                 *PublicKey

	x509 *smx509.Certificate
}

// ParseCertificate reads one PEM block CERTIFICATE.
func ParseCertificate(text []byte) (*Certificate, error) {
	_, content, err := decodePEM(text, pemCertificate)
	if err != nil {
		return nil, err
	}
	c, err := smx509.ParseCertificate(content)
	if err != nil {
		return nil, fmt.Errorf("sm: reading the certificate: %w", err)
	}
	key, err := ParsePublicKey(c.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, err
	}
	return &Certificate{
		Subject: c.Subject, Issuer: c.Issuer, Serial: c.SerialNumber,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Authority: c.IsCA && c.BasicConstraintsValid, Key: key, x509: c,
	}, nil
}

// MarshalPEM writes the certificate as PEM.
func (c *Certificate) MarshalPEM() ([]byte, error) {
	return encodePEM(pemCertificate, c.x509.Raw), nil
}

// SignedBy says whether issuer signed c; the issuer's engine decides. It looks at nothing else: neither names nor times.
func (c *Certificate) SignedBy(issuer *PublicKey) bool {
	return signedBy(issuer, c.x509.Raw, c.x509.RawTBSCertificate, c.x509.Signature)
}

// Verify says whether a chain leads from c to one of roots at that time, through some of between: names, validity, the right to
// sign, path lengths and, with the strict reader, every signature. Revocation is not looked at.
func (c *Certificate) Verify(at time.Time, roots []*Certificate, between ...*Certificate) error {
	known := map[string]*Certificate{string(c.x509.Raw): c}
	pool := func(certificates []*Certificate) *smx509.CertPool {
		p := smx509.NewCertPool()
		for _, c := range certificates {
			known[string(c.x509.Raw)] = c
			p.AddCert(c.x509)
		}
		return p
	}
	chains, err := c.x509.Verify(smx509.VerifyOptions{
		Roots: pool(roots), Intermediates: pool(between), CurrentTime: at,
		KeyUsages: []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("sm: the certificate is not trusted: %w", err)
	}
	for _, chain := range chains {
		if strictChain(chain, known) {
			return nil
		}
	}
	return errors.New("sm: the certificate is not trusted: a signature of its chain is malformed or of another algorithm")
}

// strictChain repeats the signature checks of a chain, from leaf to root, with our own readers in front.
func strictChain(chain []*smx509.Certificate, known map[string]*Certificate) bool {
	for i, c := range chain[:len(chain)-1] {
		child, parent := known[string(c.Raw)], known[string(chain[i+1].Raw)]
		if child == nil || parent == nil || !child.SignedBy(parent.Key) {
			return false
		}
	}
	return true
}

// NewAuthority writes a self-signed certificate of an authority as PEM. It may sign certificates of parties, not of further
// authorities.
func NewAuthority(key *PrivateKey, subject pkix.Name, from, until time.Time) ([]byte, error) {
	template := newTemplate(subject, from, until)
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign
	return createCertificate(template, template, key.Public(), key)
}

// Issue writes a certificate for the request as PEM, signed by the authority c whose private key is key. The serial number is
// random. It ends no later than c does.
func (c *Certificate) Issue(key *PrivateKey, request *CertificateRequest, from, until time.Time) ([]byte, error) {
	switch {
	case request == nil || request.Key == nil:
		return nil, errNoKey
	case !c.Authority:
		return nil, errors.New("sm: only an authority issues certificates")
	case !c.Key.Equal(key.Public()):
		return nil, errors.New("sm: the private key does not belong to the authority's certificate")
	case from.Before(c.NotBefore) || until.After(c.NotAfter):
		return nil, errors.New("sm: the certificate would be valid when its authority is not")
	}
	template := newTemplate(request.Subject, from, until)
	template.KeyUsage = smx509.KeyUsageDigitalSignature | smx509.KeyUsageKeyEncipherment
	return createCertificate(template, c.x509, request.Key, key)
}

func newTemplate(subject pkix.Name, from, until time.Time) *smx509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always as long
	return &smx509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      subject, NotBefore: from, NotAfter: until,
		BasicConstraintsValid: true,
	}
}

func createCertificate(template, parent *smx509.Certificate, subject *PublicKey, issuer *PrivateKey) ([]byte, error) {
	if !template.NotBefore.Before(template.NotAfter) {
		return nil, errors.New("sm: the certificate would end before it begins")
	}
	signer, err := newX509Signer(issuer)
	if err != nil {
		return nil, err
	}
	if err := checkSubject(template.Subject); err != nil {
		return nil, err
	}
	public, err := sm2.NewPublicKey(subject.point[:])
	if err != nil {
		return nil, fmt.Errorf("sm: making the certificate: %w", err)
	}
	content, err := smx509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("sm: making the certificate: %w", err)
	}
	return encodePEM(pemCertificate, content), nil
}

// checkSubject refuses a name that names nobody.
func checkSubject(subject pkix.Name) error {
	attributes := subject.ToRDNSequence()
	if len(attributes) == 0 {
		return errors.New("sm: the subject is empty: give at least a common name")
	}
	for _, set := range attributes {
		for _, a := range set {
			if text, ok := a.Value.(string); ok && strings.TrimSpace(text) == "" {
				return fmt.Errorf("sm: the subject's attribute %v is empty: leave it out", a.Type)
			}
		}
	}
	return nil
}

// signedBy checks the signature of a SEQUENCE { tbs, algorithm, BIT STRING }. The algorithm is compared byte by byte, because an
// identifier with parameters would be another encoding of the same thing.
func signedBy(key *PublicKey, content, tbs, sig []byte) bool {
	rest := der(content)
	body, ok := rest.read(tagSequence)
	if !ok || len(rest) != 0 || !body.skip(tbs) || !body.skip(signedWith) {
		return false
	}
	bits, ok := body.read(tagBitString)
	return ok && len(body) == 0 && len(bits) > 0 && bits[0] == 0 && bytes.Equal(bits[1:], sig) && key.Verify(tbs, sig)
}

// x509Signer lends a key to smx509, which hands it the whole text, not a digest.
type x509Signer struct {
	key    *PrivateKey
	public *ecdsa.PublicKey
}

func newX509Signer(key *PrivateKey) (*x509Signer, error) {
	if key == nil || key.secret == nil {
		return nil, errNoKey
	}
	public, err := sm2.NewPublicKey(key.public.point[:])
	if err != nil {
		return nil, err
	}
	return &x509Signer{key, public}, nil
}

func (s *x509Signer) Public() crypto.PublicKey { return s.public }

func (s *x509Signer) Sign(_ io.Reader, text []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(text)
}
