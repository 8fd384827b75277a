package standard_test

import (
	"encoding/csv"
	"os"
	"testing"

	"tongma/standard"
)

// readTable reads an embedded table by other means than the package does.
func readTable(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func TestEveryRowOfTheTableOfRegionsIsFound(t *testing.T) {
	rows := readTable(t, "data/gbt2260.csv")
	if len(rows) != 34+337+2868 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for i, row := range rows {
		want := standard.Region{Code: row[0], Name: row[1], Level: standard.Level(row[2]), Parent: row[3]}
		if got, ok := standard.LookupRegion(row[0]); !ok || got != want {
			t.Errorf("LookupRegion(%q) = %v, %v; want %v", row[0], got, ok, want)
		}
		if i > 0 && rows[i-1][0] >= row[0] {
			t.Errorf("%s is not sorted: the search needs that", row[0])
		}
		if province, ok := standard.Province(row[0]); !ok || province.Code != row[0][:2]+"0000" {
			t.Errorf("Province(%q) = %v, %v", row[0], province, ok)
		}
		if row[3] != "" && !standard.Under(row[0], row[3]) {
			t.Errorf("%s is not under its parent %s", row[0], row[3])
		}
	}
}

func TestWhatIsNoRegionIsNotFound(t *testing.T) {
	for _, code := range []string{"", "0", "000000", "999999", "310000 ", "31000", "3100000", "310103", "code,n", "660000", "310000\n", "31010４"} {
		if r, ok := standard.LookupRegion(code); ok {
			t.Errorf("LookupRegion(%q) = %v", code, r)
		}
		if _, ok := standard.City(code); ok {
			t.Errorf("City(%q) is found", code)
		}
		if _, ok := standard.Province(code); ok {
			t.Errorf("Province(%q) is found", code)
		}
		if standard.Under(code, code) || standard.Under(code, "310000") || standard.Under("310104", code) {
			t.Errorf("Under finds %q", code)
		}
	}
}

func TestTheCityOfARegion(t *testing.T) {
	for _, c := range []struct{ code, city, name string }{
		{"330106", "330100", "杭州市"},
		{"330100", "330100", "杭州市"},
		{"440106", "440100", "广州市"},
		{"441900", "441900", "东莞市"}, // a prefecture without counties
		{"310104", "310000", "上海市"}, // districts of a municipality
		{"310000", "310000", "上海市"},
		{"500101", "500000", "重庆市"},
		{"429004", "429004", "仙桃市"}, // directly under its province
		{"659001", "659001", "石河子市"},
		{"620201", "620200", "嘉峪关市"},
		{"330000", "", ""},
		{"810000", "", ""},
		{"419000", "", ""}, // a heading
	} {
		got, ok := standard.City(c.code)
		if got.Code != c.city || got.Name != c.name || ok != (c.city != "") {
			t.Errorf("City(%s) = %v, %v; want %s %s", c.code, got, ok, c.city, c.name)
		}
	}
}

func TestUnder(t *testing.T) {
	for _, c := range []struct {
		code, ancestor string
		want           bool
	}{
		{"440106", "440106", true}, {"440106", "440100", true}, {"440106", "440000", true},
		{"440100", "440106", false}, {"440106", "440300", false}, {"440106", "310000", false},
		{"310104", "310000", true}, {"429004", "420000", true}, {"440106", "", false}, {"", "", false},
	} {
		if got := standard.Under(c.code, c.ancestor); got != c.want {
			t.Errorf("Under(%q, %q) = %v", c.code, c.ancestor, got)
		}
	}
}

func TestRegionsAreFoundWithoutAllocation(t *testing.T) {
	standard.LookupRegion("310104")
	allocs := testing.AllocsPerRun(100, func() {
		standard.LookupRegion("310104")
		standard.City("310104")
		standard.Under("310104", "310000")
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestEveryCountryIsFoundByItsThreeCodes(t *testing.T) {
	rows := readTable(t, "data/gbt2659.csv")
	if len(rows) != 249 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		want := standard.Country{Alpha2: row[0], Alpha3: row[1], Numeric: row[2], Name: standard.Text{Zh: row[3], En: row[4]}}
		for _, code := range row[:3] {
			if got, ok := standard.LookupCountry(code); !ok || got != want {
				t.Errorf("LookupCountry(%q) = %v, %v", code, got, ok)
			}
		}
	}
	for _, code := range []string{"", "cn", "XK", "736", "alpha2"} {
		if c, ok := standard.LookupCountry(code); ok {
			t.Errorf("LookupCountry(%q) = %v", code, c)
		}
	}
}

func BenchmarkLookupRegion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		standard.LookupRegion("440106")
	}
}
