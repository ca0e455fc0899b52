package engine

import "github.com/nubdb/nubdb/engine/vfs"

const (
	prefetchFrom = 1 << 20 // bytes of index; smaller ones are in the processor's cache anyway
	prefetchMax  = 64      // keys at a time
)

// Prefetch reads ahead what look-ups of some keys, soon to follow, will need: a word of
// the directory, two lines of a page, and the record. A look-up waits for each of these
// in turn, mostly for memory; here the reads for many keys do not depend on each other,
// so the processor has several under way. It changes nothing and reports nothing.
func (tx *Tx) Prefetch(keys [][]byte) {
	if tx.empty || tx.db.idx.size < prefetchFrom || !tx.db.indexCounts() {
		return
	}
	defer catch(new(error)) // whoever needs the bytes will meet the fault again
	db := tx.db
	var hashes [prefetchMax]uint64
	n := min(len(keys), prefetchMax)
	sum := uint64(0)
	for i, key := range keys[:n] {
		hashes[i] = db.hash(key)
		sum += db.idx.touch(hashes[i])
	}
	for _, hash := range hashes[:n] {
		sum += db.touchRecord(hash)
	}
	tx.touched = sum // so that the compiler does not drop the reads
}

// touch reads the lines that a hash leads to.
func (x *index) touch(hash uint64) uint64 {
	m, off := x.peek(hash)
	if m == nil {
		return 0
	}
	both := lines(hash)
	return m.Load64(off+both[0]*lineSize) + m.Load64(off+both[1]*lineSize)
}

// touchRecord reads the beginning of the records that may be a key's.
func (db *DB) touchRecord(hash uint64) (sum uint64) {
	m, off := db.idx.peek(hash)
	if m == nil {
		return 0
	}
	tag := tagOf(hash)
	for _, line := range lines(hash) {
		for _, s := range m.Words(off+line*lineSize, slotsPerLine) {
			if slotTag(s) != tag || isEmpty(s) {
				continue
			}
			if b, err := db.log.read(slotAddr(s, db.idx.logStart)); err == nil && len(b) > 0 {
				sum += uint64(b[0])
			}
		}
	}
	return sum
}

// peek returns where the page for a hash is, nil if there is none, verifying nothing.
func (x *index) peek(hash uint64) (*vfs.Mapping, int) {
	_, page, err := x.lookup(hash)
	if page == 0 || err != nil {
		return nil, 0
	}
	m, off, err := x.chunk(page)
	if err != nil {
		return nil, 0
	}
	return m, off
}
