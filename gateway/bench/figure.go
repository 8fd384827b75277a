package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// figure is one measured number with its bar.
type figure struct {
	Row     string    `json:"row"`
	Name    string    `json:"name"`
	Value   float64   `json:"value"` // the median of each
	Each    []float64 `json:"each"`  // one a pair, in the order of measuring
	Unit    string    `json:"unit"`  // "" for a ratio
	Bar     float64   `json:"bar"`
	AtLeast bool      `json:"atLeast"` // the value must be at least the bar, otherwise at most
	Holds   bool      `json:"holds"`
	Note    string    `json:"note,omitempty"` // the two sides in absolute numbers, which hold for one machine only
}

func atLeast(bar float64, name string, each []float64, note string) figure {
	return figure{Name: name, Value: median(each), Each: each, Bar: bar, AtLeast: true, Note: note}
}

func atMost(bar float64, unit, name string, each []float64, note string) figure {
	return figure{Name: name, Value: median(each), Each: each, Unit: unit, Bar: bar, Note: note}
}

func (f *figure) holds() bool {
	if f.AtLeast {
		return f.Value >= f.Bar
	}
	return f.Value <= f.Bar
}

func median(each []float64) float64 {
	sorted := slices.Sorted(slices.Values(each))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// table prints the figures for people.
func table(out io.Writer, figures []figure) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROW\tFIGURE\tVALUE\tBAR\tHOLDS\tLOWEST-HIGHEST\tIN NUMBERS OF THIS MACHINE")
	for _, f := range figures {
		sign, holds := "<=", "no"
		if f.AtLeast {
			sign = ">="
		}
		if f.Holds {
			holds = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\t%s\t%s-%s\t%s\n", f.Row, f.Name, f.number(f.Value), sign, f.number(f.Bar), holds,
			f.number(slices.Min(f.Each)), f.number(slices.Max(f.Each)), f.Note)
	}
	w.Flush()
}

// number writes a value with its unit.
func (f *figure) number(v float64) string {
	switch f.Unit {
	case "":
		return fmt.Sprintf("%.2f", v)
	case "ms", "µs", "s", "%":
		return fmt.Sprintf("%.2f %s", v, f.Unit)
	}
	return fmt.Sprintf("%.0f %s", v, f.Unit)
}
