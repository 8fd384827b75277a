package evidence

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

// childVar has the test binary be a node: the URL of the store and the state folder, which a comma parts.
const childVar = "TONGMA_EVIDENCE_CHILD"

// child appends from sixteen callers, and writes the id of each entry when it is acknowledged. It never ends by itself.
func child() {
	url, state, _ := strings.Cut(os.Getenv(childVar), ",")
	ctx := context.Background()
	s, err := store.Open(ctx, url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pem, err := os.ReadFile(state + "/key.pem")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := Open(ctx, Config{Store: s, Name: "node-1", State: state, Key: mustParse(pem), Officer: mustKey().Public(), Secret: secret})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for i := range 16 {
		go func() {
			for {
				e := entry(time.Now())
				if l.Append(ctx, e, person(i)) == nil {
					mu.Lock()
					os.Stdout.WriteString(e.ID + "\n")
					mu.Unlock()
				}
			}
		}()
	}
	select {}
}

// TestNothingAcknowledgedIsLostToKill kills a node at random points, starts it again where it was, and counts on both sides.
func TestNothingAcknowledgedIsLostToKill(t *testing.T) {
	rounds := 10
	if n, err := strconv.Atoi(os.Getenv("TONGMA_KILLS")); err == nil {
		rounds = n
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		state := t.TempDir()
		pem, err := signer.MarshalPEM(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(state+"/key.pem", pem, 0o600); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]bool{}
		for range rounds {
			killOne(t, url, state, acknowledged)
		}
		s := storetest.Open(t, url)
		c := config(t, s, "node-1")
		c.State = state
		kept := mustVerify(t, open(t, c), "node-1")
		for id := range acknowledged {
			if _, ok := kept[id]; !ok {
				t.Errorf("%s was acknowledged and is not there", id)
			}
		}
		t.Logf("%d acknowledged, %d kept", len(acknowledged), len(kept))
		if len(acknowledged) < 10*rounds {
			t.Errorf("%d were acknowledged in %d rounds: that tests nothing", len(acknowledged), rounds)
		}
	})
}

func killOne(t *testing.T, url, state string, acknowledged map[string]bool) {
	t.Helper()
	node := exec.Command(os.Args[0])
	node.Env = append(os.Environ(), childVar+"="+url+","+state)
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	left := 20 + rand.IntN(400) // it dies some time after so many
	for lines.Scan() {
		if len(lines.Text()) == 26 {
			acknowledged[lines.Text()] = true
		}
		if left--; left == 0 {
			time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, func() { node.Process.Kill() })
		}
	}
	node.Wait()
	if left > 0 {
		t.Fatalf("the node ended by itself")
	}
}
