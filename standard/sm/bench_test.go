package sm_test

import (
	"testing"

	"tongma/standard/sm"
)

func BenchmarkSum(b *testing.B) {
	text := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		sm.Sum(text)
	}
}

func BenchmarkHMAC(b *testing.B) {
	key, text := make([]byte, 32), make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		sm.HMAC(key, text)
	}
}

func BenchmarkHMACWithAKeptKey(b *testing.B) {
	h, text := sm.NewHMAC(make([]byte, 32)), make([]byte, 300)
	var mac sm.Digest
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		h.Write(text)
		h.Sum(mac[:0])
	}
}

func BenchmarkSealGCM(b *testing.B) {
	key, nonce, text := make([]byte, 16), make([]byte, 12), make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sm.SealGCM(key, nonce, text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	content := newKey(b).Public().Marshal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sm.ParsePublicKey(content); err != nil {
			b.Fatal(err)
		}
	}
}
