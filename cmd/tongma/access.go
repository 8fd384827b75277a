package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

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

const accessHint = `it is {"gateway": {"url", "id", "publicKey": FILE}, "caller": {"id", "key", "privateKey": FILE}}; ` + "`tongma demo` writes some, such as operator.json"

// readAccess reads an access file. A member that it should not have is an error, because a misspelt one would be missed otherwise.
func readAccess(path string) (*access, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxAccess {
		return nil, misuse(accessHint, "%s is too large", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse("start `tongma demo`, which writes demo/"+filepath.Base(path)+", or name another with --as FILE", "%w", err)
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
	return unanswered(err, a.Gateway.PublicKey, fmt.Sprintf("is the gateway at %s running?", a.Gateway.URL))
}

// callFlags are the flags of commands that call a gateway as somebody.
type callFlags struct {
	dir, as, password, lang string
	json                    bool

	own string // the file in the demo's folder that is read without --as
}

// on gives a command the flags.
func (f *callFlags) on(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "dir", defaultDir, "the demo's folder `DIR`")
	cmd.Flags().StringVar(&f.as, "as", "", "the `FILE` that says which gateway to call, and as whom (default "+f.own+" of --dir)")
	cmd.Flags().StringVar(&f.password, "password-file", "", "the private key's password is in `FILE`")
	langFlag(cmd, &f.lang)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// file is where the flags say which gateway to call, and as whom.
func (f *callFlags) file() string {
	if f.as != "" {
		return f.as
	}
	return filepath.Join(f.dir, f.own)
}

// connect makes the client that the flags ask for.
func (f *callFlags) connect() (*client.Client, *access, error) {
	if err := checkLang(f.lang); err != nil {
		return nil, nil, err
	}
	a, err := readAccess(f.file())
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client(f.password)
	return c, a, err
}

// langFlag gives a command --lang.
func langFlag(cmd *cobra.Command, lang *string) {
	cmd.Flags().StringVar(lang, "lang", spoken(), "`LANGUAGE`: zh or en")
	mustComplete(cmd, "lang", languages)
}

func checkLang(lang string) error {
	if !slices.Contains(languages, lang) {
		return misuse("--lang zh or --lang en", "--lang is one of %s", strings.Join(languages, ", "))
	}
	return nil
}
