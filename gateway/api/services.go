package api

import (
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/wire"
)

// service is one of the services (七项服务) of GB/T 38963 as far as callers are granted it, by its name in sessions and in the
// configuration.
type service struct {
	name    string
	roles   standard.Roles // any of these may use it
	sm2     bool           // signed with the caller's own key always, never over a session
	maxBody int64          // bytes of a request; 0: wire.MaxBody
}

var (
	apply   = service{name: "apply", roles: ^standard.Roles(0), sm2: true} // 调用申请, cl. 6.5
	verify  = service{name: "verify", roles: standard.RolesOf(standard.RoleGate, standard.RoleOfficer, standard.RoleMedical, standard.RoleTester)}
	notify  = service{name: "notify", roles: standard.RolesOf(standard.RolePlatform), sm2: true, maxBody: wire.MaxNotice} // 变更通知
	operate = service{name: "operate", roles: standard.RolesOf(standard.RoleOperator), sm2: true}

	// Whoever may verify may prove it, over the same session. Whose an entry is, is for the handler to see.
	prove   = service{name: verify.name, roles: ^standard.Roles(0)}
	vouch   = service{name: "vouch", roles: standard.RolesOf(standard.RolePlatform), sm2: true} // for a traveller of its own
	protect = service{name: "protect", roles: standard.RolesOf(standard.RolePrivacy), sm2: true}
	respond = service{name: protect.name, roles: protect.roles, sm2: true, maxBody: wire.MaxAnswer}
)

// granted are the services that a session may be asked for.
var granted = []service{verify}

// authorise says whether the caller may use a service: by its roles, by its own list, and by its session.
func (x *call) authorise(s service) error {
	switch {
	case s.sm2 && x.session != nil:
		return wire.Refuse(wire.CodeSignType, "")
	case s.name == apply.name:
		return nil
	case x.party.Roles&s.roles == 0:
		return wire.Refuse(wire.CodeService, "")
	case !x.party.MayUse(s.name) || x.session != nil && !x.session.allows(s.name):
		return wire.Refuse(wire.CodeService, "")
	}
	return nil
}

// servicesOf lists the services that a party may get a session for.
func servicesOf(p *registry.Party) []string {
	var names []string
	for _, s := range granted {
		if p.Roles&s.roles != 0 && p.MayUse(s.name) {
			names = append(names, s.name)
		}
	}
	return names
}
