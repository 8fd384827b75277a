package descriptor

import (
	"context"
	"errors"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// prober is an adapter whose descriptor says what may be asked of a sick backend.
type prober struct{ *adapter }

// Probe implements [adapters.Prober]. The scan that it makes is not held to its own expiry: it is the backend that is asked.
func (p prober) Probe(ctx context.Context, at adapters.Place) error {
	a := p.adapter
	if a.unset != "" {
		return &adapters.Fault{Reason: standard.ReasonUnset, What: "credential " + a.unset + " is not configured"}
	}
	q := &adapters.Query{Place: at}
	scan, err := a.probeScan(ctx)
	if err != nil {
		return err
	}
	if !a.recognise(scan, &q.Ticket) {
		return fault("the probe's scan is none of the descriptor's own forms")
	}
	f := a.frame(ctx, q)
	defer f.done()
	result, err := a.ask(f, time.Time{})
	word := string(result.Outcome)
	if trouble, ok := errors.AsType[*adapters.Fault](err); ok && trouble != nil {
		word = troubles[trouble.Reason]
	}
	switch {
	case a.probe.is[word]:
		return nil
	case err != nil:
		return err
	}
	return fault("the probe was answered with the outcome " + word)
}

// troubles are the words of outcome that an adapter gives as faults.
var troubles = map[standard.ReasonCode]string{standard.ReasonBusy: "busy", standard.ReasonQuota: "quota"}

// probeScan makes a scan that nobody has.
func (a *adapter) probeScan(ctx context.Context) (string, error) {
	f := a.frame(ctx, nil)
	defer f.done()
	return f.textOf(*a.probe.scan, "the scan of probe")
}

// recognise reads a scan as a catalogue of this descriptor alone does.
func (a *adapter) recognise(scan string, t *adapters.Ticket) bool {
	c, err := adapters.NewCatalogue([]adapters.Entry{{Info: a.info, Adapter: a}})
	if err != nil {
		return false // Load has told it
	}
	_, ok := c.Recognise(scan, t)
	return ok
}
