package storetest

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite's own file layer (https://www.sqlite.org/c3ref/vfs.html) is asked for every file; those of a [Disk] get a few of their methods
// exchanged. SQLite here is C translated to Go: its structs lie in memory of its own, and a pointer to a function is that of a Go function.

// vfsName is that of the layer, which is SQLite's default once a test has asked for a disk.
const vfsName = "tongma-storetest"

var (
	installOnce sync.Once
	installed   int32           // what SQLite answered
	original    = uintptr(0)    // its own layer
	handles     sync.Map        // *sqlite3_file: *handle
	exchanged   sync.Map        // *sqlite3_io_methods: the table with ours in it
	zeroTLS     = libc.NewTLS() // to install with
)

// handle is an open file of a disk.
type handle struct {
	disk    *Disk
	image   *image
	methods *sqlite3.Tsqlite3_io_methods // SQLite's own
}

func installVFS(t testing.TB) {
	t.Helper()
	installOnce.Do(func() {
		original = sqlite3.Xsqlite3_vfs_find(zeroTLS, 0)
		ours := libc.Xmalloc(zeroTLS, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
		name, err := libc.CString(vfsName)
		if err != nil {
			t.Fatal(err)
		}
		vfs := at[sqlite3.Tsqlite3_vfs](ours)
		*vfs = *at[sqlite3.Tsqlite3_vfs](original)
		vfs.FpNext, vfs.FzName, vfs.FxOpen, vfs.FxDelete = 0, name, pointer(vfsOpen), pointer(vfsDelete)
		installed = sqlite3.Xsqlite3_vfs_register(zeroTLS, ours, 1)
	})
	if installed != sqlite3.SQLITE_OK {
		t.Fatalf("SQLite does not take another file layer: %d", installed)
	}
}

// at is what lies at an address of SQLite's.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// pointer is what SQLite takes for a pointer to f, a function of package level.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f})) }

// function is the function behind such a pointer.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ p uintptr }{p})) }

func vfsOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	path, disk, before := "", (*Disk)(nil), false
	if name != 0 {
		path = libc.GoString(name)
		disk = diskOf(path)
	}
	if disk != nil {
		_, err := os.Stat(path)
		before = err == nil
		if _, gone := disk.trouble(); gone {
			at[sqlite3.Tsqlite3_file](file).FpMethods = 0
			return sqlite3.SQLITE_CANTOPEN
		}
	}
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](at[sqlite3.Tsqlite3_vfs](original).FxOpen)
	rc := open(tls, vfs, name, file, flags, out)
	if rc != sqlite3.SQLITE_OK || disk == nil {
		return rc
	}
	f := at[sqlite3.Tsqlite3_file](file)
	handles.Store(file, &handle{disk, disk.opened(path, before), at[sqlite3.Tsqlite3_io_methods](f.FpMethods)})
	f.FpMethods = exchange(tls, f.FpMethods)
	return rc
}

// exchange is a table of methods with ours in it. There is one for each of SQLite's, and it stays.
func exchange(tls *libc.TLS, methods uintptr) uintptr {
	if known, ok := exchanged.Load(methods); ok {
		return known.(uintptr)
	}
	p := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	m := at[sqlite3.Tsqlite3_io_methods](p)
	*m = *at[sqlite3.Tsqlite3_io_methods](methods)
	m.FxClose, m.FxRead, m.FxWrite = pointer(vfsClose), pointer(vfsRead), pointer(vfsWrite)
	m.FxTruncate, m.FxSync = pointer(vfsTruncate), pointer(vfsSync)
	known, _ := exchanged.LoadOrStore(methods, p)
	return known.(uintptr)
}

func vfsDelete(tls *libc.TLS, vfs, name uintptr, syncFolder int32) int32 {
	path := libc.GoString(name)
	disk := diskOf(path)
	if disk != nil {
		if _, gone := disk.trouble(); gone {
			return sqlite3.SQLITE_IOERR_DELETE
		}
	}
	rc := function[func(*libc.TLS, uintptr, uintptr, int32) int32](at[sqlite3.Tsqlite3_vfs](original).FxDelete)(tls, vfs, name, syncFolder)
	if rc == sqlite3.SQLITE_OK && disk != nil && syncFolder != 0 { // otherwise a power cut may bring it back
		disk.removed(path)
	}
	return rc
}

func handleOf(file uintptr) *handle {
	h, _ := handles.Load(file)
	return h.(*handle)
}

func vfsClose(tls *libc.TLS, file uintptr) int32 {
	h := handleOf(file)
	handles.Delete(file)
	return function[func(*libc.TLS, uintptr) int32](h.methods.FxClose)(tls, file)
}

func vfsRead(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32 {
	h := handleOf(file)
	if _, gone := h.disk.trouble(); gone {
		return sqlite3.SQLITE_IOERR_READ
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](h.methods.FxRead)(tls, file, buffer, amount, offset)
}

func vfsWrite(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32 {
	h := handleOf(file)
	switch full, gone := h.disk.trouble(); {
	case gone:
		return sqlite3.SQLITE_IOERR_WRITE
	case full:
		return sqlite3.SQLITE_FULL
	}
	rc := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](h.methods.FxWrite)(tls, file, buffer, amount, offset)
	if rc == sqlite3.SQLITE_OK {
		h.disk.edited(h.image, edit{at: offset, data: bytes.Clone(unsafe.Slice(at[byte](buffer), amount))})
	}
	return rc
}

func vfsTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	h := handleOf(file)
	if _, gone := h.disk.trouble(); gone {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	rc := function[func(*libc.TLS, uintptr, int64) int32](h.methods.FxTruncate)(tls, file, size)
	if rc == sqlite3.SQLITE_OK {
		h.disk.edited(h.image, edit{at: size, truncate: true})
	}
	return rc
}

// vfsSync only makes a note of it: a power cut that is played needs no disk that waits.
func vfsSync(_ *libc.TLS, file uintptr, _ int32) int32 {
	h := handleOf(file)
	if _, gone := h.disk.trouble(); gone {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	h.disk.synced(h.image)
	return sqlite3.SQLITE_OK
}
