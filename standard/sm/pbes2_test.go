package sm_test

import (
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"

	"tongma/standard/sm"
)

// OpenSSL 3.0 does not write HMAC-SM3, so the library does, which also gives the key length that OpenSSL leaves out.
func TestKeysEncryptedWithSMAlgorithmsAloneAreRead(t *testing.T) {
	key := newKey(t)
	theirs, err := sm2.NewPrivateKey(scalarOf(t, key))
	if err != nil {
		t.Fatal(err)
	}
	for _, cipher := range []pkcs.Cipher{pkcs.SM4CBC, pkcs.AES256CBC} {
		content, err := pkcs8.MarshalPrivateKey(theirs, []byte("secret"), pkcs.NewPBESEncrypter(cipher, pkcs.NewPBKDF2Opts(pkcs.SM3, 16, 3000)))
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: content})
		back, err := sm.ParsePrivateKeyPEM(text, []byte("secret"))
		if err != nil || !back.Public().Equal(key.Public()) {
			t.Errorf("%s: %v", cipher.OID(), err)
		}
	}
}

func TestEncryptionParametersAreBoundedAndHaveOneEncoding(t *testing.T) {
	const sample = "06092a864886f70d01050d" + "3049" + "3029" + "06092a864886f70d01050c" + "301c" +
		"04082968ed06f9314891" + "02020800" + "300c" + "06082a864886f70d0209" + "0500" +
		"301c" + "06082a811ccf55016802" + "041003cd836b01938ac58842717fc4dc8d98"
	if sample != pbes2Samples[0] {
		t.Fatal("the sample is not the one that OpenSSL wrote")
	}
	const iterations = "3049302906092a864886f70d01050c301c04082968ed06f9314891" + "02020800" // and all lengths before them
	for name, c := range map[string]struct {
		from, to string
		want     string // in the error; "" for none
	}{
		"as written":           {"", "", ""},
		"most iterations":      {iterations, "304b302b06092a864886f70d01050c301e04082968ed06f9314891" + "020400989680", ""},
		"too many iterations":  {iterations, "304b302b06092a864886f70d01050c301e04082968ed06f9314891" + "020400989681", "iterations"},
		"negative iterations":  {iterations, "304a302a06092a864886f70d01050c301d04082968ed06f9314891" + "0203989680", "iterations"},
		"no iteration":         {iterations, "3048302806092a864886f70d01050c301b04082968ed06f9314891" + "020100", "iterations"},
		"its key length":       {iterations, "304c302c06092a864886f70d01050c301f04082968ed06f9314891" + "02020800" + "020110", ""},
		"another key length":   {iterations, "304c302c06092a864886f70d01050c301f04082968ed06f9314891" + "02020800" + "020120", "not PBES2"},
		"another hash":         {"06082a864886f70d0209", "06082a864886f70d020a", "another hash"},
		"another cipher":       {"06082a811ccf55016802", "06082a811ccf55016803", "another cipher"},
		"another derivation":   {"06092a864886f70d01050c", "06092a864886f70d01050b", "PBKDF2"},
		"another scheme":       {"06092a864886f70d01050d", "06092a864886f70d01050a", "old way"},
		"hash with parameters": {"0500", "0400", "not PBES2"},
		"salt is no octets":    {"04082968", "03082968", "not PBES2"},
		"short initial value":  {"301c06082a811ccf55016802041003cd836b01938ac58842717fc4dc8d98", "301b06082a811ccf55016802040f03cd836b01938ac58842717fc4dc8d", "not PBES2"},
		"a byte after it":      {"4dc8d98", "4dc8d9800", "not PBES2"},
		"cut":                  {"dc8d98", "dc8d", "not PBES2"},
	} {
		text := strings.Replace(sample, c.from, c.to, 1)
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = sm.ReadPBES2(b)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
