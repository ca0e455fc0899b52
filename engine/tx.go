package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime/debug"

	"github.com/nubdb/nubdb/engine/vfs"
)

// Tx is a transaction. All its writes become visible together, and durable together
// or not at all. It is for one goroutine. Slices given to its methods may be reused
// by the caller afterwards.
//
// What each command runs through fills structures field by field, in place. To copy one
// that was just made makes the processor wait until its fields have been stored: that was
// 5 % of a GET, and of a bulk load.
type Tx struct {
	db       *DB
	writable bool
	compacts bool // moves records: live data does not grow by that
	empty    bool // the database does not exist
	now      int64

	found        found  // by the last look-up: to clear and copy one each time takes 10 ns
	panicOnFault bool   // the goroutine's setting before
	touched      uint64 // see Prefetch

	begin Savepoint
	undo  []undo
	maps  []*vfs.Mapping // of values handed out since the last savepoint
	made  []uint64       // value files written by this transaction
}

// undo takes back one change of the newest layer, or the layer itself.
type undo struct {
	hash, addr, before uint64
	exp                *expiries // a CLEAR: drop the layer and use these counts again
}

// Savepoint is a point in a transaction to which it can be rolled back.
type Savepoint struct {
	end    uint64
	undo   int
	added  int
	made   int
	doomed int
	c      counters
}

// Now is the transaction's time in Unix milliseconds; expiry is judged by it.
func (tx *Tx) Now() int64 { return tx.now }

// catch turns a memory fault, which is what a file truncated by somebody else looks
// like through a mapping, into an error.
func catch(err *error) {
	if fault := Fault(recover()); fault != nil {
		*err = fault
	}
}

// Fault is what recover has returned, as ErrCorrupt if it is a memory fault: whoever reads
// the value of an Item in a transaction meets one if another program truncates a file just
// then. Any other panic goes on. It returns nil for nil. After a fault only Rollback makes
// sense.
func Fault(recovered any) error {
	if recovered == nil {
		return nil
	}
	if fault, ok := recovered.(interface{ Addr() uintptr }); ok {
		return fmt.Errorf("%w: a mapped file cannot be read at %#x: truncated by another program?", ErrCorrupt, fault.Addr())
	}
	panic(recovered)
}

// found is where a key's newest record is.
type found struct {
	addr   uint64 // 0 if there is none
	rec    record // of addr, if there is one
	newest *entry // the key's entry in the newest layer, if it has one
}

// matcher compares records with a key and keeps the last one.
type matcher struct {
	log *log
	key []byte
	rec *record
}

func (m *matcher) is(addr uint64) (same bool, err error) {
	err = m.log.load(addr, m.rec)
	return err == nil && bytes.Equal(m.rec.key, m.key), err
}

// locate finds a key's newest record, expired or not.
func (db *DB) locate(f *found, hash uint64, key []byte) (err error) {
	f.addr, f.newest = 0, nil
	var m matcher
	m.log, m.key, m.rec = &db.log, key, &f.rec
	for i := len(db.layers) - 1; i >= 0; i-- {
		l := db.layers[i]
		e, err := l.find(hash, m.is)
		if err != nil {
			return err
		}
		if e != nil {
			if i == len(db.layers)-1 {
				f.newest = e
			}
			if e.addr&deleted == 0 {
				f.addr = e.addr
			}
			return nil
		}
		if l.cleared != 0 {
			return nil
		}
	}
	f.addr, err = db.idx.find(hash, m.is)
	return err
}

func (db *DB) hash(key []byte) uint64 {
	return siphash(db.seed[0], db.seed[1], key)
}

// Get makes it the item of a live key; false if there is none.
func (tx *Tx) Get(key []byte, it *Item) (ok bool, err error) {
	defer catch(&err)
	if tx.empty {
		return false, nil
	}
	if ok, err := tx.live(tx.db.hash(key), key); !ok {
		return false, err
	}
	if err := tx.item(&tx.found.rec, it); err != nil {
		return false, err
	}
	return true, nil
}

// Exists tells whether there is a live key.
func (tx *Tx) Exists(key []byte) (ok bool, err error) {
	defer catch(&err)
	if tx.empty {
		return false, nil
	}
	return tx.live(tx.db.hash(key), key)
}

