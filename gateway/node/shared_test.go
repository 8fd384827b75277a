package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tongma/gateway/freshness"
)

// sharedFolder is a folder with the files that a shared section names.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	for name, text := range map[string]string{"shared": strings.Repeat("k", freshness.MinSecret) + "\n", "short": "secret\n", "redis": "pass/word\n"} {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestASharedSectionIsRead(t *testing.T) {
	dir := sharedFolder(t)
	for text, want := range map[string]freshness.SharedConfig{
		"{redis: 'redis://127.0.0.1', secret: {file: secrets/shared}}":                                                     {Addresses: []string{"redis://127.0.0.1:6379"}, Prefix: "tongma"},
		"{redis: 'rediss://a.example:7000/2', secret: {file: secrets/shared}, prefix: x, password: {file: secrets/redis}}": {Addresses: []string{"rediss://:pass%2Fword@a.example:7000/2"}, Prefix: "x"},
		"{redis: ['redis://a:1', 'redis://b:2'], secret: {file: secrets/shared}, user: u}":                                 {Addresses: []string{"redis://u:@a:1", "redis://u:@b:2"}, Prefix: "tongma", Cluster: true},
	} {
		cfg, err := load(t, dir, good+"shared: "+text+"\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := cfg.Shared
		if !slices.Equal(got.Addresses, want.Addresses) || got.Prefix != want.Prefix || got.Cluster != want.Cluster || len(got.Secret) != freshness.MinSecret {
			t.Errorf("%s: %+v", text, got)
		}
	}
	if cfg, err := load(t, dir, good); err != nil || cfg.Shared != nil {
		t.Errorf("without a section: %+v, %v", cfg.Shared, err)
	}
}

func TestAWrongSharedSectionIsFound(t *testing.T) {
	dir := sharedFolder(t)
	for text, want := range map[string]string{
		"{secret: {file: secrets/shared}}":                                    `needs "redis"`,
		"{redis: 'redis://a'}":                                                `needs "secret"`,
		"{redis: 'redis://a', secret: abc}":                                   "must not stand in this file",
		"{redis: 'redis://a', secret: {file: secrets/short}}":                 "fewer than 32",
		"{redis: 'redis://:hunter2@a', secret: {file: secrets/shared}}":       "holds a login",
		"{redis: 'http://a', secret: {file: secrets/shared}}":                 "not the address of one",
		"{redis: 'redis://a', secret: {file: secrets/shared}, prefix: '{a}'}": "prefix cannot",
		"{redis: 'redis://a', secret: {file: secrets/shared}, ttl: 5s}":       `no key "ttl"`,
	} {
		_, err := load(t, dir, good+"shared: "+text+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the finding tells a password: %v", err)
		}
	}
}
