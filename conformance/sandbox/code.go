package sandbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// sealer makes the 32 hex digits that every one of these systems puts into its code. They are one AES block that holds the
// person, the period (a minute, a day) for which the code was made, and a serial that tells apart the codes which one person has
// had within it: opaque to the reader, the same in every process with the same seed, and the backend needs no memory of what
// it has issued.
type sealer struct{ block cipher.Block }

func newSealer(seed, purpose string) sealer {
	key := sha256.Sum256([]byte("sandbox code\n" + seed + "\n" + purpose))
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err) // 16 bytes is a key
	}
	return sealer{block}
}

// The block: 2 zero bytes, the serial, the person's number, the period. A foreign code is told from ours by the zeros, by a person
// whom there is and by a period that is near: one in 2^60 would pass.
func (s sealer) seal(no int, period int64, serial uint32) string {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint32(b[2:], serial)
	binary.BigEndian.PutUint16(b[6:], uint16(no))
	binary.BigEndian.PutUint64(b[8:], uint64(period))
	s.block.Encrypt(b[:], b[:])
	return hex.EncodeToString(b[:])
}

// open is the reverse of seal. It takes lower-case hex only, so that a code has one spelling.
func (s sealer) open(code string) (no int, period int64, serial uint32, ok bool) {
	raw, err := hex.DecodeString(code)
	if err != nil || len(raw) != aes.BlockSize || hex.EncodeToString(raw) != code {
		return 0, 0, 0, false
	}
	s.block.Decrypt(raw, raw)
	if raw[0] != 0 || raw[1] != 0 {
		return 0, 0, 0, false
	}
	return int(binary.BigEndian.Uint16(raw[6:])), int64(binary.BigEndian.Uint64(raw[8:])), binary.BigEndian.Uint32(raw[2:]), true
}

// issuer is the sealer of the code that p shows: the system's own, or somebody else's.
func (b *backend) issuer(p *person) sealer {
	if p.fate == alien {
		return b.foreign
	}
	return b.own
}

// Day codes (suikang, hangzhou): how long a code lives is not public for either, so ours is made anew at midnight in
// Beijing and honoured for an hour after its day.
const dayGrace = time.Hour

// dayCode is the code that p shows on the day of now, or that of two days ago if p is one who never refreshes.
func (b *backend) dayCode(p *person, now time.Time, serial uint32) string {
	day := dayOf(now)
	if p.fate == lapsed {
		day -= 2
	}
	return b.issuer(p).seal(p.no, day, serial)
}

// checkDayCode gives the holder of a day code, or the synthetic code of the refusal.
func (b *backend) checkDayCode(code string) (*person, string) {
	p, day := b.holder(code)
	now := b.now()
	switch {
	case p == nil || day > dayOf(now):
		return nil, codeForeign
	case day < dayOf(now.Add(-dayGrace)), p.fate == replaced:
		return nil, codeExpired
	}
	return p, ""
}

// dayOf counts days in Beijing since 1970.
func dayOf(t time.Time) int64 {
	_, offset := t.In(beijing).Zone()
	return floorDiv(t.Unix()+int64(offset), 24*60*60)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
