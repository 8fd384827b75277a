package adapters

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"tongma/standard"
)

// Entry is one system in a catalogue. Its methods are for the entries that a catalogue gives, not for those that it is made of.
type Entry struct {
	Info    Info
	Adapter Adapter

	catalogue *Catalogue
	apart     []claim // opaque and document forms, which are no part of the matcher
}

// Catalogue is all systems with one matcher for all their scans. It never changes, so that it may be used by any number
// of goroutines; a new set of systems is a new catalogue.
type Catalogue struct {
	entries   []*Entry
	systems   map[string]*Entry
	urls      map[string]*prefixes // by scheme://host, then the beginning of the path
	texts     *prefixes
	bytes     *prefixes
	objects   map[string][]claim // by a key that the form must have
	documents map[string][]*Entry
}

// claim is a form of an entry.
type claim struct {
	*pattern
	entry *Entry
	form  int
}

// take completes the ticket for a scan that the claim matches.
func (c *claim) take(t *Ticket) (*Entry, bool) {
	t.Form = c.form
	return c.entry, true
}

// NewCatalogue compiles the forms of all entries. Its error names every entry without an id of its own, every form that does
// not hold, and every two forms that one scan could match, with an example of such a scan; one a line.
func NewCatalogue(entries []Entry) (*Catalogue, error) {
	c := &Catalogue{systems: make(map[string]*Entry), documents: make(map[string][]*Entry)}
	var claims []claim
	var faults []error
	for _, e := range entries {
		entry := &Entry{Info: e.Info, Adapter: e.Adapter, catalogue: c}
		if _, twice := c.For(e.Info.System); twice || e.Info.System == "" {
			faults = append(faults, fmt.Errorf("system %q: every system needs an id of its own", e.Info.System))
			continue
		}
		c.entries = append(c.entries, entry)
		c.systems[e.Info.System] = entry
		compiled, err := entry.compile()
		claims, faults = append(claims, compiled...), append(faults, err)
	}
	faults = append(faults, conflicts(claims)...)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	c.index(claims)
	return c, nil
}

// compile compiles the forms of an entry. Forms are counted from 1 in its error, from 0 in tickets.
func (e *Entry) compile() (claims []claim, _ error) {
	var faults []error
	for i, form := range e.Adapter.Forms() {
		p, err := form.compile()
		if err != nil {
			faults = append(faults, fmt.Errorf("system %s, form %d: %w", e.Info.System, i+1, err))
			continue
		}
		claims = append(claims, claim{p, e, i})
	}
	return claims, errors.Join(faults...)
}

// maxConflicts is how many conflicts are told: a form that claims too much clashes with everybody's.
const maxConflicts = 20

// conflicts compares all claims with each other.
func conflicts(claims []claim) (faults []error) {
	for i, a := range claims {
		for _, b := range claims[i+1:] {
			if len(faults) == maxConflicts {
				return append(faults, errors.New("and perhaps more: mend these first"))
			}
			if example, conflict := a.overlap(b.pattern); conflict {
				faults = append(faults, fmt.Errorf("system %s, form %d, and system %s, form %d, claim the same scan, such as %q: %s",
					a.entry.Info.System, a.form+1, b.entry.Info.System, b.form+1, example, a.mendOverlap()))
			}
		}
	}
	return faults
}

// mendOverlap says how to tell two forms of this kind apart.
func (p *pattern) mendOverlap() string {
	switch p.kind {
	case kindJSON:
		return "put a key that one of them has into what the other lacks, or name all keys of one of them under only"
	case kindBytes:
		return "give more of the bytes that the codes start with"
	}
	return "write more of what differs literally, or give lengths and narrower classes"
}

// index puts every claim where a scan will look for it.
func (c *Catalogue) index(claims []claim) {
	urls := make(map[string][]claim)
	var texts, binaries, objects []claim
	for _, cl := range claims {
		switch cl.kind {
		case kindURL:
			urls[cl.site] = append(urls[cl.site], cl)
		case kindText:
			texts = append(texts, cl)
		case kindBytes:
			binaries = append(binaries, cl)
		case kindJSON:
			objects = append(objects, cl)
		case kindOpaque, kindDocument:
			cl.entry.apart = append(cl.entry.apart, cl)
		}
	}
	c.urls = make(map[string]*prefixes, len(urls))
	for site, claims := range urls {
		c.urls[site] = newPrefixes(claims, func(cl claim) string { return cl.path.prefix() })
	}
	c.texts = newPrefixes(texts, func(cl claim) string { return cl.text.prefix() })
	c.bytes = newPrefixes(binaries, func(cl claim) string { return cl.starts })
	c.objects = byRarestKey(objects)
	c.indexDocuments()
}

