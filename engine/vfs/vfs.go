//go:build amd64 || arm64 || loong64 || ppc64le || riscv64

// Only 64-bit little-endian processors: Store64 stores words as they are.

// Package vfs is the little that the engine wants from a file system, behind one
// interface, so that tests can lose power, kill the process between any two
// writes, fill the disk and break an fsync.
//
// There are four implementations: OS is the real one, Mem keeps nothing on disk,
// Crash is a Mem whose process can die and whose machine can lose power at any
// operation, and Fault wraps another and makes its n-th operation fail.
package vfs

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
	"unsafe"
)

// ErrLocked is returned by FS.Lock when another holder kept the lock for the
// whole wait, or until who waits gave up.
var ErrLocked = errors.New("locked by another process")

// FS is a file system. Names are paths as the operating system knows them.
// Errors wrap the usual ones: fs.ErrNotExist, fs.ErrExist, fs.ErrPermission,
// syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.ENOTDIR.
type FS interface {
	// OpenFile opens a file; flag is made of os.O_RDONLY or os.O_RDWR and os.O_CREATE,
	// os.O_EXCL, os.O_TRUNC. New files get mode 0600. Descriptors are close-on-exec.
	OpenFile(name string, flag int) (File, error)
	// Mkdir makes a directory of mode 0700.
	Mkdir(name string) error
	// ReadDir returns the names in a directory, sorted.
	ReadDir(name string) ([]string, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes creations, renames and removals in a directory durable.
	SyncDir(name string) error
	// Lock takes the advisory lock of a file (flock), making the file if it is
	// not there and can be made. It is dropped by Close of the result and by the
	// death of the process. Whoever finds it taken waits behind those who came before,
	// for at most wait, or until giveUp (nil: never), which is asked at once and every
	// 50 ms, returns true; the error is ErrLocked then.
	Lock(name string, shared bool, wait time.Duration, giveUp func() bool) (Lock, error)
	// BootID identifies this boot of the machine: what was only in the page
	// cache is lost when it changes. Empty if it cannot be known.
	BootID() string
	// Network names the file system's type if it is a network one, on which
	// locks and mappings cannot be trusted ("nfs", "cifs", ...), else "".
	Network(dir string) (string, error)
}

// Lock is a lock that is held.
type Lock interface {
	io.Closer
	// Wanted tells whether somebody waits for the lock. It costs two system calls.
	Wanted() bool
}

// File is an open file. WriteAt writes all or returns an error. Writes are
// visible at once to mappings of the same file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Datasync puts the file's data, and its size, on stable storage.
	Datasync() error
	Size() (int64, error)
	Truncate(size int64) error
	// Allocate reserves disk space for [off, off+n), extending the file with
	// zeros to off+n if it is shorter, so that later writes and mapped stores
	// in the range do not run out of space. Existing data stays. On ENOSPC the
	// file is as it was.
	Allocate(off, n int64) error
	// Map maps [off, off+n), off a multiple of the page size. The range may
	// reach beyond the end of the file; bytes there must not be touched before
	// the file has grown over them. Ranges that are mapped at the same time must
	// be the same or not overlap: in memory they could not share their bytes.
	Map(off, n int64, writable bool) (*Mapping, error)
	// Identity tells this file from every other, also from a copy of it: device and inode.
	Identity() ([2]uint64, error)
}

// Mapping is a part of a file in memory, shared with the kernel. Data is read
// directly; every change goes through Store64 or Fill, so that a crash twin can
// cut between any two of them.
type Mapping struct {
	Data []byte

	store    func(off int, b []byte) // crash twin: makes each change instead
	sync     func(off, n int) error
	failSync func(off, n int) // crash twin: what a failed sync leaves
	unmap    func() error
}

// Load64 reads the little-endian word at off.
func (m *Mapping) Load64(off int) uint64 {
	return binary.LittleEndian.Uint64(m.Data[off : off+8])
}

// Words is n little-endian words from off, a multiple of 8, on, to be read only. (All
// systems that this package is for are little-endian.)
func (m *Mapping) Words(off, n int) []uint64 {
	b := m.Data[off : off+n*8]
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Store64 writes a little-endian word at off, a multiple of 8, in one store, as Go's memory
// model has it for a word: a dying process leaves the old word or the new one. An atomic
// store would wait for all stores before, 1 to 4 % of a bulk load's time.
func (m *Mapping) Store64(off int, v uint64) { // small enough to be inlined, barely
	if m.store != nil {
		m.storeWord(off, v)
		return
	}
	*(*uint64)(unsafe.Pointer(&m.Data[off : off+8][0])) = v
}

//go:noinline
func (m *Mapping) storeWord(off int, v uint64) {
	m.store(off, binary.LittleEndian.AppendUint64(nil, v))
}

// Fill copies b to off. A dying process may leave any part of it.
func (m *Mapping) Fill(off int, b []byte) {
	if m.store != nil {
		m.store(off, b)
		return
	}
	copy(m.Data[off:off+len(b)], b)
}

// Sync puts the pages of [off, off+n) on stable storage (msync), and with them what
// is needed to find them again: that the file is so long. The file must still be open.
func (m *Mapping) Sync(off, n int) error { return m.sync(off, n) }

// Unmap releases the mapping; Data, and slices of it, must not be touched
// afterwards.
func (m *Mapping) Unmap() error {
	m.Data = nil
	return m.unmap()
}
