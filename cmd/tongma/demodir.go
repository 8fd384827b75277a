package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tongma/gateway/client"
	"tongma/standard/sm"
)

// The files of a demo's folder. The keys stay when the demo is started again, so that clients may keep what they have pinned.
const (
	demoFile        = "demo.json"
	callerKeyFile   = "caller.key.pem"
	platformKeyFile = "platform.key.pem"
	gatewayKeyFile  = "gateway.key.pem"
	gatewayPubFile  = "gateway.pub.pem"
	stateFolder     = "state"

	// What a command reads that calls the demo's gateway as one of these.
	callerFile   = "caller.json"
	platformFile = "platform.json"
	operatorFile = "operator.json"
	privacyFile  = "privacy.json"

	operatorKeyFile = "operator.key.pem"
	privacyKeyFile  = "privacy.key.pem" // signs the privacy officer's calls
	officerKeyFile  = "officer.key.pem" // unseals what is sealed to the privacy officer; no gateway ever has it
	officerPubFile  = "officer.pub.pem"

	// In the state folder.
	demoStoreFile  = "tongma.db"
	demoSecretFile = "evidence.secret"

	defaultDir = "demo"
)

// demoInfo is demo.json: where a running demo is, and whom it knows.
type demoInfo struct {
	Gateway struct {
		URL string `json:"url"`
		ID  string `json:"id"`
	} `json:"gateway"`
	Caller   demoParty         `json:"caller"`
	Platform demoParty         `json:"platform"` // runs all systems
	Operator demoParty         `json:"operator"`
	Privacy  demoParty         `json:"privacy"`         // the privacy officer
	Systems  []string          `json:"systems"`         // those that the gateway can ask
	Sandbox  map[string]string `json:"sandbox"`         // each system's backend; empty where the backends are elsewhere
	Admin    string            `json:"admin,omitempty"` // where the sandbox takes faults
	Log      string            `json:"log,omitempty"`   // of evidence; "": none is kept
	Store    string            `json:"store,omitempty"` // where it is kept
}

// demoParty is one whom the demo's gateway knows.
type demoParty struct {
	ID  string `json:"id"`
	Key string `json:"key"` // the key id
}

// readDemo reads demo.json of a folder.
func readDemo(dir string) (*demoInfo, error) {
	data, err := os.ReadFile(filepath.Join(dir, demoFile))
	if err != nil {
		return nil, noDemo(dir, err)
	}
	var info demoInfo
	if err := json.Unmarshal(data, &info); err != nil {
		return nil, fail(fmt.Errorf("%s: %w", filepath.Join(dir, demoFile), err), "start `tongma demo --dir "+dir+"`, which writes it anew")
	}
	return &info, nil
}

func noDemo(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no demo in %s", dir)
	}
	return misuse("start `tongma demo --dir "+dir+"` in another terminal, or name its folder with --dir", "%w", err)
}

// write puts demo.json into place, and what commands need to call this demo as somebody.
func (d *demoInfo) write(dir string) error {
	var errs []error
	for _, p := range []struct {
		file, key string
		who       demoParty
	}{
		{callerFile, callerKeyFile, d.Caller},
		{platformFile, platformKeyFile, d.Platform},
		{operatorFile, operatorKeyFile, d.Operator},
		{privacyFile, privacyKeyFile, d.Privacy},
	} {
		var a access
		a.Gateway.URL, a.Gateway.ID, a.Gateway.PublicKey = d.Gateway.URL, d.Gateway.ID, gatewayPubFile
		a.Caller.ID, a.Caller.Key, a.Caller.PrivateKey = p.who.ID, p.who.Key, p.key
		errs = append(errs, writeWhole(filepath.Join(dir, p.file), &a))
	}
	return errors.Join(append(errs, writeWhole(filepath.Join(dir, demoFile), d))...)
}

// writeWhole writes a file of JSON as a whole, so that nobody reads half of it.
func writeWhole(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// demoClient makes a client that signs with the folder's caller key and believes its gateway key alone.
func demoClient(dir string) (*client.Client, error) {
	return demoClientOf(dir, callerKeyFile, func(d *demoInfo) demoParty { return d.Caller })
}

// demoClientOf is demoClient as another party, whose key is in a file of the folder.
func demoClientOf(dir, keyFile string, party func(*demoInfo) demoParty) (*client.Client, error) {
	info, err := readDemo(dir)
	if err != nil {
		return nil, err
	}
	key, err := readPrivateKey(filepath.Join(dir, keyFile), nil)
	if err != nil {
		return nil, noDemo(dir, err)
	}
	gatewayKey, err := readPublicKey(filepath.Join(dir, gatewayPubFile))
	if err != nil {
		return nil, noDemo(dir, err)
	}
	as := party(info)
	return client.New(client.Config{
		URL: info.Gateway.URL, GatewayID: info.Gateway.ID, GatewayKey: gatewayKey,
		Rid: as.ID, KeyID: as.Key, Key: key,
	})
}

// maxKeyFile bounds a key's file, in bytes.
const maxKeyFile = 64 << 10

func readKeyFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s is too large for a key", path)
	}
	return os.ReadFile(path)
}

func readPrivateKey(path string, password []byte) (*sm.PrivateKey, error) {
	data, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	key, err := sm.ParsePrivateKeyPEM(data, password)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func readPublicKey(path string) (*sm.PublicKey, error) {
	data, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	key, err := sm.ParsePublicKeyPEM(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// keepKey reads the private key at path, or makes one there that only its owner may read.
func keepKey(path string) (*sm.PrivateKey, error) {
	key, err := readPrivateKey(path, nil)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = sm.GenerateKey(); err != nil {
		return nil, err
	}
	return key, writeKey(path, key, nil)
}

// keepPublic writes the public key of a private one beside it.
func keepPublic(path string, key *sm.PublicKey) error {
	pem, err := key.MarshalPEM()
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem, 0o644)
}

// keepSecret reads the secret at path, or makes one there that only its owner may read.
func keepSecret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	secret = []byte(rand.Text() + rand.Text())
	return secret, writeNew(path, secret, 0o600)
}

// writeKey writes a private key into a new file that only its owner may read. It never overwrites one.
func writeKey(path string, key *sm.PrivateKey, password []byte) error {
	data, err := key.MarshalPEM(password)
	if err != nil {
		return err
	}
	return writeNew(path, data, 0o600)
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
