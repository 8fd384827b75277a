package evidence

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// forge signs the last group anew, as somebody would who can write to the store and has a key of their own.
func forge(t *testing.T, s *store.Store, with *sm.PrivateKey, change func(*proof.Head)) {
	t.Helper()
	var head []byte
	if err := s.Write.QueryRow("SELECT head FROM groups WHERE seq = 2").Scan(&head); err != nil {
		t.Fatal(err)
	}
	h, err := proof.ParseHead(head)
	if err != nil {
		t.Fatal(err)
	}
	change(&h)
	if head, err = proof.AppendHead(nil, &h); err != nil {
		t.Fatal(err)
	}
	sign, err := with.Sign(proof.SignText(head))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write.Exec("UPDATE groups SET head = $1, sign = $2 WHERE seq = 2", head, sign); err != nil {
		t.Fatal(err)
	}
}

func TestALogIsNotGoneOnWithWhoseLastGroupWasTamperedWith(t *testing.T) {
	thief := mustKey()
	for name, tamper := range map[string]func(*testing.T, *store.Store){
		"a signature": func(t *testing.T, s *store.Store) {
			if _, err := s.Write.Exec("UPDATE groups SET sign = (SELECT sign FROM groups WHERE seq = 1) WHERE seq = 2"); err != nil {
				t.Fatal(err)
			}
		},
		"a head, signed by another": func(t *testing.T, s *store.Store) {
			forge(t, s, thief, func(h *proof.Head) { h.At = h.At.Add(time.Second) })
		},
		"a head, signed by another and said so": func(t *testing.T, s *store.Store) {
			forge(t, s, thief, func(h *proof.Head) { h.Key = thief.Public().ID() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				c := config(t, s, "node-1")
				l := open(t, c)
				for range 3 {
					add(t, l, person(1))
				}
				shut(l)
				tamper(t, s)
				if l, err := Open(t.Context(), c); !errors.Is(err, ErrTampered) {
					if err == nil {
						shut(l)
					}
					t.Errorf("%v, want ErrTampered", err)
				}
				c.Name = "node-1b"
				add(t, open(t, c), person(1))
			})
		})
	}
}

func TestALogGoesOnWhenTheGatewayHasAnotherKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := config(t, s, "node-1")
		l := open(t, c)
		add(t, l, person(1))
		shut(l)
		known := proof.KeysOf(signer.Public())
		for range 2 {
			c.Key = mustKey()
			known[c.Key.Public().ID()] = c.Key.Public()
			for range 2 { // the first time nothing is signed with it
				shut(open(t, c))
			}
		}
		l = open(t, c)
		add(t, l, person(1))
		shut(l)
		if got, err := l.signers(); err != nil || len(got) != len(known) {
			t.Errorf("%d keys are known, want %d: %v", len(got), len(known), err)
		}
		if err := os.Remove(l.signersFile()); err != nil {
			t.Fatal(err)
		}
		shut(open(t, c)) // its own key it knows
		c.Key, c.State = signer, t.TempDir()
		if _, err := Open(t.Context(), c); !errors.Is(err, ErrTampered) {
			t.Errorf("with a key that has signed nothing here: %v, want ErrTampered", err)
		}
	})
}

func TestAKeyIsKeptBehindALineThatWasCutOff(t *testing.T) {
	s := storetest.Open(t, storetest.SQLiteURL(t))
	c := config(t, s, "node-1")
	l := open(t, c)
	shut(l)
	whole, err := os.ReadFile(l.signersFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{1, 2, 60, len(whole) - 5} {
		if err := os.WriteFile(l.signersFile(), whole[:len(whole)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			shut(open(t, c))
		}
		c.Key = mustKey()
		if got, err := (&Log{config: c}).signers(); err != nil || len(got) != 2 {
			t.Errorf("without the last %d bytes %d keys are known, want 2: %v", cut, len(got), err)
		}
		c.Key = signer
	}
}

// told keeps what a log tells.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *told) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *told) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestALogThatIsHadBackIsCheckedAsWell(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var out told
		c := config(t, s, "node-1")
		c.Log = slog.New(slog.NewTextHandler(&out, nil))
		l := open(t, c)
		for range 2 {
			add(t, l, person(1))
		}
		for _, change := range []string{
			"UPDATE groups SET sign = (SELECT sign FROM groups WHERE seq = 0) WHERE seq = 1",
			"UPDATE logs SET holder = 'another', until = 0", // which is not there any more
		} {
			if _, err := s.Write.Exec(change); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, errLost) {
			t.Errorf("%v, want errLost", err)
		}
		eventually(t, "it says why", func() bool { return strings.Contains(out.String(), "has changed the store") })
		if err := l.Append(t.Context(), entry(time.Now()), person(1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("it goes on: %v", err)
		}
	})
}
