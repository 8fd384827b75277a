package api

import (
	"context"

	"tongma/gateway/evidence"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/wire"
)

// watchers may have the proof of every entry.
var watchers = standard.RolesOf(standard.RoleOperator, standard.RolePrivacy, standard.RoleTester)

// proveEntry answers GET /v1/verifications/{id}/proof. To others than those whose call it was there is no such entry, as if there were none.
func (s *Server) proveEntry(x *call) (any, error) {
	if len(x.body) > 0 {
		return nil, wire.Refuse(wire.CodeSyntax, "a GET has no body")
	}
	var proved *proof.Proof
	err := s.lookups.do(x.r.Context(), func(ctx context.Context) error {
		kept, err := s.cfg.Evidence.Find(ctx, x.named)
		if err != nil {
			return err
		}
		if kept.Entry.Party != x.party.ID && x.party.Roles&watchers == 0 {
			return evidence.ErrNotFound
		}
		proved, err = kept.Prove()
		return err
	})
	if err != nil {
		return nil, err
	}
	return proved, nil
}
