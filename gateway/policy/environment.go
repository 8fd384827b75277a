package policy

import (
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tongma/adapters/descriptor"
	"tongma/standard"
)

// unknownNumber stands for a number that is not known. It makes "not older than" and "cooler than" false, "older than" true, so that what is not
// known never lets anybody through; nucleic.known and the like tell it from a number.
const unknownNumber = 1_000_000

// A name is one that a condition may read, or a group of them.
type name struct {
	name  string
	shown any // a value of its type
	of    func(c *Case, into map[string]any) any
}

// names is what conditions may read. Nothing in it says who somebody is.
var names = []name{
	{"outcome", "", func(c *Case, _ map[string]any) any { return string(c.Verification.Outcome) }},
	{"status", "", func(c *Case, _ map[string]any) any { return kindWords[kindOf(c.Verification)] }},
	{"system", map[string]any{"id": "", "region": "", "status": "", "colour": "", "text": "", "provenance": ""}, systemNames},
	{"mode", 1, func(c *Case, _ map[string]any) any { return c.mode() }},
	{"by", "", func(c *Case, _ map[string]any) any { return byWords[cellBy(c)] }},
	{"holder", map[string]any{"nationality": "", "region": "", "idType": ""}, holderNames},
	{"nucleic", map[string]any{"known": true, "result": "", "hours": 0}, func(c *Case, into map[string]any) any { return testNames(c, c.health().Nucleic, into) }},
	{"antibody", map[string]any{"known": true, "result": "", "hours": 0}, func(c *Case, into map[string]any) any { return testNames(c, c.health().Antibody, into) }},
	{"vaccine", map[string]any{"known": true, "doses": 0, "days": 0}, vaccineNames},
	{"temperature", map[string]any{"known": true, "degrees": 0.0}, temperatureNames},
	{"symptoms", []any{""}, func(c *Case, _ map[string]any) any { return listOf(c.health().Symptoms) }},
	{"riskAreas", []any{""}, func(c *Case, _ map[string]any) any { return listOf(c.health().RiskAreas) }},
	{"trips", []any{map[string]any{"region": "", "place": "", "days": 0}}, tripNames},
	{"others", []any{map[string]any{"system": "", "region": "", "status": ""}}, otherNames},
	{"place", map[string]any{"region": "", "site": ""}, placeNames},
	{"scene", "", func(c *Case, _ map[string]any) any { return c.Scene }},
	{"purpose", "", func(c *Case, _ map[string]any) any { return c.Purpose }},
}

// conditions compiles all conditions of rules.
var conditions = sync.OnceValue(func() *descriptor.Conditions {
	shown := map[string]any{}
	for _, n := range names {
		shown[n.name] = n.shown
	}
	return descriptor.NewConditions(shown)
})

// nameSet is some of the names, by their places in the table.
type nameSet uint32

func readBy(c *descriptor.Condition) (set nameSet) {
	for i, n := range names {
		if c.Reads(n.name) {
			set |= 1 << i
		}
	}
	return set
}

// environment is what the conditions of one case read. Nothing is looked up that none of them reads.
type environment struct {
	of     *Case
	filled nameSet
	memory *memory
}

// memory is room for the values of the names. It is pooled, and holds nobody's data in between.
type memory struct {
	top    map[string]any
	groups []map[string]any // by the names' places in the table; nil for one that is no group
}

var memories = sync.Pool{New: func() any {
	m := &memory{top: make(map[string]any, len(names)+1), groups: make([]map[string]any, len(names))}
	for i, n := range names {
		if group, ok := n.shown.(map[string]any); ok {
			m.groups[i] = make(map[string]any, len(group))
		}
	}
	return m
}}

// with gives the values of some names at least.
func (e *environment) with(set nameSet) map[string]any {
	if e.memory == nil {
		e.memory = memories.Get().(*memory)
	}
	for missing := set &^ e.filled; missing != 0; missing &= missing - 1 {
		i := bits.TrailingZeros32(uint32(missing))
		e.memory.top[names[i].name] = names[i].of(e.of, e.memory.groups[i])
	}
	e.filled |= set
	return e.memory.top
}

