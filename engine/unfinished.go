package engine

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"syscall"

	"github.com/nubdb/nubdb/engine/vfs"
)

// A database that is made of another one, by Backup or Repair, is there when it is
// complete and on stable storage, and not before: its manifest comes last. Until then a
// file of this name says what the directory is, to people and to Open, which refuses it.
const unfinishedName = "UNFINISHED"

const unfinishedText = "A backup or repair was making a database here and has not finished. This directory may be removed.\n"

// beginUnfinished makes the directory of a database to be. It may be there, if it is
// empty. made tells whether it was not.
func beginUnfinished(fs vfs.FS, dir string) (made bool, err error) {
	switch names, err := fs.ReadDir(dir); {
	case errors.Is(err, iofs.ErrNotExist):
		if err := fs.Mkdir(dir); err != nil {
			return false, err
		}
		made = true
	case errors.Is(err, syscall.ENOTDIR):
		return false, fmt.Errorf("%w: %s is a file", ErrExists, dir)
	case err != nil:
		return false, err
	case len(names) > 0:
		return false, fmt.Errorf("%w: %s holds %q", ErrExists, dir, names[0])
	}
	f, err := fs.OpenFile(join(dir, unfinishedName), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return made, err
	}
	_, err = f.WriteAt([]byte(unfinishedText), 0)
	if err == nil {
		err = f.Datasync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	return made, err
}

// abandon removes what was made of a database; the directory itself if that was made as
// well. What cannot be removed says of itself what it is.
func abandon(fs vfs.FS, dir string, made bool) {
	names, _ := fs.ReadDir(dir)
	for _, name := range names {
		if name != unfinishedName {
			fs.Remove(join(dir, name))
		}
	}
	fs.Remove(join(dir, unfinishedName))
	if made {
		fs.Remove(dir)
	}
}

// newUnfinished is the database to be in a directory that beginUnfinished has made.
func newUnfinished(fs vfs.FS, dir string, o Options, man manifest) (*DB, error) {
	o.FS, o.ReadOnly, o.MaxSize = fs, false, 0
	o.Log = func(string) {} // that its index is made is no news
	db := &DB{dir: dir, opt: o, fs: fs, man: man, unfinished: true}
	db.readers.New = func() any { return new(Tx) }
	db.syncer.init(db)
	db.prepare()
	return db, db.acquire()
}

// complete makes everything durable, the index included, and then a database of it, and
// closes that.
func (db *DB) complete() error {
	err := db.Sync()
	// Whoever opens it first, perhaps after the files went to another machine, has nothing
	// to redo. A sync of the index may be under way; then another one follows.
	db.locked(func() error { db.opt.indexSyncEvery = 0; return nil })
	for range 2 {
		if err == nil {
			err = db.syncIndex(func() bool { return false })
		}
	}
	if err == nil {
		err = writeManifest(db.fs, db.dir, &db.man)
	}
	db.locked(func() error { db.unfinished = false; return nil })
	if err == nil {
		err = db.fs.Remove(join(db.dir, unfinishedName))
	}
	if err == nil {
		err = db.fs.SyncDir(db.dir)
	}
	if err == nil {
		err = db.locked(db.syncParent)
	}
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	return noSpace(err)
}
