package descriptor

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
)

// Keys that OpenSSL made for these tests alone.
const (
	testRSA = `-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAK7eqeI8T5hMsjDL
TbimlG1/KusA621nMaainC4fSACEhrYQ8dnhNoW37FapVcVdGI1IklaoKtwwNc6W
BA1nvoeIJyJ2mue71HWSfTrCOsyzOwogGFOAyvlvopOoHHcJmxwWzSt3YCu7xekm
3PvXd41MwG5PhBwgkPcp/yKWgiuJAgMBAAECgYEArKWplHN3IiaWxxXx5hyQ7opf
FSYTSjBYFOz2xZKcw+YUGi0gmrx/2AV+kREeXX1MgDDmSig+KKZweUYjOhjzQbqD
7H4W/nYU5VvQhWPTC+IhCnQdkMI9EvAVgMiiGNYROg9KP7g0bc57JViBmRVWas3a
wVN8BZpIk5Qet+SmXAECQQDYiGa18Ge703m+rq8cLIzg9GX7FV9FtfO+JVUcI+Sn
fNBvc904v4nt4eN4u87Mn81cTABdEptwQhIHno3kijdVAkEAzr47HJGy2Cwswh8w
iZlUHxNQwNVbKc8NHHBj5z5Tnfa68ILGAWV7jq2hE4O7w8E2ja3ZYVyjzBsOzRkg
dNL7ZQJAQKb5g/lz/7D0+OpPfqoOplxS1tVazQW28V9UOkK9UwUBd0WxF/CYzl5T
/QiWhqJwPs6yjRexMaOInp3I4CQkwQJAIJ2ML8agg0/8w6ct/hctWTWv4KwIFMFw
XRMx/5IqmNoKxdSrrh63blvf9Hcs0QYTOCi8CYsW4CVIoXycTTHXrQJAILXhz6tE
oRtG5v3UmEszOGoRUmy+bHXnU4E+ABW8CkOSzkJ8zM2gB0j2jWdETEUjlHWDfyVP
o3r7HBmOqyD86A==
-----END PRIVATE KEY-----
`
	testSM2 = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgb6DpJEDHU9WTKE7J
QpB4BmJ6MF3xfs42oqIS5HxROr2hRANCAATefdmQ6XT5QPEC9H81gJBgzRGDp51r
sWczFAhsw7KYJOZf/oyyyXwgVeroVdmKtJnay2gtqMq2+DlGwkOou1lA
-----END PRIVATE KEY-----
`
	testSM2Public = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE3n3ZkOl0+UDxAvR/NYCQYM0Rg6ed
a7FnMxQIbMOymCTmX/6Mssl8IFXq6FXZirSZ2stoLajKtvg5RsJDqLtZQA==
-----END PUBLIC KEY-----
`
	testScalar = "6fa0e92440c753d593284ec942907806627a305df17ece36a2a212e47c513abd"
	testPoint  = "de7dd990e974f940f102f47f35809060cd1183a79d6bb1673314086cc3b29824e65ffe8cb2c97c2055eae855d98ab499dacb682da8cab6f83946c243a8bb5940"
)

