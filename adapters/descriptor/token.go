package descriptor

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tongma/adapters"
	"tongma/standard"
)

// maxKept bounds how many values of a token with per are kept at once; who asks for one more than that makes the one forgotten
// that has not been used for longest.
const maxKept = 16384

// tokenValues keeps a token's values: one, or one for each text that per gives.
type tokenValues struct {
	*token
	single *keptToken
	each   *lru.Cache[string, *keptToken]
	start  func(*keptToken) // if there is one, sees each value before it is used
}

func newTokenValues(t *token) *tokenValues {
	v := &tokenValues{token: t}
	if t.per == nil {
		v.single = newKeptToken(t, "")
		return v
	}
	v.each, _ = lru.New[string, *keptToken](maxKept) // its one error is a size below 1
	return v
}

// of gives the value that is kept for a text of per.
func (v *tokenValues) of(per string) *keptToken {
	k := v.single
	if v.each != nil {
		k, _ = v.each.Get(per)
	}
	if k == nil {
		k = newKeptToken(v.token, per)
		if other, ok, _ := v.each.PeekOrAdd(per, k); ok {
			k = other
		}
	}
	if v.start != nil {
		v.start(k)
	}
	return k
}

// give makes each value what a fixture says, as if it had been fetched now.
func (v *tokenValues) give(value any, now time.Time) {
	v.start = func(k *keptToken) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.generation == 0 {
			k.value, k.generation, k.fetched, k.expires = value, 1, now, now.Add(time.Hour)
		}
	}
}

// keptToken is the current value of a token. One fetch runs at a time; whoever else needs the token waits for it.
type keptToken struct {
	*token
	key      string        // what per gave
	fetching chan struct{} // holds one element while nobody fetches

	mu         sync.Mutex
	value      any
	generation uint64 // 0: never fetched
	fetched    time.Time
	expires    time.Time
	refused    bool // the backend refused this generation
}

func newKeptToken(t *token, key string) *keptToken {
	k := &keptToken{token: t, key: key, fetching: make(chan struct{}, 1)}
	k.fetching <- struct{}{}
	return k
}

// tokenFetch bounds the fetch of a token, which goes on when the caller that began it has left.
const tokenFetch = 10 * time.Second

// state says what is to be done at a time: whether the value may be used, and whether it should be fetched anew.
func (k *keptToken) state(now time.Time) (value any, generation uint64, good, due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	good = k.generation > 0 && !k.refused && now.Before(k.expires)
	due = !good || k.renew > 0 && now.Sub(k.fetched) >= k.renew
	return k.value, k.generation, good, due
}

// fetch makes a token's value known to this frame.
func (f *frame) fetch(name string) error {
	if _, ok := f.tokens[name]; ok {
		return nil
	}
	values := f.a.kept[name]
	per, err := f.per(values.token)
	if err != nil {
		return err
	}
	k := values.of(per)
	value, generation, err := f.a.token(f.ctx, k)
	f.a.tell(EventToken, name, value, err)
	if err != nil {
		return err
	}
	f.tokens[name], f.used[name] = value, usedToken{k, generation}
	return nil
}

// per gives the text that a token is kept for.
func (f *frame) per(t *token) (string, error) {
	if t.per == nil {
		return "", nil
	}
	what := "per of token " + t.name
	per, err := f.textOf(*t.per, what)
	if err == nil && per == "" {
		err = t.per.fault(what + " gave nothing")
	}
	return per, err
}

// usedToken is the generation of a value that a call was made with.
type usedToken struct {
	*keptToken
	generation uint64
}

// renew fetches a new token, unless somebody has done so since this frame read it.
func (f *frame) renew(name string) error {
	if used, ok := f.used[name]; ok {
		used.mu.Lock()
		if used.keptToken.generation == used.generation {
			used.refused = true
		}
		used.mu.Unlock()
	}
	delete(f.tokens, name)
	return f.fetch(name)
}

