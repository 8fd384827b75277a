package node

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/standard"
	"tongma/standard/sm"
)

// supplies is what a configuration may name, by file. The locked key is made once, because a password is slow on purpose.
var supplies = sync.OnceValues(func() (map[string][]byte, error) {
	key, err := sm.GenerateKey()
	if err != nil {
		return nil, err
	}
	private, err := key.MarshalPEM(nil)
	locked, err2 := key.MarshalPEM([]byte("open sesame"))
	public, err3 := key.Public().MarshalPEM()
	return map[string][]byte{
		"gateway.key.pem":         private,
		"locked.key.pem":          locked,
		"callers/gate-1.pub.pem":  public,
		"officer.pub.pem":         public,
		"secrets/evidence":        bytes.Repeat([]byte("k"), 32),
		"callers/suishen.pub.pem": public,
		"callers/ops-1.pub.pem":   public,
		"callers/privacy.pub.pem": public,
		"secrets/suishen":         []byte("a secret\n"),
		"state/.keep":             nil,
	}, errors.Join(err, err2, err3)
})

// folder makes a folder with the supplies.
func folder(t *testing.T) string {
	t.Helper()
	files, err := supplies()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, dir, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(dir, "tongma.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestTheExampleLoads(t *testing.T) {
	text, err := os.ReadFile("../../deploy/tongma.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := load(t, folder(t), string(text))
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Systems["suishen"]
	if s.Endpoint != "https://suishen-backend.example" || s.Credentials["appSecret"] != "a secret" || s.Credentials["appId"] != "your-app-id" {
		t.Errorf("system suishen: %+v", s.Endpoint)
	}
	if s.Limits.Timeout != 2*time.Second || s.Limits.Rate != 500 || s.Limits.Body != 64<<10 || s.Limits.Concurrency != 64 || s.Limits.Retry != 1 {
		t.Errorf("limits: %+v", s.Limits)
	}
	if len(cfg.Callers) != 4 || !cfg.Callers[2].Roles.Has(standard.RoleOperator) || !cfg.Callers[3].Roles.Has(standard.RolePrivacy) || !cfg.Callers[1].Runs("suishen") {
		t.Fatalf("%d callers", len(cfg.Callers))
	}
	c := cfg.Callers[0]
	if c.ID != "station-east" || c.KeyID != "gate-1" || c.Key == nil || c.Roles != standard.RolesOf(standard.RoleGate) || c.Rate != 50 || len(c.Purposes) != 1 {
		t.Errorf("caller: %+v", c)
	}
	if cfg.Listen != "127.0.0.1:8080" || cfg.ID != "gateway.example" || cfg.Key == nil || cfg.Drain != 10*time.Second || cfg.CacheRecords != 100_000 {
		t.Errorf("configuration: %+v", cfg)
	}
	if cfg.URL() != "http://127.0.0.1:8080" {
		t.Errorf("URL %s", cfg.URL())
	}
}

// TestTheExampleShowsEveryKey: a key that Load knows stands in the example, at least behind a #.
func TestTheExampleShowsEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../deploy/tongma.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = load(t, folder(t), "nonsense: 1\n")
	var findings descriptor.Findings
	if !errors.As(err, &findings) || !strings.HasPrefix(findings[0].Mend, "it has ") {
		t.Fatalf("the findings do not list the keys: %v", err)
	}
	for _, key := range strings.Split(strings.TrimPrefix(findings[0].Mend, "it has "), ", ") {
		if !strings.Contains(string(text), "\n"+key+":") && !strings.Contains(string(text), "\n# "+key+":") {
			t.Errorf("the example does not show %q", key)
		}
	}
}

// good is a small configuration that loads; the tests below spoil it.
const good = `listen: 127.0.0.1:0
id: gw
key: gateway.key.pem
state: state
callers:
  - {id: a, key: k, publicKey: callers/gate-1.pub.pem, roles: [gate]}
systems:
  suishen:
    endpoint: http://127.0.0.1:1
    credentials: {appId: x, appSecret: {file: secrets/suishen}}
`

func TestAGoodConfigurationLoads(t *testing.T) {
	if _, err := load(t, folder(t), good); err != nil {
		t.Fatal(err)
	}
}

func TestALimitOf0IsNotALimitLeftOut(t *testing.T) {
	dir := folder(t)
	for limits, want := range map[string]adapters.Limits{
		"{}":                  {},
		"{rate: 0, retry: 0}": {Rate: -1, Retry: -1},
		"{rate: 5/s}":         {Rate: 5},
	} {
		cfg, err := load(t, dir, good+"    limits: "+limits+"\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Systems["suishen"].Limits; got != want {
			t.Errorf("%s: %+v, want %+v", limits, got, want)
		}
	}
}

func TestAPlatformTellsOfItsSystemsAndPromisesAHeartbeat(t *testing.T) {
	text := strings.Replace(good, "roles: [gate]", "roles: [gate, platform], systems: [suishen, sheni]", 1)
	cfg, err := load(t, folder(t), text+"    heartbeat: 30s\n")
	if err != nil {
		t.Fatal(err)
	}
	if p := cfg.Callers[0]; !p.Runs("suishen") || !p.Runs("sheni") || p.Runs("yuekang") {
		t.Errorf("systems %q", p.Systems)
	}
	if cfg.Systems["suishen"].Heartbeat != 30*time.Second {
		t.Errorf("heartbeat %v", cfg.Systems["suishen"].Heartbeat)
	}
	for _, b := range cfg.backends() {
		if want := cfg.Systems[b.Dialect.Info().System].Heartbeat; b.Heartbeat != want {
			t.Errorf("%s: the gateway is told a heartbeat of %v, want %v", b.Dialect.Info().System, b.Heartbeat, want)
		}
	}
}

func TestTheLogTellsOfCallsAtDebugAlone(t *testing.T) {
	dir := folder(t)
	for level, want := range map[string]bool{"debug": true, "info": false, "warn": false} {
		cfg, err := load(t, dir, good+"log: "+level+"\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Log.Enabled(t.Context(), slog.LevelDebug); got != want {
			t.Errorf("log: %s: %v, want %v", level, got, want)
		}
	}
}

// counted counts the keys that it is given.
type counted struct {
	sm.Engine
	signers, verifiers int
}

func (e *counted) NewSigner(scalar []byte) (sm.Signer, error) {
	e.signers++
	return e.Engine.NewSigner(scalar)
}

func (e *counted) NewVerifier(point []byte) (sm.Verifier, error) {
	e.verifiers++
	return e.Engine.NewVerifier(point)
}

func TestAnEngineThatIsUsedGetsEveryKey(t *testing.T) {
	cfg, err := load(t, folder(t), good+"engine: second\n")
	if err != nil || !cfg.SecondEngine {
		t.Fatalf("the second engine is not asked for: %v", err)
	}
	defer sm.Use(sm.Fast)
	e := &counted{Engine: sm.Fast}
	if err := cfg.Use(e); err != nil {
		t.Fatal(err)
	}
	if e.signers != 1 || e.verifiers != 2 { // the gateway's own key is verified with too
		t.Errorf("%d signers and %d verifiers, want 1 and 2", e.signers, e.verifiers)
	}
	if cfg, err = load(t, folder(t), good); err != nil || cfg.SecondEngine {
		t.Errorf("the second engine without being asked for: %v", err)
	}
}

func TestABrokenConfigurationIsToldWithItsPlaceAndMend(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // what is replaced in good
		at, what string // line:column, and a part of what is said
		mend     string
	}{
		{"unknown key", "id: gw", "idd: gw", "2:1", `has no key "idd"`, "it has adapters,"},
		{"missing key", "id: gw\n", "", "1:1", `needs "id"`, "id:"},
		{"twice", "id: gw", "id: gw\nid: gx", "3:1", `"id" stands here twice`, "keep one"},
		{"not YAML", "id: gw", "id: [gw", "2:1", "not YAML", "example"},
		{"two documents", "id: gw", "id: gw\n---\nid: gx", "4:1", "more than one", "keep one"},
		{"alias", "id: gw", "id: &x gw", "2:5", "anchors", "write the value out"},
		{"bad id", "id: gw", `id: "g w"`, "2:5", "cannot be sent as an id", "1 to 64"},
		{"bad address", "127.0.0.1:0", "localhost", "1:9", "not an address", "127.0.0.1:8080"},
		{"no port", "127.0.0.1:0", `"127.0.0.1:"`, "1:9", "not an address", "127.0.0.1:8080"},
		{"port beyond the last", "127.0.0.1:0", "127.0.0.1:65536", "1:9", "not an address", "127.0.0.1:8080"},
		{"plain HTTP for everybody", "127.0.0.1:0", "0.0.0.0:80", "1:9", "loopback", "behindProxy"},
		{"key inline", "gateway.key.pem", `"-----BEGIN PRIVATE KEY-----"`, "3:6", "must not stand in this file", "file"},
		{"no key file", "gateway.key.pem", "no.pem", "3:6", "no such file", "relative"},
		{"key locked", "gateway.key.pem", "locked.key.pem", "3:6", "encrypted", "keys gen"},
		{"a public key for the private one", "gateway.key.pem", "callers/gate-1.pub.pem", "3:6", "public key", ""},
		{"unknown role", "roles: [gate]", "roles: [king]", "6:64", `unknown role "king"`, ""},
		{"caller without a key", "publicKey: callers/gate-1.pub.pem, ", "", "6:5", `needs "publicKey"`, "publicKey"},
		{"private key for the public one", "callers/gate-1.pub.pem", "gateway.key.pem", "6:32", "publicKey", "pubout"},
		{"two callers of one id", "systems:", "  - {id: a, key: k, publicKey: callers/gate-1.pub.pem, roles: [gate]}\nsystems:", "7:5", `id "a"`, "own"},
		{"unknown system", "suishen:", "suishenn:", "8:3", `no adapter for the system "suishenn"`, "suishen"},
		{"no endpoint", "    endpoint: http://127.0.0.1:1\n", "", "9:5", `needs "endpoint"`, "endpoint"},
		{"endpoint with a password", "http://127.0.0.1:1", "http://a:b@h", "9:15", "not a plain", "https://"},
		{"secret inline", "{file: secrets/suishen}", "hush", "10:40", "must not stand in this file", "{env: NAME}"},
		{"secret nowhere", "{file: secrets/suishen}", "{env: TONGMA_TEST_UNSET}", "10:46", "no TONGMA_TEST_UNSET", "export"},
		{"secret from two places", "{file: secrets/suishen}", "{file: a, env: b}", "10:40", "exactly one", ""},
		{"credential missing", "appId: x, ", "", "9:5", `credential "appId"`, "appId"},
		{"credential unknown", "appId: x", "appId: x, appIdd: y", "10:29", `no credential "appIdd"`, "leave it out"},
		{"no state folder", "state: state", "state: nowhere", "4:8", "there is no folder", "make it"},
		{"a file for the state folder", "state: state", "state: gateway.key.pem", "4:8", "there is no folder", "make it"},
		{"neither true nor false", "id: gw", "id: gw\nbehindProxy: yes", "3:14", "none of its words", "false, true"},
		{"no such engine", "id: gw", "id: gw\nengine: third", "3:9", "none of its words", "fast, second"},
		{"no such log", "id: gw", "id: gw\nlog: [info]", "3:6", "none of its words", "debug, info, warn"},
		{"limit", "    credentials", "    limits: {timeout: soon}\n    credentials", "10:23", "time span", "500ms"},
		{"systems of a gate", "roles: [gate]", "roles: [gate], systems: [suishen]", "6:80", "only a platform", "role platform"},
		{"a system that nobody knows", "roles: [gate]", "roles: [platform], systems: [suishenn]", "6:85", `no adapter answers for the system "suishenn"`, "adapter list"},
		{"systems that are no list", "roles: [gate]", "roles: [platform], systems: suishen", "6:84", "must be a list", "- "},
		{"a heartbeat that nobody sends", "    credentials", "    heartbeat: 30s\n    credentials", "9:5", "no caller may tell", "systems:"},
		{"no such folder of an adapter", "id: gw", "id: gw\nadapters: [nowhere]", "3:12", "no adapter.yaml", "folder"},
		{"not a mapping", good, "- 1\n", "1:1", "must be a mapping", ""},
		{"empty", good, "", "1:1", "empty", "example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if text == good {
				t.Fatal("nothing was spoilt")
			}
			dir := folder(t)
			_, err := load(t, dir, text)
			var findings descriptor.Findings
			if !errors.As(err, &findings) {
				t.Fatalf("no findings: %v", err)
			}
			for _, f := range findings {
				line := f.String()
				if strings.HasPrefix(line, filepath.Join(dir, "tongma.yaml")+":"+tt.at+": ") && strings.Contains(f.What, tt.what) && strings.Contains(f.Mend, tt.mend) {
					return
				}
			}
			t.Errorf("want %s %q (%q), got\n%v", tt.at, tt.what, tt.mend, err)
		})
	}
}

