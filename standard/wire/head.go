package wire

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// The headers of a signed request. An answer has Rtime, Key, Sign-Type and Sign.
const (
	HeaderRid      = "X-Tongma-Rid"       // the caller's id, see [ValidID]
	HeaderKey      = "X-Tongma-Key"       // the caller's key id, see [ValidID], or the session id
	HeaderRtime    = "X-Tongma-Rtime"     // milliseconds since 1970, 13 digits
	HeaderNonce    = "X-Tongma-Nonce"     // 16 to 64 characters of A-Z a-z 0-9 - _
	HeaderSignType = "X-Tongma-Sign-Type" // see [SignType]
	HeaderSign     = "X-Tongma-Sign"      // base64, standard alphabet, padded
)

// SignType says how a text is signed.
type SignType string

// The ways to sign. An answer is signed in the way of its request.
const (
	SM2     SignType = "SM2"      // DER signature by the key that Key names; user id 1234567812345678
	HMACSM3 SignType = "HMAC-SM3" // 32 bytes by a key of the session that Key names, see [SessionKeys]
)

// Bounds of time, replay and size.
const (
	Skew      = 180 * time.Second // a request's time may differ from the gateway's by this much, either way
	NonceLife = 360 * time.Second // how long a nonce is remembered: twice the skew, so that it outlives its request's time
	MaxBody   = 64 << 10          // bytes of a request's body
	MaxNotice = 256 << 10         // bytes of the body of a change notice
	MaxAnswer = 256 << 10         // bytes of the body of an answer to a traveller's request
)

const (
	maxID      = 64
	maxSession = 512
	maxSign    = 128 // characters; an SM2 signature has at most 96
)

// Head is the head of a signed request, in the syntax of the table above.
type Head struct {
	Rid, Key, Rtime, Nonce string
	SignType               SignType
	Sign                   []byte    // decoded
	Time                   time.Time // that of Rtime
}

// ParseHead reads the head of a request and is strict: each of the six headers exactly once, each in its syntax, base64 canonical.
// The error is a *[Refusal] of [CodeUnsigned] where there is no such header at all, of [CodeRepeated] or of
// [CodeHeader]. Whether the caller is known and the signature right is for the gateway to check.
func ParseHead(h http.Header) (Head, error) {
	values := [...]struct{ name, value string }{
		{name: HeaderRid}, {name: HeaderKey}, {name: HeaderRtime}, {name: HeaderNonce}, {name: HeaderSignType}, {name: HeaderSign},
	}
	present := 0
	for i := range values {
		v := h[values[i].name]
		if len(v) > 1 {
			return Head{}, Refuse(CodeRepeated, values[i].name+" must be given once")
		}
		if len(v) == 1 {
			present++
			values[i].value = v[0]
		}
	}
	if present == 0 {
		return Head{}, Refuse(CodeUnsigned, "")
	}
	head := Head{Rid: values[0].value, Key: values[1].value, Rtime: values[2].value, Nonce: values[3].value, SignType: SignType(values[4].value)}
	if detail := head.read(values[5].value); detail != "" {
		return Head{}, Refuse(CodeHeader, detail)
	}
	return head, nil
}

// read decodes sign and the time, and checks the syntax of all members. It gives what is wrong, "" if nothing.
func (h *Head) read(sign string) (wrong string) {
	var ok bool
	switch {
	case !ValidID(h.Rid):
		return HeaderRid + " must have 1 to 64 characters of A-Z a-z 0-9 . _ -"
	case h.SignType == SM2 && !ValidID(h.Key):
		return HeaderKey + " must have 1 to 64 characters of A-Z a-z 0-9 . _ -"
	case h.SignType == HMACSM3 && !isIDText(h.Key, 1, maxSession):
		return HeaderKey + " must be the session id"
	case !isNonce(h.Nonce):
		return HeaderNonce + " must have 16 to 64 characters of A-Z a-z 0-9 - _"
	}
	if h.Time, ok = parseRtime(h.Rtime); !ok {
		return HeaderRtime + " must have 13 digits: milliseconds since 1970"
	}
	h.Sign, wrong = parseSign(h.SignType, sign)
	return wrong
}

