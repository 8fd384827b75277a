package wire

// Every text that is signed, MACed or hashed with a key begins with a line that says what it is, so that none can be
// passed off as another. No verifier accepts another's line.
const (
	LineRequest     = "tongma/1 request"
	LineAnswer      = "tongma/1 answer"
	LineSession     = "tongma/1 session"
	LineCode        = "tongma/1 code"
	LineTrustList   = "tongma/1 trust-list"
	LineRevocations = "tongma/1 revocations"
	LineBundle      = "tongma/1 bundle"
	LineReport      = "tongma/1 report"
	LineEvidence    = "tongma/1 evidence"
	LineChange      = "tongma/1 change"
	LineCache       = "tongma/1 cache"
	LinePseudonym   = "tongma/1 pseudonym"
	LineNonce       = "tongma/1 nonce" // names nonces where nodes share them; never sent
	LineSeal        = "tongma/1 seal"  // derives the key that seals session ids; never sent
)
