package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tongma/adapters"
	"tongma/gateway"
	"tongma/gateway/evidence"
	"tongma/gateway/freshness"
	"tongma/gateway/registry"
	"tongma/gateway/upstream"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testGateway = "tongma-test"

// station is a running server with everything that a test may turn.
type station struct {
	*Server
	t      testing.TB
	url    string // host:port
	clock  atomic.Int64
	log    lockedBuffer
	caller *sm.PrivateKey // of all callers
	nonces atomic.Int64
	verify func(context.Context, gateway.Call) (*standard.Verification, error)
	tell   func(*freshness.Notice) (freshness.Receipt, error)
	guard  upstream.Condition // of suishen
	dir    string             // of the record of operations
}

// Verify makes a station the gateway behind its own server.
func (s *station) Verify(ctx context.Context, c gateway.Call) (*standard.Verification, error) {
	return s.verify(ctx, c)
}

// Tell takes a notice.
func (s *station) Tell(_ context.Context, n *freshness.Notice) (freshness.Receipt, error) {
	return s.tell(n)
}

// Operate does it as guards do.
func (s *station) Operate(_ context.Context, system string, action wire.Action) error {
	s.guard.Mode = map[wire.Action]upstream.Mode{wire.ActionOpen: upstream.ModeOpen, wire.ActionDrain: upstream.ModeDrain}[action]
	return nil
}

// Systems gives one system, whose backend answers for a further one.
func (s *station) Systems() []gateway.System {
	return []gateway.System{{Info: adapters.Info{
		System: "suishen", Name: standard.Text{Zh: "随申码", En: "Suishen Code"}, Region: "310000", Provenance: standard.FromObserved,
		Systems: []adapters.System{{ID: "further", Name: standard.Text{Zh: "另码", En: "Further Code"}, Region: "310000"}},
	}, Guard: s.guard}}
}

