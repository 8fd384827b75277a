package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"tongma/gateway/client"
)

// access is a file that says which gateway to call, and as whom. Paths in it are relative to the file's folder.
type access struct {
	Gateway struct {
		URL       string `json:"url"`
		ID        string `json:"id"`
		PublicKey string `json:"publicKey"` // path of the pinned SPKI PEM
	} `json:"gateway"`
	Caller struct {
		ID         string `json:"id"`
		Key        string `json:"key"`        // the key id
		PrivateKey string `json:"privateKey"` // path of the PKCS#8 PEM
	} `json:"caller"`
}

// maxAccess bounds an access file, in bytes.
const maxAccess = 16 << 10

const accessHint = `it is {"gateway": {"url", "id", "publicKey": FILE}, "caller": {"id", "key", "privateKey": FILE}}; ` + "`tongma demo` writes one: operator.json"

// readAccess reads an access file. A member that it should not have is an error, because a misspelt one would be missed otherwise.
func readAccess(path string) (*access, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxAccess {
		return nil, misuse(accessHint, "%s is too large", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse("start `tongma demo`, which writes demo/operator.json, or name another with --as FILE", "%w", err)
	}
	a := new(access)
	if err := json.Unmarshal(data, a, json.RejectUnknownMembers(true)); err != nil {
		return nil, misuse(accessHint, "%s: %w", path, err)
	}
	for _, file := range []*string{&a.Gateway.PublicKey, &a.Caller.PrivateKey} {
		if *file == "" {
			return nil, misuse(accessHint, "%s names no key files", path)
		}
		if !filepath.IsAbs(*file) {
			*file = filepath.Join(filepath.Dir(path), *file)
		}
	}
	return a, nil
}

// client makes a client that signs with the caller's key and believes the pinned gateway alone.
func (a *access) client(passwordFile string) (*client.Client, error) {
	password, err := readPassword(passwordFile)
	if err != nil {
		return nil, err
	}
	key, err := readPrivateKey(a.Caller.PrivateKey, password)
	if err != nil {
		return nil, misuse("make one with `tongma keys gen --out FILE`; an encrypted one needs --password-file", "%w", err)
	}
	gatewayKey, err := readPublicKey(a.Gateway.PublicKey)
	if err != nil {
		return nil, misuse("get the gateway's public key from whoever runs it", "%w", err)
	}
	c, err := client.New(client.Config{
		URL: a.Gateway.URL, GatewayID: a.Gateway.ID, GatewayKey: gatewayKey, Rid: a.Caller.ID, KeyID: a.Caller.Key, Key: key,
	})
	if err != nil {
		return nil, misuse(accessHint, "%w", err)
	}
	return c, nil
}

// failed gives what went wrong with a call its exit code and a hint.
func (a *access) failed(err error) error {
	return unanswered(err, a.Gateway.PublicKey, fmt.Sprintf("is the gateway at %s running? `tongma ops log` tells what it has done", a.Gateway.URL))
}
