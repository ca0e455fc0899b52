package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Op is a set of kinds of operations.
type Op uint32

// The kinds of operations that a Fault knows.
const (
	OpOpen   Op = 1 << iota // OpenFile without O_CREATE
	OpCreate                // OpenFile with O_CREATE
	OpMkdir
	OpReadDir
	OpRename // matched by the new name
	OpRemove
	OpSyncDir
	OpLock
	OpRead
	OpWrite
	OpDatasync
	OpTruncate
	OpAllocate
	OpMap
	OpMapSync

	OpAny Op = 1<<iota - 1
)

// Rule says which operation fails, and how.
type Rule struct {
	Ops     Op     // the kinds it matches
	Name    string // pattern of path.Match for the last element of the name; empty matches all
	Nth     int    // the operation among those matched that fails, from 1; 0 is 1
	Forever bool   // and all that follow it
	Err     error  // what it fails with: syscall.EIO, syscall.ENOSPC, ...
	Short   int    // of a write that fails, the bytes that are written all the same
}

// Fault passes operations on to another file system and makes some of them fail.
// A failed operation has no effect, but for Rule.Short and this: when a Datasync
// or Mapping.Sync fails on a Crash, the kernel forgets what was to be written, as
// Linux does, so a second one succeeds without writing it.
type Fault struct {
	FS

	mu      sync.Mutex // guards the rest
	rules   []Rule
	seen    []int // operations that a rule matched
	fired   int
	limited bool
	left    int64 // bytes that fit, if limited
}

// NewFault wraps a file system.
func NewFault(inner FS, rules ...Rule) *Fault {
	f := &Fault{FS: inner}
	f.SetRules(rules...)
	return f
}

// SetRules replaces the rules; counting starts again.
func (f *Fault) SetRules(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.seen, f.fired = rules, make([]int, len(rules)), 0
}

// Fired returns how many operations the present rules made fail. A test that
// makes the n-th operation fail, for each n, is done when it is 0.
func (f *Fault) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// SetQuota sets how many bytes files may grow by, together, before they find the
// disk full; negative is no limit. Files that shrink or are removed make room
// again. A write that does not fit whole is cut short; an Allocate or Truncate
// has no effect then.
func (f *Fault) SetQuota(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limited, f.left = bytes >= 0, bytes
}

// check returns the rule that makes this operation fail, if one does.
func (f *Fault) check(op Op, verb, name string) (*Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hit *Rule
	for i := range f.rules {
		r := &f.rules[i]
		if !r.matches(op, name) {
			continue
		}
		f.seen[i]++
		if nth := max(r.Nth, 1); hit == nil && (f.seen[i] == nth || r.Forever && f.seen[i] > nth) {
			hit = r
		}
	}
	if hit == nil {
		return nil, nil
	}
	f.fired++
	return hit, &fs.PathError{Op: verb, Path: name, Err: hit.Err}
}

func (r *Rule) matches(op Op, name string) bool {
	if r.Ops&op == 0 {
		return false
	}
	ok, err := filepath.Match(r.Name, filepath.Base(name))
	return r.Name == "" || ok && err == nil
}

// missing returns how many of these bytes do not fit.
func (f *Fault) missing(bytes int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.limited {
		return 0
	}
	return max(0, bytes-max(0, f.left))
}

// take uses up room; bytes less than 0 give it back.
func (f *Fault) take(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left -= bytes
}

// sizeOf returns the size of a file, 0 if there is none.
func (f *Fault) sizeOf(name string) int64 {
	if _, err := f.FS.ReadDir(name); err == nil {
		return 0 // a directory
	}
	file, err := f.FS.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer file.Close()
	size, _ := file.Size()
	return size
}

// OpenFile implements FS.
func (f *Fault) OpenFile(name string, flag int) (File, error) {
	op := OpOpen
	if flag&os.O_CREATE != 0 {
		op = OpCreate
	}
	if _, err := f.check(op, "open", name); err != nil {
		return nil, err
	}
	var emptied int64
	if flag&os.O_TRUNC != 0 {
		emptied = f.sizeOf(name)
	}
	file, err := f.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	f.take(-emptied)
	return &faultFile{File: file, fs: f, name: name}, nil
}

