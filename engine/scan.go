package engine

import "math/rand/v2"

// Scan calls fn for live keys, in the order of their hashes, from the place cursor (0
// is the start) until about count have been visited or fn returns false. It returns
// the place to go on from, 0 at the end. A key that is there throughout a whole scan
// is visited at least once, whatever else changes between the calls, and within one
// call no key is visited twice.
func (tx *Tx) Scan(cursor uint64, count int, fn func(key []byte, it Item) bool) (next uint64, err error) {
	defer catch(&err)
	if tx.empty {
		return 0, nil
	}
	s := scanner{tx: tx, fn: fn}
	base := tx.db.indexCounts()
	next = cursor
	for base && s.visited < count && !s.stopped {
		if next, err = s.page(next); err != nil || next == 0 {
			break
		}
	}
	if !base {
		next = 0
	}
	if err == nil && !s.stopped {
		err = s.pending(cursor, next, base)
	}
	if s.stopped {
		next = 0
	}
	return next, err
}

// indexCounts tells whether the index counts at all: not below a CLEAR.
func (db *DB) indexCounts() bool {
	for _, l := range db.layers {
		if l.cleared != 0 {
			return false
		}
	}
	return true
}

type scanner struct {
	tx      *Tx
	fn      func(key []byte, it Item) bool
	visited int
	stopped bool
}

// page visits the keys of the index's page for a hash.
func (s *scanner) page(hash uint64) (next uint64, err error) {
	x := s.tx.db.idx
	return x.eachSlot(hash, func(page uint32, i int, slot uint64) error {
		if !intact(slot, place(page, i)) {
			return indexDamage(page, errSlot)
		}
		if isEmpty(slot) || s.stopped {
			return nil
		}
		return s.slot(slotAddr(slot, x.logStart))
	})
}

// slot visits the key of a slot, unless it is the key's second: before the end of a
// recovery from a power cut a key may have two.
func (s *scanner) slot(addr uint64) error {
	db := s.tx.db
	if db.layers[0].recovered {
		r, err := db.log.load(addr)
		if err != nil {
			return err
		}
		m := matcher{log: &db.log, key: r.key}
		if first, err := db.idx.find(db.hash(r.key), m.is); err != nil || first != addr {
			return err
		}
	}
	return s.visit(addr)
}

// eachSlot calls fn for all slots of the page for a hash and returns the first hash that
// belongs to the next page, 0 at the end. Going through pages in the order of hashes is
// what makes the guarantee of Scan hold: splitting them does not change it.
func (x *index) eachSlot(hash uint64, fn func(page uint32, i int, slot uint64) error) (next uint64, err error) {
	depth, page, err := x.lookup(hash)
	if err != nil {
		return 0, err
	}
	next = (hash>>(64-depth) + 1) << (64 - depth)
	if page == 0 {
		return next, nil
	}
	m, off, err := x.chunk(page)
	if err != nil {
		return 0, err
	}
	for i := range slotsPerPage {
		if err := fn(page, i, m.Load64(off+i*8)); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// visit calls fn for the key of the record at addr, with what counts for it now.
func (s *scanner) visit(addr uint64) error {
	db := s.tx.db
	r, err := db.log.load(addr)
	if err != nil {
		return err
	}
	f, err := db.locate(db.hash(r.key), r.key)
	if err != nil || f.addr == 0 || expired(f.rec.expire, s.tx.now) {
		return err
	}
	it, err := s.tx.item(&f.rec)
	if err != nil {
		return err
	}
	s.visited++
	s.stopped = !s.fn(f.rec.key, it)
	s.tx.release() // a scan may meet many large values
	return nil
}

// pending visits the keys with a hash in [from, to) that have no slot in the index, if
// that counts, so that page does not meet them.
func (s *scanner) pending(from, to uint64, base bool) error {
	for _, l := range s.tx.db.layers {
		for i := range l.table {
			e := &l.table[i]
			if e.addr&deleted != 0 || e.addr == 0 || e.hash < from || to != 0 && e.hash >= to {
				continue
			}
			fresh, err := s.fresh(e, base)
			if err == nil && fresh {
				err = s.visit(e.addr)
			}
			if err != nil || s.stopped {
				return err
			}
		}
	}
	return nil
}

// fresh tells whether an entry is what counts for its key, which layers may have several
// times, and the index has no slot for it.
func (s *scanner) fresh(e *entry, base bool) (bool, error) {
	db := s.tx.db
	r, err := db.log.load(e.addr)
	if err != nil {
		return false, err
	}
	f, err := db.locate(e.hash, r.key)
	if err != nil || f.addr != e.addr || !base {
		return err == nil && f.addr == e.addr, err
	}
	m := matcher{log: &db.log, key: r.key}
	addr, err := db.idx.find(e.hash, m.is)
	return err == nil && addr == 0, err
}

// randomTries are made to meet a live key by chance before Random looks for the first.
const randomTries = 64

// Random returns a live key, chosen about evenly; false if there is none.
func (tx *Tx) Random() (key []byte, ok bool, err error) {
	defer catch(&err)
	if tx.empty {
		return nil, false, nil
	}
	take := func(n int) func([]byte, Item) bool {
		return func(k []byte, _ Item) bool {
			key, ok = k, true
			n--
			return n >= 0
		}
	}
	// A page has some 300 keys: go to a random page and take a random one of them.
	for range randomTries {
		if _, err := tx.Scan(rand.Uint64(), 1, take(rand.IntN(slotsPerPage/2))); ok || err != nil {
			return key, ok, err
		}
	}
	_, err = tx.Scan(0, 1, take(0))
	return key, ok, err
}
