package policy

import (
	"embed"
	"io"
	"os"
	"path"
	"strings"
	"sync"
)

//go:embed rules/*.yaml
var shipped embed.FS

// Shipped gives the names of the files of rules that are part of Tongma, in their order.
func Shipped() []string {
	entries, err := shipped.ReadDir("rules")
	if err != nil {
		panic(err) // they are embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Source gives one of the [Shipped] files as it is written, and says whether there is one of that name.
func Source(name string) ([]byte, bool) {
	src, err := shipped.ReadFile(path.Join("rules", name+".yaml"))
	return src, err == nil
}

// nationalFile is the national default.
var nationalFile = sync.OnceValue(func() *File {
	src, _ := Source("default")
	f, err := Parse("default.yaml", src)
	if err != nil {
		panic("the national default rules are wrong: " + err.Error()) // a test reads them
	}
	return f
})

// National gives the national default rules alone.
var National = sync.OnceValue(func() *Set {
	s, err := Load()
	if err != nil {
		panic("the national default rules are wrong: " + err.Error()) // a test loads them
	}
	return s
})

// Read reads a file of rules, or the [Shipped] one of that name. The error is [strict.Findings] unless the file cannot be read.
func Read(path string) (*File, error) {
	if src, ok := Source(path); ok && !strings.ContainsAny(path, `./\`) {
		return Parse(path, src)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1)) // one byte too many is a finding
	if err != nil {
		return nil, err
	}
	return Parse(path, src)
}
