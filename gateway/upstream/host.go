package upstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"tongma/adapters"
	"tongma/gateway/tracing"
	"tongma/standard"
)

// HostConfig is what one system's [Host] is made of.
type HostConfig struct {
	Endpoint    string            // http or https URL: scheme, host and perhaps a path; "": not configured
	Endpoints   map[string]string // further ones by name
	Credentials map[string]string
	Timeout     time.Duration // overrides that of the calls, if not 0
	MaxReply    int64         // bytes; likewise
	Connections int           // kept open; as many as calls may be under way at once
	Now         func() time.Time
	Tracer      *tracing.Tracer // nil: no traces
	System      string          // whose backend it is, in traces
	Reach       Reach
}

// Host sends one system's requests to its configured endpoints and nowhere else. It follows no redirect, keeps no cookie, uses
// no proxy, asks for no compression and undoes none, and never has a URL's query, a body or a header's value in an error.
type Host struct {
	config    HostConfig
	endpoints map[string]string
	transport *transport
	client    *resty.Client
}

var _ adapters.Host = (*Host)(nil)

// defaultMaxReply bounds a reply where neither the configuration nor the call does.
const defaultMaxReply = 64 << 10

// NewHost checks the endpoints; its errors name the endpoint, never a credential.
func NewHost(config HostConfig) (*Host, error) {
	endpoints := map[string]string{}
	for name, raw := range config.Endpoints {
		base, err := parseEndpoint(raw)
		if err != nil {
			return nil, fmt.Errorf("endpoint %q: %w", name, err)
		}
		endpoints[name] = base
	}
	if config.Endpoint != "" {
		base, err := parseEndpoint(config.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("endpoint: %w", err)
		}
		endpoints[""] = base
	}
	transport := newTransport(config.Connections, config.Reach)
	return &Host{config: config, endpoints: endpoints, transport: transport, client: newClient(transport)}, nil
}

