package standard

import "time"

// What can be wrong with a resident number.
const (
	wrongCharacters = "must consist of ASCII digits, with X allowed as the 18th character"
	wrongLength     = "must have 18 characters, or 15 in the old form"
	wrongRegion     = "must begin with the region of a province that exists, or 000000 for a test person"
	wrongBirthDate  = "must contain a birth date that exists"
	wrongFuture     = "must not contain a birth date in the future"
	wrongCheck      = "must end with the right check character"
)

// noRegion is the region of test persons. No division has this code, so no real number begins with it.
const noRegion = "000000"

// upgrade15 completes 15 digits of the old form, with a year of two digits and no check character, to the 18 characters of
// GB 11643-1999.
func upgrade15(number string) (upgraded, wrong string) {
	// The old form was given out until 1999 and for births of the 1900s only.
	first17 := number[:6] + "19" + number[6:]
	if wrong := checkRegionAndBirth(first17); wrong != "" {
		return "", wrong
	}
	return first17 + string(checkCharacter(first17)), ""
}

// normaliseResident checks a number by GB 11643-1999.
func normaliseResident(number string, now time.Time) (normalised, wrong string) {
	if len(number) == 18 && number[17] == 'x' {
		number = number[:17] + "X"
	}
	if !isDigits(number) && !(len(number) == 18 && number[17] == 'X' && isDigits(number[:17])) {
		return "", wrongCharacters
	}
	if len(number) == 15 {
		return upgrade15(number)
	}
	if len(number) != 18 {
		return "", wrongLength
	}
	if wrong := checkRegionAndBirth(number); wrong != "" {
		return "", wrong
	}
	if number[6:14] > now.In(Zone).Format("20060102") {
		return "", wrongFuture
	}
	if number[17] != checkCharacter(number[:17]) {
		return "", wrongCheck
	}
	return number, ""
}

func checkRegionAndBirth(number string) (wrong string) {
	if number[:6] != noRegion && !isProvincePart(number[:2]) {
		return wrongRegion
	}
	// The oldest people whose cards are known were born in the 1880s.
	if _, err := time.Parse("20060102", number[6:14]); err != nil || number[6:10] < "1800" {
		return wrongBirthDate
	}
	return ""
}

// isProvincePart says whether a number can begin with these two digits. 83 is on the residence permits of people from Taiwan and
// is not in GB/T 2260.
func isProvincePart(two string) bool {
	if two == "83" {
		return true
	}
	_, ok := LookupRegion(two + "0000")
	return ok
}

// checkCharacter is ISO 7064 MOD 11-2 over 17 digits, in its recursive form.
func checkCharacter(first17 string) byte {
	p := 0
	for i := range len(first17) {
		p = (p + int(first17[i]-'0')) * 2 % 11
	}
	return "10X98765432"[p]
}
