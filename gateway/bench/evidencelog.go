package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"tongma/gateway"
	"tongma/gateway/evidence"
	"tongma/gateway/store"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// usualGroup is how many entries share a group in a busy hour.
const usualGroup = 64

// entryOf is an entry that has what most have.
func entryOf(at time.Time) *proof.Entry {
	e := &proof.Entry{
		Kind: proof.Verification, ID: ulid.MustNew(ulid.Timestamp(at), rand.Reader).String(), At: standard.Millis(at),
		Party: "gate-07", Roles: standard.RolesOf(standard.RoleGate), Purpose: "epidemic control", Region: "440100", Site: "east-2",
		System: "suikang", Outcome: standard.Verified, Status: standard.Green, Action: standard.Pass, Rule: "440000/green@1",
		From: standard.Cache, ObservedAt: standard.Millis(at.Add(-time.Minute)),
	}
	rand.Read(e.Answer[:])
	return e
}

func personOf(n int) gateway.Person {
	return gateway.Person{
		Document: standard.Document{Type: "01", Number: fmt.Sprintf("000000%012d", n)},
		System:   "suikang", Subject: fmt.Sprintf("subject-%d", n),
	}
}

// encodedGroup is the entries of a group, as they are encoded.
func encodedGroup(size int) ([][]byte, error) {
	day := proof.NewDay(new([32]byte))
	group := make([][]byte, size)
	for i := range group {
		who := personOf(i)
		e := entryOf(time.Now())
		e.Holder, e.Subject = day.Holder(who.Document.Type, who.Document.Number), day.Subject(who.System, who.Subject)
		var err error
		if group[i], err = proof.AppendEntry(nil, e); err != nil {
			return nil, err
		}
	}
	return group, nil
}

// chained makes groups of a log, one behind the other, as a gateway signs them.
type chained struct {
	key   *sm.PrivateKey
	chain *proof.Chain
}

// next makes the next group of these leaves.
func (c *chained) next(leaves []proof.Digest, at time.Time) (h proof.Head, head, sign []byte, subtree proof.Digest, err error) {
	h = c.chain.Head(leaves, standard.Millis(at), c.key.Public().ID())
	if head, err = proof.AppendHead(nil, &h); err != nil {
		return h, nil, nil, subtree, err
	}
	if sign, err = c.key.Sign(proof.SignText(head)); err != nil {
		return h, nil, nil, subtree, err
	}
	subtree, err = c.chain.Add(head)
	return h, head, sign, subtree, err
}

func framed(entries [][]byte) (all []byte) {
	for _, e := range entries {
		all = proof.AppendFramed(all, e)
	}
	return all
}

const exported = 200_000 // entries

// checking verifies an export, as `tongma evidence verify` does, by the CPU time that it takes.
func checking(*bench) ([]figure, error) {
	key, err := sm.GenerateKey()
	if err != nil {
		return nil, err
	}
	var export bytes.Buffer
	if err := writeExport(&export, key); err != nil {
		return nil, err
	}
	keys := proof.KeysOf(key.Public())
	var each []float64
	for range turns {
		before := processTime()
		n, err := verifyExport(bytes.NewReader(export.Bytes()), keys)
		if err != nil || n != exported {
			return nil, fmt.Errorf("%d entries of the export are verified: %w", n, err)
		}
		each = append(each, exported/(processTime()-before).Seconds())
	}
	f := atLeast(200_000, "entries of an export that are verified, a second and core", each,
		fmt.Sprintf("groups of %d, %d bytes an entry", usualGroup, export.Len()/exported))
	f.Unit = "/s"
	return []figure{f}, nil
}

func writeExport(to io.Writer, key *sm.PrivateKey) error {
	c := chained{key, proof.NewChain("bench")}
	out, err := proof.NewWriter(to, proof.Header{Log: "bench", To: exported / usualGroup}, nil)
	if err != nil {
		return err
	}
	for range exported / usualGroup {
		entries, err := encodedGroup(usualGroup)
		if err != nil {
			return err
		}
		_, head, sign, _, err := c.next(proof.Leaves(entries), time.Now())
		if err != nil {
			return err
		}
		if err := out.Write(&proof.Group{Head: head, Sign: sign, Entries: framed(entries)}); err != nil {
			return err
		}
	}
	return out.Close()
}

func verifyExport(from io.Reader, keys proof.Keys) (entries int, err error) {
	r, err := proof.NewReader(from, keys)
	if err != nil {
		return 0, err
	}
	for {
		block, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return entries, err
		}
		entries += len(block.Entries)
	}
}

func processTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails for no process that is there
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// kept is how many entries are kept to see what one takes.
const kept = 150_000

