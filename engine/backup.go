package engine

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/nubdb/nubdb/engine/vfs"
)

// A backup is a copy that is made while others write. It goes in rounds: each copies
// what the log and the value files have gained since the one before, without any lock,
// and so there is less and less to copy. The last round, of a MiB at most, holds the
// database: what is there then is the copy. Files that are removed meanwhile are no
// loss: what they held lies elsewhere by then, or is dead.
//
// Then the copy is read as any database is opened that has lost its index: all of its
// log, and so all checksums, and its value files. It gets an index of its own.
const (
	// backupRest bytes are copied with the database's lock: about 1 ms.
	backupRest = 1 << 20
	// backupRounds is how often a backup tries to catch up with those who write.
	backupRounds = 20
	backupBuffer = 1 << 20
)

// Backup makes the directory path, which must be empty or not there, a copy of the
// database as it is at one moment before Backup returns. Others go on reading and writing
// meanwhile; none of them waits for more than about 1 ms, unless they write faster than can
// be copied. When it returns nil the copy is
// on stable storage and has been read once: all of it is intact. It has the same identity
// as the database. After an error nothing is left, or a directory that holds a file
// UNFINISHED and is no database. A Memory database is copied to the operating system's
// files. Errors: ErrExists, ErrNotFound, ErrCorrupt, ErrFull, ErrFailed, ErrCanceled, and
// those of the file system.
func (db *DB) Backup(path string) error {
	with := func(look func(*DB) error) error { return look(db) }
	return runBackup(backup{fs: db.fs, dir: db.dir, toFS: db.outside, to: trimPath(path), opt: db.opt}, with)
}

// Backup is DB.Backup of a database that this process has not open. It has it open for
// moments only, as a reader, so that other processes can go on with it.
func Backup(from, to string, o Options) error {
	o.ReadOnly = true
	with := func(look func(*DB) error) (err error) {
		db, err := Open(from, o)
		if err != nil {
			return err
		}
		if err = look(db); err != nil {
			db.Close()
			return err
		}
		return db.Close()
	}
	o.setDefaults(from)
	return runBackup(backup{fs: o.FS, dir: trimPath(from), toFS: o.FS, to: trimPath(to), opt: o}, with)
}

// backup is the state of a copy.
type backup struct {
	fs       vfs.FS
	dir      string
	toFS     vfs.FS
	to       string
	opt      Options
	segments map[uint64]int64 // so many bytes of each are copied
	values   map[uint64]bool  // these are copied
	buf      []byte
	copied   int64
	total    int64 // to be copied, as far as is known; then it is all read once more
}

// moment is a database between two transactions.
type moment struct {
	man manifest
	end mark
}

// piece is a part of a file that is to be copied.
type piece struct {
	name     string
	from, to int64  // -1: to its end
	number   uint64 // of the segment, or id of the value file
}

// runBackup makes a backup. with calls a function with the database, which may be
// another DB each time.
func runBackup(b backup, with func(look func(*DB) error) error) (err error) {
	b.segments, b.values = map[uint64]int64{}, map[uint64]bool{}
	b.buf = make([]byte, backupBuffer)
	// That there is a database is asked first, so that nothing is made for none.
	var at moment
	if err := with(func(db *DB) (err error) { at, err = db.moment(); return err }); err != nil {
		return err
	}
	made, err := beginUnfinished(b.toFS, b.to)
	if errors.Is(err, ErrExists) {
		return err
	}
	defer func() {
		if err != nil {
			abandon(b.toFS, b.to, made)
			err = noSpace(err)
		}
	}()
	if err == nil {
		err = b.copyRounds(&at, with)
	}
	if err == nil {
		err = b.finish(&at)
	}
	return err
}

// moment is the database as it is now, as far as it is committed, and known to the kernel.
func (db *DB) moment() (at moment, err error) {
	err = db.locked(func() (err error) { at, err = db.lockedMoment(); return err })
	return at, err
}

func (db *DB) lockedMoment() (moment, error) {
	if db.closed {
		return moment{}, ErrClosed
	}
	if !db.exists {
		return moment{}, fmt.Errorf("%w: %s", ErrNotFound, db.dir)
	}
	if err := db.flush(); err != nil {
		return moment{}, err
	}
	return moment{db.man, mark{db.committed, db.log.chain, db.c}}, nil
}

