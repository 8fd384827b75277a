package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/conformance/sandbox"
	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/sm/second"
)

// TestServeVerifiesByItsConfiguration runs the built binary as an operator would, with keys that it has made itself.
func TestServeVerifiesByItsConfiguration(t *testing.T) {
	for engine, library := range map[string]string{"fast": sm.Fast.Name(), "second": second.Engine.Name()} {
		t.Run(engine, func(t *testing.T) { testServe(t, engine, library) })
	}
}

func testServe(t *testing.T, engine, library string) {
	box := sandbox.New(sandbox.Options{})
	backends, err := box.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer backends.Close()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"gateway.key.pem", "gate.key.pem"} {
		if out, err := exec.Command(binary(t), "keys", "gen", "--out", in(name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.Mkdir(in("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	listen := freeAddress(t)
	config := fmt.Sprintf(`listen: %s
id: gw
key: gateway.key.pem
state: state
engine: %s
systems:
  suishen:
    endpoint: %s
    credentials: {appId: %s, appSecret: {env: SUISHEN_SECRET}}
callers:
  - {id: station, key: gate-1, publicKey: gate.pub.pem, roles: [gate]}
`, listen, engine, backends.URLs()[sandbox.Suishen], box.Credentials(sandbox.Suishen)["appId"])
	if err := os.WriteFile(in("tongma.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "SUISHEN_SECRET="+box.Credentials(sandbox.Suishen)["appSecret"])

	serve := exec.Command(binary(t), "serve", "--config", in("tongma.yaml"))
	var said strings.Builder
	serve.Env, serve.Stderr, serve.Stdout = env, os.Stderr, &said
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer serve.Process.Kill()
	waitServed(t, env, in("tongma.yaml"))

	gatewayKey, err := readPublicKey(in("gateway.pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := readPrivateKey(in("gate.key.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: "http://" + listen, GatewayID: "gw", GatewayKey: gatewayKey, Rid: "station", KeyID: "gate-1", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := c.Verify(context.Background(), &standard.Request{Scan: box.People(sandbox.Suishen)[0].Scan, Place: standard.Place{Region: "110000"}})
	if err != nil {
		t.Fatal(err)
	}
	if v.Status != standard.Green || v.Holder == nil || v.Holder.IDNumber != "" {
		t.Errorf("a gate gets status %q and holder %+v, want green and a masked name alone", v.Status, v.Holder)
	}
	v, err = c.Verify(context.Background(), &standard.Request{Scan: box.People(sandbox.Suikang)[0].Scan, Place: standard.Place{Region: "110000"}})
	if err != nil {
		t.Fatal(err)
	}
	if v.Outcome != standard.Unavailable || v.Reason.Code != standard.ReasonUnset {
		t.Errorf("a system that is not configured: %s %+v", v.Outcome, v.Reason)
	}

	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if !strings.HasSuffix(said.String(), "SM2 by "+library+"\n") {
		t.Errorf("it says %q, want the library %s", said.String(), library)
	}
}

// freeAddress gives a loopback address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitServed asks as a health check would, until the gateway of a configuration says that it is ready.
func waitServed(t *testing.T, env []string, config string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		ready := exec.CommandContext(ctx, binary(t), "serve", "--config", config, "--ready")
		ready.Env = env
		out, err := ready.CombinedOutput()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("never ready: %v: %s", err, out)
		}
	}
}
