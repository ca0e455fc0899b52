package vfs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Crash is a Mem whose process can be killed, and whose machine can lose power,
// at any operation. It keeps what is on stable storage, in sectors of 512 bytes
// and directory entries, beside what the process sees.
//
// What changes a file or directory, mapped stores included, and every sync is an
// operation; they are numbered from 1. In the one given to CrashAt the process
// dies: it happens, or not, or a part of it, and every goroutine that uses the
// file system afterwards ends, as by runtime.Goexit. What a process finds that is
// started then is in Killed and PowerLost.
//
// What is stable: the data and size of a file after its Datasync; a range of them
// after Mapping.Sync, and that the file reaches to there; creations, renames and removals in a directory after its
// SyncDir. All else may be lost in any combination, but an operation of
// directories is lost as a whole. This is what POSIX leaves to a program, and
// more than any one file system takes away.
//
// The same seed and the same operations in the same order make the same choices.
type Crash struct {
	mem  *Mem
	opt  CrashOptions
	died chan struct{} // closed when the process dies

	mu      sync.Mutex // guards the rest and the disks of all nodes; held during each operation
	rng     *rand.Rand
	ops     int
	crashAt int
	nodes   []*node // all that were ever made
	pending []move  // changes of directories not yet stable, oldest first
}

// CrashOptions tune a Crash.
type CrashOptions struct {
	// Writeback is the chance, at each operation, that the kernel writes some of
	// what is not stable, unasked. From 0 (never) to 1.
	Writeback float64
}

// NewCrash returns an empty file system. All its choices follow from seed.
func NewCrash(seed uint64, opt CrashOptions) *Crash {
	c := newCrash(NewMem(), seed, opt)
	c.boot()
	c.track(c.mem.root)
	return c
}

func newCrash(mem *Mem, seed uint64, opt CrashOptions) *Crash {
	return &Crash{mem: mem, opt: opt, died: make(chan struct{}), rng: rand.New(rand.NewPCG(seed, 0))}
}

func (c *Crash) boot() { c.mem.boot = fmt.Sprintf("boot-%016x", c.rng.Uint64()) }

// CrashAt makes the process die in operation n, counted from 1; 0 is never.
func (c *Crash) CrashAt(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crashAt = n
}

// Ops returns the number of operations so far.
func (c *Crash) Ops() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ops
}

// Kill makes the process die now, between two operations.
func (c *Crash) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kill()
}

func (c *Crash) kill() {
	if !c.dead() {
		close(c.died)
	}
}

func (c *Crash) dead() bool {
	select {
	case <-c.died:
		return true
	default:
		return false
	}
}

// live ends the goroutine if the process is dead.
func (c *Crash) live() {
	if c.dead() {
		runtime.Goexit()
	}
}

// afterlife is how long Run waits for a function that does nothing more with the
// file system after the crash: one blocked on a goroutine that died.
const afterlife = 5 * time.Second

// Run runs f in a goroutine of the process and tells whether the process died. A
// panic in f is passed on.
func (c *Crash) Run(f func()) (crashed bool) {
	var panicked any
	completed, ended := false, make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if panicked = recover(); panicked != nil {
				if err, ok := panicked.(runtime.Error); ok {
					panicked = fmt.Errorf("%w\n%s", err, debug.Stack())
				}
			}
		}()
		f()
		completed = true
	}()
	select {
	case <-ended:
	case <-c.died:
		select {
		case <-ended:
		case <-time.After(afterlife):
			return true
		}
	}
	if panicked != nil {
		panic(panicked)
	}
	if !completed && !c.dead() {
		runtime.Goexit() // f did: t.FailNow
	}
	return c.dead()
}

// operate runs one operation. do gets the share of it that takes effect, less
// than 1 only when the process dies in it.
func (c *Crash) operate(do func(part float64) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live()
	return c.step(do)
}

// step is operate for those who hold c.mu.
func (c *Crash) step(do func(part float64) error) error {
	c.ops++
	c.writeback()
	if c.ops != c.crashAt {
		return do(1)
	}
	part := c.rng.Float64()*2 - .5 // none, a part and all are about as likely
	_ = do(min(max(part, 0), 1))
	c.kill()
	runtime.Goexit()
	return nil
}

// undivided makes an operation one that happens or not.
func undivided(do func() error) func(part float64) error {
	return func(part float64) error {
		if part < .5 {
			return nil
		}
		return do()
	}
}

