package trial

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"index/suffixarray"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/conformance/sandbox"
	"tongma/gateway/client"
	"tongma/gateway/evidence"
	"tongma/gateway/node"
	"tongma/gateway/registry"
	"tongma/gateway/store"
	"tongma/gateway/tracing"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// The canary: somebody, at a checkpoint, whose every trait is found again wherever it is written.
const (
	canaryName      = "金丝雀某甲"
	canaryNumber    = "000000194507219983"
	canaryPhone     = "19987654321"
	canarySubject   = "Canary-Subject-7Q"
	canarySite      = "Canary-Site-7Q"
	canaryDevice    = "Canary-Device-7Q"
	canaryScene     = "Canary-Scene-7Q"
	canaryReference = "Canary-Reference-7Q"
	canaryToken     = "ca7a9700ca7a9701ca7a9702ca7a9703"
)

var canaryOperator = standard.Operator{ID: "Canary-Operator-7Q", Name: "金丝雀某乙", Department: "Canary-Department-7Q", Phone: "19987654322"}

var canaries = []string{
	canaryName, canaryNumber, canaryPhone, canarySubject, canarySite, canaryDevice, canaryScene, canaryReference, canaryToken,
	canaryOperator.ID, canaryOperator.Name, canaryOperator.Department, canaryOperator.Phone,
}

// somebody is what the names, numbers and phones of the sandbox's people look like. A metric's sum may have such digits in it; a signature
// or key may have the three bytes of 某 in it, but hardly a second character beside them.
var somebody = regexp.MustCompile(`\p{Han}某|某\p{Han}|(^|[^\d.])(000000(19|20)\d{9}[\dX]|1300000\d{4})($|\D)`)

// forms are the ways in which a text may be written down.
func forms(s string) []string {
	all := []string{s, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	for shift := range 3 { // in the middle of something longer too
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), s...))
		text = text[(shift*8+5)/6 : len(text)-1]
		all = append(all, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	if escaped := url.QueryEscape(s); escaped != s {
		all = append(all, escaped, strings.ToLower(escaped))
	}
	if quoted := strings.Trim(strconv.QuoteToASCII(s), `"`); quoted != s {
		all = append(all, quoted, strings.ToUpper(quoted))
	}
	return all
}

// found says which of the canary's traits, or whose of the sandbox, are in what was written.
func found(written string, traits []string) (all []string) {
	index := suffixarray.New([]byte(written)) // there are thousands of traits to look for
	for _, s := range traits {
		for _, form := range forms(s) {
			for _, at := range index.Lookup([]byte(form), 1) {
				all = append(all, fmt.Sprintf("%q in …%s…", s, written[max(0, at-120):min(len(written), at+120)]))
			}
		}
	}
	if at := somebody.FindStringIndex(written); at != nil {
		all = append(all, fmt.Sprintf("somebody in …%s…", written[max(0, at[0]-120):min(len(written), at[1]+120)]))
	}
	return all
}

func TestTheCanaryIsFoundInEveryForm(t *testing.T) {
	for _, s := range canaries {
		for name, written := range map[string]string{
			"plain": "x" + s + "x", "hex": hex.EncodeToString([]byte("xy" + s)), "percent": "?n=" + url.QueryEscape(s) + "&",
			"base64": base64.StdEncoding.EncodeToString([]byte(s + "x")), "base64 shifted": base64.StdEncoding.EncodeToString([]byte("x" + s + "y")),
			"base64 shifted by two": base64.URLEncoding.EncodeToString([]byte("xy" + s + "z")), "escaped": strconv.QuoteToASCII(s),
		} {
			if len(found(written, canaries)) == 0 {
				t.Errorf("%q is not found as %s: %s", s, name, written)
			}
		}
	}
	for written, want := range map[string]bool{
		"nothing of 19900000001 here": false, "sum 0.006873313000000001": false, "phone=13000000001": true, "000000194507219983": true, "张某": true, "\xf3某甲\xf3": true, "\xf3\xe5某\xf3": false,
	} {
		if got := len(found(written, nil)) > 0; got != want {
			t.Errorf("somebody is found in %q: %t", written, got)
		}
	}
}

// paper is what a node writes to.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// careless is an adapter whose author has taken care of nothing: its panics, errors and records are full of the canary.
type careless struct{ turn atomic.Int32 }

