package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/node"
	"tongma/standard"
)

func adapterListCommand() *cobra.Command {
	var asJSON, asMap bool
	lang := spoken()
	cmd := &cobra.Command{
		Use:   "list [DIR...]",
		Short: "List the built-in systems, and those in DIR",
		Long: `Lists the systems: id, name, home region, recognition mode, provenance, version, state, and what they cover. The
mode (互认方式) is 1 where the system's backend is asked (shared data), 2 where codes are converted, 3 for the national code
itself. The state is built in, or the folder that the adapter is in.

--map lists the 34 provincial-level divisions of GB/T 2260 instead, with the systems of each, and names the gaps.`,
		Example: "  tongma adapter list\n  tongma adapter list --map --lang zh\n  tongma adapter list --json | jq -r '.[].system'\n" +
			"  tongma adapter list --map --json | jq -r '.[] | select(.gap) | .name'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(languages, lang) {
				return misuse("languages are "+strings.Join(languages, ", "), "no language %q", lang)
			}
			list, err := listedAdapters(args)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case asMap && asJSON:
				return printJSON(out, mapOf(list))
			case asMap:
				printMap(out, mapOf(list), lang)
			case asJSON:
				return printJSON(out, list)
			default:
				printAdapters(out, list, lang)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&asMap, "map", false, "list the provinces and what is there of each")
	cmd.Flags().StringVar(&lang, "lang", lang, "`LANGUAGE` of the table: zh or en")
	mustComplete(cmd, "lang", languages)
	return cmd
}

// listedAdapter is what adapter list says of a system.
type listedAdapter struct {
	System      string   `json:"system"`
	Name        string   `json:"name"`
	NameEn      string   `json:"nameEn"`
	Region      string   `json:"region"`
	Further     []string `json:"further,omitempty"` // systems that the same backend answers for
	Mode        int      `json:"mode"`
	Dialect     string   `json:"dialect,omitempty"` // that it shares with others
	Version     string   `json:"version"`
	State       string   `json:"state"` // "built in", or its folder
	Provenance  string   `json:"provenance"`
	Covers      []string `json:"covers"`    // colour or what it gives instead, scan, document and its types
	Synthetic   []string `json:"synthetic"` // what in the dialect is invented
	Sources     []string `json:"sources"`
	Credentials []string `json:"credentials"`
	Digest      string   `json:"digest"`
}

// builtInState is the state of what comes with Tongma.
const builtInState = "built in"

// listedAdapters gives the built-in systems and those of folders.
func listedAdapters(dirs []string) ([]listedAdapter, error) {
	builtin, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	list := []listedAdapter{}
	for _, d := range builtin {
		list = append(list, listingOf(d, builtInState))
	}
	for _, dir := range dirs {
		d, err := descriptor.Load(os.DirFS(dir), ".")
		if err != nil {
			return nil, fail(fmt.Errorf("%s: %w", dir, err), "see `tongma adapter lint "+dir+"`")
		}
		list = append(list, listingOf(d, dir))
	}
	return list, nil
}

func listingOf(d adapters.Dialect, state string) listedAdapter {
	i := d.Info()
	a := listedAdapter{
		System: i.System, Name: i.Name.Zh, NameEn: i.Name.En, Region: i.Region, Mode: i.Mode, Dialect: i.Dialect, Version: i.Version, State: state,
		Provenance: string(i.Provenance), Covers: covered(d), Synthetic: i.Synthetic, Sources: i.Sources, Digest: i.Digest,
	}
	for _, s := range i.Systems {
		a.Further = append(a.Further, s.ID)
	}
	for _, c := range i.Credentials {
		a.Credentials = append(a.Credentials, c.Name)
	}
	return a
}

// covered says what a system tells and what it is asked about.
func covered(d adapters.Dialect) []string {
	covers := d.Info().Gives
	if len(covers) == 0 {
		covers = []string{"colour"}
	}
	covers = slices.Clone(covers)
	described, ok := d.(interface{ Forms() []adapters.Form })
	if !ok {
		return covers
	}
	scan, documents := false, []string{}
	for _, f := range described.Forms() {
		scan = scan || f.Document == nil
		documents = append(documents, f.Document...)
	}
	if scan {
		covers = append(covers, "scan")
	}
	if len(documents) > 0 {
		covers = append(covers, "document "+strings.Join(documents, " "))
	}
	return covers
}

// coverWords are the words of covers in Chinese.
var coverWords = strings.NewReplacer("colour", "码色", "nucleic", "核酸", "antibody", "抗体", "vaccine", "疫苗", "scan", "扫码", "document", "证件", builtInState, "内置")

func coverText(words []string, by, lang string) string {
	text := strings.Join(words, by)
	if lang == "zh" {
		return coverWords.Replace(text)
	}
	return text
}

