// Package engine is the database: bytes in, bytes out; it knows no commands.
//
// THIS FILE IS A TEMPORARY IN-MEMORY STAND-IN with the final API.
package engine

import (
	"errors"
	"sort"
	"sync"
	"time"
)

// Errors that callers test for with errors.Is.
var (
	ErrBusy     = errors.New("database is busy")            // Open: another process kept the lock beyond Options.LockTimeout (wrapped with its pid and command)
	ErrReadOnly = errors.New("database is read-only")       // Begin(true) on a database opened with Options.ReadOnly
	ErrNotFound = errors.New("database does not exist")     // Open with ReadOnly
	ErrNotOurs  = errors.New("not a NubDB database")        // Open: the path is a file, or a directory without our MANIFEST but with other things
	ErrVersion  = errors.New("database of a newer version") // Open
	ErrCorrupt  = errors.New("database is damaged")         // any operation: a checksum did not match; wrapped with file and offset
	ErrFull     = errors.New("no space left")               // Tx.Put and others: disk full; the command had no effect; the database goes on
	ErrMaxSize  = errors.New("maximum size reached")        // Tx.Put: Options.MaxSize would be exceeded
	ErrFailed   = errors.New("database has failed")         // after a failed write or fsync: nothing more is accepted
	ErrTooLarge = errors.New("too large")                   // Tx.Put: key over MaxKey or value over MaxValue
	ErrClosed   = errors.New("database is closed")
)

// Limits in bytes.
const (
	MaxKey   = 1 << 20
	MaxValue = 512 << 20
)

// Type is the type of a value. Only strings exist today.
type Type uint8

// TypeString is a plain byte string.
const TypeString Type = 1

// Options configure Open. The zero value is right for most.
type Options struct {
	ReadOnly    bool
	LockTimeout time.Duration // how long Open (and the first Begin(true) of an absent database) waits for another process
	Owner       string        // command line shown to processes that wait for this one
	MaxSize     int64         // bytes of live data, 0 for no limit
	Clock       func() int64  // Unix time in milliseconds; nil is the system's
	Log         func(string)  // progress of long recoveries, one line a call; nil drops it
}

// Item is a value with its properties. Value points into the database and must
// not be changed; it is valid until the end of the command: the next Savepoint,
// Commit or Rollback of the transaction it came from.
type Item struct {
	Value    []byte
	Type     Type
	ExpireAt int64 // Unix time in milliseconds, 0 for never
}

// DB is an open database, safe for use by several goroutines.
type DB struct {
	mu    sync.RWMutex
	m     map[string]Item
	ver   map[string]uint64
	next  uint64
	opt   Options
	exist bool
}

// Open opens the database in the directory path; ":memory:" is one that is kept
// nowhere. A database that does not exist is opened as an empty one and made by
// the first Begin(true).
func Open(path string, o Options) (*DB, error) {
	if o.Clock == nil {
		o.Clock = func() int64 { return time.Now().UnixMilli() }
	}
	return &DB{m: map[string]Item{}, ver: map[string]uint64{}, opt: o}, nil
}

// Exists tells whether the database exists on disk (or has been written to).
// Begin(true) makes it.
func (db *DB) Exists() bool { return db.exist }

// Begin starts a transaction: one writer, or any number of readers. It holds the
// database until Commit or Rollback.
func (db *DB) Begin(writable bool) (*Tx, error) {
	tx := &Tx{db: db, w: writable, now: db.opt.Clock()}
	if writable {
		if db.opt.ReadOnly {
			return nil, ErrReadOnly
		}
		db.mu.Lock()
		db.exist = true
	} else {
		db.mu.RLock()
	}
	return tx, nil
}

// Flush hands everything committed to the kernel: it survives the death of the
// process, not of the machine.
func (db *DB) Flush() error { return nil }

// Sync puts everything committed on stable storage.
func (db *DB) Sync() error { return nil }

// Close releases the database. It flushes but does not sync: call Sync before
// when what was written must be durable.
func (db *DB) Close() error { return nil }

// Verify checks every checksum and index entry and calls report for each fault.
func (db *DB) Verify(report func(fault string)) (faults int, err error) { return 0, nil }

// Stats describe a database.
type Stats struct {
	Keys      int64 // live keys
	LiveBytes int64
	LogBytes  int64
	Segments  int
	Open      time.Duration // how long Open took
}

// Stats returns the figures of the database.
func (db *DB) Stats() Stats {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return Stats{Keys: int64(len(db.m))}
}

