package engine

import "time"

// Stats describe a database at a moment.
type Stats struct {
	Keys        int64         // live keys
	Expiring    int64         // keys with an expiry, those included whose time has come
	LiveBytes   int64         // log and value files that live keys take
	DeadBytes   int64         // of log that hold nothing any more: compaction gives them back
	LogBytes    int64         // all of the log
	IndexBytes  int64         // of the index file
	Segments    int           // segment files
	Compactions int64         // segments that this process has compacted and removed
	Pending     int64         // bytes of log that are not known to be on stable storage
	Open        time.Duration // how long Open took
}

// Stats returns the figures of the database; zeros if it does not exist.
func (db *DB) Stats() (s Stats, err error) {
	tx, err := db.Begin(false)
	if err != nil {
		return s, err
	}
	defer tx.Commit()
	s.Open = db.opening
	if tx.empty {
		return s, nil
	}
	s.Keys, err = tx.Len()
	s.Expiring = db.c.expiring
	s.LiveBytes = db.c.bytes
	s.LogBytes = int64(db.log.end - db.log.start(db.man.head))
	s.DeadBytes = max(0, s.LogBytes-db.inLog())
	s.Compactions = db.compaction.removed
	s.IndexBytes = db.idx.size
	s.Segments = len(db.log.segs.open)
	s.Pending = int64(db.committed - db.synced)
	return s, err
}
