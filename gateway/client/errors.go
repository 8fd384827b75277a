package client

import (
	"errors"
	"fmt"

	"tongma/standard/wire"
)

// ErrSignature says that something answered which cannot be believed: no or a wrong signature, of another gateway, for another
// request, too long, or not an answer at all.
var ErrSignature = errors.New("the answer is not signed by the gateway")

// ErrUnreachable says that no answer came: no connection, none in time, or only one of a proxy that had none either.
var ErrUnreachable = errors.New("the gateway cannot be reached")

// RefusedError is the gateway's refusal of a call, or of one item of a batch.
type RefusedError struct {
	Code string // a return code of package wire, such as 40104
	// Signed says whether the refusal is surely the gateway's. Of one that is not, nothing but the code is taken over, and anybody on the
	// way could have made it.
	Signed    bool
	Message   string // the gateway's words if signed, else those that package wire has for the code
	RequestID string // the gateway's id for the call; "" if not signed
}

func (e *RefusedError) Error() string {
	if !e.Signed {
		return fmt.Sprintf("refused (unsigned): %s %s", e.Code, e.Message)
	}
	return fmt.Sprintf("refused: %s %s", e.Code, e.Message)
}

// Todo says what the caller should do about it, "" for a code that this version does not know.
func (e *RefusedError) Todo() string {
	if c := codeOf(e.Code); c != nil {
		return c.Todo
	}
	return ""
}

func codeOf(code string) *wire.Code {
	for _, c := range wire.Codes {
		if c.Code == code {
			return c
		}
	}
	return nil
}
