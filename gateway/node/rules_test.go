package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/adapters/strict"
	"tongma/gateway/policy"
	"tongma/standard"
)

const plainConfig = `listen: 127.0.0.1:0
id: g
key: gateway.key.pem
state: state
callers: [{id: gate-1, key: k1, publicKey: callers/gate-1.pub.pem, roles: [gate]}]
`

func TestRulesAreNamedOrRead(t *testing.T) {
	dir := folder(t)
	src, _ := policy.Source("guangdong")
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), src, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"guangdong", "own.yaml", filepath.Join(dir, "own.yaml")} {
		cfg, err := load(t, dir, plainConfig+"rules: ["+name+", changsanjiao]\n")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := &standard.Verification{Outcome: standard.Verified, Status: standard.Green, System: &standard.System{ID: "suikang", Region: "440100"}, Freshness: &standard.Freshness{From: standard.Live}}
		if d := cfg.Rules.Decide(&policy.Case{Verification: v, Place: standard.Place{Region: "440106"}, At: time.Now()}); d.Rule != "440000/own@1" {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestWrongRulesDoNotStart(t *testing.T) {
	dir := folder(t)
	src, _ := policy.Source("guangdong")
	bad := strings.Replace(string(src), "decision: pass, rule: own", "decision: deny, rule: own", 1)
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	for rules, want := range map[string]string{
		"bad.yaml":             `the test "粤康码 in Guangzhou": pass by 440000/own@1, not deny by own`,
		"nowhere.yaml":         "no such file",
		"guangdong, guangdong": "guangdong is of region 440000 and version 1 too",
		"{a: b}":               "must be a single value",
	} {
		_, err := load(t, dir, plainConfig+"rules: ["+rules+"]\n")
		var findings strict.Findings
		if !errors.As(err, &findings) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rules, err)
		}
	}
}
