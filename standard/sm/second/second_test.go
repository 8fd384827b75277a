package second

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tjfoc/gmsm/sm2"

	"tongma/standard/sm"
)

func pair(t testing.TB) (fast, slow *sm.PrivateKey) {
	t.Helper()
	fast, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	slow, err = fast.With(Engine)
	if err != nil {
		t.Fatal(err)
	}
	return fast, slow
}

// crossChecks is how many random signatures are compared: 500, or what TONGMA_CROSSCHECK says. CI says 20000.
func crossChecks(t *testing.T) int {
	text := os.Getenv("TONGMA_CROSSCHECK")
	if text == "" {
		return 500
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TONGMA_CROSSCHECK=%q is not a number of signatures", text)
	}
	return n
}

// Each signature is made by one engine, in turn, and read by both: as it is, and for another message.
func TestBothEnginesAgreeAboutRandomSignatures(t *testing.T) {
	checks := crossChecks(t)
	var next, failed atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= checks || failed.Load() > 10 {
					return
				}
				if what := crossCheck(i); what != "" {
					failed.Add(1)
					t.Errorf("signature %d: %s", i, what)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d signatures compared", checks)
}

// crossCheck says what went wrong with signature i, with a key of its own.
func crossCheck(i int) string {
	fast, err := sm.GenerateKey()
	if err != nil {
		return err.Error()
	}
	slow, err := fast.With(Engine)
	if err != nil {
		return err.Error()
	}
	if !fast.Public().Equal(slow.Public()) {
		return "the engines derive different public keys"
	}
	msg := make([]byte, 8+i%200)
	rand.Read(msg)
	binary.BigEndian.PutUint64(msg, uint64(i))
	signer, reader := fast, slow.Public()
	if i%2 == 1 {
		signer, reader = slow, fast.Public()
	}
	sig, err := signer.Sign(msg)
	switch {
	case err != nil:
		return err.Error()
	case !reader.Verify(msg, sig):
		return "the other engine refuses it"
	case i%10 == 0 && !signer.Public().Verify(msg, sig):
		return "its own engine refuses it"
	case i%10 == 0 && reader.Verify(msg[1:], sig):
		return "it is accepted for another message"
	}
	return ""
}

func TestOneKeyServesManyGoroutines(t *testing.T) {
	fast, slow := pair(t)
	for _, key := range []*sm.PrivateKey{fast, slow} {
		var workers sync.WaitGroup
		for i := range 8 {
			workers.Go(func() {
				msg := []byte{byte(i)}
				sig, err := key.Sign(msg)
				if err != nil || !key.Public().Verify(msg, sig) {
					t.Errorf("its own signature is refused (%v)", err)
				}
				sealed, err := key.Public().Encrypt(msg)
				if err != nil {
					t.Error(err)
				}
				if plain, err := key.Decrypt(sealed); err != nil || !bytes.Equal(plain, msg) {
					t.Errorf("its own ciphertext does not open (%v)", err)
				}
			})
		}
		workers.Wait()
	}
}

func TestAddingAPointToItselfIsRight(t *testing.T) {
	// The library's own Add gives another point than its Double does; if that is ever mended, combine can go.
	g := sm2.P256Sm2().Params()
	x, _ := p256.Add(g.Gx, g.Gy, g.Gx, g.Gy)
	twice, _ := p256.ScalarBaseMult([]byte{2})
	if x.Cmp(twice) == 0 {
		t.Error("the library adds a point to itself rightly now")
	}
	key := &sm2.PublicKey{Curve: sm2.P256Sm2(), X: g.Gx, Y: g.Gy} // d = 1
	if got := combine(key, big.NewInt(1), big.NewInt(1)); got == nil || got.Cmp(twice) != 0 {
		t.Error("combine does not double")
	}
	if combine(key, big.NewInt(1), new(big.Int).Sub(order, big.NewInt(1))) != nil {
		t.Error("combine does not see the point at infinity")
	}
}

func TestAPanicOfTheLibraryIsAnErrorOrFalse(t *testing.T) {
	var noKey sm2.PublicKey // its curve is nil
	v := verifier{&noKey}
	one, _ := asn1.Marshal(signature{big.NewInt(1), big.NewInt(1)})
	if v.Verify(make([]byte, 32), one) {
		t.Error("a verification that panicked is true")
	}
	if _, err := v.Encrypt([]byte("x")); err == nil {
		t.Error("an encryption that panicked has no error")
	}
	var s signer
	if _, err := s.Sign(make([]byte, 32)); err == nil {
		t.Error("a signature that panicked has no error")
	}
	if plain, err := s.Decrypt(nil); err == nil || plain != nil {
		t.Error("a decryption that panicked has no error")
	}
	if _, err := Engine.NewVerifier([]byte{4}); err == nil {
		t.Error("a key that panicked has no error")
	}
}

// lyingEngine says the same of every signature.
type lyingEngine struct {
	sm.Engine
	says bool
}

func (l lyingEngine) NewVerifier([]byte) (sm.Verifier, error) { return l, nil }
func (l lyingEngine) Verify(_, _ []byte) bool                 { return l.says }
func (l lyingEngine) Encrypt([]byte) ([]byte, error)          { return nil, nil }

func TestEnginesThatComputeOtherwiseDisagree(t *testing.T) {
	fast, _ := pair(t)
	point := fast.Public().Marshal()[26:]
	if err := agree(point, sm.Fast, Engine); err != nil {
		t.Error(err)
	}
	for _, says := range []bool{true, false} {
		if agree(point, Engine, lyingEngine{sm.Fast, says}) == nil {
			t.Errorf("an engine that always says %t is believed", says)
		}
	}
	if agree(make([]byte, 65), sm.Fast, Engine) == nil {
		t.Error("a point off the curve is taken")
	}
}

func TestTheHashKeepsTheContractOfHashHash(t *testing.T) {
	h := Engine.NewHash()
	h.Write([]byte("ab"))
	before := h.Sum([]byte("x"))
	after := h.Sum([]byte("x"))
	if before[0] != 'x' || len(before) != 33 || !bytes.Equal(before, after) {
		t.Error("Sum does not append, or changes the state")
	}
	h.Write([]byte("c"))
	if want := sm.Sum([]byte("abc")); !bytes.Equal(h.Sum(nil), want[:]) {
		t.Error("Sum changed the state")
	}
}

func FuzzVerify(f *testing.F) {
	fast, slow := pair(f)
	v, err := Engine.NewVerifier(fast.Public().Marshal()[26:])
	if err != nil {
		f.Fatal(err)
	}
	key := v.(verifier).key
	quick, err := sm.Fast.NewVerifier(fast.Public().Marshal()[26:])
	if err != nil {
		f.Fatal(err)
	}
	for _, rs := range [][2]int64{{1, 1}, {1, 2}, {3, 7}, {127, 128}, {255, 256}} {
		sig, err := asn1.Marshal(signature{big.NewInt(rs[0]), big.NewInt(rs[1])})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sig, []byte("msg"))
		f.Add(append(sig, 0), []byte{})
	}
	f.Fuzz(func(t *testing.T, sig, msg []byte) {
		if fast.Public().Verify(msg, sig) || slow.Public().Verify(msg, sig) {
			t.Fatal("a signature by nobody is accepted")
		}
		// And the digest for which it does hold, so that accepting is compared as well as refusing.
		var rs signature
		if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) != 0 {
			return
		}
		if rs.R.Sign() < 0 || rs.S.Sign() < 0 || rs.R.Cmp(order) >= 0 || rs.S.Cmp(order) >= 0 {
			return
		}
		digest := signedDigest(key, rs.R, rs.S)
		if digest == nil {
			return
		}
		tidy, err := asn1.Marshal(rs)
		if err != nil {
			t.Fatal(err)
		}
		if !quick.Verify(digest, tidy) || !v.Verify(digest, tidy) {
			t.Fatalf("the engines disagree about %x", sig)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	fast, slow := pair(b)
	msg := make([]byte, 300)
	for _, k := range []struct {
		name string
		key  *sm.PrivateKey
	}{{"fast", fast}, {"second", slow}} {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.key.Sign(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	fast, slow := pair(b)
	msg := make([]byte, 300)
	sig, err := fast.Sign(msg)
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range []struct {
		name string
		key  *sm.PublicKey
	}{{"fast", fast.Public()}, {"second", slow.Public()}} {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !k.key.Verify(msg, sig) {
					b.Fatal("refused")
				}
			}
		})
	}
}
