package sm

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

const (
	scalarSize = 32
	pointSize  = 1 + 2*scalarSize
)

// The curve sm2p256v1, GB/T 32918.5-2017 cl. 2: y^2 = x^3 + ax + b over p, base point of order n. big.Int because only public
// values are computed with here.
var (
	curveP = hexInt("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff")
	curveA = hexInt("fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc")
	curveB = hexInt("28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93")
	baseX  = hexInt("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7")
	baseY  = hexInt("bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0")

	// n-1 and n-2, most significant word first.
	orderMinus1 = [4]uint64{0xfffffffeffffffff, 0xffffffffffffffff, 0x7203df6b21c6052b, 0x53bbf40939d54122}
	orderMinus2 = [4]uint64{0xfffffffeffffffff, 0xffffffffffffffff, 0x7203df6b21c6052b, 0x53bbf40939d54121}
)

func hexInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("sm: bad constant " + s)
	}
	return n
}

// onCurve says whether x and y, big-endian, are reduced and are a point of the curve. The point at infinity has no such form.
func onCurve(x, y []byte) bool {
	bx, by := new(big.Int).SetBytes(x), new(big.Int).SetBytes(y)
	if bx.Cmp(curveP) >= 0 || by.Cmp(curveP) >= 0 {
		return false
	}
	right := new(big.Int).Mul(bx, bx)
	right.Add(right, curveA)
	right.Mul(right, bx)
	right.Add(right, curveB)
	right.Mod(right, curveP)
	by.Mul(by, by)
	by.Mod(by, curveP)
	return by.Cmp(right) == 0
}

// within says whether 1 <= b <= max. It takes the same time for all b, because b may be a private key.
func within(b *[scalarSize]byte, max *[4]uint64) bool {
	var borrow, any uint64
	for i := 3; i >= 0; i-- {
		word := binary.BigEndian.Uint64(b[8*i:])
		any |= word
		_, borrow = bits.Sub64(max[i], word, borrow)
	}
	return borrow == 0 && any != 0
}
