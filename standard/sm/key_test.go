package sm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

func newKey(t testing.TB) *sm.PrivateKey {
	t.Helper()
	key, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// scalarOf gives the hexadecimal of the private number, from its PEM.
func scalarOf(t *testing.T, key *sm.PrivateKey) []byte {
	t.Helper()
	text, err := key.MarshalPEM(nil)
	if err != nil {
		t.Fatal(err)
	}
	return decodePEM(t, text)[36:68]
}

func TestAPrivateKeyIsNeverPrinted(t *testing.T) {
	key := newKey(t)
	scalar := scalarOf(t, key)
	needles := []string{
		fmt.Sprintf("%x", scalar), fmt.Sprintf("%X", scalar), fmt.Sprint(scalar)[1:60],
		fmt.Sprintf("%#v", scalar)[8:60], string(scalar),
	}
	type inside struct{ key sm.PrivateKey }
	type pointed struct{ Key *sm.PrivateKey }
	var printed []string
	for _, v := range []any{key, *key, inside{*key}, &inside{*key}, pointed{key}, []*sm.PrivateKey{key}, map[string]any{"k": *key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, string(text))
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		printed = append(printed, log.String())
	}
	for _, text := range printed {
		for _, needle := range needles {
			if strings.Contains(text, needle) {
				t.Fatalf("a private key shows in %q", text)
			}
		}
	}
	want := "sm2 private key " + key.Public().ID()
	text, err := json.Marshal(key)
	if err != nil || string(text) != `"`+want+`"` || key.GoString() != want {
		t.Errorf("as JSON %s, as Go %s, want %q (%v)", text, key.GoString(), want, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, key); got != want {
			t.Errorf("with %s it prints as %q, want %q", verb, got, want)
		}
	}
}

func TestAKeyIDIsTheStartOfTheDigestOfItsEncoding(t *testing.T) {
	key := newKey(t).Public()
	digest := sm.Sum(key.Marshal())
	if want := fmt.Sprintf("%x", digest[:8]); key.ID() != want {
		t.Errorf("id %s, want %s", key.ID(), want)
	}
}

func TestEncryptedPrivateKeysOpenWithTheirPasswordOnly(t *testing.T) {
	key := newKey(t)
	sealed, err := key.MarshalPEM([]byte("口令 password"))
	if err != nil {
		t.Fatal(err)
	}
	back, err := sm.ParsePrivateKeyPEM(sealed, []byte("口令 password"))
	if err != nil || !bytes.Equal(scalarOf(t, back), scalarOf(t, key)) {
		t.Fatalf("not the same key: %v", err)
	}
	for _, password := range []string{"", "password", "口令 password "} {
		if _, err := sm.ParsePrivateKeyPEM(sealed, []byte(password)); err == nil {
			t.Errorf("opens with %q", password)
		}
	}
	again, err := key.MarshalPEM([]byte("口令 password"))
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("salt or initial value is not random (%v)", err)
	}
}

func TestBothEnginesReadWhatTheOtherWrote(t *testing.T) {
	fast := newKey(t)
	slow, err := fast.With(second.Engine)
	if err != nil {
		t.Fatal(err)
	}
	if !fast.Public().Equal(slow.Public()) || fast.Public().ID() != slow.Public().ID() {
		t.Fatal("the engines derive different public keys")
	}
	for _, size := range []int{1, 2, 31, 32, 33, 64, 1000, sm.MaxPlain} {
		plain := bytes.Repeat([]byte{0xa5}, size)
		for _, pair := range [][2]*sm.PrivateKey{{fast, slow}, {slow, fast}} {
			sealed, err := pair[0].Public().Encrypt(plain)
			if err != nil {
				t.Fatal(err)
			}
			back, err := pair[1].Decrypt(sealed)
			if err != nil || !bytes.Equal(back, plain) {
				t.Errorf("%d bytes do not come back: %v", size, err)
			}
		}
	}
}

