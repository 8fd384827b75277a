package sm_test

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"time"

	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

func Example() {
	key, err := sm.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	sig, err := key.Sign([]byte("tongma/1 request"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Public().Verify([]byte("tongma/1 request"), sig))
	fmt.Println(key.Public().Verify([]byte("tongma/1 answer"), sig))
	// Output:
	// true
	// false
}

func ExampleSum() {
	fmt.Printf("%x\n", sm.Sum([]byte("abc"))) // GB/T 32905 annex A.1
	// Output: 66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0
}

func ExampleParsePublicKeyPEM() {
	key, err := sm.ParsePublicKeyPEM([]byte(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60Y
M/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==
-----END PUBLIC KEY-----
`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key)
	// Output: sm2 public key d94a2fcb88a63e82
}

func ExampleHMACEqual() {
	secret := []byte("32 random bytes of a session....")
	sent := sm.HMAC(secret, []byte("message"))
	computed := sm.HMAC(secret, []byte("message"))
	fmt.Println(sm.HMACEqual(sent[:], computed[:]))
	// Output: true
}

func ExampleSealGCM() {
	key, nonce := make([]byte, sm.CipherKeySize), make([]byte, sm.NonceSize)
	rand.Read(key)
	rand.Read(nonce) // never twice under one key
	sealed, err := sm.SealGCM(key, nonce, []byte("text"), []byte("sent in the clear, but protected"))
	if err != nil {
		log.Fatal(err)
	}
	plain, err := sm.OpenGCM(key, nonce, sealed, []byte("sent in the clear, but protected"))
	fmt.Printf("%s %v\n", plain, err)
	_, err = sm.OpenGCM(key, nonce, sealed, []byte("changed"))
	fmt.Println(err)
	// Output:
	// text <nil>
	// sm4: message authentication failed
}

func ExamplePublicKey_With() {
	key, err := sm.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	// Before a key is registered, both engines must accept it.
	fmt.Println(second.Agrees(key.Public()))

	// Or ask the second one about a single signature.
	other, err := key.Public().With(second.Engine)
	if err != nil {
		log.Fatal(err)
	}
	sig, err := key.Sign([]byte("message"))
	fmt.Println(other.Verify([]byte("message"), sig), err)
	// Output:
	// <nil>
	// true <nil>
}

func ExampleCertificate_Verify() {
	from, until := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)

	// The authority.
	authorityKey, _ := sm.GenerateKey()
	root, _ := sm.NewAuthority(authorityKey, pkix.Name{CommonName: "authority"}, from, until)
	authority, _ := sm.ParseCertificate(root)

	// A party asks, the authority issues.
	key, _ := sm.GenerateKey()
	asked, _ := sm.NewCertificateRequest(key, pkix.Name{CommonName: "gate-1"})
	request, err := sm.ParseCertificateRequest(asked)
	if err != nil {
		log.Fatal(err)
	}
	issued, err := authority.Issue(authorityKey, request, from, until)
	if err != nil {
		log.Fatal(err)
	}

	// Whoever trusts the authority reads it.
	certificate, err := sm.ParseCertificate(issued)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(certificate.Subject, certificate.Verify(from.AddDate(0, 6, 0), []*sm.Certificate{authority}))
	// Output: CN=gate-1 <nil>
}
