package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// faults are what can go wrong with an operation of the file system.
var faults = []struct {
	what string
	rule vfs.Rule
}{
	{"EIO", vfs.Rule{Ops: vfs.OpAny, Err: syscall.EIO}},
	{"ENOSPC", vfs.Rule{Ops: vfs.OpWrite | vfs.OpAllocate | vfs.OpCreate | vfs.OpTruncate | vfs.OpRename | vfs.OpMkdir, Err: syscall.ENOSPC}},
	{"short write", vfs.Rule{Ops: vfs.OpWrite, Err: syscall.ENOSPC, Short: 100}},
	{"failed sync", vfs.Rule{Ops: vfs.OpDatasync | vfs.OpSyncDir | vfs.OpMapSync, Err: syscall.EIO}},
}

// TestFaults makes each operation of a script fail, one at a time, goes on, and then
// lets the machine lose power.
func TestFaults(t *testing.T) {
	eachSeed(t, 1, 200, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{Writeback: .01 * float64(seed%2)})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 70)
		for _, fault := range faults {
			rule := fault.rule
			stride := count(2, 1)
			for rule.Nth = 1 + int(seed)%stride; ; rule.Nth += stride {
				f := newFaulty(t, base.Killed(), rule, fmt.Sprintf("%s, operation %d", fault.what, rule.Nth))
				f.play(s)
				if !f.fired {
					break
				}
			}
		}
	})
}

// TestFaultsInCreation makes each operation in which a database is made fail.
func TestFaultsInCreation(t *testing.T) {
	s := newScript(1, 10)
	for _, fault := range faults {
		rule := fault.rule
		for rule.Nth = 1; ; rule.Nth++ {
			f := newFaulty(t, vfs.NewCrash(1, vfs.CrashOptions{}), rule, fmt.Sprintf("%s, operation %d", fault.what, rule.Nth))
			f.play(s)
			if !f.fired {
				break
			}
		}
	}
}

// TestFaultsInRecovery makes each operation of a recovery fail, from kill -9 and from a
// power loss.
func TestFaultsInRecovery(t *testing.T) {
	eachSeed(t, 2, 20, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 70)
		stride := count(199, 7)
		for n := 1 + rand.New(rand.NewPCG(seed, 9)).IntN(stride); ; n += stride {
			fs := base.Killed()
			fs.CrashAt(n)
			var p progress
			if !fs.Run(func() { s.play(t, fs, &p) }) {
				return
			}
			c := crash{at{t, fmt.Sprintf("death in operation %d", n)}, s, p}
			c.faults(fs.Killed(), p.flushed)
			c.in("power loss").faults(fs.PowerLost(.5), p.synced)
		}
	})
}

func (c crash) faults(before *vfs.Crash, least int) {
	c.p.hard = false // a failed sync of the index makes it be rebuilt
	for _, fault := range faults {
		rule := fault.rule
		for rule.Nth = 1; ; rule.Nth++ {
			c := c.in("%s in operation %d of the recovery", fault.what, rule.Nth)
			now := int64(0)
			fs := before.Killed()
			faulty := vfs.NewFault(fs, rule)
			db, err := Open(testDir, Options{FS: faulty, Inline: true, Clock: func() int64 { return now }, tuning: crowded})
			if faulty.Fired() == 0 {
				break
			}
			if err == nil {
				db.Close()
			}
			c.survive(fs, least, c.p.begun)
		}
	}
}

// TestFullDisk fills the disk, at one size of it after the other, while a script is played:
// all can still be read, synced, deleted and opened again, and when there is space again all
// goes on.
func TestFullDisk(t *testing.T) {
	eachSeed(t, 2, 100, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 70)
		stride := int64(count(2000, 100))
		for quota := int64(seed); ; quota += stride {
			f := newFaulty(t, base.Killed(), vfs.Rule{}, fmt.Sprintf("a disk of %d bytes", quota))
			f.fs.SetQuota(quota)
			if f.fill(s); !f.fired {
				return
			}
			f.deletes()
			f.reopens(quota)
			f.fs.SetQuota(-1)
			f.play(s)
		}
	})
}

// fill plays a script until the disk is full.
func (f *faulty) fill(s *script) {
	f.full = true
	f.open()
	for i := 0; i < len(s.steps) && !f.fired; i++ {
		st := &s.steps[i]
		f.now, f.m.now = st.now, st.now
		if st.kind == stepReopen {
			f.sync()
		} else {
			f.step(st)
		}
	}
}

// deletes checks that what is there can be read, made durable and deleted.
func (f *faulty) deletes() {
	now := f.now
	f.now = 0
	inspect(f, f.db, &f.now, f.s.states[f.last()])
	f.now, f.m.now = now, now
	n := 0
	for k := range f.s.states[f.last()] {
		if n++; n > 10 {
			break
		}
		before := f.last()
		f.transact(&step{ops: []op{{kind: opDelete, key: k}}})
		if !f.sync() || f.last() != before+1 {
			f.Fatalf("no delete of %s", k)
		}
	}
}

// reopens opens the database on the full disk, also after a power cut.
func (f *faulty) reopens(quota int64) {
	if err := f.db.Close(); err != nil {
		f.Fatal(err)
	}
	if !f.open() {
		f.Fatal("no opening")
	}
	f.deletes()
	lost := f.disk.PowerLost(.5)
	c := crash{at: f.at, s: &f.s}.in("power loss")
	c.readOnly(lost, f.last(), f.last())
	full := vfs.NewFault(lost)
	full.SetQuota(0)
	db, err := Open(testDir, Options{FS: full, Inline: true, Clock: func() int64 { return 0 }, tuning: crowded})
	if errors.Is(err, ErrFull) {
		return
	}
	if err != nil {
		c.Fatal(err)
	}
	c.s.find(c, content(c, db), f.last(), f.last())
	db.Close()
}