// Put sets the six headers, as a client needs them.
func (h Head) Put(header http.Header) {
	header.Set(HeaderRid, h.Rid)
	header.Set(HeaderKey, h.Key)
	header.Set(HeaderRtime, h.Rtime)
	header.Set(HeaderNonce, h.Nonce)
	header.Set(HeaderSignType, string(h.SignType))
	header.Set(HeaderSign, base64.StdEncoding.EncodeToString(h.Sign))
}

// AnswerHead is the head of a signed answer. Key is the gateway's key id, or the session id.
type AnswerHead struct {
	Rtime, Key string
	SignType   SignType
	Sign       []byte    // decoded
	Time       time.Time // that of Rtime
}

// ParseAnswerHead reads the head of an answer, as strictly as [ParseHead]. Its error says which header is wrong. An answer without
// these headers is unsigned: a refusal that says nothing sure.
func ParseAnswerHead(h http.Header) (AnswerHead, error) {
	for _, name := range [...]string{HeaderRtime, HeaderKey, HeaderSignType, HeaderSign} {
		switch len(h[name]) {
		case 0:
			return AnswerHead{}, errors.New(name + " is missing")
		case 1:
		default:
			return AnswerHead{}, errors.New(name + " must be given once")
		}
	}
	head := AnswerHead{Rtime: h[HeaderRtime][0], Key: h[HeaderKey][0], SignType: SignType(h[HeaderSignType][0])}
	if !isIDText(head.Key, 1, maxSession) {
		return AnswerHead{}, errors.New(HeaderKey + " must be the gateway's key id or the session id")
	}
	var ok bool
	if head.Time, ok = parseRtime(head.Rtime); !ok {
		return AnswerHead{}, errors.New(HeaderRtime + " must have 13 digits: milliseconds since 1970")
	}
	sign, wrong := parseSign(head.SignType, h[HeaderSign][0])
	if wrong != "" {
		return AnswerHead{}, errors.New(wrong)
	}
	head.Sign = sign
	return head, nil
}

// Put sets the four headers.
func (h AnswerHead) Put(header http.Header) {
	header.Set(HeaderRtime, h.Rtime)
	header.Set(HeaderKey, h.Key)
	header.Set(HeaderSignType, string(h.SignType))
	header.Set(HeaderSign, base64.StdEncoding.EncodeToString(h.Sign))
}

// Rtime writes t as X-Tongma-Rtime has it.
func Rtime(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// ValidID says whether s can be the id of a caller, key or gateway: 1 to 64 characters of A-Z a-z 0-9 . _ -
func ValidID(s string) bool { return isIDText(s, 1, maxID) }

func isIDText(s string, minimum, maximum int) bool {
	if len(s) < minimum || len(s) > maximum {
		return false
	}
	for i := range len(s) {
		if !isIDByte[s[i]] {
			return false
		}
	}
	return true
}

func isNonce(s string) bool {
	if len(s) < 16 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if !isNonceByte(s[i]) {
			return false
		}
	}
	return true
}

func isNonceByte(c byte) bool { return isIDByte[c] && c != '.' }

// isIDByte is a table, because a request has hundreds of such bytes.
var isIDByte = func() (is [256]bool) {
	for _, c := range []byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.") {
		is[c] = true
	}
	return is
}()

func parseRtime(s string) (time.Time, bool) {
	if len(s) != 13 {
		return time.Time{}, false
	}
	ms := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, false
		}
		ms = ms*10 + int64(s[i]-'0')
	}
	return time.UnixMilli(ms), true
}

var strictBase64 = base64.StdEncoding.Strict()

func parseSign(by SignType, text string) (sign []byte, wrong string) {
	switch by {
	case SM2, HMACSM3:
	default:
		return nil, HeaderSignType + " must be SM2 or HMAC-SM3"
	}
	if len(text) > maxSign {
		return nil, HeaderSign + " is too long"
	}
	sign, err := strictBase64.DecodeString(text)
	// The decoder skips line ends; a length that does not fit gives them away.
	if err != nil || len(text) != strictBase64.EncodedLen(len(sign)) {
		return nil, HeaderSign + " must be base64 of the standard alphabet, padded"
	}
	switch {
	case by == SM2 && (len(sign) < 8 || len(sign) > 72):
		return nil, HeaderSign + " must be a DER signature"
	case by == HMACSM3 && len(sign) != 32:
		return nil, HeaderSign + " must be 32 bytes"
	}
	return sign, ""
}
