package sm

// der is what is left to read of a DER encoding. Its readers accept the one encoding that DER allows and nothing else: definite
// lengths in the shortest form, integers without a needless byte.
type der []byte

const (
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctetString = 0x04
	tagNull        = 0x05
	tagSequence    = 0x30
	tagExplicit0   = 0xa0
	tagExplicit1   = 0xa1
)

// read takes one element with this tag and returns its content. Nothing here needs more than 16 MiB.
func (d *der) read(tag byte) (der, bool) {
	b := *d
	if len(b) < 2 || b[0] != tag {
		return nil, false
	}
	size, start := int(b[1]), 2
	if size >= 0x80 {
		count := size - 0x80
		if count < 1 || count > 3 || len(b) < 2+count {
			return nil, false
		}
		size = 0
		for _, c := range b[2 : 2+count] {
			size = size<<8 | int(c)
		}
		if size < 0x80 || size>>(8*(count-1)) == 0 {
			return nil, false
		}
		start += count
	}
	if size > len(b)-start {
		return nil, false
	}
	*d = b[start+size:]
	return b[start : start+size], true
}

// uint takes an INTEGER that is not negative and returns its bytes without leading zeros; zero has none.
func (d *der) uint() ([]byte, bool) {
	b, ok := d.read(tagInteger)
	switch {
	case !ok || len(b) == 0 || b[0] >= 0x80:
		return nil, false
	case b[0] != 0:
		return b, true
	case len(b) == 1:
		return nil, true
	case b[1] < 0x80:
		return nil, false
	}
	return b[1:], true
}

// small takes an INTEGER from 0 to 2^31-1.
func (d *der) small() (int, bool) {
	b, ok := d.uint()
	if !ok || len(b) > 4 || len(b) == 4 && b[0] >= 0x80 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n, true
}

// skip takes exactly these bytes, such as an encoded object identifier.
func (d *der) skip(want []byte) bool {
	if len(*d) < len(want) || string((*d)[:len(want)]) != string(want) {
		return false
	}
	*d = (*d)[len(want):]
	return true
}

// element writes one element whose content is the parts, joined.
func element(tag byte, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	out := make([]byte, 0, size+5)
	switch {
	case size < 0x80:
		out = append(out, tag, byte(size))
	case size < 0x100:
		out = append(out, tag, 0x81, byte(size))
	case size < 0x10000:
		out = append(out, tag, 0x82, byte(size>>8), byte(size))
	default:
		out = append(out, tag, 0x83, byte(size>>16), byte(size>>8), byte(size))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// integer writes an INTEGER that is not negative.
func integer(n int) []byte {
	b := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	for len(b) > 1 && b[0] == 0 && b[1] < 0x80 {
		b = b[1:]
	}
	return element(tagInteger, b)
}
