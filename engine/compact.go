package engine

import (
	"errors"
	iofs "io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Compaction keeps the log from growing without bound, as in a circle: what still
// counts in the oldest part of the log is written again at its end, and then the log
// begins later. There is no choice of segments, and nothing comes back: a record is only
// moved while it is its key's newest, and a deletion that arrives at the beginning has
// nothing left to hide.
//
//  1. evacuate: a piece of the log is read, and what counts in it is written once more,
//     all in one hold of the lock. Keys that have expired are deleted instead.
//  2. When a sync has brought that into the index, no slot leads there any more: that is
//     the header's floor.
//  3. When an index sync that began behind this is done, a power cut brings no such slot
//     back either. Then the manifest lets the log begin at the floor's segment, and only
//     then the segments before it are removed.
//
// Whoever writes pays: payFactor bytes are gone through for each byte that a commit adds. In
// a process that lives long enough the syncer's goroutine helps when that is not enough, and
// does what Compact wants.
type compaction struct {
	at       uint64 // what is before this address counts no more; the next piece begins here
	goal     uint64 // Compact wants everything before this address to be moved
	merge    *merge // of the summaries of expiries, under way
	obsolete obsolete
	err      error  // damage in the log's oldest part: nothing can be moved
	retry    uint64 // the disk was full: not again before something else was committed behind this

	owed    atomic.Int64 // bytes of log that writers have yet to look through
	old     atomic.Bool  // there are segments before the head to be removed
	removed int64        // segments that this process did away with
}

// payFactor bytes of old log are gone through for each byte that is written. With a log
// of twice the live bytes, 2 would do in the long run.
const payFactor = 4

// compactHold is how long a piece may hold the lock, also if it has to be read from the
// disk; compactAhead is how many records are read ahead, and then the time is looked at.
const (
	compactHold  = time.Millisecond
	compactAhead = 16
)

// excess is how many bytes the log is longer than it should be: what has not been gone
// through may be twice as long as what is alive, and a little more.
func (db *DB) excess() int64 {
	return int64(db.log.end-db.compaction.at) - 2*db.inLog() - db.opt.slack
}

// inLog is how many of the live bytes are in the log.
func (db *DB) inLog() int64 { return max(0, db.c.bytes-int64(db.c.files)*pageSize) }

// compactionDue tells whether there is something to be moved. It needs the lock.
func (db *DB) compactionDue() bool {
	c := &db.compaction
	if !db.exists || db.closed || db.failed != nil || db.opt.ReadOnly || c.err != nil || db.committed <= c.retry {
		return false
	}
	return db.log.number(c.at) < db.log.cur.num && (db.excess() > 0 || c.at < c.goal)
}

// lags tells, with the lock, whether there is more to be moved than those who write come to.
func (db *DB) lags() bool {
	return db.compactionDue() && (db.compaction.goal != 0 || db.excess() > db.inLog()/8+db.opt.slack/2)
}

func (db *DB) isLagging() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.lags()
}

// compactSome moves what counts in the next piece of the log, of most bytes or a record, if
// that is due, and returns how many bytes it has gone through, 0 if it was not, and how
// many it has written.
func (db *DB) compactSome(most uint64) (read, wrote int64, err error) {
	db.mu.Lock()
	if !db.compactionDue() {
		db.mu.Unlock()
		return 0, 0, nil
	}
	tx := db.newWriter()
	tx.compacts = true
	c := &db.compaction
	from := c.at
	most = min(most, db.opt.piece)
	err = tx.evacuate(most)
	if cerr := db.commit(tx.begin.end); cerr != nil {
		c.at = from
		tx.RollbackTo(&tx.begin)
		err = errors.Join(err, cerr)
	}
	switch {
	case err == nil:
	case isNoSpace(err) || errors.Is(err, ErrFull):
		c.retry = db.committed
		err = nil
	case db.failed == nil:
		c.err = err
	}
	read = max(int64(c.at-from), int64(most/16), 1) // what is no step forward was work all the same
	wrote = int64(db.log.end - tx.begin.end)
	tx.end()
	return read, wrote, err
}

