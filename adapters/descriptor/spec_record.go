package descriptor

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tongma/standard"
)

// recordSpec holds the expressions of a record: members by their path in the national record, such as holder.name.
type recordSpec struct {
	at      position
	let     []pair[scalar]
	check   *scalar
	status  *scalar
	system  *scalar
	expires *scalar
	subject *scalar
	members []pair[scalar]
	others  *othersSpec
	trips   *tripsSpec
}

type othersSpec struct{ of, region, status *scalar }

type tripsSpec struct{ of, region, place, at *scalar }

// statusRow is a row of the table of statuses.
type statusRow struct {
	status       standard.Status
	colour, text string
}

func (r *reader) record(n *yaml.Node) recordSpec {
	rec := recordSpec{at: at(n)}
	group := func(prefix string) func(*yaml.Node) {
		names := strings.Split(membersOf(prefix), ", ")
		return func(n *yaml.Node) {
			for _, p := range r.mapping(n, prefix) {
				if !slices.Contains(names, p.key) {
					r.find(p.at, fmt.Sprintf("%s has no member %q", prefix, p.key), "it has "+strings.Join(names, ", "))
					continue
				}
				path := prefix + "." + p.key
				if _, single := recordMembers[path]; single {
					rec.members = append(rec.members, pair[scalar]{path, p.at, r.scalar(p.value, path)})
					continue
				}
				for _, q := range r.mapping(p.value, path) {
					if _, ok := recordMembers[path+"."+q.key]; !ok {
						r.find(q.at, fmt.Sprintf("%s has no member %q", path, q.key), "it has "+membersOf(path))
						continue
					}
					rec.members = append(rec.members, pair[scalar]{path + "." + q.key, q.at, r.scalar(q.value, path+"."+q.key)})
				}
			}
		}
	}
	r.fields(n, "record", map[string]func(*yaml.Node){
		"let":     r.values(&rec.let, "let"),
		"check":   r.value(&rec.check, "check"),
		"status":  r.value(&rec.status, "status"),
		"system":  r.value(&rec.system, "system"),
		"expires": r.value(&rec.expires, "expires"),
		"subject": r.value(&rec.subject, "subject"),
		"holder":  group("holder"),
		"health":  group("health"),
		"others": func(n *yaml.Node) {
			rec.others = &othersSpec{}
			r.fields(n, "others", map[string]func(*yaml.Node){
				"of":     r.value(&rec.others.of, "of"),
				"region": r.value(&rec.others.region, "region"),
				"status": r.value(&rec.others.status, "status"),
			}, "of", "status")
		},
		"trips": func(n *yaml.Node) {
			rec.trips = &tripsSpec{}
			r.fields(n, "trips", map[string]func(*yaml.Node){
				"of":     r.value(&rec.trips.of, "of"),
				"region": r.value(&rec.trips.region, "region"),
				"place":  r.value(&rec.trips.place, "place"),
				"at":     r.value(&rec.trips.at, "at"),
			}, "of")
		},
	})
	return rec
}

// membersOf lists the members of a part of the record for people, such as doses and lastAt of health.vaccine.
func membersOf(path string) string {
	names := map[string]struct{}{}
	for member := range recordMembers {
		if below, ok := strings.CutPrefix(member, path+"."); ok {
			name, _, _ := strings.Cut(below, ".")
			names[name] = struct{}{}
		}
	}
	return list(names)
}

// words of a status row: what it is in the national coding.
var statusWords = map[string]standard.Status{"green": standard.Green, "yellow": standard.Yellow, "red": standard.Red, "none": standard.None}

func (r *reader) statuses(into *map[string]statusRow) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = map[string]statusRow{}
		for i, p := range r.mapping(n, "statuses") {
			if k := n.Content[2*i]; k.Tag != "!!str" {
				r.find(p.at, fmt.Sprintf("%s would be a number or a word of YAML's own", p.key), fmt.Sprintf("quote it: %q", p.key))
			}
			if p.key == "" {
				r.find(p.at, "an empty value is no status", "leave it out: whatever is not here is none")
			}
			is := scalar{at: at(p.value)}
			var row statusRow
			r.fields(p.value, "a status", map[string]func(*yaml.Node){
				"is":     r.literal(&is, "is"),
				"colour": r.text(&row.colour, "colour"),
				"text":   r.text(&row.text, "text"),
			}, "is")
			var ok bool
			if row.status, ok = statusWords[is.text]; !ok && is.text != "" {
				r.find(is.at, fmt.Sprintf("%q is not a status", is.text), "it is green, yellow, red or none")
			}
			if row.colour == "" {
				row.colour = string(row.status.Colour())
			}
			(*into)[p.key] = row
		}
	}
}
