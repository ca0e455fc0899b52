package engine

import "math/bits"

// A layer holds, in memory, the index entries of records that are not yet known
// to be on stable storage; only when they are does an entry enter the mapped index
// (index.go). So the index never points at a record that a power cut can take
// away, and dropping a layer's entry is all that undoing a write needs.
//
// A database has one layer that takes new entries and, while an fdatasync is under
// way, those that wait for it. Reads ask the newest first, then the index.
type layer struct {
	// table is an open hash table, at most half full. A place in it comes from the top
	// bits of the hash, as the index's page does: moved to the index in the order of the
	// table, entries of one page follow each other.
	table []entry
	shift uint // 64 - log2(len(table))
	used  int
	// cleared is the address of the CLEAR that the layer begins with, if it does: then
	// nothing below it counts.
	cleared uint64
	// recovered tells that the entries come from a recovery: what the index says of their
	// keys may be anything.
	recovered bool
	// applied is how many slots of table have been moved to the index.
	applied int
	// expect is how many entries layers have had lately.
	expect int
}

// entry is what a key's newest record does to the index.
type entry struct {
	hash uint64
	// addr is the address of the record, with deleted set if it is a deletion;
	// 0 is an unused place in the table, gone one whose write was undone.
	addr uint64
	old  uint64 // the address that the layers below and the index hold for the key, 0 for none
}

const (
	deleted = 1 << 63
	gone    = deleted // a deletion without a record
)

const minLayer = 256

// find returns the entry for a key, given a function that tells whether the record
// at an address is of that key.
func (l *layer) find(hash uint64, is func(addr uint64) (bool, error)) (*entry, error) {
	if l.used == 0 {
		return nil, nil
	}
	mask := uint64(len(l.table) - 1)
	for i := hash >> l.shift; ; i = (i + 1) & mask {
		e := &l.table[i]
		if e.addr == 0 {
			return nil, nil
		}
		if e.hash != hash || e.addr == gone {
			continue
		}
		if same, err := is(e.addr &^ deleted); same || err != nil {
			return e, err
		}
	}
}

// insert adds an entry for a key that has none.
func (l *layer) insert(e entry) {
	if 2*(l.used+1) > len(l.table) {
		l.grow()
	}
	l.place(e)
	l.used++
}

func (l *layer) place(e entry) {
	mask := uint64(len(l.table) - 1)
	i := e.hash >> l.shift
	for l.table[i].addr != 0 {
		i = (i + 1) & mask
	}
	l.table[i] = e
}

// make gives the layer, which must be empty, a table of so many places, a power of two.
func (l *layer) make(places int) {
	l.table = make([]entry, places)
	l.shift = uint(bits.LeadingZeros64(uint64(places)) + 1)
}

func (l *layer) grow() {
	old := l.table
	l.make(max(minLayer, 2*len(old)))
	for _, e := range old {
		if e.addr != 0 {
			l.place(e)
		}
	}
}

// revert sets the entry with this hash and address back to what it was before; 0
// means that there was none.
func (l *layer) revert(hash, addr, before uint64) {
	mask := uint64(len(l.table) - 1)
	for i := hash >> l.shift; l.table[i].addr != 0; i = (i + 1) & mask {
		if e := &l.table[i]; e.hash == hash && e.addr == addr {
			if before == 0 {
				before = gone // the place stays taken: others may have been put behind it
			}
			e.addr = before
			return
		}
	}
}

// between calls fn for the entries with a hash from..to (0 is the end), undone ones included.
func (l *layer) between(from, to uint64, fn func(e *entry) error) error {
	if l.used == 0 {
		return nil
	}
	mask := uint64(len(l.table) - 1)
	// An entry is at its place or, if that was taken, behind it without a gap; at the
	// end of the table this goes round.
	for i, last := from>>l.shift, (to-1)>>l.shift; ; i++ {
		e := &l.table[i&mask]
		if e.addr == 0 {
			if i >= last {
				return nil
			}
			continue
		}
		round := e.hash>>l.shift > i&mask
		if e.hash < from || e.hash > to-1 || round != (i > mask) {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}

// maxSpare entries is the largest table that is kept for another layer: 6 MiB.
const maxSpare = 256 << 10

// fits tells whether the layer's table is about right for so many entries: moving it to
// the index takes time in proportion to the table.
func (l *layer) fits(entries int) bool {
	return len(l.table) <= maxSpare && len(l.table) <= 8*max(entries, minLayer)
}

// reset empties the layer for another use.
func (l *layer) reset() *layer {
	clear(l.table)
	*l = layer{table: l.table, shift: l.shift}
	return l
}
