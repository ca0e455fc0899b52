package engine

import (
	"errors"
	"fmt"
	"time"
)

// verifyPiece is how long a verification holds the database at a time.
const verifyPiece = 2 * time.Millisecond

// Verify checks every checksum of the log, the values and the index, that every slot of
// the index leads to its key's newest record, and, if nobody writes meanwhile, that the
// counters are right. It calls report for each fault and returns their number; err is for
// what kept it from looking. Everything committed is synced first. Others go on meanwhile.
func (db *DB) Verify(report func(fault string)) (faults int, err error) {
	v := verifier{opt: db.opt, report: report}
	return v.run(func(look func(*DB) error) error { return look(db) })
}

// Verify is DB.Verify of a database that this process has not open. It only reads, and lets
// go of the database whenever another process wants to write.
func Verify(path string, o Options, report func(fault string)) (faults int, err error) {
	const hold = 50 * time.Millisecond
	o.ReadOnly = true
	var db *DB
	var opened time.Time
	letGo := func() {
		if db != nil {
			db.Close()
			db = nil
		}
	}
	defer letGo()
	v := verifier{opt: o, report: report}
	v.opt.setDefaults(path)
	return v.run(func(look func(*DB) error) (err error) {
		if db == nil {
			if db, err = Open(path, o); err != nil {
				return err
			}
			opened = time.Now()
		}
		err = look(db)
		if time.Since(opened) > hold && db.Wanted() {
			letGo()
		}
		return err
	})
}

// verifier is a verification under way. It goes in pieces: between two of them others
// write, and the database may be another DB.
type verifier struct {
	opt    Options
	report func(string)
	faults int
	done   int64 // bytes of log and values that were looked at
	total  int64

	// Of the piece under way:
	db    *DB
	tx    *Tx
	until time.Time

	at     mark   // up to here the log was read
	target uint64 // up to there it is to be

	hard uint64 // seq of the hard header whose directory is looked at
	word uint64 // the next of it

	hash  uint64   // where the next page of the index begins
	still uint64   // the log's end if nothing is written meanwhile, else 0
	found counters // as the index has them
	begun bool
}

// run runs all parts, piece by piece. with calls a function with the database.
func (v *verifier) run(with func(look func(*DB) error) error) (faults int, err error) {
	if err := with((*DB).Sync); err != nil {
		return 0, err
	}
	for _, part := range []func() (done bool, err error){v.log, v.hardIndex, v.index} {
		for done := false; !done; {
			err := with(func(db *DB) (err error) { done, err = v.piece(db, part); return err })
			if err == nil {
				err = v.opt.goOn(v.done, v.total)
			}
			if err != nil {
				return v.faults, err
			}
		}
	}
	return v.faults, nil
}

// piece runs a piece of a part; done if it was the last. What ends a part is a fault.
func (v *verifier) piece(db *DB, part func() (done bool, err error)) (done bool, err error) {
	tx, err := db.Begin(false)
	if err != nil {
		return true, err
	}
	defer tx.Commit()
	if tx.empty {
		return true, nil
	}
	v.db, v.tx, v.until = db, tx, time.Now().Add(verifyPiece)
	fault := func() (err error) {
		defer catch(&err) // a mapped file may turn out short
		done, err = part()
		return err
	}()
	if fault != nil {
		v.fault(fault)
		return true, nil
	}
	return done, nil
}

// over tells whether it is time to let others in.
func (v *verifier) over() bool { return time.Now().After(v.until) }

func (v *verifier) fault(err error) {
	v.faults++
	v.report(err.Error())
}

// log checks all frames, and that the index does not lead to older records than the log
// has. (That it leads nowhere for a key that the log has shows in the counters.)
func (v *verifier) log() (done bool, err error) {
	from, err := v.db.startOfLog()
	if err != nil {
		return true, err
	}
	if v.target == 0 {
		v.target = v.db.committed
		v.total = int64(v.target-from.addr) + v.db.c.bytes
	}
	if v.at.addr < from.addr { // at the beginning, or compaction has been there
		v.at = from
	}
	_, reached, stop := v.db.log.frames(v.at, func(f *frame) error {
		if err := f.each(v.record); err != nil {
			return err
		}
		v.done += int64(f.end.addr - f.start)
		v.at = f.end
		if v.at.addr >= v.target || v.over() {
			return errStop
		}
		return nil
	})
	if v.at.addr >= v.target {
		return true, nil
	}
	if stop != errStop {
		return true, v.db.log.damaged(reached, stop)
	}
	return false, nil
}

