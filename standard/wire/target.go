package wire

import "strings"

// MaxTarget is the longest request-target, in bytes.
const MaxTarget = 2048

// CheckTarget refuses a request-target that two readers could take for different things: anything but the origin form, `//`, dot
// segments, a slash, backslash, dot, percent sign or control character that is percent-encoded, a percent sign without
// two hex digits, and every character that RFC 3986 does not have in a path or query, such as `#`, backslash, space and
// whatever is not ASCII. It is as strict in the query as in the path. The error is a *[Refusal].
func CheckTarget(target string) error {
	switch {
	case target == "" || target[0] != '/':
		return Refuse(CodeTarget, "must be in origin form: a path that begins with /, and a query")
	case len(target) > MaxTarget:
		return Refuse(CodeTarget, "must have at most 2048 bytes")
	case strings.Contains(target, "//"):
		return Refuse(CodeTarget, "must not contain //")
	case hasDotSegment(target):
		return Refuse(CodeTarget, "must not contain . or .. as a segment")
	}
	for i := 0; i < len(target); i++ {
		switch c := target[i]; {
		case c == '%':
			if !isPlainEscape(target[i+1:]) {
				return Refuse(CodeTarget, "must not percent-encode a slash, backslash, dot, percent sign or control character")
			}
		case !isTargetByte(c):
			return Refuse(CodeTarget, "must have the characters of RFC 3986 alone, and no #")
		}
	}
	return nil
}

func hasDotSegment(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// isTargetByte says whether c may stand in a path or query: pchar, / and ? of RFC 3986.
func isTargetByte(c byte) bool {
	return isNonceByte(c) || strings.IndexByte("/.?=&~:@!$'()*+,;", c) >= 0
}

// isPlainEscape says whether rest begins with the two hex digits of a byte that means the same encoded or not.
func isPlainEscape(rest string) bool {
	if len(rest) < 2 {
		return false
	}
	high, ok1 := unhex(rest[0])
	low, ok2 := unhex(rest[1])
	switch c := high<<4 | low; c {
	case '/', '\\', '.', '%', 0x7f:
		return false
	default:
		return ok1 && ok2 && c >= ' '
	}
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
