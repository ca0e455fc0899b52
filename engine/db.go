package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// DB is an open database, safe for use by several goroutines.
type DB struct {
	dir string
	opt Options
	fs  vfs.FS

	outside vfs.FS // where backups go: that of a Memory database is its own

	// mu guards everything below but what says otherwise: writers hold it, readers
	// share it, for as long as a transaction lasts. No fsync is done under it.
	mu     sync.RWMutex
	exists bool
	closed bool
	// unfinished tells that the database is being made by Backup or Repair: its manifest
	// comes last, and nobody else may write one.
	unfinished bool
	lock       vfs.Lock
	man        manifest
	seed       [2]uint64

	log    log
	idx    *index
	layers []*layer // oldest first; the last takes new entries
	ripe   *batch   // the oldest of them are durable, and on their way into the index; nil for none
	spare  *layer   // an empty one to be used again
	known  *filter  // of the keys in layers and index; nil in a database that this process has not made
	c      counters // as of the end of the log
	exp    *expiries

	committed uint64 // end of the last frame
	synced    uint64 // up to here the log is on stable storage
	values    newValues
	doomed    []uint64 // value files to remove once the log is durable
	indexFull bool     // the disk has no space for the index to grow
	failed    error    // a write or sync failed: nothing more is accepted

	openedAt   uint64 // end of the log when this process opened it
	compaction compaction
	versions   versions

	writer  Tx
	readers sync.Pool

	syncMu  sync.Mutex // one Sync at a time; taken before mu
	indexMu sync.Mutex // one index sync at a time, and who moves the log's head; taken before mu
	syncer  syncer

	opening time.Duration
	rebuilt bool   // the index was of no use and was made anew
	touched uint64 // keeps the compiler from dropping reads that only fetch
}