// live looks a key up, which leaves its newest record in tx.found, and tells whether that
// is a value which has not expired.
func (tx *Tx) live(hash uint64, key []byte) (bool, error) {
	f := &tx.found
	err := tx.db.locate(f, hash, key)
	return err == nil && f.addr != 0 && !expired(f.rec.expire, tx.now), err
}

// item makes it the item of a record, mapping its value if that is in a file.
func (tx *Tx) item(r *record, it *Item) error {
	it.Value, it.Type, it.ExpireAt = r.value, Type(r.kind-kindValue), r.expire
	if r.flags&flagFile == 0 {
		return nil
	}
	ref, err := decodeReference(r.value)
	if err != nil {
		return fmt.Errorf("%w: reference to a value file", ErrCorrupt)
	}
	m, err := mapValueFile(tx.db.fs, tx.db.dir, ref)
	if err != nil {
		return err
	}
	tx.maps = append(tx.maps, m)
	it.Value = m.Data[:ref.length:ref.length]
	return nil
}

// Put sets a key to an item, replacing what it was.
func (tx *Tx) Put(key []byte, it Item) (err error) {
	defer catch(&err)
	if len(key) > MaxKey || len(it.Value) > MaxValue {
		return ErrTooLarge
	}
	db := tx.db
	if err := tx.mayWrite(); err != nil {
		return err
	}
	hash := db.hash(key)
	f := &tx.found
	if db.known.lacks(hash) {
		f.addr, f.newest = 0, nil
	} else if err := db.locate(f, hash, key); err != nil {
		return err
	}
	var r record
	r.kind, r.key, r.value, r.expire = kindValue+byte(it.Type), key, it.Value, it.ExpireAt
	if len(it.Value) > db.log.maxInline() {
		return tx.putFile(hash, f, &r)
	}
	return tx.write(hash, f, &r, 0)
}

// putFile writes a value that is too long for the log to a file of its own.
func (tx *Tx) putFile(hash uint64, f *found, r *record) error {
	db := tx.db
	ref := reference{length: int64(len(r.value))}
	value := r.value
	r.flags |= flagFile
	r.value = ref.encode()
	// The id is the record's address, which is known once there is room for it.
	if err := db.makeRoom(tx.replaces(f, r), reserve); err != nil {
		return err
	}
	ref.id = db.log.end
	r.value = ref.encode()
	if err := db.noteValueFiles(); err != nil {
		return err
	}
	if err := writeValueFile(db.fs, db.dir, ref.id, value); err != nil {
		return noSpace(err)
	}
	if err := tx.write(hash, f, r, ref.length); err != nil {
		db.fs.Remove(join(db.dir, valueFileName(ref.id)))
		return err
	}
	db.values.files = append(db.values.files, ref.id)
	db.values.bytes += ref.length
	tx.made = append(tx.made, ref.id)
	return nil
}

// replaces completes a record with what it says of the one that it replaces, and
// returns its size.
func (tx *Tx) replaces(f *found, r *record) int {
	if r.expire != 0 {
		r.flags |= flagExpire
	}
	if f.addr != 0 && f.rec.expire != 0 {
		r.flags |= flagWas
		r.was = f.rec.expire
	}
	if id, _ := fileOf(f); id != 0 && !sameFile(r, id) {
		r.flags |= flagWasFile
		r.wasFile = id
	}
	return recordSize(r)
}

// fileOf returns the file that holds a found record's value, 0 for none, and its size.
func fileOf(f *found) (id uint64, size int64) {
	if f.addr == 0 || f.rec.flags&flagFile == 0 {
		return 0, 0
	}
	ref, err := decodeReference(f.rec.value)
	if err != nil {
		return 0, 0
	}
	return ref.id, ref.length
}

func sameFile(r *record, id uint64) bool {
	return r.flags&flagFile != 0 && binary.LittleEndian.Uint64(r.value) == id
}

