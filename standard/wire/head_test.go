package wire_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"tongma/standard/wire"
)

var headers = []string{
	wire.HeaderRid, wire.HeaderKey, wire.HeaderRtime, wire.HeaderNonce, wire.HeaderSignType, wire.HeaderSign,
}

func goodHead(by wire.SignType) wire.Head {
	h := knownHead
	h.SignType, h.Sign, h.Time = by, make([]byte, 71), time.UnixMilli(1646100000123)
	if by == wire.HMACSM3 {
		h.Key, h.Sign = strings.Repeat("s", 512), make([]byte, 32)
	}
	return h
}

func goodHeader() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	goodHead(wire.SM2).Put(h)
	return h
}

func wantRefusal(t *testing.T, what string, err error, code *wire.Code) {
	t.Helper()
	var r *wire.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%s: got %v, want %s", what, err, code.Name)
	}
}

// wantNamed wants an error of an answer's head that says which header is wrong.
func wantNamed(t *testing.T, err error, header string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), header+" ") {
		t.Errorf("got %v, want what is wrong with %s", err, header)
	}
}

func TestAHeadThatIsPutIsReadAgain(t *testing.T) {
	for _, by := range []wire.SignType{wire.SM2, wire.HMACSM3} {
		h := http.Header{}
		goodHead(by).Put(h)
		if got, err := wire.ParseHead(h); err != nil || !reflect.DeepEqual(got, goodHead(by)) {
			t.Errorf("%s: %+v, %v", by, got, err)
		}

		answer := wire.AnswerHead{Rtime: "1646100000123", Key: "gw-key", SignType: by, Sign: goodHead(by).Sign, Time: time.UnixMilli(1646100000123)}
		h = http.Header{}
		answer.Put(h)
		if got, err := wire.ParseAnswerHead(h); err != nil || !reflect.DeepEqual(got, answer) {
			t.Errorf("answer, %s: %+v, %v", by, got, err)
		}
	}
	if got := wire.Rtime(time.UnixMilli(1646100000123)); got != "1646100000123" {
		t.Error(got)
	}
}

func TestARequestWithoutAHeadIsUnsigned(t *testing.T) {
	_, err := wire.ParseHead(http.Header{"Content-Type": {"application/json"}})
	wantRefusal(t, "no header", err, wire.CodeUnsigned)
	for _, name := range headers {
		h := goodHeader()
		delete(h, name)
		_, err := wire.ParseHead(h)
		wantRefusal(t, "without "+name, err, wire.CodeHeader)
	}
}

func TestARepeatedHeaderIsRefused(t *testing.T) {
	for _, name := range headers {
		h := goodHeader()
		h.Add(name, h.Get(name))
		_, err := wire.ParseHead(h)
		wantRefusal(t, name, err, wire.CodeRepeated)
		if name == wire.HeaderRid || name == wire.HeaderNonce {
			continue
		}
		_, err = wire.ParseAnswerHead(h)
		wantNamed(t, err, name)
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	for name, values := range map[string][]string{
		wire.HeaderRid:      {"", " a", "a b", "a/b", "测", "a,b", strings.Repeat("a", 65)},
		wire.HeaderKey:      {"", " a", "a:b", strings.Repeat("a", 65)},
		wire.HeaderRtime:    {"", "164610000012", "16461000001230", "164610000012x", "+646100000123", "1646100000.12", "１646100000123"},
		wire.HeaderNonce:    {"", "0123456789abcde", strings.Repeat("a", 65), "0123456789abcde.", "0123456789abcde+", "0123456789abcdef\t"},
		wire.HeaderSignType: {"", "sm2", "SM2 ", "HMAC-SHA256", "SM2,SM2"},
		wire.HeaderSign: {"", "AAAA", "AAAA\nAAAAAAAA", "AAAAAAAAAAAAAA", "AAAAAAAAAAAAAA-=", "AAAAAAAAAAAAAB==", // bits left over
			strings.Repeat("A", 132), base64.StdEncoding.EncodeToString(make([]byte, 73)), base64.StdEncoding.EncodeToString(make([]byte, 7)), "AAAAAAAAAAAAAA==\n"},
	} {
		for _, value := range values {
			h := goodHeader()
			h[name] = []string{value}
			_, err := wire.ParseHead(h)
			wantRefusal(t, name+": "+value, err, wire.CodeHeader)
			if name == wire.HeaderRid || name == wire.HeaderNonce || name == wire.HeaderKey && len(value) == 65 {
				continue
			}
			_, err = wire.ParseAnswerHead(h)
			wantNamed(t, err, name)
		}
	}
}

func TestAMACHas32BytesAndASessionIDIsBounded(t *testing.T) {
	h := http.Header{}
	goodHead(wire.HMACSM3).Put(h)
	for name, value := range map[string]string{
		wire.HeaderSign: base64.StdEncoding.EncodeToString(make([]byte, 31)),
		wire.HeaderKey:  strings.Repeat("s", 513),
	} {
		bad := h.Clone()
		bad.Set(name, value)
		_, err := wire.ParseHead(bad)
		wantRefusal(t, name, err, wire.CodeHeader)
	}
}

func TestAnAnswerWithoutAHeaderIsNone(t *testing.T) {
	for _, name := range []string{wire.HeaderRtime, wire.HeaderKey, wire.HeaderSignType, wire.HeaderSign} {
		h := goodHeader()
		delete(h, name)
		_, err := wire.ParseAnswerHead(h)
		wantNamed(t, err, name)
	}
}

func TestReadingAHeadAllocatesTheSignatureOnly(t *testing.T) {
	h := goodHeader()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := wire.ParseHead(h); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseHead(f *testing.F) {
	good := goodHeader()
	f.Add("gate-7", "gate-7-2022", "1646100000123", "0123456789abcdef", "SM2", good.Get(wire.HeaderSign))
	f.Add("", "", "", "", "", "")
	f.Add("a\n", "b\r", "9999999999999", strings.Repeat("-", 64), "HMAC-SM3", "AAAA\nAAAA")
	f.Fuzz(func(t *testing.T, rid, key, rtime, nonce, by, sign string) {
		h := http.Header{}
		for i, value := range []string{rid, key, rtime, nonce, by, sign} {
			h[headers[i]] = []string{value}
		}
		head, err := wire.ParseHead(h)
		if err != nil {
			wantRefusal(t, "fuzz", err, wire.CodeHeader)
			return
		}
		again := http.Header{}
		head.Put(again)
		if !reflect.DeepEqual(h, again) {
			t.Errorf("%q is read as %q", h, again)
		}
	})
}

func BenchmarkParseHead(b *testing.B) {
	h := goodHeader()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.ParseHead(h); err != nil {
			b.Fatal(err)
		}
	}
}
