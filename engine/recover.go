package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// recover brings a database that another process left, in whatever state, to where
// transactions can begin:
//
//  1. choose the index header to go by, or make the index anew;
//  2. read the log from its mark, frame by frame, and find where the log ends;
//  3. decide whether what follows is a torn tail, which is cut off, or damage;
//  4. make durable what was not yet known to be;
//  5. redo what the index does not have.
//
// After a clean exit, and nearly so after kill -9, the mark is the end of the log.
func (db *DB) recover() error {
	from := mark{addr: db.log.start(db.man.head)}
	boot := db.fs.BootID()
	idx, trusted, err := openIndex(db.fs, db.dir, db.man.uuid, from.addr-segmentHeader, boot, db.opt.ReadOnly)
	rebuild := errors.Is(err, errNoIndex)
	if err != nil && !rebuild {
		return err
	}
	db.idx = idx
	if rebuild {
		if from, err = db.startOfLog(); err == nil {
			err = db.rebuildIndex(from, idx, boot)
		}
		if err != nil {
			return err
		}
	} else {
		from = idx.h.mark
	}
	if err := db.replay(from, trusted); err != nil {
		return err
	}
	db.openedAt = db.log.end
	db.compaction.at = max(db.idx.h.floor, db.log.start(db.man.head))
	db.noticeOld()
	return nil
}

// startOfLog is the mark at the beginning of the log's first segment.
func (db *DB) startOfLog() (mark, error) {
	if err := db.log.openUpTo(db.man.head); err != nil {
		return mark{}, err
	}
	s, err := db.log.segs.get(db.man.head)
	if err != nil {
		return mark{}, err
	}
	return mark{addr: db.log.start(s.num), chain: s.start.chain}, nil
}

// rebuildIndex makes an empty index, to be filled from the log. lost is what there was of
// the one before, nil if nothing: its watermark counts.
func (db *DB) rebuildIndex(from mark, lost *index, boot string) (err error) {
	db.rebuilt = true
	h := header{uuid: db.man.uuid, mark: from, synced: from.addr, flags: flagNew | flagBusy}
	if lost != nil {
		h.synced = max(h.synced, lost.h.synced)
		h.flags |= lost.h.flags & flagPoisoned
	}
	if db.opt.ReadOnly {
		// All of it will be in a layer in memory.
		db.idx = &index{readOnly: true, logStart: from.addr - segmentHeader, h: h}
		db.layers = []*layer{{cleared: 1}}
		return nil
	}
	db.idx, err = createIndex(db.fs, db.dir, boot, h)
	return noSpace(err)
}

// tail is the log from a mark to its end.
type tail struct {
	from, end mark
	reached   uint64   // what cannot be read behind the end
	stop      error    // why
	synced    uint64   // the log is known to have been on stable storage up to here
	values    []uint64 // value files that its records made
}

// replay does steps 2 to 5.
func (db *DB) replay(from mark, trusted bool) error {
	if err := db.log.openUpTo(db.log.number(from.addr)); err != nil {
		return err
	}
	t, err := db.readTail(from, trusted)
	if err != nil {
		return err
	}
	if t.end.addr < t.synced {
		return db.log.damaged(t.reached, fmt.Errorf("%w; the log is known to be good beyond this place", t.stop))
	}
	if t.stop != nil && !isTorn(t.stop) {
		return db.log.damaged(t.reached, t.stop)
	}
	if err := db.continueAt(t, trusted); err != nil {
		return err
	}
	if db.opt.ReadOnly {
		return db.overlay(from, t.end)
	}
	if err := db.idx.resume(trusted); err != nil {
		return noSpace(err)
	}
	if err := db.syncNew(); err != nil {
		return err
	}
	if err := db.secure(t); err != nil {
		return err
	}
	return db.redo(t)
}

// readTail finds the end of the log.
func (db *DB) readTail(from mark, trusted bool) (tail, error) {
	t := tail{from: from, synced: max(db.idx.h.synced, from.addr)}
	t.end, t.reached, t.stop = db.log.frames(from, func(f *frame) error {
		t.synced = max(t.synced, f.commit.synced)
		t.values = append(t.values, f.values...)
		return nil
	})
	if trusted {
		return t, nil
	}
	behind, err := db.log.syncedBehind(t.reached)
	if t.synced = max(t.synced, behind); err != nil || len(t.values) == 0 || t.values[len(t.values)-1] < t.synced {
		return t, err
	}
	whole, err := db.wholeValues(&t)
	if whole.addr < t.end.addr {
		t.end, t.reached, t.stop = whole, whole.addr, errTornValue
	}
	return t, err
}

