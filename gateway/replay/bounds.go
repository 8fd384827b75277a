package replay

import "time"

// bounds say who decides about a request, by its time in ms since 1970: at or below floor nobody, up to since PostgreSQL, up to until
// whoever has the turn, and above nobody yet. None of them ever falls.
type bounds struct{ floor, since, until int64 }

// and gives the higher of each.
func (b bounds) and(c bounds) bounds {
	return bounds{max(b.floor, c.floor), max(b.since, c.since), max(b.until, c.until)}
}

// view is what a node knows of the bounds. It is not changed once others can see it.
type view struct {
	turn
	callers map[string]bounds // of those whose clocks were ahead, by their tags
	asked   time.Duration     // the uptime when it was asked for
}

// turn is who decides about times above since, and the bounds of all callers.
type turn struct {
	bounds
	seq   int64
	epoch string // of Redis; "" is PostgreSQL
	began int64  // ms since 1970; 0: it is the first
}

// viewLife is for how long a node goes by what it knows of the bounds. It bounds how long a nonce's row must outlive its request.
const viewLife = 1500 * time.Millisecond

// of gives the bounds of a caller, whose tag is asked for only where some have bounds of their own.
func (v *view) of(tag func() string) bounds {
	if len(v.callers) == 0 {
		return v.bounds
	}
	return v.bounds.and(v.callers[tag()])
}

// with is v with further bounds of some callers.
func (v *view) with(raised map[string]bounds) *view {
	next := *v
	next.callers = make(map[string]bounds, len(v.callers)+len(raised))
	for tag, b := range v.callers {
		next.callers[tag] = b
	}
	for tag, b := range raised {
		next.callers[tag] = next.callers[tag].and(b)
	}
	return &next
}

// above gives the bounds of those callers for whom they are not below the floor, where they are dropped.
func (v *view) above(floor int64) map[string]bounds {
	callers := map[string]bounds{}
	for tag, b := range v.callers {
		if b.until > floor {
			callers[tag] = b
		}
	}
	return callers
}

// behind says whether what is known now is less than what was known: the store was put back, with something older.
func (v *view) behind(known *view) bool {
	if v.seq < known.seq || v.until < known.until {
		return true
	}
	for tag, b := range known.above(v.floor) {
		if b.until > v.callers[tag].until {
			return true
		}
	}
	return false
}
