package policy

import (
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"tongma/adapters/descriptor"
	"tongma/standard"
)

// What stands for a number that is not known is what lets nobody through: a test without a date is too old, a vaccination too recent, a trip
// of today, a temperature that of a fever. nucleic.known and the like tell it from a number.
const (
	tooOld    = 1_000_000
	tooRecent = -1
	today     = 0
	fever     = 1_000_000.0
)

// A name is one that a condition may read, or a group of them.
type name struct {
	name  string
	shown any // a value of its type
	of    func(c *Case, in *room) any
}

// names is what conditions may read. Nothing in it says who somebody is.
var names = []name{
	{"outcome", "", func(c *Case, _ *room) any { return string(c.Verification.Outcome) }},
	{"status", "", func(c *Case, _ *room) any { return kindWords[kindOf(c.Verification)] }},
	{"system", map[string]any{"id": "", "region": "", "status": "", "colour": "", "text": "", "provenance": ""}, systemNames},
	{"mode", 1, func(c *Case, _ *room) any { return c.mode() }},
	{"by", "", func(c *Case, _ *room) any { return byWords[cellBy(c)] }},
	{"holder", map[string]any{"nationality": "", "region": "", "idType": ""}, holderNames},
	{"nucleic", map[string]any{"known": true, "result": "", "hours": 0}, func(c *Case, in *room) any { return testNames(c, c.health().Nucleic, in) }},
	{"antibody", map[string]any{"known": true, "result": "", "hours": 0}, func(c *Case, in *room) any { return testNames(c, c.health().Antibody, in) }},
	{"vaccine", map[string]any{"known": true, "doses": 0, "days": 0}, vaccineNames},
	{"temperature", map[string]any{"known": true, "degrees": 0.0}, temperatureNames},
	{"symptoms", []any{""}, func(c *Case, _ *room) any { return listOf(c.health().Symptoms) }},
	{"riskAreas", []any{""}, func(c *Case, _ *room) any { return listOf(c.health().RiskAreas) }},
	{"trips", []any{map[string]any{"region": "", "place": "", "days": 0}}, tripNames},
	{"others", []any{map[string]any{"system": "", "region": "", "status": ""}}, otherNames},
	{"place", map[string]any{"region": "", "site": ""}, placeNames},
	{"scene", "", func(c *Case, _ *room) any { return c.Scene }},
	{"purpose", "", func(c *Case, _ *room) any { return c.Purpose }},
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

// memory is where the values of the names stand. It is pooled, and holds nobody's data in between.
type memory struct {
	top   map[string]any
	rooms []room // by the names' places in the table
}

// room is for the members of one name.
type room struct {
	group map[string]any
	list  []any // of maps, as many as were ever needed
}

// maxList is how many maps a room keeps for the next case.
const maxList = 64

var memories = sync.Pool{New: func() any {
	m := &memory{top: map[string]any{}, rooms: make([]room, len(names))}
	for i, n := range names {
		if _, ok := n.shown.(map[string]any); ok {
			m.rooms[i].group = map[string]any{}
		}
	}
	return m
}}

// maps gives n maps to fill in.
func (r *room) maps(n int) []any {
	for len(r.list) < n {
		r.list = append(r.list, map[string]any{})
	}
	return r.list[:n]
}

func (r *room) empty() {
	clear(r.group)
	if len(r.list) > maxList {
		r.list = nil
	}
	for _, m := range r.list {
		clear(m.(map[string]any))
	}
}

// with gives the values of some names at least.
func (e *environment) with(set nameSet) map[string]any {
	if e.memory == nil {
		e.memory = memories.Get().(*memory)
	}
	for missing := set &^ e.filled; missing != 0; missing &= missing - 1 {
		i := bits.TrailingZeros32(uint32(missing))
		e.memory.top[names[i].name] = names[i].of(e.of, &e.memory.rooms[i])
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
		e.memory.rooms[bits.TrailingZeros32(uint32(set))].empty()
	}
	clear(e.memory.top)
	memories.Put(e.memory)
}

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

func systemNames(c *Case, in *room) any {
	into := in.group
	s := c.Verification.System
	if s == nil {
		s = new(standard.System)
	}
	into["id"], into["region"], into["status"] = s.ID, s.Region, s.Status
	into["colour"], into["text"], into["provenance"] = s.Colour, s.Text, string(s.Provenance)
	return into
}

func holderNames(c *Case, in *room) any {
	into := in.group
	var h standard.Holder
	if c.Record != nil {
		h = c.Record.Holder
	}
	into["nationality"], into["region"], into["idType"] = h.Nationality, h.Region, h.IDType
	return into
}

func testNames(c *Case, t *standard.Test, in *room) any {
	into := in.group
	known, result, hours := false, standard.TestUnknown, tooOld
	if t != nil {
		known, result, hours = t.Result == standard.TestNegative || t.Result == standard.TestPositive, t.Result, hoursSince(t.SampledAt, c.At)
	}
	into["known"], into["result"], into["hours"] = known, string(result), hours
	return into
}

func vaccineNames(c *Case, in *room) any {
	into := in.group
	v := c.health().Vaccine
	known, doses, days := v != nil, 0, tooRecent
	if known {
		doses = v.Doses
		if last, err := time.ParseInLocation(time.DateOnly, v.LastAt, china); err == nil {
			days = daysSince(last, c.At, tooRecent)
		}
	}
	into["known"], into["doses"], into["days"] = known, doses, days
	return into
}

func temperatureNames(c *Case, in *room) any {
	into := in.group
	degrees, err := strconv.ParseFloat(strings.TrimSpace(c.health().Temperature), 64)
	known := err == nil && degrees > 30 && degrees < 45 // what is neither is no person's
	if !known {
		degrees = fever
	}
	into["known"], into["degrees"] = known, degrees
	return into
}

func tripNames(c *Case, in *room) any {
	if c.Record == nil {
		return []any(nil)
	}
	list := in.maps(len(c.Record.Trips))
	for i := range c.Record.Trips {
		t, into := &c.Record.Trips[i], list[i].(map[string]any)
		into["region"], into["place"], into["days"] = t.Region, t.Place, daysSince(t.At, c.At, today)
	}
	return list
}

func otherNames(c *Case, in *room) any {
	list := in.maps(len(c.Verification.Others))
	for i, o := range c.Verification.Others {
		into := list[i].(map[string]any)
		into["system"], into["region"], into["status"] = o.System, o.Region, string(o.Status.Colour())
	}
	return list
}

func placeNames(c *Case, in *room) any {
	into := in.group
	into["region"], into["site"] = c.Place.Region, c.Place.Site
	return into
}

func listOf(texts []string) any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

// skew is how much a clock elsewhere may be ahead of ours.
const skew = 5 * time.Minute

// hoursSince counts the hours from then to now, the last one begun as whole, so that nothing is younger than it is.
func hoursSince(then, now time.Time) int {
	d, ok := passed(then, now)
	if !ok {
		return tooOld
	}
	hours := int(d / time.Hour) // nothing may be added to d, which may be all that a span of time can be
	if d%time.Hour > 0 {
		hours++
	}
	return hours
}

// daysSince counts the days from then to now, none before it has passed, so that nothing is longer ago than it is; or it gives unknown. What is
// known by its date alone was at the beginning of that day.
func daysSince(then, now time.Time, unknown int) int {
	d, ok := passed(then, now)
	if !ok {
		return unknown
	}
	return int(d / (24 * time.Hour))
}

// passed gives the time from then to now, at most 292 years, if it can be right.
func passed(then, now time.Time) (time.Duration, bool) {
	if then.IsZero() || now.IsZero() || then.After(now.Add(skew)) {
		return 0, false
	}
	return max(now.Sub(then), 0), true
}
