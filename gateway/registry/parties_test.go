package registry

import (
	"strings"
	"testing"

	"tongma/standard"
	"tongma/standard/sm"
)

func testKey(t testing.TB) *sm.PublicKey {
	t.Helper()
	k, err := sm.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

func TestAPartyIsFoundByItsIDAndKeyIDTogether(t *testing.T) {
	key := testKey(t)
	parties, err := NewParties([]Party{{ID: "gate", KeyID: "k1", Key: key}, {ID: "officer", KeyID: "k2", Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, key string
		found   bool
	}{
		{"gate", "k1", true}, {"officer", "k2", true},
		{"gate", "k2", false}, {"nobody", "k1", false}, {"", "", false}, {"Gate", "k1", false},
	} {
		p, ok := parties.Find(c.id, c.key)
		if ok != c.found || ok && p.ID != c.id {
			t.Errorf("Find(%q, %q) = %v, %v", c.id, c.key, p, ok)
		}
	}
}

func TestABadListOfPartiesIsRefusedWithEveryReason(t *testing.T) {
	key := testKey(t)
	good := Party{ID: "gate", KeyID: "k1", Key: key}
	with := func(change func(*Party)) Party { p := good; change(&p); return p }
	for _, c := range []struct {
		name string
		list []Party
		want []string
	}{
		{"no id", []Party{with(func(p *Party) { p.ID = "" })}, []string{"caller 1", "id:"}},
		{"line end in the id", []Party{with(func(p *Party) { p.ID = "gate\n" })}, []string{"id:"}},
		{"long id", []Party{with(func(p *Party) { p.ID = strings.Repeat("a", 65) })}, []string{"id:"}},
		{"no key id", []Party{with(func(p *Party) { p.KeyID = "" })}, []string{"key:"}},
		{"no public key", []Party{with(func(p *Party) { p.Key = nil })}, []string{"publicKey:"}},
		{"negative rate", []Party{with(func(p *Party) { p.Rate = -1 })}, []string{"rate:"}},
		{"empty purpose", []Party{with(func(p *Party) { p.Purposes = []string{""} })}, []string{"purposes:"}},
		{"systems of a gate", []Party{with(func(p *Party) { p.Systems = []string{"suishen"} })}, []string{"systems:", "platform"}},
		{"same id twice", []Party{good, good}, []string{"caller 2", "already"}},
		{"two mistakes", []Party{{KeyID: "k", Key: key}, {ID: "b", Key: key}}, []string{"caller 1", "caller 2"}},
	} {
		_, err := NewParties(c.list)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", c.name, err, want)
			}
		}
	}
}

func TestThePurposeIsFromTheGrantedList(t *testing.T) {
	for _, c := range []struct {
		granted []string
		named   string
		want    string
		ok      bool
	}{
		{[]string{"gate"}, "gate", "gate", true},
		{[]string{"gate"}, "school", "", false},
		{[]string{"gate"}, "", "gate", true},
		{[]string{"gate", "school"}, "", "", false},
		{[]string{"gate", "school"}, "school", "school", true},
		{[]string{"*"}, "", "", true},
		{[]string{"*"}, "anything", "anything", true},
		{nil, "", "", true},
		{nil, "gate", "", false},
	} {
		p := Party{Purposes: c.granted}
		got, ok := p.Purpose(c.named)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("granted %q, named %q: %q, %v; want %q, %v", c.granted, c.named, got, ok, c.want, c.ok)
		}
	}
}

func TestAPlatformRunsWhatItsListSays(t *testing.T) {
	p := &Party{ID: "p", KeyID: "k", Key: testKey(t), Roles: standard.RolesOf(standard.RolePlatform), Systems: []string{"yuekang", "sheni"}}
	if _, err := NewParties([]Party{*p}); err != nil {
		t.Fatal(err)
	}
	for system, want := range map[string]bool{"yuekang": true, "sheni": true, "suishen": false, "": false} {
		if p.Runs(system) != want {
			t.Errorf("runs %q: %v", system, !want)
		}
	}
	if (&Party{Roles: standard.RolesOf(standard.RolePlatform)}).Runs("suishen") {
		t.Error("a platform without a list runs everything")
	}
}

func TestAnEmptyListOfServicesLeavesItToTheRoles(t *testing.T) {
	if p := (&Party{}); !p.MayUse("verify") {
		t.Error("refused")
	}
	if p := (&Party{Services: []string{"query"}}); p.MayUse("verify") || !p.MayUse("query") {
		t.Error("the list is not respected")
	}
}
