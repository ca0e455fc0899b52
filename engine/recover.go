package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"os"
	"time"
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
			err = db.rebuildIndex(from, boot)
		}
		if err != nil {
			return err
		}
	} else {
		from = idx.h.mark
	}
	return db.replay(from, trusted)
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

// rebuildIndex makes an empty index, to be filled from the log.
func (db *DB) rebuildIndex(from mark, boot string) error {
	db.opt.Log("rebuilding the index of " + db.dir + " from its log")
	if db.opt.ReadOnly {
		// All of it will be in a layer in memory.
		db.idx = &index{readOnly: true, logStart: from.addr - segmentHeader}
		db.layers = []*layer{{cleared: 1}}
		return nil
	}
	idx, err := createIndex(db.fs, db.dir, db.man.uuid, from, boot)
	db.idx = idx
	return noSpace(err)
}

// replay does steps 2 to 5.
func (db *DB) replay(from mark, trusted bool) error {
	if err := db.log.openUpTo(db.log.number(from.addr)); err != nil {
		return err
	}
	synced := max(db.idx.h.synced, from.addr)
	end, reached, stop := db.log.frames(from, func(f *frame) error {
		synced = max(synced, f.commit.synced)
		return nil
	})
	if end.addr < synced || (!trusted && db.log.syncedBehind(reached) > end.addr) {
		return db.log.damaged(reached, fmt.Errorf("%w; the log is known to be good beyond this place; see --verify and --repair", stop))
	}
	if stop != nil && !isTorn(stop) {
		return db.log.damaged(reached, stop)
	}
	if err := db.continueAt(end, reached, trusted, stop); err != nil {
		return err
	}
	if db.opt.ReadOnly {
		return db.overlay(from, end)
	}
	if err := db.idx.resume(trusted || db.idx.hard.seq == 0); err != nil {
		return noSpace(err)
	}
	return db.redo(from, end)
}

// isTorn tells whether a frame that could not be read may be one that was being
// written when the machine stopped.
func isTorn(err error) bool {
	return errors.Is(err, errNoRecord) || errors.Is(err, errBadRecord) || errors.Is(err, errChecksum)
}