// write appends a key's new record and makes it the one that counts. fileSize is the
// length of a value that is in a file.
func (tx *Tx) write(hash uint64, f *found, r *record, fileSize int64) error {
	db := tx.db
	size := tx.replaces(f, r)
	spare := 0
	if r.isValue() {
		spare = reserve
	}
	before, after := liveBytes(f), int64(0)
	if r.isValue() {
		after = int64(size) + fileSize
	}
	if m := db.opt.MaxSize; m > 0 && !tx.compacts && after > before && db.c.bytes+after-before > m {
		return ErrMaxSize
	}
	if err := db.makeRoom(size, spare); err != nil {
		return err
	}
	was, wasFile := r.was, r.wasFile
	addr := db.log.append(r)
	db.c.replace(f, r, fileSize)
	db.c.bytes += after - before
	if r.flags&flagExpire != 0 {
		db.exp.add(r.expire, 1)
	}
	if r.flags&flagWas != 0 {
		db.exp.add(was, -1)
	}
	if r.flags&flagWasFile != 0 {
		db.doomed = append(db.doomed, wasFile)
	}
	if !r.isValue() {
		addr |= deleted
	}
	tx.point(hash, f, addr)
	return nil
}

// liveBytes is what a found record takes, its value in a file included.
func liveBytes(f *found) int64 {
	if f.addr == 0 {
		return 0
	}
	_, fileSize := fileOf(f)
	return int64(f.rec.size) + fileSize
}

// replace counts that a record whose value has fileSize bytes in a file takes the place of
// one that was found; bytes are left to the caller.
func (c *counters) replace(f *found, r *record, fileSize int64) {
	if f.addr != 0 {
		_, before := fileOf(f)
		c.keys--
		c.files -= filePages(before)
		if f.rec.expire != 0 {
			c.expiring--
		}
	}
	if r.isValue() {
		c.keys++
		c.files += filePages(fileSize)
		if r.expire != 0 {
			c.expiring++
		}
	}
}

// point makes the newest layer say that a key's newest record is at addr.
func (tx *Tx) point(hash uint64, f *found, addr uint64) {
	u := undo{hash: hash, addr: addr}
	if f.newest != nil {
		u.before = f.newest.addr
		f.newest.addr = addr
	} else {
		tx.db.top().insert(entry{hash: hash, addr: addr, old: f.addr})
		tx.db.known.add(hash)
	}
	tx.undo = append(tx.undo, u)
}

// Expire changes when a live key expires (0: never); false if there is no such key.
func (tx *Tx) Expire(key []byte, at int64) (ok bool, err error) {
	defer catch(&err)
	if err := tx.mayWrite(); err != nil {
		return false, err
	}
	hash := tx.db.hash(key)
	if ok, err := tx.live(hash, key); !ok {
		return false, err
	}
	f := &tx.found
	_, fileSize := fileOf(f)
	r := record{kind: f.rec.kind, flags: f.rec.flags & flagFile, key: f.rec.key, value: f.rec.value, expire: at}
	return true, tx.write(hash, f, &r, fileSize)
}

// Delete removes a key and tells whether it was there, alive.
func (tx *Tx) Delete(key []byte) (ok bool, err error) {
	defer catch(&err)
	if err := tx.mayWrite(); err != nil {
		return false, err
	}
	hash := tx.db.hash(key)
	if ok, err := tx.live(hash, key); !ok {
		return false, err
	}
	return true, tx.write(hash, &tx.found, &record{kind: kindDelete, key: key}, 0)
}

// Clear removes all keys.
func (tx *Tx) Clear() (err error) {
	defer catch(&err)
	if err := tx.mayWrite(); err != nil {
		return err
	}
	db := tx.db
	if db.c.keys == 0 {
		return nil
	}
	r := record{kind: kindClear}
	if err := db.makeRoom(recordSize(&r), 0); err != nil {
		return err
	}
	addr := db.log.append(&r)
	tx.undo = append(tx.undo, undo{exp: db.exp})
	db.layers = append(db.layers, &layer{cleared: addr})
	db.exp = &expiries{loaded: true}
	db.c = counters{}
	return nil
}

// mayWrite tells why a write is impossible.
func (tx *Tx) mayWrite() error {
	switch {
	case !tx.writable:
		return ErrReadOnly
	case tx.db.failed != nil:
		return tx.db.failed
	}
	return nil
}

// Len is the exact number of live keys.
func (tx *Tx) Len() (n int64, err error) {
	defer catch(&err)
	if tx.empty {
		return 0, nil
	}
	gone, err := tx.db.expired(tx.now)
	return tx.db.c.keys - gone, err
}

