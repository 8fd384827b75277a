package descriptor

import (
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"
)

// runWithin runs an expression with a budget, as a run of a descriptor does.
func runWithin(t *testing.T, src string, names map[string]any, b *budget) error {
	t.Helper()
	e, err := compileOver(src, names)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]any{budgetName: b}
	for name, v := range names {
		env[name] = v
	}
	_, err = e.run(&vm.VM{}, env)
	return err
}

func TestAllThatAVerificationComputesIsBounded(t *testing.T) {
	thousand := make([]any, maxList)
	for i := range thousand {
		thousand[i] = "x"
	}
	large := strings.Repeat("a", maxText-10)
	names := map[string]any{"l": thousand, "big": large, "half": []byte(large[:maxText/2]), "line": large[:1000], "key": testRSA, "text": `[` + strings.Repeat(`"",`, 40000) + `""]`}
	for _, src := range []string{
		`map(l, # + big)`,
		`map(l, sha256(big))`,
		`all(l, sha256(big) != #)`,
		`map(l, hmac("sm3", big, #))`,
		`map(l, base64(half))`,
		`map(l, rsaprivate(key, "x"))`,
		`map(l, rsasign("sha256", key, "x"))`,
		`map(l, join(l, line))`,
	} {
		began := time.Now()
		err := runWithin(t, src, names, &budget{maxWork})
		if err == nil || !strings.Contains(err.Error(), "too much is computed") {
			t.Errorf("%s: %v", src, err)
		}
		if took := time.Since(began); took > 20*time.Second { // a minute and more without a bound
			t.Errorf("%s took %v", src, took)
		}
	}
}

// One budget is for all expressions of a run: names that are made of each other cannot multiply.
func TestABudgetIsForAllOfARun(t *testing.T) {
	names := map[string]any{"big": strings.Repeat("a", 100<<10)}
	b := &budget{maxWork}
	n := 0
	for ; n < 1000; n++ {
		if err := runWithin(t, `big + "x"`, names, b); err != nil {
			break
		}
	}
	if n < 100 || n >= maxWork/(100<<10) {
		t.Errorf("%d texts of 100 KiB within a budget of %d MiB", n, maxWork>>20)
	}
}

func TestWhatIsUsualCostsLittle(t *testing.T) {
	list := make([]any, 100)
	for i := range list {
		list[i] = map[string]any{"status": "00", "at": "2022-01-23"}
	}
	b := &budget{maxWork}
	names := map[string]any{"l": list, "body": []byte(`{"code":"0","data":"{\"type\":\"00\"}"}`)}
	for _, src := range []string{`json(json(body).data).type`, `count(l, .status == "00" && .at startsWith "2022")`, `upper(sha256(text(body)))`} {
		if err := runWithin(t, src, names, b); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
	if spent := maxWork - b.left; spent > maxWork/100 {
		t.Errorf("%d bytes are spent", spent)
	}
}

func TestNoDescriptorNamesTheBudget(t *testing.T) {
	for _, src := range []string{"_budget", "text(_budget)", "_list(l)", "_plus(l, l)"} {
		if _, err := compileOver(src, map[string]any{"l": []any{}}); err == nil {
			t.Errorf("%s is taken", src)
		}
	}
}
