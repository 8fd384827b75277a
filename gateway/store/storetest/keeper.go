package storetest

import (
	"os"
	"os/exec"
	"syscall"
)

// keeper ends a server and removes its folder when this process has ended, however that was: it is a shell at the other end of a pipe.
type keeper struct {
	hold *os.File
	sh   *exec.Cmd
}

const keeperScript = `read -r line
read -r pid <"$1/data/postmaster.pid" && kill -QUIT "$pid" 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
rm -rf "$1"`

func startKeeper(dir string, as *syscall.SysProcAttr) (*keeper, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	sh := exec.Command("/bin/sh", "-c", keeperScript, "keeper", dir)
	sh.Dir, sh.Stdin, sh.SysProcAttr = "/", read, as
	if err := sh.Start(); err != nil {
		write.Close()
		return nil, err
	}
	return &keeper{write, sh}, nil
}

// end has the keeper do its work now.
func (k *keeper) end() {
	k.hold.Close()
	k.sh.Wait()
}
