package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The systems, in the order in which they are listed.
const (
	Suishen  = "suishen"
	Suikang  = "suikang"
	Hangzhou = "hangzhou"
	Yuekang  = "yuekang"
	Yukang   = "yukang"
	Sukang   = "sukang"
	Ankang   = "ankang"
	Hebei    = "hebei"
)

var systems = append([]string{Suishen, Suikang, Hangzhou, Yuekang, Yukang, Sukang, Ankang, Hebei, Beijing, Guokang, Gjgxjhpt, Jilin, Sichuan, Fujian}, regionIDs()...)

// defaultSeed makes every sandbox without a seed of its own hold the same people.
const defaultSeed = "tongma sandbox 1"

// beijing is the zone of every time of day in the dialects. They never write it.
var beijing = time.FixedZone("+08:00", 8*60*60)

// Options of a sandbox. The zero value is a sandbox that runs now and has the people that everybody's sandbox has.
type Options struct {
	Seed string           // decides who the people are and what their scans look like; "" is a constant
	Now  func() time.Time // nil: time.Now
}

// Sandbox holds the backends. It is safe for concurrent use.
type Sandbox struct {
	backends map[string]*backend

	mu    sync.Mutex       // serialises SetFault, Listen and Close, so that a port follows the last fault
	ports map[string]*port // nil: not listening
}

