package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"tongma/standard/sm"
	"tongma/standard/wire"
)

const (
	pathVerifications = "/v1/verifications"
	pathSessions      = "/v1/sessions"
)

// signerConfig says as whom requests are signed, and which gateway gives the session.
type signerConfig struct {
	Key     string // PEM
	Gateway string // host:port; all gateways of one run have the same id and key, and so honour each other's sessions
}

// signer makes requests of the one caller.
type signer struct {
	key     *sm.PrivateKey
	session string
	mac     [32]byte // key of the session's requests
}

func newSigner(c signerConfig) (*signer, error) {
	key, err := sm.ParsePrivateKeyPEM([]byte(c.Key), nil)
	if err != nil {
		return nil, err
	}
	s := &signer{key: key}
	return s, s.apply(c.Gateway)
}

// apply gets a session that outlives the run.
func (s *signer) apply(gateway string) error {
	reply, err := once(gateway, s.request(gateway, pathSessions, wire.SM2, []byte(`{"services":["verify"],"lifetimeS":3600}`)))
	if err != nil {
		return err
	}
	var granted struct {
		Message string
		Data    struct {
			Session string
			Secret  []byte
		}
	}
	if err := json.Unmarshal(reply.Body, &granted); err != nil {
		return err
	}
	secret, err := s.key.Decrypt(granted.Data.Secret)
	if err != nil || len(secret) != 32 {
		return fmt.Errorf("no session: %s", granted.Message)
	}
	s.session = granted.Data.Session
	s.mac, _ = wire.SessionKeys((*[32]byte)(secret), s.session, callerID, gatewayID)
	return nil
}

// request writes a signed request as it goes over the wire.
func (s *signer) request(address, path string, by wire.SignType, body []byte) []byte {
	var nonce [16]byte
	rand.Read(nonce[:])
	head := wire.Head{
		Rid: callerID, Key: s.session, Rtime: wire.Rtime(time.Now()), Nonce: hex.EncodeToString(nonce[:]), SignType: by,
	}
	if by == wire.SM2 {
		head.Key = s.key.Public().ID()
	}
	text := wire.AppendRequestText(nil, gatewayID, http.MethodPost, path, &head, sm.Sum(body))
	if by == wire.SM2 {
		head.Sign, _ = s.key.Sign(text) // fails only without a key
	} else {
		mac := sm.HMAC(s.mac[:], text)
		head.Sign = mac[:]
	}
	return post(address, path, body,
		wire.HeaderRid, head.Rid, wire.HeaderKey, head.Key, wire.HeaderRtime, head.Rtime, wire.HeaderNonce, head.Nonce,
		wire.HeaderSignType, string(by), wire.HeaderSign, base64.StdEncoding.EncodeToString(head.Sign))
}

// post writes a request; header are names and values in turn.
func post(address, path string, body []byte, header ...string) []byte {
	out := make([]byte, 0, 512+len(body))
	out = append(append(append(out, "POST "...), path...), " HTTP/1.1\r\nHost: "...)
	out = append(append(out, address...), "\r\nContent-Type: application/json\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	for i := 0; i < len(header); i += 2 {
		out = append(append(append(append(out, "\r\n"...), header[i]...), ": "...), header[i+1]...)
	}
	return append(append(out, "\r\n\r\n"...), body...)
}

// scans makes the job's codes, which hold for a minute.
func (s *signer) scans(j job) []string {
	n := j.Scans
	if n == 0 {
		n = j.Requests
	}
	scans := make([]string, n)
	ms := strconv.FormatInt(time.Now().UnixMilli(), 10)
	for i := range scans {
		var token [tokenLength / 2]byte
		rand.Read(token[:])
		start := knownToken
		if j.Slow {
			start = slowToken
		}
		text := start + hex.EncodeToString(token[:])[len(start):]
		scans[i] = "https://" + systemHost(j.First+i%max(j.Systems, 1)) + "/" + text + ms
	}
	return scans
}

// requests makes the job's requests, over the codes in turn.
func (s *signer) requests(j job, scans []string) [][]byte {
	requests := make([][]byte, j.Requests)
	for i := range requests {
		requests[i] = s.requestFor(j, scans[i%len(scans)])
	}
	return requests
}

func (s *signer) requestFor(j job, scan string) []byte {
	switch j.Kind {
	case direct, passed:
		path := pathGetInfo
		if j.Kind == direct {
			path = "/" + systemID(0) + path
		}
		return post(j.Address, path, []byte(`{"data":"`+scan+`"}`),
			"access_token", "0123456789abcdef0123456789abcdef", "authoritytype", "2", "elementsVersion", "1.00")
	}
	by := wire.HMACSM3
	if j.Kind == bySM2 {
		by = wire.SM2
	}
	return s.request(j.Address, pathVerifications, by, []byte(`{"scan":"`+scan+`","place":{"region":"110000"}}`))
}

// sample is one reply with its header.
type sample struct {
	Header http.Header
	Body   []byte
}

// once sends one request over a connection of its own.
func once(address string, request []byte) (sample, error) {
	c, err := dial(address)
	if err != nil {
		return sample{}, err
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		return sample{}, err
	}
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return sample{}, err
	}
	body, err := io.ReadAll(r.Body)
	return sample{r.Header, body}, err
}
