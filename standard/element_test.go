package standard_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"tongma/standard"
)

// members lists the JSON members of a type as the table of elements writes them.
func members(of reflect.Type, prefix string, paths map[string]bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range of.NumField() {
		if !of.Field(i).IsExported() {
			continue
		}
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		path := prefix + name
		if of.Field(i).Type.Kind() == reflect.Slice && of.Field(i).Type.Elem().Kind() != reflect.Uint8 {
			path += "[]"
		}
		paths[path] = true
		members(of.Field(i).Type, path+".", paths)
	}
}

func TestEveryMemberHasAnElementAndEveryElementAMember(t *testing.T) {
	want := map[string]bool{}
	members(reflect.TypeFor[standard.Record](), "", want)
	members(reflect.TypeFor[standard.Verification](), "", want)
	got := map[string]bool{}
	names := map[string]string{}
	for _, e := range standard.Elements {
		if got[e.Path] {
			t.Errorf("%s has two rows", e.Path)
		}
		got[e.Path] = true
		if e.Name.Zh == "" || e.Name.En == "" || e.Format == "" || e.SeenBy == "" {
			t.Errorf("%s: the row has gaps: %+v", e.Path, e)
		}
		if other, is := names[e.Name.Zh]; is && !strings.HasSuffix(e.Path, ".zh") && !strings.HasSuffix(e.Path, ".en") {
			t.Errorf("%s and %s have the same name", e.Path, other)
		}
		names[e.Name.Zh] = e.Path
		if (e.Provenance == standard.FromStandard) != strings.HasPrefix(e.Clause, "GB/T 38962") {
			t.Errorf("%s: what is from the standard has its clause and nothing else has", e.Path)
		}
	}
	for path := range want {
		if !got[path] {
			t.Errorf("%s has no row", path)
		}
	}
	for path := range got {
		if !want[path] {
			t.Errorf("%s is no member", path)
		}
	}
}

func TestOnlyWhatIsPublicIsCalledTheStandards(t *testing.T) {
	var names []string
	for _, e := range standard.Elements {
		if e.Provenance == standard.FromStandard {
			names = append(names, e.Name.Zh)
		}
	}
	public := []string{"个人基本信息", "姓名", "性别", "国籍", "证件类型", "证件号码", "户籍区划", "区划内详细地址", "联系电话", "基础病史",
		"个人健康信息", "体温", "当前症状", "高风险地区"}
	if !slices.Equal(names, public) {
		t.Errorf("%v", names)
	}
}

// Both sides of this are ours, but written apart: the audiences of the table and the code of View.
func TestTheTableSaysWhoSeesWhat(t *testing.T) {
	order := []standard.Audience{standard.SeenByAll, standard.SeenByGate, standard.SeenByOfficer, standard.SeenByMedical}
	for i, role := range []standard.Role{standard.RolePlatform, standard.RoleGate, standard.RoleOfficer, standard.RoleMedical} {
		holder, health := fullRecord("李测试", "000000199001019901", "19900000001").View(standard.RolesOf(role))
		got := seen(t, standard.Verification{Holder: holder, Health: health})
		var want []string
		for _, e := range standard.Elements {
			if rank := slices.Index(order, e.SeenBy); rank > 0 && rank <= i {
				want = append(want, e.Path)
			}
		}
		sort.Strings(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, the table says %v", role, got, want)
		}
	}
}

// seen lists the members of holder and health that are in an answer.
func seen(t *testing.T, v standard.Verification) []string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	var paths []string
	var walk func(prefix string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			paths = append(paths, path)
			for name, v := range value {
				walk(path+"."+name, v)
			}
		case []any:
			paths = append(paths, path+"[]")
		default:
			paths = append(paths, path)
		}
	}
	for _, name := range []string{"holder", "health"} {
		if value, is := tree[name]; is {
			walk(name, value)
		}
	}
	sort.Strings(paths)
	return paths
}