// writeback is the kernel writing what is not stable yet, in its own time: some
// sectors of one file, and sometimes its size, or the oldest changes of directories.
func (c *Crash) writeback() {
	if c.rng.Float64() >= c.opt.Writeback {
		return
	}
	if len(c.pending) > 0 && c.rng.IntN(3) == 0 {
		c.settle(c.rng.IntN(len(c.pending)) + 1)
		return
	}
	var dirty []*node
	for _, n := range c.nodes {
		if len(n.disk.dirty) > 0 || n.disk.size != n.content.length() {
			dirty = append(dirty, n)
		}
	}
	if len(dirty) == 0 {
		return
	}
	n := dirty[c.rng.IntN(len(dirty))]
	n.disk.write(choose(c.rng, c.rng.Float64()), 0, maxMemFile)
	if c.rng.IntN(2) == 0 {
		n.disk.size = n.content.length()
	}
}

// settle makes the oldest n changes of directories stable.
func (c *Crash) settle(n int) {
	for _, v := range c.pending[:n] {
		v.apply(diskEntries)
	}
	c.pending = c.pending[n:]
}

// track keeps a new node's disk.
func (c *Crash) track(n *node) {
	n.disk = newDisk(n)
	c.nodes = append(c.nodes, n)
}

// changed notes a change of directories.
func (c *Crash) changed(v move, err error) error {
	if err == nil && v.from != v.to {
		if v.node.disk == nil {
			c.track(v.node)
		}
		c.pending = append(c.pending, v)
	}
	return err
}

