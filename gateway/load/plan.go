package load

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

// Limits of a plan. They keep a slip of the finger from becoming an attack.
const (
	MaxRate        = 100_000 // requests a second
	MaxConnections = 10_000
	MaxDuration    = time.Hour
	MaxWarm        = 1_000_000
	MaxPatience    = time.Minute
)

// Plan says what load to put on which gateway, and as whom.
type Plan struct {
	URL        string        // scheme and host; https unless the gateway is on this machine
	Remote     string        // the host of URL, if it is not this machine; "" allows loopback addresses alone
	GatewayID  string        // pinned, with its key
	GatewayKey *sm.PublicKey // pinned
	Rid        string        // the caller's id
	KeyID      string        // the id of the caller's key
	Key        *sm.PrivateKey
	Sign       wire.SignType // SM2, or HMAC-SM3 for a session that is applied for first

	Rate        float64 // requests a second at even distances; 0: each connection sends as soon as it has its answer
	Connections int
	Duration    time.Duration
	Hit         float64       // the share of requests about one of the Warm, the others being about what was never asked before
	Warm        int           // how many are asked about once before the time is taken
	Verify      float64       // the share of answers whose signature is checked
	Patience    time.Duration // how long an answer is waited for, from when its request was due
}

// ErrRemote is the error of [Plan.Check] for a gateway that is not on this machine and that Remote does not name.
var ErrRemote = errors.New("is not this machine")

// Check says what cannot be meant.
func (p *Plan) Check() error {
	switch {
	case !wire.ValidID(p.GatewayID) || p.GatewayKey == nil:
		return errors.New("gateway: give its id and public key")
	case !wire.ValidID(p.Rid) || !wire.ValidID(p.KeyID) || p.Key == nil:
		return errors.New("caller: give its id, key id and private key")
	case p.Sign != wire.SM2 && p.Sign != wire.HMACSM3:
		return errors.New("sign type: SM2 or HMAC-SM3")
	case !within(p.Rate, 0, MaxRate):
		return fmt.Errorf("rate: at most %d requests a second", MaxRate)
	case p.Connections < 1 || p.Connections > MaxConnections:
		return fmt.Errorf("connections: 1 to %d", MaxConnections)
	case p.Duration <= 0 || p.Duration > MaxDuration:
		return fmt.Errorf("duration: more than 0s, at most %s", MaxDuration)
	case !within(p.Hit, 0, 1):
		return errors.New("hit ratio: 0 to 1")
	case p.Warm < 0 || p.Warm > MaxWarm || p.Hit > 0 && p.Warm == 0:
		return fmt.Errorf("warm set: 1 to %d, or a hit ratio of 0", MaxWarm)
	case !within(p.Verify, 0, 1):
		return errors.New("share of signatures to check: 0 to 1")
	case p.Patience <= 0 || p.Patience > MaxPatience:
		return fmt.Errorf("patience: more than 0s, at most %s", MaxPatience)
	}
	u, err := p.target()
	if err != nil {
		return err
	}
	if p.Remote != "" && p.Remote != u.Hostname() {
		return fmt.Errorf("the host that is allowed is not that of the gateway, %s", u.Hostname())
	}
	if p.Remote == "" && !Loopback(u.Hostname()) {
		return fmt.Errorf("%s %w", u.Hostname(), ErrRemote)
	}
	return nil
}

func within(x, least, most float64) bool { return x >= least && x <= most } // and not NaN

// target takes the URL apart.
func (p *Plan) target() (*url.URL, error) {
	u, err := url.Parse(p.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("gateway URL: give one such as https://gateway.example")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, errors.New("gateway URL: give scheme and host alone, because the path is signed")
	}
	return u, nil
}

// Loopback says whether a host names this machine. Whatever "localhost" resolves to is looked at again before it is called.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Planned is how many requests an open loop is to send, 0 for a closed one.
func (p *Plan) Planned() int64 {
	if p.Rate == 0 {
		return 0
	}
	return pace{p.Rate, p.Duration}.count()
}
