package standard

import "time"

// ReasonCode names why an outcome is not verified.
type ReasonCode string

// The reason codes. Each belongs to one outcome, see [Reasons].
const (
	ReasonUnclaimed   ReasonCode = "unclaimed"           // no system claims the scan
	ReasonNotIssued   ReasonCode = "not_issued"          // its system says: not our code
	ReasonScanExpired ReasonCode = "scan_expired"        // the code's time has run out
	ReasonNoHolder    ReasonCode = "no_such_holder"      // unknown number, wrong name, unknown code
	ReasonDeclined    ReasonCode = "declined"            // the system declines
	ReasonUnreachable ReasonCode = "backend_unreachable" // no connection, connection reset
	ReasonTimeout     ReasonCode = "backend_timeout"     // no answer in time
	ReasonFault       ReasonCode = "backend_fault"       // an answer that cannot be understood or trusted
	ReasonBusy        ReasonCode = "backend_busy"
	ReasonQuota       ReasonCode = "backend_quota" // the system's quota for this gateway is used up
	ReasonBreaker     ReasonCode = "breaker_open"  // it failed too often just now and is left in peace
	ReasonSuspended   ReasonCode = "suspended"     // the gateway's operator has taken it out of service
	ReasonOverload    ReasonCode = "overloaded"    // too many calls wait for this system already
	ReasonPatience    ReasonCode = "out_of_patience"
	ReasonUnset       ReasonCode = "not_configured" // no endpoint or credential for this system
)

// ReasonRow is a row of the table of reasons.
type ReasonRow struct {
	Code    ReasonCode
	Outcome Outcome
	Text    Text
}

// Reasons is the table of reason codes, in the order in which they are documented.
var Reasons = []ReasonRow{
	{ReasonUnclaimed, Unrecognised, Text{"没有系统认领此码", "no system claims this scan"}},
	{ReasonNotIssued, Unrecognised, Text{"发码系统称此码非其所发", "the system says this is not its code"}},
	{ReasonScanExpired, Expired, Text{"此码已过期，请刷新后再扫", "this code has expired: refresh it and scan again"}},
	{ReasonNoHolder, NotFound, Text{"发码系统查无此人或此码", "the system knows no such holder or code"}},
	{ReasonDeclined, Refused, Text{"发码系统拒绝答复", "the system declines to answer"}},
	{ReasonUnreachable, Unavailable, Text{"发码系统无法连接", "the system cannot be reached"}},
	{ReasonTimeout, Unavailable, Text{"发码系统未及时答复", "the system did not answer in time"}},
	{ReasonFault, Unavailable, Text{"发码系统的答复无法理解", "the system's reply cannot be understood"}},
	{ReasonBusy, Unavailable, Text{"发码系统繁忙", "the system is busy"}},
	{ReasonQuota, Unavailable, Text{"本网关在发码系统的配额已用完", "this gateway's quota at the system is used up"}},
	{ReasonBreaker, Unavailable, Text{"发码系统连续故障，暂停询问", "the system has just failed repeatedly and is being left in peace"}},
	{ReasonSuspended, Unavailable, Text{"本网关的运维人员已暂停询问该系统", "the operator of this gateway has taken the system out of service"}},
	{ReasonOverload, Unavailable, Text{"等待该系统的请求过多", "too many calls are waiting for this system"}},
	{ReasonPatience, Unavailable, Text{"在限定时间内未得到结果", "no result within the caller's time limit"}},
	{ReasonUnset, Unavailable, Text{"本网关未配置该系统", "this gateway is not configured for the system"}},
}

var reasonRows = func() map[ReasonCode]ReasonRow {
	m := make(map[ReasonCode]ReasonRow, len(Reasons))
	for _, r := range Reasons {
		m[r.Code] = r
	}
	return m
}()

// Outcome gives the outcome that c belongs to; an unknown code belongs to Unavailable.
func (c ReasonCode) Outcome() Outcome {
	if r, ok := reasonRows[c]; ok {
		return r.Outcome
	}
	return Unavailable
}

// Reason makes the reason to be answered, with a time after which a new attempt makes sense (0: unknown).
func (c ReasonCode) Reason(retryAfter time.Duration) *Reason {
	r := reasonRows[c]
	return &Reason{Code: c, RetryAfterMs: retryAfter.Milliseconds(), Zh: r.Text.Zh, En: r.Text.En}
}
