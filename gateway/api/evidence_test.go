package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tongma/gateway"
	"tongma/gateway/evidence"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/wire"
)

const (
	goodDays   = `{"from":"2022-03-01","to":"2022-03-01"}`
	goodSearch = `{"case":"2022-0315","purpose":"complaint","people":[{"day":"2022-03-01","pseudonyms":["AAECAwQFBgcICQoLDA0ODw=="]}]}`
)

// to is a call of whoever may make it.
func (k *keeping) to(path, body string) *request {
	r := post(body)
	r.target, r.rid = path, "privacy"
	if path == pathAsk || path == pathAskedState {
		r.rid = "platform"
	}
	return r
}

// asked makes a call of whoever may make it, and has its signature checked.
func (k *keeping) asked(path, body string, code *wire.Code, data any) *reply {
	k.t.Helper()
	r := k.to(path, body)
	a := k.expect(k.sign(r), code)
	if !k.isSigned(r, a) {
		k.t.Errorf("%s: not signed: %s", path, a.body)
	}
	if data != nil && a.status == 200 {
		if err := json.Unmarshal(a.Data, data); err != nil {
			k.t.Fatal(err)
		}
	}
	return a
}

// day opens the present day's key, as the officer does.
func (k *keeping) day() *proof.Day {
	k.t.Helper()
	var keys wire.DayKeys
	k.asked(pathKeys, goodDays, wire.CodeOK, &keys)
	if len(keys.Keys) != 1 {
		k.t.Fatalf("%d keys", len(keys.Keys))
	}
	key := evidence.DayKey(keys.Keys[0])
	day, err := key.Open(k.officer)
	if err != nil {
		k.t.Fatal(err)
	}
	return day
}

// searching is a search for a traveller on the present day.
func (k *keeping) searching(about gateway.Person) *wire.Search {
	k.t.Helper()
	day := k.day()
	holder, subject := day.Holder(about.Document.Type, about.Document.Number), day.Subject(about.System, about.Subject)
	return &wire.Search{Case: "2022-0315", Purpose: "complaint", People: []wire.WantedOn{{Day: "2022-03-01", Pseudonyms: [][]byte{holder[:], subject[:]}}}}
}