// Tx is a transaction. All its writes become visible and durable together.
// Slices given to its methods may be reused by the caller afterwards.
type Tx struct {
	db   *DB
	w    bool
	now  int64
	undo []func()
}

// Now is the transaction's time in Unix milliseconds; expiry is judged by it.
func (tx *Tx) Now() int64 { return tx.now }

// Get returns the item of a live key.
func (tx *Tx) Get(key []byte) (it Item, ok bool, err error) {
	it, ok = tx.db.m[string(key)]
	if ok && it.ExpireAt != 0 && it.ExpireAt <= tx.now {
		return Item{}, false, nil
	}
	return it, ok, nil
}

// Put sets a key to an item, replacing what it was.
func (tx *Tx) Put(key []byte, it Item) error {
	it.Value = append([]byte(nil), it.Value...)
	tx.save(string(key))
	tx.db.m[string(key)] = it
	return nil
}

func (tx *Tx) save(k string) {
	db := tx.db
	old, had := db.m[k]
	v := db.ver[k]
	tx.undo = append(tx.undo, func() {
		if had {
			db.m[k] = old
		} else {
			delete(db.m, k)
		}
		db.ver[k] = v
	})
	db.next++
	db.ver[k] = db.next
}

// Expire changes when a live key expires (0: never); false if there is no such key.
func (tx *Tx) Expire(key []byte, at int64) (bool, error) {
	it, ok, _ := tx.Get(key)
	if ok {
		it.ExpireAt = at
		return true, tx.Put(key, it)
	}
	return false, nil
}

// Delete removes a key and tells whether it was there, alive.
func (tx *Tx) Delete(key []byte) (bool, error) {
	_, ok, _ := tx.Get(key)
	if _, had := tx.db.m[string(key)]; had {
		tx.save(string(key))
		delete(tx.db.m, string(key))
	}
	return ok, nil
}

// Clear removes all keys.
func (tx *Tx) Clear() error {
	for k := range tx.db.m {
		tx.save(k)
		delete(tx.db.m, k)
	}
	return nil
}

// Len is the exact number of live keys.
func (tx *Tx) Len() (n int64, err error) {
	for _, it := range tx.db.m {
		if it.ExpireAt == 0 || it.ExpireAt > tx.now {
			n++
		}
	}
	return n, nil
}

// Scan calls fn for live keys from the place cursor (0 is the start) until fn
// returns false, and returns the place to go on from, 0 at the end. A key that
// is there throughout a whole scan is visited at least once, whatever else changes between the calls.
func (tx *Tx) Scan(cursor uint64, fn func(key []byte, it Item) bool) (next uint64, err error) {
	keys := make([]string, 0, len(tx.db.m))
	for k := range tx.db.m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for i := cursor; i < uint64(len(keys)); i++ {
		it, ok, _ := tx.Get([]byte(keys[i]))
		if ok && !fn([]byte(keys[i]), it) {
			return i + 1, nil
		}
	}
	return 0, nil
}

// Random returns a live key, chosen about evenly.
func (tx *Tx) Random() (key []byte, ok bool, err error) {
	for k, it := range tx.db.m {
		if it.ExpireAt == 0 || it.ExpireAt > tx.now {
			return []byte(k), true, nil
		}
	}
	return nil, false, nil
}

// Version changes whenever a key is written or deleted; 0 for a key that is not
// there. WATCH compares it.
func (tx *Tx) Version(key []byte) (uint64, error) {
	if _, ok, _ := tx.Get(key); !ok {
		return 0, nil
	}
	return tx.db.ver[string(key)], nil
}

// Savepoint marks the beginning of a command within the transaction.
func (tx *Tx) Savepoint() int { return len(tx.undo) }

// RollbackTo undoes everything since the savepoint.
func (tx *Tx) RollbackTo(sp int) {
	for i := len(tx.undo) - 1; i >= sp; i-- {
		tx.undo[i]()
	}
	tx.undo = tx.undo[:sp]
}

// Commit ends the transaction and keeps its writes (see DB.Flush and DB.Sync for
// when they are safe).
func (tx *Tx) Commit() error {
	if tx.w {
		tx.db.mu.Unlock()
	} else {
		tx.db.mu.RUnlock()
	}
	return nil
}

// Rollback ends the transaction and undoes its writes.
func (tx *Tx) Rollback() {
	tx.RollbackTo(0)
	tx.Commit()
}