// continueAt makes end the end of the log: the torn tail is cut off, what is not yet
// durable becomes so, and appending can begin.
func (db *DB) continueAt(end mark, reached uint64, trusted bool, stop error) error {
	cur, err := db.log.segs.get(db.log.number(end.addr))
	if err != nil {
		return err
	}
	if !db.opt.ReadOnly {
		// Behind a clean end there are only zeros, as long as the page cache has them.
		clean := trusted && reached == end.addr && errors.Is(stop, errNoRecord) && !db.log.segs.has(cur.num+1)
		if !clean {
			if err := db.cut(cur, end.addr); err != nil {
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

// redo brings the index from one mark to the end of the log.
func (db *DB) redo(from, end mark) error {
	if from.addr == end.addr {
		if db.idx.h.flags&flagPoisoned == 0 {
			return nil
		}
		db.idx.h.flags &^= flagPoisoned // nothing is left of what failed
		return db.idx.writeSoft()
	}
	if db.idx.h.flags&flagPoisoned != 0 {
		if err := db.rewrite(from.addr, end.addr); err != nil {
			return err
		}
		db.idx.h.flags &^= flagPoisoned
	}
	// The kernel has these frames, but perhaps nobody has waited for the disk.
	if err := db.syncSegments(from.addr, end.addr); err != nil {
		return err
	}
	return db.redoIndex(from, end)
}

// syncSegments syncs all segments between two addresses, and the directory.
func (db *DB) syncSegments(from, to uint64) error {
	for num := db.log.number(from); num <= db.log.number(to); num++ {
		s, err := db.log.segs.get(num)
		if err != nil {
			return err
		}
		if err := s.file.Datasync(); err != nil {
			return err
		}
	}
	return db.fs.SyncDir(db.dir)
}

// redoIndex applies the records between two marks to the index.
func (db *DB) redoIndex(from, end mark) error {
	began, said := time.Now(), time.Now()
	_, _, err := db.log.frames(from, func(f *frame) error {
		if f.end.addr > end.addr {
			return errStop
		}
		if err := f.each(db.redoRecord); err != nil {
			return err
		}
		// A process that dies in here has not worked for nothing.
		if f.end.addr-db.idx.h.mark.addr >= summaryEvery {
			db.idx.h.mark, db.idx.h.synced = f.end, max(db.idx.h.synced, f.end.addr)
			if err := db.idx.writeSoft(); err != nil {
				return err
			}
			if time.Since(said) > time.Second {
				said = time.Now()
				db.opt.Log(fmt.Sprintf("recovering: %d of %d MiB of log, %.0f s", (f.end.addr-from.addr)>>20,
					(end.addr-from.addr)>>20, time.Since(began).Seconds()))
			}
		}
		return nil
	})
	if err != nil && !isTorn(err) && !errors.Is(err, errStop) {
		return noSpace(err)
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
	m := matcher{log: &db.log, key: r.key}
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

// overlay does the same for a database that is only read: into a layer in memory.
func (db *DB) overlay(from, end mark) error {
	_, _, err := db.log.frames(from, func(f *frame) error {
		if f.end.addr > end.addr {
			return errStop
		}
		return f.each(func(addr uint64, r *record) error {
			switch {
			case r.isValue():
				return db.overlayKey(r.key, addr)
			case r.kind == kindDelete:
				return db.overlayKey(r.key, addr|deleted)
			case r.kind == kindClear:
				db.layers = []*layer{{cleared: addr}}
			}
			return nil
		})
	})
	if err != nil && !isTorn(err) && !errors.Is(err, errStop) {
		return err
	}
	return nil
}

func (db *DB) overlayKey(key []byte, addr uint64) error {
	hash := db.hash(key)
	f, err := db.locate(hash, key)
	if err != nil {
		return err
	}
	if f.newest != nil {
		f.newest.addr = addr
	} else {
		db.top().insert(entry{hash: hash, addr: addr, old: f.addr})
	}
	return nil
}

// rewrite writes the log behind the watermark, and the value files that belong to it,
// once more. A write or sync of theirs has failed: the page cache may hold what the
// disk does not, marked as clean, and another fsync alone would claim that all is well.
func (db *DB) rewrite(from, to uint64) error {
	for num := db.log.number(from); num <= db.log.number(to); num++ {
		s, err := db.log.segs.get(num)
		if err != nil {
			return err
		}
		// Whole pages: only what is written again is written out again.
		first := int64(0)
		if num == db.log.number(from) {
			first = db.log.offset(from) &^ (pageSize - 1)
		}
		if _, err := s.file.WriteAt(bytes.Clone(s.data.Data[first:s.size]), first); err != nil {
			return err
		}
	}
	names, err := db.fs.ReadDir(db.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if id, ok := parseValueFileName(name); ok && id >= from {
			if err := db.rewriteValueFile(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *DB) rewriteValueFile(name string) error {
	f, err := db.fs.OpenFile(join(db.dir, name), os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Datasync()
}

var errStop = errors.New("stop")

// frame is a whole frame of the log.
type frame struct {
	log    *log
	start  uint64
	end    mark // behind the commit record
	commit commit
	voids  []void
}

// void is a part of a frame that was taken back.
type void struct{ from, to uint64 }

// each calls fn for the frame's records that count, the commit record included.
func (f *frame) each(fn func(addr uint64, r *record) error) error {
	return f.log.walk(f.start, f.end.addr, func(addr uint64, r *record) error {
		for _, v := range f.voids {
			if addr >= v.from && addr < v.to {
				return nil
			}
		}
		return fn(addr, r)
	})
}

// frames reads the log from a mark and calls fn for each whole frame. It returns the
// end of the last one, the address of what could not be read behind it, and why.
func (l *log) frames(from mark, fn func(*frame) error) (end mark, reached uint64, stop error) {
	f := frame{log: l, start: from.addr}
	end = from
	c := cursor{log: l, addr: from.addr}
	chain := from.chain
	for {
		b, r, err := c.next(chain)
		if err != nil {
			return end, c.addr, err
		}
		addr := c.addr
		if r.kind == kindAbort {
			if len(r.value) != 8 {
				return end, addr, errBadRecord
			}
			f.voids = append(f.voids, void{binary.LittleEndian.Uint64(r.value), addr})
		}
		if r.kind == kindCommit {
			if f.commit, err = decodeCommit(r.value); err != nil || f.commit.chain != chain {
				return end, addr, errBadRecord
			}
		}
		chain = crc32.Update(chain, castagnoli, b[:r.size])
		c.addr += uint64(r.size)
		if r.kind != kindCommit {
			continue
		}
		f.end = mark{c.addr, chain, f.commit.counters}
		if err := fn(&f); err != nil {
			return end, c.addr, err
		}
		end = f.end
		f = frame{log: l, start: c.addr}
	}
}

// walk calls fn for all records between two addresses, taking them at their word.
func (l *log) walk(from, to uint64, fn func(addr uint64, r *record) error) error {
	c := cursor{log: l, addr: from}
	for c.addr < to {
		_, r, err := c.next(0)
		if err != nil {
			return l.damaged(c.addr, err)
		}
		if err := fn(c.addr, &r); err != nil {
			return err
		}
		c.addr += uint64(r.size)
	}
	return nil
}

// cursor reads the log record by record, across segments.
type cursor struct {
	log  *log
	addr uint64
	seg  *segment
	jump *segmentInfo // of the segment behind seg, nil if there is none
}

// next reads the record at the cursor, moving to the next segment first if the stream
// goes on there; chain is the running CRC, 0 if it is not to be compared.
func (c *cursor) next(chain uint32) ([]byte, record, error) {
	if c.seg == nil || c.log.number(c.addr) != c.seg.num {
		if err := c.enter(c.log.number(c.addr)); err != nil {
			return nil, record{}, err
		}
	}
	if c.jump != nil && c.jump.prevEnd == c.addr {
		if chain != 0 && c.jump.chain != chain {
			return nil, record{}, errBadRecord
		}
		c.addr = c.log.start(c.seg.num + 1)
		if err := c.enter(c.seg.num + 1); err != nil {
			return nil, record{}, err
		}
	}
	b, err := c.bytes()
	if err != nil {
		return nil, record{}, err
	}
	r, err := loadRecord(b, c.addr)
	return b, r, err
}

// bytes is what there is at the cursor: the file, or what the log has in its buffer.
func (c *cursor) bytes() ([]byte, error) {
	if l := c.log; l.cur != nil && l.cur.num == c.seg.num && c.addr < l.end {
		return l.read(c.addr)
	}
	return c.seg.bytes(c.addr), nil
}

func (c *cursor) enter(num uint64) error {
	s, err := c.log.segs.get(num)
	if err != nil {
		return err
	}
	c.seg, c.jump = s, nil
	if c.log.segs.has(num + 1) {
		if next, err := c.log.segs.get(num + 1); err == nil {
			c.jump = &next.start
		}
	}
	return nil
}

// openUpTo makes the segments up to num, and those there are behind it, known.
func (l *log) openUpTo(num uint64) error {
	ss := &l.segs
	if num < ss.first {
		return fmt.Errorf("%w: the log begins at segment %d, the index knows %d", ErrCorrupt, ss.first, num)
	}
	ss.extendTo(num)
	for {
		next := ss.first + uint64(len(ss.open))
		f, err := ss.fs.OpenFile(join(ss.dir, segmentName(next)), os.O_RDONLY)
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		f.Close()
		ss.extendTo(next)
	}
}

// syncedBehind looks through what follows a bad place for commit records that are
// whole, and returns the highest address that one of them knew to be synced. It is
// what tells damage from a torn tail when the index has lost its watermark.
func (l *log) syncedBehind(addr uint64) (synced uint64) {
	for num := l.number(addr); l.segs.has(num); num++ {
		s, err := l.segs.get(num)
		if err != nil {
			continue
		}
		start := max(addr, l.start(num))
		for b := s.bytes(start); len(b) >= commitRecord; b, start = b[recordAlign:], start+recordAlign {
			if b[4] != kindCommit {
				continue
			}
			if r, err := loadRecord(b, start); err == nil {
				if c, err := decodeCommit(r.value); err == nil {
					synced = max(synced, c.synced)
				}
			}
		}
	}
	return synced
}
