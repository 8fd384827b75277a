package wire_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// The known answers here were made with `openssl dgst -sm3` and `openssl mac -digest SM3 -macopt hexkey:… HMAC` over texts that
// a Python script joined from the interface's description.
const (
	knownBody    = `{"scan":"https://s.sh.gov.cn/00112233445566778899aabbccddeeff1642941877000","place":{"region":"110000"}}`
	knownRequest = "tongma/1 request\nSM2\ngw-1\nPOST\n/v1/verifications\ngate-7\ngate-7-2022\n1646100000123\nQm9vbQ_0123456789-abc\n" +
		"4de502f14005573e352d3c3995ca8a4dc9d99b48290af327fadd247008c34182"
	knownRequestSum = "26dce1750827f804f4ce44d6eb7bbf3a957ba3e582def2d515d693d2a5ec3b67"
	knownAnswerBody = `{"code":"0","message":"ok","requestId":"r-1"}`
	knownAnswer     = "tongma/1 answer\ngw-1\n200\n26dce1750827f804f4ce44d6eb7bbf3a957ba3e582def2d515d693d2a5ec3b67\n1646100000456\n" +
		"8adf800473841a792e4fcfa5ddc1199685920074edaa24b56239e5565db07ef1"
	knownAnswerSum = "885c2531844f0e681b881754cb6d78020f057aa11ecf915472f8d68ba0660088"
)

var knownHead = wire.Head{Rid: "gate-7", Key: "gate-7-2022", Rtime: "1646100000123", Nonce: "Qm9vbQ_0123456789-abc", SignType: wire.SM2}

func TestTheRequestTextIsTheOneOfTheInterface(t *testing.T) {
	text := wire.AppendRequestText(nil, "gw-1", "POST", "/v1/verifications", &knownHead, sm.Sum([]byte(knownBody)))
	if string(text) != knownRequest {
		t.Errorf("%q", text)
	}
	if sum := sm.Sum(text); hex.EncodeToString(sum[:]) != knownRequestSum {
		t.Errorf("%x", sum)
	}
}

func TestTheAnswerTextIsTheOneOfTheInterface(t *testing.T) {
	text := wire.AppendAnswerText(nil, "gw-1", 200, sm.Sum([]byte(knownRequest)), "1646100000456", sm.Sum([]byte(knownAnswerBody)))
	if string(text) != knownAnswer {
		t.Errorf("%q", text)
	}
	if sum := sm.Sum(text); hex.EncodeToString(sum[:]) != knownAnswerSum {
		t.Errorf("%x", sum)
	}
}

func TestTheSessionKeysAreThoseOfTheInterface(t *testing.T) {
	var secret [32]byte
	for i := range secret {
		secret[i] = byte(i)
	}
	request, answer := wire.SessionKeys(&secret, "c2Vzc2lvbg", "gate-7", "gw-1")
	if got := hex.EncodeToString(request[:]); got != "2787909731992e59348647b4f892e19a9356243cefafe00de21d51c1749411f1" {
		t.Errorf("request: %s", got)
	}
	if got := hex.EncodeToString(answer[:]); got != "232187bf4333dd66e40285d6bea96a889e97f669bec71a1ba6e17800f72a76ca" {
		t.Errorf("answer: %s", got)
	}
}

func TestTextsAreAppendedToWhatIsThere(t *testing.T) {
	if got := wire.AppendRequestText([]byte("x"), "gw-1", "POST", "/v1/verifications", &knownHead, sm.Sum([]byte(knownBody))); string(got) != "x"+knownRequest {
		t.Errorf("%q", got)
	}
	if got := wire.AppendAnswerText([]byte("x"), "gw-1", 200, sm.Sum([]byte(knownRequest)), "1646100000456", sm.Sum([]byte(knownAnswerBody))); string(got) != "x"+knownAnswer {
		t.Errorf("%q", got)
	}
}

// call is all that goes into a request text. Its parts are drawn from few letters, so that two calls are often alike but for where
// one part ends and the next begins.
type call struct {
	gateway, method, target string
	rid, key, rtime, nonce  string
	by                      wire.SignType
	body                    [32]byte
}

func (c call) text() string {
	h := wire.Head{Rid: c.rid, Key: c.key, Rtime: c.rtime, Nonce: c.nonce, SignType: c.by}
	return string(wire.AppendRequestText(nil, c.gateway, c.method, c.target, &h, c.body))
}

func TestDifferentRequestsHaveDifferentTexts(t *testing.T) {
	id := rapid.StringMatching(`[a1]{1,3}`)
	draw := rapid.Custom(func(t *rapid.T) call {
		return call{
			gateway: id.Draw(t, "gateway"), method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"),
			target: rapid.StringMatching(`/[a1]{0,2}`).Draw(t, "target"),
			rid:    id.Draw(t, "rid"), key: id.Draw(t, "key"), rtime: id.Draw(t, "rtime"), nonce: id.Draw(t, "nonce"),
			by:   rapid.SampledFrom([]wire.SignType{wire.SM2, wire.HMACSM3}).Draw(t, "type"),
			body: sm.Sum([]byte(id.Draw(t, "body"))),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if (a == b) != (a.text() == b.text()) {
			t.Fatalf("%+v and %+v: %q, %q", a, b, a.text(), b.text())
		}
	})
}

func TestNothingThatIsLetThroughHoldsALineEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ -~]{0,20}[\n\r\x00\x85\x{2028}][ -~]{0,20}`).Draw(t, "value")
		if wire.CheckTarget("/"+value) == nil {
			t.Fatalf("target %q", value)
		}
		for _, name := range headers {
			h := goodHeader()
			h[name] = []string{value}
			if _, err := wire.ParseHead(h); err == nil {
				t.Fatalf("%s: %q", name, value)
			}
			h = goodHeader()
			h[name] = []string{h[name][0] + "\n"}
			if _, err := wire.ParseHead(h); err == nil {
				t.Fatalf("%s: a line end after it", name)
			}
		}
	})
}

func TestTextsAreBuiltWithoutAllocation(t *testing.T) {
	dst := make([]byte, 0, 1024)
	n := testing.AllocsPerRun(100, func() {
		dst = wire.AppendRequestText(dst[:0], "gw-1", "POST", "/v1/verifications", &knownHead, [32]byte{})
		dst = wire.AppendAnswerText(dst[:0], "gw-1", 200, [32]byte{}, "1646100000456", [32]byte{})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendRequestText(b *testing.B) {
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = wire.AppendRequestText(dst[:0], "gw-1", "POST", "/v1/verifications", &knownHead, [32]byte{})
	}
}

func TestARequestTextBeginsWithItsBeginning(t *testing.T) {
	h := wire.Head{Rid: "r", Key: "k", Rtime: "1646100000456", Nonce: "n", SignType: wire.HMACSM3}
	beginning := wire.AppendRequestBeginning(nil, "gw-1", "POST", "/v1/verifications", &h)
	text := wire.AppendRequestText(nil, "gw-1", "POST", "/v1/verifications", &h, [32]byte{})
	if rest, ok := bytes.CutPrefix(text, beginning); !ok || !bytes.HasPrefix(rest, []byte("\n1646100000456\nn\n")) {
		t.Errorf("%q does not begin with %q", text, beginning)
	}
}
