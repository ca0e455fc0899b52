package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// keeps are the shares of unsynced sectors that survive a power loss.
var keeps = []float64{0, .1, .5, 1}

// TestCrash lets the process die in each of the operations of a script, and the machine
// lose power there, and looks at what is left.
func TestCrash(t *testing.T) {
	eachSeed(t, 2, 20, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{Writeback: .02 * float64(seed%2)})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 70)
		stride := count(7, 1)
		first := 1 + rand.New(rand.NewPCG(seed, 3)).IntN(stride)
		for n := first; ; n += stride {
			fs := base.Killed()
			fs.CrashAt(n)
			var p progress
			if !fs.Run(func() { s.play(t, fs, &p) }) {
				return
			}
			c := crash{at{t, fmt.Sprintf("death in operation %d", n)}, s, p}
			c.survive(fs.Killed(), p.flushed, p.begun)
			for _, keep := range keeps {
				c.in("power loss that keeps %v", keep).survive(fs.PowerLost(keep), p.synced, p.begun)
			}
			c.rotten(fs)
		}
	})
}

// rotten lets one of the index's headers be damaged after the crash. The others may be of
// no use then, but they must not lie.
func (c crash) rotten(fs *vfs.Crash) {
	for i := range 4 {
		for boot, fs := range []*vfs.Crash{fs.Killed(), fs.PowerLost(1)} {
			c, now := c.in("header %d damaged, boot %d", i, boot), int64(0)
			fs.FlipBit(join(testDir, indexName), int64(headerSpacing*i+100)*8)
			db, err := Open(testDir, Options{FS: fs, Inline: true, Clock: func() int64 { return now }, tuning: crowded})
			if errors.Is(err, ErrCorrupt) {
				continue
			}
			if err != nil {
				c.Fatal(err)
			}
			if items, err := readAll(c, db); err == nil {
				c.s.find(c, items, c.p.synced, c.p.begun)
			}
			db.Close()
		}
	}
}

// TestCrashInRecovery lets the process die, or the machine lose power, and then the next
// process die in each of the operations of its recovery, and the machine lose power there.
func TestCrashInRecovery(t *testing.T) {
	eachSeed(t, 2, 20, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{Writeback: .02 * float64(seed%2)})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 70)
		stride := count(401, 23)
		first := 1 + rand.New(rand.NewPCG(seed, 5)).IntN(stride)
		for n := first; ; n += stride {
			fs := base.Killed()
			fs.CrashAt(n)
			var p progress
			if !fs.Run(func() { s.play(t, fs, &p) }) {
				return
			}
			c := crash{at{t, fmt.Sprintf("death in operation %d", n)}, s, p}
			c.dieAgain(fs.Killed(), p.synced, p.begun)
			for _, keep := range keeps {
				c, lost, now := c.in("power loss that keeps %v", keep), fs.PowerLost(keep), int64(0)
				// What is found after a power loss cannot be lost again.
				i := s.find(c, content(c, c.open(lost.Killed(), &now)), p.synced, p.begun)
				c.dieAgain(lost, i, i)
			}
		}
	})
}

// TestCrashInCreation lets the process die in each operation in which it makes a database.
func TestCrashInCreation(t *testing.T) {
	item := Item{Type: TypeString, Value: []byte("value")}
	s := &script{
		steps:  []step{{ops: []op{{key: "key", item: item}}}, {kind: stepSync}},
		states: []map[string]Item{{}, {"key": item}},
	}
	eachSeed(t, 5, 50, func(t *testing.T, seed uint64) {
		for n := 1; ; n++ {
			fs := vfs.NewCrash(seed, vfs.CrashOptions{})
			fs.CrashAt(n)
			var p progress
			if !fs.Run(func() { s.play(t, fs, &p) }) {
				return
			}
			c := crash{at{t, fmt.Sprintf("death in operation %d", n)}, s, p}
			c.survive(fs.Killed(), p.flushed, p.begun)
			for _, keep := range keeps {
				c.in("power loss that keeps %v", keep).survive(fs.PowerLost(keep), p.synced, p.begun)
			}
		}
	})
}