// copyRounds copies until the copy is what the database is at a moment, which it returns.
func (b *backup) copyRounds(at *moment, with func(look func(*DB) error) error) error {
	for round, last := 1, false; !last; round++ {
		pieces, size, err := b.missing(at)
		b.total = b.copied + size
		if err == nil {
			err = b.copy(pieces, false)
		}
		if err != nil {
			return err
		}
		if err := with(func(db *DB) error {
			return db.locked(func() (err error) {
				last, err = b.catchUp(db, at, round == backupRounds)
				return err
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// catchUp copies, with the database's lock, what is missing if that is little, or anyway.
func (b *backup) catchUp(db *DB, at *moment, anyway bool) (done bool, err error) {
	if *at, err = db.lockedMoment(); err != nil {
		return false, err
	}
	pieces, size, err := b.missing(at)
	if err != nil || size > backupRest && !anyway {
		return false, err
	}
	return true, b.copy(pieces, true)
}

// missing lists what is not yet copied of the database at a moment, and how much it is.
func (b *backup) missing(at *moment) (pieces []piece, size int64, err error) {
	geo := geometry{uint(at.man.segmentBits)}
	tail := geo.number(at.end.addr)
	for num := at.man.head; num <= tail; num++ {
		p := piece{name: segmentName(num), from: b.segments[num], to: -1, number: num}
		rest := geo.size() - p.from
		if num == tail {
			p.to = geo.offset(at.end.addr)
			rest = p.to - p.from
		}
		if p.from < 0 || rest <= 0 { // it was copied to its end
			continue
		}
		pieces, size = append(pieces, p), size+rest
	}
	names, err := b.fs.ReadDir(b.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		// Ids are addresses: what belongs to later records has a higher one.
		if id, ok := parseValueFileName(name); ok && id < at.end.addr && !b.values[id] {
			pieces, size = append(pieces, piece{name: name, to: -1, number: id}), size+geo.size()
		}
	}
	return pieces, size, nil
}

// copy copies pieces. Before the last round files may be gone.
func (b *backup) copy(pieces []piece, last bool) error {
	for _, p := range pieces {
		n, err := b.copyPiece(p)
		if errors.Is(err, iofs.ErrNotExist) && !last {
			continue
		}
		if err != nil {
			return err
		}
		if strings.HasSuffix(p.name, valueNameSuffix) {
			b.values[p.number] = true
		} else if b.segments[p.number] = p.from + n; p.to < 0 {
			b.segments[p.number] = -1
		}
	}
	return nil
}

// copyPiece copies a part of a file to the same place of its copy.
func (b *backup) copyPiece(p piece) (n int64, err error) {
	from, err := b.fs.OpenFile(join(b.dir, p.name), os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := b.toFS.OpenFile(join(b.to, p.name), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return 0, err
	}
	for {
		buf := b.buf
		if p.to >= 0 {
			buf = buf[:min(int64(len(buf)), p.to-p.from-n)]
		}
		var m int
		if m, err = from.ReadAt(buf, p.from+n); err != nil && err != io.EOF {
			break
		}
		end := err == io.EOF || len(buf) == 0
		if _, err = to.WriteAt(buf[:m], p.from+n); err != nil {
			break
		}
		n, b.copied = n+int64(m), b.copied+int64(m)
		if err = b.opt.goOn(b.copied, 2*b.total); err != nil || end {
			break
		}
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	return n, err
}

// finish makes a database of what was copied.
func (b *backup) finish(at *moment) (err error) {
	defer catch(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := b.tidy(at.man.head); err != nil {
		return err
	}
	db, err := newUnfinished(b.toFS, b.to, b.opt, at.man)
	if err == nil {
		err = db.checkCopy(at, b.copied)
	}
	if err == nil {
		err = db.recover()
	}
	if err != nil {
		db.release()
		return err
	}
	db.locked(func() error { db.exists = true; return nil })
	defer db.Close()
	return db.complete()
}

// tidy removes segments that do not count any more, and syncs the others and the value
// files.
func (b *backup) tidy(head uint64) error {
	for num := range b.segments {
		if num < head {
			if err := b.toFS.Remove(join(b.to, segmentName(num))); err != nil {
				return err
			}
			delete(b.segments, num)
		}
	}
	names, err := b.toFS.ReadDir(b.to)
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := b.toFS.OpenFile(join(b.to, name), os.O_RDWR)
		if err != nil {
			return err
		}
		err = f.Datasync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return b.toFS.SyncDir(b.to)
}

// checkCopy reads all of a copy, of so many bytes, verifies it, and removes value files that
// no key has.
func (db *DB) checkCopy(at *moment, size int64) error {
	live, told := map[uint64]reference{}, int64(0)
	from, err := db.startOfLog()
	if err != nil {
		return err
	}
	end, reached, stop := db.log.frames(from, func(f *frame) error {
		if done := int64(f.end.addr - from.addr); done-told >= 1<<20 {
			told = done
			if err := db.opt.goOn(size+min(done, size), 2*size); err != nil {
				return err
			}
		}
		return f.each(func(addr uint64, r *record) error { return db.noteValueFile(live, addr, r) })
	})
	if errors.Is(stop, ErrCanceled) {
		return stop
	}
	if end != at.end {
		return db.log.damaged(reached, stop)
	}
	for _, ref := range live {
		m, err := mapValueFile(db.fs, db.dir, ref)
		if err != nil {
			return err
		}
		if err := m.Unmap(); err != nil {
			return err
		}
	}
	return db.removeValueFiles(func(id uint64) bool { _, ok := live[id]; return !ok })
}

// noteValueFile keeps the set of value files that keys have.
func (db *DB) noteValueFile(live map[uint64]reference, addr uint64, r *record) error {
	switch {
	case r.kind == kindClear:
		clear(live)
	case r.flags&flagWasFile != 0:
		delete(live, r.wasFile)
	}
	if r.flags&flagFile == 0 {
		return nil
	}
	ref, err := decodeReference(r.value)
	if err != nil {
		return db.log.damaged(addr, err)
	}
	live[ref.id] = ref
	return nil
}
