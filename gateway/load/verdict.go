package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"

	"github.com/go-json-experiment/json"

	"tongma/standard"
	"tongma/standard/wire"
)

// kind is what became of a request, seen from outside.
type kind int

// The kinds. Forged ones make a report fail.
const (
	answered    kind = iota // with an outcome, and a right signature as far as it was checked
	refused                 // with a return code
	forged                  // what came is not the gateway's: no or a wrong signature, or no answer at all
	unreachable             // no connection, or one that broke
	late                    // nothing came within the patience
	unsent                  // it was due, and no connection was free within the patience
	stopped                 // the load was stopped meanwhile: it counts as nothing
)

var kindNames = [...]string{"answered", "refused", "forged", "unreachable", "late", "unsent"}

// verdict is all that is kept of one exchange. Texts from outside are not kept: unknown ones count as other.
type verdict struct {
	kind       kind
	checked    bool // the signature was
	http       int  // 0: no reply
	retryAfter bool
	code       string // refused: the return code
	outcome    string
	status     string
	decision   string
	from       string
	system     string
	falseGreen bool // green, where the list has something else
	differs    bool // verified with another status than the list has, and not green
	requestID  string
}

// good says whether the caller got what it came for: an outcome other than unavailable, which nobody made up.
func (v *verdict) good() bool {
	return v.kind == answered && v.outcome != string(standard.Unavailable) && !v.falseGreen
}

// answerData is what is read of an answer.
type answerData struct {
	Code string `json:"code"`
	Data struct {
		Outcome string `json:"outcome"`
		Status  string `json:"status"`
		Colour  string `json:"colour"`
		System  struct {
			ID string `json:"id"`
		} `json:"system"`
		Freshness struct {
			From string `json:"from"`
		} `json:"freshness"`
		Decision struct {
			Action string `json:"action"`
		} `json:"decision"`
	} `json:"data"`
	RequestID string `json:"requestId"`
}

// judge says what a reply to q is.
func (s *signer) judge(q *question, r *reply) verdict {
	v := verdict{http: r.status, retryAfter: r.retryAfter}
	var a answerData
	err := json.Unmarshal(r.body, &a) // refuses members that come twice, which two readers could read differently
	code := codes[a.Code]
	if err != nil || code == nil {
		return v.nobodys()
	}
	signed := len(r.head[wire.HeaderSign]) > 0
	if signed && (s.plan.Verify >= 1 || rand.Float64() < s.plan.Verify) {
		v.checked = true
		if !s.checks(r) {
			v.kind = forged
			return v
		}
	}
	if code.Status != r.status || !signed && code == wire.CodeOK { // a refusal may come before the caller has proved who it is
		v.kind = forged
		return v
	}
	v.requestID = tameID(a.RequestID)
	if code != wire.CodeOK {
		v.kind, v.code = refused, code.Code
		return v
	}
	return v.compare(q, &a)
}

// nobodys is the verdict on a reply that is no gateway's: a proxy that had none either, or something else.
func (v verdict) nobodys() verdict {
	if v.kind = forged; v.http >= 502 && v.http <= 504 {
		v.kind = unreachable
	}
	return v
}

// compare takes over an answer and holds it against what the list says.
func (v verdict) compare(q *question, a *answerData) verdict {
	v.kind = answered
	v.outcome, v.status = a.Data.Outcome, a.Data.Status
	v.decision, v.from, v.system = a.Data.Decision.Action, a.Data.Freshness.From, a.Data.System.ID
	if q.Expect == nil {
		return v
	}
	want := *q.Expect
	green := a.Data.Status == string(standard.Green) || a.Data.Colour == string(standard.ColourGreen)
	v.falseGreen = green && want != standard.Green
	v.differs = !green && v.outcome == string(standard.Verified) && v.status != string(want)
	return v
}

// tameID keeps an id that can stand in a report, and nothing else.
func tameID(id string) string {
	if wire.ValidID(id) {
		return id
	}
	return ""
}

// trouble says what an exchange is that brought no reply.
func trouble(ctx context.Context, err error) verdict {
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case ctx.Err() != nil:
		return verdict{kind: stopped}
	case errors.Is(err, errHead), errors.Is(err, errTooLong):
		return verdict{kind: forged}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		return verdict{kind: late}
	}
	return verdict{kind: unreachable}
}
