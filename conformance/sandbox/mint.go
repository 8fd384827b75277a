package sandbox

import (
	"fmt"
	"slices"
	"time"

	"tongma/standard"
)

// lifetimes are those of the systems whose codes live shorter than a day.
var lifetimes = map[string]time.Duration{
	Suishen:  suishenCodeLife * time.Millisecond,
	Yukang:   yukangCodeLife * time.Second,
	"nanhai": nationalCodeLife,
}

// Lifetime is how long at least a code of a system holds after [Sandbox.Mint] has made it.
func Lifetime(system string) time.Duration {
	if life, ok := lifetimes[system]; ok {
		return life
	}
	return dayGrace
}

// Mint makes a code of a system, for who needs many of them: each serial gives another one, and the people take turns. They are those
// whose answers have nothing odd about them: verified, and green, yellow or red, at the shares that a crowd has. The code is fresh now
// and a function of seed, time and serial alone. It panics for a system that is not among [Sandbox.Systems].
func (s *Sandbox) Mint(system string, serial uint32) Person {
	b, ok := s.backends[system]
	if !ok {
		panic(fmt.Sprintf("sandbox: no system %s", system))
	}
	p := b.regulars[serial%uint32(len(b.regulars))]
	shown := b.show(p, b.now())
	shown.Scan = b.dialect.scan(p, b.now(), serial)
	return shown
}

// Statuses are those that the codes of [Sandbox.Mint] have: not every system has a word for each that is known.
func (s *Sandbox) Statuses(system string) []standard.Status {
	var list []standard.Status
	if b, ok := s.backends[system]; ok {
		for _, p := range b.regulars {
			if !slices.Contains(list, p.status()) {
				list = append(list, p.status())
			}
		}
	}
	slices.Sort(list)
	return list
}

// regulars are the people of whom Mint makes codes: of the crowd, because every one of the cast is there for an oddity.
func regulars(system string, people []*person) []*person {
	var list []*person
	for _, p := range people[len(castOf(system)):] {
		if p.status() != standard.None {
			list = append(list, p)
		}
	}
	return list
}