// release gives the room back without what was in it.
func (e *environment) release() {
	if e.memory == nil {
		return
	}
	for set := e.filled; set != 0; set &= set - 1 {
		emptied(e.memory.groups[bits.TrailingZeros32(uint32(set))])
	}
	emptied(e.memory.top)
	memories.Put(e.memory)
}

func emptied(m map[string]any) { maps.DeleteFunc(m, func(string, any) bool { return true }) }

func (c *Case) mode() int {
	if c.Mode == 0 {
		return 1
	}
	return c.Mode
}

func cellBy(c *Case) by {
	if c.Document {
		return byDocument
	}
	return byScan
}

func (c *Case) health() *standard.Health {
	if c.Record == nil {
		return new(standard.Health)
	}
	return &c.Record.Health
}

func systemNames(c *Case, into map[string]any) any {
	s := c.Verification.System
	if s == nil {
		s = new(standard.System)
	}
	into["id"], into["region"], into["status"] = s.ID, s.Region, s.Status
	into["colour"], into["text"], into["provenance"] = s.Colour, s.Text, string(s.Provenance)
	return into
}

func holderNames(c *Case, into map[string]any) any {
	var h standard.Holder
	if c.Record != nil {
		h = c.Record.Holder
	}
	into["nationality"], into["region"], into["idType"] = h.Nationality, h.Region, h.IDType
	return into
}

func testNames(c *Case, t *standard.Test, into map[string]any) any {
	known, result, hours := false, standard.TestUnknown, unknownNumber
	if t != nil {
		known, result, hours = t.Result == standard.TestNegative || t.Result == standard.TestPositive, t.Result, since(t.SampledAt, c.At, time.Hour)
	}
	into["known"], into["result"], into["hours"] = known, string(result), hours
	return into
}

func vaccineNames(c *Case, into map[string]any) any {
	v := c.health().Vaccine
	known, doses, days := v != nil, 0, unknownNumber
	if known {
		doses = v.Doses
		if last, err := time.ParseInLocation(time.DateOnly, v.LastAt, china); err == nil {
			days = since(last, c.At, 24*time.Hour)
		}
	}
	into["known"], into["doses"], into["days"] = known, doses, days
	return into
}

func temperatureNames(c *Case, into map[string]any) any {
	degrees, err := strconv.ParseFloat(strings.TrimSpace(c.health().Temperature), 64)
	known := err == nil && degrees > 30 && degrees < 45 // what is neither is no person's
	if !known {
		degrees = unknownNumber
	}
	into["known"], into["degrees"] = known, degrees
	return into
}

func tripNames(c *Case, _ map[string]any) any {
	if c.Record == nil {
		return []any(nil)
	}
	list := make([]any, len(c.Record.Trips))
	for i, t := range c.Record.Trips {
		list[i] = map[string]any{"region": t.Region, "place": t.Place, "days": since(t.At, c.At, 24*time.Hour)}
	}
	return list
}

func otherNames(c *Case, _ map[string]any) any {
	list := make([]any, len(c.Verification.Others))
	for i, o := range c.Verification.Others {
		list[i] = map[string]any{"system": o.System, "region": o.Region, "status": string(o.Status.Colour())}
	}
	return list
}

func placeNames(c *Case, into map[string]any) any {
	into["region"], into["site"] = c.Place.Region, c.Place.Site
	return into
}

func listOf(texts []string) any {
	list := make([]any, len(texts))
	for i, t := range slices.All(texts) {
		list[i] = t
	}
	return list
}

// skew is how much a clock elsewhere may be ahead of ours.
const skew = 5 * time.Minute

// since counts the units from then to now, the last one begun counted as whole.
func since(then, now time.Time, unit time.Duration) int {
	if then.IsZero() || now.IsZero() || then.After(now.Add(skew)) {
		return unknownNumber
	}
	return int((max(now.Sub(then), 0) + unit - 1) / unit)
}
