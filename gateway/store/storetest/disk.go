package storetest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Disk is a folder whose SQLite files are watched: what is written, what is synced. It holds one store.
//
// The files are real, so that locks and shared memory work. Beside each, Disk knows what a power cut would leave of it.
type Disk struct {
	dir string
	t   testing.TB

	mu         sync.Mutex
	images     map[string]*image // by path
	full, gone bool
	syncs      int
}

// image is a file as it is for sure, and what else was done to it.
type image struct {
	synced  []byte
	there   bool   // the folder's entry is synced too
	pending []edit // since the last sync
}

// edit is a write, or with truncate a new size.
type edit struct {
	at       int64
	data     []byte
	truncate bool
}

func (e edit) apply(to []byte) []byte {
	if e.truncate {
		return resize(to, e.at)
	}
	if end := e.at + int64(len(e.data)); end > int64(len(to)) {
		to = resize(to, end)
	}
	copy(to[e.at:], e.data)
	return to
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// NewDisk makes an empty one.
func NewDisk(t testing.TB) *Disk {
	t.Helper()
	installVFS(t)
	dir, err := filepath.EvalSymlinks(t.TempDir()) // SQLite does so as well
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{t: t, dir: dir, images: map[string]*image{}}
	watch(d)
	t.Cleanup(func() { unwatch(d) })
	return d
}

// URL is that of the store on the disk.
func (d *Disk) URL() string { return "sqlite:" + filepath.Join(d.dir, "store.db") }

// Full says whether writes fail from now on because there is no space.
func (d *Disk) Full(yes bool) { d.set(&d.full, yes) }

// Gone says whether everything fails from now on.
func (d *Disk) Gone(yes bool) { d.set(&d.gone, yes) }

func (d *Disk) set(what *bool, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*what = yes
}

// Syncs is how often a file was synced.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Crash cuts the power: this disk is gone from now on, and the new one holds what is left. Of each write that was not synced that is all,
// a part or nothing, as chance has it; with nil, nothing.
func (d *Disk) Crash(chance *rand.Rand) *Disk {
	d.t.Helper()
	left := d.cut(chance)
	after := NewDisk(d.t)
	for path, data := range left {
		if err := os.WriteFile(filepath.Join(after.dir, filepath.Base(path)), data, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	return after
}

// cut ends the disk and gives what is left of each file.
func (d *Disk) cut(chance *rand.Rand) map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
	left := map[string][]byte{}
	for path, i := range d.images {
		if i.there {
			left[path] = i.survive(chance)
		}
	}
	return left
}

func (i *image) survive(chance *rand.Rand) []byte {
	data := bytes.Clone(i.synced)
	if chance == nil {
		return data
	}
	for _, e := range i.pending {
		switch chance.IntN(3) {
		case 0:
			data = e.apply(data)
		case 1: // its first sectors
			e.data = e.data[:len(e.data)/2/512*512]
			if !e.truncate && len(e.data) > 0 {
				data = e.apply(data)
			}
		}
	}
	return data
}

// opened is told of a file that SQLite opens, and whether it was there before.
func (d *Disk) opened(path string, before bool) *image {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.images[path]
	switch {
	case i == nil && before:
		data, err := os.ReadFile(path)
		if err != nil {
			d.t.Errorf("the watched disk: %v", err)
		}
		i = &image{synced: data, there: true}
	case i == nil:
		i = &image{}
	case !before: // it was removed, which a power cut may undo, and is made anew
		i.pending = []edit{{truncate: true}}
	}
	d.images[path] = i
	return i
}

// edited is told of a write or a truncation that has been done.
func (d *Disk) edited(i *image, e edit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i.pending = append(i.pending, e)
}

// synced is told of a sync, which makes the file's entry in its folder durable too, as SQLite does for a new one.
func (d *Disk) synced(i *image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	for _, e := range i.pending {
		i.synced = e.apply(i.synced)
	}
	i.there, i.pending = true, nil
}

// removed is told of a file that is gone for sure.
func (d *Disk) removed(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.images, path)
}

// trouble is what an operation is to fail with.
func (d *Disk) trouble() (full, gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.full, d.gone
}

// disks are those that are watched.
var disks struct {
	sync.RWMutex
	all []*Disk
}

func watch(d *Disk) {
	disks.Lock()
	defer disks.Unlock()
	disks.all = append(disks.all, d)
}

func unwatch(d *Disk) {
	disks.Lock()
	defer disks.Unlock()
	for at, other := range disks.all {
		if other == d {
			disks.all = append(disks.all[:at], disks.all[at+1:]...)
			return
		}
	}
}

// diskOf is the disk that holds a file.
func diskOf(path string) *Disk {
	disks.RLock()
	defer disks.RUnlock()
	for _, d := range disks.all {
		if strings.HasPrefix(path, d.dir+"/") {
			return d
		}
	}
	return nil
}