// size measures what an entry takes in the file of a SQLite store, with its share of the group and of the index.
func size(b *bench) ([]figure, error) {
	dir := filepath.Join(b.dir, "size")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tongma.db")
	s, err := store.Open(context.Background(), "sqlite:"+path)
	if err != nil {
		return nil, err
	}
	groups, err := fill(s, dir)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Close(); err != nil { // and the write-ahead log is written back
		return nil, err
	}
	is, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d callers, %.0f entries a group", usualGroup, float64(kept)/float64(groups))
	return []figure{atMost(250, "bytes", "an entry on disk, its share of the group and of the index within", []float64{float64(is.Size()) / kept}, note)}, nil
}

// fill keeps entries, from as many callers as usually share a group, until all are in the index; it says how many groups they are.
func fill(s *store.Store, dir string) (groups int, err error) {
	ctx := context.Background()
	key, err := sm.GenerateKey()
	if err != nil {
		return 0, err
	}
	var later atomic.Int64 // how far the clock is put on
	log, err := evidence.Open(ctx, evidence.Config{
		Store: s, Name: "bench", State: dir, Key: key, Officer: key.Public(), Secret: make([]byte, 32),
		Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
	})
	if err != nil {
		return 0, err
	}
	defer log.Close(ctx)
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, usualGroup)
	for i := range errs {
		all.Go(func() {
			for n := next.Add(1); n <= kept && errs[i] == nil; n = next.Add(1) {
				errs[i] = log.Append(ctx, entryOf(time.Now()), personOf(int(n)))
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	later.Store(int64(time.Hour)) // what has not been enough to be indexed is old enough
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var indexed int
		err := s.Read.QueryRowContext(ctx, "SELECT indexed, (SELECT COUNT(*) FROM groups) FROM logs").Scan(&indexed, &groups)
		switch {
		case err != nil:
			return 0, err
		case indexed == groups:
			return groups, nil
		case time.Since(begin) > time.Minute:
			return 0, fmt.Errorf("%d of %d groups are in the index", indexed, groups)
		}
	}
}

const (
	longLog   = 10_000_000 // entries
	longGroup = 256        // of them in a group, which are alike in all groups
	atOnce    = 500        // groups that are stored in one transaction
)

// start measures how long a node takes from its process's begin until it serves, when its log is long.
func start(b *bench) ([]figure, error) {
	dir := filepath.Join(b.dir, "long")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	backend, err := b.backend()
	if err != nil {
		return nil, err
	}
	config := gatewayConfig{State: dir, Key: b.key, CallerKey: b.callerPub, Backend: backend.address, Systems: 1, Limits: wide, Evidence: true}
	begin := func() (float64, error) {
		began := time.Now()
		c, err := spawn("gateway", config, "")
		if err != nil {
			return 0, err
		}
		defer c.stop()
		return time.Since(began).Seconds(), nil
	}
	short, err := begin()
	if err != nil {
		return nil, err
	}
	if err := lengthen(filepath.Join(dir, "tongma.db"), b.key); err != nil {
		return nil, err
	}
	var each []float64
	for range turns {
		took, err := begin()
		if err != nil {
			return nil, err
		}
		each = append(each, took)
	}
	note := fmt.Sprintf("%.2f s with an empty log", short)
	return []figure{atMost(1, "s", "start of a node whose log has ten million entries", each, note)}, nil
}

// lengthen writes groups into a gateway's log as the gateway would, but for the sync of each.
func lengthen(path, pem string) error {
	key, err := sm.ParsePrivateKeyPEM([]byte(pem), nil)
	if err != nil {
		return err
	}
	s, err := store.OpenAsIs(context.Background(), "sqlite:"+path)
	if err != nil {
		return err
	}
	defer s.Close()
	entries, err := encodedGroup(longGroup)
	if err != nil {
		return err
	}
	c := chained{key, proof.NewChain("bench")}
	leaves, body := proof.Leaves(entries), framed(entries)
	const groups = (longLog + longGroup - 1) / longGroup
	for from := 0; from < groups; from += atOnce {
		if err := c.store(s, leaves, body, min(atOnce, groups-from)); err != nil {
			return err
		}
	}
	_, err = s.Write.Exec("UPDATE logs SET indexed = $1", groups) // as it is in a log that has grown so long with time
	return err
}

// store stores some groups, all of the same entries.
func (c *chained) store(s *store.Store, leaves []proof.Digest, body []byte, groups int) error {
	tx, err := s.Write.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.Prepare("INSERT INTO groups (log, seq, first, count, at, head, sign, subtree, entries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
	if err != nil {
		return err
	}
	for range groups {
		h, head, sign, subtree, err := c.next(leaves, time.Now())
		if err != nil {
			return err
		}
		if _, err := insert.Exec(h.Log, h.Group, h.First, h.Count, h.At.UnixMilli(), head, sign, subtree[:], body); err != nil {
			return err
		}
	}
	return tx.Commit()
}
