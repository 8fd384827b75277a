package standard

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// checkText refuses text outside minimum to maximum code points, and text that could deceive whoever reads it in a log, on
// a screen or in another system: control and invisible characters, line ends, white space at either end.
func checkText(kind Kind, field, text string, minimum, maximum int) error {
	what := ""
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		what = "must be valid UTF-8"
	case n < minimum || n > maximum:
		what = "must have " + strconv.Itoa(minimum) + " to " + strconv.Itoa(maximum) + " characters"
	case hasHidden(text):
		what = "must not contain control or invisible characters"
	case hasOuterSpace(text):
		what = "must not begin or end with white space"
	default:
		return nil
	}
	return &Error{Kind: kind, Field: field, What: what}
}

func hasHidden(text string) bool {
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return true
		}
	}
	return false
}

func hasOuterSpace(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	return unicode.IsSpace(first) || unicode.IsSpace(last)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
