package vfs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Mem is a file system in memory. Its root, to which relative names lead as
// well, is there from the start; permissions do not exist. Nothing is ever
// copied because a file grows; the memory of a file is free when it has been
// removed, closed and unmapped.
type Mem struct {
	device uint64
	boot   string
	inodes atomic.Uint64 // the last inode number given

	mu   sync.RWMutex // guards the entries of all directories
	root *node
}

var devices atomic.Uint64 // the last device number given

// NewMem returns an empty file system.
func NewMem() *Mem {
	m := &Mem{device: devices.Add(1), boot: "memory"}
	m.root = m.newDir()
	return m
}

// node is a file or a directory.
type node struct {
	inode   uint64
	entries map[string]*node // nil in a file
	content content
	lock    memLock
	disk    *disk // what a Crash keeps of it, nil in a Mem
}

func (m *Mem) newFile() *node { return &node{inode: m.inodes.Add(1)} }

func (m *Mem) newDir() *node {
	n := m.newFile()
	n.entries = map[string]*node{}
	return n
}

// place is an entry of a directory; the zero place is none.
type place struct {
	dir  *node
	name string
}

// move is any change of directories: a creation comes from no place, a removal
// goes to none.
type move struct {
	node     *node
	from, to place
}

func (v move) apply(entries func(dir *node) map[string]*node) {
	if v.from.dir != nil && entries(v.from.dir)[v.from.name] == v.node {
		delete(entries(v.from.dir), v.from.name)
	}
	if v.to.dir != nil {
		entries(v.to.dir)[v.to.name] = v.node
	}
}

func liveEntries(dir *node) map[string]*node { return dir.entries }

// lookup finds a file or directory. It wants m.mu.
func (m *Mem) lookup(name string) (*node, error) {
	if name == "" {
		return nil, syscall.ENOENT
	}
	n := m.root
	for part := range strings.SplitSeq(filepath.Clean("/" + name)[1:], "/") {
		if part == "" {
			return n, nil // the root
		}
		if n.entries == nil {
			return nil, syscall.ENOTDIR
		}
		if n = n.entries[part]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// locate finds the place of a name in its directory, which must be there. It
// wants m.mu.
func (m *Mem) locate(name string) (place, error) {
	if name == "" {
		return place{}, syscall.ENOENT
	}
	dir, base := filepath.Split(filepath.Clean("/" + name))
	if base == "" {
		return place{}, syscall.EBUSY // the root
	}
	n, err := m.lookup(dir)
	if err == nil && n.entries == nil {
		err = syscall.ENOTDIR
	}
	return place{n, base}, err
}

// OpenFile implements FS.
func (m *Mem) OpenFile(name string, flag int) (File, error) {
	f, _, err := m.open(name, flag)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// open opens a file and tells of its creation.
func (m *Mem) open(name string, flag int) (*memFile, move, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, made, err := m.openNode(name, flag)
	if err != nil {
		return nil, move{}, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &memFile{node: n, name: name, device: m.device, writable: flag&os.O_RDWR != 0}, made, nil
}

func (m *Mem) openNode(name string, flag int) (*node, move, error) {
	n, err := m.lookup(name)
	switch {
	case err == syscall.ENOENT && flag&os.O_CREATE != 0:
		at, err := m.locate(name)
		if err != nil {
			return nil, move{}, err
		}
		made := move{node: m.newFile(), to: at}
		made.apply(liveEntries)
		return made.node, made, nil
	case err != nil:
		return nil, move{}, err
	case flag&os.O_EXCL != 0:
		return nil, move{}, syscall.EEXIST
	case n.entries != nil && flag&(os.O_RDWR|os.O_CREATE|os.O_TRUNC) != 0:
		return nil, move{}, syscall.EISDIR
	case flag&os.O_TRUNC != 0:
		n.content.truncate(0)
	}
	return n, move{}, nil
}

// Mkdir implements FS.
func (m *Mem) Mkdir(name string) error {
	_, err := m.mkdir(name)
	return err
}

func (m *Mem) mkdir(name string) (move, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.locate(name)
	if err == syscall.EBUSY || err == nil && at.dir.entries[at.name] != nil {
		err = syscall.EEXIST
	}
	if err != nil {
		return move{}, &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	made := move{node: m.newDir(), to: at}
	made.apply(liveEntries)
	return made, nil
}

// ReadDir implements FS.
func (m *Mem) ReadDir(name string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.lookupDir(name)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return slices.Sorted(maps.Keys(n.entries)), nil
}

func (m *Mem) lookupDir(name string) (*node, error) {
	n, err := m.lookup(name)
	if err == nil && n.entries == nil {
		err = syscall.ENOTDIR
	}
	return n, err
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	_, err := m.rename(from, to)
	return err
}

func (m *Mem) rename(from, to string) (move, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.checkRename(from, to)
	if err != nil {
		return move{}, &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	v.apply(liveEntries)
	return v, nil
}

func (m *Mem) checkRename(from, to string) (v move, err error) {
	if v.node, err = m.lookup(from); err != nil {
		return v, err
	}
	if v.from, err = m.locate(from); err != nil {
		return v, err
	}
	if v.to, err = m.locate(to); err != nil {
		return v, err
	}
	within := strings.HasPrefix(filepath.Clean("/"+to), filepath.Clean("/"+from)+"/")
	switch old := v.to.dir.entries[v.to.name]; {
	case within:
		return v, syscall.EINVAL
	case old == nil:
		return v, nil
	case old.entries != nil && v.node.entries == nil:
		return v, syscall.EISDIR
	case old.entries == nil && v.node.entries != nil:
		return v, syscall.ENOTDIR
	case len(old.entries) > 0:
		return v, syscall.ENOTEMPTY
	}
	return v, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	_, err := m.remove(name)
	return err
}

func (m *Mem) remove(name string) (move, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(name)
	var at place
	if err == nil {
		at, err = m.locate(name)
	}
	if err == nil && len(n.entries) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return move{}, &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	gone := move{node: n, from: at}
	gone.apply(liveEntries)
	return gone, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if _, err := m.lookupDir(name); err != nil {
		return &fs.PathError{Op: "fsync", Path: name, Err: err}
	}
	return nil
}

// Lock implements FS.
func (m *Mem) Lock(name string, shared bool, wait time.Duration, giveUp func() bool) (Lock, error) {
	open := func() (*node, error) {
		f, _, err := m.open(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		return f.node, nil
	}
	return lockNode(name, open, shared, newPatience(wait, giveUp))
}

// BootID implements FS.
func (m *Mem) BootID() string { return m.boot }

// Network implements FS.
func (m *Mem) Network(dir string) (string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if _, err := m.lookup(dir); err != nil {
		return "", &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return "", nil
}