// evacuate moves what counts in the next so many bytes of the log to its end. What was
// moved before an error stays so.
func (tx *Tx) evacuate(most uint64) (err error) {
	defer catch(&err)
	db := tx.db
	at := &db.compaction.at
	c := cursor{log: &db.log, addr: *at}
	begin := time.Now()
	var r record
	for end, n := *at+most, 0; c.addr < end && db.log.number(c.addr) < db.log.cur.num; n++ {
		if n%compactAhead == 0 {
			// What is not in memory takes longer, and nobody must wait for that.
			if time.Since(begin) > compactHold && !db.opt.Inline {
				return nil
			}
			tx.prefetchFrom(c, compactAhead)
		}
		if _, err := c.next(0, &r); err != nil {
			return db.log.damaged(c.addr, err)
		}
		if r.kind == kindSummary && db.c.summary != 0 {
			if more, err := tx.mergeSummaries(c.addr); more || err != nil {
				return err
			}
		}
		if r.isValue() && !db.compaction.obsolete.has(db.log.geometry, c.addr) {
			if err := tx.moveRecord(c.addr, &r); err != nil {
				return err
			}
		}
		db.versions.forget(c.addr)
		c.addr += uint64(r.size)
		if c.jump != nil && c.addr == c.jump.prevEnd {
			c.addr = db.log.start(c.seg.num + 1)
		}
		*at = c.addr
	}
	return nil
}

// moveRecord writes the value record at addr once more, if it is its key's newest.
func (tx *Tx) moveRecord(addr uint64, r *record) error {
	db, f := tx.db, &tx.found
	hash := db.hash(r.key)
	if newest, err := db.isNewest(f, hash, addr, r); err != nil || !newest {
		return err
	}
	if expired(r.expire, tx.now) {
		return tx.write(hash, f, &record{kind: kindDelete, key: r.key}, 0)
	}
	_, fileSize := fileOf(f)
	copied := record{kind: r.kind, flags: r.flags & flagFile, key: r.key, value: r.value, expire: r.expire}
	if err := tx.write(hash, f, &copied, fileSize); err != nil {
		return err
	}
	db.versions.moved(addr, db.log.end-uint64(recordSize(&copied)))
	return nil
}

// isNewest tells whether the record at addr is its key's newest, and makes f what a look-up
// of the key finds then. Most are not, which shows without reading any other record:
// neither a layer nor the index leads to them.
func (db *DB) isNewest(f *found, hash, addr uint64, r *record) (bool, error) {
	f.newest = nil
	here := func(a uint64) (bool, error) { return a == addr, nil }
	at := len(db.layers) - 1
	for ; at >= 0; at-- {
		if f.newest, _ = db.layers[at].find(hash, here); f.newest != nil {
			break
		}
		if db.layers[at].cleared != 0 {
			return false, nil
		}
	}
	if at < 0 {
		if a, err := db.idx.find(hash, here); err != nil || a != addr {
			return false, err
		}
	}
	m := matcher{log: &db.log, key: r.key, rec: &f.rec}
	for _, l := range db.layers[at+1:] {
		if newer, err := l.find(hash, m.is); err != nil || newer != nil {
			return false, err
		}
	}
	if at != len(db.layers)-1 {
		f.newest = nil
	}
	f.addr, f.rec = addr, *r
	return true, nil
}

// owe notes, with the lock, that a transaction has written the log from an address on.
func (db *DB) owe(from uint64) {
	c := &db.compaction
	for _, l := range db.layers {
		c.at = max(c.at, l.cleared)
	}
	if db.excess() <= 0 {
		c.owed.Store(0)
		return
	}
	c.owed.Add(payFactor * int64(db.log.end-from))
}