// bare gives the base64 that stands in PEM.
func bare(text string) string {
	block, _ := pem.Decode([]byte(text))
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

var keyNames = map[string]any{
	"rsa": testRSA, "rsaBare": bare(testRSA), "sm2": testSM2, "sm2Bare": bare(testSM2), "scalar": testScalar,
	"pub": testSM2Public, "pubBare": bare(testSM2Public), "point": testPoint, "x": `{"qrcode":"健康码"}`, "none": nil,
}

// The signatures are OpenSSL 3.0's (openssl dgst -sign); what rsaprivate gives is computed in Python as m^d mod n.
func TestRSAGivesWhatOtherMakersOfItGive(t *testing.T) {
	names := maps.Clone(keyNames)
	names["pkcs1"] = "MIICXAIBAAKBgQCu3qniPE+YTLIwy024ppRtfyrrAOttZzGmopwuH0gAhIa2EPHZ4TaFt+xWqVXFXRiNSJJWqCrcMDXOlgQNZ76HiCcidprnu9R1kn06wjrMszsKIBhTgMr5b6KTqBx3CZscFs0rd2Aru8XpJtz713eNTMBuT4QcIJD3Kf8iloIriQIDAQABAoGBAKylqZRzdyImlscV8eYckO6KXxUmE0owWBTs9sWSnMPmFBotIJq8f9gFfpERHl19TIAw5kooPiimcHlGIzoY80G6g+x+Fv52FOVb0IVj0wviIQp0HZDCPRLwFYDIohjWEToPSj+4NG3OeyVYgZkVVmrN2sFTfAWaSJOUHrfkplwBAkEA2IhmtfBnu9N5vq6vHCyM4PRl+xVfRbXzviVVHCPkp3zQb3PdOL+J7eHjeLvOzJ/NXEwAXRKbcEISB56N5Io3VQJBAM6+OxyRstgsLMIfMImZVB8TUMDVWynPDRxwY+c+U532uvCCxgFle46toRODu8PBNo2t2WFco8wbDs0ZIHTS+2UCQECm+YP5c/+w9PjqT36qDqZcUtbVWs0FtvFfVDpCvVMFAXdFsRfwmM5eU/0IloaicD7Oso0XsTGjiJ6dyOAkJMECQCCdjC/GoINP/MOnLf4XLVk1r+CsCBTBcF0TMf+SKpjaCsXUq64et25b3/R3LNEGEzgovAmLFuAlSKF8nE0x160CQCC14c+rRKEbRub91JhLMzhqEVJsvmx151OBPgAVvApDks5CfMzNoAdI9o1nRExFI5R1g38lT6N6+xwZjqsg/Og="
	names["long"] = strings.Repeat("a", 150)
	for src, want := range map[string]string{
		`base64(rsasign("sha256", rsa, x))`:       "QhLCCQZQxkom5QjSOXVm/xMa5QwN+sft4VNdtgBaIpRc7/fdWcG0WCvnvDhXscYl7Uqd22E06AVlelv0iMw8jJVswSNRW0aTGn+SaKocFP+Ylh2u2/Ozm+cdaLcuEbj7JPPUHUZz4o8Z8MtzXGtYIWJtBZHFjWxdPPC7ox2nUcE=",
		`base64(rsasign("sha1", rsaBare, x))`:     "FAd/oKpFd5kEiKZwzU3ev1FXzFpZzZlYFwWYW7Zfq9hHeiB0aIfNUEIu2z2XDcADER7iSo6d8H0iulePYCclwL9euxywN23kywo9lnrw3XnmBs3pJHm0hcW70A/WPa17jxYyXJfxcGAO7zsNjT4G85LxrUvtqgY90k0fgSus1Us=",
		`base64(rsasign("md5", pkcs1, bytes(x)))`: "rO9sy3NfN7/d/XzjEDJRvMMyagbAbGks7r581xn6eW0+ajIR4ooMrJ/4+xvo1Z5zYLbnl1vXjbzYXQCk0ZLTPFKEz+CMSCfVsqp2bsCXtw7YHR07EtZLSJYhjhxTiXoQWvUjhX/jiy2PgOv1xk732wDMmP3rHjGZ/k6nBsJjmIU=",
		`base64(rsaprivate(rsa, x))`:              "efNusewuaFCHikECkRUgreJkTlwin5pSJS2tEOVu2BzngsjB3aOhNh2HK8LI/25g8XBlI72cw1kSZpaCJzQr9vmbxmJmyCOsnjR3vrz5Zu1TzLQYfxZMt3UQ7DBbIzvT4xN/5XtJDbaf5qlEKroox7rUrIq8WAtzBhPmL7UyutE=",
		`sha256(rsaprivate(rsa, long))`:           "3ee4b6161b48cf201dc5b8cabccf5e73e96ff72192147c4aed0e929039d77339",
		`sha256(rsaprivate(rsa, ""))`:             "9a07c260751ea11dea85232f95952ee966182eee280b09584ddb85bd3e8f8293",
	} {
		if got, err := evaluate(src, names); got != want {
			t.Errorf("%s = %v, %v, want %s", src, got, err, want)
		}
	}
}

// What OpenSSL signed and encrypted to the test key.
const (
	opensslSignature  = "304602210090ab56709273e563b19028aed42e001c93012b89174d1f96a161ebbe77dd75c2022100d2254b2765a98e92098c6c6401039ab07b025d11c780caf5e397504b02ef8c3e"
	opensslCiphertext = "308180022100f115011f43c353188abd7f1cc652c625527ab3e70e04fc3634099bf8b40003f8022100acd9be7da67c76e94c3281e67af74a3adec034fed129765682453113e66b5a73042074ef5242a5ad8689aec5ab11711e4953c925d6ca8b3d54d2fb59a66be77f2f0f04160997863e1bffbff7d1ca519204170c2446bd268f9236"
	rawSignature      = "90ab56709273e563b19028aed42e001c93012b89174d1f96a161ebbe77dd75c2" + "d2254b2765a98e92098c6c6401039ab07b025d11c780caf5e397504b02ef8c3e"
	rawCiphertext     = "f115011f43c353188abd7f1cc652c625527ab3e70e04fc3634099bf8b40003f8acd9be7da67c76e94c3281e67af74a3adec034fed129765682453113e66b5a73" +
		"74ef5242a5ad8689aec5ab11711e4953c925d6ca8b3d54d2fb59a66be77f2f0f" + "0997863e1bffbff7d1ca519204170c2446bd268f9236"
)

func TestSM2ReadsWhatOpenSSLWrote(t *testing.T) {
	names := maps.Clone(keyNames)
	for name, value := range map[string]string{"sig": opensslSignature, "rawSig": rawSignature, "sealed": opensslCiphertext, "rawSealed": rawCiphertext} {
		names[name], _ = hex.DecodeString(value)
	}
	for src, want := range map[string]any{
		`sm2verify(pub, x, sig)`: true, `sm2verify(pubBare, bytes(x), rawSig)`: true, `sm2verify(point, x, sig)`: true, `sm2verify("04" + point, x, rawSig)`: true,
		`sm2verify(pub, x + " ", sig)`: false, `sm2verify(pub, x, bytes(""))`: false, `sm2verify(pub, x, slice(unhex(hex(rawSig)), 0, 63))`: false, `sm2verify(pub, x, slice(unhex(hex(sealed)), 0, 64))`: false,
		`text(sm2decrypt(sm2, sealed))`: keyNames["x"], `text(sm2decrypt(sm2Bare, rawSealed))`: keyNames["x"], `text(sm2decrypt(scalar, unhex("04" + hex(rawSealed))))`: keyNames["x"],
		`sm2verify(pub, x, sm2sign(sm2, x))`: true, `sm2verify(pub, x, sm2sign(scalar, bytes(x)))`: true, `text(sm2decrypt(sm2, sm2encrypt(point, x)))`: keyNames["x"],
	} {
		if got, err := evaluate(src, names); got != want {
			t.Errorf("%s = %v, %v, want %v", src, got, err, want)
		}
	}
}

func TestKeysRefuseWhatIsNotTheirs(t *testing.T) {
	names := maps.Clone(keyNames)
	names["long"] = strings.Repeat("a", 64*117+1)
	for src, want := range map[string]string{
		`sm2sign(pub, x)`: "sm2sign: this is no key of that kind", `sm2sign(rsa, x)`: "sm2sign: this is no key", `sm2sign("", x + "")`: "sm2sign: this is no key", `sm2sign(sm2, none)`: "sm2sign: text or bytes is needed",
		`sm2sign("` + strings.Repeat("0", 64) + `", x)`: "sm2sign: this is no key", `sm2verify(sm2, x, bytes(x))`: "sm2verify: this is no key", `sm2verify("05" + point, x, bytes(x))`: "sm2verify: this is no key",
		`sm2verify("` + strings.Repeat("1", 128) + `", x, bytes(x))`: "sm2verify: this is no key", `sm2verify(pub, x, none)`: "sm2verify: bytes is needed, and this is nil",
		`sm2encrypt(pub, none)`: "sm2encrypt: text or bytes", `sm2encrypt(sm2, x)`: "sm2encrypt: this is no key", `sm2decrypt(sm2, x)`: "sm2decrypt: the key or the text is another one", `sm2decrypt(sm2, "")`: "sm2decrypt: the key or the text",
		`sm2decrypt(sm2, "` + strings.Repeat("a", 200) + `" + x)`: "sm2decrypt: the key or the text",
		`rsasign("sm3", rsa, x)`:                                  "rsasign: the hash is md5, sha1 or sha256", `rsasign("md5", sm2, x)`: "rsasign: this is no key", `rsasign("md5", rsa, none)`: "rsasign: text or bytes", `rsasign("md5", none, x)`: "rsasign: text is needed",
		`rsaprivate(pub, x)`: "rsaprivate: this is no key", `rsaprivate(rsa, long)`: "rsaprivate: the text has more than 64 blocks", `rsaprivate(rsa, none)`: "rsaprivate: text or bytes",
	} {
		if _, err := evaluate(src, names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}
