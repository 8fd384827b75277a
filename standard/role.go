package standard

import (
	"fmt"
	"strings"
)

// Role (角色) is what a caller is. It decides which services may be called and how much of a record is shown.
type Role uint8

// The roles.
const (
	RolePlatform Role = iota // an issuing system's organisation
	RoleGate                 // an unattended checkpoint
	RoleOfficer              // a person who verifies
	RoleMedical              // medical staff
	RoleTester               // a conformance tester
	RoleOperator             // runs the gateway
	RolePrivacy              // the privacy officer
)

var roleNames = [...]string{"platform", "gate", "officer", "medical", "tester", "operator", "privacy"}

func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// Roles is a set of roles. The zero value is the empty set, which sees nothing.
type Roles uint8

// RolesOf makes a set.
func RolesOf(roles ...Role) Roles {
	var set Roles
	for _, r := range roles {
		set |= 1 << r
	}
	return set
}

// ParseRoles makes a set of the roles' names, as a configuration has them.
func ParseRoles(names ...string) (Roles, error) {
	var set Roles
	for _, name := range names {
		role, ok := parseRole(name)
		if !ok {
			return 0, fmt.Errorf("unknown role %q: roles are %s", name, strings.Join(roleNames[:], ", "))
		}
		set |= RolesOf(role)
	}
	return set, nil
}

func parseRole(name string) (Role, bool) {
	for i, n := range roleNames {
		if n == name {
			return Role(i), true
		}
	}
	return 0, false
}

// Has says whether r is in the set.
func (s Roles) Has(r Role) bool { return s&RolesOf(r) != 0 }

// String gives the names in a fixed order, joined by commas.
func (s Roles) String() string {
	var names []string
	for i, n := range roleNames {
		if s.Has(Role(i)) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

// View gives what a caller of these roles may see of the holder: a gate the masked name, an officer also the type and masked number
// of the document, a medical caller also the health data (which is shared with r: do not change it). Nobody sees
// more than that in an answer, the phone least of all. A nil means that there is nothing to show.
func (r *Record) View(roles Roles) (*Holder, *Health) {
	medical := roles.Has(RoleMedical)
	officer := medical || roles.Has(RoleOfficer)
	gate := officer || roles.Has(RoleGate)

	var holder Holder
	if gate {
		holder.Name = MaskName(r.Holder.Name)
	}
	if officer {
		holder.IDType, holder.IDNumber = r.Holder.IDType, MaskIDNumber(r.Holder.IDNumber)
	}
	var health Health
	if medical {
		health = r.Health
	}
	return holder.orNil(), health.orNil()
}

func (h Holder) orNil() *Holder {
	if h.Name == "" && h.IDNumber == "" {
		return nil
	}
	return &h
}

func (h Health) orNil() *Health {
	if h.Temperature == "" && len(h.Symptoms) == 0 && len(h.RiskAreas) == 0 && h.Nucleic == nil && h.Antibody == nil && h.Vaccine == nil {
		return nil
	}
	return &h
}
