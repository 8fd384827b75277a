package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// crowded is how many connections are open while evidence is kept: whoever waits for the disk shares a group with all others who do.
const crowded = 8 * connections

func (b *bench) keeping() (*child, error) { return b.gatewayOf("keeping", 1, wide, true) }

// durable measures answers from memory that are on disk before they leave.
func durable(b *bench) ([]figure, error) {
	gateway, err := b.keeping()
	if err != nil {
		return nil, err
	}
	return b.cachedOf(gateway, "echo-durable", bySession, crowded, 0.45, "cached, session-signed, evidence durable, of a bare echo handler")
}

// cost measures what evidence takes of the CPU: a node that keeps it against one that does not.
func cost(b *bench) ([]figure, error) {
	keeping, err := b.keeping()
	if err != nil {
		return nil, err
	}
	plain, err := b.one()
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, call := range []struct {
		name string
		job  job
	}{
		{"a cached verification, session-signed", job{Kind: bySession, Scans: codesCached, Connections: crowded, Warm: true}},
		{"a cached verification, SM2-signed", job{Kind: bySM2, Scans: codesCached, Connections: crowded, Warm: true}},
		{"a live verification, session-signed", job{Kind: bySession, Connections: crowded}},
	} {
		with, without := side{server: keeping, job: call.job}, side{server: plain, job: call.job}
		_, note, err := b.pairs(&with, &without)
		if err != nil {
			return nil, err
		}
		each := make([]float64, len(with.cpu))
		for i := range each {
			each[i] = 100 * (with.cpu[i]/without.cpu[i] - 1)
		}
		figures = append(figures, atMost(15, "%", "CPU time that durable evidence adds to "+call.name, each, note))
	}
	return figures, nil
}

const (
	syncs     = 400
	calmRate  = 500 // a second: what is measured is waiting, not working
	calmPairs = 7
)

// waited measures what evidence adds to the latency of a cached verification, in times that the disk itself takes.
func waited(b *bench) ([]figure, error) {
	keeping, err := b.keeping()
	if err != nil {
		return nil, err
	}
	plain, err := b.one()
	if err != nil {
		return nil, err
	}
	load := job{Kind: bySession, Scans: codesCached, Connections: connections, Warm: true, Requests: calmRate * windowSeconds, Rate: calmRate}
	var p50, p99, added50, added99, disk50, disk99 []float64
	for range calmPairs {
		load.Address = plain.address
		without, err := b.drive(load)
		if err != nil {
			return nil, err
		}
		load.Address = keeping.address
		with, err := b.drive(load)
		if err != nil {
			return nil, err
		}
		d50, d99, err := diskSync(b.dir)
		if err != nil {
			return nil, err
		}
		added50, added99 = append(added50, ms(with.P50-without.P50)), append(added99, ms(with.P99-without.P99))
		disk50, disk99 = append(disk50, ms(d50)), append(disk99, ms(d99))
		p50, p99 = append(p50, ms(with.P50-without.P50)/ms(d50)), append(p99, ms(with.P99-without.P99)/ms(d99))
	}
	note := func(added, disk []float64) string {
		return fmt.Sprintf("%.2f ms added, fdatasync %.2f ms, at %d/s", median(added), median(disk), calmRate)
	}
	return []figure{
		atMost(2, "", "latency that durable evidence adds, p50, of fdatasync's own", p50, note(added50, disk50)),
		atMost(2, "", "latency that durable evidence adds, p99, of fdatasync's own", p99, note(added99, disk99)),
	}, nil
}

// diskSync measures fdatasync after 4 KiB that are added to a file, as a database's log is.
func diskSync(dir string) (p50, p99 time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	took := make([]time.Duration, syncs)
	page := make([]byte, 4<<10)
	for i := range took {
		if _, err := f.Write(page); err != nil {
			return 0, 0, err
		}
		begin := time.Now()
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], nil
}
