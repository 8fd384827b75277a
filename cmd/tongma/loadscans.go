package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	strict "github.com/go-json-experiment/json"

	"tongma/conformance/sandbox"
	"tongma/gateway/load"
	"tongma/standard"
)

// defaultWarm is how many scans the warm set has where nothing else is said.
const defaultWarm = 1000

// source gives what to ask about, and completes the plan's warm set.
func (f *loadFlags) source(plan *load.Plan, info *demoInfo) (load.Source, error) {
	if f.scans != "" {
		list, err := readScans(f.scans, f.place)
		if err != nil {
			return nil, misuse("one scan a line, or {\"scan\":…,\"expect\":…}: see `tongma load --help`", "%s: %w", f.scans, err)
		}
		if plan.Warm == 0 {
			plan.Warm = min(defaultWarm, max(len(list.items)/2, 1))
			if plan.Hit == 1 {
				plan.Warm = min(len(list.items), load.MaxWarm)
			}
		}
		return list, nil
	}
	if plan.Warm == 0 {
		plan.Warm = defaultWarm
	}
	return newCrowd(info, f.mix, f.place)
}

// crowd is the sandbox's people as a source: each scan is another one, and what must come of it is known.
type crowd struct {
	box     *sandbox.Sandbox
	place   string
	systems []string // each as often as its share says
	serial  atomic.Uint32
}

// newCrowd takes the systems of the demo by their shares, "suishen=5,suikang=3"; "" is all alike.
func newCrowd(info *demoInfo, mix, place string) (*crowd, error) {
	c := &crowd{box: sandbox.New(sandbox.Options{}), place: place, systems: info.Systems}
	c.serial.Store(rand.Uint32()) // so that what an earlier load has asked about is not asked about again
	if mix != "" {
		c.systems = nil
	}
	for part := range strings.SplitSeq(mix, ",") {
		if mix == "" {
			break
		}
		system, text, _ := strings.Cut(part, "=")
		weight, err := strconv.Atoi(text)
		if err != nil || weight < 1 || weight > 1000 {
			return nil, misuse("write it like suishen=5,suikang=3, each 1 to 1000", "--mix: no share in %q", part)
		}
		if !slices.Contains(info.Systems, system) {
			return nil, misuse("systems are "+strings.Join(info.Systems, ", "), "--mix: no system %q in the demo", system)
		}
		c.systems = append(c.systems, slices.Repeat([]string{system}, weight)...)
	}
	if len(c.systems) == 0 {
		return nil, misuse("give --scans", "the demo has no systems that the sandbox plays")
	}
	return c, nil
}

func (c *crowd) Next(now time.Time) (load.Item, bool) {
	system, serial := c.systems[rand.IntN(len(c.systems))], c.serial.Add(1)
	p := c.box.Mint(system, serial)
	return load.Item{
		Request: standard.Request{Scan: p.Scan, Place: standard.Place{Region: c.place, Site: demoSite}, Operator: &demoOperator},
		Expect:  &p.Status,
		Until:   now.Add(sandbox.Lifetime(system) * 9 / 10), // what expires on its way is no use
		Name:    fmt.Sprintf("%s, code %d", system, serial),
	}, true
}

// scanList is a file of scans as a source.
type scanList struct {
	items []load.Item
	next  atomic.Int64
}

func (l *scanList) Next(time.Time) (load.Item, bool) {
	i := l.next.Add(1) - 1
	if i >= int64(len(l.items)) {
		return load.Item{}, false
	}
	return l.items[i], true
}

// Bounds of a file of scans.
const (
	maxScanLine  = 32 << 10
	maxScanLines = 5_000_000
)

func readScans(path, place string) (*scanList, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseScans(file, place)
}

// parseScans reads a scan a line, or a JSON object with a member scan. Other JSON is a scan: some systems' codes hold JSON.
func parseScans(r io.Reader, place string) (*scanList, error) {
	list := &scanList{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxScanLine)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimRight(lines.Bytes(), "\r")
		if len(text) == 0 {
			continue
		}
		item, err := parseScan(text, place)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		item.Name = "line " + strconv.Itoa(n)
		if list.items = append(list.items, item); len(list.items) > maxScanLines {
			return nil, fmt.Errorf("more than %d scans", maxScanLines)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(list.items) == 0 {
		return nil, errors.New("no scans")
	}
	return list, nil
}

// scanLine is a line of JSON.
type scanLine struct {
	Scan     string             `json:"scan"`
	System   string             `json:"system"`
	Place    string             `json:"place"`
	Operator *standard.Operator `json:"operator"`
	Expect   *string            `json:"expect"`
}

func parseScan(text []byte, place string) (load.Item, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members["scan"] == nil {
		return load.Item{Request: standard.Request{Scan: string(text), Place: standard.Place{Region: place}}}, nil
	}
	line := scanLine{Place: place}
	// The error of the decoder may quote what is in the line, which is somebody's code.
	if strict.Unmarshal(text, &line, strict.RejectUnknownMembers(true)) != nil || line.Scan == "" {
		return load.Item{}, errors.New("not an object with the members scan, expect, system, place and operator, each once")
	}
	item := load.Item{Request: standard.Request{
		Scan: line.Scan, System: line.System, Operator: line.Operator, Place: standard.Place{Region: line.Place},
	}}
	if line.Expect != nil {
		status, ok := expectations[*line.Expect]
		if !ok {
			return load.Item{}, errors.New("expect must be 00, 01, 10 or none")
		}
		item.Expect = &status
	}
	return item, nil
}

// expectations are the statuses that a list may expect.
var expectations = map[string]standard.Status{
	"00": standard.Green, "01": standard.Yellow, "10": standard.Red, "none": standard.None,
	"green": standard.Green, "yellow": standard.Yellow, "red": standard.Red,
}
