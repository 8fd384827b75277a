package standard

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"sync"
)

// Country is a country or region of GB/T 2659 (ISO 3166-1). The names are those of the source that data/README.md
// gives, not the wording of GB/T 2659.
type Country struct {
	Alpha2  string // CN
	Alpha3  string // CHN
	Numeric string // 156
	Name    Text
}

//go:embed data/gbt2659.csv
var countryTable string

var countries = sync.OnceValue(func() map[string]Country {
	rows, err := csv.NewReader(strings.NewReader(countryTable)).ReadAll()
	if err != nil {
		panic("standard: embedded table of countries: " + err.Error())
	}
	m := make(map[string]Country, 3*len(rows))
	for _, f := range rows[1:] {
		c := Country{Alpha2: f[0], Alpha3: f[1], Numeric: f[2], Name: Text{Zh: f[3], En: f[4]}}
		m[c.Alpha2], m[c.Alpha3], m[c.Numeric] = c, c, c
	}
	return m
})

// LookupCountry finds a country by any of its three codes, letters in upper case: systems differ in which one they send.
func LookupCountry(code string) (Country, bool) {
	c, ok := countries()[code]
	return c, ok
}
