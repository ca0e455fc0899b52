package engine

import (
	"errors"
	"fmt"
)

// Verify checks every checksum of the log, the values and the index, that every slot of
// the index leads to its key's newest record, and that the counters are right. It
// calls report for each fault and returns their number; err is for what kept it from
// looking. Everything committed is synced first.
func (db *DB) Verify(report func(fault string)) (faults int, err error) {
	if err := db.Sync(); err != nil {
		return 0, err
	}
	tx, err := db.Begin(false)
	if err != nil {
		return 0, err
	}
	defer tx.Commit()
	if tx.empty {
		return 0, nil
	}
	size := int64(db.log.end - db.log.start(db.man.head))
	v := verifier{tx: tx, db: db, report: report, total: size + db.c.bytes}
	for _, part := range []func() error{v.log, v.hardIndex, v.index} {
		if err := v.guarded(part); err != nil {
			return v.faults, err
		}
	}
	v.counters()
	return v.faults, nil
}

type verifier struct {
	tx     *Tx
	db     *DB
	report func(string)
	faults int
	found  counters // as the index has them
	done   int64    // bytes of log and values that were looked at
	told   int64    // up to where somebody knows
	total  int64
}

// goOn notes that n more bytes were looked at.
func (v *verifier) goOn(n int64) error {
	if v.done += n; v.done-v.told < 1<<20 {
		return nil
	}
	v.told = v.done
	return v.db.opt.goOn(v.done, v.total)
}

func (v *verifier) fault(err error) {
	v.faults++
	v.report(err.Error())
}

// guarded runs a part of the verification in which a mapped file may turn out short. What
// ends it is a fault, unless nobody waits any more.
func (v *verifier) guarded(part func() error) error {
	err := func() (err error) {
		defer catch(&err)
		return part()
	}()
	if err == nil || errors.Is(err, ErrCanceled) {
		return err
	}
	v.fault(err)
	return nil
}

// log checks all frames, and that the index does not lead to older records than the log
// has. (That it leads nowhere for a key that the log has shows in the counters.)
func (v *verifier) log() error {
	from, err := v.db.startOfLog()
	if err != nil {
		return err
	}
	end, reached, stop := v.db.log.frames(from, func(f *frame) error {
		if err := v.goOn(int64(f.end.addr - f.start)); err != nil {
			return err
		}
		return f.each(v.record)
	})
	if errors.Is(stop, ErrCanceled) {
		return stop
	}
	if end.addr < v.db.committed {
		return v.db.log.damaged(reached, stop)
	}
	return nil
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
// that count are sure to be whole: a process may die while it writes another.)
func (v *verifier) hardIndex() error {
	x := v.db.idx
	if x.hard.seq == 0 || x.hard.dir.depth == 0 {
		return nil
	}
	return v.directory(x.hard.dir, func(page uint32) error {
		m, off, err := x.chunk(page)
		if err != nil {
			return err
		}
		for i, slot := range m.Words(off, slotsPerPage) {
			if !intact(slot, place(page, i)) {
				v.fault(indexDamage(page, errSlot))
			}
		}
		return nil
	})
}

// directory checks all words of a directory and calls fn for each page.
func (v *verifier) directory(a area, fn func(page uint32) error) error {
	last := uint32(0)
	for i := range uint64(1) << a.depth {
		_, page, err := v.db.idx.word(a, i)
		if err != nil {
			return err
		}
		if page != last && page != 0 { // the words of a page follow each other
			if err := fn(page); err != nil {
				return err
			}
		}
		last = page
	}
	return nil
}

// index checks all slots, and what they lead to.
func (v *verifier) index() error {
	if !v.db.indexCounts() {
		return nil
	}
	if err := v.directory(v.db.idx.h.dir, func(uint32) error { return nil }); err != nil {
		return err
	}
	for hash, done := uint64(0), false; !done; {
		depth, _, err := v.db.idx.lookup(hash)
		if err != nil {
			return err
		}
		prefix := hash >> (64 - depth)
		before := v.found.bytes
		next, err := v.db.idx.eachSlot(hash, func(page uint32, i int, slot uint64) error {
			if err := v.slot(page, i, slot, prefix, depth); err != nil {
				v.fault(err)
			}
			return nil
		})
		if err == nil {
			err = v.goOn(v.found.bytes - before)
		}
		if err != nil {
			return err
		}
		hash, done = next, next == 0
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
	r, err := v.db.log.load(addr)
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
	_, err = v.tx.item(&r)
	v.tx.release()
	return err
}

// counters compares what the log says with what the index has, if that is all there.
func (v *verifier) counters() {
	want := v.db.c
	want.summary = 0
	if v.faults > 0 || v.db.idx.h.mark.addr != v.db.committed || !v.db.indexCounts() || v.found == want {
		return
	}
	v.fault(fmt.Errorf("%w: the log counts %d keys, %d expiring, %d bytes; the index %d, %d, %d", ErrCorrupt,
		want.keys, want.expiring, want.bytes, v.found.keys, v.found.expiring, v.found.bytes))
}
