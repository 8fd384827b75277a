package descriptor

import (
	"encoding/hex"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"tongma/adapters"
	"tongma/standard"
	"tongma/standard/sm"
)

// The files of a system's folder.
const (
	File     = "adapter.yaml"
	Fixtures = "fixtures.yaml"
)

// Descriptor (适配描述) is a compiled descriptor. It is immutable and holds no connection; [Descriptor.Open] makes an adapter of it.
type Descriptor struct {
	info     adapters.Info
	forms    []form
	tokens   map[string]*token
	steps    []*step
	bindings int // of all steps, tokens and the record
	record   *record
	statuses map[string]statusRow
	tables   map[string]any
	inputs   []string        // what expressions read of place, caller and operator
	reads    map[string]bool // all names that they read, and the first parts of dotted ones: a run makes no others
	probe    *probe
}

// form is a scan form with what the descriptor says of it.
type form struct {
	adapters.Form
	expires    *expression
	provenance string
}

// step is one step of verify.
type step struct {
	when    *expression
	call    *call // nil: nothing is sent
	scope   []*binding
	later   []*binding // those of scope that something after this step needs
	outcome []clause
}

// call is a compiled HTTP call.
type call struct {
	method, endpoint string
	path             []part
	query, headers   []field
	body             body
}

// part is a piece of a path: a literal, or one segment's value.
type part struct {
	literal string
	value   *expression
}

type field struct {
	name  string
	value operand
}

// body is what a call sends: at most one member is set.
type body struct {
	json            *jsonBody
	form, multipart []field
	raw             *operand
}

// jsonBody is a JSON value with operands for leaves.
type jsonBody struct {
	leaf   *operand
	object []jsonMember
	array  []*jsonBody
	isMap  bool
}

type jsonMember struct {
	name  string
	value *jsonBody
}

type clause struct {
	when  *expression
	is    string
	token string
	after *operand
}

// token is what must be fetched before a call.
type token struct {
	name            string
	per             *operand // one value is kept for each text that it gives; nil: one for all
	obtain, renewal *tokenCall
	lives, renew    time.Duration
}

type tokenCall struct {
	call           *call
	scope          []*binding
	outcome        []clause
	value, expires *expression
}

type record struct {
	check, expires  *expression
	status          *operand // nil: the system has none
	system, subject *operand
	members         []member
	others          *others
	trips           *trips
}

type member struct {
	path  string
	into  func(*standard.Record, any) error
	value operand
}

type others struct {
	of     *expression
	region *operand
	status operand
}

type trips struct {
	of            *expression
	region, place *operand
	at            *expression
}

type probe struct {
	scan *operand
	is   map[string]bool
}

// Load reads and compiles the descriptor in a folder. Its error is [Findings] when the file is there and something is wrong
// with it.
func Load(fsys fs.FS, dir string) (*Descriptor, error) {
	name := path.Join(dir, File)
	src, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	return Parse(name, src)
}

// readFile reads a file of at most maxFile bytes; of a longer one, it gives one byte more.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse compiles a descriptor; name stands for the file in findings.
func Parse(name string, src []byte) (*Descriptor, error) {
	r := &reader{collector: collector{file: name}}
	root := r.document(src)
	if root == nil {
		return nil, r.err()
	}
	s := r.spec(root)
	if err := r.err(); err != nil {
		return nil, err
	}
	c := newCompiler(r.collector, s)
	d := c.descriptor()
	if err := c.err(); err != nil {
		return nil, err
	}
	sum := sm.Sum(slices.Concat(src, s.dialectSource()))
	d.info.Digest = hex.EncodeToString(sum[:])
	return d, nil
}

// Info says what the system is and needs.
func (d *Descriptor) Info() adapters.Info { return d.info }
