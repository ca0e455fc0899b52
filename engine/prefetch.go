package engine

import "github.com/nubdb/nubdb/engine/vfs"

const (
	prefetchFrom = 1 << 20 // bytes of index; smaller ones are in the processor's cache anyway
	prefetchMax  = 64      // keys at a time
)

// Prefetch reads ahead what look-ups of some keys, soon to follow, will need: a place in
// each layer, two lines of a page, and the record. A look-up waits for each of
// these in turn, mostly for memory. Here all the addresses are worked out first, and then
// read in loops that do nothing else, so the processor has many reads under way. It
// changes nothing and reports nothing.
func (tx *Tx) Prefetch(keys [][]byte) {
	if tx.empty || tx.db.idx.size < prefetchFrom || !tx.db.indexCounts() {
		return
	}
	defer catch(new(error)) // whoever needs the bytes will meet the fault again
	db := tx.db
	var all [prefetchMax]uint64
	var pages [prefetchMax]pagePlace
	var places fetch
	hashes := all[:min(len(keys), prefetchMax)]
	for i, key := range keys[:len(hashes)] {
		hashes[i] = db.hash(key)
	}
	db.top().addPlaces(&places, hashes)
	if tx.writable { // who reads asks for what is there
		hashes, tx.touched = db.known.among(hashes)
	}
	for i, hash := range hashes {
		pages[i] = db.idx.peek(hash)
		pages[i].addLines(&places, hash)
	}
	for _, l := range db.layers[:len(db.layers)-1] {
		l.addPlaces(&places, hashes)
	}
	tx.touched += places.read()
	for i, hash := range hashes {
		if addr := db.peekLayers(hash); addr != 0 {
			db.log.addRecord(&places, addr)
		} else {
			db.addRecords(&places, pages[i], hash)
		}
	}
	tx.touched += places.read()
}

// addPlaces adds the places in a layer where the entries of hashes are, or from where on.
func (l *layer) addPlaces(f *fetch, hashes []uint64) {
	if l.used == 0 {
		return
	}
	for _, hash := range hashes {
		f.add(&l.table[hash>>l.shift].addr) // the hash may be in the line before
	}
}

// peekLayers returns the address of what is probably a key's newest record, 0 if no layer
// leads there at first sight: to look further takes longer than it saves.
func (db *DB) peekLayers(hash uint64) uint64 {
	for i := len(db.layers) - 1; i >= 0; i-- {
		if l := db.layers[i]; l.used > 0 && l.table[hash>>l.shift].hash == hash {
			return l.table[hash>>l.shift].addr &^ deleted
		}
	}
	return 0
}

// prefetchFrom reads ahead the lines of the index that the keys of the next records from a
// cursor on have, unless those are known to be replaced. Of two million keys that saved a
// fifth of compaction's time.
func (tx *Tx) prefetchFrom(c cursor, records int) {
	db := tx.db
	if db.idx.size < prefetchFrom || c.seg == nil || db.log.number(c.addr) != c.seg.num {
		return
	}
	var places fetch
	b := c.seg.bytes(c.addr)
	for range min(records, prefetchMax) {
		var r record
		err := r.decode(b)
		if err != nil {
			break // whoever comes to it will see
		}
		if r.isValue() && !db.compaction.obsolete.has(db.log.geometry, c.addr) {
			hash := db.hash(r.key)
			db.idx.peek(hash).addLines(&places, hash)
		}
		b, c.addr = b[r.size:], c.addr+uint64(r.size)
	}
	tx.touched = places.read()
}

// fetch is a list of words to be read for nothing but to have them in the cache.
type fetch struct {
	words [4 * prefetchMax]*uint64
	n     int
}

func (f *fetch) add(word *uint64) {
	if f.n < len(f.words) {
		f.words[f.n] = word
		f.n++
	}
}

// read reads the words and empties the list. It returns their sum so that the compiler
// does not drop the reads.
func (f *fetch) read() (sum uint64) {
	for _, w := range f.words[:f.n] {
		sum += *w
	}
	f.n = 0
	return sum
}

// pagePlace is where a page is in memory; m is nil for none.
type pagePlace struct {
	m   *vfs.Mapping
	off int
}

// addLines adds the lines of the page that a hash leads to.
func (p pagePlace) addLines(f *fetch, hash uint64) {
	if p.m == nil {
		return
	}
	both := lines(hash)
	f.add(&p.m.Words(p.off+both[0]*lineSize, 1)[0])
	f.add(&p.m.Words(p.off+both[1]*lineSize, 1)[0])
}

// addRecords adds the beginnings of the records in files that may be a key's.
func (db *DB) addRecords(f *fetch, p pagePlace, hash uint64) {
	if p.m == nil {
		return
	}
	tag := tagOf(hash)
	for _, line := range lines(hash) {
		for _, s := range p.m.Words(p.off+line*lineSize, slotsPerLine) {
			if slotTag(s) == tag && !isEmpty(s) {
				db.log.addRecord(f, slotAddr(s, db.idx.logStart))
			}
		}
	}
}

// addRecord adds the first word of a record, if its segment is mapped already.
func (l *log) addRecord(f *fetch, addr uint64) {
	num := l.number(addr) - l.segs.first
	if addr >= l.base || num >= uint64(len(l.segs.open)) {
		return
	}
	if s := l.segs.open[num].Load(); s != nil && l.offset(addr)+8 <= s.size {
		f.add(&s.data.Words(int(l.offset(addr)), 1)[0])
	}
}

// peek returns where the page for a hash is.
func (x *index) peek(hash uint64) pagePlace {
	_, page, err := x.lookup(hash)
	if page == 0 || err != nil {
		return pagePlace{}
	}
	m, off, err := x.chunk(page)
	if err != nil {
		return pagePlace{}
	}
	return pagePlace{m, off}
}
