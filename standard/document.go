package standard

import (
	"cmp"
	"strings"
	"time"
)

// Document (证件) is an identity document: its type, number and the holder's name.
type Document struct {
	Type   string `json:"type"`
	Number string `json:"number"`
	Name   string `json:"name"`
}

// DocumentType is a row of the table of document types.
type DocumentType struct {
	Code   string `json:"code"`
	Name   Text   `json:"name"`
	Number string `json:"number"` // what a number looks like, in words
	// normalise gives the number as it is stored and compared, or says in words what is wrong with it.
	normalise func(number string, now time.Time) (normalised, wrong string)
}

// DocumentTypes is the table of document types by the codes of WS 364.3 CV02.01.101. GB/T 38962 names the element 证件类型; its own
// code table is not public, so this one is what regional systems were seen to use (provenance observed). The rules
// for 02, 04, 05 and 99 are bounds alone (profile), because their numbers have no public form.
var DocumentTypes = []DocumentType{
	{"01", Text{"居民身份证", "resident identity card"}, "GB 11643: 17 digits and a check character; the 15 digits of the old form are completed", normaliseResident},
	{"02", Text{"居民户口簿", "household register"}, "1 to 32 characters, as printed", normalisePrinted},
	{"03", Text{"护照", "passport"}, "ICAO 9303: 6 to 9 letters and digits", normalisePassport},
	{"04", Text{"军官证", "officer's certificate"}, "1 to 32 characters, as printed", normalisePrinted},
	{"05", Text{"驾驶证", "driving licence"}, "1 to 32 characters, as printed", normalisePrinted},
	{"06", Text{"港澳居民来往内地通行证", "mainland travel permit for Hong Kong and Macao residents"}, "H or M and 8 digits; the 2 digits of the issue count are cut", normaliseHongKongMacao},
	{"07", Text{"台湾居民来往大陆通行证", "mainland travel permit for Taiwan residents"}, "8 digits; the 2 digits of the issue count are cut", normaliseTaiwan},
	{"99", Text{"其他法定有效证件", "other legal document"}, "1 to 32 characters, as printed", normalisePrinted},
}

// LookupDocumentType finds a type by its code.
func LookupDocumentType(code string) (DocumentType, bool) {
	for _, t := range DocumentTypes {
		if t.Code == code {
			return t, true
		}
	}
	return DocumentType{}, false
}

// Check says whether d can be a document at all and gives it as it is stored and compared: letters in upper case, a
// 15-digit number completed, an issue count cut. Nothing else is mended: full-width digits, spaces and look-alike letters are
// refused, because whoever sends them does not send what is printed on the document. The error is an *[Error] of
// [KindDocument].
//
// A resident number needs the right check character, a birth date that exists and is not after now, and a region of a
// province that exists; its county is not looked up, since numbers keep the code of the day they were issued. The region
// 000000, which nobody has, is accepted too: it marks test persons, such as the sandbox's.
//
// Check is for documents in requests. What a system says about a holder is never refused for its form.
func (d Document) Check(now time.Time) (Document, error) {
	number, err := d.CheckNumber(now)
	if err != nil {
		return Document{}, err
	}
	if err := checkText(KindDocument, "document.name", d.Name, 1, 64); err != nil {
		return Document{}, err
	}
	return Document{Type: d.Type, Number: number, Name: d.Name}, nil
}

// CheckNumber is [Document.Check] without the name: it gives the number as it is stored and compared.
func (d Document) CheckNumber(now time.Time) (string, error) {
	t, ok := LookupDocumentType(d.Type)
	if !ok {
		return "", &Error{KindDocument, "document.type", "must be one of 01 to 07 and 99 (WS 364.3 CV02.01.101)"}
	}
	number, wrong := t.normalise(d.Number, now)
	if wrong != "" {
		return "", &Error{KindDocument, "document.number", wrong}
	}
	return number, nil
}

// normalisePrinted bounds a number whose form is not public. The officer's certificate has Chinese characters in it.
func normalisePrinted(number string, _ time.Time) (string, string) {
	if checkText(KindDocument, "", number, 1, 32) != nil {
		return "", "must have 1 to 32 characters, none of them invisible"
	}
	return number, ""
}

func normalisePassport(number string, _ time.Time) (string, string) {
	number = upperASCII(number)
	if len(number) < 6 || len(number) > 9 || strings.Trim(number, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", "must have 6 to 9 ASCII letters and digits"
	}
	return number, ""
}

// normaliseHongKongMacao cuts the issue count: the nine characters before it stay with a person for life, while the count grows
// with every renewal, so that two cards of one person would not compare equal.
func normaliseHongKongMacao(number string, _ time.Time) (string, string) {
	number = upperASCII(number)
	if len(number) != 9 && len(number) != 11 || number[0] != 'H' && number[0] != 'M' || !isDigits(number[1:]) {
		return "", "must be H or M and 8 digits, or 10 with the issue count"
	}
	return number[:9], ""
}

func normaliseTaiwan(number string, _ time.Time) (string, string) {
	if len(number) != 8 && len(number) != 10 || !isDigits(number) {
		return "", "must have 8 digits, or 10 with the issue count"
	}
	return number[:8], ""
}

// upperASCII leaves everything but a to z alone. strings.ToUpper would turn a long s or a dotless i into an ASCII letter.
func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// Document gives the document that the holder of a record has, if the record tells its whole number. Without a type it is that of a resident. A
// birth date in the number is the system's own affair: it may be after today.
func (h *Holder) Document() (Document, bool) {
	d := Document{Type: cmp.Or(h.IDType, "01"), Number: h.IDNumber}
	number, err := d.CheckNumber(anyTime)
	if err != nil || strings.Contains(number, "*") {
		return Document{}, false
	}
	return Document{Type: d.Type, Number: number}, true
}

// anyTime is a day before which everybody was born.
var anyTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
