package gateway

import (
	"bufio"
	"encoding/base64"
	"io"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

const (
	idLength   = ulid.EncodedSize
	saltBytes  = 16
	saltLength = 22 // in base64url
)

// identities gives each answer its id, a ULID that rises within a millisecond, and its salt. Random bytes are drawn a page
// at a time, because an answer from memory would otherwise spend much of its time asking for them.
type identities struct {
	mu      sync.Mutex
	random  io.Reader
	entropy *ulid.MonotonicEntropy
}

// newIdentities draws from random, which must not fail.
func newIdentities(random io.Reader) *identities {
	buffered := bufio.NewReaderSize(random, 4096)
	return &identities{random: buffered, entropy: ulid.Monotonic(buffered, 0)}
}

func (i *identities) next(now time.Time) (string, string) {
	var salt [saltBytes]byte
	id := i.draw(ulid.Timestamp(now), salt[:])
	var text [idLength + saltLength]byte
	id.MarshalTextTo(text[:idLength]) // cannot fail: there is room
	base64.RawURLEncoding.Encode(text[idLength:], salt[:])
	both := string(text[:])
	return both[:idLength], both[idLength:]
}

func (i *identities) draw(ms uint64, salt []byte) ulid.ULID {
	i.mu.Lock()
	defer i.mu.Unlock()
	io.ReadFull(i.random, salt)
	id, err := ulid.New(ms, i.entropy)
	if err != nil { // the random part of this millisecond has reached its end
		id, _ = ulid.New(ms, i.random)
	}
	return id
}