// cages counts those that were opened: the log tells a system's first trouble and then is silent for a while, so each begins with another.
var cages atomic.Int32

func (*careless) Info() adapters.Info {
	return adapters.Info{System: "careless", Name: standard.Text{Zh: "x", En: "x"}, Region: "310000", Provenance: standard.FromSynthetic}
}

func (c *careless) Open(adapters.Host) adapters.Adapter { return c }

func (*careless) Forms() []adapters.Form {
	return []adapters.Form{{Text: "careless:{token:hex:32}"}, {Document: []string{"01"}}}
}

func (c *careless) WriteKey(w io.Writer, q *adapters.Query) {
	if c.turn.Load()%7 == 6 {
		panic("key of " + canaryName + q.Ticket.Scan)
	}
	fmt.Fprint(w, q.Ticket.Scan, c.turn.Load())
}

func (c *careless) Verify(_ context.Context, q *adapters.Query) (adapters.Result, error) {
	all := strings.Join(canaries, " ") + q.Ticket.Scan
	switch c.turn.Add(1) % 7 {
	case 0:
		panic(all)
	case 1:
		panic(errors.New(all))
	case 2:
		return adapters.Result{}, errors.New(all)
	case 3:
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonFault, What: "what it is", Err: errors.New(all)}
	case 4:
		return adapters.Result{Outcome: standard.Outcome(all), Reason: standard.ReasonCode(all)}, nil
	}
	return adapters.Result{Outcome: standard.Verified, ObservedAt: time.Now(), Record: &standard.Record{
		Status: standard.Status(all), Subject: canarySubject, System: standard.System{ID: "careless", Status: canaryName, Colour: canaryNumber, Text: canaryPhone},
		Holder: standard.Holder{Name: canaryName, IDType: "01", IDNumber: canaryNumber, Phone: canaryPhone},
	}}, nil
}

// repeats are backends that repeat what they were asked, and know more.
var repeats = map[string]func(w http.ResponseWriter, said string){
	"status": func(w http.ResponseWriter, said string) { w.WriteHeader(500); io.WriteString(w, said) },
	"page":   func(w http.ResponseWriter, said string) { io.WriteString(w, "<html>"+said) },
	"JSON": func(w http.ResponseWriter, said string) {
		members := map[string]any{}
		for _, name := range []string{"code", "resCode", "errcode", "errCode", "ret", "status", "data", "datas", "res", "message", "msg", "errmsg", "errMsg", "token", "access_token", "type", "result", "head", "body"} {
			members[name] = said
		}
		json.NewEncoder(w).Encode(members)
	},
	"JSON inside": func(w http.ResponseWriter, said string) {
		inner, _ := json.Marshal(map[string]string{"type": said, "color": said, "mzt": said, "level": said})
		json.NewEncoder(w).Encode(map[string]any{"code": "0", "data": string(inner), "datas": string(inner), "res": string(inner), "resCode": 0, "errcode": 0, "access_token": said, "expires_in": said})
	},
	"half JSON": func(w http.ResponseWriter, said string) { io.WriteString(w, `{"code":"0","data":"`+said) },
	"headers": func(w http.ResponseWriter, said string) {
		for _, name := range []string{"Location", "Retry-After", "Content-Type", "X-Error", "Content-Encoding"} {
			w.Header().Set(name, strings.ReplaceAll(said, "\n", " "))
		}
		w.WriteHeader(302)
	},
	"a status line": func(w http.ResponseWriter, said string) { raw(w, "HTTP/1.1 "+said+"\r\n\r\n") },
	"a header line": func(w http.ResponseWriter, said string) { raw(w, "HTTP/1.1 200 OK\r\n"+said+"\r\n\r\n") },
	"a length": func(w http.ResponseWriter, said string) {
		raw(w, "HTTP/1.1 200 OK\r\nContent-Length: "+said+"\r\n\r\n")
	},
	"a chunk": func(w http.ResponseWriter, said string) {
		raw(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+said+"\r\n")
	},
	"no HTTP": func(w http.ResponseWriter, said string) { raw(w, said) },
}

func raw(w http.ResponseWriter, text string) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		io.WriteString(conn, text)
		conn.Close()
	}
}

