package engine

import "runtime/debug"

// An index sync makes the index, as of some mark, what a power cut falls back to:
//
//  1. freeze: the working directory is set aside and a copy of it goes on changing,
//  2. syncPages: the file is synced, piece by piece and without the database's lock,
//  3. a hard header that leads to the frozen directory is written and synced.
//
// Pages go on changing meanwhile; what changes in them behind the mark is redone from
// the log. How far a sync has come is in the soft header, so that short processes,
// each with a few pieces' worth of time, complete one together.
const syncPiece = 64 // pages

// syncDue tells whether an index sync should begin, after so many bytes of log, or go on.
func (x *index) syncDue(every uint64) bool {
	return x.h.frozen.depth != 0 || x.debt() >= every
}

// debt is the log, in bytes, that a recovery after a power cut would redo.
func (x *index) debt() uint64 { return x.h.mark.addr - x.hardAddr() }

// hardAddr is the address from which a recovery would redo the log.
func (x *index) hardAddr() uint64 {
	if x.hard.seq == 0 {
		return x.logStart
	}
	return x.hard.mark.addr
}

// freeze begins a sync, unless one has begun.
func (x *index) freeze() error {
	if x.h.frozen.depth != 0 {
		return nil
	}
	frozen := x.h.dir
	working, err := x.newArea(frozen.depth)
	if err != nil {
		return err
	}
	if err := x.copyDirectory(working, frozen); err != nil {
		return err
	}
	x.h.dir, x.h.frozen, x.h.frozenMark, x.h.frozenFloor = working, frozen, x.h.mark, x.h.floor
	x.h.cursor, x.h.frozenPages = 0, x.h.pages
	x.scanned = false // what the frozen directory reaches is pinned now
	return x.writeSoftTwice()
}

// syncPages syncs the next piece of the file and returns how many pages it has: tell
// advance. It may run beside readers and writers, but not beside itself.
func (x *index) syncPages() (n uint64, err error) {
	page := uint32(x.h.cursor)
	piece := min(syncPiece, uint32(x.h.frozenPages)-page, chunkPages-page%chunkPages)
	if piece == 0 {
		return 0, nil // another process has synced the last piece
	}
	m, off, err := x.chunk(page)
	if err == nil {
		err = m.Sync(off, int(piece)*pageSize)
	}
	return uint64(piece), err
}

// advance notes that n more pages are synced; done when all are. It needs the database's
// lock: writers write headers, too.
func (x *index) advance(n uint64) (done bool) {
	x.h.cursor += n
	return x.h.cursor == x.h.frozenPages
}

// hardHeader is the header of a sync of which all pages are synced. Once it is durable,
// adopt it.
func (x *index) hardHeader() header {
	h := x.h
	h.seq++
	h.dir, h.mark, h.pages, h.floor = x.h.frozen, x.h.frozenMark, x.h.frozenPages, x.h.frozenFloor
	h.thaw()
	return h
}

// thaw forgets the frozen directory.
func (h *header) thaw() {
	h.frozen, h.frozenMark, h.cursor, h.frozenPages, h.frozenFloor = area{}, mark{}, 0, 0, 0
}

// writeHard makes a hard header durable, in both places, one after the other: the header
// before leads to pages that are about to be used again, so it must not come back when
// this one is damaged. It may run beside readers and writers.
func (x *index) writeHard(h header) error {
	for range 2 {
		m, off, err := x.chunk(0)
		if err != nil {
			return err
		}
		m.Fill(off+x.headerPlace(hard), h.encode())
		if err := x.syncHeaders(); err != nil {
			return err
		}
	}
	return nil
}

// syncHeaders syncs the page of the headers.
func (x *index) syncHeaders() error {
	m, off, err := x.chunk(0)
	if err != nil {
		return err
	}
	return m.Sync(off, pageSize)
}

// adopt makes a durable hard header the one that counts.
func (x *index) adopt(h header) error {
	x.hard = h
	x.h.seq = max(x.h.seq, h.seq)
	x.h.thaw()
	x.scanned = false // the pages of the hard header before are free now
	return x.writeSoft()
}

// resume makes an index that was just opened ready for changes.
func (x *index) resume(trusted bool) error {
	interrupted := x.h.frozen.depth != 0 && x.h.frozen == x.hard.dir
	if trusted && !interrupted {
		return nil
	}
	if x.hard.seq == 0 { // it was made anew
		x.h.flags &^= flagBusy
		return x.writeSoft()
	}
	// The process that wrote this hard header may have died before it knew that the
	// header is durable. Nothing that the one before reaches may be used again until it is.
	err := x.syncHeaders()
	if err == nil {
		err = x.writeHard(x.hard)
	}
	if err != nil {
		x.h.flags |= flagSpoiled
		x.writeSoft()
		return err
	}
	if trusted {
		return x.adopt(x.hard)
	}
	// The hard directory must stay as it is: changes go to a copy.
	working, err := x.newArea(x.hard.dir.depth)
	if err != nil {
		return err
	}
	if err := x.copyDirectory(working, x.hard.dir); err != nil {
		return err
	}
	x.h.dir = working
	x.h.flags &^= flagBusy
	return x.writeSoftTwice()
}

// syncIndex works on an index sync, if one is due, until it is done or stop says so, and
// on what compaction waits for it.
func (db *DB) syncIndex(stop func() bool) error {
	err := db.syncIndexFiles(stop)
	if err == nil {
		err = db.removeOld(stop)
	}
	if err == nil {
		return nil
	}
	return db.locked(func() error { return db.fail(err) })
}

func (db *DB) syncIndexFiles(stop func() bool) error {
	db.indexMu.Lock()
	defer db.indexMu.Unlock()
	if advanced, err := db.advanceHead(); err != nil || advanced && stop() {
		return err
	}
	due, err := db.freezeIndex()
	if isNoSpace(err) {
		return nil // it can wait
	}
	if err == nil && due {
		if err = db.syncFrozen(stop); err != nil {
			db.locked(func() error { db.note(flagSpoiled); return nil })
		}
	}
	if err == nil && !stop() {
		_, err = db.advanceHead()
	}
	return err
}

// freezeIndex begins an index sync if one is due; it tells whether there is one to go on with.
func (db *DB) freezeIndex() (due bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catch(&err)
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.exists || db.closed || db.failed != nil || db.opt.ReadOnly || !db.idx.syncDue(db.opt.indexSyncEvery) && !db.reclaimable() {
		return false, nil
	}
	return true, db.idx.freeze()
}

// syncFrozen goes on with an index sync. No error of it is harmless.
func (db *DB) syncFrozen(stop func() bool) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catch(&err)
	for {
		n, err := db.idx.syncPages()
		if err != nil {
			return err
		}
		done := false
		db.locked(func() error { done = db.idx.advance(n); return nil })
		if n > 0 && stop() {
			return db.locked(db.idx.writeSoft) // keeps the cursor for the next process
		}
		if done {
			return db.finishIndex()
		}
	}
}

// finishIndex ends an index sync of which all pages are synced.
func (db *DB) finishIndex() error {
	// Value files whose removal is before the mark must not come back: nobody would
	// remove them again.
	if err := db.fs.SyncDir(db.dir); err != nil {
		return err
	}
	db.mu.RLock()
	h := db.idx.hardHeader()
	db.mu.RUnlock()
	if err := db.idx.writeHard(h); err != nil {
		return err
	}
	return db.locked(func() error { return db.idx.adopt(h) })
}
