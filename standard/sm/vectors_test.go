package sm_test

import (
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

// hexBytes reads the hexadecimal members of the vectors.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

func vectors[T any](t testing.TB, name string) T {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// onBothEngines runs a test with each engine as the one in use.
func onBothEngines(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Cleanup(func() { sm.Use(sm.Fast) })
	for _, e := range []sm.Engine{sm.Fast, second.Engine} {
		sm.Use(e)
		t.Run(e.Name(), test)
	}
}

type sm2Case struct {
	Name         string    `json:"name"`
	Expected     string    `json:"expected"`
	Carrier      string    `json:"carrier"`
	PublicPEM    string    `json:"public_key_spki_pem"`
	PublicDER    hexBytes  `json:"public_key_spki_hex"`
	Point        hexBytes  `json:"public_key_point_hex"`
	PrivatePEM   string    `json:"private_key_pkcs8_pem"`
	Scalar       hexBytes  `json:"private_key_hex"`
	ID           *hexBytes `json:"id_hex"`
	Msg          hexBytes  `json:"msg_hex"`
	Z            hexBytes  `json:"za_hex"`
	E            hexBytes  `json:"e_hex"`
	Sig          hexBytes  `json:"sig_der_hex"`
	Raw          hexBytes  `json:"sig_raw_hex"`
	DigestDirect bool      `json:"digest_direct"`
}

type sm2Vectors struct {
	Standard        sm2Case   `json:"standard_example"`
	OpenSSL         []sm2Case `json:"openssl_valid"`
	Edge            []sm2Case `json:"edge_valid"`
	Regression      []sm2Case `json:"regression"`
	Negative        []sm2Case `json:"negative"`
	PrivateNegative []sm2Case `json:"private_key_negative"`
}

// accepts verifies a case as its members demand: the digest as it is, the default user id, or another one. For the default user id
// the public method is asked too, and must say the same.
func (c *sm2Case) accepts(t *testing.T, key *sm.PublicKey) bool {
	t.Helper()
	var digest [32]byte
	if c.DigestDirect {
		digest = [32]byte(c.E)
	} else {
		digest = sm.DigestFor(key, *c.ID, c.Msg)
	}
	ok := sm.VerifyDigest(key, digest[:], c.Sig)
	if !c.DigestDirect && string(*c.ID) == sm.UserID && key.Verify(c.Msg, c.Sig) != ok {
		t.Errorf("%s: Verify and the check of the digest differ", c.Name)
	}
	return ok
}

func TestEveryGoodSignatureOfTheVectorsIsAccepted(t *testing.T) {
	v := vectors[sm2Vectors](t, "sm2.json")
	cases := append([]sm2Case{v.Standard}, v.OpenSSL...)
	cases = append(append(cases, v.Edge...), v.Regression...)
	if len(cases) != 81 {
		t.Fatalf("%d cases instead of 81", len(cases))
	}
	onBothEngines(t, func(t *testing.T) {
		for _, c := range cases {
			key, err := sm.ParsePublicKeyPEM([]byte(c.PublicPEM))
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			if !c.DigestDirect && sm.DigestFor(key, *c.ID, c.Msg) != [32]byte(c.E) {
				t.Errorf("%s: another digest than the vector's", c.Name)
			}
			if !c.accepts(t, key) {
				t.Errorf("%s: refused", c.Name)
			}
			spoilt := c
			spoilt.E, spoilt.Msg = append(hexBytes{}, c.E...), append(hexBytes("x"), c.Msg...)
			if len(c.E) == 32 {
				spoilt.E[31] ^= 1
			}
			if spoilt.accepts(t, key) {
				t.Errorf("%s: accepted for another message", c.Name)
			}
		}
	})
}

func TestPrivateKeysOfTheVectorsGiveTheirPublicKeys(t *testing.T) {
	v := vectors[sm2Vectors](t, "sm2.json")
	cases := append(append([]sm2Case{v.Standard}, v.OpenSSL...), v.Edge...)
	onBothEngines(t, func(t *testing.T) {
		for _, c := range cases {
			if c.PrivatePEM == "" {
				continue
			}
			key, err := sm.ParsePrivateKeyPEM([]byte(c.PrivatePEM), nil)
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			public, err := key.Public().MarshalPEM()
			if err != nil || string(public) != c.PublicPEM {
				t.Errorf("%s: another public key (%v)", c.Name, err)
			}
			private, err := key.MarshalPEM(nil)
			if err != nil || string(private) != c.PrivatePEM {
				t.Errorf("%s: written otherwise than it was read (%v)", c.Name, err)
			}
			sig, err := key.Sign(c.Msg)
			if err != nil || !key.Public().Verify(c.Msg, sig) {
				t.Errorf("%s: its own signature is refused (%v)", c.Name, err)
			}
		}
	})
}

const (
	// The profile refuses compressed keys, which the vectors count as valid.
	compressedControl = "key_compressed_valid"
	// A good DER signature where r and s side by side are expected. DER is what is read here, so it says nothing.
	derForRaw = "raw_given_der"
)

func TestNothingBadOfTheVectorsIsAccepted(t *testing.T) {
	cases := vectors[sm2Vectors](t, "sm2.json").Negative
	if len(cases) != 94 {
		t.Fatalf("%d cases instead of 94", len(cases))
	}
	onBothEngines(t, func(t *testing.T) {
		for _, c := range cases {
			key, err := sm.ParsePublicKey(c.PublicDER)
			fromPEM, errPEM := sm.ParsePublicKeyPEM([]byte(c.PublicPEM))
			if (err == nil) != (errPEM == nil) || err == nil && !key.Equal(fromPEM) {
				t.Errorf("%s: DER and PEM of one key differ: %v, %v", c.Name, err, errPEM)
			}
			accepted := err == nil && c.accepts(t, key)
			if want := c.Expected == "valid" && c.Name != compressedControl; accepted != want {
				t.Errorf("%s: accepted %t, must be %t (%v)", c.Name, accepted, want, err)
			}
			if c.Carrier == "raw" && c.Name != derForRaw {
				refusesRaw(t, c, key)
			}
			if c.Carrier == "key" && c.Expected == "parse_error" && err == nil {
				t.Errorf("%s: the key was read", c.Name)
			}
		}
	})
}

// refusesRaw gives the defect, which lies in r and s side by side, to the reader of DER: as it is, and in DER where it fits.
func refusesRaw(t *testing.T, c sm2Case, key *sm.PublicKey) {
	t.Helper()
	bare := c
	bare.Sig = c.Raw
	if bare.accepts(t, key) {
		t.Errorf("%s: accepted as it is", c.Name)
	}
	if len(c.Raw) != 64 {
		return
	}
	var rs struct{ R, S *big.Int }
	rs.R, rs.S = new(big.Int).SetBytes(c.Raw[:32]), new(big.Int).SetBytes(c.Raw[32:])
	sig, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	bare.Sig = sig
	if bare.accepts(t, key) {
		t.Errorf("%s: accepted in DER", c.Name)
	}
}

func TestNoBadPrivateKeyOfTheVectorsIsRead(t *testing.T) {
	cases := vectors[sm2Vectors](t, "sm2.json").PrivateNegative
	if len(cases) != 8 {
		t.Fatalf("%d cases instead of 8", len(cases))
	}
	onBothEngines(t, func(t *testing.T) {
		for _, c := range cases {
			_, err := sm.ParsePrivateKeyPEM([]byte(c.PrivatePEM), nil)
			if (err == nil) != (c.Expected == "valid") {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	})
}

func TestSM3Vectors(t *testing.T) {
	v := vectors[struct {
		Digests []struct {
			Name   string   `json:"name"`
			Msg    hexBytes `json:"msg_hex"`
			Digest hexBytes `json:"digest_hex"`
		} `json:"digests"`
		HMAC []struct {
			Name string   `json:"name"`
			Key  hexBytes `json:"key_hex"`
			Msg  hexBytes `json:"msg_hex"`
			MAC  hexBytes `json:"mac_hex"`
		} `json:"hmac"`
	}](t, "sm3.json")
	if len(v.Digests) != 134 || len(v.HMAC) != 30 {
		t.Fatalf("%d digests and %d HMACs instead of 134 and 30", len(v.Digests), len(v.HMAC))
	}
	onBothEngines(t, func(t *testing.T) {
		for _, c := range v.Digests {
			if sm.Sum(c.Msg) != [32]byte(c.Digest) {
				t.Errorf("%s: wrong digest", c.Name)
			}
			h := sm.New()
			for i := range c.Msg { // byte by byte, with a look at the sum in between
				h.Write(c.Msg[i : i+1])
				h.Sum([]byte("prefix"))
			}
			if got := h.Sum([]byte("prefix")); string(got) != "prefix"+string(c.Digest) {
				t.Errorf("%s: wrong digest in pieces", c.Name)
			}
		}
		for _, c := range v.HMAC {
			mac := sm.HMAC(c.Key, c.Msg)
			if !sm.HMACEqual(mac[:], c.MAC) {
				t.Errorf("%s: wrong HMAC", c.Name)
			}
			mac[0] ^= 1
			if sm.HMACEqual(mac[:], c.MAC) || sm.HMACEqual(mac[:31], c.MAC) {
				t.Errorf("%s: another HMAC is equal", c.Name)
			}
			h := sm.NewHMAC(c.Key)
			h.Write([]byte("before the reset"))
			h.Reset()
			h.Write(c.Msg)
			if !sm.HMACEqual(h.Sum(nil), c.MAC) {
				t.Errorf("%s: wrong HMAC after a reset", c.Name)
			}
		}
	})
}

func TestSM4Vectors(t *testing.T) {
	v := vectors[struct {
		Block []struct {
			Name       string   `json:"name"`
			Key        hexBytes `json:"key_hex"`
			Plain      hexBytes `json:"plaintext_hex"`
			Ciphertext hexBytes `json:"ciphertext_hex"`
			Times      int      `json:"times"`
		} `json:"block"`
		Modes []struct {
			Name       string   `json:"name"`
			Mode       string   `json:"mode"`
			Padding    string   `json:"padding"`
			Key        hexBytes `json:"key_hex"`
			IV         hexBytes `json:"iv_hex"`
			Plain      hexBytes `json:"plaintext_hex"`
			Ciphertext hexBytes `json:"ciphertext_hex"`
		} `json:"modes"`
		AEAD []struct {
			Name       string   `json:"name"`
			Mode       string   `json:"mode"`
			Key        hexBytes `json:"key_hex"`
			Nonce      hexBytes `json:"nonce_hex"`
			AAD        hexBytes `json:"aad_hex"`
			Plain      hexBytes `json:"plaintext_hex"`
			Ciphertext hexBytes `json:"ciphertext_hex"`
			Tag        hexBytes `json:"tag_hex"`
		} `json:"aead"`
	}](t, "sm4.json")
	if len(v.Block) != 2 || len(v.Modes) != 24 || len(v.AEAD) != 14 {
		t.Fatalf("%d, %d, %d cases instead of 2, 24, 14", len(v.Block), len(v.Modes), len(v.AEAD))
	}
	paddings := map[string]sm.Padding{"PKCS7": sm.PKCS7, "none": sm.NoPadding}
	onBothEngines(t, func(t *testing.T) {
		for _, c := range v.Block {
			block, err := sm.EngineInUse().NewCipher(c.Key)
			if err != nil {
				t.Fatal(err)
			}
			text := append([]byte{}, c.Plain...)
			for range c.Times {
				block.Encrypt(text, text)
			}
			if string(text) != string(c.Ciphertext) {
				t.Errorf("%s: wrong ciphertext", c.Name)
			}
			block.Decrypt(text, text)
			if c.Times == 1 && string(text) != string(c.Plain) {
				t.Errorf("%s: wrong plaintext", c.Name)
			}
		}
		for _, c := range v.Modes {
			pad, ok := paddings[c.Padding]
			if !ok {
				t.Fatalf("%s: padding %q", c.Name, c.Padding)
			}
			var sealed, plain []byte
			var err, errBack error
			switch c.Mode {
			case "ECB":
				sealed, err = sm.EncryptECB(c.Key, c.Plain, pad)
				plain, errBack = sm.DecryptECB(c.Key, c.Ciphertext, pad)
			case "CBC":
				sealed, err = sm.EncryptCBC(c.Key, c.IV, c.Plain, pad)
				plain, errBack = sm.DecryptCBC(c.Key, c.IV, c.Ciphertext, pad)
			default:
				t.Fatalf("%s: mode %q", c.Name, c.Mode)
			}
			if err != nil || string(sealed) != string(c.Ciphertext) {
				t.Errorf("%s: wrong ciphertext (%v)", c.Name, err)
			}
			if errBack != nil || string(plain) != string(c.Plain) {
				t.Errorf("%s: wrong plaintext (%v)", c.Name, errBack)
			}
		}
		gcm := 0
		for _, c := range v.AEAD {
			if c.Mode != "GCM" {
				continue // CCM is not offered: nothing speaks it
			}
			gcm++
			sealed, err := sm.SealGCM(c.Key, c.Nonce, c.Plain, c.AAD)
			if err != nil || string(sealed) != string(c.Ciphertext)+string(c.Tag) {
				t.Errorf("%s: wrong ciphertext or tag (%v)", c.Name, err)
			}
			plain, err := sm.OpenGCM(c.Key, c.Nonce, sealed, c.AAD)
			if err != nil || string(plain) != string(c.Plain) {
				t.Errorf("%s: wrong plaintext (%v)", c.Name, err)
			}
			for i := range sealed {
				sealed[i] ^= 0x80
				if plain, err := sm.OpenGCM(c.Key, c.Nonce, sealed, c.AAD); err != sm.ErrOpen || plain != nil {
					t.Errorf("%s: opens although byte %d was changed", c.Name, i)
				}
				sealed[i] ^= 0x80
			}
			if _, err := sm.OpenGCM(c.Key, c.Nonce, sealed, append([]byte("x"), c.AAD...)); err != sm.ErrOpen {
				t.Errorf("%s: opens with other additional data", c.Name)
			}
		}
		if gcm != 7 {
			t.Errorf("%d GCM cases instead of 7", gcm)
		}
	})
}
