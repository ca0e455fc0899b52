package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// RepairStats say what a repair has saved, and what not.
type RepairStats struct {
	Keys       int64 // in the new database, those included whose time has passed
	Damages    int   // places of the log that cannot be read or do not fit together
	LostBytes  int64 // of the log, in these places
	LostValues int   // keys that were lost because the file of their value is missing or damaged
	Loose      int64 // records that were taken from damaged transactions
	// Missing and Returned compare with the number of keys that the log itself has counted:
	// so many keys more are lost than found, or the other way round, have come back though
	// they had been deleted.
	Missing, Returned int64
}

// Whole tells whether nothing was lost.
func (s RepairStats) Whole() bool {
	return s.Damages == 0 && s.LostValues == 0 && s.Missing == 0 && s.Returned == 0
}

// Repair makes, in the directory to, which must be empty or not there, a new database of
// all that is intact in the database from, which it only reads. Neither MANIFEST nor
// INDEX is needed. What a transaction has written is taken as a whole where all of it is
// intact; of others the records that are. Later records of a key win over earlier ones;
// deletions, expiry and CLEAR count. Where a newer value is lost, an earlier one counts again;
// where a deletion is lost, the key is left out if INDEX knows of that, and else is back. report
// is told, a line each, what was lost: file, offset, bytes, and keys as far as they are known.
//
// The new database has another identity. It is on stable storage when Repair returns nil;
// after an error nothing is left of it, or a directory that holds a file UNFINISHED and is
// no database. Errors: ErrNotOurs if nothing can be recognised, ErrVersion, ErrBusy,
// ErrExists, ErrFull, ErrCanceled, and those of the file system.
func Repair(from, to string, o Options, report func(string)) (stats RepairStats, err error) {
	o.setDefaults(from)
	from, to = trimPath(from), trimPath(to)
	if strings.HasPrefix(to+"/", from+"/") {
		return stats, fmt.Errorf("%w: %s lies in the database that is to be repaired", ErrExists, to)
	}
	lock, err := lockWreck(from, o)
	if err != nil {
		return stats, err
	}
	defer lock.Close()
	w, err := openWreck(o.FS, from, report)
	if err != nil {
		return stats, err
	}
	made, err := beginUnfinished(o.FS, to)
	if errors.Is(err, ErrExists) {
		return stats, err
	}
	r := repair{wreck: w, values: map[string]valueOfKey{}, opt: o, dir: to}
	if err == nil {
		err = r.run(o)
	}
	if err != nil {
		abandon(o.FS, to, made)
	}
	return r.stats, noSpace(err)
}

// lockWreck keeps others from writing to the database, if it has a lock.
func lockWreck(dir string, o Options) (io.Closer, error) {
	db := DB{dir: dir, opt: o, fs: o.FS}
	names, err := o.FS.ReadDir(dir)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, dir)
	}
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, lockName) {
		return io.NopCloser(nil), nil
	}
	db.opt.ReadOnly = true
	if err := db.acquire(); err != nil {
		return nil, err
	}
	if db.lock == nil {
		return io.NopCloser(nil), nil
	}
	return db.lock, nil
}

// repair is a repair under way.
type repair struct {
	*wreck
	stats RepairStats
	opt   Options
	dir   string // of the new database

	// Found by survey:
	losses  []loss
	broken  spans // transactions that are not whole
	open    bool  // the last of broken is a transaction that had not come to its end
	voids   spans // what was taken back
	newest  commit
	counted uint64 // newest is here

	db        *DB
	tx        *Tx
	written   int // bytes in tx
	values    map[string]valueOfKey
	keysSaid  int
	witnessed bool    // the index has seen all that is lost
	loose     []int64 // records taken from each of broken
}

// valueOfKey is a key's value that is in a file.
type valueOfKey struct {
	reference
	expire int64
	kind   byte
}