func printAdapters(out io.Writer, list []listedAdapter, lang string) {
	headings := []string{"SYSTEM", "NAME", "REGION", "MODE", "PROVENANCE", "VERSION", "STATE", "COVERS"}
	if lang == "zh" {
		headings = []string{"系统", "名称", "地区", "互认方式", "依据", "版本", "状态", "覆盖"}
	}
	var rows [][]string
	for _, a := range list {
		state := coverText([]string{a.State}, "", lang)
		if a.State != builtInState {
			state = a.State
		}
		rows = append(rows, []string{a.System, a.Name, a.Region, strconv.Itoa(a.Mode), a.Provenance, a.Version, state, coverText(a.Covers, ", ", lang)})
	}
	printTable(out, headings, rows)
}

// mapped is a provincial-level division, or the whole country, with what there is of it.
type mapped struct {
	Region  string         `json:"region,omitempty"` // "" for the whole country
	Name    string         `json:"name"`
	Systems []mappedSystem `json:"systems"`
	Gap     string         `json:"gap,omitempty"` // what is missing: none, colour, protocol
}

type mappedSystem struct {
	System     string   `json:"system"`
	Name       string   `json:"name"`
	Region     string   `json:"region"`
	Mode       int      `json:"mode"`
	Provenance string   `json:"provenance"`
	Colour     bool     `json:"colour"` // false: it gives tests alone
	Further    []string `json:"further,omitempty"`
	Shared     bool     `json:"shared"` // it is asked through the national interface, its own protocol not being public
}

// The gaps of a division.
const (
	gapNone     = "none"     // there is no system at all
	gapColour   = "colour"   // nobody gives a colour
	gapProtocol = "protocol" // no protocol of any of its systems is public: all is invented
)

var gapWords = map[string]standard.Text{
	gapNone:     {Zh: "没有健康码系统", En: "no system"},
	gapColour:   {Zh: "没有码色", En: "no colour"},
	gapProtocol: {Zh: "协议未公开，经国家接口，均为虚构", En: "no public protocol: the national interface, synthetic"},
}

// mapOf puts the systems where they are at home. The national code is nobody's.
func mapOf(list []listedAdapter) []mapped {
	nation := mapped{Name: "全国", Systems: []mappedSystem{}}
	provinces := []mapped{nation}
	for code := 11; code <= 82; code++ {
		if r, ok := standard.LookupRegion(strconv.Itoa(code) + "0000"); ok {
			provinces = append(provinces, mapped{Region: r.Code, Name: r.Name, Systems: []mappedSystem{}})
		}
	}
	for _, a := range list {
		s := mappedSystem{a.System, a.Name, a.Region, a.Mode, a.Provenance, slices.Contains(a.Covers, "colour"), a.Further, a.Dialect != ""}
		at := 0
		if home, ok := standard.Province(a.Region); ok && a.Mode != 3 {
			at = slices.IndexFunc(provinces, func(m mapped) bool { return m.Region == home.Code })
		}
		provinces[at].Systems = append(provinces[at].Systems, s)
	}
	for i := range provinces {
		provinces[i].Gap = provinces[i].gap()
	}
	return provinces
}

func (m *mapped) gap() string {
	switch {
	case len(m.Systems) == 0:
		return gapNone
	case !slices.ContainsFunc(m.Systems, func(s mappedSystem) bool { return s.Colour }):
		return gapColour
	case !slices.ContainsFunc(m.Systems, func(s mappedSystem) bool { return s.Colour && !s.Shared }):
		return gapProtocol
	}
	return ""
}

func printMap(out io.Writer, provinces []mapped, lang string) {
	headings := []string{"REGION", "NAME", "SYSTEMS", "GAP"}
	if lang == "zh" {
		headings = []string{"地区", "名称", "系统", "缺口"}
	}
	var rows [][]string
	count := map[string]int{}
	for _, m := range provinces {
		var names []string
		for _, s := range m.Systems {
			names = append(names, s.Name+" "+strings.Join(append([]string{s.System}, s.Further...), " + "))
		}
		rows = append(rows, []string{m.Region, m.Name, strings.Join(names, ", "), say(gapWords[m.Gap], lang)})
		if m.Region != "" {
			count[m.Gap]++
		}
	}
	printTable(out, headings, rows)
	total := standard.Text{
		Zh: "\n%d 个省级地区：%d 个有公开协议可依，%d 个经国家接口（虚构），%d 个只有核酸，%d 个没有系统\n",
		En: "\n%d provincial-level divisions: %d by what is publicly known, %d by the national interface (synthetic), %d with tests alone, %d without a system\n",
	}
	fmt.Fprintf(out, say(total, lang), len(provinces)-1, count[""], count[gapProtocol], count[gapColour], count[gapNone])
}