// pay goes through as much of the log as is owed, but for less than rest bytes. It takes
// at most a millisecond for each piece; what takes longer, because it must come from the
// disk, is left to those who write later. Where there is a syncer to help, it is a millisecond
// for all pieces.
func (db *DB) pay(rest int64) {
	c := &db.compaction
	rest = max(rest, 1)
	if c.owed.Load() < rest {
		return
	}
	begin, helped := time.Now(), db.syncer.started.Load()
	for pieces := c.owed.Load()/int64(db.opt.piece) + 1; pieces > 0; pieces-- {
		owed := c.owed.Load()
		if owed < rest || helped && time.Since(begin) > compactHold {
			return
		}
		n, _, err := db.compactSome(uint64(owed))
		if n == 0 || err != nil {
			c.owed.Store(0)
			return
		}
		c.owed.Add(-n)
	}
	c.owed.Store(rest)
}

// Compact writes everything that counts to a new place and gives the rest of the log
// back to the file system; it does nothing if there is hardly anything to gain. With wait
// it returns when that is done; otherwise it goes on in the background until it is done or
// the database is closed. Others may read and write meanwhile. Errors: ErrReadOnly,
// ErrClosed, ErrFailed, ErrCorrupt if what is oldest cannot be read, ErrFull.
func (db *DB) Compact(wait bool) error {
	if db.opt.ReadOnly {
		return ErrReadOnly
	}
	goal, err := db.aim()
	if err != nil || goal == 0 {
		return err
	}
	if !wait && !db.opt.Inline {
		db.syncer.start()
		db.syncer.wake()
		return nil
	}
	for done := false; !done; {
		if done, err = db.compactUntil(goal); err != nil {
			return err
		}
		if err := db.Sync(); err != nil {
			return err
		}
	}
	// An index sync that had begun before is done first.
	for range 2 {
		if err := db.syncIndex(db.syncer.stopping); err != nil {
			return err
		}
	}
	return nil
}

// aim makes everything that is in the log now the goal of the compaction; 0 if nothing
// is to be gained.
func (db *DB) aim() (goal uint64, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return 0, ErrClosed
	}
	if db.failed != nil || !db.exists {
		return 0, db.failed
	}
	db.compaction.retry = 0
	dead := int64(db.log.end-db.log.start(db.man.head)) - db.inLog()
	if db.compaction.err != nil || dead < db.inLog()/16+segmentHeader {
		return 0, db.compaction.err
	}
	if err := db.newSegment(); err != nil {
		return 0, err
	}
	db.compaction.goal = db.log.start(db.log.cur.num)
	return db.compaction.goal, nil
}

// newSegment makes the log go on in a new segment, with a frame of nothing, so that the
// log can begin there.
func (db *DB) newSegment() error {
	start := db.log.end
	err := db.log.flush()
	if err == nil {
		err = db.log.roll(commitRecord + reserve)
	}
	switch {
	case isNoSpace(err):
		return noSpace(err)
	case err != nil:
		return db.fail(err)
	}
	return db.commit(start)
}

// compactUntil works at a goal until it is time for a sync, or it is reached.
func (db *DB) compactUntil(goal uint64) (done bool, err error) {
	for n := int64(0); uint64(n) < db.opt.syncEvery/4; {
		read, wrote, err := db.compactSome(db.opt.piece)
		if err != nil {
			return false, err
		}
		if read > 0 {
			n += wrote
			continue
		}
		return true, db.locked(func() error {
			switch {
			case db.closed:
				return ErrClosed
			case db.compaction.at < goal && db.failed == nil:
				return ErrFull
			}
			return db.failed
		})
	}
	return false, nil
}

// reclaimable tells whether so many whole segments hold nothing any more that an index
// sync is due just to get rid of them. It needs the lock.
func (db *DB) reclaimable() bool {
	if !db.exists {
		return false
	}
	floor, synced := db.floorSegment(&db.idx.h), max(db.floorSegment(&db.idx.hard), db.man.head)
	if floor <= synced {
		return false
	}
	goal := db.compaction.goal
	return goal != 0 && db.idx.h.floor >= goal || int64(floor-synced)<<db.log.bits >= db.inLog()/4
}

