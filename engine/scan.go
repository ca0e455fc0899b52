package engine

import (
	"math/bits"
	"math/rand/v2"
)

// Scan calls fn for live keys, in the order of their hashes, from the place cursor (0
// is the start) until count or some hundred more have been visited or fn returns false. It
// returns the place to go on from, 0 at the end and if fn returned false. A key that is
// there throughout a whole scan is visited at least once, whatever else changes between
// the calls, and within one call no key is visited twice. A value that is in a file of its
// own is not read: Value is nil, and Get has it.
func (tx *Tx) Scan(cursor uint64, count int, fn func(key []byte, it Item) bool) (next uint64, err error) {
	defer catch(&err)
	if tx.empty {
		return 0, nil
	}
	s := scanner{tx: tx, fn: fn, base: tx.db.indexCounts()}
	for {
		from := cursor
		if cursor, err = s.index(from); err == nil {
			err = s.pending(from, cursor)
		}
		if err != nil || s.stopped {
			return 0, err
		}
		if cursor == 0 || s.visited >= count {
			return cursor, nil
		}
	}
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

// span returns the range of hashes from..to (0 is the end) that a scan goes through at a
// time: a page of the index or, where the index does not count, so many that there are
// about as many keys.
func (db *DB) span(hash uint64) (from, to uint64, err error) {
	depth := uint32(max(minDepth, bits.Len64(uint64(db.c.keys)/slotsPerPage)))
	if db.indexCounts() {
		depth, _, err = db.idx.lookup(hash)
	}
	from = hash >> (64 - depth) << (64 - depth)
	return from, from + 1<<(64-depth), err
}

type scanner struct {
	tx      *Tx
	fn      func(key []byte, it Item) bool
	base    bool // the index counts
	visited int
	stopped bool
}

// index visits the keys of the index's page for a hash, and returns the first hash that
// belongs to the next page, 0 at the end.
func (s *scanner) index(hash uint64) (next uint64, err error) {
	if !s.base {
		_, next, err = s.tx.db.span(hash)
		return next, err
	}
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
		var r record
		err := db.log.load(addr, &r)
		if err != nil {
			return err
		}
		m := matcher{log: &db.log, key: r.key, rec: new(record)}
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
	var r record
	err := db.log.load(addr, &r)
	if err != nil {
		return err
	}
	var f found
	if err := db.locate(&f, db.hash(r.key), r.key); err != nil || f.addr == 0 || expired(f.rec.expire, s.tx.now) {
		return err
	}
	it := Item{Type: Type(f.rec.kind - kindValue), ExpireAt: f.rec.expire}
	if f.rec.flags&flagFile == 0 {
		it.Value = f.rec.value
	}
	s.visited++
	s.stopped = !s.fn(f.rec.key, it)
	s.tx.release() // fn may have read many large values
	return nil
}

// pending visits the keys with a hash in [from, to) that have no slot in the index, if
// that counts, so that index does not meet them; to 0 is the end.
func (s *scanner) pending(from, to uint64) error {
	for _, l := range s.tx.db.layers {
		err := l.between(from, to, func(e *entry) error {
			if e.addr&deleted != 0 || s.stopped {
				return nil
			}
			fresh, err := s.fresh(e)
			if err == nil && fresh {
				err = s.visit(e.addr)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fresh tells whether an entry is what counts for its key, which layers may have several
// times, and the index has no slot for it.
func (s *scanner) fresh(e *entry) (bool, error) {
	db := s.tx.db
	var r record
	err := db.log.load(e.addr, &r)
	if err != nil {
		return false, err
	}
	var f found
	if err := db.locate(&f, e.hash, r.key); err != nil || f.addr != e.addr || !s.base {
		return err == nil && f.addr == e.addr, err
	}
	m := matcher{log: &db.log, key: r.key, rec: new(record)}
	addr, err := db.idx.find(e.hash, m.is)
	return err == nil && addr == 0, err
}

// randomAmong keys, or a few hundred more, is how many Random chooses from.
const randomAmong = 64

// Random returns a live key, chosen about evenly; false if there is none. It takes one of
// those that follow a random place, in the order of the hashes and round the end.
func (tx *Tx) Random() (key []byte, ok bool, err error) {
	defer catch(&err)
	if tx.empty {
		return nil, false, nil
	}
	from := uint64(0)
	if tx.db.c.keys > randomAmong {
		if from, _, err = tx.db.span(rand.Uint64()); err != nil {
			return nil, false, err
		}
	}
	seen := 0
	choose := func(k []byte, _ Item) bool {
		if seen++; rand.IntN(seen) == 0 {
			key = k
		}
		return true
	}
	_, err = tx.Scan(from, randomAmong, choose)
	if err == nil && from > 0 && seen < randomAmong {
		_, err = tx.Scan(0, randomAmong-seen, choose)
	}
	return key, seen > 0 && err == nil, err
}