// Open opens the database in the directory path; Memory is one that is kept nowhere.
// A database that does not exist is opened as an empty one and made by the first
// Begin(true). Errors: ErrBusy, ErrNotOurs, ErrVersion, ErrCorrupt, ErrNotFound (only
// with ReadOnly), and those of the file system.
func Open(path string, o Options) (*DB, error) {
	start := time.Now()
	outside := o.FS
	if outside == nil {
		outside = vfs.OS
	}
	o.setDefaults(path)
	db := &DB{dir: trimPath(path), opt: o, fs: o.FS, outside: outside}
	if path == Memory {
		db.dir = "memory"
	}
	db.readers.New = func() any { return new(Tx) }
	db.syncer.init(db)
	if err := db.attach(); err != nil {
		return nil, err
	}
	if !db.exists && o.ReadOnly {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	db.opening = time.Since(start)
	return db, nil
}

// attach opens the database if it exists.
func (db *DB) attach() error {
	if _, err := readManifest(db.fs, db.dir); err != nil {
		return db.absent(err)
	}
	if err := db.local(); err != nil {
		return err
	}
	if err := db.acquire(); err != nil {
		return err
	}
	err := db.load()
	if err != nil {
		db.release()
	}
	return err
}

// local refuses a directory on a network file system. That its kind cannot be found out is
// no reason to.
func (db *DB) local() error {
	if db.opt.AllowNetwork {
		return nil
	}
	if kind, err := db.fs.Network(db.dir); err == nil && kind != "" {
		return fmt.Errorf("%w: %s is on %s, where locks and mapped files cannot be relied on (see --allow-network-fs)", ErrNetwork, db.dir, kind)
	}
	return nil
}

// load reads an existing database, of which this process has the lock.
func (db *DB) load() (err error) {
	defer catch(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if db.man, err = readManifest(db.fs, db.dir); err != nil {
		return err
	}
	db.prepare()
	if err := db.recover(); err != nil {
		return err
	}
	db.exists = true
	return nil
}

// release gives files, mappings and the lock back.
func (db *DB) release() {
	if db.idx != nil {
		db.idx.close()
		db.idx = nil
	}
	db.log.segs.close()
	db.unlock()
}

// prepare sets up what does not depend on the files.
func (db *DB) prepare() {
	db.seed = db.man.hashSeed()
	geo := geometry{uint(db.man.segmentBits)}
	db.log = log{geometry: geo, segs: segments{fs: db.fs, dir: db.dir, uuid: db.man.uuid, geo: geo, readOnly: db.opt.ReadOnly, first: db.man.head}}
	db.layers, db.known = []*layer{{}}, nil
	db.exp = &expiries{}
}

// absent looks at why there is no manifest: nil if a database may be made here.
func (db *DB) absent(cause error) error {
	if errors.Is(cause, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %s is a file, not a directory", ErrNotOurs, db.dir)
	}
	if !errors.Is(cause, iofs.ErrNotExist) {
		return cause
	}
	names, err := db.fs.ReadDir(db.dir)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s is a file, not a directory", ErrNotOurs, db.dir)
	case errors.Is(err, iofs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if slices.Contains(names, manifestName) {
		return nil // somebody has made it between the two looks
	}
	if slices.Contains(names, unfinishedName) {
		return fmt.Errorf("%w: %s is what an unfinished backup or repair has left; it may be removed", ErrNotOurs, db.dir)
	}
	for _, name := range names {
		// These are what a process that died while it made a database leaves behind.
		switch name {
		case lockName, queueName, indexName, indexName + tmpSuffix, manifestName + tmpSuffix, segmentName(1):
		default:
			return fmt.Errorf("%w: %s holds %q and no %s", ErrNotOurs, db.dir, name, manifestName)
		}
	}
	return db.unwritten()
}

// unwritten makes sure that a first segment without a manifest is of a database that was
// never finished: it has no record. Otherwise making one would overwrite the log of one
// that has lost its manifest.
func (db *DB) unwritten() error {
	f, err := db.fs.OpenFile(join(db.dir, segmentName(1)), os.O_RDONLY)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, pageSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if n <= segmentHeader || bytes.Equal(b[segmentHeader:n], make([]byte, n-segmentHeader)) {
		return nil
	}
	if _, err := readManifest(db.fs, db.dir); !errors.Is(err, iofs.ErrNotExist) {
		return nil // somebody has finished it between the two looks
	}
	return fmt.Errorf("%w: %s holds a log and no %s", ErrCorrupt, db.dir, manifestName)
}

// create makes the database on disk, or attaches to one that somebody else has made
// meanwhile. The manifest comes last: without it there is no database.
func (db *DB) create() (err error) {
	made := db.fs.Mkdir(db.dir)
	if made != nil && !errors.Is(made, iofs.ErrExist) {
		return made
	}
	if err := db.local(); err != nil {
		if made == nil {
			db.fs.Remove(db.dir)
		}
		return err
	}
	if err := db.acquire(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			db.release()
		}
	}()
	if _, err := readManifest(db.fs, db.dir); err == nil {
		return db.load()
	} else if err := db.absent(err); err != nil {
		return err
	}
	db.man = newManifest(db.opt.Clock(), db.opt.segmentBits)
	db.prepare()
	db.exp.loaded = true
	if err = db.createFiles(); err == nil {
		err = writeManifest(db.fs, db.dir, &db.man)
	}
	if err == nil {
		err = db.syncParent()
	}
	if err != nil {
		return noSpace(err)
	}
	db.exists = true
	return nil
}

// createFiles makes all files of a new database but its manifest.

func (db *DB) createFiles() error {
	first, err := db.log.segs.create(db.man.head, segmentInfo{}, reserve)
	if err != nil {
		return err
	}
	from := mark{addr: db.log.start(db.man.head)}
	db.log.begin(first, from.addr, 0)
	db.log.dirty = []*segment{first}
	db.log.newFiles = true
	h := header{uuid: db.man.uuid, mark: from, synced: from.addr, flags: flagNew}
	if db.idx, err = createIndex(db.fs, db.dir, db.fs.BootID(), h); err != nil {
		return err
	}
	db.known = newFilter()
	db.committed, db.synced = from.addr, from.addr
	db.openedAt, db.compaction.at = from.addr, from.addr
	// The segment must be there when the manifest says that it is. The index need not:
	// it can be made again.
	if err := first.file.Datasync(); err != nil {
		return err
	}
	return db.fs.SyncDir(db.dir)
}

// syncParent makes the database's entry in its parent durable. Then it is new no longer.
func (db *DB) syncParent() error {
	if err := db.fs.SyncDir(parent(db.dir)); err != nil {
		return err
	}
	db.idx.h.flags &^= flagNew
	return db.idx.writeSoft()
}

// trimPath is a path without slashes at its end.
func trimPath(path string) string {
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		return trimmed
	}
	return path
}

// parent is the directory that holds a path's last part.
func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	switch i {
	case -1:
		return "."
	case 0:
		return "/"
	}
	return path[:i]
}

// Exists tells whether the database exists on disk (or has been written to).
func (db *DB) Exists() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.exists
}

// Begin starts a transaction: one writer, or any number of readers. It holds the
// database until Commit or Rollback. Begin(true) makes a database that does not exist;
// Begin(false) sees one that another process has made meanwhile. Errors: ErrReadOnly,
// ErrClosed, ErrFailed, and those of Open.
func (db *DB) Begin(writable bool) (*Tx, error) {
	if writable && db.opt.ReadOnly {
		return nil, ErrReadOnly
	}
	if !writable {
		return db.beginRead()
	}
	if err := db.syncer.throttle(); err != nil {
		return nil, err
	}
	db.mu.Lock()
	if err := db.ready(); err != nil {
		db.mu.Unlock()
		return nil, err
	}
	return db.newWriter(), nil
}

// newWriter starts a transaction that writes; the lock is taken.
func (db *DB) newWriter() *Tx {
	tx := &db.writer
	db.drain()
	if db.exp.settleDue() {
		db.exp.settle()
	}
	*tx = Tx{db: db, writable: true, now: db.opt.Clock(), undo: tx.undo[:0], maps: tx.maps[:0], made: tx.made[:0]}
	tx.mark(&tx.begin)
	tx.panicOnFault = debug.SetPanicOnFault(true)
	return tx
}

