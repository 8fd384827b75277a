package load

import (
	"encoding/json"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"tongma/standard"
	"tongma/standard/sm"
)

// Item is something to ask about.
type Item struct {
	Request standard.Request
	Expect  *standard.Status // what the status is known to be: a green that should not be is a false one. nil: nothing is known; empty: none
	Until   time.Time        // when it is no longer worth asking about; zero: never
	Name    string           // names it in a report without telling anything about anybody: "line 17"
}

// Source gives items, each another one. It is safe for concurrent use.
type Source interface {
	// Next says false when there are no more.
	Next(now time.Time) (Item, bool)
}

// question is an item that is ready to be sent.
type question struct {
	Item
	body []byte
	sum  sm.Digest // of the body
}

func newQuestion(item Item) *question {
	body, err := json.Marshal(&item.Request)
	if err != nil {
		panic(err) // a request has text and numbers alone
	}
	return &question{Item: item, body: body, sum: sm.Sum(body)}
}

// deck is what is drawn from: a warm set whose members come again and again, and a source of others.
type deck struct {
	source Source
	hit    float64
	warm   []atomic.Pointer[question]
}

// newDeck takes the warm set from the source: fewer than size if it holds no more.
func newDeck(source Source, hit float64, size int, now time.Time) *deck {
	if hit == 0 {
		size = 0
	}
	d := &deck{source: source, hit: hit, warm: make([]atomic.Pointer[question], size)}
	for i := range d.warm {
		q := d.fresh(now)
		if q == nil {
			d.warm = d.warm[:i]
			break
		}
		d.warm[i].Store(q)
	}
	return d
}

// fresh gives a question that was never asked, nil if there are no more.
func (d *deck) fresh(now time.Time) *question {
	item, ok := d.source.Next(now)
	if !ok {
		return nil
	}
	return newQuestion(item)
}

// draw gives the next question, nil if there are no more. A warm one that has run out is replaced.
func (d *deck) draw(now time.Time) *question {
	if len(d.warm) == 0 || d.hit < 1 && rand.Float64() >= d.hit {
		return d.fresh(now)
	}
	slot := &d.warm[rand.IntN(len(d.warm))]
	q := slot.Load()
	if q.Until.IsZero() || now.Before(q.Until) {
		return q
	}
	next := d.fresh(now)
	if next != nil {
		slot.CompareAndSwap(q, next)
	}
	return next
}