func (s *station) now() time.Time        { return time.UnixMilli(s.clock.Load()) }
func (s *station) pass(by time.Duration) { s.clock.Add(by.Milliseconds()) }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newKey(t testing.TB) *sm.PrivateKey {
	t.Helper()
	k, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// testParties are the callers of every station, all with the key id k1 and one key.
func testParties(key *sm.PublicKey) []registry.Party {
	all := []string{registry.AllPurposes}
	list := []registry.Party{
		{ID: "officer", Roles: standard.RolesOf(standard.RoleOfficer), Purposes: all},
		{ID: "gate", Roles: standard.RolesOf(standard.RoleGate), Purposes: []string{"entry"}},
		{ID: "two-purposes", Roles: standard.RolesOf(standard.RoleGate), Purposes: []string{"entry", "visit"}},
		{ID: "medical", Roles: standard.RolesOf(standard.RoleMedical), Purposes: all},
		{ID: "tester", Roles: standard.RolesOf(standard.RoleTester), Purposes: all},
		{ID: "platform", Roles: standard.RolesOf(standard.RolePlatform), Purposes: all, Systems: []string{"suishen"}},
		{ID: "platform-2", Roles: standard.RolesOf(standard.RolePlatform), Systems: []string{"further"}},
		{ID: "privacy", Roles: standard.RolesOf(standard.RolePrivacy, standard.RoleOperator), Purposes: all},
		{ID: "privacy-only", Roles: standard.RolesOf(standard.RolePrivacy), Purposes: []string{"complaint"}},
		{ID: "operator", Roles: standard.RolesOf(standard.RoleOperator)},
		{ID: "operator-elsewhere", Roles: standard.RolesOf(standard.RoleOperator), Services: []string{"verify"}},
		{ID: "query-only", Roles: standard.RolesOf(standard.RoleGate), Purposes: all, Services: []string{"query"}},
		{ID: "slow", Roles: standard.RolesOf(standard.RoleGate), Purposes: all, Rate: 3},
	}
	for i := range list {
		list[i].KeyID, list[i].Key = "k1", key
	}
	return list
}

// setUp is what two runs of one gateway have in common.
type setUp struct {
	key, caller *sm.PrivateKey
	marks       string
	parties     []registry.Party
	evidence    func(*station) *evidence.Log // nil: none is kept
}

func newSetUp(t testing.TB) setUp {
	caller := newKey(t)
	return setUp{key: newKey(t), caller: caller, marks: filepath.Join(t.TempDir(), "marks.json"), parties: testParties(caller.Public())}
}

// start boots a server on loopback that ends with the test.
func start(t testing.TB) *station { return startWith(t, newSetUp(t)) }

func startWith(t testing.TB, with setUp) *station {
	t.Helper()
	s := &station{t: t, caller: with.caller, verify: green, tell: inOrder, guard: upstream.Condition{Limit: 64, Retries: 10}, dir: t.TempDir()}
	s.clock.Store(testTime.UnixMilli())
	nonces, err := registry.OpenNonces(with.marks)
	if err != nil {
		t.Fatal(err)
	}
	parties, err := registry.NewParties(with.parties)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	operations, err := registry.OpenOperations(s.record(), log)
	if err != nil {
		t.Fatal(err)
	}
	var kept *evidence.Log
	if with.evidence != nil {
		kept = with.evidence(s)
	}
	s.Server, err = New(Config{
		ID:         testGateway,
		Key:        with.key,
		Parties:    parties,
		Nonces:     nonces,
		Gateway:    s,
		Operations: operations,
		Evidence:   kept,
		Now:        s.now,
		Log:        log,
		Metrics:    prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.url = s.listen(s.Serve)
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// record is the file of the record of operations.
func (s *station) record() string { return filepath.Join(s.dir, "operations.jsonl") }

// listen serves on a free loopback port and gives its address.
func (s *station) listen(serve func(net.Listener) error) string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	s.t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			s.t.Error(err)
		}
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
	return l.Addr().String()
}

// inOrder takes every notice as the one that follows the last.
func inOrder(n *freshness.Notice) (freshness.Receipt, error) {
	return freshness.Receipt{Last: n.Seq}, nil
}

// green is a verification with every member that one can have.
func green(_ context.Context, c gateway.Call) (*standard.Verification, error) {
	at := time.Date(2022, 3, 1, 9, 59, 58, 123e6, standard.Zone)
	return &standard.Verification{
		ID: "01FX2D0000ABCDEFGHJKMNPQRS", Salt: "0123456789abcdef0123456789abcdef",
		Outcome: standard.Verified, Status: standard.Green, Colour: standard.ColourGreen,
		System:    &standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Colour: "green", Text: "绿码", Provenance: standard.FromObserved},
		Holder:    &standard.Holder{Name: "测*人", IDType: "01", IDNumber: "000***********0000"},
		Health:    &standard.Health{Nucleic: &standard.Test{Result: standard.TestNegative, SampledAt: at, Institution: "试验 <检测> 站"}},
		Others:    []standard.Other{{System: "hangzhou", Region: "330100", Status: standard.Green}},
		Freshness: &standard.Freshness{From: standard.Cache, ObservedAt: at, AgeMs: 1877, ValidUntil: at.Add(time.Minute)},
		Decision:  standard.Decision{Action: standard.Pass, Rule: "default/green@1", Reason: standard.Text{Zh: "绿码,放行", En: "green: pass"}},
	}, nil
}

// request is what a test sends. The zero value of a member is filled in by sign, or left out.
type request struct {
	method, target string
	header         http.Header
	body           string
	chunked        bool

	rid, key, nonce string
	time            time.Time
	signType        wire.SignType
	secret          *keys // signs with it instead of the SM2 key
	signWith        *sm.PrivateKey
	signBody        string // instead of body

	text []byte // what was signed
}

const goodBody = `{"scan":"https://s.sh.gov.cn/0123456789abcdef0123456789abcdef1646100000000","place":{"region":"110000"}}`

func post(body string) *request {
	return &request{method: "POST", target: pathVerifications, body: body, header: http.Header{"Content-Type": {"application/json"}}, rid: "officer", key: "k1"}
}

// sign puts the six headers.
func (s *station) sign(r *request) *request {
	if r.nonce == "" {
		r.nonce = fmt.Sprintf("nonce-%016d", s.nonces.Add(1))
	}
	if r.time.IsZero() {
		r.time = s.now()
	}
	if r.signType == "" {
		r.signType = wire.SM2
		if r.secret != nil {
			r.signType = wire.HMACSM3
		}
	}
	body := r.body
	if r.signBody != "" {
		body = r.signBody
	}
	head := wire.Head{Rid: r.rid, Key: r.key, Rtime: wire.Rtime(r.time), Nonce: r.nonce, SignType: r.signType}
	r.text = wire.AppendRequestText(nil, testGateway, r.method, r.target, &head, sm.Sum([]byte(body)))
	if r.secret != nil {
		mac := sm.HMAC(r.secret.request[:], r.text)
		head.Sign = mac[:]
	} else {
		key := s.caller
		if r.signWith != nil {
			key = r.signWith
		}
		sign, err := key.Sign(r.text)
		if err != nil {
			s.t.Fatal(err)
		}
		head.Sign = sign
	}
	head.Put(r.header)
	return r
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   []byte
	wire.Envelope
	Data json.RawMessage
}

// send sends a request byte by byte as it stands, over a connection of its own.
func (s *station) send(r *request) *reply {
	s.t.Helper()
	c, err := net.Dial("tcp", s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", r.method, r.target, s.url)
	switch {
	case r.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.header.Get("Content-Length") == "":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	if err := r.header.Write(&b); err != nil {
		s.t.Fatal(err)
	}
	b.WriteString("\r\n")
	if r.chunked {
		for rest := r.body; rest != ""; {
			n := min(len(rest), 1000)
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, rest[:n])
			rest = rest[n:]
		}
		b.WriteString("0\r\n\r\n")
	} else {
		b.WriteString(r.body)
	}
	go c.Write(b.Bytes()) // the server may answer, and hang up, before all is written
	return s.read(c, r.method)
}

func (s *station) read(c net.Conn, method string) *reply {
	s.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &reply{status: resp.StatusCode, header: resp.Header, body: body}
	if resp.Header.Get("Content-Type") == "application/json" && method != "HEAD" {
		a.Envelope.Data = &a.Data
		if err := json.Unmarshal(body, &a.Envelope); err != nil {
			s.t.Fatalf("%v in %s", err, body)
		}
	}
	return a
}

func (s *station) get(target string) *reply {
	s.t.Helper()
	return s.send(&request{method: "GET", target: target, header: http.Header{}})
}

// isSigned says whether an answer carries this gateway's good signature for the request.
func (s *station) isSigned(r *request, a *reply) bool {
	s.t.Helper()
	if a.header.Get(wire.HeaderSign) == "" {
		for name := range a.header {
			if len(name) > 9 && name[:9] == "X-Tongma-" {
				s.t.Errorf("an unsigned answer has the header %s", name)
			}
		}
		return false
	}
	head, err := wire.ParseAnswerHead(a.header)
	if err != nil {
		s.t.Fatal(err)
	}
	text := wire.AppendAnswerText(nil, testGateway, a.status, sm.Sum(r.text), head.Rtime, sm.Sum(a.body))
	if r.secret != nil {
		mac := sm.HMAC(r.secret.answer[:], text)
		return head.SignType == wire.HMACSM3 && head.Key == r.key && bytes.Equal(mac[:], head.Sign)
	}
	return head.SignType == wire.SM2 && head.Key == s.cfg.Key.Public().ID() && s.cfg.Key.Public().Verify(text, head.Sign)
}

// apply gets a session for a caller.
func (s *station) apply(rid, body string) (*keys, *grant) {
	s.t.Helper()
	r := post(body)
	r.target, r.rid = pathSessions, rid
	a := s.send(s.sign(r))
	if a.status != 200 || !s.isSigned(r, a) {
		s.t.Fatalf("no session: %d %s", a.status, a.body)
	}
	return s.openGrant(rid, a)
}

// openGrant derives the keys of a granted session.
func (s *station) openGrant(rid string, a *reply) (*keys, *grant) {
	s.t.Helper()
	var g grant
	if err := json.Unmarshal(a.Data, &g); err != nil {
		s.t.Fatal(err)
	}
	sealed, err := base64.StdEncoding.DecodeString(g.Secret)
	if err != nil {
		s.t.Fatal(err)
	}
	secret, err := s.caller.Decrypt(sealed)
	if err != nil || len(secret) != 32 {
		s.t.Fatalf("secret of %d bytes: %v", len(secret), err)
	}
	k := &keys{}
	k.request, k.answer = wire.SessionKeys((*[32]byte)(secret), g.Session, rid, testGateway)
	return k, &g
}

var localhost = netip.MustParseAddr("127.0.0.1")

func (s *station) party(id string) *registry.Party {
	s.t.Helper()
	p, ok := s.cfg.Parties.Find(id, "k1")
	if !ok {
		s.t.Fatalf("no party %s", id)
	}
	return p
}

// keys are the two keys of a session as its caller has them.
type keys struct{ request, answer [32]byte }
