package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tongma/gateway/events"
)

// lockFile in Config.State is locked for as long as a node runs. It has nothing in it, and stays.
const lockFile = "node.lock"

// ErrStateTaken is the error of [New] where another process has the state folder.
var ErrStateTaken error = events.Err("another process has this state folder, such as a gateway that runs with the same configuration or has not ended yet: " +
	"end that one, or give this one a state folder of its own (state:)")

// lockState keeps a state folder from two nodes at once, which would each take the other's records for spoilt and its callers' requests for new.
// Where files cannot be locked it does nothing.
func (n *Node) lockState(folder string) error {
	f, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := lock(f); err != nil {
		return errors.Join(fmt.Errorf("state: %s: %w", folder, err), f.Close())
	}
	n.state = f
	return nil
}

// unlockState lets another node have the folder. So does the end of the process, however it ends.
func (n *Node) unlockState() error {
	if n.state == nil {
		return nil
	}
	return n.state.Close()
}