// OpenFile implements FS. It is an operation if it makes or empties the file.
func (c *Crash) OpenFile(name string, flag int) (File, error) {
	f, err := c.open(name, flag)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (c *Crash) open(name string, flag int) (f *crashFile, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live()
	old, missing := c.mem.lookup(name)
	do := func() error {
		if flag&os.O_TRUNC != 0 && missing == nil {
			old.soilCut(0)
		}
		mf, made, err := c.mem.open(name, flag)
		if err == nil {
			f = &crashFile{memFile: mf, c: c}
		}
		return c.changed(made, err)
	}
	if flag&os.O_TRUNC != 0 || flag&os.O_CREATE != 0 && missing != nil {
		return f, c.step(undivided(do))
	}
	return f, do()
}

// Mkdir implements FS.
func (c *Crash) Mkdir(name string) error {
	return c.operate(undivided(func() error { return c.changed(c.mem.mkdir(name)) }))
}

// ReadDir implements FS.
func (c *Crash) ReadDir(name string) ([]string, error) {
	c.live()
	return c.mem.ReadDir(name)
}

// Rename implements FS.
func (c *Crash) Rename(from, to string) error {
	return c.operate(undivided(func() error { return c.changed(c.mem.rename(from, to)) }))
}

// Remove implements FS.
func (c *Crash) Remove(name string) error {
	return c.operate(undivided(func() error { return c.changed(c.mem.remove(name)) }))
}

// SyncDir implements FS. A rename between directories becomes stable with either:
// file systems with a journal write it whole.
func (c *Crash) SyncDir(name string) error {
	return c.operate(func(part float64) error {
		if err := c.mem.SyncDir(name); err != nil {
			return err
		}
		dir, err := c.mem.lookup(name)
		if err != nil {
			return err
		}
		var others []move
		for _, v := range c.pending {
			if (v.from.dir == dir || v.to.dir == dir) && c.rng.Float64() < part {
				v.apply(diskEntries)
			} else {
				others = append(others, v)
			}
		}
		c.pending = others
		return nil
	})
}

// Lock implements FS.
func (c *Crash) Lock(name string, shared bool, wait time.Duration, giveUp func() bool) (Lock, error) {
	open := func() (*node, error) {
		f, err := c.open(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		return f.node, nil
	}
	p := newPatience(wait, giveUp)
	p.died = c.died
	l, err := lockNode(name, open, shared, p)
	c.live()
	return l, err
}

// BootID implements FS.
func (c *Crash) BootID() string { return c.mem.BootID() }

// Network implements FS.
func (c *Crash) Network(dir string) (string, error) { return c.mem.Network(dir) }

// crashFile is an open file of a Crash.
type crashFile struct {
	*memFile
	c *Crash
}

func (f *crashFile) ReadAt(p []byte, off int64) (int, error) {
	f.c.live()
	return f.memFile.ReadAt(p, off)
}

func (f *crashFile) Size() (int64, error) {
	f.c.live()
	return f.memFile.Size()
}

func (f *crashFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.c.operate(func(part float64) error {
		if err := f.check("write", true, off, int64(len(p))); err != nil {
			return err
		}
		if part < 1 { // the kernel copies in pieces that end with a sector
			end := (off + int64(part*float64(len(p)))) / sectorSize * sectorSize
			p = p[:max(0, end-off)]
		}
		f.node.soil(off, int64(len(p)))
		n, err = f.memFile.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *crashFile) Datasync() error {
	return f.c.operate(func(part float64) error {
		if err := f.memFile.Datasync(); err != nil {
			return err
		}
		f.node.disk.write(choose(f.c.rng, part), 0, maxMemFile)
		if part >= .5 {
			f.node.disk.size = f.node.content.length()
		}
		return nil
	})
}

// failSync is a Datasync that fails as on Linux: what it did not write is lost,
// but no longer dirty, so that a second Datasync does nothing and succeeds.
func (f *crashFile) failSync() {
	_ = f.c.operate(func(float64) error {
		f.node.disk.fail(choose(f.c.rng, .5), 0, maxMemFile)
		return nil
	})
}

func (f *crashFile) Truncate(size int64) error {
	return f.c.operate(undivided(func() error {
		if err := f.check("truncate", true, 0, size); err != nil {
			return err
		}
		f.node.soilCut(size)
		return f.memFile.Truncate(size)
	}))
}

func (f *crashFile) Allocate(off, n int64) error {
	return f.c.operate(undivided(func() error { return f.memFile.Allocate(off, n) }))
}

func (f *crashFile) Map(off, n int64, writable bool) (*Mapping, error) {
	f.c.mu.Lock() // moves pages
	defer f.c.mu.Unlock()
	f.c.live()
	m, err := f.memFile.Map(off, n, writable)
	if err != nil {
		return nil, err
	}
	check := m.sync
	m.store = func(at int, b []byte) {
		_ = f.c.operate(func(part float64) error {
			f.mustStore(writable, off+int64(at), b)
			f.node.soil(off+int64(at), int64(len(b)))
			f.c.copyPart(m.Data[at:at+len(b)], b, part)
			return nil
		})
	}
	m.sync = func(at, n int) error {
		return f.c.operate(func(part float64) error {
			f.node.disk.write(choose(f.c.rng, part), off+int64(at), int64(n))
			if part >= .5 {
				end := min(off+int64(at)+int64(n), f.node.content.length())
				f.node.disk.size = max(f.node.disk.size, end)
			}
			return check(at, n)
		})
	}
	m.failSync = func(at, n int) {
		_ = f.c.operate(func(float64) error {
			f.node.disk.fail(choose(f.c.rng, .5), off+int64(at), int64(n))
			return nil
		})
	}
	return m, nil
}

// mustStore panics where the hardware would end the process with a signal.
func (f *crashFile) mustStore(writable bool, off int64, b []byte) {
	if !writable {
		panic(fmt.Sprintf("store into a read-only mapping of %s at %d", f.name, off))
	}
	if size := f.node.content.length(); off+int64(len(b)) > size {
		panic(fmt.Sprintf("store of %d bytes into a mapping of %s at %d, beyond its end at %d", len(b), f.name, off, size))
	}
}

// copyPart copies a part of the 8-byte words of b: the first ones or any.
func (c *Crash) copyPart(dst, b []byte, part float64) {
	if part == 1 {
		copy(dst, b)
		return
	}
	first := c.rng.IntN(2) == 0
	for i := 0; i < len(b); i += 8 {
		if first && float64(i+8) <= part*float64(len(b)) || !first && c.rng.Float64() < part {
			copy(dst[i:], b[i:min(i+8, len(b))])
		}
	}
}

// Killed returns what a process finds that is started after this one died, by
// kill -9 say: everything it had written.
func (c *Crash) Killed() *Crash {
	c.mu.Lock()
	defer c.mu.Unlock()
	mem := &Mem{device: c.mem.device, boot: c.mem.boot}
	mem.inodes.Store(c.mem.inodes.Load())
	k := newCrash(mem, c.rng.Uint64(), c.opt)
	done := map[*node]*node{}
	mem.root = c.mem.root.clone(done)
	for _, v := range c.pending {
		k.pending = append(k.pending, move{
			node: v.node.clone(done),
			from: place{v.from.dir.clone(done), v.from.name},
			to:   place{v.to.dir.clone(done), v.to.name},
		})
	}
	for _, n := range c.nodes {
		if done[n] != nil {
			k.nodes = append(k.nodes, done[n])
		}
	}
	return k
}

// PowerLost returns what a process finds after the machine lost power and was
// booted again: of each sector, size and change of directories that was not
// stable the new state, with probability keep, or else the old. Files keep their
// identity.
func (c *Crash) PowerLost(keep float64) *Crash {
	k := c.Killed()
	for _, v := range k.pending {
		if k.rng.Float64() < keep {
			v.apply(diskEntries)
		}
	}
	k.pending = nil
	for _, n := range k.nodes {
		if n.entries != nil {
			n.entries = maps.Clone(n.disk.entries)
		} else {
			n.losePower(k.rng, keep)
		}
	}
	k.boot()
	return k
}
