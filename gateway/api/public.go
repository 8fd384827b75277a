package api

import (
	_ "embed"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"tongma/gateway/events"
	"tongma/standard"
	"tongma/standard/wire"
)

// The paths of the interface.
const (
	pathSessions      = "/v1/sessions"
	pathVerifications = "/v1/verifications"
	pathBatch         = "/v1/verifications/batch"
	pathChanges       = "/v1/changes"
	pathSystems       = "/v1/admin/systems"
	pathState         = "/v1/admin/state"
	pathOperations    = "/v1/admin/operations"
	pathProof         = "/v1/verifications/{id}/proof"
	pathKeys          = "/v1/admin/evidence/keys"
	pathSearch        = "/v1/admin/evidence/search"
	pathAsk           = "/v1/subject-requests"
	pathAskedState    = "/v1/subject-requests/query"
	pathAsked         = "/v1/admin/subject-requests"
	pathAnswerAsked   = "/v1/admin/subject-requests/answer"
	pathGateway       = "/v1/gateway"
	pathOpenAPI       = "/openapi.yaml"
	pathHealth        = "/healthz"
	pathReady         = "/readyz"
)

// unrouted stands in metrics and logs for requests that found no route.
const unrouted = "none"

//go:embed openapi.yaml
var openAPI []byte

// profile is the name of the interface that this package serves.
const profile = "tongma/1"

// self is what anybody may know of a gateway. Its keys themselves are pinned by callers, not fetched.
type self struct {
	ID         string   `json:"id"`
	Keys       []string `json:"keys"`       // ids of the keys that it signs with
	ServerTime int64    `json:"serverTime"` // ms since 1970
	Profile    string   `json:"profile"`
	Systems    []system `json:"systems"`
}

// system is what anybody may know of a system that can be asked here.
type system struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Region     string              `json:"region"` // GB/T 2260
	Provenance standard.Provenance `json:"provenance"`
}

func (s *Server) routes() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { s.lost(c.Response(), c.Request(), err) }

	e.POST(pathSessions, s.signed(pathSessions, apply, s.applySession))
	e.POST(pathVerifications, s.signed(pathVerifications, verify, s.verifyOne))
	e.POST(pathBatch, s.signed(pathBatch, verify, s.verifyBatch))
	e.POST(pathChanges, s.signed(pathChanges, notify, s.tellChanges))
	if s.cfg.Operations != nil {
		e.POST(pathSystems, s.signed(pathSystems, operate, s.operateSystem))
		e.POST(pathState, s.signed(pathState, operate, s.tellState))
		e.POST(pathOperations, s.signed(pathOperations, operate, s.tellOperations))
	}
	if s.cfg.Evidence != nil {
		e.GET(strings.Replace(pathProof, "{id}", ":id", 1), s.signed(pathProof, prove, s.proveEntry))
		e.POST(pathKeys, s.signed(pathKeys, protect, s.giveDayKeys))
		e.POST(pathSearch, s.signed(pathSearch, protect, s.searchEvidence))
		e.POST(pathAsk, s.signed(pathAsk, vouch, s.keepAsk))
		e.POST(pathAskedState, s.signed(pathAskedState, vouch, s.tellAskedState))
		e.POST(pathAsked, s.signed(pathAsked, protect, s.tellAsked))
		e.POST(pathAnswerAsked, s.signed(pathAnswerAsked, respond, s.answerAsked))
	}

	for path, h := range map[string]func() (any, error){
		pathGateway: s.describe,
		pathHealth:  func() (any, error) { return nil, nil },
		pathReady:   s.ready,
	} {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, s.open(path, h))
	}
	e.Match([]string{http.MethodGet, http.MethodHead}, pathOpenAPI, func(c echo.Context) error {
		send(c.Response(), wire.CodeOK, yamlType, openAPI)
		return nil
	})
	return e
}

// open makes a route that answers anybody, unsigned.
func (s *Server) open(path string, h func() (any, error)) echo.HandlerFunc {
	events.Know(s.cfg.Log, events.Route, path)
	meter := s.meters.route(path)
	return func(c echo.Context) error {
		began := s.cfg.Now()
		id := newRequestID(began)
		data, err := s.try(id, h)
		code := s.reply(c.Response(), id, data, err)
		meter.count(code, s.cfg.Now().Sub(began))
		s.logAccess(path, id, code)
		return nil
	}
}

// try runs h. A panic becomes an error that tells nothing of the inside.
func (s *Server) try(id string, h func() (any, error)) (data any, err error) {
	defer s.recovered(id, &err)
	return h()
}

// lost answers what found no route, or failed before it found one.
func (s *Server) lost(w http.ResponseWriter, r *http.Request, err error) {
	if h, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch h.Code {
		case http.StatusNotFound:
			err = wire.Refuse(wire.CodeRoute, "")
		case http.StatusMethodNotAllowed:
			err = wire.Refuse(wire.CodeMethod, "")
		}
	}
	id := newRequestID(s.cfg.Now())
	code := s.reply(w, id, nil, err)
	s.unrouted.codes[code].Inc()
	s.logAccess(unrouted, id, code)
}

// reply writes an unsigned reply and gives its code.
func (s *Server) reply(w http.ResponseWriter, id string, data any, err error) *wire.Code {
	out, code := newEnvelope(), wire.CodeOK
	if err == nil {
		err = out.write(code.Code, okMessage, data, id)
	}
	if err != nil {
		refusal := s.refusal(id, err)
		code = refusal.Code
		s.writeRefusal(out, refusal, id)
	}
	send(w, code, jsonType, out.Bytes())
	return code
}

func (s *Server) describe() (any, error) {
	systems := []system{}
	for _, sys := range s.cfg.Gateway.Systems() {
		i := sys.Info
		systems = append(systems, system{ID: i.System, Name: i.Name.Zh, Region: i.Region, Provenance: i.Provenance})
	}
	return &self{ID: s.cfg.ID, Keys: []string{s.keyID}, ServerTime: s.cfg.Now().UnixMilli(), Profile: profile, Systems: systems}, nil
}

// ready says whether new calls are welcome. It depends on no backend: a system that is down is an answer, not a reason to
// take the gateway away from all others.
func (s *Server) ready() (any, error) {
	if s.draining.Load() {
		return nil, wire.Refuse(wire.CodeDraining, "")
	}
	if s.cfg.Ready != nil && s.cfg.Ready() != nil { // told where it is found
		return nil, wire.Refuse(wire.CodeEvidence, "")
	}
	return nil, nil
}
