package descriptor

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// adapter is a descriptor with a host. Its tokens are its only state.
type adapter struct {
	*Descriptor
	host  adapters.Host
	cred  map[string]any
	unset string // a declared credential that is not configured
	kept  map[string]*tokenValues
	trace func(Event) // nil in a gateway

	random map[string]any
}

// Open connects the descriptor to a host. With a probe, the adapter is an [adapters.Prober] too.
func (d *Descriptor) Open(host adapters.Host) adapters.Adapter {
	a := d.open(host)
	if d.probe == nil {
		return a
	}
	return prober{a}
}

func (d *Descriptor) open(host adapters.Host) *adapter {
	a := &adapter{Descriptor: d, host: host, cred: map[string]any{}, kept: map[string]*tokenValues{}}
	for _, c := range d.info.Credentials {
		value, ok := host.Credential(c.Name)
		if !ok {
			a.unset = c.Name
		}
		a.cred[c.Name] = value
	}
	for name, t := range d.tokens {
		a.kept[name] = newTokenValues(t)
	}
	a.random = map[string]any{"hex": a.draw(alphabet[:16]), "digits": a.draw(alphabet[:10]), "alnum": a.draw(alphabet)}
	return a
}

// Forms implements [adapters.Adapter].
func (d *Descriptor) Forms() []adapters.Form {
	forms := make([]adapters.Form, len(d.forms))
	for i, f := range d.forms {
		forms[i] = f.Form
	}
	return forms
}

// WriteKey implements [adapters.Keyer]: the descriptor, the ticket, and what expressions read of the place, the caller and
// the operator. Each text stands behind its length, and whatever may be absent or many behind its number, so that two
// queries that differ in one of these never write the same.
func (d *Descriptor) WriteKey(w io.Writer, q *adapters.Query) {
	count := func(n int) {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(n))
		w.Write(b[:])
	}
	put := func(s string) {
		count(len(s))
		io.WriteString(w, s)
	}
	put(d.info.Digest)
	put(q.Ticket.Scan)
	put(string(q.Ticket.Bytes))
	if doc := q.Ticket.Document; doc == nil {
		count(0)
	} else {
		count(1)
		put(doc.Type)
		put(doc.Number)
		put(doc.Name)
	}
	for _, name := range d.inputs {
		if name != "place.ids" {
			put(input(q, name))
			continue
		}
		keys := make([]string, 0, len(q.Place.IDs))
		for k := range q.Place.IDs {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		count(len(keys))
		for _, k := range keys {
			put(k)
			put(q.Place.IDs[k])
		}
	}
}

// input gives a member of place, caller or operator by its name in the language.
func input(q *adapters.Query, name string) string {
	switch name {
	case "place.region":
		return q.Place.Region
	case "place.site":
		return q.Place.Site
	case "place.city":
		return q.Place.City
	case "place.cityName":
		return q.Place.CityName
	case "caller.id":
		return q.Caller.ID
	case "caller.device":
		return q.Caller.Device
	case "caller.scene":
		return q.Caller.Scene
	case "caller.purpose":
		return q.Caller.Purpose
	case "operator.id":
		return q.Operator.ID
	case "operator.name":
		return q.Operator.Name
	case "operator.department":
		return q.Operator.Department
	case "operator.phone":
		return q.Operator.Phone
	}
	return ""
}

// errRenew says that the backend refused the token that the call was made with.
type errRenew struct{ token string }

func (errRenew) Error() string { return "a token is to be renewed" }

// Verify implements [adapters.Adapter].
func (a *adapter) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if a.unset != "" {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonUnset, What: "credential " + a.unset + " is not configured"}
	}
	f := a.frame(ctx, q)
	defer f.done()
	until, err := f.expiry()
	if err != nil {
		return adapters.Result{}, err
	}
	if f.past(until) {
		return expired, nil
	}
	return a.ask(f, until)
}

