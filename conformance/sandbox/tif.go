package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tifWindow is how far the time of a TIF call may be from the gateway's.
const tifWindow = 180 * time.Second

// tifSignature is that of the TIF gateway (facts/dialects.md 2.1), in lower case: hex SHA-256 over timestamp, token, nonce and timestamp.
func tifSignature(timestamp, token, nonce string) string {
	sum := sha256.Sum256([]byte(timestamp + token + nonce + timestamp))
	return hex.EncodeToString(sum[:])
}

// tifVerdict is what the TIF gateway thinks of a call's headers.
type tifVerdict int

const (
	tifGood       tifVerdict = iota
	tifIncomplete            // a header is missing
	tifUntimely              // its time is not near the gateway's
	tifWrong                 // a paasid or signature that is not right
)

// checkTIF judges the TIF headers of a call to a system, whose credentials are paasId and token, by the gateway's clock.
func checkTIF(r *http.Request, system string, now time.Time) tifVerdict {
	id, timestamp, nonce, signature := r.Header.Get("x-tif-paasid"), r.Header.Get("x-tif-timestamp"), r.Header.Get("x-tif-nonce"), r.Header.Get("x-tif-signature")
	want := credentials[system]
	switch {
	case id == "" || timestamp == "" || nonce == "" || signature == "":
		return tifIncomplete
	case !tifTimely(timestamp, now):
		return tifUntimely
	case !same(id, want["paasId"]), !same(strings.ToLower(signature), tifSignature(timestamp, want["token"], nonce)):
		return tifWrong
	}
	return tifGood
}

func tifTimely(timestamp string, now time.Time) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	// A time far off would overflow the difference of times, so the seconds are compared.
	middle, window := now.Unix(), int64(tifWindow/time.Second)
	return middle-window <= seconds && seconds <= middle+window
}

// tifReply is the envelope of the TIF filter's own refusals.
type tifReply struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

// behindTIF lets a call to a system through whose TIF headers are all there and right. Its refusals have HTTP status 500.
func (b *backend) behindTIF(call http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch checkTIF(r, b.id, b.now()) {
		case tifIncomplete:
			writeJSON(w, http.StatusInternalServerError, tifReply{400001, "鉴权参数不完整"})
		case tifUntimely, tifWrong:
			writeJSON(w, http.StatusInternalServerError, tifReply{400001, "鉴权失败"})
		default:
			call(w, r)
		}
	}
}
