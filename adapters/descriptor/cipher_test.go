package descriptor

import (
	"reflect"
	"strings"
	"testing"
)

// secrets are the names of the tests of ciphers.
var secrets = map[string]any{
	"key": "00112233445566778899aabbccddeeff", "iv": "0f0e0d0c0b0a09080706050403020100", "nonce": "0f0e0d0c0b0a090807060504",
	"x": `{"qrcode":"健康码"}`, "none": nil,
}

// The answers are OpenSSL 3.0's (openssl enc), those of gcm of the Python package cryptography.
func TestCiphersGiveWhatOtherMakersOfThemGive(t *testing.T) {
	for _, test := range []struct{ function, mode, key, iv, want string }{
		{"aes", "ecb", `unhex(key)`, `""`, "548e031bab2664ac88e14d66a51b359f2062ad5fd238e8b6d9ec18f56fbe3110"},
		{"aes", "cbc", `unhex(key)`, `unhex(iv)`, "a813b68954994621765974765344b82c427903d1ddd11920634c4c936b33f2fe"},
		{"aes", "cbc", `unhex(key + key)`, `unhex(iv)`, "00a301b9c32aa3427dec132d4c34c801ece46a4183b7591463d38195db2648d7"},
		{"aes", "gcm", `unhex(key)`, `unhex(nonce)`, "55a252832b89ee9b2c7e4f80678c4d657236fe4a5d004951b31c2f412efec73bdaabb87d4305"},
		{"sm4", "ecb", `unhex(key)`, `bytes("")`, "69946e0bfceeab831b351b7ee454a01aaa597b314742d12841c05a9240dce82a"},
		{"sm4", "cbc", `unhex(key)`, `unhex(iv)`, "42c0087c8f57be34e8edb8081ac71cf7d69c56a200272fc9eac5b5811bc6661a"},
		{"sm4", "gcm", `unhex(key)`, `unhex(nonce)`, "4509df0e7d77ca065745a0b928f946973eedc1841b56f2d71ef176fbd2c3f0a766399ee5806f"},
	} {
		args := `("` + test.mode + `", ` + test.key + `, ` + test.iv + `, `
		if got, err := evaluate(`hex(`+test.function+args+`x))`, secrets); got != test.want {
			t.Errorf("%s %s: %v, %v, want %s", test.function, test.mode, got, err, test.want)
		}
		back := `text(un` + test.function + args + `unhex("` + test.want + `")))`
		if got, err := evaluate(back, secrets); got != secrets["x"] {
			t.Errorf("%s = %v, %v", back, got, err)
		}
	}
	if got, err := evaluate(`hex(aes("ecb", unhex(key), "", ""))`, secrets); got != "00657ea140655a44782747705d422fad" {
		t.Error("an empty text:", got, err)
	}
	if got, err := evaluate(`unaes("ecb", unhex(key), "", unhex("00657ea140655a44782747705d422fad"))`, secrets); err != nil || !reflect.DeepEqual(got, []byte{}) {
		t.Error("an empty text:", got, err)
	}
}

// The blocks, by Python, end in a byte that is no length of a padding, and in one whose padding is not even.
func TestCiphersRefuseABadPadding(t *testing.T) {
	for name, block := range map[string]string{
		"length 0":  "b2c5fd40233b22e9be9b694768e70c52",
		"length 17": "eab2068602be2dfa9150e2e46114c306",
		"not even":  "d3202d83bebf199b68d075ee664dbdac",
	} {
		if got, err := evaluate(`unaes("ecb", unhex(key), "", unhex("`+block+`"))`, secrets); err == nil || !strings.Contains(err.Error(), "is another one") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestCiphersRefuseWhatIsNotTheirs(t *testing.T) {
	for src, want := range map[string]string{
		`aes("ctr", unhex(key), unhex(iv), x)`:                          "aes: the mode is ecb, cbc or gcm",
		`aes("ecb", bytes("short" + x), "", x)`:                         "aes: the key has not the length of one",
		`aes("cbc", unhex(key), unhex(nonce), x)`:                       "aes: iv has 16 bytes in mode cbc",
		`aes("gcm", unhex(key), unhex(iv), x)`:                          "aes: iv has 12 bytes in mode gcm",
		`aes("ecb", unhex(key), unhex(iv), x)`:                          "aes: iv has 0 bytes in mode ecb",
		`aes("cbc", unhex(key), iv, x)`:                                 "aes: bytes for iv is needed, and this is text",
		`aes("cbc", key, unhex(iv), x)`:                                 "aes: bytes is needed, and this is text",
		`aes("cbc", unhex(key), none, x)`:                               "aes: bytes for iv is needed, and this is nil",
		`sm4("ecb", unhex(key), "", none)`:                              "sm4: text or bytes is needed, and this is nil",
		`sm4("ecb", unhex(key + key), "", x)`:                           "sm4: the key has not the length of one",
		`unsm4("ecb", unhex(key), "", x)`:                               "unsm4: the text has no whole blocks of 16 bytes",
		`unsm4("ecb", unhex(key), "", "" + slice(x, 0, 0))`:             "unsm4: the text has no whole blocks of 16 bytes",
		`unsm4("ecb", unhex(iv), "", sm4("ecb", unhex(key), "", x))`:    "unsm4: the key, the iv or the text is another one",
		`unaes("ecb", unhex(key), "", unhex(key))`:                      "unaes: the key, the iv or the text is another one",
		`unaes("gcm", unhex(key), unhex(nonce), unhex(key + key))`:      "unaes: the key, the iv or the text is another one",
		`unaes("gcm", unhex(key), unhex(nonce), bytes(slice(x, 0, 3)))`: "unaes: the key, the iv or the text is another one",
	} {
		if _, err := evaluate(src, secrets); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}