// token gives a good value, fetching one if there is none. A value that is good but due is used while one caller renews it.
func (a *adapter) token(ctx context.Context, k *keptToken) (any, uint64, error) {
	for {
		value, generation, good, due := k.state(a.host.Now())
		if !due {
			return value, generation, nil
		}
		if good {
			select {
			case <-k.fetching:
				go a.refetch(ctx, k, make(chan error, 1))
			default:
			}
			return value, generation, nil
		}
		select {
		case <-k.fetching:
		case <-ctx.Done():
			return nil, 0, waitedFor(ctx, k)
		}
		if _, _, good, _ := k.state(a.host.Now()); good { // somebody else has fetched it meanwhile
			k.fetching <- struct{}{}
			continue
		}
		done := make(chan error, 1)
		go a.refetch(ctx, k, done)
		select {
		case err := <-done:
			if err != nil {
				return nil, 0, err
			}
		case <-ctx.Done():
			return nil, 0, waitedFor(ctx, k)
		}
	}
}

func waitedFor(ctx context.Context, k *keptToken) error {
	return &adapters.Fault{Reason: standard.ReasonTimeout, What: "while waiting for token " + k.name, Err: ctx.Err()}
}

// refetch fetches and keeps a value, on a clock of its own: a caller that goes away takes nothing from the others. It runs on a
// goroutine of its own too, where nobody else would catch a panic.
func (a *adapter) refetch(ctx context.Context, k *keptToken, done chan<- error) {
	defer func() { k.fetching <- struct{}{} }()
	defer func() {
		if recover() != nil { // what it says could hold a value
			done <- tokenFault(k, fault("its fetch has panicked"))
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenFetch)
	defer cancel()
	done <- a.obtain(ctx, k)
}

// obtain runs renewal when there is a value to renew, and obtain when there is none or renewal fails.
func (a *adapter) obtain(ctx context.Context, k *keptToken) error {
	k.mu.Lock()
	old, had := k.value, k.generation > 0
	k.mu.Unlock()
	if k.renewal != nil && had && a.keep(ctx, k, k.renewal, old) == nil {
		return nil
	}
	return a.keep(ctx, k, k.token.obtain, nil)
}

// keep makes a token's call and stores what it gives.
func (a *adapter) keep(ctx context.Context, k *keptToken, c *tokenCall, old any) error {
	f := a.frame(ctx, nil)
	defer f.done()
	f.env["old"], f.env["per"] = old, k.key
	a.tell(EventFetch, k.name, nil, nil)
	began := f.now()
	reply, err := f.send(c.call)
	if err != nil {
		return tokenFault(k, err)
	}
	if len(c.outcome) > 0 {
		said, err := f.outcome(c.outcome, reply.Status)
		if err != nil {
			return tokenFault(k, err)
		}
		if said != "next" && said != "verified" {
			return tokenFault(k, fault("the backend says "+said))
		}
	} else if reply.Status < 200 || reply.Status > 299 {
		return tokenFault(k, fault("HTTP status outside 2xx"))
	}
	value, err := f.eval(c.value)
	if err == nil && (value == nil || value == "") {
		err = fault("value gave nothing")
	}
	if err != nil {
		return tokenFault(k, err)
	}
	expires := began.Add(k.lives)
	if c.expires != nil {
		v, err := f.eval(c.expires)
		at, ok := v.(time.Time)
		if err == nil && !ok {
			err = fault("expires gave " + word(v))
		}
		if err != nil {
			return tokenFault(k, err)
		}
		if k.lives == 0 || at.Before(expires) {
			expires = at
		}
	}
	if !began.Before(expires) {
		return tokenFault(k, fault("it has expired already"))
	}
	a.tell(EventFetched, k.name, value, nil)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.value, k.fetched, k.expires, k.refused = value, began, expires, false
	k.generation++
	return nil
}

// tokenFault says in which token's call a fault came up.
func tokenFault(k *keptToken, err error) error {
	var f *adapters.Fault
	if !errors.As(err, &f) {
		return err
	}
	named := *f
	named.What = "token " + k.name + ": " + f.What
	return &named
}
