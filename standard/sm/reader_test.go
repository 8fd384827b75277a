package sm_test

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

func decodePEM(t testing.TB, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM")
	}
	return block.Bytes
}

// Each edit leaves a private key that lenient readers take.
func TestPrivateKeysHaveOneEncoding(t *testing.T) {
	good, err := newKey(t).MarshalPEM(nil)
	if err != nil {
		t.Fatal(err)
	}
	content := hex.EncodeToString(decodePEM(t, good))
	if _, err := sm.ParsePKCS8(decodePEM(t, good)); err != nil {
		t.Fatal(err)
	}
	scalar, point := content[72:136], content[len(content)-128:]
	head := func(size, rest string) string {
		return "3081" + size + "020100301306072a8648ce3d020106082a811ccf5501822d" + rest
	}
	without := "3041020100301306072a8648ce3d020106082a811ccf5501822d0427302502010104" + "20" + scalar
	withCurve := "304d020100301306072a8648ce3d020106082a811ccf5501822d0433303102010104" + "20" + scalar + "a00a06082a811ccf5501822d"
	for name, c := range map[string]struct {
		content string
		good    bool
	}{
		"as written":              {head("87", "046d306b020101"+"0420"+scalar+"a144034200"+"04"+point), true},
		"without a public part":   {without, true},
		"with the curve inside":   {withCurve, true},
		"another curve inside":    {strings.Replace(withCurve, "a00a06082a811ccf5501822d", "a00a06082a8648ce3d030107", 1), false},
		"version 1":               {strings.Replace(without, "020100", "020101", 1), false},
		"inner version 2":         {strings.Replace(without, "020101", "020102", 1), false},
		"algorithm of P-256":      {strings.Replace(without, "2a811ccf5501822d", "2a8648ce3d030107", 1), false},
		"long form of a length":   {"308141" + without[4:], false},
		"length with a zero byte": {strings.Replace(head("87", "046d306b020101"+"0420"+scalar+"a144034200"+"04"+point), "308187", "30820087", 1), false},
		"indefinite length":       {"3080" + without[4:] + "0000", false},
		"zero-padded version":     {strings.Replace(strings.Replace(without, "3041", "3042", 1), "020100", "02020000", 1), false},
		"compressed public part":  {head("67", "044d304b020101"+"0420"+scalar+"a124032200"+"02"+point[:64]), false},
		"unused bits":             {head("87", "046d306b020101"+"0420"+scalar+"a144034201"+"04"+point), false},
		"attributes after it":     {"3043" + without[4:] + "a000", false},
		"a byte after the point":  {head("8a", "0470306e020101"+"0420"+scalar+"a144034200"+"04"+point+"a20100"), false},
		"d of 33 bytes":           {"3042020100301306072a8648ce3d020106082a811ccf5501822d0428302602010104" + "2100" + scalar, false},
		"d of 31 bytes":           {"3040020100301306072a8648ce3d020106082a811ccf5501822d0426302402010104" + "1f" + scalar[2:], false},
		"a byte inside the inner": {"3042020100301306072a8648ce3d020106082a811ccf5501822d0428302502010104" + "20" + scalar + "00", false},
	} {
		b, err := hex.DecodeString(c.content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := sm.ParsePKCS8(b); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPublicKeysHaveOneEncoding(t *testing.T) {
	const algorithm = "301306072a8648ce3d020106082a811ccf5501822d"
	good := hex.EncodeToString(newKey(t).Public().Marshal())
	point := good[len(good)-128:]
	for name, c := range map[string]struct {
		content string
		good    bool
	}{
		"as written":              {"3059" + algorithm + "034200" + "04" + point, true},
		"a byte after it":         {good + "00", false},
		"an element inside":       {"305b" + algorithm + "034200" + "04" + point + "0500", false},
		"hybrid point":            {"3059" + algorithm + "034200" + "06" + point, false},
		"unused bits":             {"3059" + algorithm + "034207" + "04" + point, false},
		"infinity":                {"3019" + algorithm + "03020000", false},
		"no point":                {"3018" + algorithm + "030100", false},
		"zero point":              {"3059" + algorithm + "034200" + "04" + strings.Repeat("0", 128), false},
		"octets, not bits":        {"3059" + algorithm + "044200" + "04" + point, false},
		"algorithm id of SM2":     {"3059" + "301306082a811ccf5501822d06072a8648ce3d0201" + "034200" + "04" + point, false},
		"curve with a NULL":       {"305b" + "301506072a8648ce3d020106082a811ccf5501822d0500" + "034200" + "04" + point, false},
		"long form of the length": {"308159" + algorithm + "034200" + "04" + point, false},
	} {
		b, err := hex.DecodeString(c.content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := sm.ParsePublicKey(b); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Both libraries would take most of these.
func TestSignaturesHaveOneEncoding(t *testing.T) {
	const (
		r = "0220" + "11223344556677889900aabbccddeeff11223344556677889900aabbccddeeff"
		n = "022100" + "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"
		m = "022100" + "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122"
	)
	for name, c := range map[string]struct {
		sig  string
		good bool
	}{
		"plain":                 {"3044" + r + r, true},
		"one":                   {"3006020101020101", true},
		"n-1":                   {"3046" + m + m, true},
		"r is n":                {"3045" + n + r, false},
		"s is n":                {"3045" + r + n, false},
		"zero r":                {"3025020100" + r, false},
		"zero s":                {"3025" + r + "020100", false},
		"negative":              {"30060201ff020101", false},
		"needless zero byte":    {"300702020001020101", false},
		"empty integer":         {"30050200020101", false},
		"a byte after it":       {"300602010102010100", false},
		"a byte inside":         {"300702010102010100", false},
		"a third integer":       {"3009020101020101020101", false},
		"one integer":           {"3003020101", false},
		"long form of a length": {"308106020101020101", false},
		"two length bytes":      {"30820006020101020101", false},
		"indefinite length":     {"30800201010201010000", false},
		"set":                   {"3106020101020101", false},
		"high tag":              {"3f06020101020101", false},
		"cut":                   {"30060201010201", false},
		"length beyond the end": {"30070201010201ff", false},
		"33 bytes of r":         {"304522" + r[2:] + "00" + r, false},
		"empty":                 {"", false},
		"tag alone":             {"30", false},
	} {
		sig, err := hex.DecodeString(c.sig)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if sm.GoodSignature(sig) != c.good {
			t.Errorf("%s: good is %t, want %t", name, !c.good, c.good)
		}
	}
}

func TestCiphertextsHaveOneEncoding(t *testing.T) {
	type ciphertext struct {
		X, Y       *big.Int
		Hash, Text []byte
	}
	sealed, err := newKey(t).Public().Encrypt([]byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	var good ciphertext
	if _, err := asn1.Unmarshal(sealed, &good); err != nil {
		t.Fatal(err)
	}
	p, _ := new(big.Int).SetString("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff", 16)
	for name, c := range map[string]struct {
		edit func(*ciphertext)
		good bool
	}{
		"as written":       {func(*ciphertext) {}, true},
		"-y":               {func(c *ciphertext) { c.Y = new(big.Int).Sub(p, c.Y) }, true},
		"off the curve":    {func(c *ciphertext) { c.Y = new(big.Int).Add(c.Y, big.NewInt(1)) }, false},
		"x + p":            {func(c *ciphertext) { c.X = new(big.Int).Add(c.X, p) }, false},
		"negative x":       {func(c *ciphertext) { c.X = new(big.Int).Neg(c.X) }, false},
		"point (0, 0)":     {func(c *ciphertext) { c.X, c.Y = new(big.Int), new(big.Int) }, false},
		"hash of 31 bytes": {func(c *ciphertext) { c.Hash = c.Hash[:31] }, false},
		"hash of 33 bytes": {func(c *ciphertext) { c.Hash = append(bytes.Clone(c.Hash), 0) }, false},
		"no text":          {func(c *ciphertext) { c.Text = nil }, false},
		"longest text":     {func(c *ciphertext) { c.Text = make([]byte, sm.MaxPlain) }, true},
		"text too long":    {func(c *ciphertext) { c.Text = make([]byte, sm.MaxPlain+1) }, false},
	} {
		edited := good
		c.edit(&edited)
		text, err := asn1.Marshal(edited)
		if err != nil {
			t.Fatal(err)
		}
		if sm.IsCiphertext(text) != c.good {
			t.Errorf("%s: good is %t, want %t", name, !c.good, c.good)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	v := vectors[sm2Vectors](f, "sm2.json")
	for _, c := range v.Negative {
		f.Add([]byte(c.PublicDER))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		key, err := sm.ParsePublicKey(content)
		if err != nil {
			return
		}
		if !bytes.Equal(key.Marshal(), content) {
			t.Error("another encoding of the key was read")
		}
		if err := second.Agrees(key); err != nil {
			t.Error(err)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	key, err := sm.ParsePrivateKeyPEM([]byte(vectors[sm2Vectors](f, "sm2.json").Standard.PrivatePEM), nil)
	if err != nil {
		f.Fatal(err)
	}
	slow, err := key.With(second.Engine)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"a", "a session's secret", strings.Repeat("x", 300)} {
		sealed, err := key.Public().Encrypt([]byte(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
		f.Add(sealed[:len(sealed)-1])
	}
	f.Add([]byte{})
	f.Add([]byte{4})
	f.Fuzz(func(t *testing.T, text []byte) {
		a, errA := key.Decrypt(text)
		b, errB := slow.Decrypt(text)
		if (errA == nil) != (errB == nil) || !bytes.Equal(a, b) {
			t.Errorf("the engines disagree: %v, %v", errA, errB)
		}
	})
}

// pbes2Samples are the algorithm identifiers of keys that OpenSSL 3.0 encrypted with SM4-CBC and with AES-256-CBC.
var pbes2Samples = []string{
	"06092a864886f70d01050d3049302906092a864886f70d01050c301c04082968ed06f931489102020800300c06082a864886f70d02090500301c06082a811ccf55016802041003cd836b01938ac58842717fc4dc8d98",
	"06092a864886f70d01050d304a302906092a864886f70d01050c301c0408c0e961706a9c381a02020800300c06082a864886f70d02090500301d060960864801650304012a0410247e8e839eb45c8d53a41be7fad68a84",
}

func FuzzPrivateKey(f *testing.F) {
	v := vectors[sm2Vectors](f, "sm2.json")
	for _, c := range append(v.PrivateNegative, v.Standard) {
		block, _ := pem.Decode([]byte(c.PrivatePEM))
		f.Add(block.Bytes)
	}
	for _, algorithm := range pbes2Samples {
		b, err := hex.DecodeString(algorithm)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		sm.ReadPBES2(content)
		key, err := sm.ParsePKCS8(content)
		if err != nil {
			return
		}
		sig, err := key.Sign(content)
		if err != nil || !key.Public().Verify(content, sig) {
			t.Errorf("a key was read that cannot sign: %v", err)
		}
	})
}

func FuzzPEM(f *testing.F) {
	key := newKey(f)
	private, _ := key.MarshalPEM(nil)
	public, _ := key.Public().MarshalPEM()
	request, _ := sm.NewCertificateRequest(key, pkix.Name{CommonName: "gate"})
	root, _ := sm.NewAuthority(key, pkix.Name{CommonName: "authority"}, newYear, yearEnd)
	for _, text := range [][]byte{private, public, request, root, {}} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sm.ParsePrivateKeyPEM(text, nil)
		sm.ParsePublicKeyPEM(text)
		if request, err := sm.ParseCertificateRequest(text); err == nil && request.Key == nil {
			t.Error("a request without a key")
		}
		if c, err := sm.ParseCertificate(text); err == nil {
			c.Verify(summer, []*sm.Certificate{c})
			c.SignedBy(c.Key)
		}
	})
}