// ask goes through the steps until one comes to an outcome.
func (a *adapter) ask(f *frame, until time.Time) (adapters.Result, error) {
	for i, st := range a.steps {
		if a.trace != nil {
			a.trace(Event{Kind: EventStep, Step: i + 1})
		}
		word, err := f.step(st)
		if err != nil {
			return adapters.Result{}, err
		}
		switch word {
		case "next":
		case "verified":
			for _, unreached := range a.steps[i+1:] {
				f.pass(unreached)
			}
			return f.verified(until)
		default:
			reason := reasons[word]
			return adapters.Result{Outcome: reason.Outcome(), Reason: reason, ObservedAt: f.asked}, nil
		}
	}
	return adapters.Result{}, fault("no step of verify came to an outcome")
}

// reasons are the words of outcome that end a verification without a record and without a fault.
var reasons = map[string]standard.ReasonCode{
	"expired": standard.ReasonScanExpired, "not_found": standard.ReasonNoHolder,
	"unrecognised": standard.ReasonNotIssued, "refused": standard.ReasonDeclined,
}

func fault(what string) *adapters.Fault {
	return &adapters.Fault{Reason: standard.ReasonFault, What: what}
}

// expired is the answer to a scan that says itself that its time has run out.
var expired = adapters.Result{Outcome: standard.Expired, Reason: standard.ReasonScanExpired}

// Screen implements [adapters.Screener]: a scan that has expired by its form needs no call.
func (a *adapter) Screen(q *adapters.Query) (adapters.Result, bool) {
	if a.forms[q.Ticket.Form].expires == nil {
		return adapters.Result{}, false
	}
	f := a.frame(context.Background(), q)
	defer f.done()
	until, err := f.expiry()
	return expired, err == nil && f.past(until)
}

// expiry asks the scan form itself until when the scan holds; zero if it does not say.
func (f *frame) expiry() (time.Time, error) {
	form := f.a.forms[f.q.Ticket.Form]
	if form.expires == nil {
		return time.Time{}, nil
	}
	v, err := f.eval(form.expires)
	if err != nil {
		return time.Time{}, err
	}
	until, ok := v.(time.Time)
	if !ok {
		return time.Time{}, operand{expr: form.expires}.fault("expires gave " + word(v))
	}
	return until, nil
}

// past says whether a validity has ended; one that is not said never ends.
func (f *frame) past(until time.Time) bool { return !until.IsZero() && !f.now().Before(until) }

// step runs one step and gives the word of the clause that held; a skipped step says next.
func (f *frame) step(st *step) (string, error) {
	if st.when != nil {
		run, err := f.holds(st.when)
		f.a.tellExpression(EventWhen, st.when, "", run, err)
		if err != nil {
			return "", err
		}
		if !run {
			f.pass(st)
			return "next", nil
		}
	}
	word, err := f.insist(st)
	if err != nil {
		return "", err
	}
	for _, b := range st.later {
		if err := f.bind(b); err != nil {
			return "", err
		}
	}
	return word, nil
}

// pass makes the names of a step that does not run nil, so that nothing computes them from another call's reply.
func (f *frame) pass(st *step) {
	for _, b := range st.scope {
		f.env[b.name], f.bound[b.index] = nil, true
	}
}

// maxAgain is how often a backend may ask for the same call once more.
const maxAgain = 2

// insist attempts a step until it is neither a new token nor another attempt that the backend asks for, within bounds.
func (f *frame) insist(st *step) (string, error) {
	renewed := false
	for again := 0; ; {
		word, err := f.attempt(st)
		if err == nil {
			return word, nil
		}
		var renew errRenew
		var asked errAgain
		switch {
		case errors.As(err, &renew) && !renewed:
			renewed = true
			if err := f.renew(renew.token); err != nil {
				return "", err
			}
		case errors.As(err, &asked) && again < maxAgain:
			again++
			if err := wait(f.ctx, asked.after); err != nil {
				return "", err
			}
		case errors.As(err, &renew):
			return "", fault("the backend refuses a token that it has just given")
		case errors.As(err, &asked):
			return "", fault("the backend keeps asking to try again")
		default:
			return "", err
		}
	}
}

