package standard

import (
	_ "embed"
	"sort"
	"strings"
	"sync"
)

// Level is the level of an administrative division.
type Level string

// The levels of GB/T 2260.
const (
	LevelProvince   Level = "province"   // 省级, municipalities and special administrative regions among them
	LevelPrefecture Level = "prefecture" // 地级
	LevelCounty     Level = "county"     // 县级
)

// Region (行政区划) is an administrative division of GB/T 2260, state 2020 to 2021; data/README.md says where the table is
// from and what was left out of it.
type Region struct {
	Code   string // six digits
	Name   string
	Level  Level
	Parent string // the code of the next level above that is in the table, "" for a province
}

//go:embed data/gbt2260.csv
var regionTable string

// regionLines holds where each line of the table begins. The table is sorted by code and stays as it is: a look-up
// searches the lines and cuts one up, which costs no memory beyond the embedded text.
var regionLines = sync.OnceValue(func() []int32 {
	lines := make([]int32, 0, strings.Count(regionTable, "\n"))
	at := 0
	for line := range strings.Lines(regionTable) {
		if at > 0 { // the first is the heading
			lines = append(lines, int32(at))
		}
		at += len(line)
	}
	return lines
})

// LookupRegion finds a division by its code and says whether there is one. A code that is not there may still stand in a
// document number: numbers keep the code of the day they were issued.
func LookupRegion(code string) (Region, bool) {
	if len(code) != 6 {
		return Region{}, false
	}
	lines := regionLines()
	i := sort.Search(len(lines), func(i int) bool { return regionTable[lines[i]:lines[i]+6] >= code })
	if i == len(lines) || regionTable[lines[i]:lines[i]+6] != code {
		return Region{}, false
	}
	line, _, _ := strings.Cut(regionTable[lines[i]:], "\n")
	_, rest, _ := strings.Cut(line, ",")
	name, rest, _ := strings.Cut(rest, ",")
	level, parent, _ := strings.Cut(rest, ",")
	return Region{Code: line[:6], Name: name, Level: Level(level), Parent: parent}, true
}

// Province gives the province-level division that code lies in: 310000 上海市 for 310104.
func Province(code string) (Region, bool) {
	r, ok := LookupRegion(code)
	for ok && r.Parent != "" {
		r, ok = LookupRegion(r.Parent)
	}
	return r, ok
}

// City gives the city that code lies in: the prefecture, the municipality itself (310104 gives 310000 上海市), or, for what
// lies directly under a province, the county-level city itself (429004 gives 429004 仙桃市). A province as a whole, a
// special administrative region, and the headings xx9000 for what lies directly under a province have none.
func City(code string) (Region, bool) {
	r, ok := LookupRegion(code)
	if !ok || isHeading(r.Code) {
		return Region{}, false
	}
	if r.Level == LevelCounty && !isHeading(r.Parent) {
		r, ok = LookupRegion(r.Parent)
	}
	if r.Level == LevelProvince && !isMunicipality(r.Code) {
		return Region{}, false
	}
	return r, ok
}

// Under says whether code is ancestor or lies in it. Both must be in the table.
func Under(code, ancestor string) bool {
	r, ok := LookupRegion(code)
	for ok && r.Code != ancestor {
		r, ok = LookupRegion(r.Parent)
	}
	return ok
}

// isHeading says whether code is one of the four rows that only gather what lies directly under a province.
func isHeading(code string) bool { return strings.HasSuffix(code, "9000") }

func isMunicipality(code string) bool {
	switch code {
	case "110000", "120000", "310000", "500000":
		return true
	}
	return false
}