// wholeValues returns the last mark up to which all value files are whole. The power may
// have gone when a frame was on stable storage, but not yet the value files that it made.
// Those that have been replaced again do not matter: they may have been removed.
func (db *DB) wholeValues(t *tail) (good mark, err error) {
	good = t.from
	torn := map[uint64]bool{}
	err = db.log.framesBetween(t.from, t.end, func(f *frame) error {
		if f.end.addr > t.synced {
			if err := f.each(func(addr uint64, r *record) error { return db.noteTorn(torn, addr, r) }); err != nil {
				return err
			}
		}
		if len(torn) == 0 {
			good = f.end
		}
		return nil
	})
	return good, err
}

// noteTorn keeps the set of value files that are not whole but should be.
func (db *DB) noteTorn(torn map[uint64]bool, addr uint64, r *record) error {
	switch {
	case r.kind == kindClear:
		clear(torn)
	case r.flags&flagWasFile != 0:
		delete(torn, r.wasFile)
	}
	if !r.madeFile(addr) {
		return nil
	}
	ref, err := decodeReference(r.value)
	if err != nil {
		return db.log.damaged(addr, err)
	}
	m, err := mapValueFile(db.fs, db.dir, ref)
	switch {
	case errors.Is(err, iofs.ErrNotExist) || errors.Is(err, errLength) || errors.Is(err, errChecksum):
		torn[addr] = true
		return nil
	case err != nil:
		return err
	}
	return m.Unmap()
}

// isTorn tells whether a frame that could not be read may be one that was being
// written when the machine stopped.
func isTorn(err error) bool {
	return !errors.Is(err, ErrCorrupt) && (errors.Is(err, errNoRecord) || errors.Is(err, errBadRecord) ||
		errors.Is(err, errChecksum) || errors.Is(err, errTornValue))
}

// continueAt makes t.end the end of the log: the torn tail is cut off, and appending
// can begin.
func (db *DB) continueAt(t tail, trusted bool) error {
	end := t.end
	cur, err := db.log.segs.get(db.log.number(end.addr))
	if err != nil {
		return err
	}
	if !db.opt.ReadOnly {
		// Behind a clean end there are only zeros, as long as the page cache has them.
		clean := trusted && t.reached == end.addr && errors.Is(t.stop, errNoRecord) && !db.log.segs.has(cur.num+1) &&
			db.idx.h.flags&flagValues == 0
		if !clean {
			if err := db.cut(cur, end.addr); err != nil {
				db.note(flagPoisoned) // a sync of the segment is one of its tail
				return err
			}
		}
	}
	db.log.begin(cur, end.addr, end.chain)
	db.c = end.counters
	db.committed, db.synced = end.addr, end.addr
	db.exp = &expiries{loaded: end.expiring == 0, newest: end.summary, opened: end.addr}
	return nil
}

// cut removes what is behind the end of the log.
func (db *DB) cut(cur *segment, end uint64) error {
	if err := db.log.segs.removeFrom(cur.num + 1); err != nil {
		return err
	}
	off := db.log.offset(end)
	if err := cur.file.Truncate(off); err != nil {
		return err
	}
	cur.size = off
	if err := cur.file.Datasync(); err != nil {
		return err
	}
	if err := db.removeValueFiles(func(id uint64) bool { return id >= end }); err != nil {
		return err
	}
	return db.fs.SyncDir(db.dir)
}

// syncNew makes the entries of a new database's files, and its own, durable. The process
// that made it may have died before that.
func (db *DB) syncNew() error {
	if db.idx.h.flags&flagNew == 0 {
		return nil
	}
	if err := db.fs.SyncDir(db.dir); err != nil {
		return err
	}
	return db.syncParent()
}

// secure puts the tail on stable storage, as far as it is not known to be there.
func (db *DB) secure(t tail) (err error) {
	flags := db.idx.h.flags
	if t.synced < t.end.addr {
		if flags&flagPoisoned != 0 {
			err = db.rewrite(t)
		}
		// The kernel has these frames, but perhaps nobody has waited for the disk.
		if err == nil {
			err = db.syncTail(t)
		}
		if err != nil {
			db.note(flagPoisoned)
			return err
		}
	}
	db.idx.h.flags &^= flagPoisoned | flagValues
	if db.idx.h.flags == flags {
		return nil
	}
	return db.idx.writeSoft() // nothing is left of what failed, or had no end
}

// redo brings the index to the end of the log. What it has no space for stays in memory
// until it has: on a full disk keys can still be read and deleted.
func (db *DB) redo(t tail) error {
	if t.from.addr == t.end.addr {
		return nil
	}
	err := db.redoIndex(t.from, t.end)
	if !isNoSpace(err) {
		return err
	}
	db.indexFull = true
	db.layers = []*layer{{}}
	return db.overlay(t.from, t.end)
}