// errAgain says that the backend asks for the same call once more, after some time.
type errAgain struct{ after time.Duration }

func (errAgain) Error() string { return "the backend asks to try again" }

// attempt makes the step's call, if it has one, and reads its outcome.
func (f *frame) attempt(st *step) (string, error) {
	for _, b := range st.scope {
		f.bound[b.index] = false
	}
	f.env["now"] = f.now()
	status := 200
	if st.call != nil {
		if f.asked.IsZero() {
			f.asked = f.now()
		}
		reply, err := f.send(st.call)
		if err != nil {
			return "", err
		}
		status = reply.Status
	}
	return f.outcome(st.outcome, status)
}

// outcome finds the first clause that holds. Outside 2xx a clause counts only if it reads http.status.
func (f *frame) outcome(clauses []clause, status int) (string, error) {
	for _, cl := range clauses {
		if (status < 200 || status > 299) && !cl.when.http {
			f.a.tellExpression(EventPassed, cl.when, cl.is, false, nil)
			continue
		}
		ok, err := f.holds(cl.when)
		f.a.tellExpression(EventClause, cl.when, cl.is, ok, err)
		if err != nil {
			return "", err
		}
		if ok {
			return f.clause(cl)
		}
	}
	return "", fault("no clause of outcome holds for an answer with HTTP status " + strconv.Itoa(status))
}

// clause turns the words that are not outcomes of a verification into errors.
func (f *frame) clause(cl clause) (string, error) {
	switch cl.is {
	case "renew":
		return "", errRenew{cl.token}
	case "busy", "quota":
		after, err := f.after(cl)
		if err != nil {
			after = 0 // HTTP allows a date as well: whatever cannot be read leaves the time unknown, and the backend busy
		}
		reason := standard.ReasonBusy
		if cl.is == "quota" {
			reason = standard.ReasonQuota
		}
		return "", &adapters.Fault{Reason: reason, RetryAfter: after, What: "the backend says so"}
	case "retry":
		after, err := f.after(cl)
		if err != nil {
			return "", err
		}
		return "", errAgain{after}
	}
	return cl.is, nil
}

// maxAfter bounds how long a backend can make a verification wait.
const maxAfter = 2 * time.Second

// after gives how long the backend asks to wait, a day at most: a time span, or seconds as Retry-After has them.
func (f *frame) after(cl clause) (time.Duration, error) {
	if cl.after == nil {
		return 0, nil
	}
	v, err := f.operand(*cl.after)
	if err != nil {
		return 0, err
	}
	const day = 24 * time.Hour
	switch v := v.(type) {
	case time.Duration:
		return min(max(v, 0), day), nil
	case int:
		return time.Duration(min(max(v, 0), int(day/time.Second))) * time.Second, nil
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return min(max(d, 0), day), nil
		}
		return 0, fault("after is not a time span")
	}
	return 0, fault("after gave " + word(v))
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(min(d, maxAfter))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &adapters.Fault{Reason: standard.ReasonTimeout, What: "while waiting to try again", Err: ctx.Err()}
	}
}

// verified makes the record.
func (f *frame) verified(until time.Time) (adapters.Result, error) {
	rec, expires, err := f.record()
	if err != nil {
		return adapters.Result{}, err
	}
	if until.IsZero() || !expires.IsZero() && expires.Before(until) {
		until = expires
	}
	if f.past(until) { // it ran out while the backend was being asked
		return adapters.Result{Outcome: standard.Expired, Reason: standard.ReasonScanExpired, ObservedAt: f.asked}, nil
	}
	return adapters.Result{Outcome: standard.Verified, Record: rec, ObservedAt: f.asked, ValidUntil: until}, nil
}