// byRarestKey puts each JSON form under the one of its keys that the fewest forms ask for, so that an object is compared with
// few of them.
func byRarestKey(claims []claim) map[string][]claim {
	uses := make(map[string]int)
	for _, cl := range claims {
		for _, key := range cl.json.Has {
			uses[key]++
		}
	}
	index := make(map[string][]claim)
	for _, cl := range claims {
		key := slices.MinFunc(cl.json.Has, func(a, b string) int { return uses[a] - uses[b] })
		index[key] = append(index[key], cl)
	}
	return index
}

func (c *Catalogue) indexDocuments() {
	for _, e := range c.entries {
		for _, cl := range e.apart {
			for _, idType := range cl.document {
				if !slices.Contains(c.documents[idType], e) {
					c.documents[idType] = append(c.documents[idType], e)
				}
			}
		}
	}
}

// Entries gives all systems, in the order in which they were given.
func (c *Catalogue) Entries() iter.Seq[*Entry] { return slices.Values(c.entries) }

// For finds a system by its id.
func (c *Catalogue) For(system string) (*Entry, bool) {
	e, ok := c.systems[system]
	return e, ok
}

// ForDocument gives the systems that answer for an id type. A document says nothing of its system: which one to
// ask is for the request or the rules of the place to say.
func (c *Catalogue) ForDocument(idType string) iter.Seq[*Entry] {
	return slices.Values(c.documents[idType])
}

// Recognise finds the system that claims a scan and fills in the ticket. If there is none the ticket is of no use.
func (c *Catalogue) Recognise(scan string, t *Ticket) (*Entry, bool) {
	scan = withoutLineEnd(scan)
	*t = Ticket{Scan: scan}
	if scan == "" || len(scan) > maxScan {
		return nil, false
	}
	switch kindOf(scan) {
	case kindURL:
		return c.recogniseURL(scan, t)
	case kindJSON:
		return c.recogniseJSON(scan, t)
	}
	for cl := range c.texts.candidates(scan) {
		if cl.matchText(scan, t) {
			return cl.take(t)
		}
	}
	return nil, false
}

func (c *Catalogue) recogniseURL(scan string, t *Ticket) (*Entry, bool) {
	u, ok := parseURL(scan)
	if !ok {
		return nil, false
	}
	var site [maxSite]byte
	for i := range len(u.site) {
		site[i] = lower(u.site[i])
	}
	for cl := range c.urls[string(site[:len(u.site)])].candidates(u.path) {
		if cl.matchURL(&u, t) {
			return cl.take(t)
		}
	}
	return nil, false
}

func (c *Catalogue) recogniseJSON(scan string, t *Ticket) (*Entry, bool) {
	var o object
	if !o.parse(scan) {
		return nil, false
	}
	for i := range o.members[:o.n] {
		claims := c.objects[o.members[i].name]
		for j := range claims {
			if claims[j].matchJSON(&o, t) {
				return claims[j].take(t)
			}
		}
	}
	return nil, false
}

// RecogniseBytes finds the system that claims a binary code and fills in the ticket, which keeps b. If there is none the ticket
// is of no use.
func (c *Catalogue) RecogniseBytes(b []byte, t *Ticket) (*Entry, bool) {
	*t = Ticket{Bytes: b}
	if len(b) > maxScan {
		return nil, false
	}
	for cl := range c.bytes.candidates(string(b)) {
		return cl.take(t)
	}
	return nil, false
}

// Recognise says whether a scan is this system's, when the request says that it is, and fills in the ticket. A
// scan that nobody claims is, if the system has an opaque form and the scan is text without control characters of no
// more than its length.
func (e *Entry) Recognise(scan string, t *Ticket) bool {
	if claimant, ok := e.catalogue.Recognise(scan, t); ok {
		return claimant == e
	}
	*t = Ticket{Scan: withoutLineEnd(scan)}
	for _, cl := range e.apart {
		if len(t.Scan) <= cl.opaque && t.Scan != "" && isText(t.Scan) {
			t.Form = cl.form
			return true
		}
	}
	return false
}

// RecogniseBytes says whether a binary code is this system's, and fills in the ticket.
func (e *Entry) RecogniseBytes(b []byte, t *Ticket) bool {
	claimant, ok := e.catalogue.RecogniseBytes(b, t)
	return ok && claimant == e
}

// RecogniseDocument says whether the system answers for documents of d's type, and fills in the ticket, which keeps d.
func (e *Entry) RecogniseDocument(d *standard.Document, t *Ticket) bool {
	for _, cl := range e.apart {
		if slices.Contains(cl.document, d.Type) {
			*t = Ticket{Document: d, Form: cl.form}
			return true
		}
	}
	return false
}