// cage is a node with the canary before it, and what it has written.
type cage struct {
	t         *testing.T
	box       *sandbox.Sandbox
	node      *node.Node
	cfg       *node.Config
	officer   *sm.PrivateKey // of privacy
	client    *client.Client
	log       paper
	spans     paper    // as a collector gets them: protobuf, in which texts stand as they are
	seen      []string // the canary's traits, and the codes that it has shown
	answers   atomic.Int32
	mistrusts atomic.Int32
}

const canaryParty = "post-1"

// once has a connection for each request. One that was dialled for nothing is closed by the node after some seconds, and net/http does not
// ask anew where it learns of that while it sends.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// openCage runs a node. The backends of its systems are those of the sandbox, or one that repeats.
func openCage(t *testing.T, repeat func(http.ResponseWriter, string)) *cage {
	c := &cage{t: t, box: sandbox.New(sandbox.Options{}), seen: canaries}
	urls := listen(t, c.box)
	if repeat != nil {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			repeat(w, fmt.Sprintf("%s %s %s %v", strings.Join(canaries, " "), r.RequestURI, body, r.Header))
		}))
		t.Cleanup(backend.Close)
		for system := range urls {
			urls[system] = backend.URL
		}
	}
	key, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if c.officer, err = sm.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	all, err := node.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(&c.spans, r.Body) }))
	t.Cleanup(collector.Close)
	own := &careless{}
	own.turn.Store(cages.Add(1))
	c.cfg = &node.Config{
		Store: "sqlite:" + filepath.Join(t.TempDir(), "store.db"), Evidence: &node.Evidence{Log: "canary", Officer: c.officer.Public(), Secret: bytes.Repeat([]byte{7}, 32)},
		Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", ID: "gw", Key: key, State: t.TempDir(), Drain: 5 * time.Second,
		Log:      slog.New(slog.NewJSONHandler(&c.log, &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug})),
		Tracing:  &tracing.Config{Endpoint: collector.URL, Sample: 1, Trust: []string{canaryParty}, Send: c.box.Distinct()},
		Dialects: append(all, own), Systems: map[string]node.System{"careless": {Endpoint: "http://127.0.0.1:1"}},
		Callers: []registry.Party{{
			ID: canaryParty, KeyID: "k", Key: key.Public(), Purposes: []string{registry.AllPurposes},
			Roles:   standard.RolesOf(standard.RoleOfficer, standard.RolePlatform, standard.RoleMedical, standard.RoleOperator, standard.RolePrivacy),
			Systems: append(c.box.Distinct(), "careless"),
		}},
	}
	for _, id := range c.box.Distinct() {
		b := backendOf(t, c.box, id, urls[id])
		c.cfg.Systems[id] = node.System{
			Endpoint: b.Endpoint, Endpoints: b.Endpoints, Credentials: b.Credentials, PlaceIDs: b.PlaceIDs,
			Limits: adapters.Limits{Timeout: timeout / 2},
		}
	}
	if c.node, err = node.New(c.cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.node.Run(ctx) }()
	c.client, err = client.New(client.Config{URL: c.node.URL(), GatewayID: "gw", GatewayKey: key.Public(), Rid: canaryParty, KeyID: "k", Key: key, HTTP: once})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		c.search()
		c.searchStore()
	})
	return c
}

// request is the canary's.
func (c *cage) request(scan string) *standard.Request {
	by := canaryOperator
	return &standard.Request{
		Scan: scan, Place: standard.Place{Region: "440100", Site: canarySite}, Operator: &by, Device: canaryDevice, Scene: canaryScene,
		WaitMs: patience.Milliseconds(),
	}
}

func (c *cage) verify(r *standard.Request) {
	if _, err := c.client.Verify(context.Background(), r); err != nil {
		if !errors.As(err, new(*client.RefusedError)) {
			c.t.Error(err)
		}
		c.mistrusts.Add(1)
		return
	}
	c.answers.Add(1)
}

// shown notes the parts of a scan by which it would be known again.
func (c *cage) shown(scan string) string {
	c.seen = append(c.seen, regexp.MustCompile(`[0-9a-fA-F]{16,}`).FindAllString(scan, -1)...)
	return scan
}

