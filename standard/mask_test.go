package standard_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tongma/standard"
)

func TestMaskingOfTheVectors(t *testing.T) {
	v, _ := readIdentity(t)
	for _, c := range []struct {
		what  string
		mask  func(string) string
		cases []masked
	}{
		{"MaskName", standard.MaskName, v.Masking.Names},
		{"MaskIDNumber", standard.MaskIDNumber, v.Masking.IDNumbers},
		{"MaskPhone", standard.MaskPhone, v.Masking.Phones},
	} {
		if len(c.cases) == 0 {
			t.Errorf("no vectors for %s", c.what)
		}
		for _, m := range c.cases {
			if got := c.mask(m.Input); got != m.Masked {
				t.Errorf("%s(%q) = %q, want %q", c.what, m.Input, got, m.Masked)
			}
		}
	}
}

func TestMaskingOfWhatTheVectorsLeaveOpen(t *testing.T) {
	for _, c := range []struct{ what, got, want string }{
		{"an empty name", standard.MaskName(""), ""},
		{"a name that is not UTF-8", standard.MaskName("\xe5\xbc\xff"), "\ufffd*\ufffd"},
		{"an empty number", standard.MaskIDNumber(""), ""},
		{"a number of 1", standard.MaskIDNumber("1"), "*"},
		{"a number of 2", standard.MaskIDNumber("12"), "**"},
		{"an empty phone", standard.MaskPhone(""), ""},
		{"a phone of 8", standard.MaskPhone("00000000"), "********"},
		{"a phone with a country code", standard.MaskPhone("+8619900000001"), "**************"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestMaskingAgainRevealsNothingMore(t *testing.T) {
	masks := []func(string) string{standard.MaskName, standard.MaskIDNumber, standard.MaskPhone}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 30, -1).Draw(t, "text")
		mask := rapid.SampledFrom(masks).Draw(t, "mask")
		once := mask(text)
		if twice := mask(once); twice != once {
			t.Fatalf("%q then %q", once, twice)
		}
		full, hidden := []rune(text), []rune(once)
		if len(full) != len(hidden) {
			t.Fatalf("%q has another length than %q", once, text)
		}
		if len(full) > 0 && !strings.Contains(once, "*") {
			t.Fatalf("%q hides nothing", once)
		}
		for i := range hidden {
			if hidden[i] != '*' && hidden[i] != full[i] {
				t.Fatalf("%q has something that %q has not", once, text)
			}
		}
	})
}

// fullRecord has every member that a record can have.
func fullRecord(name, number, phone string) *standard.Record {
	at := time.Date(2022, 3, 1, 8, 30, 0, 0, standard.Zone)
	return &standard.Record{
		Status: standard.Green,
		System: standard.System{ID: "suishen", Name: "随申码", Region: "310000", Status: "00", Colour: "green", Text: "绿码", Provenance: standard.FromObserved},
		Holder: standard.Holder{Name: name, Sex: "1", Nationality: "156", IDType: "01", IDNumber: number, Region: "310104",
			Address: "测试路1号", Phone: phone, History: []string{"02"}},
		Health: standard.Health{Temperature: "36.5", Symptoms: []string{"1"}, RiskAreas: []string{"无"},
			Nucleic:  &standard.Test{Result: standard.TestNegative, SampledAt: at, Institution: "测试医院"},
			Antibody: &standard.Test{Result: standard.TestUnknown, SampledAt: at, Institution: "测试医院"},
			Vaccine:  &standard.Vaccine{Doses: 2, LastAt: "2021-08-01"}},
		Trips:   []standard.Trip{{Region: "330100", Place: "测试站", At: at}},
		Others:  []standard.Other{{System: "hangzhou", Region: "330100", Status: standard.Yellow}},
		Subject: "subject-1",
	}
}

func TestViewGivesEachRoleWhatItNeeds(t *testing.T) {
	r := fullRecord("李测试", "000000199001019901", "19900000001")
	name := &standard.Holder{Name: "李*试"}
	number := &standard.Holder{Name: "李*试", IDType: "01", IDNumber: "000***********9901"}
	for _, c := range []struct {
		roles  standard.Roles
		holder *standard.Holder
		health bool
	}{
		{0, nil, false},
		{standard.RolesOf(standard.RolePlatform), nil, false},
		{standard.RolesOf(standard.RoleTester, standard.RoleOperator, standard.RolePrivacy), nil, false},
		{standard.RolesOf(standard.RoleGate), name, false},
		{standard.RolesOf(standard.RoleOfficer), number, false},
		{standard.RolesOf(standard.RoleGate, standard.RoleOfficer), number, false},
		{standard.RolesOf(standard.RoleMedical), number, true},
	} {
		holder, health := r.View(c.roles)
		if !reflect.DeepEqual(holder, c.holder) || (health != nil) != c.health || c.health && !reflect.DeepEqual(*health, r.Health) {
			t.Errorf("%v: %+v %+v", c.roles, holder, health)
		}
	}
	var empty standard.Record
	if holder, health := empty.View(standard.RolesOf(standard.RoleMedical)); holder != nil || health != nil {
		t.Errorf("an empty record shows %v %v", holder, health)
	}
}

func TestNoRoleSeesANumberOrPhone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[测试甲乙丙·]{1,20}`).Draw(t, "name")
		number := rapid.StringMatching(`[0-9A-Z]{8,20}`).Draw(t, "number")
		phone := rapid.StringMatching(`1[0-9]{6,12}`).Draw(t, "phone")
		roles := standard.Roles(rapid.Byte().Draw(t, "roles"))
		holder, health := fullRecord(name, number, phone).View(roles)
		text, err := json.Marshal([]any{holder, health})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{`"` + name + `"`, number, phone, "测试路", "subject-1", "测试站"} {
			if strings.Contains(string(text), secret) {
				t.Fatalf("%v sees %q in %s", roles, secret, text)
			}
		}
	})
}

func TestRolesAreReadByName(t *testing.T) {
	all, err := standard.ParseRoles("platform", "gate", "officer", "medical", "tester", "operator", "privacy")
	if err != nil || all.String() != "platform,gate,officer,medical,tester,operator,privacy" {
		t.Errorf("%v, %v", all, err)
	}
	some, err := standard.ParseRoles("officer", "gate", "gate")
	if err != nil || !some.Has(standard.RoleGate) || !some.Has(standard.RoleOfficer) || some.Has(standard.RoleMedical) {
		t.Errorf("%v, %v", some, err)
	}
	if none, err := standard.ParseRoles(); err != nil || none != 0 {
		t.Errorf("%v, %v", none, err)
	}
	for _, name := range []string{"", "Officer", "admin", "gate,officer"} {
		if roles, err := standard.ParseRoles("gate", name); err == nil || roles != 0 {
			t.Errorf("%q: %v, %v", name, roles, err)
		}
	}
}
