package standard

import "time"

// Request asks for one verification (验码, GB/T 38963 cl. 6.7; members: Tongma profile 1). Exactly one of Scan, ScanBytes and
// Document is given. [Request.Check] says whether it holds together.
type Request struct {
	Scan      string    `json:"scan,omitempty"`      // the text that came out of the 2-D symbol, 1 to 8192 bytes of UTF-8
	ScanBytes []byte    `json:"scanBytes,omitempty"` // or its bytes, base64 in JSON, at most 8192
	Document  *Document `json:"document,omitempty"`
	Place     Place     `json:"place"`
	System    string    `json:"system,omitempty"`   // ask this system alone
	Operator  *Operator `json:"operator,omitempty"` // the person who verifies; some systems require it
	Device    string    `json:"device,omitempty"`
	Scene     string    `json:"scene,omitempty"`
	Purpose   string    `json:"purpose,omitempty"`   // 1 to 64 characters, from the caller's granted list
	Reference string    `json:"reference,omitempty"` // the same caller, reference and body within 60 s get the same result
	WaitMs    int64     `json:"waitMs,omitempty"`    // the caller's patience in ms, covers everything; absent: 2500
}

// Place is where the check happens; its rules decide.
type Place struct {
	Region string `json:"region"`         // GB/T 2260
	Site   string `json:"site,omitempty"` // the checkpoint's own name for itself
}

// Operator is the person at the checkpoint. Some systems (苏康码) demand these particulars with every call.
type Operator struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
	Department string `json:"department,omitempty"`
	Phone      string `json:"phone,omitempty"`
}

// Verification is the answer to a [Request]. Members that do not apply are absent.
type Verification struct {
	ID        string     `json:"id"`   // ULID
	Salt      string     `json:"salt"` // makes the answer's hash in the evidence unguessable
	Outcome   Outcome    `json:"outcome"`
	Reason    *Reason    `json:"reason,omitempty"` // whenever the outcome is not verified
	Status    Status     `json:"status,omitempty"` // verified only, and only when the system's value is a known one
	Colour    Colour     `json:"colour,omitempty"` // verified only
	System    *System    `json:"system,omitempty"`
	Holder    *Holder    `json:"holder,omitempty"` // masked by role
	Health    *Health    `json:"health,omitempty"` // medical callers only
	Others    []Other    `json:"others,omitempty"`
	Freshness *Freshness `json:"freshness,omitempty"`
	Decision  Decision   `json:"decision"`
	Evidence  *Evidence  `json:"evidence,omitempty"` // of a gateway that keeps evidence

	settled []byte // see Settle
}

// Evidence (存证) says where the gateway has kept that it gave this answer, and by which id its proof is asked for.
type Evidence struct {
	Log   string `json:"log"`
	Entry string `json:"entry"`
}

// Freshness says how old an answer is. ObservedAt is when the backend request began.
type Freshness struct {
	From       From      `json:"from"`
	ObservedAt time.Time `json:"observedAt"` // milliseconds, +08:00
	AgeMs      int64     `json:"ageMs"`
	ValidUntil time.Time `json:"validUntil,omitzero"` // when the scan or the system ends its validity
}

// Decision (通行判定) is what holds at the place of the check.
type Decision struct {
	Action Action `json:"action"`
	Rule   string `json:"rule"` // the rule's id, such as default/green@1
	Reason Text   `json:"reason"`
}

// Text is something said to people, in Chinese and English.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// Reason says why an outcome is not verified. Its code is from the table [Reasons].
type Reason struct {
	Code         ReasonCode `json:"code"`
	RetryAfterMs int64      `json:"retryAfterMs,omitempty"`
	Zh           string     `json:"zh"`
	En           string     `json:"en"`
}