// unsynced are the segments and value files of the tail that are not known to be on
// stable storage.
func (db *DB) unsynced(t tail) (segments []*segment, values []uint64, err error) {
	for num := db.log.number(t.synced); num <= db.log.number(t.end.addr); num++ {
		s, err := db.log.segs.get(num)
		if err != nil {
			return nil, nil, err
		}
		segments = append(segments, s)
	}
	i, _ := slices.BinarySearch(t.values, t.synced)
	return segments, t.values[i:], nil
}

// syncTail syncs what is not known to be synced, and the directory.
func (db *DB) syncTail(t tail) error {
	segments, values, err := db.unsynced(t)
	if err != nil {
		return err
	}
	for _, id := range values {
		if err := db.withValueFile(id, vfs.File.Datasync); err != nil {
			return err
		}
	}
	for _, s := range segments {
		if err := s.file.Datasync(); err != nil {
			return err
		}
	}
	return db.fs.SyncDir(db.dir)
}

// redoIndex applies the records between two marks to the index.
func (db *DB) redoIndex(from, end mark) error {
	began, said := time.Now(), time.Now()
	if err := db.log.framesBetween(from, end, func(f *frame) error {
		if err := f.each(db.redoRecord); err != nil {
			return err
		}
		// A process that dies in here has not worked for nothing.
		if f.end.addr-db.idx.h.mark.addr >= db.opt.summaryEvery {
			db.idx.h.mark, db.idx.h.synced = f.end, max(db.idx.h.synced, f.end.addr)
			if err := db.idx.writeSoft(); err != nil {
				return err
			}
			if db.unfinished && db.opt.Canceled() {
				return ErrCanceled
			}
			if time.Since(said) > time.Second {
				said = time.Now()
				db.opt.Log(fmt.Sprintf("recovering %s: %d of %d MiB of log, %.0f s", db.dir, (f.end.addr-from.addr)>>20,
					(end.addr-from.addr)>>20, time.Since(began).Seconds()))
			}
		}
		return nil
	}); err != nil {
		return err
	}
	db.idx.h.mark, db.idx.h.synced = end, end.addr
	return db.idx.writeSoft()
}

// redoRecord applies one record to the index.
func (db *DB) redoRecord(addr uint64, r *record) error {
	if r.flags&flagWasFile != 0 {
		if err := db.removeValueFile(r.wasFile); err != nil {
			return err
		}
	}
	m := matcher{log: &db.log, key: r.key, rec: new(record)}
	switch {
	case r.isValue():
		return db.idx.reconcile(db.hash(r.key), addr, m.is)
	case r.kind == kindDelete:
		return db.idx.reconcile(db.hash(r.key), 0, m.is)
	case r.kind == kindClear:
		return db.clearIndex(addr)
	}
	return nil
}

// overlay does the same in a layer in memory, for a database that is only read.
func (db *DB) overlay(from, end mark) error {
	db.top().recovered = true
	return db.log.framesBetween(from, end, func(f *frame) error {
		return f.each(func(addr uint64, r *record) error {
			if r.flags&flagWasFile != 0 {
				db.doomed = append(db.doomed, r.wasFile)
			}
			switch {
			case r.isValue():
				return db.overlayKey(r.key, addr)
			case r.kind == kindDelete:
				return db.overlayKey(r.key, addr|deleted)
			case r.kind == kindClear:
				db.layers = []*layer{{cleared: addr, recovered: true}}
			}
			return nil
		})
	})
}

func (db *DB) overlayKey(key []byte, addr uint64) error {
	hash := db.hash(key)
	var f found
	if err := db.locate(&f, hash, key); err != nil {
		return err
	}
	if f.newest != nil {
		f.newest.addr = addr
	} else {
		db.top().insert(entry{hash: hash, addr: addr, old: f.addr})
	}
	return nil
}

// rewrite writes what is not known to be synced once more. A write or sync of it has
// failed: the page cache may hold what the disk does not, marked as clean, and another
// fsync alone would claim that all is well.
func (db *DB) rewrite(t tail) error {
	segments, values, err := db.unsynced(t)
	if err != nil {
		return err
	}
	for _, s := range segments {
		// Whole pages: only what is written again is written out again.
		first := max(0, int64(t.synced)-int64(s.num<<db.log.bits)) &^ (pageSize - 1)
		if _, err := s.file.WriteAt(bytes.Clone(s.data.Data[first:s.size]), first); err != nil {
			return err
		}
	}
	for _, id := range values {
		if err := db.withValueFile(id, rewriteFile); err != nil {
			return err
		}
	}
	return nil
}

// rewriteFile writes all of a file once more.
func rewriteFile(f vfs.File) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return err
}
