package standard_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"tongma/standard"
)

// identity is testdata/identity.json: known answers made without this project's code, of synthetic people.
type identity struct {
	ReferenceDate string `json:"reference_date"`
	Valid         []struct{ ID string }
	ValidToday    []struct{ ID string } `json:"valid_on_reference_date"`
	Invalid       []struct{ Name, ID, Reason string }
	Normalise     []struct{ Name, ID, Normalised string }
	Legacy15      []struct{ Name, ID, Expected, Upgraded, Reason string }
	Masking       struct {
		Names     []masked
		IDNumbers []masked `json:"id_numbers"`
		Phones    []masked
	}
}

type masked struct{ Name, Input, Masked string }

func readIdentity(t *testing.T) (identity, time.Time) {
	t.Helper()
	data, err := os.ReadFile("testdata/identity.json")
	if err != nil {
		t.Fatal(err)
	}
	var v identity
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	day, err := time.ParseInLocation(time.DateOnly, v.ReferenceDate, standard.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return v, day
}

func resident(number string) standard.Document {
	return standard.Document{Type: "01", Number: number, Name: "李测试"}
}

func TestResidentNumbersOfTheVectors(t *testing.T) {
	v, today := readIdentity(t)
	for _, c := range append(v.Valid, v.ValidToday...) {
		if d, err := resident(c.ID).Check(today); err != nil || d != resident(c.ID) {
			t.Errorf("%s: %v, %v", c.ID, d, err)
		}
	}
	for _, c := range v.Normalise {
		if d, err := resident(c.ID).Check(today); err != nil || d.Number != c.Normalised {
			t.Errorf("%s: %v, %v", c.Name, d, err)
		}
	}
	words := map[string]string{
		"check_digit": "check character", "birth_date": "birth date that exists", "future_date": "in the future",
		"region": "region", "length": "18 characters", "characters": "ASCII digits",
	}
	for _, c := range v.Invalid {
		_, err := resident(c.ID).Check(today)
		wantDocumentError(t, c.Name, err, "document.number", words[c.Reason])
	}
}

func TestResidentNumbersOfTheOldForm(t *testing.T) {
	v, today := readIdentity(t)
	for _, c := range v.Legacy15 {
		d, err := resident(c.ID).Check(today)
		if c.Expected == "invalid" {
			wantDocumentError(t, c.Name, err, "document.number", "")
			continue
		}
		if err != nil || d.Number != c.Upgraded {
			t.Errorf("%s: %q %v; want %q", c.Name, d.Number, err, c.Upgraded)
		}
	}
	_, err := resident("11010180010199").Check(today)
	wantDocumentError(t, "14 digits", err, "document.number", "15 in the old form")
}

func TestABirthDateIsJudgedByTheDayInChina(t *testing.T) {
	v, day := readIdentity(t)
	born := resident(v.ValidToday[0].ID)
	if _, err := born.Check(day.UTC()); err != nil { // 2022-05-31 16:00 UTC is already 2022-06-01 in China
		t.Error(err)
	}
	if _, err := born.Check(day.Add(-time.Millisecond)); err == nil {
		t.Error("a date of tomorrow is accepted")
	}
}

func TestTestPersonsHaveNoRegion(t *testing.T) {
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	for number, ok := range map[string]bool{
		"000000199001019902":  false, // wrong check character
		"000000199001019901":  true,
		"000000199013019909":  false, // no such month
		"000000209901019903":  false, // the future
		"830000199001019906":  true,  // residence permit of a person from Taiwan
		"310103199001019909":  true,  // a county withdrawn before the table's state
		"0000001990010199011": false,
	} {
		_, err := resident(number).Check(now)
		if (err == nil) != ok {
			t.Errorf("%s: %v", number, err)
		}
	}
}

func TestOtherDocuments(t *testing.T) {
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	for _, c := range []struct{ kind, number, want string }{
		{"03", "E00000000", "E00000000"},
		{"03", "e0000x", "E0000X"},
		{"03", "E0000", ""},
		{"03", "E000000000", ""},
		{"03", "E0000-000", ""},
		{"03", "Е00000000", ""}, // a Cyrillic letter
		{"03", "ſ0000000", ""},  // a long s, whose upper case is an ASCII S
		{"06", "H00000000", "H00000000"},
		{"06", "m00000000", "M00000000"},
		{"06", "H0000000001", "H00000000"},
		{"06", "H000000000", ""},
		{"06", "A00000000", ""},
		{"06", "H0000000X", ""},
		{"06", "", ""},
		{"07", "00000000", "00000000"},
		{"07", "0000000001", "00000000"},
		{"07", "000000000", ""},
		{"07", "0000000A", ""},
		{"07", "", ""},
		{"02", "000000000", "000000000"},
		{"04", "测字第00000号", "测字第00000号"},
		{"05", "000000000000", "000000000000"},
		{"99", "AB-1 / 2", "AB-1 / 2"},
		{"99", "", ""},
		{"99", " 1", ""},
		{"99", "1\u200b2", ""},
		{"99", strings.Repeat("9", 33), ""},
		{"99", "\xff", ""},
	} {
		d, err := standard.Document{Type: c.kind, Number: c.number, Name: "李测试"}.Check(now)
		if c.want == "" {
			wantDocumentError(t, c.kind+" "+c.number, err, "document.number", "")
		} else if err != nil || d.Number != c.want {
			t.Errorf("%s %s: %v, %v", c.kind, c.number, d, err)
		}
	}
	for _, kind := range []string{"", "1", "00", "08", "98", "001", "０１"} {
		_, err := standard.Document{Type: kind, Number: "E00000000", Name: "李测试"}.Check(now)
		wantDocumentError(t, "type "+kind, err, "document.type", "")
	}
}

func TestNamesOfHolders(t *testing.T) {
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	for name, ok := range map[string]bool{
		"张三": true, "𠮷田": true, "阿卜杜拉·测试": true, "Anna Maria Test": true, "张　三": true, strings.Repeat("测", 64): true,
		"": false, strings.Repeat("测", 65): false, "张\n三": false, "张\x00": false, "张\u202e三": false, "张\ufeff": false,
		"张\u2028三": false, " 张三": false, "张三　": false, "\xe5": false, "   ": false,
	} {
		d, err := standard.Document{Type: "03", Number: "E00000000", Name: name}.Check(now)
		if ok && (err != nil || d.Name != name) {
			t.Errorf("%q: %v", name, err)
		}
		if !ok {
			wantDocumentError(t, name, err, "document.name", "")
		}
	}
}

func wantDocumentError(t *testing.T, name string, err error, field, what string) {
	t.Helper()
	var e *standard.Error
	if !errors.As(err, &e) || e.Kind != standard.KindDocument || e.Field != field || !strings.Contains(e.What, what) {
		t.Errorf("%q: got %v, want an error of %s with %q", name, err, field, what)
	}
}

func TestAnySingleWrongDigitOfANumberIsNoticed(t *testing.T) {
	v, today := readIdentity(t)
	rapid.Check(t, func(t *rapid.T) {
		good := rapid.SampledFrom(v.Valid).Draw(t, "number").ID
		at := rapid.IntRange(0, 16).Draw(t, "at")
		digit := rapid.ByteRange('0', '9').Draw(t, "digit")
		bad := good[:at] + string(digit) + good[at+1:]
		if _, err := resident(bad).Check(today); bad != good && err == nil {
			t.Fatalf("%s for %s is accepted", bad, good)
		}
	})
}

func FuzzDocumentCheck(f *testing.F) {
	for _, s := range []string{"", "330211200412099979", "46010819600506998x", "110101800101991", "H0000000001", "３３"} {
		for _, kind := range []string{"01", "03", "06", "07", "99", "x"} {
			f.Add(kind, s, "李测试")
		}
	}
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, standard.Zone)
	f.Fuzz(func(t *testing.T, kind, number, name string) {
		d, err := standard.Document{Type: kind, Number: number, Name: name}.Check(now)
		if err != nil {
			return
		}
		if again, err := d.Check(now); err != nil || again != d {
			t.Errorf("the normalised form is not stable: %q then %q, %v", d, again, err)
		}
		for _, r := range d.Number + d.Name {
			if unicode.IsControl(r) {
				t.Errorf("%q has a control character", d)
			}
		}
	})
}