// everybody asks each system about the canary and about its own people.
func (c *cage) everybody() {
	var all sync.WaitGroup
	defer all.Wait()
	turn := make(chan struct{}, 32) // more at once would be refused on a busy machine
	for _, system := range c.box.Distinct() {
		people := c.box.People(system)
		var requests []*standard.Request
		for _, who := range people {
			r := c.request(c.shown(who.Scan))
			if who.Document != nil {
				r = c.request("")
				r.Document, r.System = who.Document, system
				c.seen = append(c.seen, who.Document.Number, who.Document.Name)
			}
			requests = append(requests, r)
		}
		named := c.request("")
		named.Document, named.System = &standard.Document{Type: "01", Number: canaryNumber, Name: canaryName}, system
		again := c.request(people[0].Scan)
		again.Reference = canaryReference + system
		requests = append(requests, named, again, again)
		all.Go(func() {
			var each sync.WaitGroup
			for _, r := range requests {
				each.Go(func() {
					turn <- struct{}{}
					defer func() { <-turn }()
					c.verify(r)
				})
			}
			each.Wait()
		})
	}
	all.Go(func() {
		for range 14 {
			c.verify(c.request("careless:" + canaryToken))
			r := c.request("")
			r.Document, r.System = &standard.Document{Type: "01", Number: canaryNumber, Name: canaryName}, "careless"
			c.verify(r)
		}
	})
}

// wrongly asks in ways that are refused, and others that nobody claims.
func (c *cage) wrongly() {
	good, err := json.Marshal(c.request("careless:" + canaryToken))
	if err != nil {
		c.t.Fatal(err)
	}
	bodies := []string{
		string(good[:len(good)-1]), string(good) + canaryName, `{"` + canaryName + `":1}`, `{"scan":{"` + canaryName + `":"` + canaryNumber + `"}}`,
		`{"scan":"` + canaryToken + `","scan":"` + canaryName + `"}`, `{"place":{"region":"` + canaryNumber + `"},"scan":"x"}`,
		`{"document":{"type":"01","number":"` + canaryNumber + `9","name":"` + canaryName + `"},"place":{"region":"110000"},"system":"suishen"}`,
		`{"document":{"type":"` + canaryName + `","number":"` + canaryNumber + `","name":"` + canaryName + `"},"place":{"region":"110000"},"system":"` + canaryPhone + `"}`,
		`{"scan":"` + canaryName + "\xff" + `"}`, `{"scan":"x","waitMs":"` + canaryPhone + `","place":{"region":"110000"}}`, canaryName, `"` + canaryName + `"`,
		`{"scan":"` + canaryName + `","place":{"region":"110000"},"purpose":"` + strings.Repeat(canaryName, 20) + `"}`,
		`{"scan":"` + canaryName + canaryToken + `","place":{"region":"110000"}}`, `{"scanBytes":"` + base64.StdEncoding.EncodeToString([]byte(canaryName)) + `","place":{"region":"110000"}}`,
	}
	for _, body := range bodies {
		for _, target := range []string{"/v1/verifications", "/v1/verifications/batch", "/v1/changes", "/v1/sessions", "/v1/admin/systems", "/v1/" + canaryToken} {
			c.post(target, body, true)
			c.post(target, body, false)
		}
		c.post("/v1/verifications/batch", `{"items":[`+body+`]}`, true)
		c.post("/v1/changes", `{"system":"careless","seq":1,"changes":[`+body+`]}`, true)
	}
	for _, target := range []string{"/?name=" + url.QueryEscape(canaryName), "/v1/verifications/" + url.PathEscape(canaryName), "/v1/../" + canaryToken, "//" + canaryToken} {
		if res, err := once.Get(c.node.URL() + target); err == nil {
			res.Body.Close()
		}
	}
}

