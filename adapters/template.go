package adapters

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxTemplate bounds the bytes that one template can match, places without a length aside, and with it the work of comparing two.
const maxTemplate = 1024

// template is a compiled template. It is matched from left to right without going back: a place of variable length ends before the
// first byte that it cannot hold, and the last such place takes what the fixed rest leaves.
type template struct {
	parts []part
	last  int // index of the last place of variable length, -1 if there is none
	tail  int // bytes behind that place
}

// part is literal text, or a place.
type part struct {
	literal  string
	name     string
	chars    charset
	text     bool // the place holds text, not only ASCII: it must not end within a character
	min, max int
	at       int // where it stands in the source
}

func (p *part) variable() bool { return p.min < p.max }

// first gives the bytes that a part can begin with.
func (p *part) first() charset {
	if p.literal != "" {
		return charset{}.with(p.literal[:1])
	}
	return p.chars
}

// match takes s apart and appends the fields to t. When it fails t holds rubbish.
func (t *template) match(s string, ticket *Ticket) bool {
	for i := range t.parts {
		p := &t.parts[i]
		if p.literal != "" {
			if !strings.HasPrefix(s, p.literal) {
				return false
			}
			s = s[len(p.literal):]
			continue
		}
		n := p.min
		switch {
		case i == t.last:
			n = len(s) - t.tail
		case p.variable():
			n = p.run(s)
		}
		if n < p.min || n > p.max || n > len(s) || !p.holds(s[:n]) || !ticket.add(p.name, s[:n]) {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

// run counts the bytes at the beginning of s that the place can hold.
func (p *part) run(s string) int {
	n := 0
	for n < len(s) && p.chars.has(s[n]) {
		n++
	}
	return n
}

func (p *part) holds(s string) bool {
	for i := range len(s) {
		if !p.chars.has(s[i]) {
			return false
		}
	}
	return !p.text || utf8.ValidString(s)
}

// prefix gives the text that everything the template matches begins with.
func (t *template) prefix() string {
	if len(t.parts) == 0 {
		return ""
	}
	return t.parts[0].literal
}

// parseTemplate compiles s from an offset on. Member is s's name in errors.
func parseTemplate(member, s string, from int, abc alphabet) (template, error) {
	t := template{last: -1}
	size := 0
	for i := from; i < len(s); {
		p, end, err := parsePart(member, s, i, abc)
		if err != nil {
			return template{}, err
		}
		t.parts = append(t.parts, p)
		size += p.size()
		i = end
	}
	if size > maxTemplate {
		return template{}, &FormError{member, -1, fmt.Sprintf("a template of up to %d bytes; at most %d are possible: "+
			"leave the length of the longest place out", size, maxTemplate)}
	}
	for i := range t.parts {
		if t.parts[i].variable() {
			t.last, t.tail = i, 0
		} else if t.last >= 0 {
			t.tail += t.parts[i].size()
		}
	}
	return t, t.checkAmbiguity(member)
}

// size is the number of bytes that a part matches at most; a place without a length counts as one.
func (p *part) size() int {
	switch {
	case p.literal != "":
		return len(p.literal)
	case p.max == maxScan:
		return p.min
	}
	return p.max
}

func (t *template) checkAmbiguity(member string) error {
	for i := range max(t.last, 0) {
		p, next := &t.parts[i], &t.parts[i+1]
		if !p.variable() {
			continue
		}
		if c, overlap := p.chars.and(next.first()).pick(); overlap {
			return &FormError{member, p.at, fmt.Sprintf("where {%s} ends cannot be told, because %q may belong to it or to what follows: "+
				"give it a fixed length, or end it by a character that it cannot hold", p.name, c)}
		}
	}
	return nil
}

// parsePart compiles the literal or the place at offset i and says where it ends.
func parsePart(member, s string, i int, abc alphabet) (part, int, error) {
	if s[i] == '{' {
		return parsePlace(member, s, i, abc)
	}
	end := i
	for end < len(s) && s[end] != '{' {
		switch c := s[end]; {
		case c == '}':
			return part{}, 0, &FormError{member, end, "a } without a {; a template cannot hold braces literally"}
		case !abc.literal.has(c):
			return part{}, 0, &FormError{member, end, abc.hint}
		}
		end++
	}
	if !utf8.ValidString(s[i:end]) {
		return part{}, 0, &FormError{member, i, "not UTF-8"}
	}
	return part{literal: s[i:end], at: i}, end, nil
}

// parsePlace compiles {name:class} or {name:class:length}.
func parsePlace(member, s string, i int, abc alphabet) (part, int, error) {
	size := strings.IndexByte(s[i:], '}')
	if size < 0 {
		return part{}, 0, &FormError{member, i, "a { without a }; write {name:class} or {name:class:length}"}
	}
	words := strings.Split(s[i+1:i+size], ":")
	if len(words) != 2 && len(words) != 3 {
		return part{}, 0, &FormError{member, i, "write {name:class} or {name:class:length}"}
	}
	p := part{name: words[0], min: 1, max: maxScan, at: i}
	if !isFieldName(p.name) {
		return part{}, 0, &FormError{member, i + 1, "a name is of letters, digits and _, begins with a letter and has at most 32 characters"}
	}
	at := i + 1 + len(words[0]) + 1
	switch words[1] {
	case "hex":
		p.chars = hex
	case "digits":
		p.chars = digits
	case "alnum":
		p.chars = alnum
	case "b64":
		p.chars = b64
	case "any":
		p.chars, p.text = abc.any, true
	default:
		return part{}, 0, &FormError{member, at, fmt.Sprintf("unknown class %q; write hex, digits, alnum, b64 or any", words[1])}
	}
	if len(words) == 3 {
		at += len(words[1]) + 1
		var ok bool
		if p.min, p.max, ok = parseLength(words[2]); !ok {
			return part{}, 0, &FormError{member, at, fmt.Sprintf("not a length: write a number or a range such as 1-64, from 1 to %d", maxTemplate)}
		}
	}
	return p, i + size + 1, nil
}

func isFieldName(s string) bool {
	if s == "" || len(s) > 32 || s[0] == '_' || digits.has(s[0]) {
		return false
	}
	for i := range len(s) {
		if s[i] != '_' && !alnum.has(s[i]) {
			return false
		}
	}
	return true
}

// parseLength reads a number or a range.
func parseLength(s string) (low, high int, ok bool) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	a, errA := strconv.ParseUint(from, 10, 16)
	b, errB := strconv.ParseUint(to, 10, 16)
	if errA != nil || errB != nil || a < 1 || b < a || b > maxTemplate {
		return 0, 0, false
	}
	return int(a), int(b), true
}