// Version changes whenever a key is written or deleted; 0 for a key that is not there.
// WATCH compares it.
func (tx *Tx) Version(key []byte) (v uint64, err error) {
	defer catch(&err)
	if tx.empty {
		return 0, nil
	}
	if ok, err := tx.live(tx.db.hash(key), key); !ok {
		return 0, err
	}
	return tx.db.versions.get(tx.found.addr), nil
}

// Savepoint marks the beginning of a command, and makes sp, unless it is nil, the point to
// which that can be rolled back. Items read before become invalid.
func (tx *Tx) Savepoint(sp *Savepoint) {
	tx.release()
	if !tx.writable {
		return
	}
	tx.db.drain()
	if sp != nil {
		tx.mark(sp)
	}
}

// mark makes sp the point at which the transaction is.
func (tx *Tx) mark(sp *Savepoint) {
	db := tx.db
	sp.end, sp.undo, sp.added, sp.made, sp.doomed = db.log.end, len(tx.undo), len(db.exp.added), len(tx.made), len(db.doomed)
	c := &db.c
	sp.c.keys, sp.c.expiring, sp.c.bytes, sp.c.summary, sp.c.files = c.keys, c.expiring, c.bytes, c.summary, c.files
}

// RollbackTo undoes everything since the savepoint.
func (tx *Tx) RollbackTo(sp *Savepoint) {
	if !tx.writable {
		return
	}
	db := tx.db
	for i := len(tx.undo) - 1; i >= sp.undo; i-- {
		u := tx.undo[i]
		if u.exp != nil {
			db.layers = db.layers[:len(db.layers)-1]
			db.exp = u.exp
		} else {
			db.top().revert(u.hash, u.addr, u.before)
		}
	}
	tx.undo = tx.undo[:sp.undo]
	db.exp.added = db.exp.added[:sp.added]
	db.doomed = db.doomed[:sp.doomed]
	db.c = sp.c
	for _, id := range tx.made[sp.made:] {
		db.fs.Remove(join(db.dir, valueFileName(id)))
	}
	tx.made = tx.made[:sp.made]
	db.takeBack(sp.end)
}

// release unmaps the values that were handed out.
func (tx *Tx) release() {
	for _, m := range tx.maps {
		m.Unmap()
	}
	tx.maps = tx.maps[:0]
}

// Commit ends the transaction and keeps its writes; DB.Flush and DB.Sync say when they
// are safe. After an error nothing of the transaction counts.
func (tx *Tx) Commit() error {
	db := tx.db
	if !tx.writable {
		tx.end()
		return nil
	}
	err := tx.keep()
	if err == nil {
		db.pay(int64(db.opt.piece))
	}
	return err
}

// keep ends a writing transaction and keeps what it wrote.
func (tx *Tx) keep() (err error) {
	defer tx.end()
	defer catch(&err)
	if err := tx.db.commit(tx.begin.end); err != nil {
		tx.RollbackTo(&tx.begin)
		return err
	}
	tx.db.owe(tx.begin.end)
	tx.outdate()
	// An error here is none of what was committed. It is kept for who writes next.
	tx.db.feed(min(feedFactor*len(tx.undo)+feedLeast, feedPiece))
	return nil
}

// outdate notes which records of the newest layer those of the transaction replace: where
// few keys are written again and again compaction looked up every fifth for nothing: 5 % of a
// server's time for a SET.
func (tx *Tx) outdate() {
	db := tx.db
	if !db.compacts() {
		return
	}
	for i := range tx.undo {
		if before := tx.undo[i].before; before != 0 && before&deleted == 0 {
			db.compaction.obsolete.mark(db.log.geometry, before, db.compaction.at)
		}
	}
}

// Rollback ends the transaction and undoes its writes.
func (tx *Tx) Rollback() {
	defer tx.end()
	if !tx.writable {
		return
	}
	tx.RollbackTo(&tx.begin)
	if tx.db.log.end != tx.begin.end && tx.db.failed == nil {
		tx.db.commit(tx.begin.end) // what was taken back is in the log: say so
	}
}

// end gives the database back.
func (tx *Tx) end() {
	tx.release()
	debug.SetPanicOnFault(tx.panicOnFault)
	if tx.writable {
		tx.db.mu.Unlock()
	} else {
		tx.db.mu.RUnlock()
	}
}