// post sends a body as it is, signed or not.
func (c *cage) post(target, body string, signed bool) {
	req, err := http.NewRequest(http.MethodPost, c.node.URL()+target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", canaryName)
	req.Header.Set("X-Forwarded-For", canaryPhone)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	req.Header.Set("Tracestate", "canary="+canaryPhone+canaryToken)
	req.Header.Set("Baggage", "name="+url.QueryEscape(canaryName))
	if signed {
		head := wire.Head{Rid: canaryParty, Key: "k", Rtime: wire.Rtime(time.Now()), Nonce: rand.Text(), SignType: wire.SM2}
		head.Sign, err = c.cfg.Key.Sign(wire.AppendRequestText(nil, "gw", req.Method, target, &head, sm.Sum([]byte(body))))
		if err != nil {
			c.t.Fatal(err)
		}
		head.Put(req.Header)
	}
	res, err := once.Do(req)
	if err != nil {
		c.t.Error(err)
		return
	}
	res.Body.Close()
	c.mistrusts.Add(1)
}

// tells tells of the canary in every way, and of others in ways that are refused.
func (c *cage) tells() {
	now := time.Now()
	for i, change := range []standard.Change{
		{Subject: canarySubject, At: now}, {Scan: "careless:" + canaryToken, At: now}, {Document: &standard.ChangedDocument{Type: "01", Number: canaryNumber}, At: now},
		{Subject: canarySubject, Scan: canaryToken, At: now}, {Subject: canarySubject, At: now.Add(time.Hour)},
		{Document: &standard.ChangedDocument{Type: "01", Number: canaryNumber + "1"}, At: now},
	} {
		for _, system := range []string{"careless", sandbox.Suikang, "nowhere", canaryToken} {
			if _, err := c.client.Notify(context.Background(), &standard.Notice{System: system, Seq: uint64(2*i + 1), Changes: []standard.Change{change}}); err != nil {
				c.mistrusts.Add(1)
			}
		}
	}
	for _, ask := range []wire.SubjectAsk{
		{System: "careless", Document: &standard.ChangedDocument{Type: "01", Number: canaryNumber}, Kind: wire.KindAccess, Basis: canaryName, Reference: canaryReference},
		{System: "careless", Subject: canarySubject, Kind: wire.KindAccess, Basis: canaryPhone, Reference: canaryReference},
	} {
		_, err := c.client.Ask(context.Background(), ask)
		for range 20 { // the store of a busy machine may take a while
			if err == nil {
				break
			}
			time.Sleep(500 * time.Millisecond)
			_, err = c.client.Ask(context.Background(), ask)
		}
		if err != nil {
			c.t.Errorf("a traveller's request is not kept, so that nothing is proven about it: %v", err)
		}
	}
	c.post("/v1/admin/systems", `{"system":"careless","action":"auto","reason":"to have a record"}`, true)
}

// search reads all that the node has shown and written.
func (c *cage) search() {
	written := map[string]string{"the log": c.log.String(), "the spans": c.spans.String(), "the dashboard": c.deployed("grafana/tongma.json"), "the alerts": c.deployed("alerts/tongma.yml")}
	for _, span := range []string{"call", "recognise", "memory", "flight", "guard", "backend", "tongma.system", canaryParty} {
		if !strings.Contains(written["the spans"], span) {
			c.t.Errorf("there is no span with %s, so that nothing is proven about it", span)
		}
	}
	err := filepath.WalkDir(c.cfg.State, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		written[path] = path + string(data)
		return err
	})
	if err != nil {
		c.t.Error(err)
	}
	if !strings.Contains(fmt.Sprint(written), "to have a record") {
		c.t.Error("no order is recorded, so that nothing is proven about its file")
	}
	for where, text := range written {
		for _, what := range found(text, c.seen) {
			c.t.Errorf("%s: %s", where, what)
		}
	}
}

// deployed reads a file that operators watch a node with.
func (c *cage) deployed(name string) string {
	text, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		c.t.Error(err)
	}
	return string(text)
}

// searchStore reads the pages of the database, with what is left there of what was overwritten, the exports, and the keys of the days.
func (c *cage) searchStore() {
	ctx := context.Background()
	s, err := store.OpenAsIs(ctx, c.cfg.Store)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer s.Close()
	var export bytes.Buffer
	if err := evidence.NewReader(s).Export(ctx, &export, c.cfg.Evidence.Log, evidence.Range{}); err != nil {
		c.t.Error(err)
	}
	written := map[string]string{"the export": export.String()}
	pages, err := filepath.Glob(strings.TrimPrefix(c.cfg.Store, "sqlite:") + "*")
	if err != nil || len(pages) == 0 {
		c.t.Errorf("no database: %v", err)
	}
	for _, path := range pages {
		data, err := os.ReadFile(path)
		if err != nil {
			c.t.Error(err)
		}
		written[path] = string(data)
	}
	days := c.days(s, written)
	if entries, canarys := c.entries(&export, days, written); entries < 100 || canarys == 0 {
		c.t.Errorf("%d entries, %d of them of the canary, prove little", entries, canarys)
	}
	unsaid := slices.DeleteFunc(slices.Clone(c.seen), func(s string) bool { return s == canarySite }) // where somebody asks is in the evidence
	for where, text := range written {
		for _, what := range found(text, unsaid) {
			c.t.Errorf("%s: %s", where, what)
		}
	}
}

