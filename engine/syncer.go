package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

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
	left    bool         // what the last sync of run made durable may not be in the index yet

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
	s.behind.Store(due || len(db.layers) > 1 && db.ripe == nil)
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
	return db.committed-db.openedAt >= db.opt.syncEvery && (db.idx.debt() >= db.opt.indexSyncEvery || db.lags() || db.reclaimable())
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

// feedPatience is how long what is ripe is left to those who write.
const feedPatience = 20 * time.Millisecond

// wait waits for something to do; false tells to end. What nobody has moved into the index
// for a while it does itself.
func (s *syncer) wait() bool {
	var late <-chan time.Time
	if s.left {
		timer := time.NewTimer(feedPatience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-s.quit:
		return false
	case <-s.kick:
	case <-late:
		s.left = false
		s.db.feedAll() // a failure is kept in db.failed
	}
	return true
}

func (s *syncer) run() {
	defer close(s.done)
	for s.wait() {
		// While somebody else syncs, the disk is left to that.
		if s.due() || s.syncing.Load() > 0 {
			s.read, s.wrote = 0, 0
			// A failure is kept in db.failed, where the next writer meets it.
			if s.db.sync() != nil {
				continue
			}
			s.left = true
		}
		if s.stopping() {
			return
		}
		if s.db.hasChores() && s.db.syncIndex(s.patience()) == nil && (s.compact() || s.db.indexSyncing()) {
			s.wake()
		}
	}
}

// due tells whether it is time for a sync: what waits for one is much, or compaction has
// come far or to the end of what Compact wants.
func (s *syncer) due() bool {
	if s.pressed() || s.read == 0 {
		return s.pressed()
	}
	db := s.db
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.compaction.goal != 0 && db.compaction.at >= db.compaction.goal
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
		if !s.db.isLagging() {
			return s.due()
		}
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

// hasChores tells whether there is anything to be done about the index or about what is old
// in the log. To ask once spares the syncer from waiting for the lock again and again, which
// in a busy server is hardly ever free.
func (db *DB) hasChores() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if !db.exists || db.closed || db.failed != nil {
		return false
	}
	return db.idx.syncDue(db.opt.indexSyncEvery) || db.reclaimable() || db.lags() ||
		db.compaction.old.Load() || db.floorSegment(&db.idx.hard) > db.man.head
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
