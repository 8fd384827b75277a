package standard

import "time"

// Zone is the zone of every time that Tongma writes: China Standard Time, +08:00, no summer time.
var Zone = time.FixedZone("CST", 8*60*60)

// Millis gives t as answers write it: in [Zone], cut to whole milliseconds. The zero time stays zero.
func Millis(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.In(Zone).Truncate(time.Millisecond)
}
