package sm

// What tests outside the package reach into.

// EngineInUse is the engine that Use set.
func EngineInUse() Engine { return engine() }

// DigestFor is the digest of msg by a signer of another user id than ours.
func DigestFor(p *PublicKey, id, msg []byte) Digest {
	other := *p
	other.identity = identity(p.engine.NewHash(), id, p.point[:])
	return other.digest(msg)
}

// VerifyDigest is Verify for a digest that is known already.
func VerifyDigest(p *PublicKey, digest, sig []byte) bool {
	return goodSignature(sig) && p.verifier.Verify(digest, sig)
}

// ParsePKCS8 is the reader of private keys, without PEM.
func ParsePKCS8(content []byte) (*PrivateKey, error) { return parsePKCS8(content) }

// ReadPBES2 reads an algorithm identifier without deriving a key.
func ReadPBES2(algorithm []byte) error {
	_, err := readPBES2(algorithm)
	return err
}

// GoodSignature says whether sig is one that an engine may see.
func GoodSignature(sig []byte) bool { return goodSignature(sig) }
