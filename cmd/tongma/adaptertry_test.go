package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const triedScan = "https://ganma.example/00112233445566778899aabbccddeeff"

// person is the reply of a backend about somebody who does not exist.
const person = `{"code":0,"data":{"colour":"green","name":"张某某","idNumber":"000000199001010010"}}`

// stage makes a folder with a new system of a shape, and a backend that gives these replies in turn, the last of them again and again.
func stage(t *testing.T, auth string, replies ...string) (dir, endpoint string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ganma")
	b := beginning{System: "ganma", Name: "赣通码", English: "Gan Code", Region: "360000", Scan: "url", Auth: auth}
	if err := b.write(dir); err != nil {
		t.Fatal(err)
	}
	var next atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header()["Date"] = nil
		w.Header().Set("Content-Type", "application/json")
		reply := replies[min(int(next.Add(1)), len(replies))-1]
		if target, ok := strings.CutPrefix(reply, "redirect "); ok {
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusFound)
			return
		}
		fmt.Fprint(w, reply)
	}))
	t.Cleanup(server.Close)
	return dir, server.URL
}

// try runs the command line and gives what it printed, without what differs from run to run.
func try(t *testing.T, endpoint string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(append([]string{"adapter", "try"}, args...), strings.NewReader(triedScan+"\r\n"), &out, &errs)
	text := strings.ReplaceAll(out.String(), endpoint, "ENDPOINT")
	for _, changing := range []struct{ pattern, to string }{
		{`after \d+ ms`, "after N ms"}, {`\b1[6-9]\d{8,11}\b`, "TIME"}, {`\d{4}-\d\d-\d\dT\S+\+08:00`, "WHEN"},
	} {
		text = regexp.MustCompile(changing.pattern).ReplaceAllString(text, changing.to)
	}
	return text, errs.String(), code
}

func TestTryShowsEveryStep(t *testing.T) {
	t.Setenv("GANMA_SECRET", "made-up")
	for name, c := range map[string]struct {
		auth    string
		replies []string
		flags   []string
		code    int
	}{
		"verified": {"signature", []string{person}, nil, 0},
		"shown":    {"none", []string{person}, []string{"--show"}, 0},
		"renewed":  {"token", []string{`{"code":0,"token":"FIRST"}`, `{"code":401}`, `{"code":0,"token":"SECOND"}`, person}, nil, 0},
		"expired":  {"none", []string{`{"code":1,"msg":"expired"}`}, nil, 0},
		"half":     {"none", []string{`{"code":0,"data":{"colour":"gre`}, nil, 1},
		"unknown":  {"none", []string{`{"code":"SURPRISE","msg":"张某某"}`}, nil, 1},
		"redirect": {"none", []string{"redirect /elsewhere", person}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir, endpoint := stage(t, c.auth, c.replies...)
			args := append([]string{dir, "-", "--endpoint", endpoint}, c.flags...)
			if c.auth != "none" {
				args = append(args, "--cred", "appId=gate-7", "--cred", "appSecret=env:GANMA_SECRET")
			}
			out, stderr, code := try(t, endpoint, args...)
			if code != c.code || stderr != "" {
				t.Errorf("exit code %d, want %d; %s", code, c.code, stderr)
			}
			compareTry(t, "testdata/try-"+name+".golden", out)
			if name == "shown" {
				return
			}
			for _, private := range []string{"张某某", "000000199001010010", "made-up", "00112233445566778899aabbccddeeff", "FIRST", "SECOND", "SURPRISE"} {
				if strings.Contains(out, private) {
					t.Errorf("%s is shown", private)
				}
			}
			asJSON, _, _ := try(t, endpoint, append(args, "--json")...)
			var report trialReport
			if err := json.Unmarshal([]byte(asJSON), &report); err != nil || len(report.Events) == 0 {
				t.Errorf("%v in %s", err, asJSON)
			}
			if strings.Contains(asJSON, "张某某") || strings.Contains(asJSON, "made-up") {
				t.Error("a secret or a person is shown as JSON")
			}
		})
	}
}

func TestTrySaysWhyNobodyWasAsked(t *testing.T) {
	dir, endpoint := stage(t, "none", person)
	for name, c := range map[string]struct {
		args []string
		want string
		code int
	}{
		"nobody's scan":    {[]string{"hello"}, "no form of this system claims the scan", 1},
		"another's scan":   {[]string{`{"codeId":"0123456789abcdef"}`}, "claimed by  suikang", 1},
		"no such document": {[]string{"--document", "01:000000199001010010", "--name", "张某某"}, "does not answer for documents", 1},
	} {
		out, stderr, code := try(t, endpoint, append([]string{dir, "--endpoint", endpoint}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d\n%s%s", name, code, out, stderr)
		}
	}
}

func TestTryNeedsAllOfItAndNothingElse(t *testing.T) {
	dir, endpoint := stage(t, "signature", person)
	id, secret := []string{"--cred", "appId=a"}, []string{"--cred", "appSecret=env:GANMA_SECRET"}
	t.Setenv("GANMA_SECRET", "made-up")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("made-up\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
		code int
	}{
		"all of it":            {append(append([]string{"--endpoint", endpoint}, id...), secret...), "", 0},
		"a secret of a file":   {append([]string{"--endpoint", endpoint, "--cred", "appSecret=file:" + file}, id...), "", 0},
		"no endpoint":          {append(id, secret...), "try needs --endpoint URL", 2},
		"no http endpoint":     {append(append([]string{"--endpoint", "ftp://x"}, id...), secret...), "must begin with http", 2},
		"an unknown endpoint":  {append(append([]string{"--endpoint", "second=" + endpoint}, id...), secret...), "no endpoint second", 2},
		"a credential less":    {append([]string{"--endpoint", endpoint}, id...), "add --cred appSecret=env:VAR", 2},
		"a credential more":    {append(append([]string{"--endpoint", endpoint, "--cred", "more=1"}, id...), secret...), "no credential more", 2},
		"a secret in argv":     {append([]string{"--endpoint", endpoint, "--cred", "appSecret=made-up"}, id...), "can read command lines", 2},
		"no such variable":     {append([]string{"--endpoint", endpoint, "--cred", "appSecret=env:NOT_SET_HERE"}, id...), "NOT_SET_HERE", 2},
		"no such region":       {[]string{"--endpoint", endpoint, "--place", "999999"}, "not in GB/T 2260", 2},
		"no such operator":     {[]string{"--endpoint", endpoint, "--operator", "shoe=44"}, "department, id, name, phone", 2},
		"a place without name": {[]string{"--endpoint", endpoint, "--place-id", "x"}, "must be NAME=TEXT", 2},
		"nobody there":         {append(append([]string{"--endpoint", "http://127.0.0.1:1"}, id...), secret...), "", 3},
	} {
		_, stderr, code := try(t, endpoint, append([]string{dir, "-"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "made-up") {
			t.Errorf("%s: exit code %d, want %d; %s", name, code, c.code, stderr)
		}
	}
}

func compareTry(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readText(t, golden), got); diff != "" {
		t.Errorf("-want +got (go test -update writes it anew)\n%s", diff)
	}
}