// faulty plays a script on a file system where an operation fails.
type faulty struct {
	at
	disk *vfs.Crash
	fs   *vfs.Fault
	db   *DB // nil before it is opened again
	now  int64

	fired bool // an operation did fail
	full  bool // because the disk is full

	m               *model
	s               script // the states that there really were
	flushed, synced int    // of them
}

func newFaulty(t *testing.T, disk *vfs.Crash, rule vfs.Rule, where string) *faulty {
	return &faulty{at: at{t, where}, disk: disk, fs: vfs.NewFault(disk, rule), m: newModel(),
		s: script{states: []map[string]Item{{}}}}
}

func (f *faulty) last() int { return len(f.s.states) - 1 }

func (f *faulty) play(s *script) {
	for i := range s.steps {
		st := &s.steps[i]
		f.now, f.m.now = st.now, st.now
		if f.db == nil && !f.open() {
			continue
		}
		f.step(st)
	}
	f.fired = f.fired || f.fs.Fired() > 0
	f.fs.SetRules() // from here nothing fails
	if f.db == nil {
		f.open()
	}
	if !f.sync() { // it had failed before
		f.open()
		f.sync()
	}
	f.now = 0
	inspect(f, f.db, &f.now, f.s.states[f.last()])
	f.db.Close()
	c := crash{at: f.at}
	for _, keep := range []float64{0, .5} {
		c.in("power loss that keeps %v", keep).holds(f.disk.PowerLost(keep), f.s.states[f.last()])
	}
}

func (f *faulty) step(st *step) {
	switch st.kind {
	case stepCommit, stepRollback:
		f.transact(st)
	case stepFlush:
		if err := f.db.Flush(); err != nil {
			f.trouble(err)
		} else {
			f.flushed = f.last()
		}
	case stepSync:
		f.sync()
	case stepIndexSync:
		if err := st.syncIndex(f.db); err != nil {
			f.trouble(err)
		}
	case stepCompact:
		f.now = 0
		if err := st.compact(f.db); err != nil {
			f.trouble(err)
		}
		f.now = st.now
	case stepReopen:
		if err := f.db.Close(); err != nil {
			f.cause(err)
		} else {
			f.flushed = f.last()
		}
		f.db = nil
	}
}

func (f *faulty) sync() bool {
	if err := f.db.Sync(); err != nil {
		f.trouble(err)
		return false
	}
	f.flushed, f.synced = f.last(), f.last()
	return true
}

// open opens the database, whose clock then shows everything, and finds out what is there.
func (f *faulty) open() bool {
	db, err := Open(testDir, Options{FS: f.fs, Inline: true, Clock: func() int64 { return f.now }, tuning: crowded})
	if err != nil {
		f.cause(err)
		return false
	}
	f.db = db
	now := f.now
	f.now = 0
	i := f.s.find(f, f.content(), f.flushed, f.last())
	f.now = now
	f.s.states = f.s.states[:i+1]
	f.flushed, f.synced = i, i
	f.m.items = maps.Clone(f.s.states[i])
	return true
}

// content reads everything, at the second attempt at the latest.
func (f *faulty) content() map[string]Item {
	items, err := readAll(f, f.db)
	if err != nil {
		f.cause(err)
		return content(f, f.db)
	}
	return items
}

func (f *faulty) transact(st *step) {
	tx, err := f.db.Begin(true)
	if err != nil {
		f.trouble(err)
		return
	}
	before := maps.Clone(f.m.items)
	for i := range st.ops {
		sp := savepoint(tx)
		if err = st.ops[i].do(tx); err == nil {
			f.m.apply(st.ops[i : i+1])
			continue
		}
		f.cause(err)
		tx.RollbackTo(sp)
	}
	if st.kind == stepRollback {
		tx.Rollback()
		f.m.items = before
		return
	}
	if err = tx.Commit(); err != nil {
		f.m.items = before
		f.trouble(err)
		return
	}
	f.s.states = append(f.s.states, maps.Clone(f.m.items))
}

// cause checks that an error is one that the file system gave.
func (f *faulty) cause(err error) {
	f.Helper()
	f.fired = f.fired || f.fs.Fired() > 0 || f.full && errors.Is(err, ErrFull)
	if !f.fired {
		f.Fatalf("without a failure: %v", err)
	}
	if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, ErrFull) && !errors.Is(err, ErrFailed) {
		f.Fatalf("another error: %v", err)
	}
}

// trouble checks what is left after an error: what was committed can be read, and if the
// database has failed it says so to all who want something durable. It is closed then.
func (f *faulty) trouble(err error) {
	f.Helper()
	f.cause(err)
	now := f.now
	f.now = 0
	if got, want := f.content(), f.s.states[f.last()]; !sameItems(got, want) {
		f.Fatalf("after %v:%s", err, difference(got, want))
	}
	f.now = now
	lost := crash{at: f.at, s: &f.s}.in("power loss after %v", err)
	nothing := int64(0)
	f.s.find(lost, content(lost, lost.open(f.disk.PowerLost(.5), &nothing)), f.synced, f.last())
	if !errors.Is(err, ErrFailed) {
		return
	}
	for range 2 {
		if err := f.db.Sync(); !errors.Is(err, ErrFailed) {
			f.Fatalf("Sync after a failure: %v", err)
		}
		if err := f.db.Flush(); !errors.Is(err, ErrFailed) {
			f.Fatalf("Flush after a failure: %v", err)
		}
		if _, err := f.db.Begin(true); !errors.Is(err, ErrFailed) {
			f.Fatalf("Begin after a failure: %v", err)
		}
	}
	f.db.Close()
	f.db = nil
}
