package engine

import "github.com/nubdb/nubdb/engine/vfs"

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
	err := db.sync()
	if err == nil {
		err = db.feedAll()
	}
	return err
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

// sync is Sync without moving what is durable then into the index.
func (db *DB) sync() error {
	db.syncMu.Lock()
	defer db.syncMu.Unlock()
	if err := db.feedAll(); err != nil { // of the sync before
		return err
	}
	b, err := db.beginSync()
	if err != nil || b == nil {
		return err
	}
	err = db.syncFiles(b)
	return db.locked(func() error {
		if err != nil {
			return db.fail(err)
		}
		db.ripen(b)
		return nil
	})
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

// locked runs f with the database's lock.
func (db *DB) locked(f func() error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return f()
}
