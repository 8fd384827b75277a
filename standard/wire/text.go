package wire

import (
	"encoding/hex"
	"strconv"
)

// AppendRequestText appends the text that a caller signs and a gateway verifies: the lines
//
//	tongma/1 request
//	SIGN-TYPE
//	GATEWAY
//	METHOD
//	TARGET
//	RID
//	KEY
//	RTIME
//	NONCE
//	lower hex of SM3(body)
//
// joined by one LF each, none at the end. target is the request-target exactly as sent. What [ParseHead] and [CheckTarget] let
// pass has no LF in it, so different requests have different texts.
func AppendRequestText(dst []byte, gateway, method, target string, h *Head, bodySum [32]byte) []byte {
	dst = AppendRequestBeginning(dst, gateway, method, target, h)
	dst = appendLine(dst, h.Rtime)
	dst = appendLine(dst, h.Nonce)
	return appendSum(dst, bodySum)
}

// AppendRequestBeginning appends the first lines of a request text, up to KEY: those which all requests of one session for one
// service have in common.
func AppendRequestBeginning(dst []byte, gateway, method, target string, h *Head) []byte {
	dst = append(dst, LineRequest...)
	dst = appendLine(dst, string(h.SignType))
	dst = appendLine(dst, gateway)
	dst = appendLine(dst, method)
	dst = appendLine(dst, target)
	dst = appendLine(dst, h.Rid)
	return appendLine(dst, h.Key)
}

// AppendAnswerText appends the text that a gateway signs and a caller verifies: the lines
//
//	tongma/1 answer
//	GATEWAY
//	STATUS
//	lower hex of SM3(request text)
//	RTIME of the answer
//	lower hex of SM3(body as sent)
//
// joined in the same way. status is the HTTP status, three digits. The request's sum ties the answer to the one
// request that it answers.
func AppendAnswerText(dst []byte, gateway string, status int, requestSum [32]byte, rtime string, bodySum [32]byte) []byte {
	dst = append(dst, LineAnswer...)
	dst = appendLine(dst, gateway)
	dst = append(dst, '\n')
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = appendSum(dst, requestSum)
	dst = appendLine(dst, rtime)
	return appendSum(dst, bodySum)
}

func appendLine(dst []byte, line string) []byte {
	return append(append(dst, '\n'), line...)
}

func appendSum(dst []byte, sum [32]byte) []byte {
	return hex.AppendEncode(append(dst, '\n'), sum[:])
}
