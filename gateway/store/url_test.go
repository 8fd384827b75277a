package store_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"tongma/gateway/store"
	"tongma/gateway/store/storetest"
)

const secret = "c4nary-p4ssword"

// TestPasswordsAreInNoError, however wrong the URL and whoever refuses it.
func TestPasswordsAreInNoError(t *testing.T) {
	right, err := url.Parse(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	host := right.Host
	for _, given := range []string{
		"postgres://postgres:" + secret + "@" + host + "/postgres?sslmode=disable", // a wrong one
		"postgres://postgres@" + host + "/postgres?sslmode=disable&password=" + secret,
		"postgres://postgres:" + secret + "@127.0.0.1:1/postgres?connect_timeout=1", // nobody there
		"postgres://postgres:" + secret + "@nowhere.invalid/postgres?connect_timeout=1",
		"postgres://postgres:" + secret + "@" + host + "/postgres?sslmode=perhaps",
		"postgres://postgres:" + secret + "%zz@" + host + "/postgres",
		"postgres://postgres:" + secret + " x@" + host + "/postgres",
		"postgres://postgres:" + secret + "/x@" + host + "/postgres",
		"postgres://postgres:" + secret + "@" + host + ":port/postgres",
		"postgres://postgres:" + secret + "\n@" + host + "/postgres",
		"postgres:" + secret,
		"postgresql://" + secret,
		"host=127.0.0.1 password=" + secret,
		"mysql://root:" + secret + "@" + host + "/x",
		"sqlite://" + secret,
		secret,
	} {
		s, err := store.Open(t.Context(), given)
		if err == nil {
			t.Errorf("%q is opened", given)
			s.Close()
			continue
		}
		if strings.Contains(err.Error(), secret) && !strings.Contains(given, "://"+secret) {
			t.Errorf("%q: the error says %q", given, err)
		}
		if _, err := store.Check(given); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the check says %q", given, err)
		}
	}
}

func TestStringHasNeitherUserNorPassword(t *testing.T) {
	given := storetest.PostgresURL(t)
	u, _ := url.Parse(given)
	password, _ := u.User.Password()
	s := storetest.Open(t, given)
	if got := s.String(); strings.Contains(got, password) || strings.Contains(got, "@") || got != "postgres://"+u.Host+u.Path {
		t.Errorf("it is %s", got)
	}
}

func TestCheck(t *testing.T) {
	for given, want := range map[string]struct{ secret, ok bool }{
		"sqlite:/var/lib/tongma/tongma.db": {false, true},
		"sqlite:tongma.db":                 {false, true},
		"sqlite:":                          {false, false},
		"sqlite::memory:":                  {false, false},
		"sqlite:///tongma.db":              {false, false},
		"postgres://tongma@db/tongma?sslmode=verify-full": {false, true},
		"postgresql:///tongma?host=/run/postgresql":       {false, true},
		"postgres://tongma:x@db/tongma":                   {true, true},
		"postgres://tongma@db/tongma?password=x":          {true, true},
		"postgres://tongma@db/tongma?sslmode=perhaps":     {false, false},
		"postgres://tongma:%zz@db/tongma":                 {true, false},
		"postgres:":                                       {false, false},
		"mysql://db":                                      {false, false},
		"":                                                {false, false},
	} {
		if secret, err := store.Check(given); secret != want.secret || (err == nil) != want.ok {
			t.Errorf("%q: secret %v, %v", given, secret, err)
		}
	}
}

// TestPathsAreTakenAsTheyAre: none is a parameter of SQLite's.
func TestPathsAreTakenAsTheyAre(t *testing.T) {
	for _, name := range []string{"a b.db", "50%.db", "who?mode=memory&vfs=x.db", "#1.db", "码.db", "a%20b.db"} {
		path := filepath.Join(t.TempDir(), name)
		storetest.Open(t, "sqlite:"+path)
		s, err := store.OpenAsIs(t.Context(), "sqlite:"+path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

func TestToolsMakeNoFile(t *testing.T) {
	given := storetest.SQLiteURL(t)
	if _, err := store.OpenAsIs(t.Context(), given); err == nil {
		t.Error("a file that was not there is opened")
	}
	if files, _ := filepath.Glob(strings.TrimPrefix(given, "sqlite:") + "*"); len(files) > 0 {
		t.Errorf("there are %q", files)
	}
}