// New makes a sandbox. It listens nowhere yet, see [Sandbox.Handler] and [Sandbox.Listen].
func New(opts Options) *Sandbox {
	if opts.Seed == "" {
		opts.Seed = defaultSeed
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Sandbox{backends: make(map[string]*backend, len(systems))}
	for _, id := range systems {
		s.backends[id] = newBackend(id, opts)
	}
	return s
}

// Systems lists the systems that the sandbox plays.
func (s *Sandbox) Systems() []string { return append([]string(nil), systems...) }

// Credentials gives what a gateway must be configured with to be answered by a system. They are constants, made up, and
// worth nothing anywhere else; empty for a system that asks for none, nil for one that is not here.
func (s *Sandbox) Credentials(system string) map[string]string {
	if _, ok := regionOf(system); ok {
		return nationalCredentials(system)
	}
	return maps.Clone(credentials[system])
}

var credentials = map[string]map[string]string{
	Suishen:  {"appId": "demo-suishen", "appSecret": "made-up-suishen-secret"},
	Suikang:  {"paasId": "demo-suikang", "token": "made-up-suikang-token"},
	Hangzhou: {"appKey": "demo-hangzhou", "appSecret": "made-up-hangzhou-secret", "interfaceById": "SYNTHETICBYID001", "interfaceByQr": "SYNTHETICBYQR001", "interfaceRealTime": "SYNTHETICLIVE001"},
	Yuekang:  {"etpId": "demo-yuekang", "secretKey": "made-up-yuekang-secret"},
	Yukang:   {"sm4Key": "4d4144452d55502d59554b414e472d30"}, // MADE-UP-YUKANG-0
	Sukang:   {"source": "demo-sukang", "token": "made-up-sukang-token"},
	Ankang:   {"siteId": "53594e544845544943000000000000a1"},
	Hebei:    {},
	Beijing:  {"paasId": "demo-beijing", "token": "made-up-beijing-token", "did": "demo-device", "sid": "made-up-beijing-session"},
	Guokang:  {"sn": "SYNTHETIC-SN-0003", "authorizationCode": "made-up-guokang-code", "companyAddress": "SYNTHETIC"},
	Gjgxjhpt: {"rid": "demo-gjgxjhpt", "sid": "s_0000000000000_2001", "appKey": "made-up-app-key0"},
	Jilin:    {"serviceId": "demo-jilin", "clientSource": "demo-gate", "key": "made-up-jilin-k0"},
	Sichuan:  {},
	Fujian:   {"paasId": "demo-fujian", "token": "made-up-fujian-token"},
}

// PlaceIDs gives what a system calls the place or device where a gateway stands, by the name that its dialect has for it. It is
// empty for a system that has no such names, nil for one that is not here.
func (s *Sandbox) PlaceIDs(system string) map[string]string {
	if _, ok := s.backends[system]; !ok {
		return nil
	}
	ids := maps.Clone(placeIDs[system])
	if ids == nil {
		ids = map[string]string{}
	}
	return ids
}

var placeIDs = map[string]map[string]string{Yuekang: {"device": "SYNTHETIC-SN-0001"}}

// Handler gives a system's backend, its faults and the admin calls under /_sandbox/ included. It panics for a system that is
// not among [Sandbox.Systems].
func (s *Sandbox) Handler(system string) http.Handler {
	b, ok := s.backends[system]
	if !ok {
		panic("sandbox: no system " + system)
	}
	mux := http.NewServeMux()
	mux.Handle("/_sandbox/", s.admin(system))
	mux.Handle("/", b)
	return mux
}

// SetFault makes a system misbehave in one of the ways of [Faults] until it is told otherwise; "off" ends it. The error says
// what is not known, or that a port could not be opened again after "refuse".
func (s *Sandbox) SetFault(system, kind string) error {
	b, ok := s.backends[system]
	if !ok {
		return fmt.Errorf("no system %q: there are %v", system, systems)
	}
	if kind != Off && !faultKnown(kind) {
		return fmt.Errorf("no fault %q: there are %v and %q", kind, faultKinds(), Off)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.fault.Store(&kind)
	if p := s.ports[system]; p != nil {
		return p.follow(kind)
	}
	return nil
}

// Fault says which fault a system has at the moment, [Off] if none.
func (s *Sandbox) Fault(system string) string {
	if b, ok := s.backends[system]; ok {
		return b.kind()
	}
	return Off
}

// backend is what the backends of all systems have: people, codes and a fault. Its dialect does the talking.
type backend struct {
	id       string
	now      func() time.Time
	people   []*person
	regulars []*person          // those of whom Mint makes codes
	idType   string             // of the documents that they are asked about by
	known    map[string]*person // by document number, those of whom the system has a record
	own      sealer             // makes the codes of this system
	foreign  sealer             // makes codes that look like them and are not
	fault    atomic.Pointer[string]
	line     line
	dialect  dialect
}

// dialect is how one system talks.
type dialect interface {
	http.Handler
	// scan is what p's phone shows at that moment. Another serial gives another code of the same person; a card has none.
	scan(p *person, now time.Time, serial uint32) string
	// busy answers as the system does when it is asked too much.
	busy(w http.ResponseWriter, r *http.Request)
}

func newBackend(id string, opts Options) *backend {
	b := &backend{
		id:      id,
		now:     func() time.Time { return opts.Now().In(beijing) },
		people:  populate(opts.Seed, id),
		idType:  idCard,
		known:   map[string]*person{},
		own:     newSealer(opts.Seed, id),
		foreign: newSealer(opts.Seed, id+" of another issuer"),
	}
	for _, p := range b.people {
		if p.fate != gone {
			b.known[p.number] = p
		}
	}
	b.regulars = regulars(id, b.people)
	off := Off
	b.fault.Store(&off)
	if r, ok := regionOf(id); ok {
		b.dialect = newNational(b, r)
		return b
	}
	switch id {
	case Suishen:
		b.dialect = newSuishen(b, opts.Seed)
	case Suikang:
		b.dialect = newSuikang(b)
	case Hangzhou:
		b.dialect = newHangzhou(b, opts.Seed)
	case Yuekang:
		b.dialect = newYuekang(b, opts.Seed)
	case Yukang:
		b.dialect = newYukang(b, opts.Seed)
	case Sukang:
		b.dialect = newSukang(b)
	case Ankang:
		b.dialect = newAnkang(b)
	case Hebei:
		b.dialect = newHebei(b)
	case Beijing:
		b.dialect = newBeijing(b)
	case Guokang:
		b.dialect = newGuokang(b)
	case Gjgxjhpt:
		b.dialect = newGjgxjhpt(b, opts.Seed)
	case Jilin:
		b.dialect = newJilin(b)
	case Sichuan:
		b.dialect = newSichuan(b)
	case Fujian:
		b.dialect = newFujian(b)
	}
	return b
}

func (b *backend) kind() string { return *b.fault.Load() }

// paint gives the colour that the backend speaks of when it should say c.
func (b *backend) paint(c colour) colour {
	if b.kind() == unknownStatus {
		return odd
	}
	return c
}

// holder opens a code and gives whose it is and of which period, or nil if the code is not this system's.
func (b *backend) holder(code string) (*person, int64) { return b.opened(b.own, code) }

// opened is holder for a code that s has made.
func (b *backend) opened(s sealer, code string) (*person, int64) {
	no, period, _, ok := s.open(code)
	if !ok || no >= len(b.people) {
		return nil, 0
	}
	return b.people[no], period
}
