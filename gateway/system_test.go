package gateway

import (
	"testing"
	"time"

	"tongma/adapters"
)

func TestAConfigurationMaySetRaiseAndTakeAwayLimits(t *testing.T) {
	dialect := adapters.Limits{Timeout: time.Second, Concurrency: 2, Rate: 3, Body: 4, Retry: 1}
	for name, c := range map[string]struct{ over, want adapters.Limits }{
		"nothing": {adapters.Limits{}, dialect},
		"all":     {adapters.Limits{Timeout: 5, Concurrency: 6, Rate: 7, Body: 8, Retry: 1}, adapters.Limits{Timeout: 5, Concurrency: 6, Rate: 7, Body: 8, Retry: 1}},
		"none":    {adapters.Limits{Rate: -1, Retry: -1}, adapters.Limits{Timeout: time.Second, Concurrency: 2, Rate: -1, Body: 4, Retry: -1}},
	} {
		if got := overlay(dialect, c.over); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