func (r *repair) run(o Options) (err error) {
	defer catch(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := r.survey(); err != nil {
		return err
	}
	r.reportLosses()
	o.Clock = func() int64 { return 0 } // nothing expires here
	r.db, err = newUnfinished(o.FS, r.dir, o, newManifest(time.Now().UnixMilli(), o.segmentBits))
	if err == nil {
		err = r.db.createFiles()
	}
	if err != nil {
		r.db.release()
		return err
	}
	r.db.exists, r.db.exp.loaded = true, true
	defer r.db.Close()
	defer r.drop()
	if err := r.replay(); err != nil {
		return err
	}
	r.compareCounts()
	if err := r.goOn(r.last+1, 1); err != nil {
		return err
	}
	return r.db.complete()
}

// survey reads the log once, to know which transactions are whole, what was taken back,
// and up to where the log is known to have been synced.
func (r *repair) survey() error {
	var chain uint32
	known, whole := false, true
	frame, end := r.geo.start(r.man.head), uint64(0)
	enter := func(num uint64) error {
		if head, ok := r.heads[num]; ok && !known {
			chain, known = head.chain, true
		}
		return r.goOn(num, 0)
	}
	visit := func(addr uint64, raw []byte, rec *record) error {
		end = addr + uint64(rec.size)
		if rec.kind == kindAbort && len(rec.value) == 8 {
			r.voids = append(r.voids, span{from: binary.LittleEndian.Uint64(rec.value), to: addr})
		}
		before := chain
		chain = crc32c(chain, raw)
		if rec.kind != kindCommit {
			return nil
		}
		c, err := decodeCommit(rec.value)
		if err != nil {
			return nil
		}
		if known && c.chain != before {
			r.losses = append(r.losses, loss{span{frame, frame}, errors.New("what follows does not follow what is before it"), nil})
		}
		chain, known = crc32c(c.chain, raw), true
		if !whole {
			r.broken = append(r.broken, span{frame, end})
		}
		r.newest, r.counted, r.synced = c, addr, max(r.synced, c.synced)
		frame, whole = end, true
		return nil
	}
	err := r.walk(enter, visit, func(l loss) {
		r.losses = append(r.losses, l)
		known, whole = false, false
		end = l.to
	})
	if frame < end {
		r.broken = append(r.broken, span{frame, end})
		r.open = whole // nothing is lost: it was never committed
	}
	r.voids = r.voids.merged()
	r.loose = make([]int64, len(r.broken))
	return err
}

// goOn tells how far the repair is when a reading of the log, 0 or 1, comes to a segment.
func (r *repair) goOn(num uint64, reading int64) error {
	size := int64(r.last+1-r.man.head) << r.geo.bits
	return r.opt.goOn(reading*size+int64(num-r.man.head)<<r.geo.bits, 2*size)
}

// reportLosses tells what cannot be read. A torn end, of which nobody was told that it is
// safe, is no loss.
func (r *repair) reportLosses() {
	for _, l := range r.losses {
		size := int64(l.to - l.from)
		if r.sure && l.from >= r.synced {
			r.report(fmt.Sprintf("%s: %d bytes were being written when the machine stopped, and acknowledged by no sync", r.place(l.from), size))
			continue
		}
		r.stats.Damages++
		r.stats.LostBytes += size
		r.report(fmt.Sprintf("%s: %d bytes lost: %v%s", r.place(l.from), size, l.cause, quoteKeys(l.keys)))
	}
}

// place is an address as people find it.
func (r *repair) place(addr uint64) string {
	return fmt.Sprintf("%s at offset %d", segmentName(r.geo.number(addr)), r.geo.offset(addr))
}

func quoteKeys(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("; keys")
	for _, k := range keys {
		b.WriteString(" " + quoteKey(k))
	}
	return b.String()
}

// quoteKey shows a key, or its beginning.
func quoteKey(k string) string {
	const enough = 64
	if len(k) > enough {
		return fmt.Sprintf("%q...", k[:enough])
	}
	return fmt.Sprintf("%q", k)
}

// replay does again, in the new database, what the records say.
func (r *repair) replay() (err error) {
	if r.tx, err = r.db.Begin(true); err != nil {
		return err
	}
	w := r.callWitness()
	if w != nil {
		r.witnessed = r.losses[len(r.losses)-1].to <= w.h.mark.addr
		defer w.close()
	}
	visit := func(addr uint64, _ []byte, rec *record) error {
		if !rec.isValue() && rec.kind != kindDelete && rec.kind != kindClear || r.voids.find(addr) >= 0 || !r.counts(addr) {
			return nil
		}
		if err := r.apply(rec); err != nil {
			return err
		}
		w.note(addr, rec)
		return r.turn(rec.size)
	}
	enter := func(num uint64) error { return r.goOn(num, 1) }
	if err = r.walk(enter, visit, func(loss) {}); err == nil {
		err = r.takeValues()
	}
	if err == nil {
		err = r.hearWitness(w)
	}
	if err != nil {
		return err
	}
	if more := r.keysSaid - maxKeysSaid; more > 0 {
		r.report(fmt.Sprintf("the same is true of %d more keys", more))
	}
	for i, n := range r.loose {
		if n > 0 {
			r.stats.Loose += n
			r.report(fmt.Sprintf("%s: %d records of a damaged transaction were taken by themselves; what it took back itself may be among them", r.place(r.broken[i].from), n))
		}
	}
	return r.commit()
}

// commit ends the transaction and keeps what it wrote.
func (r *repair) commit() error {
	tx := r.tx
	r.written, r.tx = 0, nil
	return tx.Commit()
}

// drop ends the transaction that an error has left.
func (r *repair) drop() {
	if r.tx != nil {
		r.tx.Rollback()
	}
}

// counts tells whether a record is to be taken: if its transaction is whole, or is known
// to have been whole once, or may have been and there is no index that would know.
func (r *repair) counts(addr uint64) bool {
	i := r.broken.find(addr)
	if i < 0 {
		return true
	}
	open := r.open && i == len(r.broken)-1
	if addr >= r.synced && (r.sure || open) {
		return false
	}
	r.loose[i]++
	return true
}

// turn begins another transaction when this one has become large.
func (r *repair) turn(size int) (err error) {
	r.tx.Savepoint(nil)
	if r.written += size; r.written < 1<<20 {
		return nil
	}
	if err := r.commit(); err != nil {
		return err
	}
	r.tx, err = r.db.Begin(true)
	return err
}

// apply does what one record says. A value in a file is looked at when it is clear that
// it is the key's last: that of an earlier one may rightly be gone.
func (r *repair) apply(rec *record) error {
	if rec.kind == kindClear {
		clear(r.values)
		return r.tx.Clear()
	}
	delete(r.values, string(rec.key))
	if rec.isValue() && rec.flags&flagFile == 0 {
		return r.tx.Put(rec.key, Item{Value: rec.value, Type: Type(rec.kind - kindValue), ExpireAt: rec.expire})
	}
	if rec.isValue() {
		ref, err := decodeReference(rec.value)
		if err != nil {
			ref = reference{length: -1} // no file has that
		}
		r.values[string(rec.key)] = valueOfKey{ref, rec.expire, rec.kind}
	}
	_, err := r.tx.Delete(rec.key)
	return err
}

// takeValues takes over the values that are in files.
func (r *repair) takeValues() error {
	keys := slices.SortedFunc(maps.Keys(r.values), func(a, b string) int { return cmp.Compare(r.values[a].id, r.values[b].id) })
	for _, key := range keys {
		v := r.values[key]
		intact, err := r.takeValue(key, v)
		if err != nil {
			return err
		}
		if intact != nil {
			r.stats.LostValues++
			r.report(fmt.Sprintf("the value of key %s is lost: %v", quoteKey(key), intact))
		}
		if err := r.turn(int(min(v.length, 1<<20))); err != nil {
			return err
		}
	}
	return nil
}

// takeValue takes over a value; damage is why that is not possible.
func (r *repair) takeValue(key string, v valueOfKey) (damage, err error) {
	if v.length < 0 {
		return errBadRecord, nil
	}
	m, damage := r.mapValue(v.reference)
	if damage != nil {
		return damage, nil
	}
	defer m.Unmap()
	return nil, r.tx.Put([]byte(key), Item{Value: m.Data[:v.length], Type: Type(v.kind - kindValue), ExpireAt: v.expire})
}

// mapValue maps a value file. On a bad disk it cannot be read: that is damage, too.
func (r *repair) mapValue(ref reference) (m *vfs.Mapping, err error) {
	defer catch(&err)
	return mapValueFile(r.fs, r.wreck.dir, ref)
}

// compareCounts compares the number of keys with what the newest commit record says, if
// nothing was taken from behind it.
func (r *repair) compareCounts() {
	r.stats.Keys = r.db.c.keys
	dropped := r.broken.find(r.counted) >= 0 && r.counted >= r.synced
	more := len(r.broken) > 0 && r.broken[len(r.broken)-1].from > r.counted && r.loose[len(r.broken)-1] > 0
	if r.newest == (commit{}) || dropped || more {
		return
	}
	switch diff := r.stats.Keys + int64(r.stats.LostValues) - r.newest.keys; {
	case diff < 0:
		r.stats.Missing = -diff
		r.report(fmt.Sprintf("the log has counted %d keys more than were found", -diff))
	case diff > 0:
		r.stats.Returned = diff
		r.report(fmt.Sprintf("the log has counted %d keys less than were found: so many that had been deleted are back", diff))
	}
	if r.stats.LostBytes > 0 && !r.witnessed {
		r.report("what was deleted or replaced only in what is lost has its earlier value again")
	}
}
