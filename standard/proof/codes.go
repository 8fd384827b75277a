package proof

import "tongma/standard"

// The numbers that stand in entries for words, by their place in these lists; 0 is "not said". They stand for good: a new word is put at the end.
var (
	outcomes = []standard.Outcome{
		"",
		standard.Verified,
		standard.Expired,
		standard.NotFound,
		standard.Unrecognised,
		standard.Refused,
		standard.Unavailable,
	}
	reasons = []standard.ReasonCode{
		"",
		standard.ReasonUnclaimed,
		standard.ReasonNotIssued,
		standard.ReasonScanExpired,
		standard.ReasonNoHolder,
		standard.ReasonDeclined,
		standard.ReasonUnreachable,
		standard.ReasonTimeout,
		standard.ReasonFault,
		standard.ReasonBusy,
		standard.ReasonQuota,
		standard.ReasonBreaker,
		standard.ReasonSuspended,
		standard.ReasonOverload,
		standard.ReasonPatience,
		standard.ReasonUnset,
	}
	statuses = []standard.Status{standard.None, standard.Green, standard.Yellow, standard.Red}
	actions  = []standard.Action{"", standard.Pass, standard.Manual, standard.Deny}
	origins  = []standard.From{"", standard.Live, standard.Cache, standard.Stale}
)