// parseEndpoint gives the URL without a trailing slash, to which a target is then appended.
func parseEndpoint(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("must begin with http:// or https:// and a host")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New("must have no user, query or fragment: give credentials as credentials")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func newClient(transport *transport) *resty.Client {
	client := resty.NewWithClient(&http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	client.SetRetryCount(0)
	client.SetLogger(silent{})
	return client
}

// silent drops what resty would write to the standard error, which may hold a URL with its query.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// ownHeaders belong to the connection and are not an adapter's to set: a second Content-Length, for one, would let a backend and
// whatever stands before it disagree about where a request ends.
var ownHeaders = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true, "Host": true, "Keep-Alive": true,
	"Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

const userAgent = "User-Agent"

func headerOf(fields []adapters.HeaderField) (http.Header, *adapters.Fault) {
	header := make(http.Header, len(fields)+1)
	header[userAgent] = []string{"tongma"}
	for _, f := range fields {
		name := f.Name
		if !isFieldName(name) || strings.ContainsFunc(f.Value, isControl) {
			return nil, &adapters.Fault{Reason: standard.ReasonFault, What: fmt.Sprintf("header %q cannot be sent: its name is no token, or its value has a control character", name)}
		}
		switch canonical := http.CanonicalHeaderKey(name); {
		case ownHeaders[canonical]:
			return nil, &adapters.Fault{Reason: standard.ReasonFault, What: fmt.Sprintf("header %q is not the adapter's to set", name)}
		case canonical == userAgent:
			header[userAgent] = []string{f.Value}
		default:
			header[name] = append(header[name], f.Value)
		}
	}
	return header, nil
}

// isFieldName says whether name is a token, RFC 9110 cl. 5.6.2.
func isFieldName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return name != ""
}

// isControl says whether r must not be in a header's value, where only a tab may be among the controls.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// Send makes the request of call. See [adapters.Host].
func (h *Host) Send(ctx context.Context, call *adapters.Call) (*adapters.Reply, error) {
	ctx, span := h.config.Tracer.Start(ctx, tracing.Backend)
	defer span.End()
	span.System(h.config.System)
	span.Method(call.Method)
	reply, err := h.send(ctx, call)
	if err != nil {
		span.Reason(reasonOf(err))
		span.Fail()
		return nil, err
	}
	span.Status(reply.Status)
	return reply, nil
}

func (h *Host) send(ctx context.Context, call *adapters.Call) (*adapters.Reply, error) {
	target, fault := h.resolve(call)
	if fault != nil {
		return nil, fault
	}
	header, fault := headerOf(call.Header)
	if fault != nil {
		return nil, fault
	}
	if parent := h.config.Tracer.Header(ctx, h.config.System); parent != "" {
		header[tracing.HeaderName] = []string{parent}
	}
	ctx = context.WithValue(ctx, headerKey{}, header)
	if after := firstSet(h.config.Timeout, call.Timeout); after > 0 && !endsWithin(ctx, after) {
		limited, cancel := context.WithTimeout(ctx, after)
		defer cancel()
		ctx = limited
	}
	request := h.client.R().SetContext(ctx).SetDoNotParseResponse(true)
	if len(call.Body) > 0 {
		request.SetBody(call.Body)
	}
	response, err := request.Execute(call.Method, target)
	if err != nil {
		return nil, faultOf(err, standard.ReasonUnreachable)
	}
	return readReply(response.RawResponse, firstSet(h.config.MaxReply, call.MaxReply, defaultMaxReply))
}

// endsWithin says whether ctx ends by itself after at most that time.
func endsWithin(ctx context.Context, after time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= after
}

// resolve gives the URL to call: a configured endpoint with the target behind it, which can change neither scheme nor host.
func (h *Host) resolve(call *adapters.Call) (string, *adapters.Fault) {
	base, ok := h.endpoints[call.Endpoint]
	if !ok {
		return "", &adapters.Fault{Reason: standard.ReasonUnset, What: fmt.Sprintf("endpoint %q is not configured", call.Endpoint)}
	}
	if !isTarget(call.Target) {
		return "", &adapters.Fault{Reason: standard.ReasonFault, What: "the target must be an escaped path, beginning with one slash"}
	}
	return base + call.Target, nil
}

func isTarget(target string) bool {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return false
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '\\' {
			return false
		}
	}
	return true
}

// readReply reads at most limit bytes of the body. A longer one is a fault, and its connection is given up rather than drained.
func readReply(response *http.Response, limit int64) (*adapters.Reply, error) {
	defer response.Body.Close()
	if response.StatusCode == http.StatusPartialContent {
		return nil, &adapters.Fault{Reason: standard.ReasonFault, What: "the reply says that it is a part, and no part was asked for"}
	}
	tooLong := &adapters.Fault{Reason: standard.ReasonFault, What: fmt.Sprintf("the reply is longer than %d bytes", limit)}
	if response.ContentLength > limit {
		return nil, tooLong
	}
	body, err := readBody(response, limit)
	if err != nil {
		return nil, faultOf(err, standard.ReasonFault)
	}
	if int64(len(body)) > limit {
		return nil, tooLong
	}
	return &adapters.Reply{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// readBody reads up to one byte more than limit. A reply that says its length is read into a buffer of that size.
func readBody(response *http.Response, limit int64) ([]byte, error) {
	if response.ContentLength >= 0 {
		body := make([]byte, response.ContentLength)
		_, err := io.ReadFull(response.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(response.Body, limit+1))
}

// Credential gives a configured credential.
func (h *Host) Credential(name string) (string, bool) {
	value, ok := h.config.Credentials[name]
	return value, ok
}

// Now gives the time.
func (h *Host) Now() time.Time { return h.config.Now() }

// Random fills b from the system's cryptographic source.
func (h *Host) Random(b []byte) { rand.Read(b) }

// Close gives up the idle connections.
func (h *Host) Close() { h.transport.CloseIdleConnections() }

func firstSet[T int64 | time.Duration](values ...T) T {
	for _, v := range values {
		if v > 0 {
			return v
		}
	}
	return 0
}
