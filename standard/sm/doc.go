// Package sm is the cryptography of the interface: SM2 (GB/T 32918), SM3 (GB/T 32905) and SM4 (GB/T 32907), with the keys and
// certificates that go with them.
//
// # Which function to use
//
// To sign and verify, [PrivateKey.Sign] and [PublicKey.Verify]. They take the message, not a digest: SM3 and the user id
// ([UserID], always) are inside. Read a key once, with [ParsePrivateKeyPEM] or [ParsePublicKeyPEM], and keep it; keys
// are immutable and serve all goroutines.
//
// For a shared secret, [HMAC]; compare what came with what you computed by [HMACEqual] and nothing else.
//
// To keep a text secret under a shared key, [SealGCM]; to send one to the holder of a key, [PublicKey.Encrypt]. CBC and ECB
// ([EncryptCBC], [EncryptECB]) are for protocols that prescribe them. CCM is not offered: no protocol here speaks it.
//
// For certificates, [NewCertificateRequest], [ParseCertificateRequest], [Certificate.Issue] and [Certificate.Verify].
//
// # What is promised
//
// Of these only what is said here is read; anything else is refused before a library sees it:
//
//   - a signature is DER, its two integers in the shortest form and from 1 to n-1, without a byte before, between or after;
//   - a public key is SubjectPublicKeyInfo with exactly the identifiers of the curve sm2p256v1 and an uncompressed point that lies
//     on it; compressed points are refused by profile, though GB/T 32918.1 allows them;
//   - a private key is PKCS#8 with 1 <= d <= n-2 and, if a public part is there, the right one; encrypted, PBES2 with PBKDF2 and
//     SM4-CBC or AES-256-CBC; SEC1 is refused with a hint;
//   - a ciphertext is ASN.1, C1 C3 C2, with C1 on the curve and at most [MaxPlain] bytes.
//
// Certificates and requests are taken apart by smx509 of emmansun/gmsm; their keys, signatures and the identifier of the
// algorithm then pass the same readers.
//
// OpenSSL 3 reads what is written here and writes what is read here; tests exchange all of it.
//
// Input of any kind gives an error or false, never a panic. Errors say what to do and hold no secret. A private key never shows
// where it is printed, logged or marshalled: only the id of its public key does.
//
// # Two engines
//
// The arithmetic is done by an [Engine]. [Fast] is the default: on one core about 25 µs for a signature and 60 µs for a
// verification. Package second has another, by an unrelated library, as a second opinion: both must accept a key before it
// is registered, and the tests compare them over many signatures. [Use] selects the engine of a program.
//
// The tests' switches:
//
//	go test -tags purego ./standard/sm/...     without the assembly of the fast engine
//	TONGMA_CROSSCHECK=20000 go test ./standard/sm/second     as many signatures compared between the engines; else 500
package sm