func (k *keeping) search(q *wire.Search) *wire.Findings {
	k.t.Helper()
	var found wire.Findings
	k.asked(pathSearch, asJSON(k.t, q), wire.CodeOK, &found)
	return &found
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// entry gives an entry of the log by its proof.
func (k *keeping) entry(id string) *proof.Entry {
	k.t.Helper()
	found, err := k.kept.Find(k.t.Context(), id)
	if err != nil {
		k.t.Fatal(err)
	}
	return &found.Entry
}

func TestTheOfficerFindsATravellerByKeysThatOnlyTheyCanOpen(t *testing.T) {
	k := startKeeping(t)
	other := traveller
	other.Document.Number, other.Subject = "000000194507219991", "traveller-2"
	first := k.keep("gate", traveller)
	k.keep("gate", other)
	k.pass(time.Second)
	second := k.keep("officer", gateway.Person{System: traveller.System, Subject: traveller.Subject})

	found := k.search(k.searching(traveller))
	if found.Found != 2 || len(found.Entries) != 2 || found.Next != "" {
		t.Fatalf("found %+v", found)
	}
	for i, want := range []*proof.Entry{first, second} {
		f := found.Entries[i]
		got, err := proof.ParseEntry(f.Entry)
		if err != nil || got.ID != want.ID || f.Log != k.kept.Name() {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
	by := k.entry(found.Search)
	if by.Kind != proof.Search || by.Case != "2022-0315" || by.Purpose != "complaint" || by.Party != "privacy" || by.Found != 2 || by.Holder != (proof.Pseudonym{}) {
		t.Errorf("the search's own entry is %+v", by)
	}
	families, err := k.cfg.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	log, metrics := k.station.log.String(), fmt.Sprint(families)
	for _, private := range []string{"2022-0315", "complaint", "traveller", "0000001945", first.ID} {
		if strings.Contains(log, private) || strings.Contains(metrics, private) {
			t.Errorf("the log or the metrics hold %q", private)
		}
	}
	if !strings.Contains(log, `"party":"privacy","keys":1`) {
		t.Errorf("the log does not say who has fetched keys: %s", log)
	}
}

func TestNobodyIsFoundOnADayWhoseKeyIsAnothers(t *testing.T) {
	k := startKeeping(t)
	k.keep("gate", traveller)
	var keys wire.DayKeys
	k.asked(pathKeys, goodDays, wire.CodeOK, &keys)
	key := evidence.DayKey(keys.Keys[0])
	if _, err := key.Open(k.cfg.Key); err == nil {
		t.Error("the gateway can open what is for the officer alone")
	}
	for text, want := range map[string]string{
		`{"from":"2022-02-28","to":"2022-02-28"}`: `{"keys":[]}`,
		`{"from":"2022-03-02","to":"2022-03-09"}`: `{"keys":[]}`,
	} {
		if a := k.asked(pathKeys, text, wire.CodeOK, nil); string(a.Data) != want {
			t.Errorf("%s: %s", text, a.Data)
		}
	}
	if _, err := k.store.Write.Exec("UPDATE day_keys SET sealed = NULL, wrapped = NULL, destroyed = 1"); err != nil {
		t.Fatal(err)
	}
	if a := k.asked(pathKeys, goodDays, wire.CodeOK, nil); string(a.Data) != `{"keys":[{"day":"2022-03-01","part":0}]}` {
		t.Errorf("a key that is destroyed: %s", a.Data)
	}
}

func TestTooManyKeysAreNotGiven(t *testing.T) {
	k := startKeeping(t)
	for part := range wire.MaxDayKeys + 1 {
		if _, err := k.store.Write.Exec("INSERT INTO day_keys (day, part, made) VALUES ($1, $2, 1)", "2022-01-01", part); err != nil {
			t.Fatal(err)
		}
	}
	k.asked(pathKeys, `{"from":"2022-01-01","to":"2022-01-02"}`, wire.CodeField, nil)
}

// TestASearchIsGivenPageByPageAndEachIsInTheEvidence: the pages together have each entry once, also those that share a millisecond.
func TestASearchIsGivenPageByPageAndEachIsInTheEvidence(t *testing.T) {
	k := startKeeping(t)
	const all = 2*wire.MaxFindings + 1
	kept := make(chan string)
	for range all {
		go func() { kept <- k.keep("gate", traveller).ID }()
	}
	want := map[string]bool{}
	for range all {
		want[<-kept] = true
	}
	q, searches := k.searching(traveller), map[string]bool{}
	for pages := 1; ; pages++ {
		found := k.search(q)
		if found.Found != all || len(found.Entries) > wire.MaxFindings {
			t.Fatalf("page %d: %d of %d", pages, len(found.Entries), found.Found)
		}
		for _, f := range found.Entries {
			e, err := proof.ParseEntry(f.Entry)
			if err != nil || !want[e.ID] {
				t.Fatalf("page %d: %s was found before, or is none, %v", pages, e.ID, err)
			}
			delete(want, e.ID)
		}
		searches[found.Search] = true
		if by := k.entry(found.Search); by.Kind != proof.Search || by.Found != all {
			t.Errorf("page %d: its entry is %+v", pages, by)
		}
		if found.Next == "" {
			if len(want) != 0 || pages != 3 || len(searches) != 3 {
				t.Errorf("%d are missing after %d pages of %d searches", len(want), pages, len(searches))
			}
			break
		}
		q.After = found.Next
	}
	q.After = "9999999999999.0.0.z"
	if a := k.asked(pathSearch, asJSON(t, q), wire.CodeOK, nil); !bytes.Contains(a.Data, []byte(`"entries":[]`)) {
		t.Errorf("behind the last: %s", a.Data)
	}
}

func TestASearchThatLeavesNoEntryGivesNothing(t *testing.T) {
	k := startKeeping(t)
	k.keep("gate", traveller)
	q := asJSON(t, k.searching(traveller))
	if err := k.kept.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := k.asked(pathSearch, q, wire.CodeEvidence, nil); a.Data != nil {
		t.Errorf("gave %s", a.Data)
	}
}

func TestABadSearchIsRefusedAndLeavesNoEntry(t *testing.T) {
	k := startKeeping(t)
	in := func(old, new string) string { return strings.Replace(goodSearch, old, new, 1) }
	many := func(n int) string {
		list := make([]string, n)
		for i := range list {
			var b [16]byte
			binary.BigEndian.PutUint32(b[:], uint32(i+1))
			list[i] = asJSON(t, b[:])
		}
		return in(`"AAECAwQFBgcICQoLDA0ODw=="`, strings.Join(list, ","))
	}
	for text, want := range map[string]struct {
		code *wire.Code
		says string
	}{
		`{}`:                              {wire.CodeField, "case: "},
		`[]`:                              {wire.CodeSyntax, ""},
		``:                                {wire.CodeSyntax, ""},
		goodSearch + `{}`:                 {wire.CodeTrailing, ""},
		in(`"case"`, `"by":"x","case"`):   {wire.CodeUnknown, ""},
		in(`"day"`, `"key":"x","day"`):    {wire.CodeUnknown, ""},
		in(`"case"`, `"case":"1","case"`): {wire.CodeDuplicate, ""},
		in(`"2022-0315"`, `""`):           {wire.CodeField, "empty text"},
		in(`"2022-0315"`, `7`):            {wire.CodeField, "case has a value of the wrong type"},
		in(`2022-0315`, ` 1`):             {wire.CodeField, "case: "},
		in(`2022-0315`, `1\n2`):           {wire.CodeField, "case: "},
		in(`2022-0315`, strings.Repeat("案", 65)):         {wire.CodeField, "case: "},
		in(`2022-0315`, "\xff"):                          {wire.CodeUTF8, ""},
		in(`"purpose":"complaint",`, ``):                 {wire.CodeField, "purpose: "},
		in(`complaint`, `a\u0000b`):                      {wire.CodeField, "purpose: "},
		in(`"people":[{`, `"people":null,"x":[{`):        {wire.CodeUnknown, ""},
		`{"case":"1","purpose":"complaint"}`:             {wire.CodeField, "people: "},
		`{"case":"1","purpose":"complaint","people":[]}`: {wire.CodeField, "people: "},
		`{"case":"1","purpose":"complaint","people":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1001), ",") + `]}`: {wire.CodeField, "people: "},
		in(`2022-03-01`, `2022-02-30`):                             {wire.CodeField, "people.0.day: "},
		in(`"day":"2022-03-01",`, ``):                              {wire.CodeField, "people.0.day: "},
		in(`["AAECAwQFBgcICQoLDA0ODw=="]`, `[]`):                   {wire.CodeField, "people.0.pseudonyms: "},
		in(`AAECAwQFBgcICQoLDA0ODw==`, `AAECAwQFBgcICQoLDA0O`):     {wire.CodeField, "people.0.pseudonyms: "},
		in(`AAECAwQFBgcICQoLDA0ODw==`, `AAAAAAAAAAAAAAAAAAAAAA==`): {wire.CodeField, "people.0.pseudonyms: "},
		in(`AAECAwQFBgcICQoLDA0ODw==`, `*`):                        {wire.CodeField, "pseudonyms"},
		many(1001):                                                 {wire.CodeField, "people.0.pseudonyms: "},
		in(`}]`, `}],"after":"x"`):                                 {wire.CodeField, "after: "},
		in(`}]`, `}],"after":"1.2.3"`):                             {wire.CodeField, "after: "},
		in(`}]`, `}],"after":"1.2.3.a b"`):                         {wire.CodeField, "after: "},
		in(`}]`, `}],"after":"1.-2.3.a"`):                          {wire.CodeField, "after: "},
		in(`}]`, `}],"after":"01.2.3.a"`):                          {wire.CodeField, "after: "},
		in(`}]`, `}],"after":"1.2.4294967296.a"`):                  {wire.CodeField, "after: "},
	} {
		if a := k.asked(pathSearch, text, want.code, nil); !strings.Contains(a.Message, want.says) {
			t.Errorf("%.80s: %s, want %q", text, a.Message, want.says)
		}
	}
	r := k.to(pathSearch, in("complaint", "curiosity"))
	r.rid = "privacy-only"
	k.expect(k.sign(r), wire.CodePurpose)
	for text, want := range map[string]*wire.Code{
		`{}`: wire.CodeField, `{"from":"2022-03-01"}`: wire.CodeField, `{"from":"2022-03-02","to":"2022-03-01"}`: wire.CodeField,
		`{"from":"2022-01-01","to":"2023-02-05"}`: wire.CodeField, `{"from":"2022-01-01","to":"2023-02-04"}`: wire.CodeOK,
		`{"from":"yesterday","to":"2022-03-01"}`: wire.CodeField, `{"from":20220301,"to":"2022-03-01"}`: wire.CodeField,
		`{"from":"2022-03-01","to":"2022-03-01","x":1}`: wire.CodeUnknown, `{"from":null,"to":"2022-03-01"}`: wire.CodeField,
	} {
		k.asked(pathKeys, text, want, nil)
	}
	if logs, err := k.kept.Logs(t.Context()); err != nil || logs[k.kept.Name()] != 0 {
		t.Errorf("%v entries, %v", logs, err)
	}
	k.asked(pathSearch, many(1000), wire.CodeOK, nil)
	r = k.to(pathSearch, goodSearch)
	r.rid = "privacy-only"
	k.expect(k.sign(r), wire.CodeOK)
}

func TestASearchThatFindsTooMuchSaysSo(t *testing.T) {
	a := start(t).refusal("", fmt.Errorf("%w", evidence.ErrTooMuch))
	if a.Code != wire.CodeField || !strings.Contains(a.Detail, "fewer days") {
		t.Errorf("%+v", a)
	}
}

// TestEvidenceIsForThoseWhoMayAloneAndNeverOverASession tries each call as each caller.
func TestEvidenceIsForThoseWhoMayAloneAndNeverOverASession(t *testing.T) {
	k := startKeeping(t)
	for path, c := range map[string]struct {
		body string
		may  []string
	}{
		pathKeys:        {goodDays, []string{"privacy", "privacy-only"}},
		pathSearch:      {goodSearch, []string{"privacy", "privacy-only"}},
		pathAsked:       {`{}`, []string{"privacy", "privacy-only"}},
		pathAnswerAsked: {k.answer("01FX2D0000ABCDEFGHJKMNPQRS"), []string{"privacy", "privacy-only"}},
		pathAsk:         {goodAsk, []string{"platform", "platform-2"}},
		pathAskedState:  {`{"id":"01FX2D0000ABCDEFGHJKMNPQRS"}`, []string{"platform", "platform-2"}},
	} {
		for i := range testParties(nil) {
			rid := testParties(nil)[i].ID
			if rid == "slow" {
				continue
			}
			r := k.to(path, c.body)
			r.rid = rid
			a := k.send(k.sign(r))
			may := strings.Contains(" "+strings.Join(c.may, " ")+" ", " "+rid+" ")
			if (a.Code != wire.CodeService.Code) != may {
				t.Errorf("%s as %s: %s", path, rid, a.body)
			}
		}
		secret, g := k.apply("officer", `{}`)
		r := over(secret, g, "officer")
		r.target, r.body = path, c.body
		k.expect(k.sign(r), wire.CodeSignType)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			r := k.to(path, c.body)
			r.method = method
			if a := k.expect(k.sign(r), wire.CodeMethod); !strings.Contains(a.header.Get("Allow"), "POST") {
				t.Errorf("%s: Allow %q", path, a.header.Get("Allow"))
			}
		}
		r = k.to(path, c.body)
		r.header.Set("Content-Type", "text/plain")
		k.expect(k.sign(r), wire.CodeMedia)
		r = k.to(path, c.body)
		r.header.Del("Content-Type")
		k.expect(k.sign(r), wire.CodeMedia)
		most := wire.MaxBody
		if path == pathAnswerAsked {
			most = wire.MaxAnswer
		}
		r = k.to(path, c.body+strings.Repeat(" ", most+1-len(c.body)))
		k.expect(k.sign(r), wire.CodeTooLarge)
		r = k.to(path, c.body+strings.Repeat(" ", most-len(c.body)))
		if a := k.send(k.sign(r)); a.Code == wire.CodeTooLarge.Code {
			t.Errorf("%s: %d bytes are too large", path, most)
		}
	}
	for _, service := range []string{"protect", "vouch", "prove"} {
		r := post(`{"services":["` + service + `"]}`)
		r.target = pathSessions
		k.expect(k.sign(r), wire.CodeService)
	}
}

func TestAPlaceIsReadAsItWasWritten(t *testing.T) {
	for _, p := range []place{{1646100000123, 7, 3, "node-1"}, {0, 0, 0, "a.b.c"}, {-1, 1<<64 - 1, 1<<32 - 1, strings.Repeat("x", 64)}} {
		if got, ok := parsePlace(p.String()); !ok || got != p {
			t.Errorf("%v: %v, %v", p, got, ok)
		}
	}
}

func FuzzPlace(f *testing.F) {
	f.Add("1646100000123.7.3.node-1")
	f.Add("0.0.0.a.b")
	f.Add("1.2.3")
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := parsePlace(text); ok && p.String() != text {
			t.Errorf("%q is %v", text, p)
		}
	})
}

func FuzzSearchBody(f *testing.F) {
	f.Add([]byte(goodSearch))
	f.Add([]byte(strings.Replace(goodSearch, `}]`, `}],"after":"1.2.3.node-1"`, 1)))
	f.Add([]byte(`{"case":"1","purpose":"p","people":[{"day":"2022-03-01","pseudonyms":["AA=="]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var q wire.Search
		if decode(body, &q) != nil {
			return
		}
		if _, err := checkSearch(&q); err != nil {
			return
		}
		wanted, err := wantedOf(q.People)
		if err != nil {
			return
		}
		all := 0
		for _, w := range wanted {
			if _, err := time.ParseInLocation(time.DateOnly, w.Day, standard.Zone); err != nil {
				t.Error(err)
			}
			all += len(w.Pseudonyms)
		}
		if all < 1 || all > wire.MaxPseudonyms {
			t.Errorf("%d pseudonyms", all)
		}
		e := proof.Entry{Kind: proof.Search, ID: "01FX2D0000ABCDEFGHJKMNPQRS", At: testTime, Party: "privacy", Purpose: q.Purpose, Case: q.Case}
		if _, err := proof.AppendEntry(nil, &e); err != nil {
			t.Errorf("what was taken cannot be kept: %v", err)
		}
	})
}