func TestAChangedCiphertextDoesNotDecrypt(t *testing.T) {
	onBothEngines(t, func(t *testing.T) {
		key, other := newKey(t), newKey(t)
		sealed, err := key.Public().Encrypt([]byte("a session's secret"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Decrypt(sealed); err != sm.ErrDecrypt {
			t.Errorf("for another key: %v", err)
		}
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			if plain, err := key.Decrypt(changed); err != sm.ErrDecrypt || plain != nil {
				t.Errorf("byte %d of %d changed: %q, %v", i, len(sealed), plain, err)
			}
			if _, err := key.Decrypt(sealed[:i]); err != sm.ErrDecrypt {
				t.Errorf("cut to %d bytes: %v", i, err)
			}
		}
		if _, err := key.Decrypt(append(sealed, 0)); err != sm.ErrDecrypt {
			t.Errorf("a byte too many: %v", err)
		}
	})
}

func TestBadUseIsAnErrorAndNoPanic(t *testing.T) {
	var noPublic *sm.PublicKey
	var noPrivate *sm.PrivateKey
	if noPublic.Verify(nil, nil) || new(sm.PublicKey).Verify(nil, nil) || noPublic.Equal(noPublic) {
		t.Error("no key verifies or equals")
	}
	key := newKey(t)
	long := make([]byte, sm.MaxPlain+1)
	block := make([]byte, 16)
	for name, call := range map[string]func() error{
		"encrypt without a key":      func() error { _, err := noPublic.Encrypt(block); return err },
		"encrypt with a zero key":    func() error { _, err := new(sm.PublicKey).Encrypt(block); return err },
		"encrypt nothing":            func() error { _, err := key.Public().Encrypt(nil); return err },
		"encrypt too much":           func() error { _, err := key.Public().Encrypt(long); return err },
		"sign without a key":         func() error { _, err := noPrivate.Sign(block); return err },
		"sign with a zero key":       func() error { _, err := new(sm.PrivateKey).Sign(block); return err },
		"decrypt without a key":      func() error { _, err := noPrivate.Decrypt(block); return err },
		"bind no private key":        func() error { _, err := noPrivate.With(sm.Fast); return err },
		"bind no public key":         func() error { _, err := noPublic.With(sm.Fast); return err },
		"write no private key":       func() error { _, err := noPrivate.MarshalPEM(nil); return err },
		"write no public key":        func() error { _, err := noPublic.MarshalPEM(); return err },
		"agree about no key":         func() error { return second.Agrees(nil) },
		"agree about a zero key":     func() error { return second.Agrees(new(sm.PublicKey)) },
		"short SM4 key":              func() error { _, err := sm.EncryptECB(block[:15], block, sm.PKCS7); return err },
		"long SM4 key":               func() error { _, err := sm.DecryptECB(append(block, 0), block, sm.PKCS7); return err },
		"short initial value":        func() error { _, err := sm.EncryptCBC(block, block[:8], block, sm.PKCS7); return err },
		"no initial value":           func() error { _, err := sm.DecryptCBC(block, nil, block, sm.PKCS7); return err },
		"short nonce":                func() error { _, err := sm.SealGCM(block, block[:11], nil, nil); return err },
		"long nonce":                 func() error { _, err := sm.OpenGCM(block, block, block, nil); return err },
		"sealed text without a tag":  func() error { _, err := sm.OpenGCM(block, block[:12], block[:15], nil); return err },
		"half a block, no padding":   func() error { _, err := sm.EncryptECB(block, block[:8], sm.NoPadding); return err },
		"half a block of ciphertext": func() error { _, err := sm.DecryptCBC(block, block, block[:8], sm.PKCS7); return err },
		"no ciphertext":              func() error { _, err := sm.DecryptECB(block, nil, sm.PKCS7); return err },
		"unknown padding":            func() error { _, err := sm.EncryptECB(block, block, sm.Padding(9)); return err },
	} {
		if call() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBadPaddingIsRefused(t *testing.T) {
	key := make([]byte, 16)
	for _, tail := range []string{"\x00", "\x11", "\xff", "\x01\x02", "\x03\x02\x03"} {
		text := bytes.Repeat([]byte{7}, 32)
		copy(text[32-len(tail):], tail)
		sealed, err := sm.EncryptECB(key, text, sm.NoPadding)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sm.DecryptECB(key, sealed, sm.PKCS7); err == nil {
			t.Errorf("a text that ends with %q has no padding, but it is taken off", tail)
		}
	}
}

func TestPEMOfTheWrongKindIsRefusedWithAHint(t *testing.T) {
	key := newKey(t)
	private, _ := key.MarshalPEM(nil)
	public, _ := key.Public().MarshalPEM()
	sec1 := strings.ReplaceAll(string(private), "PRIVATE KEY", "EC PRIVATE KEY")
	sharp := strings.Replace(string(private), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1)
	readPrivate := func(s string) error { _, err := sm.ParsePrivateKeyPEM([]byte(s), nil); return err }
	readPublic := func(s string) error { _, err := sm.ParsePublicKeyPEM([]byte(s)); return err }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"SEC1", readPrivate(sec1), "openssl pkcs8 -topk8"},
		{"parameters before SEC1", readPrivate("-----BEGIN SM2 PARAMETERS-----\nBggqgRzPVQGCLQ==\n-----END SM2 PARAMETERS-----\n" + sec1), "openssl pkcs8 -topk8"},
		{"public for private", readPrivate(string(public)), "give the private one"},
		{"private for public", readPublic(string(private)), "keep it secret"},
		{"no PEM", readPublic("hello"), "begins with -----BEGIN PUBLIC KEY-----"},
		{"empty", readPrivate(""), "begins with -----BEGIN PRIVATE KEY-----"},
		{"text before", readPublic("hello\n" + string(public)), "no PEM"},
		{"two keys", readPublic(string(public) + string(public)), "one block alone"},
		{"header lines", readPrivate(sharp), "header lines"},
		{"too long", readPublic(string(public) + strings.Repeat("\n", 64<<10)), "longer than"},
		{"certificate for a key", readPublic(strings.ReplaceAll(string(public), "PUBLIC KEY", "CERTIFICATE")), "certificate"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want a hint with %q", c.name, c.err, c.want)
		}
	}
	if err := readPublic("\n" + string(public) + "\n\n"); err != nil {
		t.Errorf("blank lines around a key: %v", err)
	}
}

func TestBothEnginesAgreeAboutGoodKeys(t *testing.T) {
	for range 8 {
		if err := second.Agrees(newKey(t).Public()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range vectors[sm2Vectors](t, "sm2.json").Edge {
		key, err := sm.ParsePublicKeyPEM([]byte(c.PublicPEM))
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Agrees(key); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}
