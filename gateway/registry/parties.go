package registry

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// AllPurposes in a party's list grants every purpose.
const AllPurposes = "*"

// Party (参与方) is one caller as configured. It is not changed after [NewParties] has taken it.
type Party struct {
	ID    string // its X-Tongma-Rid
	KeyID string // its X-Tongma-Key
	Key   *sm.PublicKey
	Roles standard.Roles
	// Purposes are the purposes it may name; AllPurposes grants all. A party without any names none.
	Purposes []string
	// Services are the services it may call, of those that its roles allow. Empty: all that its roles allow.
	Services []string
	// Systems are those that a platform runs, by the ids under which it tells of changes.
	Systems []string
	// Rate is how many calls a second it may make; 0: no limit. A second's worth (at least one call) may come at once.
	Rate float64
}

// Purpose gives the purpose that a call is made for, and whether that is granted. A call may leave its purpose out if there is
// nothing to choose: of one granted purpose that one holds; with all or with none granted it stays empty.
func (p *Party) Purpose(named string) (string, bool) {
	all := slices.Contains(p.Purposes, AllPurposes)
	switch {
	case named != "":
		return named, all || slices.Contains(p.Purposes, named)
	case all || len(p.Purposes) == 0:
		return "", true
	case len(p.Purposes) == 1:
		return p.Purposes[0], true
	}
	return "", false
}

// MayUse says whether the party's own list allows a service. The roles are for the caller to check.
func (p *Party) MayUse(service string) bool {
	return len(p.Services) == 0 || slices.Contains(p.Services, service)
}

// Runs says whether a system is the party's own.
func (p *Party) Runs(system string) bool { return slices.Contains(p.Systems, system) }

// Parties is an immutable table of callers, safe for concurrent use.
type Parties struct {
	byID map[string]*Party
}

// NewParties takes a configured list of callers. The error names every party that cannot be taken, and why.
func NewParties(list []Party) (*Parties, error) {
	p := &Parties{byID: make(map[string]*Party, len(list))}
	var bad []error
	for i := range list {
		party := list[i]
		if err := party.check(); err != nil {
			bad = append(bad, fmt.Errorf("caller %d (id %q): %w", i+1, party.ID, err))
			continue
		}
		if p.byID[party.ID] != nil {
			bad = append(bad, fmt.Errorf("caller %d (id %q): another caller has this id already", i+1, party.ID))
			continue
		}
		p.byID[party.ID] = &party
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return p, nil
}

func (p *Party) check() error {
	switch {
	case !wire.ValidID(p.ID):
		return errors.New("id: give 1 to 64 of A-Z a-z 0-9 . _ -")
	case !wire.ValidID(p.KeyID):
		return errors.New("key: give 1 to 64 of A-Z a-z 0-9 . _ -")
	case p.Key == nil:
		return errors.New("publicKey: give the PEM file of its SM2 public key")
	case !(p.Rate >= 0) || math.IsInf(p.Rate, 1):
		return errors.New("rate: give calls a second, 0 for no limit")
	case len(p.Systems) > 0 && !p.Roles.Has(standard.RolePlatform):
		return errors.New("systems: only a platform runs systems: give it the role platform, or leave them out")
	}
	for _, purpose := range p.Purposes {
		if n := utf8.RuneCountInString(purpose); n < 1 || n > 64 {
			return errors.New("purposes: each has 1 to 64 characters")
		}
	}
	return nil
}

// IDs gives the ids of all parties, in no order.
func (p *Parties) IDs() []string { return slices.Collect(maps.Keys(p.byID)) }

// Find gives the party with this id and key id. An unknown id and a wrong key look alike.
func (p *Parties) Find(id, keyID string) (*Party, bool) {
	party, ok := p.byID[id]
	if !ok || party.KeyID != keyID {
		return nil, false
	}
	return party, true
}

// Named gives the party with this id, whatever its key.
func (p *Parties) Named(id string) (*Party, bool) {
	party, ok := p.byID[id]
	return party, ok
}
