package sandbox

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Lifetimes of the secrets of hangzhou. That of the request secret is known, the other is ours.
const (
	requestSecretLife = 15 * time.Minute
	refreshSecretLife = 48 * time.Hour
)

// secretsKept is how many replaced pairs are remembered, so that a call signed with one of them gets "03" and not "14".
const secretsKept = 8

// secrets is the pair that is valid, and the last few that were.
type secrets struct {
	seed string

	mu     sync.Mutex
	issued int
	pairs  []secretPair // the newest last
}

// secretPair is what a refresh gives, as it stands in its reply. Times are milliseconds.
type secretPair struct {
	RefreshSecret        string `json:"refreshSecret"`
	RefreshSecretEndTime int64  `json:"refreshSecretEndTime"`
	RequestSecret        string `json:"requestSecret"`
	RequestSecretEndTime int64  `json:"requestSecretEndTime"`
}

// renew makes a new pair, which ends the one before.
func (s *secrets) renew(now time.Time) secretPair {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued++
	secret := func(name string) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "hangzhou %s secret\n%s\n%d\n%d", name, s.seed, s.issued, now.UnixNano()))
		return hex.EncodeToString(sum[:16])
	}
	p := secretPair{
		RefreshSecret: secret("refresh"), RefreshSecretEndTime: now.Add(refreshSecretLife).UnixMilli(),
		RequestSecret: secret("request"), RequestSecretEndTime: now.Add(requestSecretLife).UnixMilli(),
	}
	s.pairs = append(s.pairs, p)
	if len(s.pairs) > 1+secretsKept {
		s.pairs = s.pairs[1:]
	}
	return p
}

// timedSecret is one half of a pair.
type timedSecret struct {
	value string
	end   int64
}

// request lists the request secrets, the valid one first.
func (s *secrets) request() []timedSecret {
	return s.list(func(p secretPair) timedSecret { return timedSecret{p.RequestSecret, p.RequestSecretEndTime} })
}

// refresh lists the refresh secrets, the valid one first.
func (s *secrets) refresh() []timedSecret {
	return s.list(func(p secretPair) timedSecret { return timedSecret{p.RefreshSecret, p.RefreshSecretEndTime} })
}

func (s *secrets) list(half func(secretPair) timedSecret) []timedSecret {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]timedSecret, 0, len(s.pairs))
	for i := len(s.pairs) - 1; i >= 0; i-- {
		list = append(list, half(s.pairs[i]))
	}
	return list
}

// zhejiangSign is the signature of the data-sharing gateway: lower hex MD5 over the three joined.
func zhejiangSign(appKey, secret, requestTime string) string {
	sum := md5.Sum([]byte(appKey + secret + requestTime))
	return hex.EncodeToString(sum[:])
}

// refreshByKey gives a new pair to who signs with the app secret.
func (d *hangzhou) refreshByKey(w http.ResponseWriter, r *http.Request) {
	appSecret := timedSecret{credentials[Hangzhou]["appSecret"], 1<<63 - 1}
	d.refreshSigned(w, r, func() []timedSecret { return []timedSecret{appSecret} })
}

// refreshBySecret gives a new pair to who signs with the refresh secret.
func (d *hangzhou) refreshBySecret(w http.ResponseWriter, r *http.Request) {
	d.refreshSigned(w, r, d.secrets.refresh)
}

func (d *hangzhou) refreshSigned(w http.ResponseWriter, r *http.Request, valid func() []timedSecret) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if code := d.checkSign(r, valid); code != succeeded {
		d.refuse(w, code)
		return
	}
	d.reply(w, d.secrets.renew(d.now()), 1)
}

// checkSign says what the gateway thinks of a call's appKey, requestTime and sign, by the secrets that are or were valid.
func (d *hangzhou) checkSign(r *http.Request, valid func() []timedSecret) string {
	appKey, sign, requestTime := param(r, "appKey"), param(r, "sign"), param(r, "requestTime")
	if !same(appKey, credentials[Hangzhou]["appKey"]) || !d.timely(requestTime) {
		return signWrong
	}
	for i, secret := range valid() {
		switch {
		case !same(sign, zhejiangSign(appKey, secret.value, requestTime)):
		case i > 0:
			return superseded
		case d.now().UnixMilli() >= secret.end:
			return secretEnded
		default:
			return succeeded
		}
	}
	return signWrong
}

// requestSkew is how far requestTime may be off. It is ours: none is known.
const requestSkew = 15 * time.Minute

func (d *hangzhou) timely(requestTime string) bool {
	ms, err := strconv.ParseInt(requestTime, 10, 64)
	if err != nil || len(requestTime) != 13 {
		return false
	}
	now, skew := d.now().UnixMilli(), requestSkew.Milliseconds()
	return now-skew <= ms && ms <= now+skew
}
