package engine

import (
	"errors"
	iofs "io/fs"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

const (
	// applyPiece entries are moved into the index under one hold of the lock: at most 1 ms.
	// Smaller pieces cost more than they are worth: writers and syncer wake each other for each.
	applyPiece = 4096
	// closeBudget is the time that Close gives to an index sync that is due.
	closeBudget = 500 * time.Microsecond
)

// Flush hands everything committed to the kernel: it survives the death of the process,
// not of the machine.
func (db *DB) Flush() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.flush()
}

func (db *DB) flush() error {
	if db.closed {
		return ErrClosed
	}
	if db.failed != nil {
		return db.failed
	}
	if err := db.log.flush(); err != nil {
		return db.fail(err)
	}
	return nil
}

// Sync puts everything committed on stable storage.
func (db *DB) Sync() error {
	if !db.syncer.started.Load() {
		db.pay(0)
	}
	db.syncer.syncing.Add(1)
	defer db.syncer.syncing.Add(-1)
	db.syncMu.Lock()
	defer db.syncMu.Unlock()
	return db.sync()
}

// batch is what one Sync makes durable.
type batch struct {
	target   uint64 // end of the log then
	segments []*segment
	newFiles bool
	values   []uint64
	doomed   []uint64
	at       mark
	floor    uint64 // what is before it counts no more
	layers   int    // so many of the oldest layers can go into the index afterwards
}

// sync needs syncMu.
func (db *DB) sync() error {
	b, err := db.beginSync()
	if err != nil || b == nil {
		return err
	}
	err = db.syncFiles(b)
	db.mu.Lock()
	if err != nil {
		defer db.mu.Unlock()
		return db.fail(err)
	}
	db.synced = max(db.synced, b.target)
	db.syncer.waiting.Store(db.atRisk())
	db.mu.Unlock()
	if err := db.apply(b); err != nil {
		db.mu.Lock()
		defer db.mu.Unlock()
		return db.fail(err)
	}
	return nil
}

// beginSync hands the log to the kernel and collects what must be synced; nil if nothing.
func (db *DB) beginSync() (*batch, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.exists || db.opt.ReadOnly {
		return nil, nil
	}
	if err := db.flush(); err != nil {
		return nil, err
	}
	// Where nothing counted, compaction has gone on without writing anything.
	emptied := db.log.number(db.compaction.at) > max(db.log.number(db.idx.h.floor), db.man.head)
	if db.synced == db.committed && db.idx.h.mark.addr == db.committed && !emptied {
		return nil, nil
	}
	b := &batch{target: db.committed, segments: db.log.dirty, newFiles: db.log.newFiles, values: db.values.files,
		doomed: db.doomed, at: mark{db.committed, db.log.chain, db.c}, floor: db.compaction.at}
	db.log.dirty, db.log.newFiles, db.values, db.doomed = nil, false, newValues{}, nil
	if top := db.top(); top.used > 0 || top.cleared != 0 {
		db.layers = append(db.layers, db.newLayer())
	}
	b.layers = len(db.layers) - 1
	return b, nil
}

// syncFiles does the waiting, without the database's lock.
func (db *DB) syncFiles(b *batch) error {
	for _, id := range b.values {
		if err := db.withValueFile(id, vfs.File.Datasync); err != nil {
			return err
		}
	}
	// In order, so that a segment is never durable before the one that it follows;
	// then the directory, without which new files are lost.
	for _, s := range b.segments {
		if err := s.file.Datasync(); err != nil {
			return err
		}
	}
	if b.newFiles || len(b.values) > 0 {
		return db.fs.SyncDir(db.dir)
	}
	return nil
}