// dieAgain lets the process that opens the database die in each of its operations.
func (c crash) dieAgain(before *vfs.Crash, least, most int) {
	stride := count(5, 1)
	for n := 1; ; n += stride {
		fs := before.Killed()
		fs.CrashAt(n)
		now := int64(0)
		c := c.in("death in operation %d of the recovery", n)
		if !fs.Run(func() { c.open(fs, &now) }) {
			return
		}
		i := c.survive(fs.Killed(), least, most)
		for _, keep := range keeps {
			c.in("power loss that keeps %v", keep).survive(fs.PowerLost(keep), least, i)
		}
	}
}

// crash is a process that played a script and died.
type crash struct {
	at
	s *script
	p progress
}

func (c crash) in(format string, args ...any) crash {
	c.where += ", " + fmt.Sprintf(format, args...)
	return c
}

// survive checks what a process finds: the state after some transaction, not before
// least and not after most; that it stays so; and that it can go on from there. fs is
// used up.
func (c crash) survive(fs *vfs.Crash, least, most int) int {
	c.Helper()
	now := int64(0)
	c.readOnly(fs.Killed(), least, most)
	db := c.open(fs, &now)
	i := c.s.find(c, content(c, db), least, most)
	inspect(c, db, &now, c.s.states[i])
	c.in("what was seen, after a power loss").holds(fs.PowerLost(0), c.s.states[i])
	c.goOn(fs, db, &now, maps.Clone(c.s.states[i]))
	return i
}

// open opens the database; if an index sync has ever been finished, the index must be
// of use.
func (c crash) open(fs *vfs.Crash, now *int64) *DB {
	c.Helper()
	db, err := Open(testDir, Options{FS: fs, Inline: true, Clock: func() int64 { return *now }, tuning: crowded})
	if err != nil {
		c.Fatalf("Open: %v", err)
	}
	if c.p.hard && db.rebuilt {
		c.Fatal("Open made the index anew")
	}
	return db
}

// readOnly checks what somebody sees who may not repair anything.
func (c crash) readOnly(fs *vfs.Crash, least, most int) {
	c = c.in("read only")
	allowed := fs.Ops()
	if fs.Bytes(join(testDir, lockName)) == nil {
		allowed++
	}
	db, err := Open(testDir, Options{FS: fs, ReadOnly: true, Inline: true, Clock: func() int64 { return 0 }, tuning: crowded})
	if errors.Is(err, ErrNotFound) && least == 0 {
		return
	}
	if err != nil {
		c.Fatalf("Open: %v", err)
	}
	i := c.s.find(c, content(c, db), least, most)
	(&model{items: c.s.states[i]}).check(c, db)
	db.Close()
	if fs.Ops() > allowed {
		c.Fatalf("%d changes", fs.Ops()-allowed)
	}
}

// holds checks that the database has these items.
func (c crash) holds(fs *vfs.Crash, want map[string]Item) {
	c.Helper()
	now := int64(0)
	db := c.open(fs, &now)
	if got := content(c, db); !sameItems(got, want) {
		c.Fatalf("wrong:%s", difference(got, want))
	}
	db.Close()
}

// goOn writes, syncs and closes, and lets the machine lose power.
func (c crash) goOn(fs *vfs.Crash, db *DB, now *int64, items map[string]Item) {
	c = c.in("going on")
	r := rand.New(rand.NewPCG(uint64(len(items)), 4))
	m := &model{items: items, now: 1_700_000_001_000}
	*now = m.now
	for range 3 {
		ops := randomOps(r, crowdedKeys(), 20, m.now)
		if err := (&step{ops: ops}).transact(db, new(progress)); err != nil {
			c.Fatal(err)
		}
		m.apply(ops)
	}
	if err := db.Sync(); err != nil {
		c.Fatal(err)
	}
	*now = 0
	inspect(c, db, now, m.items)
	c.in("power loss").holds(fs.PowerLost(.3), m.items)
	if err := db.Close(); err != nil {
		c.Fatal(err)
	}
	c.in("reopened").holds(fs, m.items)
}
