package sm_test

import (
	"bytes"
	"crypto/x509/pkix"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/standard/sm"
)

// shell runs the openssl command in a directory of its own.
type shell struct {
	t   *testing.T
	dir string
}

func newShell(t *testing.T) shell {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl command: signatures, ciphertexts, keys and certificates were not exchanged with OpenSSL")
	}
	if out, err := exec.Command("openssl", "genpkey", "-algorithm", "SM2").CombinedOutput(); err != nil {
		t.Skipf("this openssl has no SM2, nothing was exchanged with it: %s", out)
	}
	return shell{t, t.TempDir()}
}

func (s shell) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s shell) read(name string) []byte {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

// run runs `openssl` with the words of command.
func (s shell) run(command string) string {
	s.t.Helper()
	out, err := s.try(command)
	if err != nil {
		s.t.Fatalf("openssl %s: %v\n%s", command, err, out)
	}
	return out
}

func (s shell) try(command string) (string, error) {
	cmd := exec.Command("openssl", strings.Fields(command)...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// exchange gives a key that OpenSSL made, as both sides hold it.
func (s shell) exchange() *sm.PrivateKey {
	s.t.Helper()
	s.run("genpkey -algorithm SM2 -out key.pem")
	s.run("pkey -in key.pem -pubout -out pub.pem")
	key, err := sm.ParsePrivateKeyPEM(s.read("key.pem"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	public, err := sm.ParsePublicKeyPEM(s.read("pub.pem"))
	if err != nil || !public.Equal(key.Public()) {
		s.t.Fatalf("OpenSSL derives another public key (%v)", err)
	}
	return key
}

func TestSignaturesAreExchangedWithOpenSSL(t *testing.T) {
	s := newShell(t)
	onBothEngines(t, func(t *testing.T) {
		key := s.exchange()
		for _, msg := range []string{"", "tongma/1 request", strings.Repeat("健康码", 1000)} {
			s.write("msg", []byte(msg))
			s.run("pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:" + sm.UserID + " -inkey key.pem -in msg -out sig")
			if !key.Public().Verify([]byte(msg), s.read("sig")) {
				t.Errorf("OpenSSL's signature of %d bytes is refused", len(msg))
			}
			sig, err := key.Sign([]byte(msg))
			if err != nil {
				t.Fatal(err)
			}
			s.write("sig", sig)
			const verify = "pkeyutl -verify -rawin -digest sm3 -pkeyopt distid:" + sm.UserID + " -pubin -inkey pub.pem -in msg -sigfile sig"
			if out, err := s.try(verify); err != nil {
				t.Errorf("OpenSSL refuses our signature of %d bytes: %s", len(msg), out)
			}
			s.write("msg", []byte(msg+"x"))
			if _, err := s.try(verify); err == nil {
				t.Errorf("OpenSSL accepts our signature of %d bytes for another message", len(msg))
			}
		}
	})
}

func TestCiphertextsAreExchangedWithOpenSSL(t *testing.T) {
	s := newShell(t)
	onBothEngines(t, func(t *testing.T) {
		key := s.exchange()
		for _, size := range []int{1, 32, 33, 1000} {
			plain := bytes.Repeat([]byte("k"), size)
			s.write("plain", plain)
			s.run("pkeyutl -encrypt -pubin -inkey pub.pem -in plain -out sealed")
			if back, err := key.Decrypt(s.read("sealed")); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("OpenSSL's ciphertext of %d bytes: %v", size, err)
			}
			sealed, err := key.Public().Encrypt(plain)
			if err != nil {
				t.Fatal(err)
			}
			s.write("sealed", sealed)
			s.run("pkeyutl -decrypt -inkey key.pem -in sealed -out back")
			if !bytes.Equal(s.read("back"), plain) {
				t.Errorf("OpenSSL reads something else in our ciphertext of %d bytes", size)
			}
		}
	})
}

func TestEncryptedKeysAreExchangedWithOpenSSL(t *testing.T) {
	s := newShell(t)
	key := s.exchange()
	for _, options := range []string{
		"-v2 sm4-cbc", "-v2 sm4-cbc -v2prf hmacWithSHA256", "-v2 sm4-cbc -v2prf hmacWithSM3",
		"-v2 aes-256-cbc", "-v2 aes-256-cbc -iter 10000", "-v2 aes-256-cbc -v2prf hmacWithSM3",
	} {
		out, err := s.try("pkcs8 -topk8 -in key.pem -passout pass:secret -out sealed.pem " + options)
		if err != nil && strings.Contains(out, "Unknown PRF") {
			t.Logf("skipped: this openssl does not write %q", options)
			continue
		}
		back, err := sm.ParsePrivateKeyPEM(s.read("sealed.pem"), []byte("secret"))
		if err != nil || !back.Public().Equal(key.Public()) {
			t.Errorf("%s: %v", options, err)
		}
		if _, err := sm.ParsePrivateKeyPEM(s.read("sealed.pem"), []byte("wrong")); err == nil {
			t.Errorf("%s: opens with a wrong password", options)
		}
	}
	for _, options := range []string{"-v2 aes-256-cbc -v2prf hmacWithSHA1", "-v2 aes-128-cbc", "-v1 PBE-SHA1-3DES"} {
		s.run("pkcs8 -topk8 -in key.pem -passout pass:secret -out old.pem " + options)
		if _, err := sm.ParsePrivateKeyPEM(s.read("old.pem"), []byte("secret")); err == nil || !strings.Contains(err.Error(), "openssl pkcs8 -topk8") {
			t.Errorf("%s: %v, want a refusal that says how to convert", options, err)
		}
	}

	sealed, err := key.MarshalPEM([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("ours.pem", sealed)
	s.run("pkey -in ours.pem -passin pass:secret -pubout -out theirs.pem")
	if !bytes.Equal(s.read("theirs.pem"), s.read("pub.pem")) {
		t.Error("OpenSSL reads another key in our encrypted one")
	}
	if _, err := s.try("pkey -in ours.pem -passin pass:wrong -noout"); err == nil {
		t.Error("OpenSSL opens our encrypted key with a wrong password")
	}
}

func TestCertificatesAreExchangedWithOpenSSL(t *testing.T) {
	s := newShell(t)
	key := s.exchange()
	s.run("req -new -key key.pem -sm3 -sigopt distid:" + sm.UserID + " -subj /C=CN/O=Test/CN=gate -out theirs.csr")
	request, err := sm.ParseCertificateRequest(s.read("theirs.csr"))
	if err != nil || !request.Key.Equal(key.Public()) || request.Subject.CommonName != "gate" {
		t.Fatalf("OpenSSL's request: %+v, %v", request, err)
	}

	ours, err := sm.NewCertificateRequest(key, pkix.Name{CommonName: "gate"})
	if err != nil {
		t.Fatal(err)
	}
	s.write("ours.csr", ours)
	s.run("req -in ours.csr -verify -noout -vfyopt distid:" + sm.UserID)

	authorityKey := newKey(t)
	now := time.Now()
	root, err := sm.NewAuthority(authorityKey, pkix.Name{CommonName: "test authority"}, now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := sm.ParseCertificate(root)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue(authorityKey, request, now.Add(-time.Minute), now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	s.write("root.pem", root)
	s.write("leaf.pem", leaf)
	s.run("verify -CAfile root.pem -vfyopt distid:" + sm.UserID + " leaf.pem")
}