// floorSegment is where the log may begin by what a header of the index says: the
// index leads nowhere before, and the log has a frame there.
func (db *DB) floorSegment(h *header) uint64 {
	return min(db.log.number(h.floor), db.log.number(h.mark.addr))
}

// advanceHead lets the log begin where nothing before counts any more, a power cut or
// not. It needs indexMu; advanced tells that it has done something.
func (db *DB) advanceHead() (advanced bool, err error) {
	db.mu.RLock()
	man := db.man
	skip := !db.exists || db.closed || db.failed != nil || db.opt.ReadOnly || db.unfinished
	if !skip {
		man.head = db.floorSegment(&db.idx.hard)
		skip = man.head <= db.man.head
	}
	db.mu.RUnlock()
	if skip {
		return false, nil
	}
	// Durable before a segment is removed: a power cut that undoes the one and not the
	// other would leave a log without a beginning.
	if err := writeManifest(db.fs, db.dir, &man); isNoSpace(err) {
		return false, nil // it can wait
	} else if err != nil {
		return false, err
	}
	var gone []*segment
	db.locked(func() error {
		db.compaction.old.Store(true)
		db.compaction.removed += int64(man.head - db.man.head)
		db.man.head = man.head
		gone = db.log.segs.dropBefore(man.head)
		db.idx.logStart = man.head << db.log.bits
		if db.log.start(man.head) >= db.compaction.goal {
			db.compaction.goal = 0
		}
		return nil
	})
	// No transaction is under way that began before, so nobody has slices of these.
	for _, s := range gone {
		s.close()
	}
	return true, nil
}

// removeOld removes the files of segments before the head, in order, until stop says so;
// whoever has not come to the end, or dies, leaves the last for noticeOld to find.
func (db *DB) removeOld(stop func() bool) error {
	if !db.compaction.old.Load() {
		return nil
	}
	names, err := db.fs.ReadDir(db.dir)
	if err != nil {
		return err
	}
	db.mu.RLock()
	head := db.man.head
	db.mu.RUnlock()
	for _, name := range names {
		num, ok := parseSegmentName(name)
		if !ok || num >= head {
			continue
		}
		if err := db.fs.Remove(join(db.dir, name)); err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		if stop() {
			return nil
		}
	}
	return db.locked(func() error {
		// The head may have gone on meanwhile and left more.
		db.compaction.old.Store(db.man.head != head)
		return nil
	})
}

// noticeOld finds out whether another process has left segments before the head.
func (db *DB) noticeOld() {
	if db.man.head <= 1 || db.opt.ReadOnly {
		return
	}
	f, err := db.fs.OpenFile(join(db.dir, segmentName(db.man.head-1)), os.O_RDONLY)
	if err == nil {
		f.Close()
		db.compaction.old.Store(true)
	}
}

func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, ".log")
	num, err := strconv.ParseUint(digits, 16, 64)
	return num, ok && err == nil && name == segmentName(num)
}

// catchUp compacts a little, and syncs, at the end of a process that has never synced: it
// could not tell the next one how far it had come. That much is to be done only if many
// like it have not done their part.
func (db *DB) catchUp() {
	db.mu.RLock()
	far := db.compactionDue() && db.excess() > 4*db.opt.slack && db.committed != db.openedAt && !db.syncer.started.Load()
	db.mu.RUnlock()
	if !far {
		return
	}
	for range 4 {
		if _, _, err := db.compactSome(db.opt.piece); err != nil {
			return // kept in compaction.err
		}
	}
	db.Sync()
}

// chores tells whether something is to be done about the index or the head of the log
// that a process should spend a moment on when it ends. One that had a goroutine for it
// only does if that was not enough, so that it ends at once.
func (db *DB) chores() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if !db.exists || db.closed || db.failed != nil || db.opt.ReadOnly {
		return false
	}
	if db.idx.debt() >= 2*db.opt.indexSyncEvery+uint64(db.idx.size) {
		return true
	}
	return !db.syncer.started.Load() && (db.compaction.old.Load() || db.floorSegment(&db.idx.hard) > db.man.head || db.reclaimable())
}
