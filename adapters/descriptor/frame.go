package descriptor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/vm"

	"tongma/adapters"
)

// frame is one run of a descriptor: the values of all names, and the machine that runs its expressions.
type frame struct {
	a      *adapter
	ctx    context.Context
	q      *adapters.Query // nil for a token's call
	env    map[string]any
	bound  []bool                    // which bindings have their values in env
	groups map[string]map[string]any // those of env whose members are of this run: nothing else can hold a group
	tokens map[string]any            // env["token"]
	used   map[string]usedToken      // the tokens that the last call used
	asked  time.Time                 // when the first call of verify began
	budget budget
	vm     vm.VM
}

// frames are kept for the room that they have. All adapters share them, so that those in use are few and stay near the processor.
var frames = sync.Pool{New: func() any {
	return &frame{env: map[string]any{}, groups: map[string]map[string]any{}, used: map[string]usedToken{}}
}}

// group gives a group of names, which has its members until the run is done.
func (f *frame) group(name string) map[string]any {
	g := f.groups[name]
	if g == nil {
		g = map[string]any{}
		f.groups[name] = g
	}
	f.env[name] = g
	return g
}

// frame makes the names of a verification that its expressions read; of a token's call, when q is nil.
func (a *adapter) frame(ctx context.Context, q *adapters.Query) *frame {
	f := frames.Get().(*frame)
	f.a, f.ctx, f.q = a, ctx, q
	f.bound = append(f.bound[:0], make([]bool, a.bindings)...)
	f.env["cred"], f.env["tables"], f.env["random"], f.env["uuid"] = a.cred, a.tables, a.random, a.uuid
	f.env["now"] = f.now()
	f.budget.left = maxWork
	f.env[budgetName] = &f.budget
	if q == nil {
		return f
	}
	f.tokens, f.env["scan"] = f.group("token"), nil
	if q.Ticket.Document == nil && q.Ticket.Bytes == nil {
		f.env["scan"] = q.Ticket.Scan
	}
	f.ticket()
	f.surroundings()
	return f
}

// done keeps the frame for another run, without anything of this one.
func (f *frame) done() {
	clear(f.env)
	for _, g := range f.groups {
		clear(g)
	}
	clear(f.used)
	clear(f.vm.Stack[:cap(f.vm.Stack)])
	f.a, f.ctx, f.q, f.asked = nil, nil, nil, time.Time{}
	frames.Put(f)
}

// surroundings makes what is read of where, by whom and for whom is verified.
func (f *frame) surroundings() {
	for _, name := range f.a.inputs {
		group, member, _ := strings.Cut(name, ".")
		if name == "place.ids" {
			f.group(group)[member] = f.ids()
			continue
		}
		f.group(group)[member] = input(f.q, name)
	}
}

func (f *frame) ids() map[string]any {
	ids := make(map[string]any, len(f.q.Place.IDs))
	for k, v := range f.q.Place.IDs {
		ids[k] = v
	}
	return ids
}

func (f *frame) now() time.Time { return f.a.host.Now() }

func (f *frame) ticket() {
	t := f.group("ticket")
	for name, value := range f.q.Ticket.Fields {
		if !slices.Contains(documentNames, name) { // whoever makes a JSON scan chooses its keys
			t[name] = value
		}
	}
	if d := f.q.Ticket.Document; d != nil {
		t["document"], t["documentType"], t["name"] = d.Number, d.Type, d.Name
	}
}

// alphabet is what random text is made of: digits, hex and alnum are beginnings of it.
const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// draw makes random text of an alphabet, each letter equally likely. Like the functions that operators are replaced by, it panics
// with a [plainError].
func (a *adapter) draw(letters string) func(int) string {
	return func(n int) string {
		if n < 1 || n > 1024 {
			panic(plain("random: from 1 to 1024 characters"))
		}
		out := make([]byte, 0, n)
		limit := 256 - 256%len(letters)
		buf := make([]byte, n)
		for len(out) < n {
			a.host.Random(buf)
			for _, b := range buf {
				if int(b) < limit && len(out) < n {
					out = append(out, letters[int(b)%len(letters)])
				}
			}
		}
		return string(out)
	}
}

// uuid makes a random one.
func (a *adapter) uuid() string {
	var b [16]byte
	a.host.Random(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// eval runs an expression, after the tokens and names that it needs.
func (f *frame) eval(e *expression) (any, error) {
	for _, name := range e.tokens {
		if err := f.fetch(name); err != nil {
			return nil, err
		}
	}
	for _, b := range e.needs {
		if err := f.bind(b); err != nil {
			return nil, err
		}
	}
	return f.run(e)
}

// bind gives a name its value, unless it has one.
func (f *frame) bind(b *binding) error {
	if f.bound[b.index] {
		return nil
	}
	v, err := f.operand(b.value)
	f.a.tellBound(b, v, err)
	if err != nil {
		return err
	}
	f.env[b.name], f.bound[b.index] = v, true
	return nil
}

// run runs an expression whose names all have values. A failure tells the place, never a value.
func (f *frame) run(e *expression) (any, error) {
	v, err := e.run(&f.vm, f.env)
	if err == nil {
		return v, nil
	}
	var failed failure
	if errors.As(err, &failed) {
		return nil, operand{expr: e}.fault(fmt.Sprintf("%s:%d:%d: %s", e.source.in(), failed.at.line, failed.at.column, failed.what))
	}
	return nil, err
}

func (f *frame) operand(o operand) (any, error) {
	if o.expr != nil {
		return f.eval(o.expr)
	}
	return o.literal, nil
}

// holds evaluates a condition.
func (f *frame) holds(e *expression) (bool, error) {
	if e.always != nil {
		return *e.always, nil
	}
	v, err := f.eval(e)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, operand{expr: e}.fault("a condition gave " + word(v))
	}
	return b, nil
}

// textOf evaluates an operand that must be text for a URL, a header or a form.
func (f *frame) textOf(o operand, what string) (string, error) {
	v, err := f.operand(o)
	if err != nil {
		return "", err
	}
	s, err := sink(v)
	if err != nil {
		return "", o.fault(what + ": " + err.Error())
	}
	return s, nil
}
