package wire_test

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// knownSession was sealed by Python's cryptography package (SM4-GCM) under the key that `openssl mac` derives from "seal secret".
const knownSession = "ZGVmZ2hpamtsbW5vgsja1tjFgKU6f00H3rQL74BQQ9on4opTZQGmyopqP0guNmfHDzH4gHQQX7B4ws5heUELWG5q2Mib3pm4GtsxQilAgBIqp5yY3VrLaU6XBHWFAJ5-DNT8FfZ9OYF4z3A"

var (
	sealKey     = wire.NewSealKey([]byte("seal secret"))
	goodSession = wire.Session{
		Rid: "gate-7", KeyID: "gate-7-2022", Device: "dev-1", Services: []string{"verify", "query"}, Expires: time.UnixMilli(1646101000000),
		Secret: [32]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
	}
)

func TestASessionSealedElsewhereIsOpened(t *testing.T) {
	got, err := wire.OpenSession(sealKey, knownSession)
	if err != nil || !reflect.DeepEqual(got, goodSession) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestASealedSessionIsOpenedAgain(t *testing.T) {
	longest := strings.Repeat("a", 64)
	for _, s := range []wire.Session{
		goodSession,
		{Expires: time.UnixMilli(0)},
		{Rid: longest, KeyID: longest, Device: longest + longest, Services: []string{"verify", "query", "issue", "correct"}, Expires: time.UnixMilli(1646101000000)},
		{Rid: "a", Device: strings.Repeat("测", 64), Expires: time.UnixMilli(1646101000000)},
	} {
		id, err := wire.SealSession(sealKey, s)
		if err != nil {
			t.Fatal(err)
		}
		if len(id) > 512 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			t.Errorf("the id has %d characters: %s", len(id), id)
		}
		got, err := wire.OpenSession(sealKey, id)
		if err != nil || got.Rid != s.Rid || got.KeyID != s.KeyID || got.Device != s.Device || !got.Expires.Equal(s.Expires) || got.Secret != s.Secret ||
			strings.Join(got.Services, ",") != strings.Join(s.Services, ",") {
			t.Errorf("%+v, %v; want %+v", got, err, s)
		}
	}
}

func TestNoTwoIDsAreAlike(t *testing.T) {
	a, _ := wire.SealSession(sealKey, goodSession)
	b, _ := wire.SealSession(sealKey, goodSession)
	if a == b || a == "" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestASessionThatDoesNotFitIsNotSealed(t *testing.T) {
	for _, s := range []wire.Session{
		{Device: strings.Repeat("a", 256)},
		{Rid: strings.Repeat("a", 150), Device: strings.Repeat("a", 250)},
		{Services: []string{strings.Repeat("a", 200), strings.Repeat("b", 56)}},
	} {
		if id, err := wire.SealSession(sealKey, s); err == nil {
			t.Errorf("sealed as %s", id)
		}
	}
}

func TestWhatThisGatewayDidNotSealIsNotOpened(t *testing.T) {
	id, err := wire.SealSession(sealKey, goodSession)
	if err != nil {
		t.Fatal(err)
	}
	other := wire.NewSealKey([]byte("another secret"))
	_, err = wire.OpenSession(other, id)
	wantRefusal(t, "another key", err, wire.CodeSession)
	for _, bad := range []string{"", "a", id[:len(id)-1], id + "A", id[1:], id + "=", id + "\n", id[:10] + "\n" + id[10:], id[:10] + "." + id[11:], strings.Repeat("A", 512), strings.Repeat("A", 513)} {
		_, err := wire.OpenSession(sealKey, bad)
		wantRefusal(t, bad, err, wire.CodeSession)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(id)
	for i := range raw {
		raw[i] ^= 1
		_, err := wire.OpenSession(sealKey, base64.RawURLEncoding.EncodeToString(raw))
		wantRefusal(t, "a bit is turned", err, wire.CodeSession)
		raw[i] ^= 1
	}
}

func TestAnIDIsCanonical(t *testing.T) {
	id := seal(t, append([]byte{1}, make([]byte, 8+32+4)...)) // 73 bytes: four bits of the last character are left over
	if _, err := wire.OpenSession(sealKey, id); err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, id[len(id)-1])
	_, err := wire.OpenSession(sealKey, id[:len(id)-1]+alphabet[last+1:last+2])
	wantRefusal(t, "bits left over are set", err, wire.CodeSession)
}

func TestASealedTextThatIsNoSessionIsNotOpened(t *testing.T) {
	whole := append(make([]byte, 1+8+32), 1, 'a', 1, 'k', 0, 6, 'v', 'e', 'r', 'i', 'f', 'y')
	whole[0] = 1
	if _, err := wire.OpenSession(sealKey, seal(t, whole)); err != nil {
		t.Fatalf("the whole text: %v", err)
	}
	for n := range whole {
		_, err := wire.OpenSession(sealKey, seal(t, whole[:n]))
		wantRefusal(t, "cut off", err, wire.CodeSession)
	}
	_, err := wire.OpenSession(sealKey, seal(t, append(whole, 0)))
	wantRefusal(t, "something behind it", err, wire.CodeSession)
	whole[0] = 2
	_, err = wire.OpenSession(sealKey, seal(t, whole))
	wantRefusal(t, "another format", err, wire.CodeSession)
}

func seal(t *testing.T, plain []byte) string {
	t.Helper()
	nonce := make([]byte, 12)
	sealed, err := sm.SealGCM(sealKey[:], nonce, plain, []byte(wire.LineSeal))
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(append(nonce, sealed...))
}

func TestTheSessionKeysDependOnEverything(t *testing.T) {
	secret, other := [32]byte{1}, [32]byte{2}
	seen := map[[32]byte]bool{}
	add := func(request, answer [32]byte) { seen[request], seen[answer] = true, true }
	add(wire.SessionKeys(&secret, "s", "r", "g"))
	add(wire.SessionKeys(&other, "s", "r", "g"))
	add(wire.SessionKeys(&secret, "s2", "r", "g"))
	add(wire.SessionKeys(&secret, "s", "r2", "g"))
	add(wire.SessionKeys(&secret, "s", "r", "g2"))
	if len(seen) != 10 {
		t.Errorf("%d different keys of 10", len(seen))
	}
}

func FuzzOpenSession(f *testing.F) {
	f.Add(knownSession)
	f.Add("")
	f.Add(strings.Repeat("A", 80))
	f.Fuzz(func(t *testing.T, id string) {
		if s, err := wire.OpenSession(sealKey, id); err == nil && id != knownSession {
			t.Errorf("%q is opened: %+v", id, s.Rid)
		}
	})
}

func BenchmarkOpenSession(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.OpenSession(sealKey, knownSession); err != nil {
			b.Fatal(err)
		}
	}
}
