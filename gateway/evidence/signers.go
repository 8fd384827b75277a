package evidence

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tongma/gateway/events"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// ErrTampered is the error of [Open] for a log whose last group is not as a key of this node has signed it. To go on would be to sign what follows from it.
var ErrTampered error = events.Err("the last group of this log is not as this node has signed it: somebody has changed the store. Keep it as it is for whoever " +
	"looks into it, and give the log a new name (evidence: log)")

// checkLast checks the signature of the log's last group.
func (l *Log) checkLast(last *row) error {
	keys, err := l.signers()
	if err != nil {
		return err
	}
	if _, err := keys.Verify(last.head, last.sign); err != nil {
		return fmt.Errorf("%w (group %d: %w)", ErrTampered, last.seq, err)
	}
	return nil
}

// signers are the keys whose signatures count: the gateway's, and those that this node has had before.
func (l *Log) signers() (proof.Keys, error) {
	text, err := os.ReadFile(l.signersFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	keys := proof.KeysOf(l.config.Key.Public())
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := sm.ParsePublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.signersFile(), err)
		}
		keys[key.ID()] = key
	}
	return keys, nil
}

// keepSigner enters the gateway's key in the state folder, so that it counts when the gateway has another.
func (l *Log) keepSigner() error {
	text, err := l.config.Key.Public().MarshalPEM()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.signersFile(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	known, err := os.ReadFile(f.Name())
	begun := append([]byte("\n"), text...) // on a line of its own, also behind one that was cut off
	switch {
	case err != nil || bytes.HasPrefix(known, text) || bytes.Contains(known, begun):
	case len(known) > 0 && known[len(known)-1] != '\n':
		_, err = f.Write(begun)
	default:
		_, err = f.Write(text)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}

func (l *Log) signersFile() string {
	return filepath.Join(l.config.State, "evidence-"+l.config.Name+".signers.pem")
}