func (v *verifier) record(addr uint64, r *record) error {
	if !r.isValue() {
		return nil
	}
	var f found
	if err := v.db.locate(&f, v.db.hash(r.key), r.key); err != nil {
		v.fault(err)
	} else if f.addr != 0 && f.addr < addr {
		v.fault(v.db.log.damaged(f.addr, fmt.Errorf("the index leads here, but a newer record of the key is at %#x", addr)))
	}
	return nil
}

// hardIndex checks the directory that a power cut would fall back to, and the slots of its
// pages, which may be older than those of the directory in use. (Of the headers only those
// that count are sure to be whole: a process may die while it writes another.) When there
// is another hard header it begins anew.
func (v *verifier) hardIndex() (done bool, err error) {
	x := v.db.idx
	a := x.hard.dir
	if x.hard.seq == 0 || a.depth == 0 {
		return true, nil
	}
	if v.hard != x.hard.seq {
		v.hard, v.word = x.hard.seq, 0
	}
	for last := uint32(0); v.word < 1<<a.depth; v.word++ {
		_, page, err := x.word(a, v.word)
		if err != nil {
			return true, err
		}
		if page != last && page != 0 { // the words of a page follow each other
			if v.over() {
				return false, nil
			}
			if err := v.slots(page); err != nil {
				return true, err
			}
		}
		last = page
	}
	return true, nil
}

// slots checks the checks of a page's slots.
func (v *verifier) slots(page uint32) error {
	m, off, err := v.db.idx.chunk(page)
	if err != nil {
		return err
	}
	for i, slot := range m.Words(off, slotsPerPage) {
		if !intact(slot, place(page, i)) {
			v.fault(indexDamage(page, errSlot))
		}
	}
	return nil
}

// index checks all slots of the directory in use, and what they lead to.
func (v *verifier) index() (done bool, err error) {
	if !v.db.indexCounts() {
		return true, nil // below a CLEAR there is nothing to find
	}
	if !v.begun {
		v.begun = true
		if v.db.idx.h.mark.addr == v.db.committed {
			v.still = v.db.committed
		}
		if err := v.words(); err != nil {
			return true, err
		}
	}
	for {
		depth, _, err := v.db.idx.lookup(v.hash)
		if err != nil {
			return true, err
		}
		prefix, before := v.hash>>(64-depth), v.found.bytes
		v.hash, err = v.db.idx.eachSlot(v.hash, func(page uint32, i int, slot uint64) error {
			if err := v.slot(page, i, slot, prefix, depth); err != nil {
				v.fault(err)
			}
			return nil
		})
		if err != nil {
			return true, err
		}
		v.done += v.found.bytes - before
		if v.hash == 0 {
			v.counters()
			return true, nil
		}
		if v.over() {
			return false, nil
		}
	}
}

// words checks the words of the directory in use, also those that lead to the same page.
func (v *verifier) words() error {
	a := v.db.idx.h.dir
	for i := range uint64(1) << a.depth {
		if _, _, err := v.db.idx.word(a, i); err != nil {
			return err
		}
	}
	return nil
}

var errStray = errors.New("a slot leads to a record that does not belong there")

// slot checks one slot of the page for the hashes that begin with prefix.
func (v *verifier) slot(page uint32, i int, slot, prefix uint64, depth uint32) error {
	if !intact(slot, place(page, i)) {
		return indexDamage(page, errSlot)
	}
	if isEmpty(slot) {
		return nil
	}
	addr := slotAddr(slot, v.db.idx.logStart)
	var r record
	err := v.db.log.load(addr, &r)
	if err != nil {
		return err
	}
	hash, line := v.db.hash(r.key), i/slotsPerLine
	own := lines(hash)
	if !r.isValue() || slotTag(slot) != tagOf(hash) || hash>>(64-depth) != prefix || line != own[0] && line != own[1] {
		return indexDamage(page, errStray)
	}
	f := found{addr: addr, rec: r}
	_, fileSize := fileOf(&f)
	v.found.keys++
	v.found.bytes += int64(r.size) + fileSize
	v.found.files += filePages(fileSize)
	if r.expire != 0 {
		v.found.expiring++
	}
	err = v.tx.item(&r, new(Item))
	v.tx.release()
	return err
}

// counters compares what the log says with what the index has, if that is all there and
// nothing was written since the first page.
func (v *verifier) counters() {
	want := v.db.c
	want.summary = 0
	if v.faults > 0 || v.still == 0 || v.still != v.db.committed || v.found == want {
		return
	}
	v.fault(fmt.Errorf("%w: the log counts %d keys, %d expiring, %d bytes; the index %d, %d, %d", ErrCorrupt,
		want.keys, want.expiring, want.bytes, v.found.keys, v.found.expiring, v.found.bytes))
}
