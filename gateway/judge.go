package gateway

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// judge turns what an adapter said into what may be believed. The adapter has read its dialect with care; this is the second
// lock on the same door, so that no mistake there becomes a green here. Whether a validity has ended is asked when it is answered.
func judge(s *system, r adapters.Result, err error, began, now time.Time) finding {
	if err != nil {
		return faulty(s, err)
	}
	if r.Outcome != standard.Verified {
		return notVerified(s, r, began, now)
	}
	if r.Record == nil || s.identities[r.Record.System.ID].ID == "" {
		return because(s, standard.ReasonFault)
	}
	return finding{
		system: s, outcome: standard.Verified, record: s.sound(r.Record), from: standard.Live,
		observedAt: observed(r, began, now), validUntil: r.ValidUntil,
	}
}

// observed gives when the backend was asked, which was while the adapter was.
func observed(r adapters.Result, began, now time.Time) time.Time {
	if r.ObservedAt.Before(began) || r.ObservedAt.After(now) {
		return began
	}
	return r.ObservedAt
}

// faulty is the finding for an error: of a fault its reason, if that is one of trouble, of anything else a fault.
func faulty(s *system, err error) finding {
	fault, ok := errors.AsType[*adapters.Fault](err)
	if !ok || fault == nil || !isReasonFor(fault.Reason, standard.Unavailable) {
		return because(s, standard.ReasonFault)
	}
	f := because(s, fault.Reason)
	f.retryAfter = max(fault.RetryAfter, 0)
	return f
}

// notVerified keeps an outcome only with a reason that belongs to it. What was said without asking has no time.
func notVerified(s *system, r adapters.Result, began, now time.Time) finding {
	if !isReasonFor(r.Reason, r.Outcome) {
		return because(s, standard.ReasonFault)
	}
	f := because(s, r.Reason)
	if !r.ObservedAt.IsZero() {
		f.observedAt = observed(r, began, now)
	}
	return f
}

func isReasonFor(code standard.ReasonCode, outcome standard.Outcome) bool {
	return slices.ContainsFunc(standard.Reasons, func(r standard.ReasonRow) bool { return r.Code == code && r.Outcome == outcome })
}

// sound gives a record of which every status is one of the three or none, and which says whose it is.
func (s *system) sound(r *standard.Record) *standard.Record {
	sound := *r
	sound.Status = known(r.Status)
	sound.Others = slices.Clone(r.Others)
	for i := range sound.Others {
		sound.Others[i].Status = known(sound.Others[i].Status)
	}
	identity := s.identities[r.System.ID]
	sound.System.Name = cmp.Or(r.System.Name, identity.Name)
	sound.System.Region = cmp.Or(r.System.Region, identity.Region)
	sound.System.Provenance = cmp.Or(r.System.Provenance, identity.Provenance)
	return &sound
}

// known gives s if it is one of the three statuses, else none.
func known(s standard.Status) standard.Status {
	if s.Colour() == standard.ColourNone {
		return standard.None
	}
	return s
}
