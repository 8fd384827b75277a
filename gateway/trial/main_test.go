package trial

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tongma/adapters"
	"tongma/conformance/sandbox"
	"tongma/gateway"
	"tongma/gateway/node"
	"tongma/standard"
)

// atOnce is how many parallel tests run at once, for most of them wait most of the time.
const atOnce = "12"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", atOnce)
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// listen opens a sandbox's ports until the test ends.
func listen(t testing.TB, box *sandbox.Sandbox) map[string]string {
	t.Helper()
	backends, err := box.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backends.Close() })
	return backends.URLs()
}

// dialectOf gives the real dialect of a system.
func dialectOf(t testing.TB, system string) adapters.Dialect {
	t.Helper()
	all, err := node.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Info().System == system {
			return d
		}
	}
	t.Fatalf("no dialect of %s", system)
	return nil
}

// backendOf configures a real dialect for its backend in a sandbox at url.
func backendOf(t testing.TB, box *sandbox.Sandbox, system, url string) gateway.Backend {
	t.Helper()
	d := dialectOf(t, system)
	b := gateway.Backend{Dialect: d, Endpoint: url, Endpoints: map[string]string{}, Credentials: map[string]string{}, PlaceIDs: box.PlaceIDs(system)}
	made := box.Credentials(system)
	for _, c := range d.Info().Credentials {
		b.Credentials[c.Name] = made[c.Name]
	}
	for _, name := range d.Info().Endpoints {
		b.Endpoints[name] = url
	}
	return b
}

// open makes a gateway until the test ends.
func open(t testing.TB, config gateway.Config) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g
}

// operator is who stands at the test's checkpoint: some dialects want to know.
var operator = standard.Operator{ID: "000000199001010000", Name: "张某某", Department: "示例站", Phone: "19900000001"}

// callFor asks about a scan or a document.
func callFor(who sandbox.Person, patience time.Duration) gateway.Call {
	by := operator
	r := &standard.Request{Scan: who.Scan, Place: standard.Place{Region: "110000", Site: "1"}, Operator: &by, WaitMs: patience.Milliseconds()}
	if who.Document != nil {
		d := *who.Document
		r.Document, r.System = &d, who.System
	}
	return gateway.Call{Caller: gateway.Caller{ID: "c", Roles: standard.RolesOf(standard.RoleOfficer)}, Request: r}
}
