package api

import (
	"cmp"
	"errors"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"tongma/gateway/events"
	"tongma/gateway/registry"
	"tongma/gateway/tracing"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// call is one signed request on its way to its answer.
type call struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	id    string // the answer's requestId
	named string // what its path names, "" if nothing
	began time.Time
	*buffers

	bodySum sm.Digest
	head    wire.Head
	party   *registry.Party
	session *session // nil if the request is signed with SM2
	span    tracing.Span

	// Once the request's signature has been verified, its answer is signed too.
	proved     bool
	requestSum sm.Digest
}

// buffers are what a call needs to have at hand. They are pooled: nothing in them may be used after the call's answer.
type buffers struct {
	body []byte    // of the request
	text []byte    // to be signed
	out  *envelope // the body of the answer
	hash hash.Hash // SM3
	sum  sm.Digest // its last result
}

func newBuffers() *buffers { return &buffers{out: newEnvelope(), hash: sm.New()} }

// back puts them into the pool, but for a body's that few calls need.
func (b *buffers) back(pool *sync.Pool) {
	if cap(b.body) > 2*wire.MaxBody {
		b.body = nil
	}
	pool.Put(b)
}

// digest is sm.Sum without its allocations, which would be a tenth of a call's.
func (b *buffers) digest(data []byte) sm.Digest {
	b.hash.Reset()
	b.hash.Write(data)
	b.hash.Sum(b.sum[:0])
	return b.sum
}

// digestBehind is the digest of a beginning and data, likewise.
func (b *buffers) digestBehind(beginning *sm.Begun, data []byte) sm.Digest {
	beginning.Resume(b.hash)
	b.hash.Write(data)
	b.hash.Sum(b.sum[:0])
	return b.sum
}

// mac is a MAC, likewise.
func (b *buffers) mac(m *sm.MAC, data []byte) sm.Digest {
	m.Sum(b.hash, data, &b.sum)
	return b.sum
}

// handler answers a call that has passed every check but those of its body: with data, or with an error that errors.go knows.
type handler func(*call) (any, error)

// signed makes a route for a service that only known callers may use.
func (s *Server) signed(path string, may service, h handler) echo.HandlerFunc {
	events.Know(s.cfg.Log, events.Route, path)
	meter := s.meters.route(path)
	return func(c echo.Context) error {
		x := s.newCall(c)
		data, err := x.run(path, may, h)
		code := x.answer(data, err)
		x.span.Code(code)
		x.span.End()
		x.buffers.back(&s.buffers)
		meter.count(code, s.cfg.Now().Sub(x.began))
		s.logAccess(path, x.id, code)
		return nil
	}
}

func (s *Server) newCall(c echo.Context) *call {
	now := s.cfg.Now()
	return &call{s: s, w: c.Response(), r: c.Request(), id: newRequestID(now), named: c.Param("id"), began: now, buffers: s.buffers.Get().(*buffers)}
}

// run checks the call and hands it to its handler. A panic becomes an error that tells nothing of the inside.
func (x *call) run(path string, may service, h handler) (data any, err error) {
	defer x.s.recovered(x.id, &err)
	if err := x.readBody(cmp.Or(may.maxBody, wire.MaxBody)); err != nil {
		return nil, err
	}
	// Counted only now: whoever sends a body slowly, or the half of one, takes no place from others.
	defer x.s.running.Add(-1)
	if x.s.running.Add(1) > maxRunning {
		return nil, wire.Refuse(wire.CodeOverloaded, "")
	}
	if err := x.admit(); err != nil {
		return nil, err
	}
	x.follow(path)
	if err := x.authorise(may); err != nil {
		return nil, err
	}
	return h(x)
}

// follow begins the call's span, now that it is known who calls.
func (x *call) follow(path string) {
	ctx, span := x.s.cfg.Tracer.Call(x.r.Context(), x.began, x.party.ID, x.r.Header)
	if x.span = span; !span.On() {
		return
	}
	x.r = x.r.WithContext(ctx)
	span.Party(x.party.ID)
	span.Route(path)
	span.Request(x.id)
}

// recovered, deferred, turns a panic into an error. It logs the panic by its type and place, because its value could hold what somebody
// sent.
func (s *Server) recovered(id string, err *error) {
	if p := recover(); p != nil {
		events.CallPanicked.Tell(s.cfg.Log, slog.String("requestId", id), slog.Any("type", p), slog.Any("at", events.PlaceOfPanic()))
		*err = errPanic
	}
}

var errPanic = errors.New("panic")

// firstRead is how much room a body is given before any of it has come. A longer one gets more as it comes, so that a promised
// length alone costs nothing.
const firstRead = 4 << 10

// readBody reads the request's body, and of one that is too long at most one byte too many. It is the check of the size, which comes first.
func (x *call) readBody(most int64) error {
	if x.r.ContentLength > most {
		return x.tooLarge()
	}
	if n := min(x.r.ContentLength, firstRead); n >= int64(cap(x.body)) {
		x.body = make([]byte, 0, n+1) // one more, so that the end is found without growing
	}
	x.body = x.body[:0]
	body := io.LimitReader(x.r.Body, most+1)
	for {
		n, err := body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case int64(len(x.body)) > most:
			return x.tooLarge()
		case errors.Is(err, io.EOF):
			x.bodySum = x.digest(x.body)
			return nil
		case err != nil:
			return wire.Refuse(wire.CodeSyntax, "the body ended too early")
		}
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, 0)[:len(x.body)]
		}
	}
}

// tooLarge also ends the connection after the answer, since the rest of the body is not wanted.
func (x *call) tooLarge() error {
	x.w.Header().Set("Connection", "close")
	return wire.Refuse(wire.CodeTooLarge, "")
}

// source is the address that the request came from.
func (x *call) source() netip.Addr {
	from, _ := netip.ParseAddrPort(x.r.RemoteAddr)
	return from.Addr()
}
