package sm

// The readers of signatures and ciphertexts. Both engines get only what they have passed.

// MaxPlain is the longest text, in bytes, that [PublicKey.Encrypt] takes and [PrivateKey.Decrypt] gives.
const MaxPlain = 1 << 20

// maxSignature is the longest DER signature: two integers of 33 bytes.
const maxSignature = 2 + 2*(2+1+scalarSize)

// goodSignature says whether sig is the DER of SEQUENCE { r INTEGER, s INTEGER } with both from 1 to n-1.
func goodSignature(sig []byte) bool {
	if len(sig) > maxSignature {
		return false
	}
	rest := der(sig)
	body, ok := rest.read(tagSequence)
	return ok && len(rest) == 0 && goodPart(&body) && goodPart(&body) && len(body) == 0
}

func goodPart(d *der) bool {
	part, ok := d.uint()
	if !ok || len(part) > scalarSize {
		return false
	}
	var b [scalarSize]byte
	copy(b[scalarSize-len(part):], part)
	return within(&b, &orderMinus1)
}

// IsCiphertext says whether c has the form of what [PublicKey.Encrypt] gives; for whom it is, only they can tell. That is the DER of
// SEQUENCE { x INTEGER, y INTEGER, hash OCTET STRING of 32, text OCTET STRING } (GM/T 0009-2012 cl. 7.2) with (x, y) on the curve
// and 1 to MaxPlain bytes of text.
func IsCiphertext(c []byte) bool {
	rest := der(c)
	body, ok := rest.read(tagSequence)
	if !ok || len(rest) != 0 {
		return false
	}
	x, okX := body.uint()
	y, okY := body.uint()
	hash, okHash := body.read(tagOctetString)
	text, okText := body.read(tagOctetString)
	return okX && okY && okHash && okText && len(body) == 0 &&
		len(hash) == len(Digest{}) && len(text) >= 1 && len(text) <= MaxPlain &&
		len(x) <= scalarSize && len(y) <= scalarSize && onCurve(x, y)
}
