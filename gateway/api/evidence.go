package api

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"tongma/gateway/events"
	"tongma/gateway/evidence"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/wire"
)

// giveDayKeys answers POST /v1/admin/evidence/keys: each key is sealed to the officer, who alone can open it.
func (s *Server) giveDayKeys(x *call) (any, error) {
	var days wire.Days
	if err := decode(x.body, &days); err != nil {
		return nil, err
	}
	if _, ok := days.List(); !ok {
		return nil, &standard.Error{Kind: standard.KindField, Field: "from", What: "give from and to, each like 2022-03-01, at most 400 days"}
	}
	answer := wire.DayKeys{Keys: []wire.DayKey{}}
	err := s.lookups.do(x.r.Context(), func(ctx context.Context) error {
		all, err := s.cfg.Evidence.DayKeys(ctx)
		for _, k := range all {
			if days.From <= k.Day && k.Day <= days.To {
				answer.Keys = append(answer.Keys, wire.DayKey(k))
			}
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(answer.Keys) > wire.MaxDayKeys:
		return nil, &standard.Error{Kind: standard.KindField, Field: "from", What: "these days have more than 1000 keys: ask for fewer days"}
	}
	events.DayKeysGiven.Tell(s.cfg.Log, slog.String("requestId", x.id), slog.String("party", x.party.ID), slog.Int("keys", len(answer.Keys)))
	return &answer, nil
}

// searchEvidence answers POST /v1/admin/evidence/search. Each page is in the evidence before it is given.
func (s *Server) searchEvidence(x *call) (any, error) {
	var q wire.Search
	if err := decode(x.body, &q); err != nil {
		return nil, err
	}
	after, err := checkSearch(&q)
	if err != nil {
		return nil, err
	}
	if _, ok := x.party.Purpose(q.Purpose); !ok {
		return nil, wire.Refuse(wire.CodePurpose, "")
	}
	wanted, err := wantedOf(q.People)
	if err != nil {
		return nil, err
	}
	by := &proof.Entry{
		Kind: proof.Search, ID: x.id, At: standard.Millis(x.began), Party: x.party.ID, Roles: x.party.Roles, Purpose: q.Purpose, Case: q.Case,
	}
	var found []evidence.Found
	err = s.lookups.do(x.r.Context(), func(ctx context.Context) (err error) {
		found, err = s.cfg.Evidence.Search(ctx, by, wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	return pageOf(x.id, found, after)
}

// checkSearch says whether a search can be meant, and gives the place after which its page begins.
func checkSearch(q *wire.Search) (place, error) {
	after, ok := place{}, true
	if q.After != "" {
		after, ok = parsePlace(q.After)
	}
	switch {
	case !wire.ValidLine(q.Case, wire.MaxCase):
		return place{}, &standard.Error{Kind: standard.KindField, Field: "case", What: "give the case number: 1 to 64 characters that can be shown, on one line, with no outer space"}
	case !wire.ValidLine(q.Purpose, wire.MaxCase):
		return place{}, &standard.Error{Kind: standard.KindField, Field: "purpose", What: "say what it is for, in 1 to 64 characters that can be shown, on one line, with no outer space"}
	case !ok:
		return place{}, &standard.Error{Kind: standard.KindField, Field: "after", What: "must be the next of the page before"}
	}
	return after, nil
}

// wantedOf reads whom a search is for.
func wantedOf(people []wire.WantedOn) ([]evidence.Wanted, error) {
	if len(people) == 0 || len(people) > wire.MaxPseudonyms {
		return nil, &standard.Error{Kind: standard.KindField, Field: "people", What: "give 1 to 1000 pseudonyms, of all days together"}
	}
	wanted := make([]evidence.Wanted, len(people))
	all := 0
	for i, p := range people {
		at := "people." + strconv.Itoa(i)
		if _, err := wire.ParseDay(p.Day); err != nil {
			return nil, &standard.Error{Kind: standard.KindField, Field: at + ".day", What: "must be a day such as 2022-03-01"}
		}
		wanted[i].Day = p.Day
		if all += len(p.Pseudonyms); len(p.Pseudonyms) == 0 || all > wire.MaxPseudonyms {
			return nil, &standard.Error{Kind: standard.KindField, Field: at + ".pseudonyms", What: "give 1 to 1000 pseudonyms, of all days together"}
		}
		for _, b := range p.Pseudonyms {
			if len(b) != len(proof.Pseudonym{}) || proof.Pseudonym(b) == (proof.Pseudonym{}) {
				return nil, &standard.Error{Kind: standard.KindField, Field: at + ".pseudonyms", What: "each has 16 bytes that are not all zero"}
			}
			wanted[i].Pseudonyms = append(wanted[i].Pseudonyms, proof.Pseudonym(b))
		}
	}
	return wanted, nil
}

// place is where an entry stands in the order of what is found: by time, then by log. As text it is the next of a page.
type place struct {
	at     int64 // milliseconds since 1970
	group  uint64
	number uint32
	log    string
}

func placeOf(f *evidence.Found) place {
	return place{f.Entry.At.UnixMilli(), f.Group, f.Number, f.Log}
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.at, q.at), strings.Compare(p.log, q.log), cmp.Compare(p.group, q.group), cmp.Compare(p.number, q.number))
}

// String puts the log last, whose name may have a dot.
func (p place) String() string { return fmt.Sprintf("%d.%d.%d.%s", p.at, p.group, p.number, p.log) }

// parsePlace reads what String has written, and nothing else.
func parsePlace(text string) (place, bool) {
	parts := strings.SplitN(text, ".", 4)
	if len(parts) != 4 || !wire.ValidID(parts[3]) {
		return place{}, false
	}
	at, err1 := strconv.ParseInt(parts[0], 10, 64)
	group, err2 := strconv.ParseUint(parts[1], 10, 64)
	number, err3 := strconv.ParseUint(parts[2], 10, 32)
	p := place{at, group, uint32(number), parts[3]}
	return p, err1 == nil && err2 == nil && err3 == nil && p.String() == text
}

// pageOf gives the page behind a place. What was found is in the order of places.
func pageOf(id string, found []evidence.Found, after place) (*wire.Findings, error) {
	begin, exact := slices.BinarySearchFunc(found, after, func(f evidence.Found, p place) int { return placeOf(&f).compare(p) })
	if exact {
		begin++
	}
	page := &wire.Findings{Search: id, Found: len(found), Entries: []wire.Finding{}}
	rest := found[begin:]
	if len(rest) > wire.MaxFindings {
		rest = rest[:wire.MaxFindings]
		page.Next = placeOf(&rest[len(rest)-1]).String()
	}
	for i := range rest {
		entry, err := proof.AppendEntry(nil, &rest[i].Entry)
		if err != nil {
			return nil, err
		}
		page.Entries = append(page.Entries, wire.Finding{Log: rest[i].Log, Group: rest[i].Group, Number: rest[i].Number, Entry: entry})
	}
	return page, nil
}