// days opens the days' keys as the officer, and adds what is sealed there.
func (c *cage) days(s *store.Store, written map[string]string) (all []*proof.Day) {
	rows, err := s.Read.Query("SELECT day, part, sealed FROM day_keys")
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k evidence.DayKey
		if err := rows.Scan(&k.Day, &k.Part, &k.Sealed); err != nil {
			c.t.Fatal(err)
		}
		text, err := c.officer.Decrypt(k.Sealed)
		if err != nil {
			c.t.Fatal(err)
		}
		written["what is sealed of "+k.Day] = string(text)
		day, err := k.Open(c.officer)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, day)
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		c.t.Errorf("no day has a key: %v", err)
	}
	return all
}

// entries adds each entry of an export, and says how many there are, and how many of them are the canary's to whoever has the keys of the days.
func (c *cage) entries(export io.Reader, days []*proof.Day, written map[string]string) (all, canarys int) {
	r, err := proof.NewReader(export, proof.KeysOf(c.cfg.Key.Public()))
	if err != nil {
		c.t.Fatal(err)
	}
	var texts strings.Builder
	for {
		block, err := r.Next()
		if errors.Is(err, io.EOF) {
			written["the entries"] = texts.String()
			return all, canarys
		}
		if err != nil {
			c.t.Fatal(err)
		}
		for _, e := range block.Entries {
			all++
			fmt.Fprintf(&texts, "%+v\n", e)
			if slices.ContainsFunc(days, func(d *proof.Day) bool { return e.Holder == d.Holder("01", canaryNumber) }) {
				canarys++
			}
		}
	}
}

// metrics reads what the node shows to anybody who watches it.
func (c *cage) metrics() {
	for _, at := range []string{c.node.MetricsURL(), c.node.URL() + "/v1/gateway", c.node.URL() + "/readyz"} {
		res, err := once.Get(at)
		if err != nil {
			c.t.Error(err)
			continue
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		for _, what := range found(string(text), c.seen) {
			c.t.Errorf("%s: %s", at, what)
		}
	}
}

func (c *cage) run() {
	c.everybody()
	c.tells()
	c.wrongly()
	c.everybody() // now from memory, or with a breaker that is open
	c.metrics()
	if c.answers.Load() < 100 || c.mistrusts.Load() < 100 {
		c.t.Errorf("%d answers and %d refusals prove little", c.answers.Load(), c.mistrusts.Load())
	}
	for _, line := range []string{`"backend trouble"`, `"adapter panicked"`, `"change notice"`, `"route":"`} {
		if !strings.Contains(c.log.String(), line) {
			c.t.Errorf("the log has no %s, so that nothing is proven about it", line)
		}
	}
}

// TestNothingThatIsWrittenTellsOfAnybody leads the canary past every system in every state, and searches what was written.
func TestNothingThatIsWrittenTellsOfAnybody(t *testing.T) {
	var stray paper
	log.SetOutput(&stray)
	t.Cleanup(func() {
		log.SetOutput(os.Stderr)
		for _, what := range found(stray.String(), canaries) {
			t.Errorf("the standard log: %s", what)
		}
	})
	t.Run("of", func(t *testing.T) {
		for name, repeat := range repeats {
			t.Run("repeated in "+name, func(t *testing.T) {
				t.Parallel()
				openCage(t, repeat).run()
			})
		}
		for _, kind := range append([]sandbox.Fault{{Kind: sandbox.Off}}, sandbox.Faults()...) {
			t.Run("fault "+kind.Kind, func(t *testing.T) {
				t.Parallel()
				c := openCage(t, nil)
				c.everybody()
				for _, system := range c.box.Distinct() {
					if err := c.box.SetFault(system, kind.Kind); err != nil {
						t.Fatal(err)
					}
				}
				c.run()
			})
		}
	})
}
