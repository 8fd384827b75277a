package wire

// Refusal is what a request is refused with. It is an error; the detail never holds a value that came with the request.
type Refusal struct {
	Code   *Code
	Detail string // which member or header, and what would be right; may be empty
	Data   any    // the data of the reply, such as *[Clock]; nil for most
}

// Refuse makes a refusal.
func Refuse(code *Code, detail string) *Refusal { return &Refusal{Code: code, Detail: detail} }

func (r *Refusal) Error() string {
	if r.Detail == "" {
		return r.Code.En
	}
	return r.Code.En + ": " + r.Detail
}

// Message is the message of the reply: the code's text in Chinese and English, and the detail.
func (r *Refusal) Message() string { return r.Code.Zh + " (" + r.Error() + ")" }

// Clock is the data of a refusal for its time, so that a client can mend its clock. Both are milliseconds since 1970.
type Clock struct {
	ServerTime int64 `json:"serverTime"`
	NotBefore  int64 `json:"notBefore,omitzero"` // requests of this time or earlier stay refused, because the gateway has just started
}

// Envelope is the body of every reply. A client that knows what to expect puts a pointer into Data before it decodes
// with encoding/json.
type Envelope struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Data      any    `json:"data,omitempty"`
	RequestID string `json:"requestId"` // the gateway's id for this call
}
