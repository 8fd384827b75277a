package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// columns measures text as terminals show it: a Chinese character takes two cells, a box line or a circle one, in every locale.
var columns = &runewidth.Condition{EastAsianWidth: false, StrictEmojiNeutral: true}

// printJSON writes v for programs, and for people who read what programs get.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printTable writes rows below headings, each column as wide as its widest cell. The last column is not padded.
func printTable(w io.Writer, headings []string, rows [][]string) {
	widths := make([]int, len(headings))
	for _, row := range append([][]string{headings}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], columns.StringWidth(cell))
		}
	}
	for _, row := range append([][]string{headings}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(columns.FillRight(cell, widths[i]))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// shorten cuts text in the middle so that it takes at most width cells.
func shorten(text string, width int) string {
	if columns.StringWidth(text) <= width {
		return text
	}
	head := columns.Truncate(text, width/2, "")
	tail := columns.TruncateLeft(text, columns.StringWidth(text)-(width-width/2-1), "")
	return head + "…" + tail
}

// wrap breaks text into lines of at most width cells. It breaks no word of Latin letters that fits into a line.
func wrap(text string, width int) []string {
	var lines []string
	for columns.StringWidth(text) > width {
		end := len(columns.Truncate(text, width, ""))
		if space := strings.LastIndexByte(text[:end], ' '); space > 0 && isWordByte(text[end-1]) && isWordByte(text[end]) {
			end = space + 1
		}
		lines = append(lines, strings.TrimRight(text[:end], " "))
		text = strings.TrimLeft(text[end:], " ")
	}
	return append(lines, text)
}

func isWordByte(c byte) bool { return ' ' < c && c < 0x7f }

// tame makes text from outside safe for a terminal: what could move the cursor, change colours or turn the direction of
// writing becomes a visible mark.
func tame(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// wantsColour says whether w is a terminal whose user has not asked for plain text (https://no-color.org).
func wantsColour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