// ready makes sure that there is a database that takes writes.
func (db *DB) ready() error {
	if db.closed {
		return ErrClosed
	}
	if db.failed != nil {
		return db.failed
	}
	if !db.exists {
		return db.create()
	}
	return nil
}

func (db *DB) beginRead() (*Tx, error) {
	db.mu.RLock()
	if !db.exists && !db.closed {
		db.mu.RUnlock()
		if err := db.look(); err != nil {
			return nil, err
		}
		db.mu.RLock()
	}
	if db.closed {
		db.mu.RUnlock()
		return nil, ErrClosed
	}
	tx := db.readers.Get().(*Tx)
	*tx = Tx{db: db, empty: !db.exists, now: db.opt.Clock(), maps: tx.maps[:0]}
	tx.panicOnFault = debug.SetPanicOnFault(true)
	return tx, nil
}

// look opens the database if somebody has made it since it was found absent.
func (db *DB) look() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.exists || db.closed {
		return nil
	}
	return db.attach()
}

// top is the layer that takes new entries.
func (db *DB) top() *layer { return db.layers[len(db.layers)-1] }

// makeRoom is log.makeRoom for a record that is to be followed by others.
func (db *DB) makeRoom(size, spare int) error {
	if spare > 0 && db.indexFull {
		return fmt.Errorf("%w: the index cannot grow", ErrFull)
	}
	err := db.log.makeRoom(size, spare)
	if err == nil || isNoSpace(err) {
		return noSpace(err)
	}
	return db.fail(err)
}

// noSpace turns the file system's error for a full disk into ErrFull.
func noSpace(err error) error {
	if err != nil && isNoSpace(err) && !errors.Is(err, ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// takeBack removes what was appended since addr. What the kernel already has cannot
// be removed: a record says that it is void.
func (db *DB) takeBack(addr uint64) {
	switch {
	case db.log.end == addr:
	case addr >= db.log.written && addr >= db.log.base:
		db.log.truncate(addr)
	default:
		err := db.log.makeRoom(abortRecord, 0)
		if err != nil {
			db.fail(err)
			return
		}
		db.log.appendAbort(addr)
	}
}

// drain writes and drops the buffer when it has grown large. Nothing may point into it.
func (db *DB) drain() {
	if len(db.log.buf) < db.opt.flushSize || db.failed != nil {
		return
	}
	if err := db.log.flush(); err != nil {
		db.fail(err)
		return
	}
	db.log.trim()
}

// commit ends the frame that began at start.
func (db *DB) commit(start uint64) error {
	if db.failed != nil {
		return db.failed
	}
	if db.log.end == start {
		return nil
	}
	switch err := db.summarize(); {
	case err == nil:
	case !errors.Is(err, ErrFull):
		return db.fail(err)
	case db.c.summary == 0:
		return err // without a summary nobody would know from where on to count
	}
	db.log.appendCommit(commit{counters: db.c, synced: db.synced, time: db.opt.Clock()})
	db.committed = db.log.end
	db.syncer.committed()
	return nil
}

// fail records that a write or sync has failed. What is not synced is in doubt from
// then on: the kernel may have dropped it while it says that all is well.
func (db *DB) fail(cause error) error {
	if db.failed == nil {
		db.failed = fmt.Errorf("%w: %w", ErrFailed, cause)
		db.note(flagPoisoned)
	}
	return db.failed
}

// note tells the next process what has happened, by a flag in the index's header. If that
// is not possible either, the index is gone, and will be made anew.
func (db *DB) note(flag uint32) {
	if db.idx == nil || db.opt.ReadOnly {
		return
	}
	var ignored error
	defer catch(&ignored)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db.idx.h.flags |= flag
	db.idx.writeSoft()
}

// closeBudget is the time that Close gives to an index sync that is due.
const closeBudget = 500 * time.Microsecond

// Close releases the database. It hands what is committed to the kernel but does not
// sync: call Sync before when what was written must be durable. It returns ErrFailed if
// the database has failed: then what was committed may be lost.
func (db *DB) Close() error {
	db.syncer.stop()
	err := db.Flush()
	if err == nil {
		err = db.feedAll()
	}
	if err == nil && !db.opt.Inline {
		db.catchUp()
	}
	if !db.opt.Inline && db.chores() {
		// Where there is no long-lived process, short ones make an index sync together,
		// each for a moment, and do what compaction needs it for. An error here is no harm
		// to the data; the next process will make the index anew.
		deadline := time.Now().Add(closeBudget)
		db.syncIndex(func() bool { return time.Now().After(deadline) })
	}
	db.syncMu.Lock()
	defer db.syncMu.Unlock()
	db.indexMu.Lock()
	defer db.indexMu.Unlock()
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	if !db.exists {
		return nil
	}
	db.release()
	return err
}
