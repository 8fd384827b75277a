package standard

import (
	"strings"
	"unicode/utf8"
)

// Masking (脱敏), profile. Lengths count Unicode code points. What is masked already gains nothing by being masked again, and what
// is too short to hide anything is hidden whole.

// MaskName masks a name: 张三 gives *三, 李测试 gives 李*试, one character gives *.
func MaskName(name string) string {
	if utf8.RuneCountInString(name) <= 2 {
		return maskMiddle(name, 0, 1)
	}
	return maskMiddle(name, 1, 1)
}

// MaskIDNumber masks a document number: its first 3 and last 4 characters stay if it has at least 10, else its first and last.
func MaskIDNumber(number string) string {
	if utf8.RuneCountInString(number) >= 10 {
		return maskMiddle(number, 3, 4)
	}
	return maskMiddle(number, 1, 1)
}

// MaskPhone masks a mobile number of 11 digits, of which the first 3 and last 4 stay. Any other length is hidden whole.
func MaskPhone(phone string) string {
	if utf8.RuneCountInString(phone) == 11 {
		return maskMiddle(phone, 3, 4)
	}
	return maskMiddle(phone, 0, 0)
}

// maskMiddle keeps first and last characters and hides the others, or hides all where nothing would be left to hide.
func maskMiddle(text string, first, last int) string {
	n := utf8.RuneCountInString(text)
	if n <= first+last {
		first, last = 0, 0
	}
	var b strings.Builder
	b.Grow(len(text)) // a character becomes no longer
	i := 0
	for _, r := range text { // a byte that is not UTF-8 counts as one character and never comes out again
		if i < first || i >= n-last {
			b.WriteRune(r)
		} else {
			b.WriteByte('*')
		}
		i++
	}
	return b.String()
}
