package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/gateway/client"
	"tongma/gateway/freshness"
	"tongma/gateway/freshness/redistest"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/wire"
)

// evidenceFolder is a folder with the files that a store and an evidence section name.
func evidenceFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	for name, text := range map[string]string{
		"evidence": strings.Repeat("k", freshness.MinSecret) + "\n", "short": "secret\n",
		"db": "postgres://tongma:hunter2@db.example/tongma\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const goodEvidence = "evidence: {log: node-1, officer: callers/gate-1.pub.pem, secret: {file: secrets/evidence}"

func TestAStoreAndAnEvidenceSectionAreRead(t *testing.T) {
	dir := evidenceFolder(t)
	for text, want := range map[string]string{
		"sqlite:tongma.db":                            "sqlite:" + filepath.Join(dir, "tongma.db"),
		"sqlite:/var/lib/tongma.db":                   "sqlite:/var/lib/tongma.db",
		"'postgres://tongma@db.example/tongma'":       "postgres://tongma@db.example/tongma",
		"{file: secrets/db}":                          "postgres://tongma:hunter2@db.example/tongma",
		"'postgresql://db.example/x?sslmode=disable'": "postgresql://db.example/x?sslmode=disable",
	} {
		cfg, err := load(t, dir, good+"store: "+text+"\n"+goodEvidence+", retention: 7d, keep: 400d}\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		e := cfg.Evidence
		if cfg.Store != want || e.Log != "node-1" || e.Officer == nil || len(e.Secret) != freshness.MinSecret ||
			e.Retention != 7*24*time.Hour || e.Keep != 400*24*time.Hour {
			t.Errorf("%s: %s %+v", text, cfg.Store, e)
		}
	}
	if cfg, err := load(t, dir, good); err != nil || cfg.Store != "" || cfg.Evidence != nil {
		t.Errorf("without the sections: %+v, %v", cfg, err)
	}
}

func TestAWrongStoreOrEvidenceSectionIsFound(t *testing.T) {
	dir := evidenceFolder(t)
	store := "store: sqlite:tongma.db\n"
	for text, want := range map[string]string{
		"store: mysql://db\n":                                         "begins neither with sqlite:",
		"store: 'postgres://a:hunter2@db/x'\n":                        "holds a password",
		"store: {file: secrets/none}\n":                               "no such file",
		goodEvidence + "}\n":                                          "needs a store",
		store + "evidence: {officer: callers/gate-1.pub.pem}\n":       `needs "log"`,
		store + "evidence: {log: 'a b'}\n":                            "cannot be sent as an id",
		store + goodEvidence + ", retention: 12h}\n":                  "not a number of days",
		store + goodEvidence + ", keep: 0d}\n":                        "not a number of days",
		store + "evidence: {log: a, secret: {file: secrets/short}}\n": "fewer than 32",
		store + "evidence: {log: a, secret: abc}\n":                   "must not stand in this file",
		store + "evidence: {log: a, officer: secrets/short}\n":        "publicKey",
	} {
		_, err := load(t, dir, good+text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password", text)
		}
	}
}

// keeping are the lines of a configuration that keeps evidence.
func keeping(t *testing.T) string {
	t.Helper()
	t.Setenv("EVIDENCE", strings.Repeat("k", freshness.MinSecret))
	return "store: sqlite:tongma.db\nevidence: {log: node-1, officer: callers/gate-1.pub.pem, secret: {env: EVIDENCE}}\n"
}

func TestWhatANodeAnswersCanBeProved(t *testing.T) {
	p := startPost(t, keeping(t))
	ask := func(scan string) *standard.Verification {
		v, err := p.Verify(t.Context(), &standard.Request{Scan: scan, Place: standard.Place{Region: "110000", Site: "gate 4"}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, scan := range []string{p.green().Scan, p.green().Scan, "what nobody claims"} {
		v := ask(scan)
		proved, err := p.Prove(t.Context(), v.ID)
		if err != nil {
			t.Fatal(err)
		}
		e, head, err := proved.Verify(proof.Keys{p.key.ID(): p.key})
		if err != nil {
			t.Fatal(err)
		}
		text, err := v.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !e.IsAnswer(text) || e.ID != v.ID || e.Outcome != v.Outcome || e.Status != v.Status || e.Party != "a" || e.Site != "gate 4" || head.Log != v.Evidence.Log {
			t.Errorf("%s: proved %+v of %s", v.Outcome, e, text)
		}
	}
}

func TestAnAnswerIsProvedAtEachNodeOfItsStore(t *testing.T) {
	lines := strings.Replace(keeping(t), "sqlite:tongma.db", "sqlite:"+filepath.Join(t.TempDir(), "tongma.db"), 1)
	a, b := startPost(t, lines), startPost(t, strings.Replace(lines, "log: node-1", "log: node-2", 1))
	v, err := a.Verify(t.Context(), &standard.Request{Scan: a.green().Scan, Place: standard.Place{Region: "110000"}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := v.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, node := range map[string]*post{"the node that answered": a, "the other": b} {
		p, err := node.Prove(t.Context(), v.ID)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, head, err := p.Verify(proof.KeysOf(a.key))
		if err != nil || !e.IsAnswer(text) || head.Log != "node-1" {
			t.Errorf("%s proves %+v in %+v, %v", name, e, head, err)
		}
	}
	off := startPost(t, "")
	_, err = off.Prove(t.Context(), v.ID)
	if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Code != wire.CodeRoute.Code {
		t.Errorf("a node that keeps no evidence: %v", err)
	}
}

func TestANodeWhoseStoreIsGoneAnswersNothingUntilItIsBack(t *testing.T) {
	p := startPost(t, keeping(t))
	request := &standard.Request{Scan: p.green().Scan, Place: standard.Place{Region: "110000"}}
	p.from(request.Scan)
	file := strings.TrimPrefix(p.node.store.String(), "sqlite:")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := p.Verify(t.Context(), request)
	if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Code != wire.CodeEvidence.Code || !refused.Signed {
		t.Errorf("%v", err)
	}
	if status, _ := get(t, p.node.URL()+"/readyz"); status != 503 {
		t.Errorf("readyz says %d", status)
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, 10*time.Second, "the node answers again", func() bool {
		_, err := p.Verify(t.Context(), request)
		return err == nil
	})
	if status, _ := get(t, p.node.URL()+"/readyz"); status != 200 {
		t.Errorf("readyz says %d", status)
	}
}