func TestSecretsAreNeverInAFinding(t *testing.T) {
	const secret = "s3cr3t-value"
	text := strings.Replace(good, "{file: secrets/suishen}", secret, 1)
	if _, err := load(t, folder(t), text); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestKeysComeFromTheEnvironmentAndMayBeLocked(t *testing.T) {
	dir := folder(t)
	t.Setenv("TONGMA_TEST_PASSWORD", "open sesame")
	text := strings.Replace(good, "key: gateway.key.pem", "key: {file: locked.key.pem, password: {env: TONGMA_TEST_PASSWORD}}", 1)
	fromFile, err := load(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "gateway.key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TONGMA_TEST_KEY", string(pem))
	fromEnv, err := load(t, dir, strings.Replace(good, "key: gateway.key.pem", "key: {env: TONGMA_TEST_KEY}", 1))
	if err != nil {
		t.Fatal(err)
	}
	if !fromFile.Key.Public().Equal(fromEnv.Key.Public()) {
		t.Error("two ways to one key give two keys")
	}
}

func TestAFolderAddsASystem(t *testing.T) {
	dir := folder(t)
	text, err := os.ReadFile("../../adapters/suishen/adapter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(text), "system: suishen", "system: ownsystem", 1)
	own = strings.Replace(own, "https://s.sh.gov.cn/{", "https://own.example/{", 1)
	if err := os.Mkdir(filepath.Join(dir, "ownsystem"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "ownsystem", "adapter.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := strings.Replace(good, "id: gw", "id: gw\nadapters: [ownsystem]", 1)
	with = strings.Replace(with, "  suishen:", "  ownsystem:", 1)

	write(own)
	cfg, err := load(t, dir, with)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Dialects[len(cfg.Dialects)-1].Info().System != "ownsystem" {
		t.Error("the folder's system is not there")
	}
	write(string(text))
	if _, err := load(t, dir, with); err == nil || !strings.Contains(err.Error(), "another adapter for the system suishen") {
		t.Errorf("a second suishen: %v", err)
	}
	write("system: ownsystem\nnonsense: 1\n")
	if _, err := load(t, dir, with); err == nil || !strings.Contains(err.Error(), filepath.Join("ownsystem", "adapter.yaml")+":2:1") {
		t.Errorf("a broken descriptor: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add("listen: [")
	f.Add("callers: [{roles: [{}]}]\nsystems: {suishen: {credentials: {appSecret: {file: [x]}}}}\ntls: {}\nkey: {}\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "tongma.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(path)
		if (cfg == nil) == (err == nil) {
			t.Errorf("got both or neither of a configuration and an error: %v", err)
		}
	})
}
