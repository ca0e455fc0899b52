package engine

import (
	"errors"
	iofs "io/fs"
	"runtime/debug"
)

// What a sync has made durable is moved from its layers into the index by whoever commits
// next, a little with each commit; when nobody comes, by the syncer. So nobody waits for the
// lock, and lines of layers and index stay in one processor's cache: together with compaction
// by those who write, that saved 5 % of a server's time for a SET in a pipeline.
const (
	// feedFactor entries are moved for each that a commit adds, and feedLeast with each.
	feedFactor = 4
	feedLeast  = 64
	// feedPiece entries at most are moved under one hold of the lock: at most 1 ms.
	feedPiece = 4096
)

// ripen notes, with the lock, that a batch is on stable storage.
func (db *DB) ripen(b *batch) {
	db.synced = max(db.synced, b.target)
	db.syncer.waiting.Store(db.atRisk())
	db.ripe = b
}

// feedAll moves all that is ripe into the index, in pieces.
func (db *DB) feedAll() error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for done := false; !done; {
		err := db.locked(func() (err error) {
			done, err = db.feed(feedPiece)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// feed moves about most entries of what is ripe, under the lock that the caller has, and
// tells whether that was all.
func (db *DB) feed(most int) (done bool, err error) {
	b := db.ripe
	if b == nil || db.failed != nil {
		return true, nil
	}
	err = db.moveSome(b, most)
	switch {
	case isNoSpace(err):
		err = db.feedLater(b)
	case err == nil && b.layers > 0:
		return false, nil
	case err == nil:
		err = db.fed(b)
	}
	db.ripe = nil
	if err != nil {
		return true, db.fail(err)
	}
	return true, nil
}

// moveSome moves about most entries of the oldest layers of a batch.
func (db *DB) moveSome(b *batch, most int) (err error) {
	defer catch(&err)
	var at leaf
	for ; b.layers > 0; b.layers-- {
		l := db.layers[0]
		if l.cleared != 0 && l.applied == 0 {
			if err := db.clearIndex(l.cleared); err != nil {
				return err
			}
			at.m = nil
		}
		for l.applied < len(l.table) {
			if most <= 0 {
				return nil
			}
			some := l.table[l.applied:min(l.applied+touchAhead, len(l.table))]
			most -= db.touch(&at, some)
			for i := range some {
				if err := db.applyEntry(&at, l, &some[i]); err != nil {
					return err
				}
				l.applied++
			}
		}
		db.layers = db.layers[1:]
		db.spare = l
	}
	return nil
}

// fed records how far the index is once a batch is in it.
func (db *DB) fed(b *batch) (err error) {
	defer catch(&err)
	for _, id := range b.doomed {
		if err := db.removeValueFile(id); err != nil {
			return err
		}
	}
	if len(db.values.files) == 0 {
		db.idx.h.flags &^= flagValues
	}
	db.indexFull = false
	db.idx.h.mark, db.idx.h.synced, db.idx.h.floor = b.at, db.synced, max(db.idx.h.floor, b.floor)
	return db.idx.writeSoft()
}

// feedLater leaves what the index has no space for to the next sync: that it stays behind
// the log is no harm but in speed.
func (db *DB) feedLater(b *batch) (err error) {
	defer catch(&err)
	db.indexFull = true
	db.doomed = append(b.doomed, db.doomed...)
	db.idx.h.synced = db.synced
	return db.idx.writeSoft()
}

// newLayer returns an empty layer, to follow the newest. Those before say how much to
// expect: to grow to the same size step by step took 17 of the 550 ns of a bulk load's SET. A
// small one in between, when somebody calls Sync, changes little.
func (db *DB) newLayer() *layer {
	top, l := db.top(), db.spare
	db.spare = nil
	expect := max(top.used, top.expect/2)
	switch {
	case l != nil && l.fits(expect):
		l.reset()
	case len(top.table) > 0 && top.fits(expect):
		l = &layer{}
		l.make(len(top.table))
	default:
		l = &layer{}
	}
	l.expect = expect
	return l
}

// touchAhead entries, half of them used, are looked at before they are moved.
const touchAhead = 64

// touch fetches the lines that entries are about to go to, and returns how many are used. Its
// errors will be met again.
func (db *DB) touch(at *leaf, entries []entry) (used int) {
	var places fetch
	for i := range entries {
		if e := &entries[i]; e.addr != 0 {
			if db.idx.reach(at, e.hash) == nil {
				at.addLines(&places, e.hash)
			}
			used++
		}
	}
	db.touched = places.read()
	return used
}

// applyEntry makes the index say what an entry of a layer says.
func (db *DB) applyEntry(at *leaf, l *layer, e *entry) (err error) {
	switch {
	case e.addr == 0 || e.addr == gone:
		return nil
	case l.recovered:
		at.m = nil
		return db.reconcileEntry(e)
	case e.addr&deleted == 0:
		err = db.idx.put(at, e.hash, e.addr, e.old)
	case e.old != 0:
		err = db.idx.delete(at, e.hash, e.old)
	}
	if err == nil && e.old != 0 && db.compacts() {
		db.compaction.obsolete.mark(db.log.geometry, e.old, db.compaction.at)
	}
	return err
}

func (db *DB) reconcileEntry(e *entry) error {
	var r record
	err := db.log.load(e.addr&^deleted, &r)
	if err != nil {
		return err
	}
	addr := e.addr
	if addr&deleted != 0 {
		addr = 0
	}
	m := matcher{log: &db.log, key: r.key, rec: new(record)}
	return db.idx.reconcile(e.hash, addr, m.is)
}

// clearIndex does what a CLEAR at addr means: it empties the index and removes the
// value files from before.
func (db *DB) clearIndex(addr uint64) error {
	if err := db.idx.clearAll(); err != nil {
		return err
	}
	db.idx.h.floor = max(db.idx.h.floor, addr)
	return db.removeValueFiles(func(id uint64) bool { return id < addr })
}

// removeValueFiles removes the value files that which picks.
func (db *DB) removeValueFiles(which func(id uint64) bool) error {
	names, err := db.fs.ReadDir(db.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if id, ok := parseValueFileName(name); ok && which(id) {
			if err := db.removeValueFile(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeValueFile removes a value file; that it is not there is no error, since redoing
// a log tries again.
func (db *DB) removeValueFile(id uint64) error {
	err := db.fs.Remove(join(db.dir, valueFileName(id)))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}