// apply moves the layers of a batch into the index, in pieces, and records how far the
// index is then.
func (db *DB) apply(b *batch) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catch(&err)
	for n := 0; n < b.layers; {
		done, err := db.applySome()
		if err != nil {
			return db.applyFailed(b, err)
		}
		if done {
			n++
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
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

// applyFailed decides what an error of the index means: without space it stays behind
// the log, which is no harm but in speed, until there is some.
func (db *DB) applyFailed(b *batch, err error) error {
	if !isNoSpace(err) {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.indexFull = true
	db.doomed = append(b.doomed, db.doomed...)
	db.idx.h.synced = db.synced
	return db.idx.writeSoft()
}

// applySome moves a piece of the oldest layer into the index; done when it is empty.
func (db *DB) applySome() (done bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	defer catch(&err)
	l := db.layers[0]
	if l.cleared != 0 && l.applied == 0 {
		if err := db.clearIndex(l.cleared); err != nil {
			return false, err
		}
	}
	for moved := 0; l.applied < len(l.table); {
		if moved >= applyPiece {
			return false, nil
		}
		some := l.table[l.applied:min(l.applied+touchAhead, len(l.table))]
		moved += db.touch(some)
		for i := range some {
			if err := db.applyEntry(l, &some[i]); err != nil {
				return false, err
			}
			l.applied++
		}
	}
	db.layers = db.layers[1:]
	db.spare = l
	return true, nil
}

// newLayer returns an empty layer, to follow the newest, which says how much to expect: to
// grow to the same size step by step took 17 of the 550 ns of a bulk load's SET.
func (db *DB) newLayer() *layer {
	top, l := db.top(), db.spare
	db.spare = nil
	if l != nil && l.fits(top.used) {
		return l.reset()
	}
	l = &layer{}
	if len(top.table) > 0 && top.fits(top.used) {
		l.make(len(top.table))
	}
	return l
}

// touchAhead entries, half of them used, are looked at before they are moved.
const touchAhead = 64

// touch fetches the lines that entries are about to go to, and returns how many are used.
func (db *DB) touch(entries []entry) (used int) {
	var places fetch
	for i := range entries {
		if e := &entries[i]; e.addr != 0 {
			db.idx.peek(e.hash).addLines(&places, e.hash)
			used++
		}
	}
	db.touched = places.read()
	return used
}

// applyEntry makes the index say what an entry of a layer says.
func (db *DB) applyEntry(l *layer, e *entry) (err error) {
	switch {
	case e.addr == 0 || e.addr == gone:
		return nil
	case l.recovered:
		return db.reconcileEntry(e)
	case e.addr&deleted == 0:
		err = db.idx.put(e.hash, e.addr, e.old)
	case e.old != 0:
		err = db.idx.delete(e.hash, e.old)
	}
	// What a short process would note is of use to nobody.
	if err == nil && e.old != 0 && (db.syncer.started.Load() || db.opt.Inline) {
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

// locked runs f with the database's lock.
func (db *DB) locked(f func() error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return f()
}

// syncer is the goroutine that syncs in the background. It starts when it is first
// needed, and Close ends it and waits for it.
type syncer struct {
	db      *DB
	backlog atomic.Int64 // size of the newest layer
	waiting atomic.Int64 // bytes that are not on stable storage
	behind  atomic.Bool  // a sync is due or under way
	syncing atomic.Int32 // calls of Sync that wait for their turn, or are at work
	read    int64        // bytes that compaction has gone through since run has synced last
	wrote   int64        // bytes that it has written meanwhile

	once    sync.Once
	started atomic.Bool
	kick    chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

func (s *syncer) init(db *DB) {
	s.db = db
	s.kick = make(chan struct{}, 1)
	s.quit = make(chan struct{})
	s.done = make(chan struct{})
}

// committed is called, with the database's lock, after each commit.
func (s *syncer) committed() {
	db := s.db
	s.backlog.Store(int64(db.top().used))
	waiting := db.atRisk()
	s.waiting.Store(waiting)
	due := waiting >= int64(db.opt.syncEvery)
	s.behind.Store(due || len(db.layers) > 1)
	if !due && !db.overdue() || db.opt.Inline {
		return
	}
	s.start()
	s.wake()
}

// atRisk is how many bytes have been committed that are not on stable storage yet.
func (db *DB) atRisk() int64 { return int64(db.committed-db.synced) + db.values.bytes }

// overdue tells whether a process that has written as much as it takes to be called
// long-lived has an index sync to do, or compaction: that goes on until nothing is left, but
// does not begin for each commit.
func (db *DB) overdue() bool {
	compact := db.compactionDue() && (db.excess() >= int64(db.opt.syncEvery)/4 || db.compaction.goal != 0)
	return db.committed-db.openedAt >= db.opt.syncEvery && (db.idx.debt() >= db.opt.indexSyncEvery || compact || db.reclaimable())
}

// start starts the goroutine, once.
func (s *syncer) start() {
	s.once.Do(func() {
		s.started.Store(true)
		go s.run()
	})
}

// stopping tells whether Close wants the goroutine to end.
func (s *syncer) stopping() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

func (s *syncer) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// throttle, called without the lock before a writer begins, keeps the memory that
// waits for the disk bounded.
func (s *syncer) throttle() error {
	if s.backlog.Load() < s.db.opt.maxPending {
		if s.behind.Load() {
			// On one processor the syncer would come to its turn only once in 10 ms, and the
			// layers would grow out of the processor's cache: 5 % of a bulk load.
			runtime.Gosched()
		}
		return nil
	}
	if err := s.db.Sync(); err != nil || !s.db.opt.Inline {
		return err
	}
	return s.db.syncIndex(func() bool { return false })
}

func (s *syncer) run() {
	defer close(s.done)
	for {
		select {
		case <-s.quit:
			return
		case <-s.kick:
		}
		// While somebody else syncs, the disk is left to that.
		if s.due() || s.syncing.Load() > 0 {
			s.read, s.wrote = 0, 0
			// A failure is kept in db.failed, where the next writer meets it.
			if s.db.Sync() != nil {
				continue
			}
		}
		if s.stopping() {
			return
		}
		if s.db.syncIndex(s.patience()) == nil && (s.compact() || s.db.indexSyncing()) {
			s.wake()
		}
	}
}

// due tells whether it is time for a sync: what waits for one is much, or compaction has
// come far or to the end of what Compact wants.
func (s *syncer) due() bool {
	db := s.db
	db.mu.RLock()
	defer db.mu.RUnlock()
	reached := db.compaction.goal != 0 && db.compaction.at >= db.compaction.goal
	return s.pressed() || s.read > 0 && reached
}

// pressed is due without what Compact wants, and without the lock. While compaction is at
// work a sync is due sooner, because whoever syncs next, or ends, has to wait for what it has
// written as well.
func (s *syncer) pressed() bool {
	waiting, most := s.waiting.Load(), int64(s.db.opt.syncEvery)
	return waiting >= most || s.read >= 4*most || s.wrote > 0 && waiting >= most/4 || s.wrote >= most/8
}

// compact moves what counts in the oldest part of the log, at least a piece of it, until
// it is time for a sync, or somebody else wants one, who should not have to share
// lock and disk; it tells whether there is more to do.
func (s *syncer) compact() (more bool) {
	for !s.stopping() {
		n, w, err := s.db.compactSome(s.db.opt.piece)
		s.read, s.wrote = s.read+n, s.wrote+w
		if n == 0 || err != nil {
			return s.due()
		}
		if s.syncing.Load() > 0 || s.pressed() {
			return true
		}
	}
	return true
}

// indexSyncing tells whether an index sync was interrupted, or is due, or what is to
// follow it.
func (db *DB) indexSyncing() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.exists && !db.closed && db.failed == nil && (db.idx.h.frozen.depth != 0 || db.reclaimable() || db.compaction.old.Load())
}

// piecesPerSync of an index sync, 1 MiB together, follow each sync of the log even when
// the next is due: so in a long load an index sync is done after as much log as the
// index is long. When segments wait for it to be removed it is eight times as much.
const piecesPerSync = 4

// patience returns what tells, after each piece of an index sync, whether something more
// urgent waits.
func (s *syncer) patience() (stop func() bool) {
	pieces, most := 0, piecesPerSync
	s.db.mu.RLock()
	if s.db.reclaimable() {
		most *= 8
	}
	s.db.mu.RUnlock()
	return func() bool {
		pieces++
		return s.stopping() || s.syncing.Load() > 0 || pieces >= most && len(s.kick) > 0
	}
}

func (s *syncer) stop() {
	select {
	case <-s.quit:
		return
	default:
	}
	close(s.quit)
	s.once.Do(func() { close(s.done) })
	<-s.done
}