// Mkdir implements FS.
func (f *Fault) Mkdir(name string) error {
	if _, err := f.check(OpMkdir, "mkdir", name); err != nil {
		return err
	}
	return f.FS.Mkdir(name)
}

// ReadDir implements FS.
func (f *Fault) ReadDir(name string) ([]string, error) {
	if _, err := f.check(OpReadDir, "readdir", name); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

// Rename implements FS.
func (f *Fault) Rename(from, to string) error {
	if _, err := f.check(OpRename, "rename", to); err != nil {
		return err
	}
	return f.free(to, func() error { return f.FS.Rename(from, to) })
}

// Remove implements FS.
func (f *Fault) Remove(name string) error {
	if _, err := f.check(OpRemove, "remove", name); err != nil {
		return err
	}
	return f.free(name, func() error { return f.FS.Remove(name) })
}

// free gives back the space of a file that do makes go away.
func (f *Fault) free(name string, do func() error) error {
	size := f.sizeOf(name)
	err := do()
	if err == nil {
		f.take(-size)
	}
	return err
}

// SyncDir implements FS.
func (f *Fault) SyncDir(name string) error {
	if _, err := f.check(OpSyncDir, "fsync", name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

// Lock implements FS.
func (f *Fault) Lock(name string, shared bool, wait time.Duration, giveUp func() bool) (Lock, error) {
	if _, err := f.check(OpLock, "lock", name); err != nil {
		return nil, err
	}
	return f.FS.Lock(name, shared, wait, giveUp)
}

// faultFile is an open file of a Fault.
type faultFile struct {
	File
	fs   *Fault
	name string
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fs.check(OpRead, "read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultFile) WriteAt(p []byte, off int64) (n int, err error) {
	rule, failed := f.fs.check(OpWrite, "write", f.name)
	fit := len(p)
	if rule != nil {
		fit = min(fit, rule.Short)
	}
	if missing := f.missing(off + int64(fit)); missing > 0 {
		fit = max(0, fit-int(missing))
		failed = f.full("write")
	}
	if fit == 0 && failed != nil {
		return 0, failed
	}
	err = f.charge(func() (err error) {
		n, err = f.File.WriteAt(p[:fit], off)
		return err
	})
	return n, errors.Join(err, failed)
}

// missing returns how many bytes the disk lacks for a file that ends at end.
func (f *faultFile) missing(end int64) int64 {
	size, err := f.File.Size()
	if err != nil {
		return 0 // the operation itself will fail
	}
	return f.fs.missing(end - size)
}

func (f *faultFile) full(verb string) error {
	return &fs.PathError{Op: verb, Path: f.name, Err: syscall.ENOSPC}
}

// charge takes as much room as do makes the file grow.
func (f *faultFile) charge(do func() error) error {
	before, _ := f.File.Size()
	err := do()
	after, _ := f.File.Size()
	f.fs.take(after - before)
	return err
}

func (f *faultFile) Datasync() error {
	if _, err := f.fs.check(OpDatasync, "sync", f.name); err != nil {
		if loser, ok := f.File.(interface{ failSync() }); ok {
			loser.failSync()
		}
		return err
	}
	return f.File.Datasync()
}

func (f *faultFile) Truncate(size int64) error {
	if _, err := f.fs.check(OpTruncate, "truncate", f.name); err != nil {
		return err
	}
	if f.missing(size) > 0 {
		return f.full("truncate")
	}
	return f.charge(func() error { return f.File.Truncate(size) })
}

func (f *faultFile) Allocate(off, n int64) error {
	if _, err := f.fs.check(OpAllocate, "allocate", f.name); err != nil {
		return err
	}
	if f.missing(off+n) > 0 {
		return f.full("allocate")
	}
	return f.charge(func() error { return f.File.Allocate(off, n) })
}

func (f *faultFile) Map(off, n int64, writable bool) (*Mapping, error) {
	if _, err := f.fs.check(OpMap, "map", f.name); err != nil {
		return nil, err
	}
	m, err := f.File.Map(off, n, writable)
	if err != nil {
		return nil, err
	}
	sync := m.sync
	m.sync = func(at, n int) error {
		if _, err := f.fs.check(OpMapSync, "sync", f.name); err != nil {
			if m.failSync != nil {
				m.failSync(at, n)
			}
			return err
		}
		return sync(at, n)
	}
	return m, nil
}
