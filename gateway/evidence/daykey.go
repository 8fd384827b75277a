package evidence

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tongma/gateway/events"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// lineDayKey begins what a day's key is wrapped and sealed with, so that neither can be passed off as something else.
const lineDayKey = "tongma/1 day-key"

// DayKey is one key of a day's pseudonyms. A day has more than one only if a clock was set back into it when its key was gone.
type DayKey struct {
	Day    string // YYYY-MM-DD, in +08:00
	Part   int    // from 0
	Sealed []byte // to the privacy officer, see [DayKey.Open]; nil when it is destroyed
}

// Open unseals the key with the officer's private key. It is for the officer's own machine: that key never reaches a gateway.
func (k *DayKey) Open(officer *sm.PrivateKey) (*proof.Day, error) {
	if k.Sealed == nil {
		return nil, fmt.Errorf("day %s: its key is destroyed, nobody can be found in it any more", k.Day)
	}
	text, err := officer.Decrypt(k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("day %s: its key is not sealed to this key: %w", k.Day, err)
	}
	digits, ok := strings.CutPrefix(string(text), k.name()+"\n")
	key, err := hex.DecodeString(digits)
	if !ok || err != nil || len(key) != 32 {
		return nil, fmt.Errorf("day %s: what is sealed is not the key of this day", k.Day)
	}
	return proof.NewDay((*[32]byte)(key)), nil
}

// name is what the key is, and of which day.
func (k *DayKey) name() string {
	return lineDayKey + "\n" + k.Day + "\n" + strconv.Itoa(k.Part)
}

func (k *DayKey) seal(officer *sm.PublicKey, key *[32]byte) error {
	var err error
	k.Sealed, err = officer.Encrypt([]byte(k.name() + "\n" + hex.EncodeToString(key[:])))
	return err
}

// wrapping is the key that days' keys are wrapped with in the store.
func wrapping(secret []byte) []byte {
	sum := sm.HMAC(secret, []byte(lineDayKey))
	return sum[:sm.CipherKeySize]
}

func (k *DayKey) wrap(under []byte, key *[32]byte) ([]byte, error) {
	nonce := make([]byte, sm.NonceSize)
	rand.Read(nonce)
	sealed, err := sm.SealGCM(under, nonce, key[:], []byte(k.name()))
	return append(nonce, sealed...), err
}

var errWrapped error = events.Err("it was wrapped under another evidence secret, or is damaged")

func (k *DayKey) unwrap(under, wrapped []byte) (*[32]byte, error) {
	if len(wrapped) < sm.NonceSize {
		return nil, errWrapped
	}
	key, err := sm.OpenGCM(under, wrapped[:sm.NonceSize], wrapped[sm.NonceSize:], []byte(k.name()))
	if err != nil || len(key) != 32 {
		return nil, errWrapped
	}
	return (*[32]byte)(key), nil
}

// dayOf is the date of a time in +08:00.
func dayOf(at time.Time) string { return at.In(standard.Zone).Format(time.DateOnly) }

// endOf is when a day is over.
func endOf(day string) (time.Time, error) {
	begin, err := time.ParseInLocation(time.DateOnly, day, standard.Zone)
	return begin.AddDate(0, 0, 1), err
}
