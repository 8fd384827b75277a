package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	"github.com/luraproject/lura/v2/config"
	"github.com/luraproject/lura/v2/logging"
	"github.com/luraproject/lura/v2/proxy"
	router "github.com/luraproject/lura/v2/router/gin"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/node"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/sm"
)

// httpServer has the settings of the gateway's own, so that both sides set the same deadlines.
func httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// serve serves h on a free port of loopback until the process ends.
func serve(h http.Handler) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go httpServer(h).Serve(l)
	return l.Addr().String(), nil
}

// memoryQuestion asks a server for its memory, memoryUse is its answer.
type (
	memoryQuestion struct{ Memory bool }
	memoryUse      struct{ Most int64 } // bytes, resident
)

// usage answers every other question with the CPU time that the process has taken so far.
func usage(raw json.RawMessage) (any, error) {
	var q memoryQuestion
	var r syscall.Rusage
	if err := errors.Join(json.Unmarshal(raw, &q), syscall.Getrusage(syscall.RUSAGE_SELF, &r)); err != nil {
		return nil, err
	}
	if q.Memory {
		return memoryUse{r.Maxrss << 10}, nil
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// Names of the gateway that is measured and of its only caller.
const (
	gatewayID = "bench"
	callerID  = "bench-gate"
)

// gatewayConfig says how many systems the gateway has and where the backend of them all is.
type gatewayConfig struct {
	State     string
	Key       string // PEM
	CallerKey string // PEM, the public one
	Backend   string // host:port
	Systems   int
	Limits    adapters.Limits
	Evidence  bool
}

// startGateway runs a whole node, as `tongma serve` does.
func startGateway(raw json.RawMessage) (string, func(json.RawMessage) (any, error), error) {
	var c gatewayConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", nil, err
	}
	key, err := sm.ParsePrivateKeyPEM([]byte(c.Key), nil)
	if err != nil {
		return "", nil, err
	}
	caller, err := sm.ParsePublicKeyPEM([]byte(c.CallerKey))
	if err != nil {
		return "", nil, err
	}
	cfg := &node.Config{
		Listen: "127.0.0.1:0", ID: gatewayID, Key: key, State: c.State, Systems: map[string]node.System{},
		Callers: []registry.Party{{
			ID: callerID, KeyID: caller.ID(), Key: caller,
			Roles: standard.RolesOf(standard.RoleOfficer), Purposes: []string{registry.AllPurposes},
		}},
	}
	if c.Evidence {
		cfg.Store = "sqlite:" + filepath.Join(c.State, "tongma.db")
		cfg.Evidence = &node.Evidence{Log: "bench", Officer: caller, Secret: make([]byte, 32)}
	}
	for i := range c.Systems {
		d, err := dialect(i)
		if err != nil {
			return "", nil, err
		}
		cfg.Dialects = append(cfg.Dialects, d)
		cfg.Systems[systemID(i)] = node.System{
			Endpoint:    "http://" + c.Backend + "/" + systemID(i),
			Credentials: map[string]string{"appId": "bench", "appSecret": "bench"},
			Limits:      c.Limits,
		}
	}
	n, err := node.New(cfg)
	if err != nil {
		return "", nil, err
	}
	go func() {
		if err := n.Run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	return strings.TrimPrefix(n.URL(), "http://"), usage, nil
}

// systemID and systemHost name the systems: all speak the dialect of 随申码, each with a host of its own in its codes.
func systemID(i int) string { return fmt.Sprintf("s%02d", i) }

func systemHost(i int) string { return systemID(i) + ".bench.invalid" }

func dialect(i int) (adapters.Dialect, error) {
	src, err := adapters.Builtin.ReadFile("suishen/adapter.yaml")
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer("system: suishen", "system: "+systemID(i), "https://s.sh.gov.cn/", "https://"+systemHost(i)+"/").Replace(string(src))
	return descriptor.Load(fstest.MapFS{"adapter.yaml": {Data: []byte(text)}}, ".")
}

// echoConfig is the reply that the echo server gives to everything. With SM2 it first verifies one signature and makes one.
type echoConfig struct {
	Header http.Header
	Body   []byte
	SM2    bool
}

func startEcho(raw json.RawMessage) (string, func(json.RawMessage) (any, error), error) {
	var c echoConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", nil, err
	}
	delete(c.Header, "Date") // the server's own
	reply := func(ctx echo.Context) error {
		w := ctx.Response()
		h := w.Header()
		for name, values := range c.Header {
			h[name] = values
		}
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(c.Body)
		return err
	}
	if c.SM2 {
		key, err := sm.GenerateKey()
		if err != nil {
			return "", nil, err
		}
		text := []byte(strings.Repeat("a text of the length that is signed ", 8))
		signed, err := key.Sign(text)
		if err != nil {
			return "", nil, err
		}
		bare := reply
		reply = func(ctx echo.Context) error {
			if !key.Public().Verify(text, signed) {
				return echo.ErrUnauthorized
			}
			if _, err := key.Sign(text); err != nil {
				return err
			}
			return bare(ctx)
		}
	}
	e := echo.New()
	e.POST(pathVerifications, reply)
	address, err := serve(e)
	return address, usage, err
}

// krakenConfig says where the backend is.
type krakenConfig struct{ Backend string }

// startKraken runs KrakenD's engine with one endpoint that passes the dialect's call through untouched.
func startKraken(raw json.RawMessage) (string, func(json.RawMessage) (any, error), error) {
	var c krakenConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", nil, err
	}
	service := config.ServiceConfig{
		Version: config.ConfigVersion,
		Timeout: 3 * time.Second,
		Host:    []string{"http://" + c.Backend},
		// Tongma writes no line a call either.
		ExtraConfig: config.ExtraConfig{router.Namespace: map[string]any{"disable_access_log": true}},
		Endpoints: []*config.EndpointConfig{{
			Endpoint: pathGetInfo, Method: http.MethodPost, OutputEncoding: "no-op",
			HeadersToPass: []string{"Content-Type", "Content-Length", "Access_token", "Authoritytype", "Elementsversion"},
			Backend:       []*config.Backend{{URLPattern: "/" + systemID(0) + pathGetInfo, Method: http.MethodPost, Encoding: "no-op"}},
		}},
	}
	if err := service.Init(); err != nil {
		return "", nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	address := make(chan string, 1)
	failed := make(chan error, 1)
	factory := router.NewFactory(router.Config{
		Engine: router.NewEngine(service, router.EngineOptions{Logger: logging.NoOp}), Logger: logging.NoOp,
		HandlerFactory: router.EndpointHandler, ProxyFactory: proxy.DefaultFactory(logging.NoOp),
		RunServer: func(ctx context.Context, _ config.ServiceConfig, h http.Handler) error {
			at, err := serve(h)
			if err != nil {
				failed <- err
				return err
			}
			address <- at
			return nil
		},
	})
	go factory.New().Run(service)
	select {
	case at := <-address:
		return at, usage, nil
	case err := <-failed:
		return "", nil, err
	}
}
